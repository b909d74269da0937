package audit

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockpush/channels"
	"stockpush/channels/channeltest"
	"stockpush/cmd/internal/embedded/embeddedtest"
	"stockpush/processor/stream/kafka"
	"stockpush/schemas"
	"stockpush/schemas/schemastest"
)

const (
	logID      = 3
	partitions = 4
)

var (
	morning = time.Date(2026, 11, 25, 8, 0, 0, 0, time.UTC)
	topics  = schemas.Topics("a")
)

func event(shop int64, sku string, offset, qty int64) schemas.Event {
	return schemas.Event{
		EventID: fmt.Sprintf("%s@%d", sku, offset), Reason: schemas.StockCount, Key: schemas.Key{Channel: "shopee", ShopID: shop, StoreSKU: sku},
		ItemID: 1, ModelID: 1, Available: qty, RepeatsOffset: schemas.NoOffset, Position: schemas.Position{LogID: logID, Partition: 2, Offset: offset},
		OccurredAt: morning, TriggeredAt: morning,
	}
}

// pushed returns the state of a store SKU whose newest event was pushed.
func pushed(e schemas.Event) *schemas.State {
	r := schemas.RecordOf(e, schemas.Successfully)
	r.AfterQty, r.FinishedAt = &e.Available, morning.Add(time.Duration(e.Position.Offset)*time.Second)
	return &schemas.State{Key: e.Key, Newest: e, Finished: r}
}

func TestOnlySettledStoreSKUsAreCompared(t *testing.T) {
	failed := pushed(event(1, "failed", 5, 9))
	failed.Finished.Status = schemas.Failed
	readBack := pushed(event(1, "readBack", 5, 9))
	readBack.Readback = &schemas.Readback{ItemID: 1, ModelID: 1}
	shadow := pushed(event(1, "shadow", 5, 9))
	shadow.Readback, shadow.Finished.AfterQty = &schemas.Readback{ItemID: 1, ModelID: 1}, nil
	ahead := pushed(event(1, "ahead", 5, 9))
	ahead.Newest = event(1, "ahead", 6, 10)
	elsewhere := pushed(event(1, "elsewhere", 7, 9))
	elsewhere.Newest.ModelID, elsewhere.Finished.ModelID = 2, 2
	early, late := pushed(event(1, "early", 5, 9)), pushed(event(1, "late", 6, 8))
	for name, c := range map[string]struct {
		states []*schemas.State
		moving moves
		want   []string
	}{
		"pushed":              {[]*schemas.State{early}, moves{}, []string{"early"}},
		"failed":              {[]*schemas.State{failed}, moves{}, nil},
		"a pending read-back": {[]*schemas.State{readBack}, moves{}, nil},
		"a shadow's, a read-back waits for its end": {[]*schemas.State{shadow}, moves{}, []string{"shadow"}},
		"a newer event":                                  {[]*schemas.State{ahead}, moves{}, nil},
		"a pending command":                              {[]*schemas.State{early}, moves{keys: map[schemas.Key]bool{early.Key: true}}, nil},
		"two of one model: the last one pushed":          {[]*schemas.State{late, early}, moves{}, []string{"late"}},
		"two of one model, one failed":                   {[]*schemas.State{failed, early}, moves{}, []string{"early"}},
		"two of one model, one with a push under way":    {[]*schemas.State{early, ahead}, moves{}, nil},
		"two of one model, one with a pending read-back": {[]*schemas.State{late, readBack}, moves{}, nil},
		"two of two models":                              {[]*schemas.State{early, elsewhere}, moves{}, []string{"early", "elsewhere"}},
		"a new store SKU's push to a model is under way": {[]*schemas.State{early, elsewhere}, moves{places: map[place]bool{{1, 1, ""}: true}}, []string{"elsewhere"}},
	} {
		t.Run(name, func(t *testing.T) {
			states := map[schemas.Key]*schemas.State{}
			for _, s := range c.states {
				states[s.Key] = s
			}
			var got []string
			for key := range expected(states, c.moving) {
				got = append(got, key.StoreSKU)
			}
			slices.Sort(got)
			require.Equal(t, c.want, got)
		})
	}
}

