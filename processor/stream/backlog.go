package stream

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
)

// Backlog is the part of a partition's log that a group has not read.
type Backlog struct {
	// From is the first offset that a member will get, and End the partition's last stable
	// offset. They are equal if there is no backlog.
	From, End int64
	// Mark is the text of Assignment.Mark in the last commit. Without one it is a text of the
	// client's.
	Mark string
}

// ReadBacklog reads a group's backlog of a partition.
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
