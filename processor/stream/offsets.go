package stream

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
)

// StartOffsets returns for each partition the offset of the oldest message that is still there.
func StartOffsets(ctx context.Context, c Connection, topic string) (map[int32]int64, error) {
	return listOffsets(c, topic, "start offsets", func(admin *kadm.Client) (kadm.ListedOffsets, error) {
		return admin.ListStartOffsets(ctx, topic)
	})
}

// OffsetsAfter returns for each partition the offset of the first message of a time or later, or the
// partition's end if there is none.
func OffsetsAfter(ctx context.Context, c Connection, topic string, at time.Time) (map[int32]int64, error) {
	return listOffsets(c, topic, "offsets by time", func(admin *kadm.Client) (kadm.ListedOffsets, error) {
		return admin.ListOffsetsAfterMilli(ctx, at.UnixMilli(), topic)
	})
}

func listOffsets(c Connection, topic, what string, list func(*kadm.Client) (kadm.ListedOffsets, error)) (map[int32]int64, error) {
	offsets := map[int32]int64{}
	err := withAdmin(c, func(admin *kadm.Client) error {
		listed, err := list(admin)
		if err == nil {
			err = listed.Error()
		}
		listed.Each(func(o kadm.ListedOffset) { offsets[o.Partition] = o.Offset })
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("%s of %s: %w", what, topic, err)
	}
	return offsets, nil
}
