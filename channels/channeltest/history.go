package channeltest

import (
	"context"

	"stockpush/processor/stream"
)

// History is what a partition holds from before, without a broker.
type History struct {
	// End is where the commands end.
	End int64
	// Records are the messages of the states.
	Records []*stream.Record
}

// EndOffset is End.
func (h History) EndOffset(context.Context, int32) (int64, error) { return h.End, nil }

// States gives take the records.
func (h History) States(_ context.Context, _ int32, take func(*stream.Record) error) error {
	for _, r := range h.Records {
		if err := take(r); err != nil {
			return err
		}
	}
	return nil
}
