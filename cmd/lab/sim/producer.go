package sim

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"stockpush/processor/stream/kafka"
	"stockpush/schemas"
)

var errRefused = errors.New("the simulated broker refuses a message")

// producer is a process's producer. Messages of one partition are stored and acknowledged in order,
// with delays. What a killed process has in flight may be stored or not.
type producer struct {
	w *world
	p *process
	// buffers says that a stalled process sends its buffered messages when it resumes.
	buffers bool

	mu    sync.Mutex
	lines map[place]*line
}

// line has a partition's messages in flight.
type line struct {
	sent int
	// waiting are to be stored, answers to be acknowledged.
	waiting, answers []*message
	at, answered     time.Time
	// telling keeps acknowledgements in order.
	telling sync.Mutex
	// cut has the contexts of the handlers whose messages are lost from here on; dead says that all
	// are lost. A client stores no message after one that it lost.
	cut  map[context.Context]bool
	dead bool
}

// message is a message in flight.
type message struct {
	ctx  context.Context
	r    kafka.Record
	done func(error)
	// at is when it is stored; answered is the earliest time of its acknowledgement.
	at, answered time.Time
	// fails, stored and survives are its fate.
	fails, stored, survives bool
	outcome                 error
}

func newProducer(w *world, p *process) *producer {
	return &producer{w: w, p: p, buffers: chance(w.dice.about("buffers", p.name), 0.5), lines: map[place]*line{}}
}

// Produce implements kafka.Producer.
func (q *producer) Produce(ctx context.Context, r *kafka.Record, done func(error)) {
	q.p.gate()
	if q.p.dead() {
		return
	}
	m := &message{ctx: ctx, r: *r, done: done}
	if m.r.Partition == kafka.ByKey {
		m.r.Partition = schemas.PartitionFor(m.r.Key, q.w.plan.Partitions)
	}
	q.enqueue(place{m.r.Topic, m.r.Partition}, m)
}

// enqueue draws a message's fate.
func (q *producer) enqueue(at place, m *message) {
	q.mu.Lock()
	defer q.mu.Unlock()
	l := q.lines[at]
	if l == nil {
		l = &line{cut: map[context.Context]bool{}}
		q.lines[at] = l
	}
	l.sent++
	draw := q.w.dice.about("produce", q.p.name, at, l.sent)
	m.fails = chance(draw, q.w.plan.produceFails) && !q.w.healed()
	m.stored, m.survives = chance(draw, 0.5), chance(draw, 0.5)
	m.at = latestOf(time.Now().Add(within(draw, 0, q.w.slowness())), q.w.kafka.back(), l.at)
	m.answered = latestOf(m.at.Add(within(draw, 0, q.w.slowness())), l.answered)
	l.at, l.answered = m.at, m.answered
	l.waiting = append(l.waiting, m)
	if q.w.defect == AcknowledgesEarly {
		m.r.Key, m.r.Value = bytes.Clone(m.r.Key), bytes.Clone(m.r.Value)
		early := m.done
		time.AfterFunc(0, func() { early(nil) })
		m.done = func(error) {}
	}
	time.AfterFunc(time.Until(m.at), func() { q.pump(l) })
}

func latestOf(times ...time.Time) time.Time { return slices.MaxFunc(times, time.Time.Compare) }

// pump stores due messages. Half of the processes send their buffered messages only when they
// resume from a stall, so these are late.
func (q *producer) pump(l *line) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(l.waiting) > 0 && !time.Now().Before(l.waiting[0].at) {
		if stalled := q.p.stalledFor(); q.buffers && stalled > 0 {
			time.AfterFunc(stalled, func() { q.pump(l) })
			return
		}
		m := l.waiting[0]
		l.waiting = l.waiting[1:]
		m.outcome = q.settle(l, m)
		l.answers = append(l.answers, m)
		time.AfterFunc(time.Until(m.answered), func() { q.acknowledge(l) })
	}
}

// settle stores a message or loses it.
func (q *producer) settle(l *line, m *message) error {
	if q.lost(l, m) {
		return context.Canceled
	}
	if q.w.defect == LosesRecords && m.r.Topic == topics.Records() && m.stored && m.survives {
		return nil
	}
	if !m.fails {
		q.w.kafka.store(m.r)
		return nil
	}
	q.w.count("produce refused")
	l.cut[m.ctx] = true
	if m.stored {
		q.w.kafka.store(m.r)
	}
	return fmt.Errorf("%w (stored: %v)", errRefused, m.stored)
}

// lost reports whether a message was lost with its process or with its handler's assignment.
func (q *producer) lost(l *line, m *message) bool {
	switch {
	case q.p.dead():
		l.dead = l.dead || !m.survives
	case m.ctx.Err() != nil:
		l.cut[m.ctx] = l.cut[m.ctx] || !m.survives
	}
	return l.dead || l.cut[m.ctx]
}

// acknowledge reports the next message's outcome to the process unless it is dead; a stalled one
// learns of it later.
func (q *producer) acknowledge(l *line) {
	q.p.gate()
	l.telling.Lock()
	defer l.telling.Unlock()
	q.mu.Lock()
	m := l.answers[0]
	l.answers = l.answers[1:]
	q.mu.Unlock()
	if !q.p.dead() {
		m.done(m.outcome)
	}
}
