package sim

import (
	"context"
	"fmt"
	"sync"
	"time"

	"stockpush/processor/stream/kafka"
	"stockpush/schemas"
	"stockpush/schemas/stockevent"
)

// Result is the result of a run.
type Result struct {
	Seed       uint64
	Violations []string
	// Injected counts what happened, by name.
	Injected map[string]int
	// Lasted is the virtual time.
	Lasted time.Duration
}

// world is one run of a plan.
type world struct {
	plan   *Plan
	dice   dice
	defect Defect
	start  time.Time

	kafka  *cluster
	market *market
	ledger *ledger
	groups []*group
	// later are the world's own goroutines.
	later sync.WaitGroup

	mu         sync.Mutex
	seats      []*process
	lives      []int
	graves     []*process
	violations []string
	injected   map[string]int
	atRest     bool
	over       bool
	produced   int
}

// Run runs a plan, with or without a planted fault. It must be called in a bubble of
// testing/synctest.
func Run(plan *Plan, defect Defect) Result {
	w := &world{
		plan: plan, dice: dice(plan.Seed), defect: defect, start: time.Now(), injected: map[string]int{},
		seats: make([]*process, plan.Processes), lives: make([]int, plan.Processes),
	}
	w.ledger, w.market = newLedger(w), newMarket(w)
	w.kafka = newKafka(plan.Partitions, w.ledger.stored)
	w.groups = []*group{
		newGroup(w, 0, topics.Events()), newGroup(w, 1, topics.Commands()), newGroup(w, 2, topics.Records(), topics.DeadLetters()),
	}
	for seat := range w.seats {
		w.seats[seat] = newProcess(w, seat, 0)
	}
	ctx, cancel := context.WithCancel(context.Background())
	w.later.Go(func() { w.coordinate(ctx) })
	w.live()
	w.heal()
	w.settle()
	if plan.restartsAtEnd {
		w.restart()
	}
	w.ledger.verdict()
	cancel()
	w.finish()
	return Result{Seed: plan.Seed, Violations: w.violations, Injected: w.injected, Lasted: time.Since(w.start)}
}

// live runs events and faults.
func (w *world) live() {
	events, faults := w.plan.Events, w.plan.Faults
	for len(events)+len(faults) > 0 {
		if len(faults) == 0 || len(events) > 0 && events[0].at <= faults[0].at {
			w.until(events[0].at)
			w.produce(events[0])
			events = events[1:]
			continue
		}
		w.until(faults[0].at)
		w.inject(faults[0])
		faults = faults[1:]
	}
	w.until(w.plan.Lasts)
}

func (w *world) until(at time.Duration) { time.Sleep(at - time.Since(w.start)) }

// produce draws an event and writes it.
func (w *world) produce(p planned) {
	draw := w.dice.about("event", w.produced)
	e := event{kind: p.kind, repeats: schemas.NoOffset, qty: w.freshQty(draw.Int64N(1000))}
	earlier := standing(w.ledger.eventsOf(p.sku))
	switch {
	case p.kind == repetition && len(earlier) > 0:
		of := earlier[draw.IntN(len(earlier))]
		e.repeats, e.qty = of.at.offset, of.qty
	case p.kind == repetition:
		e.kind = news
	}
	w.write(p.sku, e)
}

// write writes an event as upstream does.
func (w *world) write(sku int, e event) {
	s := w.plan.SKUs[sku]
	w.produced++
	value := schemas.Event{
		EventID: fmt.Sprintf("e%d", w.produced), Reason: schemas.SyncOrder, Key: s.key, ItemID: s.model.item, ModelID: s.model.id,
		OccurredAt: time.Now(), Available: e.qty, RepeatsOffset: e.repeats,
	}
	if e.kind == repetition {
		value.Reason = schemas.PushNow
	}
	message := stockevent.Encode(&value)
	if e.kind == bad {
		message = message[:len(message)-1]
	}
	r := w.kafka.store(kafka.Record{Topic: topics.Events(), Partition: kafka.ByKey, Key: []byte(s.key.String()), Value: message})
	e.sku, e.at = sku, source{r.Topic, r.Partition, r.Offset}
	w.ledger.happened(&e)
	w.count("event")
	w.trace("event %d/%d %s kind %d qty %d repeats %d", r.Partition, r.Offset, s.key, e.kind, e.qty, e.repeats)
}

