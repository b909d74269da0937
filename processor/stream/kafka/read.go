package kafka

import (
	"context"
	"fmt"
	"math"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// bounds returns a partition's first offset and its last stable one.
func bounds(ctx context.Context, admin *kadm.Client, topic string, partition int32) (start, end int64, err error) {
	starts, err := admin.ListStartOffsets(ctx, topic)
	if err != nil {
		return 0, 0, fmt.Errorf("start offset of %s: %w", topic, err)
	}
	ends, err := admin.ListCommittedOffsets(ctx, topic)
	if err != nil {
		return 0, 0, fmt.Errorf("end offset of %s: %w", topic, err)
	}
	from, _ := starts.Lookup(topic, partition)
	to, ok := ends.Lookup(topic, partition)
	if !ok {
		return 0, 0, fmt.Errorf("%s/%d: %w", topic, partition, ErrNoTopic)
	}
	if from.Err != nil {
		return 0, 0, fmt.Errorf("start offset of %s/%d: %w", topic, partition, from.Err)
	}
	return from.Offset, to.Offset, to.Err
}

// ReadPartition calls take for every committed message that the partition has at the time of the
// call, in order.
func ReadPartition(ctx context.Context, c Connection, topic string, partition int32, take func(*Record) error) error {
	_, err := ReadFrom(ctx, c, Place{topic, partition, 0}, take)
	return err
}

// Place is a place in a log.
type Place struct {
	Topic     string
	Partition int32
	Offset    int64
}

// Span is a range of a partition's offsets, without To.
type Span struct {
	Topic     string
	Partition int32
	From, To  int64
}

// ReadFrom is ReadPartition from an offset, or from the first message that is still there. It
// returns the offset at which it ended.
func ReadFrom(ctx context.Context, c Connection, from Place, take func(*Record) error) (end int64, err error) {
	return readSpan(ctx, c, Span{from.Topic, from.Partition, from.Offset, math.MaxInt64}, take)
}

// ReadSpan calls take for every message of a span that is still there, in order.
func ReadSpan(ctx context.Context, c Connection, of Span, take func(*Record) error) error {
	_, err := readSpan(ctx, c, of, take)
	return err
}

// readSpan reads what is there of a span, up to the log's end at the time of the call, and returns
// where it ended. It skips unreadable batches.
func readSpan(ctx context.Context, c Connection, of Span, take func(*Record) error) (end int64, err error) {
	err = withClient(c, func(client *kgo.Client) error {
		var first int64
		if first, end, err = bounds(ctx, kadm.NewClient(client), of.Topic, of.Partition); err != nil {
			return err
		}
		unpack, err := NewUnpacker()
		if err != nil {
			return err
		}
		log := NewLogReader(client, unpack, of.Topic, of.Partition, ReadMaxBytes)
		of.From, of.To = max(first, of.From), min(end, of.To)
		return c.readAll(ctx, log, of, take)
	})
	return end, err
}

// readAll reads a span that lies within the log.
func (c Connection) readAll(ctx context.Context, log *LogReader, of Span, take func(*Record) error) error {
	for at := of.From; at < of.To; {
		got, err := log.Fetch(ctx, at)
		if err != nil {
			return fmt.Errorf("read %s/%d: %w", of.Topic, of.Partition, err)
		}
		for _, r := range got.Records {
			if r.Offset >= of.To {
				return nil
			}
			if err := take(r); err != nil {
				return err
			}
		}
		if got.Unreadable != nil {
			c.unreadable(Span{of.Topic, of.Partition, at, got.Next}, got.Unreadable)
		}
		if got.Next == at {
			return nil // compaction left nothing up to the end
		}
		at = got.Next
	}
	return nil
}

func (c Connection) unreadable(of Span, cause error) {
	switch {
	case c.Unreadable != nil:
		c.Unreadable(of, cause)
	case c.Logger != nil:
		c.Logger.Error("messages cannot be read, they are skipped", "topic", of.Topic, "partition", of.Partition,
			"first_offset", of.From, "last_offset", of.To-1, "error", cause)
	}
}

// Backlog is the part of a partition's log that a group has not read.
type Backlog struct {
	// From is the first offset that a member will get, and End the partition's last stable
	// offset. They are equal if there is no backlog.
	From, End int64
	// Mark is the text of Assignment.Mark in the last commit. Without one it is a text of the
	// client's.
	Mark string
}

// ReadBacklog reads a group's backlog of a partition.
func ReadBacklog(ctx context.Context, c Connection, group string, of Place) (b Backlog, err error) {
	err = withAdmin(c, func(admin *kadm.Client) error {
		committed, err := committedOf(ctx, admin, group)
		if err != nil {
			return err
		}
		if b.From, b.End, err = bounds(ctx, admin, of.Topic, of.Partition); err != nil {
			return err
		}
		if at, ok := committed.Lookup(of.Topic, of.Partition); ok {
			b.From, b.Mark = max(b.From, at.At), at.Metadata
		}
		return nil
	})
	return b, err
}
