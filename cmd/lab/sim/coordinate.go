package sim

import (
	"context"
	"time"
)

const beatEvery = session / 15

// coordinate plays Kafka's group coordinator: heartbeats, evictions, assignments, and the times at
// which processes commit.
func (w *world) coordinate(ctx context.Context) {
	ticker := time.NewTicker(beatEvery)
	defer ticker.Stop()
	w.assign()
	for turn := 0; ; turn++ {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		for _, p := range w.processes() {
			w.attend(p)
		}
		w.assign()
		if turn%3 == 0 {
			w.commit(turn)
		}
		w.compact(turn)
	}
}

// attend accepts a process's heartbeat, or evicts the process.
func (w *world) attend(p *process) {
	p.mu.Lock()
	evicted, away := p.evicted, !p.unheardSince.IsZero() && time.Since(p.unheardSince) > session
	if away {
		p.evicted = true
	}
	p.mu.Unlock()
	if away && !evicted {
		w.count("evicted")
		for _, g := range w.groups {
			g.evict(p)
		}
	}
	w.later.Go(p.beat)
}

// processes returns all processes that ever ran: Kafka notices a death only by missing heartbeats.
func (w *world) processes() []*process {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append(append([]*process(nil), w.graves...), w.seats...)
}

// assign assigns every partition without an owner to some process.
func (w *world) assign() {
	var ready []*process
	w.mu.Lock()
	for _, p := range w.seats {
		if p.joined() {
			ready = append(ready, p)
		}
	}
	w.mu.Unlock()
	if len(ready) == 0 || time.Now().Before(w.kafka.back()) {
		return
	}
	for _, g := range w.groups {
		for _, s := range g.owned(nil) {
			draw := w.dice.about("assign", g.number, s.at, time.Since(w.start))
			g.assign(s, ready[draw.IntN(len(ready))])
		}
	}
}

func (w *world) commit(turn int) {
	if time.Now().Before(w.kafka.back()) {
		return
	}
	for _, g := range w.groups {
		for _, h := range g.holdings() {
			if w.healed() || !chance(w.dice.about("commit", h.p.name, h.slot.at, turn), w.plan.commitFails) {
				w.later.Go(func() { g.commit(h) })
			}
		}
	}
}

// compactionLag is the minimum age of a compacted state. It is longer than a partition stays
// without an owner that can write.
const compactionLag = time.Minute

// compact compacts states up to any point before the newest messages, which Kafka does not compact.
func (w *world) compact(turn int) {
	for partition := range int32(w.plan.Partitions) {
		draw := w.dice.about("compact", partition, turn)
		if !chance(draw, w.plan.compacts) {
			continue
		}
		at := place{topics.State(), partition}
		below := draw.Int64N(w.kafka.endBefore(at, time.Now().Add(-compactionLag)) + 1)
		if removed := w.kafka.compact(at, below, w.defect == CompactsWrong); removed > 0 {
			w.count("states compacted")
			w.trace("%v is compacted below %d: %d removed", at, below, removed)
		}
	}
}

const (
	// settleTimeout is the virtual time in which the world must become idle.
	settleTimeout = 30 * time.Minute
	// idleFor is how long the market must receive no call.
	idleFor = 3*10*time.Second + 5*time.Second
)

// heal ends the plan's faults: every seat gets a process.
func (w *world) heal() {
	for seat := range w.seats {
		for p := w.seat(seat); p.dead(); p = w.seat(seat) {
			time.Sleep(time.Second)
		}
	}
}

// settle waits until every event is final and the market has received no call for a while.
func (w *world) settle() {
	for began := time.Now(); time.Since(began) < settleTimeout; time.Sleep(time.Second) {
		if len(w.ledger.open()) == 0 && time.Since(w.market.quietSince()) > idleFor && w.committedAll() {
			return
		}
	}
	w.violate("the world did not become idle: open events %v, market last asked %v ago, all committed: %v",
		w.ledger.open(), time.Since(w.market.quietSince()), w.committedAll())
}

// committedAll reports whether every group has committed everything.
func (w *world) committedAll() bool {
	for _, g := range w.groups {
		for _, s := range g.owned(nil) {
			g.mu.Lock()
			behind := s.committed < w.kafka.end(s.at)
			g.mu.Unlock()
			if behind {
				return false
			}
		}
	}
	return true
}

// restart replaces every process once the world is idle. Nothing may be pushed again.
func (w *world) restart() {
	w.mu.Lock()
	w.atRest = true
	w.mu.Unlock()
	for seat := range w.seats {
		end := w.leave
		if w.plan.killedAtEnd {
			end = func(p *process) { p.kill() }
		}
		w.replace(fault{target: seat, lasts: time.Second}, end)
	}
	time.Sleep(session + idleFor)
	w.heal()
	w.repeatOld()
	w.settle()
}

// repeatOld repeats events that newer ones have superseded. The states must know that, so none may
// be pushed.
func (w *world) repeatOld() {
	for sku := range w.plan.SKUs {
		if stand := standing(w.ledger.eventsOf(sku)); len(stand) > 1 {
			w.write(sku, event{kind: repetition, repeats: stand[0].at.offset, qty: stand[0].qty})
		}
	}
}

// finish ends everything and waits for it.
func (w *world) finish() {
	w.mu.Lock()
	w.over = true
	w.mu.Unlock()
	time.Sleep(time.Minute) // everything that was delayed has happened
	for _, p := range w.processes() {
		p.bury()
	}
	w.later.Wait()
}
