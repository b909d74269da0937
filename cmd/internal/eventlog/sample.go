package eventlog

import (
	"context"
	"errors"
	"fmt"

	"stockpush/processor/stream/kafka"
	"stockpush/schemas"
)

const (
	// sampleTotal is how many of the newest events a Sample reads at most, samplePerPartition how
	// many of a partition.
	sampleTotal        = 1200
	samplePerPartition = 100
)

// ErrMisfit says that the events in the log were produced with another partitioner than the
// configured one.
var ErrMisfit = errors.New("most events lie in another partition than kafka.partitioner says, and will be rejected as " + schemas.CodeWrongPartition)

// Sample counts how many of the newest events are where each partitioner would put them.
type Sample struct {
	// Events is how many were read; those without a store SKU's key do not count.
	Events int
	// Fitting counts by partitioner. By chance every partitioner fits some events.
	Fitting map[schemas.Partitioner]int
}

// TakeSample reads the newest events of each partition, those of this generation of the log.
func (l Log) TakeSample(ctx context.Context, c kafka.Connection, topics schemas.Topics) (Sample, error) {
	s := Sample{Fitting: map[schemas.Partitioner]int{}}
	ends, err := kafka.EndOffsets(ctx, c, topics.Events())
	if err != nil {
		return s, err
	}
	each := int64(max(1, min(samplePerPartition, sampleTotal/max(1, l.Partitions))))
	for partition, end := range ends {
		if s.Events >= sampleTotal {
			break
		}
		span := kafka.Span{Topic: topics.Events(), Partition: partition, From: max(end-each, l.begin(partition)), To: end}
		err := kafka.ReadSpan(ctx, c, span, func(r *kafka.Record) error { s.add(r, l.Partitions); return nil })
		if err != nil {
			return s, fmt.Errorf("read a sample of the events: %w", err)
		}
	}
	return s, nil
}

// begin is where this generation of the log begins in a partition.
func (l Log) begin(partition int32) int64 {
	if len(l.Earlier) == 0 {
		return 0
	}
	return l.Earlier[len(l.Earlier)-1].Ends[partition]
}

func (s *Sample) add(r *kafka.Record, partitions int) {
	if _, err := schemas.ParseKey(string(r.Key)); err != nil {
		return
	}
	s.Events++
	for _, p := range schemas.Fitting(r.Key, r.Partition, partitions) {
		s.Fitting[p]++
	}
}

// best is the partitioner that fits most events.
func (s Sample) best() schemas.Partitioner {
	best := schemas.Murmur2
	for _, p := range schemas.Partitioners() {
		if s.Fitting[p] > s.Fitting[best] {
			best = p
		}
	}
	return best
}

// Judge describes how a partitioner fits the sample. It is ErrMisfit if it does not fit most
// events, and then names the one that does.
func (s Sample) Judge(configured schemas.Partitioner) (string, error) {
	fit := s.Fitting[schemas.Partitioner(configured.String())]
	found := fmt.Sprintf("%d of the %d newest events fit kafka.partitioner %s", fit, s.Events, configured)
	best := s.best()
	switch {
	case s.Events == 0:
		return "there are no events yet", nil
	case fit == s.Events:
		return found, nil
	case 2*fit >= s.Events:
		return found + "; the others are rejected as " + schemas.CodeWrongPartition, nil
	case 2*s.Fitting[best] >= s.Events:
		return "", fmt.Errorf("%s, %d fit %s (%s): set kafka.partitioner to %s, or change the producers: %w", found, s.Fitting[best], best, best.Clients(), best, ErrMisfit)
	default:
		return "", fmt.Errorf("%s, and no other setting fits more than %d; let the producers choose the partition by the key: %w", found, s.Fitting[best], ErrMisfit)
	}
}
