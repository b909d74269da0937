package service

import (
	"context"
	"errors"
	"slices"
	"time"

	"stockpush/cmd/internal/eventlog"
	"stockpush/cmd/internal/hint"
	"stockpush/cmd/internal/setup"
	"stockpush/processor"
	"stockpush/processor/stream"
)

// currentLog waits for Kafka until ctx ends; what waiting does not mend is an error at once.
func (p *process) currentLog(ctx context.Context) (eventlog.Log, error) {
	return stream.Patiently(ctx, p.log, func() (eventlog.Log, error) {
		log, err := eventlog.Current(ctx, p.conn, p.topics)
		return log, hint.Kafka(p.cfg.Kafka, err) // here, so that it is told while it waits, too
	})
}

// checkTopics refuses topics that would lose data, for the roles that cannot do without Kafka.
func (p *process) checkTopics(ctx context.Context, roles []string) error {
	if slices.Equal(roles, []string{Console}) {
		return nil
	}
	_, err := stream.Patiently(ctx, p.log, func() (struct{}, error) {
		return struct{}{}, hint.Kafka(p.cfg.Kafka, setup.CheckTopics(ctx, p.conn, p.cfg.Kafka, p.log))
	})
	return err
}

// describe is stream.Describe that waits for Kafka.
func (p *process) describe(ctx context.Context, topic string) (stream.TopicInfo, error) {
	return stream.Patiently(ctx, p.log, func() (stream.TopicInfo, error) { return stream.Describe(ctx, p.conn, topic) })
}

// sameLog says what is wrong if the events topic is not the log any more; it too
// waits for Kafka until ctx ends.
func (p *process) sameLog(ctx context.Context, log eventlog.Log) error {
	_, err := stream.Patiently(ctx, p.log, func() (struct{}, error) { return struct{}{}, log.Verify(ctx, p.conn, p.topics) })
	return err
}

// logLookInterval is how often a process looks whether the events topic is still
// the one whose offsets it compares.
const logLookInterval = 5 * time.Second

// watchLog returns ErrChanged once the events topic was made anew or got more
// partitions, and nil when ctx ends.
func (p *process) watchLog(ctx context.Context, log eventlog.Log) error {
	ticker := time.NewTicker(logLookInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		if err := log.Verify(ctx, p.conn, p.topics); errors.Is(err, eventlog.ErrChanged) {
			return err
		}
	}
}

func earlier(log eventlog.Log) []processor.Layout {
	layouts := make([]processor.Layout, len(log.Earlier))
	for i, l := range log.Earlier {
		layouts[i] = processor.Layout{ID: l.ID, Partitions: l.Partitions, Partitioner: l.Partitioner, Ends: l.Ends}
	}
	return layouts
}
