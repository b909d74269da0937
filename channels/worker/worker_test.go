package worker_test

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"

	"stockpush/channels"
	"stockpush/channels/channeltest"
	"stockpush/channels/pacer"
	"stockpush/channels/worker"
	"stockpush/processor/stream"
	"stockpush/schemas"
	"stockpush/schemas/schemastest"
)

const topics = schemas.Topics("t")

// log is a producer that keeps what it is given and acknowledges at once.
type log struct {
	mu      sync.Mutex
	records []schemas.Record
	states  []*stream.Record
	letters []*stream.Record
	// messages are those that the records came in.
	messages []*stream.Record
	// refuses are the messages that are refused for good, and not taken.
	refuses func(*stream.Record) bool
	// claims are the owners' messages beside the states.
	claims []*stream.Record
	// events are those that the stage published.
	events []*stream.Record
}

func (l *log) Produce(_ context.Context, r *stream.Record, done func(error)) {
	if l.refuses != nil && l.refuses(r) {
		done(kerr.MessageTooLarge)
		return
	}
	r = &stream.Record{Topic: r.Topic, Partition: r.Partition, Key: bytes.Clone(r.Key), Value: bytes.Clone(r.Value), Headers: r.Headers}
	l.mu.Lock()
	switch r.Topic {
	case topics.Records():
		l.messages = append(l.messages, r)
		_ = schemas.DecodeRecords(r.Value, func(rec *schemas.Record) error { l.records = append(l.records, *rec); return nil })
	case topics.State():
		if _, err := schemas.ParseKey(string(r.Key)); err != nil {
			l.claims = append(l.claims, r)
		} else {
			l.states = append(l.states, r)
		}
	case topics.Events():
		l.events = append(l.events, r)
	case topics.DeadLetters():
		l.letters = append(l.letters, r)
	}
	l.mu.Unlock()
	done(nil)
}

// last is the highest-ranked record of each event.
func (l *log) last() map[string]schemas.Record {
	l.mu.Lock()
	defer l.mu.Unlock()
	best := map[string]schemas.Record{}
	for _, r := range l.records {
		if r.Status >= best[r.EventID].Status {
			best[r.EventID] = r
		}
	}
	return best
}

type bench struct {
	t          require.TestingT
	memory     *channeltest.Memory
	log        *log
	assignment *stream.Assignment
	deliver    func([]*stream.Record)
	stage      *worker.Handler
	registry   *prometheus.Registry
	next       int64
	finish     func()
}

type options struct {
	inheritedBelow int64
	states         []*stream.Record
	change         func(*channeltest.Settings)
	first          int64
	mark           string
	verify         func(context.Context, schemas.Frontier) error
	pacer          *pacer.Pacer
	log            slog.Handler
	refuses        func(*stream.Record) bool
	// written are the states that are there to be read again.
	written func() []*stream.Record
	// recordPartitions are the records topic's, 0 if they are not known.
	recordPartitions int
	// channel is the memory, or one around it; nil is the memory.
	channel channels.Channel
}

// newBench runs a stage on one partition in the bubble that it is called in.
func newBench(ctx context.Context, t require.TestingT, m *channeltest.Memory, o options) *bench {
	b := &bench{t: t, memory: m, log: &log{refuses: o.refuses}, registry: prometheus.NewRegistry(), next: o.first}
	cfg := channeltest.Defaults()
	cfg.ShopRate, cfg.AppRate = 1000, 1000
	if o.change != nil {
		o.change(&cfg)
	}
	if o.pacer == nil {
		o.pacer = cfg.Pacer()
	}
	o.recordPartitions = cmp.Or(o.recordPartitions, 1)
	if o.channel == nil {
		o.channel = m
	}
	if o.log == nil {
		o.log = slog.DiscardHandler
	}
	stage, err := worker.New(cfg.Config, worker.Deps{
		Channel: o.channel, Producer: b.log, DeadLetters: b.log, Topics: topics, RecordPartitions: o.recordPartitions,
		History: history{channeltest.History{End: o.inheritedBelow, Mark: o.mark, Records: o.states}, o.written}, Verify: o.verify, Pacer: o.pacer, LogID: 1,
		Logger: slog.New(o.log), Metrics: worker.NewMetrics(b.registry),
	})
	require.NoError(t, err)
	b.stage = stage
	b.assignment, b.deliver = stream.NewTestAssignment(ctx, topics.Commands(), 0)
	ended := make(chan error, 1)
	go func() { ended <- b.stage.Run(ctx, b.assignment) }()
	b.finish = sync.OnceFunc(func() {
		b.deliver(nil)
		require.NoError(t, <-ended)
	})
	return b
}

