package wire_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"stockpush/schemas"
	"stockpush/schemas/wire"
)

// chained is an event of a chain, and what it is in it.
type chained struct {
	event schemas.Event
	role  wire.Role
	at    time.Time
}

func packed(e *schemas.Event) *wire.PackedEvent {
	var p wire.PackedEvent
	p.Pack(e)
	return &p
}

// someLinks returns a link of each kind; e superseded their events.
func someLinks(e *schemas.Event) (links []byte) {
	other := *e
	other.LocationID = "elsewhere"
	for role := wire.RoleSkipped; role <= wire.RoleWaits; role++ {
		links = wire.AppendLink(links, wire.Link{Event: packed(&other), Next: packed(e), Role: role, At: time.UnixMilli(5)})
		links = wire.AppendLink(links, wire.Link{Event: packed(e), Next: packed(e), Role: role})
	}
	return links
}

// drawChain draws the events of a window, the newest one last. Listings change now and then.
func drawChain(t *rapid.T) (chain []chained) {
	first := drawEvent(t)
	for range rapid.IntRange(0, 8).Draw(t, "links") {
		e := drawEvent(t)
		e.Key = first.Key
		if rapid.IntRange(0, 3).Draw(t, "listing") > 0 {
			e.MerchantSKU, e.ItemID, e.ModelID, e.LocationID = first.MerchantSKU, first.ItemID, first.ModelID, first.LocationID
			e.Position.LogID, e.Position.Partition = first.Position.LogID, first.Position.Partition
		}
		role := wire.Role(rapid.IntRange(0, int(wire.RoleWaits)).Draw(t, "role"))
		c := chained{event: e, role: role, at: time.UnixMilli(rapid.Int64Range(1, 4e12).Draw(t, "at")).UTC()}
		if role == wire.RoleWaits {
			c.at = time.Time{}
		}
		chain = append(chain, c)
	}
	return append(chain, chained{event: first})
}

// appendChain writes a chain, and wants are the records that it stands for.
func appendChain(t require.TestingT, b []byte, chain []chained, queuedAt time.Time) (message []byte, wants []schemas.Record) {
	var offsets []int64
	last := len(chain) - 1
	newest := chain[last].event
	if !queuedAt.IsZero() {
		pending := schemas.RecordOf(newest, schemas.Pending)
		pending.QueuedAt = queuedAt
		wants = append(wants, pending)
	}
	var links []byte
	for i, c := range chain[:last] {
		next := chain[i+1+slices.IndexFunc(chain[i+1:], func(c chained) bool { return c.role != wire.RoleLost })].event
		links = wire.AppendLink(links, wire.Link{Event: packed(&c.event), Next: packed(&next), Role: c.role, At: c.at})
		if c.role != wire.RoleWaits {
			skipped := schemas.RecordOf(c.event, schemas.Skipped)
			skipped.SupersededBy, skipped.SupersededByOffset, skipped.FinishedAt = next.EventID, next.Position.Offset, c.at
			wants = slices.Insert(wants, len(wants)-len(offsets), skipped)
			offsets = append(offsets, c.event.Position.Offset)
		}
	}
	require.Equal(t, offsets, wire.AppendLinkOffsets(nil, links))
	return wire.AppendChain(b, wire.Chain{Newest: wire.PackEvent(nil, &newest), QueuedAt: queuedAt, Links: links}), wants
}

func TestChainsSurviveTheWire(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		message := wire.BeginRecords(nil)
		var want, got []schemas.Record
		for range rapid.IntRange(1, 3).Draw(t, "chains") {
			chain := drawChain(t)
			message = wire.AppendRecordsKey(message, chain[0].event.Key.String())
			queuedAt := rapid.SampledFrom([]time.Time{{}, time.UnixMilli(9).UTC()}).Draw(t, "queued")
			var records []schemas.Record
			message, records = appendChain(t, message, chain, queuedAt)
			want = append(want, records...)
		}
		require.NoError(t, wire.DecodeRecords(message, func(r *schemas.Record) error { got = append(got, *r); return nil }))
		require.Equal(t, want, got)
	})
}

func TestADamagedChainIsAnErrorOrRecords(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		chain := drawChain(t)
		message, _ := appendChain(t, wire.AppendRecordsHeader(nil, chain[0].event.Key), chain, time.UnixMilli(9))
		for range rapid.IntRange(1, 5).Draw(t, "damages") {
			message[rapid.IntRange(1, len(message)-1).Draw(t, "at")] = rapid.Byte().Draw(t, "byte")
		}
		message = message[:rapid.IntRange(0, len(message)).Draw(t, "cut")]
		_ = wire.DecodeRecords(message, func(r *schemas.Record) error {
			require.True(t, r.Reason.Valid())
			require.NotEmpty(t, r.Status.String())
			require.False(t, r.Position.IsZero())
			return nil
		})
	})
}

func TestALinkRepeatsNoListing(t *testing.T) {
	e := schemas.Event{EventID: "e-1", Reason: schemas.SyncOrder, MerchantSKU: "merchant", LocationID: "here", ItemID: 7, ModelID: 8, Position: schemas.Position{LogID: 1, Offset: 4}}
	moved := e
	moved.LocationID = "there"
	link := func(next *schemas.Event) string {
		return string(wire.AppendLink(nil, wire.Link{Event: packed(&e), Next: packed(next), At: time.UnixMilli(5)}))
	}
	require.NotContains(t, link(&e), "merchant")
	require.Contains(t, link(&e), "e-1")
	require.Contains(t, link(&moved), "merchant")
	require.Contains(t, link(&moved), "here")
}

func TestWhatIsNoChainIsAnError(t *testing.T) {
	e := schemas.Event{EventID: "e", Reason: schemas.SyncOrder, Key: schemas.Key{Channel: "shopee", ShopID: 1, StoreSKU: "s"}, RepeatsOffset: schemas.NoOffset, Position: schemas.Position{LogID: 1}}
	nothing := schemas.Event{}
	header := wire.AppendRecordsHeader(nil, e.Key)
	newest := wire.PackEvent(nil, &e)
	link := func(l wire.Link) wire.Chain {
		l.Next = packed(&e)
		return wire.Chain{Newest: newest, Links: wire.AppendLink(nil, l)}
	}
	for name, message := range map[string][]byte{
		"without a key":          wire.AppendChain(wire.BeginRecords(nil), wire.Chain{Newest: newest}),
		"without a newest event": wire.AppendChain(header, wire.Chain{}),
		"a link of no event":     wire.AppendChain(header, link(wire.Link{Event: packed(&nothing)})),
		"a role that is unknown": wire.AppendChain(header, link(wire.Link{Event: packed(&e), Role: wire.RoleWaits + 1})),
		"cut":                    wire.AppendChain(header, wire.Chain{Newest: newest, Links: []byte{3<<3 | 2, 200}}),
	} {
		t.Run(name, func(t *testing.T) {
			require.Error(t, wire.DecodeRecords(message, func(*schemas.Record) error { return nil }))
		})
	}
}
