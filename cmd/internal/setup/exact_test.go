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

// A batch is committed and its sink never learns of it, so it is sent again; the
// sink is replaced meanwhile, and the next one writes the same records in batches of its
// own. Each record and each rejected event counts once, everywhere.
func TestABatchWhoseConnectionIsCutAfterTheCommitCountsOnce(t *testing.T) {
	server := embeddedtest.StartClickHouse(t)
	open := func(addr string) *clickhouse.Store {
		s, err := clickhouse.Open(clickhouse.Config{Addr: addr, Database: "d", Username: "default"})
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
	// An insert's data are longer than what is asked before.
	proxy.Set(faultproxy.Mode{CutAfterBytes: 1200, CutShare: 1})
	for range 3 {
		require.Error(t, mine.Send(t.Context()), "its connection was cut")
	}
	// The server finishes what it was sent, also after the one who sent it was cut off.
	require.Eventually(t, func() bool { return rowsOf(t, direct) > 0 }, 30*time.Second, 20*time.Millisecond, "and yet it was committed")
	proxy.Set(faultproxy.Mode{})

	var both sync.WaitGroup
	both.Go(func() {
		if err := mine.Send(t.Context()); err != nil {
			t.Error(err)
		}
	})
	both.Go(func() { // the next owner replays from its offset on, in other batches
		for rest := h.rows; len(rest) > 0; {
			n := min(len(rest), 1+random.IntN(len(rest)))
			theirs := direct.NewBatch()
			fill(theirs, rest[:n])
			rest = rest[n:]
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

// fill adds records, and three rejected events.
func fill(b sinks.Batch, records []schemas.Record) {
	for i := range records {
		b.Add(&records[i])
	}
	for offset := range int64(3) {
		b.Reject(schemas.DeadLetter{BadEvent: schemas.BadEvent{Code: schemas.CodeNotJSON}, SourceTopic: "events", SourceOffset: offset, Value: []byte("{")}, sinks.Received{At: now})
	}
}

func rowsOf(t *testing.T, s *clickhouse.Store) (n uint64) {
	require.NoError(t, s.Conn().QueryRow(t.Context(), "SELECT count() FROM d.push_records").Scan(&n))
	return n
}