// metric is the value of a gauge without labels.
func (b *bench) metric(name string) float64 {
	families, err := b.registry.Gather()
	require.NoError(b.t, err)
	for _, family := range families {
		if family.GetName() == name {
			return family.GetMetric()[0].GetGauge().GetValue()
		}
	}
	require.FailNow(b.t, "no metric "+name)
	return 0
}

func event(sku string, offset, qty int64) schemas.Event {
	return schemas.Event{
		EventID: fmt.Sprintf("%s@%d", sku, offset), Reason: schemas.SyncOrder, Key: schemas.Key{Channel: schemas.ChannelShopee, ShopID: 1, StoreSKU: sku},
		ItemID: 10, ModelID: 1 + int64(sku[0]-'a'), Available: qty, OccurredAt: time.Now(), TriggeredAt: time.Now(),
		RepeatsOffset: schemas.NoOffset, Position: schemas.Position{LogID: 1, Offset: offset},
	}
}

func (b *bench) push(events ...schemas.Event) { b.pushQueued(time.Now(), events...) }

func (b *bench) pushQueued(at time.Time, events ...schemas.Event) {
	var batch []*stream.Record
	for _, e := range events {
		value := schemastest.AppendCommand(nil, &schemas.Command{Event: e, QueuedAt: at})
		batch = append(batch, &stream.Record{Topic: topics.Commands(), Offset: b.next, Key: []byte(e.Key.String()), Value: value})
		b.next++
	}
	b.deliver(batch)
	synctest.Wait()
}

func (b *bench) statusOf(id string) schemas.Status { return b.log.last()[id].Status }

func (b *bench) allResolved() {
	at, ok := b.assignment.Committable()
	require.True(b.t, ok)
	require.Equal(b.t, b.next, at)
}

func bubble(t *testing.T, test func(t *testing.T)) { t.Helper(); synctest.Test(t, test) }

func TestPushStartsWhenItsLingerEnds(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t.Context(), t, channeltest.NewMemory(nil), options{})
		b.push(event("a", 1, 5))
		pause(19 * time.Millisecond)
		require.Empty(t, b.memory.Calls())
		pause(time.Millisecond)
		require.Len(t, b.memory.Calls(), 1)
		b.finish()
	})
}

func TestModelsOfAnItemGoInOneCall(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t.Context(), t, channeltest.NewMemory(nil), options{})
		b.push(event("a", 1, 5), event("b", 2, 6))
		pause(time.Second)
		require.Len(t, b.memory.Calls(), 1)
		require.Len(t, b.memory.Calls()[0].Lines, 2)
		require.Equal(t, schemas.Successfully, b.statusOf("a@1"))
		require.Equal(t, schemas.Successfully, b.statusOf("b@2"))
		b.finish()
		b.allResolved()
	})
}

// What comes of calls that ended while the worker was busy shares a turn, and so messages.
func TestResultsOfConcurrentCallsShareATurn(t *testing.T) {
	bubble(t, func(t *testing.T) {
		const calls = 100 // more than a turn takes
		busy := sync.OnceFunc(func() { time.Sleep(time.Minute) })
		slow := func(context.Context, int, channels.Call) *channels.Answer { time.Sleep(time.Second); return nil }
		b := newBench(t.Context(), t, channeltest.NewMemory(slow), options{
			recordPartitions: 1,
			refuses: func(r *stream.Record) bool {
				if r.Topic == topics.Records() {
					busy()
				}
				return false
			},
			change: func(c *channeltest.Settings) { c.ShopConcurrency = calls },
		})
		var events []schemas.Event
		for i := range int64(calls) {
			e := event(fmt.Sprintf("a%d", i), i, 5)
			e.ItemID += i
			events = append(events, e)
		}
		b.push(events...)
		pause(2 * time.Minute)
		require.Len(t, b.memory.Calls(), calls)
		require.Len(t, b.log.records, calls)
		require.LessOrEqual(t, len(b.log.messages), 3)
		b.finish()
		b.allResolved()
	})
}

func TestNewerCommandReplacesTheWaitingOneAndWaitsForTheCallInFlight(t *testing.T) {
	bubble(t, func(t *testing.T) {
		slow := func(_ context.Context, n int, _ channels.Call) *channels.Answer {
			if n == 0 {
				time.Sleep(2 * time.Second)
			}
			return nil
		}
		b := newBench(t.Context(), t, channeltest.NewMemory(slow), options{})
		b.push(event("a", 1, 1))
		pause(time.Second)
		b.push(event("a", 2, 2), event("a", 3, 3))
		pause(5 * time.Second)
		require.Equal(t, schemas.Skipped, b.statusOf("a@2"))
		require.Equal(t, "a@3", b.log.last()["a@2"].SupersededBy)
		require.Equal(t, int64(3), b.memory.Stock(channeltest.Model{ShopID: 1, ItemID: 10, ModelID: 1}))
		require.Len(t, b.memory.Calls(), 2)
		b.finish()
		b.allResolved()
	})
}

