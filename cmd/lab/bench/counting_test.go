package bench

import (
	"context"
	"sync"

	"stockpush/processor/stream"
)

// counting lets a benchmark see how far a stage has come.
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

// resolved is how many offsets are committable in all partitions, from 0 on.
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
