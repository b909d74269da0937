package demo

import (
	"context"

	"stockpush/processor/stream/kafka"
)

// eventsTopic counts all events in the topic: the demo's own, and those that users re-pushed or
// produced.
type eventsTopic struct {
	conn kafka.Connection
	name string
}

// end returns how many events the topic ever had.
func (t eventsTopic) end(ctx context.Context) (int, error) {
	ends, err := kafka.EndOffsets(ctx, t.conn, t.name)
	if err != nil {
		return 0, err
	}
	var sum int64
	for _, end := range ends {
		sum += end
	}
	return int(sum), nil
}

// since returns a function that counts the events added after "before".
func (t eventsTopic) since(before int) func(context.Context) (int, error) {
	return func(ctx context.Context) (int, error) {
		end, err := t.end(ctx)
		return end - before, err
	}
}
