package processor_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"stockpush/processor/stream/kafka"
	"stockpush/schemas"
)

// traceparent is the trace context of the n-th event.
func traceparent(n int) string { return fmt.Sprintf("00-%032x-%016x-01", n, n) }

// sendTraced sends an event with a trace context; none if it is empty.
func (b *bench) sendTraced(e schemas.Event, traceparent string) {
	batch := b.batch([]schemas.Event{e})
	if traceparent != "" {
		batch[0].Headers = []kafka.Header{{Key: schemas.HeaderTraceparent, Value: []byte(traceparent)}}
	}
	b.deliver(batch)
	synctest.Wait()
	clear(batch[0].Headers) // a batch's memory is its reader's again
}

// commandHeaders returns the headers of all commands so far.
func (b *broker) commandHeaders() (all [][]kafka.Header) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, r := range b.messages {
		if r.Topic == topics.Commands() {
			all = append(all, r.Headers)
		}
	}
	return all
}

func superseded(traceparents ...string) (headers []kafka.Header) {
	for _, text := range traceparents {
		headers = append(headers, kafka.Header{Key: schemas.HeaderSupersededTraceparent, Value: []byte(text)})
	}
	return headers
}

func TestCommandCarriesTheTraceContextsOfItsWindow(t *testing.T) {
	own := func(n int) kafka.Header {
		return kafka.Header{Key: schemas.HeaderTraceparent, Value: []byte(traceparent(n))}
	}
	repeat := event("a", 2)
	repeat.Reason, repeat.RepeatsOffset = schemas.RefreshInventory, 0
	for _, c := range []struct {
		name   string
		events []schemas.Event
		traces []string
		want   []kafka.Header
	}{
		{"none", []schemas.Event{event("a", 1), event("a", 2)}, []string{"", ""}, nil},
		{"a lone event's", []schemas.Event{event("a", 1)}, []string{traceparent(1)}, []kafka.Header{own(1)}},
		{"a superseded event's", []schemas.Event{event("a", 1), event("a", 2)}, []string{traceparent(1), traceparent(2)}, append([]kafka.Header{own(2)}, superseded(traceparent(1))...)},
		{"only a superseded event's", []schemas.Event{event("a", 1), event("a", 2)}, []string{traceparent(1), ""}, superseded(traceparent(1))},
		{"an outdated repeat's", []schemas.Event{event("a", 0), event("a", 1), repeat}, []string{"", traceparent(1), traceparent(2)}, append([]kafka.Header{own(1)}, superseded(traceparent(2))...)},
		{"malformed", []schemas.Event{event("a", 1)}, []string{"00-1-2-01"}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newTracedBench(t)
				for i, e := range c.events {
					b.sendTraced(e, c.traces[i])
				}
				pause(time.Second)
				require.Equal(t, [][]kafka.Header{c.want}, b.broker.commandHeaders())
				b.finish()
			})
		})
	}
}

func TestCommandNamesTheLastSupersededEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newTracedBench(t)
		for i := range 100 {
			b.sendTraced(event("a", int64(i)), traceparent(i+1))
		}
		pause(time.Second)
		headers := b.broker.commandHeaders()[0]
		require.Len(t, headers, 9)
		require.Equal(t, traceparent(100), string(headers[0].Value))
		require.Equal(t, superseded(traceparent(92), traceparent(93)), headers[1:3])
		b.finish()
	})
}

func TestTraceContextsAreLeftOutIfTracingIsOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, nil)
		b.sendTraced(event("a", 1), traceparent(1))
		pause(time.Second)
		require.Equal(t, [][]kafka.Header{nil}, b.broker.commandHeaders())
		b.finish()
	})
}
