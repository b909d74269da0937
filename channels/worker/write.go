package worker

import (
	"context"
	"time"

	"github.com/google/uuid"

	"stockpush/channels/lane"
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
	// second are the states, and the events that push again.
	second   []*outbox.Message
	offsets  []int64
	outcomes int
}

func newWriting(deps Deps, partition int32, owner string) writing {
	return writing{
		deps: &deps, stateTopic: deps.Topics.State(), partition: partition, owner: []kafka.Header{{Key: ownerHeader, Value: []byte(owner)}},
		records: outbox.NewRecordBatch(deps.Topics, deps.RecordPartitions), reports: outbox.NewRecordBatch(deps.Topics, deps.RecordPartitions),
	}
}

func (w *writing) empty() bool { return w.outcomes == 0 && len(w.offsets) == 0 }

// outcome adds what an outcome writes. The state is the store SKU's as it is now.
func (w *writing) outcome(o *lane.Outcome) {
	sources := noSource
	if len(o.Offsets) > 0 {
		sources = o.Offsets[:1]
	}
	if o.Record != nil {
		w.records.Add(o.SKU.Key.String(), o.Record, sources[0])
		w.outcomes++
	}
	if o.SaveState {
		w.state(o.SKU, sources)
	}
	w.offsets = append(w.offsets, o.Offsets...)
}

// state adds the state of a store SKU as it is now.
func (w *writing) state(s *sku.SKU, sources []int64) {
	s.Unsaved = false
	w.outcomes++
	w.stateMessage(s.Key.String(), s.Encode(), sources)
}

func (w *writing) stateMessage(key string, value []byte, sources []int64) {
	w.second = append(w.second, &outbox.Message{Sources: sources, Record: kafka.Record{
		Topic: w.stateTopic, Partition: w.partition, Key: []byte(key), Value: value, Headers: w.owner,
	}})
}

// repush adds an event that pushes the last failed record of a store SKU again. It leaves out a
// record of an earlier log generation, which has no offset in the events topic.
func (w *writing) repush(s *sku.SKU) {
	if s.Last.LogID != w.deps.LogID {
		return
	}
	e := s.LastEvent()
	e.EventID, e.Reason, e.RetryOf, e.RequestedBy, e.RepeatsOffset, e.OccurredAt = uuid.NewString(), schemas.RefreshInventory, "", "", e.Position.Offset, time.Now()
	w.outcomes++
	w.second = append(w.second, &outbox.Message{Sources: noSource, Record: kafka.Record{
		Topic: w.deps.Topics.Events(), Partition: e.Position.Partition, Key: []byte(s.Key.String()), Value: stockevent.Encode(&e),
	}})
}

// flush carries out the steps of this pass, sends the turn and starts the next. A turn that is not
// full waits while many are open, or while ended calls have more for it. Events are sent with the
// states: after the records that they repeat, and only while this worker is the partition's owner.
func (w *worker) flush(ctx context.Context) {
	w.carryOut(time.Now())
	b := &w.writing
	more := w.out.Open() >= maxOpenTurns || len(w.results) > 0
	if b.empty() || more && b.outcomes < maxGathered {
		return
	}
	w.out.Send(ctx, outbox.Turn{First: append(b.records.Take(), b.reports.Take()...), Second: b.second, Offsets: b.offsets})
	b.outcomes, b.second, b.offsets = 0, nil, nil
}

// carryOut adds the outcomes of this pass to the turn, and shows them in metrics, traces and logs.
func (w *worker) carryOut(now time.Time) {
	for _, s := range w.steps {
		for i := range s.Outcomes {
			o := &s.Outcomes[i]
			w.writing.outcome(o)
			w.deps.Metrics.finished(o, now)
			w.tracing.finish(o, now)
		}
		for _, again := range s.Repush {
			w.writing.repush(again)
		}
		for i := range s.Notices {
			w.log(s.shop, &s.Notices[i])
		}
	}
	w.steps = nil
}

func (w *worker) log(sh *shop, n *lane.Notice) {
	v := &n.Verdict
	switch n.Kind {
	case lane.HoldBegan:
		w.deps.Logger.Warn("shop held", "shop_id", sh.ID, "code", v.Code, "said", v.Message, "hint", v.Code.Remedy())
	case lane.HoldEnded:
		w.deps.Logger.Info("shop no longer held", "shop_id", sh.ID)
	case lane.RepairRefused:
		w.deps.Logger.Warn("repair push refused, it will be retried", "store_sku", n.StoreSKU, "code", v.Code, "said", v.Message, "hint", v.Code.Remedy())
	}
}
