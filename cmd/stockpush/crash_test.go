package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockpush/processor/stream/kafka"
	"stockpush/schemas"
	"stockpush/schemas/wire"
)

// delayer is the connection to the sandbox. It can delay a push that it has received, even after the
// sender is gone.
type delayer struct {
	sandbox  http.Handler
	holding  atomic.Bool
	received chan struct{}
	release  chan struct{}
}

func (w *delayer) ServeHTTP(out http.ResponseWriter, r *http.Request) {
	if !strings.HasSuffix(r.URL.Path, "/update_stock") || !w.holding.CompareAndSwap(true, false) {
		w.sandbox.ServeHTTP(out, r)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client disconnected before it sent everything
	}
	w.received <- struct{}{}
	<-w.release
	late := r.Clone(context.WithoutCancel(r.Context()))
	late.Body = io.NopCloser(bytes.NewReader(body))
	w.sandbox.ServeHTTP(httptest.NewRecorder(), late)
}

// held delays the push that an event causes, and returns once the delayer has it.
func (w *delayer) held(push func()) {
	w.holding.Store(true)
	push()
	<-w.received
}

func TestCrashWithARequestInFlight(t *testing.T) {
	t.Setenv("STOCKPUSH_KAFKA_SESSION_TIMEOUT", "6s")
	s := newSurroundings(t)
	w := &delayer{sandbox: s.Sandbox, received: make(chan struct{}), release: make(chan struct{})}
	s.Web.Close()
	s.Web = httptest.NewServer(w)
	s.Configure("  confirm_after: 5s\n  timeout: 2s\nprocessor: {window: 200ms}\n")
	s.setUp()
	v := s.system()
	const shop = 10001
	shows := func(want int64) {
		t.Helper()
		require.Eventually(t, func() bool {
			stock := s.Sandbox.Stock(shop)
			return len(stock) == 1 && stock[0].Stock == want
		}, 60*time.Second, 20*time.Millisecond, "%v", s.Sandbox.Stock(shop))
	}

	// The worker is killed with a push in flight, which is applied after its successor's push.
	first := s.Serve()
	w.held(func() { s.send(event(shop, "x", 3)) })
	first.Kill()
	second := s.Serve()
	s.send(event(shop, "x", 9))
	eventually(v, "Successfully", "SELECT any(toString(status)) FROM {db}.push_record_history WHERE event_id = 'x-9'")
	shows(9)
	w.release <- struct{}{}
	shows(3)
	shows(9)

	// The worker is killed with a pending read-back, and no further event comes.
	w.held(func() { s.send(event(shop, "x", 11)) })
	s.send(event(shop, "x", 13))
	shows(13)
	require.Eventually(t, func() bool { return readbackPending(t, s, "x-13") }, 30*time.Second, 10*time.Millisecond)
	second.Kill()
	w.release <- struct{}{}
	shows(11)
	third := s.Serve()
	shows(13)
	third.Terminate()
}

// readbackPending reports whether a state has an event that is finished and must still be read
// back.
func readbackPending(t *testing.T, s *surroundings, eventID string) (pending bool) {
	topics := schemas.Topics("stockpush")
	for partition := range int32(3) {
		require.NoError(t, kafka.ReadPartition(t.Context(), s.Conn(), topics.State(), partition, func(r *kafka.Record) error {
			if _, err := schemas.ParseKey(string(r.Key)); err != nil {
				return nil
			}
			state, err := wire.DecodeState(r.Value)
			if state.Finished.EventID == eventID {
				pending = state.Readback != nil
			}
			return err
		}))
	}
	return pending
}