// freshQty returns a quantity that no event has had; quantities neither rise nor fall.
func (w *world) freshQty(wish int64) int64 { return wish*1000 + int64(w.produced) }

// inject starts a fault.
func (w *world) inject(t fault) {
	w.count(string(t.what))
	w.trace("%s %d for %v", t.what, t.target, t.lasts)
	switch t.what {
	case kill:
		w.replace(t, func(p *process) { p.kill() })
	case terminate:
		w.replace(t, w.leave)
	case stall:
		w.seat(t.target).stall(t.lasts)
	case unheard:
		w.seat(t.target).unhear(t.lasts)
	case rebalance:
		draw := w.dice.about("rebalance", t.at)
		for _, g := range w.groups {
			for _, s := range g.owned(nil) {
				if chance(draw, 0.5) {
					w.later.Go(func() { g.release(s) })
				}
			}
		}
	case kafkaDown:
		w.kafka.down(time.Now().Add(t.lasts))
	}
}

func (w *world) seat(n int) *process {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.seats[n]
}

// terminate ends a process whose handler failed; another takes its seat.
func (w *world) terminate(p *process) {
	w.replace(fault{target: p.seat, lasts: time.Second}, func(now *process) {
		if now == p {
			w.leave(p)
		}
	})
}

// replace ends a seat's process and starts another a while later.
func (w *world) replace(t fault, end func(*process)) {
	p := w.seat(t.target)
	w.later.Go(func() {
		end(p)
		if !p.dead() {
			return
		}
		time.Sleep(t.lasts)
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.over || w.seats[t.target] != p {
			return
		}
		w.graves = append(w.graves, p)
		w.lives[t.target]++
		w.seats[t.target] = newProcess(w, t.target, w.lives[t.target])
	})
}

// leave shuts a process down cleanly: it drains, commits and leaves its groups.
func (w *world) leave(p *process) {
	p.mu.Lock()
	if p.leaving || p.killed {
		p.mu.Unlock()
		return
	}
	p.leaving = true
	p.mu.Unlock()
	var drains sync.WaitGroup
	for _, g := range w.groups {
		for _, s := range g.owned(p) {
			drains.Go(func() { g.release(s) })
		}
	}
	drains.Wait()
	p.kill()
}

// during reports whether a kind of fault is active, for a shop if target is not 0.
func (w *world) during(what faultKind, target int) bool {
	if w.healed() {
		return false
	}
	at := time.Since(w.start)
	for _, t := range w.plan.Faults {
		if t.what == what && (target == 0 || t.target == target) && t.at <= at && at < t.at+t.lasts {
			return true
		}
	}
	return false
}

func (w *world) healed() bool { return time.Since(w.start) >= w.plan.Lasts }

func (w *world) slowness() time.Duration {
	if w.healed() {
		return 10 * time.Millisecond
	}
	return w.plan.slowKafka
}

// quiet reports whether everything was idle before the final restarts.
func (w *world) quiet() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.atRest
}

// trace logs what happens, for the analysis of one seed.
func (w *world) trace(format string, args ...any) {
	if w.plan.Trace != nil {
		w.plan.Trace(fmt.Sprintf("%10v ", time.Since(w.start).Round(time.Millisecond)) + fmt.Sprintf(format, args...))
	}
}

func (w *world) count(what string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.injected[what]++
}

const maxViolations = 5

func (w *world) violate(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.violations) < maxViolations {
		w.violations = append(w.violations, fmt.Sprintf("%v: %s", time.Since(w.start).Round(time.Millisecond), fmt.Sprintf(format, args...)))
	}
}
