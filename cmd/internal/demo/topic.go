package demo

import (
	"context"

	"stockpush/processor/stream"
)

// eventsTopic counts events where all of them are: those of the show, and what
// somebody re-pushed or produced beside it.
type eventsTopic struct {
	conn stream.Connection
	name string
}

// end is how many events were ever in the topic.
func (t eventsTopic) end(ctx context.Context) (int, error) {
	ends, err := stream.EndOffsets(ctx, t.conn, t.name)
	if err != nil {
		return 0, err
	}
	var sum int64
	for _, end := range ends {
		sum += end
	}
	return int(sum), nil
}

// since tells how many events came since there were so many.
func (t eventsTopic) since(before int) func(context.Context) (int, error) {
	return func(ctx context.Context) (int, error) {
		end, err := t.end(ctx)
		return end - before, err
	}
}