func TestOpenBreakerKeepsPushesPendingWhileNewerOnesReplaceThem(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var healed sync.Once
		up := make(chan struct{})
		down := func(_ context.Context, _ int, call channels.Call) *channels.Answer {
			select {
			case <-up:
				return nil
			default:
				return channeltest.All(call, channels.Verdict{Code: schemas.ChannelUnavailable}, true)
			}
		}
		b := newBench(t.Context(), t, channeltest.NewMemory(down), options{})
		for i := range int64(20) {
			b.push(event("a", i+1, i+1))
			pause(10 * time.Second)
		}
		tried := len(b.memory.Calls())
		require.Less(t, tried, 60)
		healed.Do(func() { close(up) })
		pause(2 * time.Minute)
		for i := range int64(19) {
			require.Equal(t, schemas.Skipped, b.statusOf(fmt.Sprintf("a@%d", i+1)))
		}
		require.Equal(t, schemas.Successfully, b.statusOf("a@20"))
		b.finish()
		b.allResolved()
	})
}

func TestTreatmentByFailureCode(t *testing.T) {
	cases := []struct {
		code  schemas.FailureCode
		scope channels.Scope
		want  schemas.Status
		calls int
	}{
		{schemas.ItemNotFound, channels.ScopeModel, schemas.Failed, 1},
		{schemas.BelowPromotionReserve, channels.ScopeModel, schemas.Failed, 1},
		{schemas.AuthorizationLost, channels.ScopeShop, schemas.Failed, 1},
		{schemas.UnknownFailure, channels.ScopeModel, schemas.Failed, 3},
		{schemas.RateLimited, channels.ScopeShop, schemas.Successfully, 2},
		{schemas.ChannelUnavailable, channels.ScopeModel, schemas.Successfully, 2},
	}
	for _, c := range cases {
		t.Run(string(c.code), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				refuse := func(_ context.Context, n int, call channels.Call) *channels.Answer {
					if n >= 1 && c.want == schemas.Successfully {
						return nil
					}
					return channeltest.All(call, channels.Verdict{Outcome: channels.Refused, Code: c.code, Scope: c.scope, Message: "no"}, false)
				}
				b := newBench(t.Context(), t, channeltest.NewMemory(refuse), options{})
				b.push(event("a", 1, 1))
				pause(30 * time.Second)
				require.Equal(t, c.want, b.statusOf("a@1"))
				require.Len(t, b.memory.Calls(), c.calls)
				if c.want == schemas.Failed {
					require.Equal(t, c.code, b.log.last()["a@1"].FailureCode)
				}
				b.finish()
				b.allResolved()
			})
		})
	}
}

func TestHeldShopFailsItsPushesAtOnceAndIsProbed(t *testing.T) {
	bubble(t, func(t *testing.T) {
		lost := func(_ context.Context, n int, call channels.Call) *channels.Answer {
			if n >= 2 {
				return nil
			}
			return channeltest.All(call, channels.Verdict{Outcome: channels.Refused, Code: schemas.AuthorizationLost, Scope: channels.ScopeShop}, false)
		}
		b := newBench(t.Context(), t, channeltest.NewMemory(lost), options{})
		for i := range int64(10) {
			b.push(event("a", i+1, i+1))
			pause(time.Second)
			require.Equal(t, schemas.Failed, b.statusOf(fmt.Sprintf("a@%d", i+1)))
		}
		require.Len(t, b.memory.Calls(), 1)
		byHand := event("a", 11, 11)
		byHand.Reason = schemas.PushNow
		b.push(byHand)
		pause(time.Second)
		require.Len(t, b.memory.Calls(), 2, "a push by hand is a probe")
		pause(2 * time.Minute)
		b.push(event("a", 12, 12))
		pause(time.Second)
		require.Equal(t, schemas.Successfully, b.statusOf("a@12"))
		b.finish()
		b.allResolved()
	})
}

