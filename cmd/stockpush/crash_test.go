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

	"stockpush/processor/stream"
	"stockpush/schemas"
)

// wire is the way to the sandbox; it can hold a push up after it was received,
// whatever becomes of the one who sent it.
type wire struct {
	sandbox  http.Handler
	holding  atomic.Bool
	received chan struct{}
	release  chan struct{}
}

func (w *wire) ServeHTTP(out http.ResponseWriter, r *http.Request) {
	if !strings.HasSuffix(r.URL.Path, "/update_stock") || !w.holding.CompareAndSwap(true, false) {
		w.sandbox.ServeHTTP(out, r)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client is gone before it told us
	}
	w.received <- struct{}{}
	<-w.release
	late := r.Clone(context.WithoutCancel(r.Context()))
	late.Body = io.NopCloser(bytes.NewReader(body))
	w.sandbox.ServeHTTP(httptest.NewRecorder(), late)
}

// held makes one push be held up that an event brings, and returns once it is.
func (w *wire) held(push func()) {
	w.holding.Store(true)
	push()
	<-w.received
}

func TestACrashWithARequestOnTheWireEndsRight(t *testing.T) {
	t.Setenv("STOCKPUSH_KAFKA_SESSION_TIMEOUT", "6s")
	s := newSurroundings(t)
	w := &wire{sandbox: s.Sandbox, received: make(chan struct{}), release: make(chan struct{})}
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

	// The worker is killed with a push on the wire, which lands after its successor's.
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

	// The worker is killed when it still owes a read-back; no event comes any more.
	w.held(func() { s.send(event(shop, "x", 11)) })
	s.send(event(shop, "x", 13))
	shows(13)
	require.Eventually(t, func() bool { return owes(t, s, "x-13") }, 30*time.Second, 10*time.Millisecond)
	second.Kill()
	w.release <- struct{}{}
	shows(11)
	third := s.Serve()
	shows(13)
	third.Terminate()
}

// owes says whether the states tell of an event that it is finished and still to be read back.
func owes(t *testing.T, s *surroundings, eventID string) (owes bool) {
	topics := schemas.Topics("stockpush")
	for partition := range int32(3) {
		require.NoError(t, stream.ReadPartition(t.Context(), s.Conn(), topics.State(), partition, func(r *stream.Record) error {
			if _, err := schemas.ParseKey(string(r.Key)); err != nil {
				return nil
			}
			state, err := schemas.DecodeState(r.Value)
			if state.Finished.EventID == eventID {
				owes = state.Readback != nil
			}
			return err
		}))
	}
	return owes
}
