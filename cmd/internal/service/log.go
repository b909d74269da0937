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
	"stockpush/processor/stream/kafka"
)

// currentLog waits for Kafka until ctx ends. Errors that waiting does not resolve are returned at
// once.
func (p *process) currentLog(ctx context.Context) (eventlog.Log, error) {
	return kafka.Retry(ctx, p.log, func() (eventlog.Log, error) {
		log, err := eventlog.Current(ctx, p.conn, p.topics)
		return log, hint.Kafka(p.cfg.Kafka, err) // added here so that the waiting is logged with the hint
	})
}

// checkTopics refuses topics that would lose data, if one of the roles needs Kafka.
func (p *process) checkTopics(ctx context.Context, roles []string) error {
	if slices.Equal(roles, []string{Console}) {
		return nil
	}
	_, err := kafka.Retry(ctx, p.log, func() (struct{}, error) {
		return struct{}{}, hint.Kafka(p.cfg.Kafka, setup.CheckTopics(ctx, p.conn, p.cfg.Kafka, p.log))
	})
	return err
}

// describe is stream.Describe that waits for Kafka.
func (p *process) describe(ctx context.Context, topic string) (kafka.TopicInfo, error) {
	return kafka.Retry(ctx, p.log, func() (kafka.TopicInfo, error) { return kafka.Describe(ctx, p.conn, topic) })
}

// sameLog returns an error if the events topic is no longer the declared log. It waits for Kafka
// until ctx ends.
func (p *process) sameLog(ctx context.Context, log eventlog.Log) error {
	_, err := kafka.Retry(ctx, p.log, func() (struct{}, error) { return struct{}{}, log.Verify(ctx, p.conn, p.topics) })
	return err
}

// logLookInterval is how often a process checks that the events topic is still the declared log.
const logLookInterval = 5 * time.Second

// watchLog returns ErrChanged once the events topic is recreated or gets more partitions, and nil
// when ctx ends.
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
