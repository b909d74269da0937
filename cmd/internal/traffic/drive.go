package traffic

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"stockpush/processor/stream"
	"stockpush/schemas"
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
func ToTopic(p stream.Producer, topics schemas.Topics) Send {
	return func(ctx context.Context, e schemas.Event, settled func(error)) {
		p.Produce(ctx, &stream.Record{Topic: topics.Events(), Partition: stream.ByKey, Key: []byte(e.Key.String()), Value: schemas.EncodeEvent(&e)}, settled)
	}
}

// tick is how often Drive checks how many events are due.
const tick = 10 * time.Millisecond

// Drive generates traffic at a pace, and returns how many events were stored once all are. The end
// of ctx is no error.
func Drive(ctx context.Context, g *Generator, p Pace, send Send) (stored int, err error) {
	var mu sync.Mutex
	var open sync.WaitGroup
	emit := func(e schemas.Event) {
		open.Add(1)
		send(context.WithoutCancel(ctx), e, func(failure error) {
			defer open.Done()
			mu.Lock()
			defer mu.Unlock()
			if failure == nil {
				stored++
			} else if err == nil {
				err = fmt.Errorf("produce an event: %w", failure)
			}
		})
	}
	pacedUntilEnd(ctx, g, p, emit)
	open.Wait()
	return stored, err
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
		for ; made < int(elapsed.Seconds()*p.Rate); made++ {
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