// world is a Kafka log and a marketplace.
type world struct {
	channeltest.Authorized
	t        *testing.T
	conn     kafka.Connection
	producer *kafka.ClusterProducer

	mu sync.Mutex
	// shown are the stocks by shop and item; each item has the model 1.
	shown map[[2]int64]int64
	reads [][2]int64
	// before runs before each read and may answer instead.
	before func(shop, item int64, n int) *channels.Verdict
	// keep is Deps.Keep.
	keep func(context.Context, Checked) error
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, conn: kafka.Connection{Brokers: []string{embeddedtest.StartBroker(t).Addr()}, ClientID: "t"}, shown: map[[2]int64]int64{}}
	require.NoError(t, kafka.CreateTopics(t.Context(), w.conn, topics.Specs(partitions), 1))
	var err error
	w.producer, err = kafka.NewProducer(w.conn, kafka.DefaultBatchBytes)
	require.NoError(t, err)
	t.Cleanup(w.producer.Close)
	return w
}

func (w *world) produce(topic string, e *schemas.Event, value []byte) {
	partition := schemas.PartitionFor([]byte(e.Key.Shop().String()), partitions)
	produced := make(chan error, 1)
	w.producer.Produce(w.t.Context(), &kafka.Record{Topic: topic, Partition: partition, Key: []byte(e.Key.String()), Value: value}, func(err error) { produced <- err })
	require.NoError(w.t, <-produced)
}

// push adds a store SKU that was pushed and for which Shopee shows the given quantity.
func (w *world) push(e schemas.Event, shown int64) {
	w.produce(topics.State(), &e, schemastest.AppendState(nil, pushed(e)))
	w.mu.Lock()
	defer w.mu.Unlock()
	w.shown[[2]int64{e.Key.ShopID, e.ItemID}] = shown
}

func (w *world) command(e schemas.Event) {
	w.produce(topics.Commands(), &e, schemastest.AppendCommand(nil, &schemas.Command{Event: e, QueuedAt: morning}))
}

// Push fails the test: an audit never pushes.
func (w *world) Push(context.Context, channels.Call) channels.Answer { panic("an audit pushed") }

// MaxLines implements channels.Channel.
func (w *world) MaxLines() int { return 1 }

