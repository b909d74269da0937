package channels

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"stockpush/processor/stream"
	"stockpush/schemas"
)

// Deps are what the stage needs from outside.
type Deps struct {
	Channel  Channel
	Producer stream.Producer
	// History is what partitions hold from before.
	History History
	Topics  schemas.Topics
	// Pacer is the app's, shared with what else calls the marketplace; nil makes one.
	Pacer *Pacer
	// DeadLetters takes commands that cannot be read.
	DeadLetters stream.Producer
	// Verify is told the newest events that the restored state knows, and says
	// if they cannot be of the events topic as it is. Nil asks nothing.
	Verify  func(context.Context, schemas.Frontier) error
	Logger  *slog.Logger
	Metrics *Metrics
}

// Credentialed is a channel that knows when a shop's credentials change: the
// number is another one then. A held shop is probed at once when it changes.
type Credentialed interface{ Credentials(shopID int64) uint64 }

// Stage is the pushing stage's handler; it implements stream.Handler.
type Stage struct {
	cfg    Config
	deps   Deps
	pacer  *Pacer
	paused atomic.Pointer[map[int64]bool]
}

// New makes the stage's handler.
func New(cfg Config, deps Deps) (*Stage, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	s := &Stage{cfg: cfg, deps: deps, pacer: deps.Pacer}
	if s.pacer == nil {
		s.pacer = NewPacer(cfg)
	}
	deps.Metrics.watch(s.pacer)
	s.Pause(nil)
	return s, nil
}

// Pause sets the paused shops. Their pushes wait and go on compacting.
func (s *Stage) Pause(shops []int64) {
	paused := make(map[int64]bool, len(shops))
	for _, id := range shops {
		paused[id] = true
	}
	s.paused.Store(&paused)
}

func (s *Stage) isPaused(l *lane) bool { return (*s.paused.Load())[l.shop.ID] }

// worker is the work of one partition: its lanes, owned by one goroutine. Calls
// run in goroutines of their own and answer through results.
type worker struct {
	*Stage
	assignment *stream.Assignment
	lanes      map[schemas.Shop]*lane
	skus       map[schemas.Key]*storeSKU
	agenda     agenda
	// inheritedBelow is where the commands begin that no earlier owner can have sent.
	inheritedBelow int64
	// id names this owner of the partition among those before and after it, and clean
	// says that the one before left nothing in flight that the states do not tell of.
	id    string
	clean bool
	// next is the offset after the last command that was taken.
	next     int64
	results  chan func(now time.Time)
	calls    sync.WaitGroup
	flying   int
	out      *outbox
	timer    *time.Timer
	draining bool
}

// Run restores the partition's state and pushes until it is taken away.
func (s *Stage) Run(ctx context.Context, a *stream.Assignment) error {
	w := &worker{
		Stage: s, assignment: a, lanes: map[schemas.Shop]*lane{}, skus: map[schemas.Key]*storeSKU{},
		results: make(chan func(time.Time)), timer: time.NewTimer(0), // what the state owes is due without any command
	}
	w.out = newOutbox(s.deps, a)
	w.out.looked = func(k *storeSKU) { w.agenda.add(w.lane(k.key.Shop())) }
	defer w.timer.Stop()
	defer w.leaveLine()
	defer w.leaveMetrics()
	if err := w.start(ctx); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	callCtx, cancel := context.WithCancel(ctx)
	defer w.calls.Wait()
	defer cancel()
	return w.run(callCtx)
}

// run is the owner's loop. It ends when the partition is drained or lost.
func (w *worker) run(ctx context.Context) error {
	batches := w.assignment.Batches()
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-w.out.failed:
			return err
		case batch, open := <-batches:
			if !open {
				batches, w.draining = nil, true
			}
			for _, r := range batch {
				w.guarded(ctx, r, time.Now())
			}
		case apply := <-w.results:
			w.flying--
			apply(time.Now())
		case <-w.out.settled:
		case <-w.timer.C:
		}
		if w.out.advance(ctx) {
			w.timer.Reset(idlePoll)
		}
		if w.draining && w.flying == 0 && w.out.idle() && w.handOver() {
			return nil
		}
		if !w.draining && w.caughtUp() {
			w.dispatch(ctx, time.Now())
		}
	}
}

// caughtUp says whether every command was taken that was there when the partition
// came. An earlier owner may have sent the last of them: nothing older may follow.
func (w *worker) caughtUp() bool { return w.next >= w.inheritedBelow }

// fly runs a call beside the owner, which applies its outcome.
func (w *worker) fly(ctx context.Context, call func() func(now time.Time)) {
	w.flying++
	w.calls.Go(func() {
		apply := call()
		select {
		case w.results <- apply:
		case <-ctx.Done():
		}
	})
}

func (w *worker) lane(shop schemas.Shop) *lane {
	l := w.lanes[shop]
	if l == nil {
		l = newLane(shop, w.cfg)
		l.turn = w.pacer.turn(shop.ID)
		w.lanes[shop] = l
	}
	return l
}

func (w *worker) sku(key schemas.Key) *storeSKU {
	s := w.skus[key]
	if s == nil {
		s = &storeSKU{standing: standing{key: key}}
		w.skus[key] = s
	}
	return s
}
