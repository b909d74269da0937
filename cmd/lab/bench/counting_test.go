package bench

import (
	"context"
	"sync"

	"stockpush/processor/stream"
)

// counting reports a stage's progress to a benchmark.
type counting struct {
	stream.Handler
	// ready is closed when the stage has its partitions.
	ready <-chan struct{}

	mu  sync.Mutex
	all []*stream.Assignment
}

func (c *counting) Run(ctx context.Context, a *stream.Assignment) error {
	c.mu.Lock()
	c.all = append(c.all, a)
	c.mu.Unlock()
	return c.Handler.Run(ctx, a)
}

// resolved returns the number of committable offsets of all partitions.
func (c *counting) resolved() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	var n int64
	for _, a := range c.all {
		if at, ok := a.Committable(); ok {
			n += at.Offset
		}
	}
	return n
}
