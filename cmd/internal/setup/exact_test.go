package setup_test

import (
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"stockpush/cmd/internal/faultproxy"

	"github.com/stretchr/testify/require"

	"stockpush/cmd/internal/embedded/embeddedtest"
	"stockpush/schemas"
	"stockpush/sinks"
	"stockpush/sinks/clickhouse"
)

// A batch is committed, but its sink does not learn of it and sends it again. Meanwhile another
// sink takes over and writes the same records in other batches. Each record and each rejected event
// counts once in every view.
func TestBatchCountsOnceAfterALostAcknowledgement(t *testing.T) {
	server := embeddedtest.WithoutDatabases(t)
	open := func(addr string) *clickhouse.Store {
		s, err := clickhouse.Open(clickhouse.Config{Addr: []string{addr}, Database: "d", Username: "default"})
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, s.Close()) })
		return s
	}
	proxy, err := faultproxy.New(server.Addr())
	require.NoError(t, err)
	t.Cleanup(proxy.Close)
	direct, cut := open(server.Addr()), open(proxy.Addr())
	_, err = direct.Migrate(t.Context())
	require.NoError(t, err)
	random := rand.New(rand.NewPCG(5, 4))
	h := randomHistory(random, 1)

	mine := cut.NewBatch()
	fill(mine, h.rows)
	proxy.Set(faultproxy.Mode{CutInserts: 1})
	for range 3 {
		require.Error(t, mine.Send(t.Context()), "its connection was cut")
	}
	// The server finishes what it received, even if the connection is cut.
	require.Eventually(t, func() bool { return rowsOf(t, direct) > 0 }, 30*time.Second, 20*time.Millisecond, "it was committed")
	proxy.Set(faultproxy.Mode{})

	var both sync.WaitGroup
	both.Go(func() {
		if err := mine.Send(t.Context()); err != nil {
			t.Error(err)
		}
	})
	both.Go(func() { // the next owner replays from its offset, in other batches
		for remaining := h.rows; len(remaining) > 0; {
			n := min(len(remaining), 1+random.IntN(len(remaining)))
			theirs := direct.NewBatch()
			fill(theirs, remaining[:n])
			remaining = remaining[n:]
			if err := theirs.Send(t.Context()); err != nil {
				t.Error(err)
			}
		}
	})
	both.Wait()
	requireViews(t, direct, h)
	require.Equal(t, "3", text(t, direct, "SELECT toString(count()) FROM d.rejected_events"))
	require.NoError(t, direct.Trim(t.Context()))
	requireViews(t, direct, h)
	requireTrimmed(t, direct, h)
}

// fill adds records and three rejected events.
func fill(b sinks.Batch, records []schemas.Record) {
	for i := range records {
		b.Add(&records[i])
	}
	for offset := range int64(3) {
		b.Reject(schemas.DeadLetter{BadEvent: schemas.BadEvent{Code: schemas.CodeNotJSON}, SourceTopic: "events", SourceOffset: offset, Value: []byte("{")}, now)
	}
}

func rowsOf(t *testing.T, s *clickhouse.Store) (n uint64) {
	require.NoError(t, s.Conn().QueryRow(t.Context(), "SELECT count() FROM d.push_records").Scan(&n))
	return n
}
