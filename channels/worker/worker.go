package worker

import (
	"context"
	"iter"
	"sync"
	"time"

	"github.com/google/uuid"

	"stockpush/channels/breaker"
	"stockpush/channels/due"
	"stockpush/channels/lane"
	"stockpush/channels/pacer"
	"stockpush/channels/sku"
	"stockpush/processor/stream"
	"stockpush/processor/stream/outbox"
	"stockpush/schemas"
)

// recheckAfter is how soon a worker tries again that may not act as the owner now.
const recheckAfter = 100 * time.Millisecond

// worker is the owner of one partition. Its goroutine owns all fields; calls run in goroutines of
// their own and send their results to it.
type worker struct {
	*Handler
	assignment *stream.Assignment
	// id names this owner of the partition.
	id    string
	shops map[schemas.Shop]*shop
	// schedule has the shops to visit, by time; those to visit now have the zero time.
	schedule due.Queue[*shop]
	// pausing is the set of paused shops that the lanes have.
	pausing *pausing
	// credentials is the next change of a shop's credentials.
	credentials *credentialsChange
	// appHeld is closed when another worker learns that the app is held: the shops' status changes
	// although none of them has a command or an answer.
	appHeld <-chan struct{}

	// next is the offset after the last command that was taken. Commands below inheritedBelow
	// may have been in flight at an earlier owner, unless its shutdown was clean: then the states
	// have all requests with an unknown outcome.
	next, inheritedBelow int64
	clean                bool
	// statesEnd is the offset after the last state that was read.
	statesEnd int64

	// steps are those of this pass of the loop.
	steps     []step
	out       *outbox.Outbox
	writing   writing
	reporting reporting
	tracing   tracing
	results   chan *callEnd
	rereads   chan rereading
	calls     sync.WaitGroup
	inFlight  int

	timer, rereadTimer, recheck *time.Timer
	draining                    bool
}

func newWorker(h *Handler, a *stream.Assignment) *worker {
	w := &worker{
		Handler: h, assignment: a, id: uuid.NewString(),
		shops: map[schemas.Shop]*shop{}, pausing: h.pausing.Load(), credentials: h.credentials.Load(), appHeld: h.deps.Pacer.AppHeld(),
		results: make(chan *callEnd, 64), rereads: make(chan rereading),
		timer: time.NewTimer(0), rereadTimer: time.NewTimer(h.cfg.firstReread(a.Partition())), recheck: time.NewTimer(recheckAfter),
		out: outbox.New(outbox.Deps{
			Producer: h.deps.Producer, DeadLetters: h.deps.DeadLetters, Topics: h.deps.Topics, Logger: h.deps.Logger, DeadLettered: func(string) { h.deps.Metrics.poison.Inc() },
		}, a),
	}
	w.writing = newWriting(h.deps, a.Partition(), w.id)
	w.tracing = newTracing(h.deps.Tracer)
	w.reporting.tried = map[*sku.SKU]lane.Try{}
	return w
}

func (w *worker) close() {
	for _, sh := range w.shops {
		w.deps.Pacer.Leave(sh.turn)
	}
	w.deps.Metrics.forget(w)
}

// run is the owner's loop. It ends when the partition is drained or lost.
func (w *worker) run(ctx context.Context) error {
	batches := w.assignment.Batches()
	for {
		var err error
		select {
		case <-ctx.Done():
			return nil
		case batch, open := <-batches:
			if !open {
				batches, w.draining = nil, true
			}
			w.takeAll(ctx, batch)
		case ended := <-w.results:
			w.endCall(ended)
		case read := <-w.rereads:
			w.endReread(read)
		case ack := <-w.out.Acks():
			err = w.out.Handle(ctx, ack)
		case <-w.rereadTimer.C:
			w.startReread(ctx)
		case <-w.pausing.changed:
			w.repause()
		case <-w.credentials.made:
			w.probeChanged()
		case <-w.appHeld:
			w.appHeld = w.deps.Pacer.AppHeld()
		case <-w.recheck.C:
		case <-w.timer.C:
		}
		if err != nil {
			return err
		}
		w.dispatch(ctx)
		w.flush(ctx)
		if held := w.out.Advance(ctx); held {
			w.recheck.Reset(recheckAfter)
		}
		if w.drained() && w.handOver() {
			return nil
		}
	}
}

// repause applies a change of the paused shops.
func (w *worker) repause() {
	w.pausing = w.Handler.pausing.Load()
	now := time.Now()
	for _, sh := range w.shops {
		sh.lane.SetPaused(w.pausing.shops[sh.ID], now)
		w.visit(sh)
	}
}

// probeChanged probes the shop whose credentials changed, if it is held.
func (w *worker) probeChanged() {
	for _, sh := range w.shops {
		if sh.ID == w.credentials.shopID {
			sh.lane.Probe()
			w.visit(sh)
		}
	}
	w.credentials = w.credentials.next
}

// drained says that the partition is being revoked and nothing is left to do.
func (w *worker) drained() bool {
	return w.draining && w.inFlight == 0 && w.writing.empty() && w.out.Open() == 0
}

// caughtUp says whether every command was taken that was there when the partition was assigned.
// An earlier owner may have sent the last of them, so nothing older may be sent before that.
func (w *worker) caughtUp() bool { return w.next >= w.inheritedBelow }

// shop is a shop of the partition.
type shop struct {
	schemas.Shop
	// Place is its place in the schedule.
	due.Place
	// turn is its place with the pacer.
	turn *pacer.Turn

	lane    *lane.Lane
	breaker *breaker.Breaker
	// reported is the status that was reported last; zero if none was, which means ok.
	reported schemas.ShopStatus
}

// shop returns a shop, which it makes if it is new.
func (w *worker) shop(name schemas.Shop) *shop {
	if sh := w.shops[name]; sh != nil {
		return sh
	}
	sh := &shop{
		Shop: name, turn: w.deps.Pacer.Turn(name.ID), lane: lane.New(&w.cfg.Config),
		breaker: breaker.New(w.cfg.Breaker, w.deps.Logger.With("shop_id", name.ID)),
	}
	sh.lane.SetPaused(w.pausing.shops[sh.ID], time.Now())
	w.shops[name] = sh
	return sh
}

// skus are the store SKUs of all shops, in no order.
func (w *worker) skus() iter.Seq[*sku.SKU] {
	return func(yield func(*sku.SKU) bool) {
		for _, sh := range w.shops {
			for s := range sh.lane.SKUs() {
				if !yield(s) {
					return
				}
			}
		}
	}
}
