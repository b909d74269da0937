package sim

import (
	"context"
	"time"
)

const beatEvery = session / 15

// coordinate is Kafka's part in the groups: heartbeats, evictions, assignments,
// and the turns in which processes commit.
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

// attend lets a process's heartbeats come, or evicts it.
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

// processes lists all that ever ran: Kafka notices a death only by the silence.
func (w *world) processes() []*process {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append(append([]*process(nil), w.graves...), w.seats...)
}

// assign gives every partition that nobody owns to some process.
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

// compactionLag is how old a state must be before it is compacted: longer than a partition
// is without an owner that can write.
const compactionLag = time.Minute

// compact lets Kafka compact states: never the newest messages, which it keeps as they
// are, so up to anywhere before them.
func (w *world) compact(turn int) {
	for partition := range int32(w.plan.Partitions) {
		draw := w.dice.about("compact", partition, turn)
		if !chance(draw, w.plan.compacts) {
			continue
		}
		at := place{topics.State(), partition}
		below := draw.Int64N(w.kafka.endBefore(at, time.Now().Add(-compactionLag)) + 1)
		if removed := w.kafka.compact(at, below, w.faulty == CompactsWrong); removed > 0 {
			w.count("states compacted")
			w.trace("%v is compacted below %d: %d removed", at, below, removed)
		}
	}
}

const (
	// patience is how long, virtually, the world may take to come to rest.
	patience = 30 * time.Minute
	// restAfter is for how long the market must hear nothing.
	restAfter = 3*10*time.Second + 5*time.Second
)

// heal ends what a plan's troubles left behind: every seat gets a process.
func (w *world) heal() {
	for seat := range w.seats {
		for p := w.seat(seat); p.dead(); p = w.seat(seat) {
			time.Sleep(time.Second)
		}
	}
}

// settle waits until every event is final, and nothing was asked of the market for a while.
func (w *world) settle() {
	for began := time.Now(); time.Since(began) < patience; time.Sleep(time.Second) {
		if len(w.ledger.open()) == 0 && time.Since(w.market.quietSince()) > restAfter && w.committedAll() {
			return
		}
	}
	w.violate("nothing came to rest: open events %v, market last asked %v ago, all committed: %v",
		w.ledger.open(), time.Since(w.market.quietSince()), w.committedAll())
}

// committedAll says whether every group has committed all there is.
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

// restart ends every process when all is at rest, and starts others: nothing may
// be pushed again.
func (w *world) restart() {
	w.mu.Lock()
	w.atRest = true
	w.mu.Unlock()
	for seat := range w.seats {
		end := w.leave
		if w.plan.killedAtEnd {
			end = func(p *process) { p.kill() }
		}
		w.replace(trouble{whom: seat, lasts: time.Second}, end)
	}
	time.Sleep(session + restAfter)
	w.heal()
	w.repeatOld()
	w.settle()
}

// repeatOld repeats events that news made old: the states must know that. None of
// them may be pushed.
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
	time.Sleep(time.Minute) // whatever was delayed has happened
	for _, p := range w.processes() {
		p.bury()
	}
	w.later.Wait()
}
