package service

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"stockpush/processor/stream"
	"stockpush/sinks/clickhouse"
)

// housekeepingInterval is how often records are trimmed and statistics frozen.
const housekeepingInterval = 10 * time.Minute

// housekeeping runs the jobs of the store and the promotions' refresh in the sink that owns
// partition 0 of the records topic. So one process at a time runs them, without further
// coordination.
type housekeeping struct {
	stream.Handler
	topic string
	store *clickhouse.Store
	log   *slog.Logger
	// refresh runs until its context ends. It may be nil.
	refresh func(context.Context)
}

// Run runs the handler, and the jobs beside it for partition 0.
func (h housekeeping) Run(ctx context.Context, a *stream.Assignment) error {
	if a.Topic() != h.topic || a.Partition() != 0 {
		return h.Handler.Run(ctx, a)
	}
	jobs, cancel := context.WithCancel(ctx)
	var work sync.WaitGroup
	work.Go(func() { h.keep(jobs) })
	if h.refresh != nil {
		work.Go(func() { h.refresh(jobs) })
	}
	defer work.Wait()
	defer cancel()
	return h.Handler.Run(ctx, a)
}

func (h housekeeping) keep(ctx context.Context) {
	ticker := time.NewTicker(housekeepingInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		for _, job := range []func(context.Context) error{h.store.Trim, h.store.Freeze} {
			if err := job(ctx); err != nil && ctx.Err() == nil {
				h.log.Warn("housekeeping failed, retrying later", "error", err)
			}
		}
	}
}
