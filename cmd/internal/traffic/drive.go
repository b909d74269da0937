package traffic

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"stockpush/processor/stream/kafka"
	"stockpush/schemas"
	"stockpush/schemas/stockevent"
)

// Pace is the rate and the duration of traffic.
type Pace struct {
	// Rate is in events per second.
	Rate float64
	// For is the duration; 0 means until the context ends.
	For time.Duration
	// Burst is the number of consecutive events of one store SKU that are sent every second; 0
	// means none.
	Burst int
}

// Validate returns an error that names the flags out of range.
func (p Pace) Validate() error {
	var errs []error
	if p.Rate <= 0 || p.Rate > 1e7 {
		errs = append(errs, fmt.Errorf("--rate: %v is not within (0, 10000000]", p.Rate))
	}
	if p.For < 0 {
		errs = append(errs, fmt.Errorf("--for: %v is negative", p.For))
	}
	if p.Burst < 0 {
		errs = append(errs, fmt.Errorf("--burst: %d is negative", p.Burst))
	}
	return errors.Join(errs...)
}

// Send sends an event. settled is called once, with nil when the event is stored.
type Send func(ctx context.Context, e schemas.Event, settled func(error))

// ToTopic sends events to the events topic.
func ToTopic(p kafka.Producer, topics schemas.Topics) Send {
	return func(ctx context.Context, e schemas.Event, settled func(error)) {
		p.Produce(ctx, &kafka.Record{Topic: topics.Events(), Partition: kafka.ByKey, Key: []byte(e.Key.String()), Value: stockevent.Encode(&e)}, settled)
	}
}

// tick is how often Drive checks how many events are due.
const tick = 10 * time.Millisecond

// settleLimit is how long Drive waits for unsettled events after its context ended.
const settleLimit = 5 * time.Second

// ErrUnsettled reports that events were neither stored nor refused before the end.
var ErrUnsettled = errors.New("events were not acknowledged (Kafka did not answer; they may be stored or not)")

// Drive generates traffic at a pace, and returns how many events were stored once all are settled,
// or within settleLimit after ctx ended. The end of ctx is no error.
func Drive(ctx context.Context, g *Generator, p Pace, send Send) (stored int, err error) {
	var sent tally
	pacedUntilEnd(ctx, g, p, func(e schemas.Event) {
		sent.open.Add(1)
		send(ctx, e, func(failure error) { sent.settle(ctx, failure) })
	})
	settled := make(chan struct{})
	go func() { defer close(settled); sent.open.Wait() }()
	select {
	case <-settled:
		return sent.result()
	case <-ctx.Done():
	}
	limit := time.NewTimer(settleLimit)
	defer limit.Stop()
	select {
	case <-settled:
		return sent.result()
	case <-limit.C:
		stored, err = sent.result()
		return stored, errors.Join(err, ErrUnsettled)
	}
}

// tally counts the outcomes of sent events.
type tally struct {
	open   sync.WaitGroup
	mu     sync.Mutex
	stored int
	err    error
}

// settle ignores an event that was not sent because ctx ended.
func (t *tally) settle(ctx context.Context, failure error) {
	defer t.open.Done()
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case failure == nil:
		t.stored++
	case t.err == nil && (ctx.Err() == nil || !errors.Is(failure, ctx.Err())):
		t.err = fmt.Errorf("produce an event: %w", failure)
	}
}

func (t *tally) result() (stored int, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.stored, t.err
}

func pacedUntilEnd(ctx context.Context, g *Generator, p Pace, emit func(schemas.Event)) {
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	started, made, bursts := time.Now(), 0, 0
	for {
		now := time.Now()
		elapsed := now.Sub(started)
		if p.For > 0 && elapsed >= p.For {
			return
		}
		for ; made < int(elapsed.Seconds()*p.Rate) && ctx.Err() == nil; made++ {
			emit(g.Next(now))
		}
		if p.Burst > 0 && elapsed >= time.Duration(bursts)*time.Second {
			bursts++
			for _, e := range g.Burst(p.Burst, now) {
				emit(e)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}
