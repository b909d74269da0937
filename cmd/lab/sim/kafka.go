package sim

import (
	"bytes"
	"context"
	"slices"
	"sync"
	"time"

	"stockpush/processor/stream/kafka"
	"stockpush/schemas"
)

const topics = schemas.Topics("sim")

// place is a partition of a topic.
type place struct {
	topic     string
	partition int32
}

// cluster is a set of in-memory logs.
type cluster struct {
	partitions int
	// stored is called with each message that was stored.
	stored func(*kafka.Record)

	mu sync.Mutex
	// logs have nil where compaction removed a message.
	logs map[place][]*kafka.Record
	// grown is closed and replaced whenever a log grows.
	grown     chan struct{}
	downUntil time.Time
}

func newKafka(partitions int, stored func(*kafka.Record)) *cluster {
	return &cluster{partitions: partitions, stored: stored, logs: map[place][]*kafka.Record{}, grown: make(chan struct{})}
}

// store appends a message; its offset is the log's end.
func (k *cluster) store(r kafka.Record) *kafka.Record {
	k.mu.Lock()
	defer k.mu.Unlock()
	if r.Partition == kafka.ByKey {
		r.Partition = schemas.PartitionFor(r.Key, k.partitions)
	}
	at := place{r.Topic, r.Partition}
	r.Key, r.Value = bytes.Clone(r.Key), bytes.Clone(r.Value) // its producer may reuse the memory after the acknowledgement
	r.Offset, r.Timestamp = int64(len(k.logs[at])), time.Now()
	k.logs[at] = append(k.logs[at], &r)
	close(k.grown)
	k.grown = make(chan struct{})
	k.stored(&r)
	return &r
}

// from returns the log from an offset on, and a channel that is closed when any log grows.
func (k *cluster) from(at place, offset int64) ([]*kafka.Record, <-chan struct{}) {
	k.mu.Lock()
	defer k.mu.Unlock()
	log := k.logs[at]
	return log[min(offset, int64(len(log))):], k.grown
}

func (k *cluster) end(at place) int64 {
	k.mu.Lock()
	defer k.mu.Unlock()
	return int64(len(k.logs[at]))
}

// endBefore returns where a log ended at a time.
func (k *cluster) endBefore(at place, then time.Time) int64 {
	k.mu.Lock()
	defer k.mu.Unlock()
	for i := len(k.logs[at]); i > 0; i-- {
		if r := k.logs[at][i-1]; r == nil || r.Timestamp.Before(then) {
			return int64(i)
		}
	}
	return 0
}

// compact removes every message below an offset whose key has another kept message below it. Like
// Kafka it keeps the newest.
func (k *cluster) compact(at place, below int64, oldest bool) (removed int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	head := k.logs[at][:below]
	kept := map[string]int{}
	for i, r := range head {
		if r == nil {
			continue
		}
		key := string(r.Key)
		before, seen := kept[key]
		switch {
		case !seen:
			kept[key] = i
			continue
		case oldest:
			head[i] = nil
		default:
			head[before], kept[key] = nil, i
		}
		removed++
	}
	return removed
}

// left returns a log after compaction.
func (k *cluster) left(at place) []*kafka.Record {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(k.logs[at]), func(r *kafka.Record) bool { return r == nil })
}

func (k *cluster) down(until time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.downUntil = until
}

// back returns when messages are stored again.
func (k *cluster) back() time.Time {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.downUntil
}

// history reads the logs for a worker.
type history struct {
	*cluster
	p *process
}

// Backlog implements channels.History.
func (h history) Backlog(_ context.Context, partition int32) (kafka.Backlog, error) {
	h.p.gate()
	end := h.end(place{topics.Commands(), partition})
	if h.p.w.defect == ForgetsInherited {
		return kafka.Backlog{}, nil
	}
	from, mark := h.p.w.groups[1].committedOf(partition)
	if h.p.w.defect == BelievesMarks {
		mark = "clean " + h.lastClaim(partition)
	}
	return kafka.Backlog{From: from, End: end, Mark: mark}, nil
}

// lastClaim returns the name of the owner that claimed the partition last.
func (h history) lastClaim(partition int32) (name string) {
	for _, r := range h.left(place{topics.State(), partition}) {
		if string(r.Key) == "~owner" {
			name = string(r.Value)
		}
	}
	return name
}

// States implements channels.History.
func (h history) States(_ context.Context, partition int32, from int64, take func(*kafka.Record) error) (end int64, err error) {
	h.p.gate()
	at := place{topics.State(), partition}
	end = h.end(at)
	if h.p.w.defect == ForgetsStates {
		return end, nil
	}
	for _, r := range h.left(at) {
		if r.Offset < from || r.Offset >= end {
			continue
		}
		if err := take(r); err != nil {
			return end, err
		}
	}
	return end, nil
}
