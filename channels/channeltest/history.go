package channeltest

import (
	"context"

	"stockpush/processor/stream/kafka"
)

// History is what a partition holds from before, without a broker.
type History struct {
	// From and End are where the commands begin that wait, and where they end.
	From, End int64
	// Mark is what the last owner left with its last commit.
	Mark string
	// Records are the messages of the states; each one's place is its offset.
	Records []*kafka.Record
}

// Backlog is From, End and Mark.
func (h History) Backlog(context.Context, int32) (kafka.Backlog, error) {
	return kafka.Backlog{From: h.From, End: h.End, Mark: h.Mark}, nil
}

// States gives take the records from an offset on.
func (h History) States(_ context.Context, _ int32, from int64, take func(*kafka.Record) error) (end int64, err error) {
	end = int64(len(h.Records))
	for _, r := range h.Records[min(from, end):] {
		if err := take(r); err != nil {
			return end, err
		}
	}
	return end, nil
}