func TestFinishedCommandsAreAnsweredAfterARestartWithoutACall(t *testing.T) {
	bubble(t, func(t *testing.T) {
		memory := channeltest.NewMemory(nil)
		first := newBench(t.Context(), t, memory, options{})
		first.push(event("a", 1, 1), event("a", 4, 4))
		pause(time.Second)
		first.finish()
		require.Len(t, memory.Calls(), 1)
		second := newBench(t.Context(), t, memory, options{inheritedBelow: 2, states: first.log.states})
		second.push(event("a", 1, 1), event("a", 4, 4))
		repeat := event("a", 5, 1)
		repeat.Reason, repeat.RepeatsOffset = schemas.PushNow, 1
		second.push(repeat)
		pause(time.Minute)
		require.Len(t, memory.Calls(), 1)
		require.Equal(t, schemas.Successfully, second.statusOf("a@4"))
		require.Equal(t, "a@4", second.log.last()["a@1"].SupersededBy)
		require.Equal(t, schemas.Skipped, second.statusOf("a@5"), "it repeats what a@4 made old")
		second.finish()
		second.allResolved()
	})
}

// Nothing is unresolved then, and yet something waits.
func TestOverdueReadbackHasAnAge(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t.Context(), t, lostFirst(1), options{})
		const due = "stockpush_channels_oldest_readback_due_seconds"
		b.push(event("a", 1, 5))
		pause(2 * time.Second)
		require.Equal(t, schemas.Successfully, b.statusOf("a@1"))
		b.allResolved()
		require.Zero(t, b.metric(due), "it is not due before confirm_after")
		b.stage.Pause([]int64{1})
		pause(5 * time.Minute)
		require.InDelta(t, 290, b.metric(due), 5)
		b.stage.Pause(nil)
		pause(time.Minute)
		require.NotZero(t, b.memory.Reads())
		require.Zero(t, b.metric(due))
		b.finish()
	})
}

// The state knows a waiting command, and is written when an older one is finished. A worker
// that ends then leaves a command that the state knows and that has no push.
func TestCommandKnownToAnEarlierWorkerIsPushed(t *testing.T) {
	bubble(t, func(t *testing.T) {
		slow := func(_ context.Context, n int, _ channels.Call) *channels.Answer {
			pause(time.Second)
			return nil
		}
		memory := channeltest.NewMemory(slow)
		first := newBench(t.Context(), t, memory, options{})
		first.push(event("a", 1, 1))
		pause(100 * time.Millisecond)
		first.push(event("a", 2, 2)) // waits for the one in flight
		pause(time.Second)
		first.finish() // before its answer could tell of the second
		states := first.log.states[:1]
		second := newBench(t.Context(), t, memory, options{inheritedBelow: 2, states: states, first: 1})
		second.push(event("a", 2, 2), event("a", 2, 2))
		pause(time.Minute)
		require.Equal(t, schemas.Successfully, second.statusOf("a@2"))
		require.NotZero(t, memory.Reads(), "it may have been in flight")
		second.finish()
		second.allResolved()
	})
}

func TestUnknownOutcomeIsReadBackAndRepaired(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t.Context(), t, lostFirst(1), options{})
		model := channeltest.Model{ShopID: 1, ItemID: 10, ModelID: 1}
		b.push(event("a", 1, 5))
		pause(50 * time.Millisecond)
		b.push(event("a", 2, 9))
		pause(5 * time.Second)
		require.Equal(t, schemas.Successfully, b.statusOf("a@2"))
		b.memory.Set(model, 5) // the lost request is applied
		pause(time.Minute)
		require.Equal(t, int64(9), b.memory.Stock(model))
		b.finish()
		b.allResolved()
	})
}

// A lost call leaves several models to be read back; a read is of all of an item's.
func TestModelsOfAnItemAreReadBackTogether(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t.Context(), t, lostFirst(1), options{})
		b.push(event("a", 1, 5), event("b", 2, 6), event("c", 3, 7))
		pause(5 * time.Second)
		for _, model := range []int64{1, 3} { // of two, what was there before shows again
			b.memory.Set(channeltest.Model{ShopID: 1, ItemID: 10, ModelID: model}, 99)
		}
		pause(10 * time.Second)
		require.Equal(t, 1, b.memory.Reads())
		pause(time.Minute)
		require.Equal(t, 2, b.memory.Reads(), "what was repaired is read back again")
		for model, qty := range map[int64]int64{1: 5, 2: 6, 3: 7} {
			require.Equal(t, qty, b.memory.Stock(channeltest.Model{ShopID: 1, ItemID: 10, ModelID: model}))
		}
		b.finish()
		b.allResolved()
	})
}

