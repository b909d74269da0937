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

// Pace says how fast traffic comes and for how long.
type Pace struct {
	// Rate is in events a second.
	Rate float64
	// For is how long; 0 is until the context ends.
	For time.Duration
	// Burst is how many events of one store SKU come in a row every second; 0 is none.
	Burst int
}

// Validate names the flags that are out of range.
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

// Send takes an event on; settled is called once it is stored, or why it is not.
type Send func(ctx context.Context, e schemas.Event, settled func(error))

// ToTopic sends events to the events topic.
func ToTopic(p stream.Producer, topics schemas.Topics) Send {
	return func(ctx context.Context, e schemas.Event, settled func(error)) {
		p.Produce(ctx, &stream.Record{Topic: topics.Events(), Partition: stream.ByKey, Key: []byte(e.Key.String()), Value: schemas.EncodeEvent(&e)}, settled)
	}
}

// tick is how often Drive looks how many events are due.
const tick = 10 * time.Millisecond

// Drive makes traffic at a pace, and returns how many events were stored when
// all of them are. The context's end is no error.
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
