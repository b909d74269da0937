package worker

import (
	"context"
	"log/slog"
	"maps"
	"time"

	"github.com/google/uuid"

	"stockpush/channels"
	"stockpush/channels/lane"
	"stockpush/channels/pacer"
	"stockpush/channels/sku"
	"stockpush/processor/stream/kafka"
	"stockpush/processor/stream/outbox"
	"stockpush/schemas"
	"stockpush/schemas/stockevent"
)

const (
	// ownerHeader is the header of a state with the name of the owner that wrote it.
	ownerHeader = "owner"
	// maxOpenTurns is how many turns may be open before further outcomes are batched: a busy
	// worker's turns, and so its messages, would be small otherwise.
	maxOpenTurns = 4
	// maxGathered is the largest such batch.
	maxGathered = 512
)

// noSource is the source of a message that belongs to no command.
var noSource = []int64{schemas.NoOffset}

// writing batches what the next turn writes.
type writing struct {
	deps *Deps
	// stateTopic is made once, not for each state.
	stateTopic string
	partition  int32
	owner      []kafka.Header
	records    *outbox.RecordBatch
	reports    *outbox.RecordBatch
	// states and events are messages. The states' keys and values are parts of memory.
	states, events []outbox.Message
	memory         []byte
	offsets        []int64
	outcomes       int
}

func newWriting(deps Deps, partition int32, owner string) writing {
	return writing{
		deps: &deps, stateTopic: deps.Topics.State(), partition: partition, owner: []kafka.Header{{Key: ownerHeader, Value: []byte(owner)}},
		records: outbox.NewRecordBatch(deps.Topics, deps.RecordPartitions), reports: outbox.NewRecordBatch(deps.Topics, deps.RecordPartitions),
	}
}

func (w *writing) empty() bool { return w.outcomes == 0 && len(w.offsets) == 0 }

// state adds the state of a store SKU as it is now.
func (w *writing) state(s *sku.SKU, sources []int64) {
	s.Unsaved = false
	w.outcomes++
	from := len(w.memory)
	w.memory = append(w.memory, s.Key...)
	value := len(w.memory)
	w.memory = s.AppendState(w.memory)
	w.states = append(w.states, outbox.Message{Sources: sources, Record: kafka.Record{
		Topic: w.stateTopic, Partition: w.partition, Key: w.memory[from:value:value], Value: w.memory[value:len(w.memory):len(w.memory)], Headers: w.owner,
	}})
}

// repush adds an event that pushes the last failed record of a store SKU again. It leaves out a
// record of an earlier log generation, which has no offset in the events topic.
func (w *writing) repush(s *sku.SKU) {
	if s.Last.LogID != w.deps.LogID {
		return
	}
	e := s.Last.Event()
	e.Key, _ = schemas.ParseKey(s.Key)
	e.EventID, e.Reason, e.RetryOf, e.RequestedBy, e.RepeatsOffset, e.OccurredAt = uuid.NewString(), schemas.RefreshInventory, "", "", e.Position.Offset, time.Now()
	w.outcomes++
	w.events = append(w.events, outbox.Message{Sources: noSource, Record: kafka.Record{
		Topic: w.deps.Topics.Events(), Partition: e.Position.Partition, Key: []byte(s.Key), Value: stockevent.Encode(&e),
	}})
}

// flush sends the turn and starts the next. A turn that is not full waits while many are open, or
// while ended calls have more for it. Events are sent with the states: after the records that they
// repeat, and only while this worker is the partition's owner.
func (w *worker) flush(ctx context.Context) {
	b := &w.writing
	more := w.out.Open() >= maxOpenTurns || len(w.results) > 0
	if b.empty() || more && b.outcomes < maxGathered {
		return
	}
	t := outbox.Turn{First: append(b.records.Take(), b.reports.Take()...), Offsets: b.offsets}
	for _, messages := range [][]outbox.Message{b.states, b.events} {
		for i := range messages {
			t.Second = append(t.Second, &messages[i])
		}
	}
	w.out.Send(ctx, t)
	b.outcomes, b.events = 0, nil
	b.states, b.offsets, b.memory = make([]outbox.Message, 0, len(b.states)), make([]int64, 0, len(b.offsets)), make([]byte, 0, len(b.memory))
}

// write carries out the result of a lane's step.
func (w *worker) write(sh *shop, r lane.Result, now time.Time) {
	b := &w.writing
	for i := range r.Outcomes {
		o, sources := &r.Outcomes[i], noSource
		if len(o.Offsets) > 0 {
			sources = o.Offsets[:1]
		}
		if o.Record != nil {
			b.records.Add(o.SKU.Key, o.Record, sources[0])
			b.outcomes++
		}
		if o.SaveState {
			b.state(o.SKU, sources)
		}
		b.offsets = append(b.offsets, o.Offsets...)
		w.deps.Metrics.finished(o, now)
		w.tracing.finish(o, now)
	}
	for _, s := range r.Repush {
		b.repush(s)
	}
	w.deps.Metrics.stepped(&r)
	w.reporting.takeTried(r.Tried)
	w.logTried(r.Tried)
	if v := r.Throttled; v != nil {
		by := pacer.Throttling{Until: v.HoldUntil, App: v.Scope == channels.ScopeApp, Quota: v.Code == schemas.DailyQuotaExhausted, Message: v.Message}
		if w.deps.Pacer.Throttle(sh.turn, by, now) {
			w.deps.Logger.Warn("app held", "until", v.HoldUntil, "code", v.Code, "said", v.Message, "hint", v.Code.Remedy())
		}
	}
	if len(r.Unchecked) > 0 {
		w.write(sh, sh.lane.GiveReadbacks(r.Unchecked, maps.Values(w.skus), now), now)
	}
	for i := range r.Notices {
		w.log(sh, &r.Notices[i])
	}
	w.noteHold(sh)
}

// noteHold updates the list of held shops.
func (w *worker) noteHold(sh *shop) {
	if _, held := sh.lane.Held(); held {
		w.held[sh.id] = sh
	} else {
		delete(w.held, sh.id)
	}
}

func (w *worker) log(sh *shop, n *lane.Notice) {
	v := &n.Verdict
	switch n.Kind {
	case lane.HoldBegan:
		w.deps.Logger.Warn("shop held", "shop_id", sh.id, "code", v.Code, "said", v.Message, "hint", v.Code.Remedy())
	case lane.HoldEnded:
		w.deps.Logger.Info("shop no longer held", "shop_id", sh.id)
	case lane.RepairRefused:
		w.deps.Logger.Warn("repair push refused, it will be retried", "store_sku", n.StoreSKU, "code", v.Code, "said", v.Message, "hint", v.Code.Remedy())
	}
}

// logTried logs pushes that stay Pending after an answer, at debug.
func (w *worker) logTried(tried []lane.Try) {
	if len(tried) == 0 || !w.deps.Logger.Enabled(context.Background(), slog.LevelDebug) {
		return
	}
	for _, t := range tried {
		if p := t.SKU.Waiting; p != nil {
			w.deps.Logger.Debug("push will be retried", "store_sku", t.SKU.Key, "attempts", p.Attempts, "code", codeOf(t.Code), "next", p.NotBefore)
		}
	}
}
