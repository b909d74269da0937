package sim

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"stockpush/processor/stream"
	"stockpush/processor/stream/kafka"
	"stockpush/processor/stream/streamtest"
)

const (
	session      = 6 * time.Second
	drainTimeout = 3 * time.Second
	confirmAfter = 10 * time.Second
)

// group is a consumer group: it assigns partitions and stores commits.
type group struct {
	w      *world
	number int
	mu     sync.Mutex
	slots  []*slot
}

// slot is a partition of a group.
type slot struct {
	at        place
	owner     *process
	holding   *holding
	committed int64
	// mark is the last commit's metadata.
	mark string
	// epoch counts owners; commits of earlier ones are refused.
	epoch  int
	moving bool
}

// holding is an assignment as its process sees it.
type holding struct {
	*streamtest.Partition
	group *group
	slot  *slot
	epoch int
	p     *process
	// delivered is the offset after the last delivered message.
	delivered atomic.Int64
}

func newGroup(w *world, number int, read ...string) *group {
	g := &group{w: w, number: number}
	for _, topic := range read {
		for partition := range int32(w.plan.Partitions) {
			g.slots = append(g.slots, &slot{at: place{topic, partition}})
		}
	}
	return g
}

// assign assigns a partition without an owner to a process.
func (g *group) assign(s *slot, p *process) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if s.owner != nil || !p.joined() {
		return
	}
	s.epoch++
	h := &holding{group: g, slot: s, epoch: s.epoch, p: p}
	s.owner, s.holding = p, h
	g.w.trace("%v to %s from %d", s.at, p.name, s.committed)
	h.Partition = streamtest.Run(p.ctx, stream.OwnerConfig{
		Topic: s.at.topic, Partition: s.at.partition, Alive: p.heard, Failed: p.failed,
	}, p.handlers[g.number])
	p.mu.Lock()
	p.held[h] = struct{}{}
	p.mu.Unlock()
	from := s.committed
	p.work.Go(func() { h.feed(from) })
}

// feed delivers the log while the process believes that it owns the partition.
func (h *holding) feed(next int64) {
	for turn := 0; h.believes(); turn++ {
		h.p.gate()
		ahead, grown := h.group.w.kafka.from(h.slot.at, next)
		if len(ahead) == 0 || h.Full() || !h.p.reachable() || time.Now().Before(h.group.w.kafka.back()) {
			h.wait(grown, len(ahead) > 0)
			continue
		}
		draw := h.group.w.dice.about("fetch", h.p.name, h.slot.at, turn)
		logEnd := next + int64(len(ahead)) + h.p.behind()
		ahead = ahead[:1+draw.IntN(len(ahead))]
		sleep(h.p.ctx, within(draw, 0, 20*time.Millisecond))
		if !h.believes() {
			return
		}
		batch := make([]*kafka.Record, len(ahead))
		for i, r := range ahead {
			fetched := *r
			batch[i] = &fetched
		}
		must(h.Deliver(batch, logEnd))
		next += int64(len(batch))
		h.delivered.Store(next)
	}
}

// believes reports whether the process still works on the partition.
func (h *holding) believes() bool {
	h.p.mu.Lock()
	defer h.p.mu.Unlock()
	_, held := h.p.held[h]
	return held && !h.p.killed
}

func (h *holding) wait(grown <-chan struct{}, soon bool) {
	wait := time.Second
	if soon {
		wait, grown = 20*time.Millisecond, nil
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-h.p.ctx.Done():
	case <-grown:
	case <-timer.C:
	}
}

// commit stores the progress of a holding if the holding still owns the partition in Kafka.
func (g *group) commit(h *holding) {
	h.p.gate()
	at, ok := h.Committable()
	offset := at.Offset
	if g.w.defect == CommitsAhead && ok {
		offset = h.delivered.Load()
	}
	if !ok || !h.p.reachable() {
		return
	}
	g.mu.Lock()
	if h.epoch != h.slot.epoch {
		g.mu.Unlock()
		return
	}
	before := h.slot.committed
	h.slot.committed, h.slot.mark = offset, at.Mark
	g.mu.Unlock()
	if offset < before {
		g.w.violate("%v went back from %d to %d", h.slot.at, before, offset)
	}
	g.w.ledger.committed(g.number, h.slot.at, before, offset)
}

// committedOf returns what is committed for a partition.
func (g *group) committedOf(partition int32) (offset int64, mark string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.slots[partition].committed, g.slots[partition].mark
}

// release revokes a partition from its owner, which drains and commits first.
func (g *group) release(s *slot) {
	g.mu.Lock()
	h, epoch := s.holding, s.epoch
	if h == nil || s.moving {
		g.mu.Unlock()
		return
	}
	s.moving = true
	g.mu.Unlock()
	g.w.trace("%v is released by %s", s.at, h.p.name)
	drained := make(chan struct{})
	g.w.later.Go(func() {
		defer close(drained)
		ctx, cancel := context.WithTimeout(context.Background(), drainTimeout)
		defer cancel()
		h.Drain(ctx)
		h.p.forget(h)
	})
	select { // do not wait for a process that does not answer
	case <-drained:
		g.commit(h)
	case <-time.After(drainTimeout + session):
	}
	g.vacate(s, epoch)
}

// vacate removes the owner of a partition if it is still the one with the epoch.
func (g *group) vacate(s *slot, epoch int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if s.epoch == epoch {
		s.epoch++
		s.owner, s.holding, s.moving = nil, nil, false
	}
}

// owned returns the partitions of a process, or all if it is nil.
func (g *group) owned(p *process) []*slot {
	g.mu.Lock()
	defer g.mu.Unlock()
	var all []*slot
	for _, s := range g.slots {
		if p == nil || s.owner == p {
			all = append(all, s)
		}
	}
	return all
}

// evict revokes all partitions of a process that was silent for too long.
func (g *group) evict(p *process) {
	for _, s := range g.owned(p) {
		g.mu.Lock()
		epoch := s.epoch
		g.mu.Unlock()
		g.vacate(s, epoch)
	}
}

func (g *group) holdings() []*holding {
	g.mu.Lock()
	defer g.mu.Unlock()
	var all []*holding
	for _, s := range g.slots {
		if s.holding != nil && !s.moving {
			all = append(all, s.holding)
		}
	}
	return all
}