// Several requests are lost before any is read back, and an early one is applied last.
func TestEveryLostQuantityIsRepaired(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m := lostFirst(2)
		b := newBench(t.Context(), t, m, options{})
		b.push(event("a", 1, 5))
		pause(100 * time.Millisecond) // lost
		b.push(event("a", 2, 6))
		pause(5 * time.Second) // lost, and repeated
		require.Equal(t, schemas.Successfully, b.statusOf("a@2"))
		model := channeltest.Model{ShopID: 1, ItemID: 10, ModelID: 1}
		m.Set(model, 5) // the first one is applied
		pause(time.Minute)
		require.Equal(t, int64(6), m.Stock(model))
		b.finish()
		b.allResolved()
	})
}

// A read that was asked for before another request was lost says nothing of that one.
func TestReadDoesNotConfirmARequestLostAfterItBegan(t *testing.T) {
	bubble(t, func(t *testing.T) {
		lose := func(_ context.Context, n int, call channels.Call) *channels.Answer {
			if n == 0 || n == 2 {
				return channeltest.All(call, channels.Verdict{Code: schemas.TimedOut}, false) // the breaker is not of interest here
			}
			return nil
		}
		m := channeltest.NewMemory(lose)
		m.DelayReads(10 * time.Second)
		b := newBench(t.Context(), t, m, options{})
		b.push(event("a", 1, 5)) // lost, and repeated
		pause(15 * time.Second)  // the read is on its way
		b.push(event("a", 2, 6)) // lost
		pause(100 * time.Millisecond)
		b.push(event("a", 3, 7))
		pause(7 * time.Second) // the read has seen the newest quantity
		require.Equal(t, 1, m.Reads())
		require.Equal(t, schemas.Successfully, b.statusOf("a@3"))
		model := channeltest.Model{ShopID: 1, ItemID: 10, ModelID: 1}
		require.Equal(t, int64(7), m.Stock(model))
		m.Set(model, 6) // the lost request is applied
		pause(time.Minute)
		require.Equal(t, int64(7), m.Stock(model))
		b.finish()
		b.allResolved()
	})
}

func TestPausedShopKeepsItsPushes(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t.Context(), t, channeltest.NewMemory(nil), options{})
		b.stage.Pause([]int64{1})
		b.push(event("a", 1, 1), event("a", 2, 2))
		pause(time.Hour)
		require.Empty(t, b.memory.Calls())
		require.Equal(t, schemas.Skipped, b.statusOf("a@1"))
		b.stage.Pause(nil)
		pause(time.Second)
		require.Equal(t, schemas.Successfully, b.statusOf("a@2"))
		b.finish()
	})
}

// Its push of the old item is in flight, and nothing tells the marketplace that the
// two items are one store SKU's.
func TestStoreSKUThatChangesItsItemWaitsForItsPushInFlight(t *testing.T) {
	bubble(t, func(t *testing.T) {
		slow := func(context.Context, int, channels.Call) *channels.Answer { time.Sleep(time.Second); return nil }
		b := newBench(t.Context(), t, channeltest.NewMemory(slow), options{})
		b.push(event("a", 1, 5))
		pause(100 * time.Millisecond)
		moved, other := event("a", 2, 7), event("b", 3, 8)
		moved.ItemID, other.ItemID = 11, 11
		b.push(moved, other)
		pause(500 * time.Millisecond)
		require.Len(t, b.memory.Calls(), 2, "the other model of the new item does not wait")
		pause(time.Minute)
		require.Len(t, b.memory.Calls(), 3)
		for _, id := range []string{"a@1", "a@2", "b@3"} {
			require.Equal(t, schemas.Successfully, b.statusOf(id))
		}
		require.Equal(t, int64(7), b.memory.Stock(channeltest.Model{ShopID: 1, ItemID: 11, ModelID: 1}))
		b.finish()
		b.allResolved()
	})
}

// Of many store SKUs the records are fewer messages, each in its keys' partition.
func TestRecordsOfOnePartitionShareAMessage(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t.Context(), t, channeltest.NewMemory(nil), options{recordPartitions: 3})
		var events []schemas.Event
		for i := range int64(26) {
			events = append(events, event(string(rune('a'+i)), i+1, i))
		}
		b.push(events...)
		pause(time.Second)
		require.Len(t, b.memory.Calls(), 1)
		require.Len(t, b.log.messages, 3)
		for _, m := range b.log.messages {
			require.NoError(t, schemas.DecodeRecords(m.Value, func(r *schemas.Record) error {
				require.Equal(t, schemas.PartitionFor(m.Key, 3), schemas.PartitionFor([]byte(r.Key.String()), 3))
				return nil
			}))
		}
		for _, e := range events {
			require.Equal(t, schemas.Successfully, b.statusOf(e.EventID))
		}
		b.finish()
		b.allResolved()
	})
}
