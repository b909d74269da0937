package stream

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
)

// Backlog is what of a partition waits for a group's member.
type Backlog struct {
	// From is the offset of the first record that the member gets, End the partition's
	// last stable offset, below which nothing more is added. They are equal if nothing waits.
	From, End int64
	// Mark is the last committed one of Assignment.Mark; where none was given it is
	// some text of the client's.
	Mark string
}

// ReadBacklog asks what of a partition waits for a group.
func ReadBacklog(ctx context.Context, c Connection, group string, of Place) (b Backlog, err error) {
	err = withAdmin(c, func(admin *kadm.Client) error {
		committed, err := admin.FetchOffsets(ctx, group)
		if err != nil && !errors.Is(err, kerr.GroupIDNotFound) {
			return fmt.Errorf("committed offsets of group %s: %w", group, err)
		}
		if b.From, b.End, err = boundsBy(ctx, admin, of.Topic, of.Partition); err != nil {
			return err
		}
		if at, ok := committed.Lookup(of.Topic, of.Partition); ok {
			b.From, b.Mark = max(b.From, at.At), at.Metadata
		}
		return nil
	})
	return b, err
}