func (w *world) Read(_ context.Context, shop, item int64) ([]channels.ModelStock, channels.Verdict) {
	w.mu.Lock()
	w.reads = append(w.reads, [2]int64{shop, item})
	n, before := len(w.reads), w.before
	w.mu.Unlock()
	if before != nil {
		if v := before(shop, item, n); v != nil {
			return nil, *v
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return []channels.ModelStock{{ModelID: 1, Qty: w.shown[[2]int64{shop, item}]}}, channels.Verdict{Outcome: channels.Confirmed}
}

func (w *world) audit(ctx context.Context, from Progress, keep func(Progress) error) (Report, error) {
	w.mu.Lock()
	w.reads = nil
	w.mu.Unlock()
	return Run(ctx, Deps{
		Connection: w.conn, Topics: topics, Channel: w, Producer: w.producer, LogID: logID, Shops: 1, FirstWait: time.Millisecond,
		Pace: func(ctx context.Context, _ int64) error { return ctx.Err() }, SaveProgress: keep, Keep: w.keep, Logger: slog.New(slog.DiscardHandler),
	}, from)
}

func kinds(r Report) map[string]Kind {
	all := map[string]Kind{}
	for _, d := range r.Drifts {
		all[d.StoreSKU] = d.Kind
	}
	return all
}

func of(shop, item int64, sku string, offset, qty int64) schemas.Event {
	e := event(shop, sku, offset, qty)
	e.ItemID = item
	return e
}

func TestStoreSKUsThatChangeDuringTheReadAreLeftOut(t *testing.T) {
	w := newWorld(t)
	for i, sku := range []string{"above", "below", "fine", "moving", "moved", "taken over"} {
		w.push(of(10, int64(i+1), sku, 5, 100), map[string]int64{"above": 107, "below": 93, "fine": 100}[sku])
	}
	w.command(of(10, 4, "moving", 6, 0)) // pending from the start
	w.before = func(_, item int64, n int) *channels.Verdict {
		switch {
		case n == 1: // a command arrives and is finished during the read
			w.command(of(10, 5, "moved", 6, 0))
			w.push(of(10, 5, "moved", 6, 0), 0)
		case item == 6: // another store SKU takes over the model
			w.command(of(10, 6, "newcomer", 6, 0))
		}
		return nil
	}
	report, err := w.audit(t.Context(), Progress{}, nil)
	require.NoError(t, err)
	require.Equal(t, map[string]Kind{"above": Above, "below": Below}, kinds(report))
	require.Equal(t, Report{Checked: 3, LeftOut: 3, LastShop: 10}, Report{Checked: report.Checked, LeftOut: report.LeftOut, Missing: report.Missing, Unread: report.Unread, LastShop: report.LastShop})
	require.Len(t, w.reads, 5, "pending store SKUs are not read")
}

func TestOneStoreSKUIsAudited(t *testing.T) {
	w := newWorld(t)
	for i, sku := range []string{"above", "below", "fine"} {
		w.push(of(10, int64(i+1), sku, 5, 100), map[string]int64{"above": 107, "below": 93, "fine": 100}[sku])
	}
	report, err := w.audit(t.Context(), Progress{Request: Request{ShopID: 10, StoreSKU: "below"}}, nil)
	require.NoError(t, err)
	require.Equal(t, map[string]Kind{"below": Below}, kinds(report))
	require.Equal(t, []int{1, 0}, []int{report.Checked, report.LeftOut})
	require.Len(t, w.reads, 1)
}

func TestFixesRepeatTheRecordInItsPartition(t *testing.T) {
	w := newWorld(t)
	w.push(of(10, 1, "above", 5, 100), 107)
	w.push(of(10, 2, "below", 6, 100), 93)
	report, err := w.audit(t.Context(), Progress{Request: Request{Fix: FixAbove}}, nil)
	require.NoError(t, err)
	require.Len(t, report.Drifts, 2)
	var events []schemas.Event
	require.NoError(t, kafka.ReadPartition(t.Context(), w.conn, topics.Events(), 2, func(r *kafka.Record) error {
		e, bad := schemastest.DecodeEvent(r.Key, r.Value)
		require.NoError(t, bad)
		events = append(events, e)
		return nil
	}))
	require.Len(t, events, 1)
	e := events[0]
	require.Equal(t, "above", e.Key.StoreSKU)
	require.Equal(t, schemas.RefreshInventory, e.Reason)
	require.Equal(t, int64(5), e.RepeatsOffset)
	require.Empty(t, e.RetryOf)
	require.Equal(t, int64(100), e.Available)
	for _, d := range report.Drifts {
		require.Equal(t, d.Kind == Above, d.Fixed)
	}
}

func TestInterruptedAuditResumes(t *testing.T) {
	w := newWorld(t)
	for shop := int64(10); shop < 14; shop++ {
		for item := int64(1); item <= 3; item++ {
			w.push(of(shop, item, fmt.Sprintf("s%d-%d", shop, item), 5, 100), 100+shop%2)
		}
	}
	file := filepath.Join(t.TempDir(), "progress.json")
	q := Request{Fix: FixNothing}
	ctx, cancel := context.WithCancel(t.Context())
	w.before = func(shop, item int64, _ int) *channels.Verdict {
		if shop == 12 && item == 2 {
			cancel()
		}
		return nil
	}
	keep := func(p Progress) error { return p.Save(file) }
	report, err := w.audit(ctx, Progress{Request: q}, keep)
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, int64(11), report.LastShop)
	w.before = nil
	from, err := Load(file, q)
	require.NoError(t, err)
	require.Equal(t, []int64{10, 11}, from.Finished)
	report, err = w.audit(t.Context(), from, keep)
	require.NoError(t, err)
	require.Equal(t, [][2]int64{{12, 1}, {12, 2}, {12, 3}, {13, 1}, {13, 2}, {13, 3}}, w.reads)
	require.Equal(t, 12, report.Checked)
	require.Len(t, report.Drifts, 6, "with the first run's drifts")
	require.Equal(t, int64(13), report.LastShop)
	_, err = Load(file, Request{Fix: FixAll})
	require.ErrorIs(t, err, ErrOtherAudit)
	_, err = Load(filepath.Join(t.TempDir(), "none"), q)
	require.NoError(t, err)
}

func TestUnresponsiveShops(t *testing.T) {
	w := newWorld(t)
	for shop := int64(10); shop < 13; shop++ {
		for item := int64(1); item <= 3; item++ {
			w.push(of(shop, item, fmt.Sprintf("s%d-%d", shop, item), 5, 100), 100)
		}
	}
	answer := func(v channels.Verdict, which func(shop, item int64, n int) bool) {
		w.before = func(shop, item int64, n int) *channels.Verdict {
			if which(shop, item, n) {
				return &v
			}
			return nil
		}
	}
	refusal := func(code schemas.FailureCode, scope channels.Scope) channels.Verdict {
		return channels.Verdict{Outcome: channels.Refused, Code: code, Scope: scope, Message: "no"}
	}
	of11 := func(shop, _ int64, _ int) bool { return shop == 11 }
	for _, c := range []struct {
		name          string
		verdict       channels.Verdict
		which         func(shop, item int64, n int) bool
		unread, reads int
		err           error
	}{
		{"throttled for a while", refusal(schemas.RateLimited, channels.ScopeShop), func(_, _ int64, n int) bool { return n < 4 }, 0, 12, nil},
		{"down for a while", channels.Verdict{Code: schemas.ChannelUnavailable}, func(_, _ int64, n int) bool { return n == 2 }, 0, 10, nil},
		{"down permanently", channels.Verdict{Code: schemas.TimedOut}, of11, 3, 6 + maxReads, nil},
		{"authorization lost", refusal(schemas.AuthorizationLost, channels.ScopeShop), of11, 3, 7, nil},
		{"one item gone", refusal(schemas.ItemNotFound, channels.ScopeModel), func(shop, item int64, _ int) bool { return shop == 11 && item == 2 }, 1, 9, nil},
		{"the day's quota", refusal(schemas.DailyQuotaExhausted, channels.ScopeApp), of11, 0, 4, ErrQuota},
	} {
		t.Run(c.name, func(t *testing.T) {
			answer(c.verdict, c.which)
			report, err := w.audit(t.Context(), Progress{}, nil)
			require.ErrorIs(t, err, c.err)
			require.Equal(t, c.unread, report.Unread)
			require.Len(t, w.reads, c.reads)
			if c.err == nil {
				require.Equal(t, 9-c.unread, report.Checked)
			}
		})
	}
}

func TestMissingModelIsCounted(t *testing.T) {
	w := newWorld(t)
	gone := of(10, 1, "gone", 5, 100)
	gone.ModelID = 2
	w.push(gone, 100)
	report, err := w.audit(t.Context(), Progress{}, nil)
	require.NoError(t, err)
	require.Empty(t, report.Drifts)
	require.Equal(t, 1, report.Missing)
}

func TestWhatWasCheckedIsKeptEvenIfThatFails(t *testing.T) {
	w := newWorld(t)
	w.push(of(10, 1, "above", 5, 100), 107)
	w.push(of(10, 2, "fine", 5, 100), 100)
	w.push(of(10, 3, "unread", 5, 100), 90)
	w.before = func(_, item int64, _ int) *channels.Verdict {
		if item != 3 {
			return nil
		}
		v := channels.Verdict{Outcome: channels.Refused, Code: schemas.ItemNotFound, Scope: channels.ScopeModel}
		return &v
	}
	var kept []Checked
	w.keep = func(_ context.Context, c Checked) error { kept = append(kept, c); return context.DeadlineExceeded }
	_, err := w.audit(t.Context(), Progress{}, nil)
	require.NoError(t, err)
	require.Len(t, kept, 1)
	require.Equal(t, schemas.Shop{Channel: "shopee", ID: 10}, kept[0].Shop)
	require.Equal(t, "above", kept[0].Drifts[0].StoreSKU)
	for sku, has := range map[string]bool{"above": true, "fine": true, "unread": false} {
		require.Equal(t, has, kept[0].Has(schemas.Key{Channel: "shopee", ShopID: 10, StoreSKU: sku}), sku)
	}
}
