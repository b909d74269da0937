package processor_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"stockpush/processor/stream/kafka"
	"stockpush/schemas"
	"stockpush/schemas/stockevent"
)

// traceparent is the trace context of the n-th event.
func traceparent(n int) string { return fmt.Sprintf("00-%032x-%016x-01", n, n) }

// sendTraced sends an event with a trace context, its state behind a space; none if it is empty.
func (b *bench) sendTraced(e schemas.Event, trace string) {
	batch := b.batch([]schemas.Event{e})
	traceparent, state, stated := strings.Cut(trace, " ")
	if trace != "" {
		batch[0].Headers = []kafka.Header{{Key: schemas.HeaderTraceparent, Value: []byte(traceparent)}}
	}
	if stated {
		batch[0].Headers = append(batch[0].Headers, kafka.Header{Key: schemas.HeaderTracestate, Value: []byte(state)})
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
		key := schemas.HeaderSupersededTraceparent
		if strings.Contains(text, "=") {
			key = schemas.HeaderSupersededTracestate
		}
		headers = append(headers, kafka.Header{Key: key, Value: []byte(text)})
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
		{
			"a superseded event's, with its state", []schemas.Event{event("a", 1), event("a", 2)}, []string{traceparent(1) + " vendor=1", traceparent(2)},
			append([]kafka.Header{own(2)}, superseded(traceparent(1), "vendor=1")...),
		},
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

func TestTraceContextComesFromTheMessageOrFromItsCloudEvent(t *testing.T) {
	header := func(key, value string) kafka.Header { return kafka.Header{Key: key, Value: []byte(value)} }
	const plain = "%s"
	structured := func(members string) string { return `{"specversion":"1.0",` + members + `"data":%s}` }
	cloudEvent := header("content-type", "application/cloudevents+json")
	own, state := header("traceparent", traceparent(1)), header("tracestate", "vendor=1")
	for _, c := range []struct {
		name          string
		value         string // with a place for the event
		headers, want []kafka.Header
	}{
		{"the message's", plain, []kafka.Header{state, own}, []kafka.Header{own, state}},
		{"binary mode", plain, []kafka.Header{header("ce_traceparent", traceparent(1)), header("ce_tracestate", "vendor=1")}, []kafka.Header{own, state}},
		{
			"both: the message's is of the last hop", plain,
			[]kafka.Header{header("ce_traceparent", traceparent(2)), header("ce_tracestate", "vendor=2"), own}, []kafka.Header{own},
		},
		{"structured mode", structured(`"traceparent":"` + traceparent(1) + `","tracestate":"vendor=1",`), []kafka.Header{cloudEvent}, []kafka.Header{own, state}},
		{"structured mode, with a header", structured(`"traceparent":"` + traceparent(2) + `",`), []kafka.Header{cloudEvent, own}, []kafka.Header{own}},
		{"structured mode, not a text", structured(`"traceparent":7,"tracestate":null,`), []kafka.Header{cloudEvent}, nil},
		{"a state without a context", plain, []kafka.Header{state}, nil},
		{"a state of more than 512 bytes", plain, []kafka.Header{own, header("tracestate", "vendor="+strings.Repeat("1", 506))}, []kafka.Header{own}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newTracedBench(t)
				e := event("a", 1)
				m := b.message([]byte(e.Key.String()), fmt.Appendf(nil, c.value, stockevent.Encode(&e)))
				m.Headers = c.headers
				b.deliver([]*kafka.Record{m})
				pause(time.Second)
				require.Equal(t, [][]kafka.Header{c.want}, b.broker.commandHeaders())
				b.finish()
			})
		})
	}
}
