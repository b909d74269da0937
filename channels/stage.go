package channels

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

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
	// RecordPartitions is how many the records topic has: records whose keys lie in one
	// of them share a message. 0 is not known: each has its own.
	RecordPartitions int
	// DeadLetters takes commands that cannot be read.
	DeadLetters stream.Producer
	// Verify is told the newest events that the restored state knows, and says
	// if they cannot be of the events topic as it is. Nil asks nothing.
	Verify  func(context.Context, schemas.Frontier) error
	Logger  *slog.Logger
	Metrics *Metrics
}

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
	// lanes are by the text of their shop, skus by their Kafka key.
	lanes map[string]*lane
	skus  map[string]*known
	// awake are store SKUs that rest when nothing comes of them for a while, and room is
	// what they, and records that nobody keeps, are packed in.
	awake  []*storeSKU
	room   []byte
	agenda agenda
	// restored is memory that states are read into which rest at once.
	restored struct {
		storeSKU
		past
	}
	// inheritedBelow is where the commands begin that no earlier owner can have sent.
	inheritedBelow int64
	// id names this owner of the partition among those before and after it, and clean
	// says that the one before left nothing in flight that the states do not tell of.
	id    string
	clean bool
	// next is the offset after what was taken of the commands, and statesEnd the one
	// after the last state that was read.
	next, statesEnd int64
	results         chan func(now time.Time)
	calls           sync.WaitGroup
	flying          int
	out             *outbox
	timer           *time.Timer
	rereads, rests  *time.Timer
	draining        bool
}

// Run restores the partition's state and pushes until it is taken away.
func (s *Stage) Run(ctx context.Context, a *stream.Assignment) error {
	w := &worker{
		Stage: s, assignment: a, lanes: map[string]*lane{}, skus: map[string]*known{},
		results: make(chan func(time.Time)), timer: time.NewTimer(0), // what the state owes is due without any command
		id: uuid.NewString(), rereads: time.NewTimer(s.cfg.firstReread(a.Partition())), rests: time.NewTimer(restAfter),
	}
	w.out = newOutbox(s.deps, a, w.id)
	w.out.looked = func(s *storeSKU) {
		w.agenda.add(s.lane)
		w.restLater(s)
	}
	defer w.timer.Stop()
	defer w.rereads.Stop()
	defer w.rests.Stop()
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
			w.next = max(w.next, w.assignment.Passed())
			now := time.Now()
			for _, r := range batch {
				w.guarded(ctx, r, now)
			}
		case apply := <-w.results:
			w.applyAll(ctx, apply)
		case <-w.out.settled:
		case <-w.timer.C:
		case <-w.rereads.C:
			w.reread(ctx)
		case <-w.rests.C:
			w.restUnused()
		}
		w.out.flush(ctx)
		if w.out.advance(ctx) {
			w.timer.Reset(idlePoll)
		}
		if w.draining && w.flying == 0 && w.out.idle() && w.handOver() {
			return nil
		}
		w.goOn(ctx)
		w.out.flush(ctx)
	}
}

// maxTurnCalls bounds how many calls' outcomes a turn applies.
const maxTurnCalls = 64

// applyAll applies a call's outcome, and those that came meanwhile: what comes of one turn
// goes out together. The calls that follow them do not wait for that.
func (w *worker) applyAll(ctx context.Context, apply func(now time.Time)) {
	for applied := 1; ; applied++ {
		w.flying--
		apply(time.Now())
		w.goOn(ctx)
		if applied == maxTurnCalls {
			return
		}
		select {
		case apply = <-w.results:
		default:
			return
		}
	}
}

// goOn starts the calls that may start now.
func (w *worker) goOn(ctx context.Context) {
	if !w.draining && w.caughtUp() {
		w.dispatch(ctx, time.Now())
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

// lane is the lane of a store SKU's shop.
func (w *worker) lane(s *storeSKU, now time.Time) *lane {
	if s.lane == nil {
		s.lane = w.laneOf(schemas.ShopText(s.key), now)
	}
	return s.lane
}

func (w *worker) laneOf(shop string, now time.Time) *lane {
	l := w.lanes[shop]
	if l == nil {
		key, err := schemas.ParseKey(shop + "/-")
		if err != nil {
			panic(err) // it is of a key that could be read
		}
		l = newLane(key.Shop(), w.cfg, now)
		l.turn = w.pacer.turn(l.shop.ID)
		w.lanes[strings.Clone(shop)] = l
	}
	return l
}

// sku is the store SKU of a Kafka key, of whose memory it keeps nothing.
func (w *worker) sku(key string) (*storeSKU, error) {
	if k := w.skus[key]; k != nil {
		return k.awake(), nil
	}
	if _, err := schemas.ParseKey(key); err != nil {
		return nil, err
	}
	k := newKnown(strings.Clone(key))
	w.skus[k.sku.key] = k
	return k.sku, nil
}
