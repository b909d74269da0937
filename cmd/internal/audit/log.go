package audit

import (
	"context"
	"fmt"
	"maps"

	"stockpush/processor/stream/kafka"
	"stockpush/schemas"
	"stockpush/schemas/wire"
)

// view is the content of the topics: all states, and each store SKU's newest command that the
// workers have not committed. It can be updated.
type view struct {
	conn   kafka.Connection
	topics schemas.Topics
	// wants selects the shops to keep.
	wants func(shop int64) bool
	// storeSKU is the store SKU to compare; empty means all. Others are read too, because they may
	// name the same model.
	storeSKU string
	// partitions is the number of partitions of the commands topic.
	partitions int
	states     map[schemas.Shop]map[schemas.Key]*schemas.State
	newest     map[schemas.Shop]map[schemas.Key]schemas.Event
	// stateAt and commandAt are the next offsets to read, by partition.
	stateAt, commandAt map[int32]int64
}

func newView(ctx context.Context, d Deps, wants func(shop int64) bool) (*view, error) {
	committed, err := kafka.Committed(ctx, d.Connection, d.Topics.ChannelsGroup(), d.Topics.Commands())
	if err != nil {
		return nil, err
	}
	info, err := kafka.Describe(ctx, d.Connection, d.Topics.Commands())
	if err != nil {
		return nil, err
	}
	v := &view{
		conn: d.Connection, topics: d.Topics, wants: wants, partitions: info.Partitions, states: map[schemas.Shop]map[schemas.Key]*schemas.State{},
		newest: map[schemas.Shop]map[schemas.Key]schemas.Event{}, stateAt: map[int32]int64{}, commandAt: committed,
	}
	for partition := range int32(info.Partitions) {
		if err := v.update(ctx, partition); err != nil {
			return nil, err
		}
	}
	return v, nil
}

// updateShop reads what was added for a shop.
func (v *view) updateShop(ctx context.Context, shop schemas.Shop) error {
	return v.update(ctx, schemas.PartitionFor([]byte(shop.String()), v.partitions))
}

// update reads what was added to a partition. Commands are read first: a command that is finished
// in between shows in the state that is read after it.
func (v *view) update(ctx context.Context, partition int32) error {
	if err := v.read(ctx, kafka.Place{Topic: v.topics.Commands(), Partition: partition}, v.commandAt, v.takeCommand); err != nil {
		return err
	}
	return v.read(ctx, kafka.Place{Topic: v.topics.State(), Partition: partition}, v.stateAt, v.takeState)
}

func (v *view) read(ctx context.Context, from kafka.Place, at map[int32]int64, take func(*kafka.Record) error) error {
	from.Offset = at[from.Partition]
	end, err := kafka.ReadFrom(ctx, v.conn, from, take)
	if err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	at[from.Partition] = end
	return nil
}

func (v *view) takeCommand(r *kafka.Record) error {
	c, err := wire.DecodeCommand(r.Value)
	if err != nil || !v.wants(c.Key.ShopID) {
		return nil // the worker dead-letters what cannot be decoded
	}
	newest := v.newest[c.Key.Shop()]
	if newest == nil {
		newest = map[schemas.Key]schemas.Event{}
		v.newest[c.Key.Shop()] = newest
	}
	if c.Position.Newer(newest[c.Key].Position) {
		newest[c.Key] = schemas.Event{Position: c.Position, ItemID: c.ItemID, ModelID: c.ModelID, LocationID: c.LocationID}
	}
	return nil
}

func (v *view) takeState(r *kafka.Record) error {
	if _, err := schemas.ParseKey(string(r.Key)); err != nil {
		return nil // a record about the log itself
	}
	s, err := wire.DecodeState(r.Value)
	if err != nil || !v.wants(s.Key.ShopID) {
		return nil // the worker dead-letters what cannot be decoded
	}
	states := v.states[s.Key.Shop()]
	if states == nil {
		states = map[schemas.Key]*schemas.State{}
		v.states[s.Key.Shop()] = states
	}
	if before := states[s.Key]; before == nil || !before.Finished.Position.Newer(s.Finished.Position) {
		states[s.Key] = &s // otherwise a worker that lost its partition wrote it late
	}
	return nil
}

// expected returns the store SKUs of a shop that can be compared.
func (v *view) expected(shop schemas.Shop) map[schemas.Key]*schemas.State {
	moving := moves{keys: map[schemas.Key]bool{}, places: map[place]bool{}}
	for key, e := range v.newest[shop] {
		if s := v.states[shop][key]; s == nil || e.Position.Newer(s.Finished.Position) {
			moving.keys[key], moving.places[placeOf(&e)] = true, true
		}
	}
	standing := expected(v.states[shop], moving)
	maps.DeleteFunc(standing, func(key schemas.Key, _ *schemas.State) bool { return !v.compares(key) })
	return standing
}

func (v *view) compares(key schemas.Key) bool { return v.storeSKU == "" || key.StoreSKU == v.storeSKU }

// wanted returns how many store SKUs of a shop are to be compared.
func (v *view) wanted(shop schemas.Shop) (n int) {
	for key := range v.states[shop] {
		if v.compares(key) {
			n++
		}
	}
	return n
}
