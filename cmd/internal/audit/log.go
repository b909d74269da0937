package audit

import (
	"context"
	"fmt"

	"stockpush/processor/stream"
	"stockpush/schemas"
)

// view is what the topics say: the states, and the newest command of each store
// SKU that the workers have not committed. It can be brought up to date.
type view struct {
	conn   stream.Connection
	topics schemas.Topics
	states map[schemas.Key]*schemas.State
	newest map[schemas.Key]schemas.Position
	// stateAt and commandAt are where reading goes on, by partition.
	stateAt, commandAt map[int32]int64
}

func newView(ctx context.Context, conn stream.Connection, topics schemas.Topics) (*view, error) {
	committed, err := stream.Committed(ctx, conn, topics.ChannelsGroup(), topics.Commands())
	if err != nil {
		return nil, err
	}
	v := &view{
		conn: conn, topics: topics, states: map[schemas.Key]*schemas.State{}, newest: map[schemas.Key]schemas.Position{},
		stateAt: map[int32]int64{}, commandAt: committed,
	}
	return v, v.update(ctx)
}

// update reads what came since. Commands first: one that is finished in between
// is in the state that is read after it.
func (v *view) update(ctx context.Context) error {
	info, err := stream.Describe(ctx, v.conn, v.topics.State())
	if err != nil {
		return err
	}
	for partition := range int32(info.Partitions) {
		if err := v.read(ctx, stream.Place{Topic: v.topics.Commands(), Partition: partition}, v.commandAt, v.takeCommand); err != nil {
			return err
		}
		if err := v.read(ctx, stream.Place{Topic: v.topics.State(), Partition: partition}, v.stateAt, v.takeState); err != nil {
			return err
		}
	}
	return nil
}

func (v *view) read(ctx context.Context, from stream.Place, at map[int32]int64, take func(*stream.Record) error) error {
	from.Offset = at[from.Partition]
	end, err := stream.ReadFrom(ctx, v.conn, from, take)
	if err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	at[from.Partition] = end
	return nil
}

func (v *view) takeCommand(r *stream.Record) error {
	c, err := schemas.DecodeCommand(r.Value)
	if err == nil && c.Position.Newer(v.newest[c.Key]) {
		v.newest[c.Key] = c.Position
	}
	return nil // what cannot be read is the worker's to put aside
}

// waits says whether a store SKU has a command that is not finished.
func (v *view) waits(key schemas.Key) bool {
	return v.newest[key].Newer(v.states[key].Finished.Position)
}

func (v *view) takeState(r *stream.Record) error {
	if _, err := schemas.ParseKey(string(r.Key)); err != nil {
		return nil // what is kept of the log itself
	}
	if s, err := schemas.DecodeState(r.Value); err == nil && (v.states[s.Key] == nil || !s.Stale(v.states[s.Key])) {
		v.states[s.Key] = &s
	}
	return nil // what cannot be read is the worker's to put aside
}
