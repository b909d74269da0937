package setup_test

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockpush/schemas"
	"stockpush/sinks/clickhouse"
)

const month = 30 * 24 * time.Hour

// history is a random history of some store SKUs: rows is what is written, with every status that a
// record ever had; final is each record's last status.
type history struct {
	shop  int64
	rows  []schemas.Record
	final []schemas.Record
}

// TestViewsOfAnyHistoryAreExact writes random histories in random order, partly twice, by two
// writers, and compares every view with the model, before and after trimming, freezing and merging.
func TestViewsOfAnyHistoryAreExact(t *testing.T) {
	s := newStore(t)
	random := rand.New(rand.NewPCG(11, 7))
	var written []history
	for shop := range int64(6) {
		h := randomHistory(random, shop+1)
		written = append(written, h)
		writeTwice(t, s, random, h.rows)
		requireViews(t, s, h)
		if shop%3 == 2 {
			require.NoError(t, s.Trim(t.Context()))
			requireViews(t, s, h)
			requireTrimmed(t, s, h)
		}
	}
	for range 2 {
		require.NoError(t, s.Freeze(t.Context()))
	}
	for _, table := range mergedTables(t, s) {
		require.NoError(t, s.Conn().Exec(t.Context(), "OPTIMIZE TABLE d."+table+" FINAL"))
	}
	for _, h := range written {
		requireViews(t, s, h)
	}
}

func randomHistory(random *rand.Rand, shop int64) history {
	h := history{shop: shop}
	for sku := range 1 + random.IntN(6) {
		h.addStoreSKU(random, fmt.Sprintf("sku-%d'\\%%/%d", sku, sku), []int{3, 30, 260}[random.IntN(3)])
	}
	return h
}

// addStoreSKU adds the records of one store SKU, oldest first. Some histories start before the 30
// days; some are only Skipped from a point on.
func (h *history) addStoreSKU(random *rand.Rand, sku string, records int) {
	at := now.Add(-time.Duration(random.Int64N(int64(40 * 24 * time.Hour))))
	step := time.Since(at) / time.Duration(records+1)
	log, offset, onlySkippedFrom := uint16(1), int64(random.IntN(1000)), random.IntN(2*records)
	for i := range records {
		at = at.Add(time.Duration(random.Int64N(int64(step) + 1))).Truncate(time.Millisecond)
		if offset += 1 + int64(random.IntN(9)); random.IntN(100) == 0 {
			log, offset = log+1, int64(random.IntN(50))
		}
		statuses := randomStatuses(random)
		if i >= onlySkippedFrom {
			statuses = []schemas.Status{schemas.Skipped}
		}
		e := schemas.Event{
			EventID: fmt.Sprintf("e-%d-%d", log, offset), Reason: schemas.Reason(1 + random.IntN(17)), MerchantSKU: fmt.Sprintf("M%d", random.IntN(3)),
			Key:    schemas.Key{Channel: schemas.ChannelShopee, ShopID: h.shop, StoreSKU: sku},
			ItemID: 1, Available: random.Int64N(50), PromotionReserved: random.Int64N(3), OccurredAt: at, RepeatsOffset: schemas.NoOffset,
			Position: schemas.Position{LogID: log, Partition: int32(log) + 3, Offset: offset}, TriggeredAt: at,
		}
		h.addRecord(e, statuses)
	}
}

// randomStatuses returns the statuses that one record is written with: often Pending first, and
// sometimes another one after a replay.
func randomStatuses(random *rand.Rand) []schemas.Status {
	all := []schemas.Status{schemas.Pending, schemas.Skipped, schemas.Failed, schemas.Successfully}
	switch n := random.IntN(20); {
	case n < 9:
		return []schemas.Status{schemas.Skipped}
	case n < 11:
		return []schemas.Status{schemas.Pending, schemas.Skipped}
	case n < 14:
		return []schemas.Status{schemas.Pending, schemas.Failed}
	case n < 17:
		return []schemas.Status{schemas.Pending, schemas.Successfully}
	case n < 18:
		return []schemas.Status{schemas.Pending}
	default:
		random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		return all[:1+random.IntN(3)]
	}
}

func (h *history) addRecord(e schemas.Event, statuses []schemas.Status) {
	for _, status := range statuses {
		h.rows = append(h.rows, stated(e, status))
	}
	h.final = append(h.final, stated(e, slices.Max(statuses)))
}

// stated returns an event's record in a status.
func stated(e schemas.Event, status schemas.Status) schemas.Record {
	r := schemas.RecordOf(e, status)
	if status != schemas.Pending {
		r.FinishedAt = r.TriggeredAt.Add(time.Duration(e.Position.Offset%7+1) * 100 * time.Millisecond)
	}
	if status != schemas.Skipped {
		r.QueuedAt = r.TriggeredAt.Add(50 * time.Millisecond)
	}
	switch status {
	case schemas.Skipped:
		r.SupersededBy, r.SupersededByOffset = "newer", e.Position.Offset+1
	case schemas.Failed:
		codes := schemas.FailureCodes()
		r.FailureCode = codes[e.Position.Offset%int64(len(codes))]
		r.FailureReason = "because\x00of " + e.EventID
	case schemas.Successfully:
		qty := r.PushQty()
		r.AfterQty = &qty
	}
	return r
}

// writeTwice writes the rows in random order, some twice, by two concurrent writers.
func writeTwice(t *testing.T, s *clickhouse.Store, random *rand.Rand, rows []schemas.Record) {
	rows = slices.Clone(rows)
	rows = append(rows, rows[:random.IntN(len(rows))]...)
	random.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
	var writers [2][][]schemas.Record
	for i := 0; len(rows) > 0; i++ {
		n := min(len(rows), 1+random.IntN(len(rows)))
		writers[i%2] = append(writers[i%2], rows[:n])
		rows = rows[n:]
	}
	var work sync.WaitGroup
	for _, batches := range writers {
		work.Go(func() {
			for _, batch := range batches {
				b := s.NewBatch()
				for i := range batch {
					b.Add(&batch[i])
				}
				if err := b.Send(t.Context()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	work.Wait()
}

func mergedTables(t *testing.T, s *clickhouse.Store) []string {
	var names []string
	rows, err := s.Conn().Query(t.Context(), "SELECT name FROM system.tables WHERE database = 'd' AND engine LIKE '%MergeTree' AND engine != 'MergeTree'")
	require.NoError(t, err)
	for rows.Next() {
		var name string
		require.NoError(t, rows.Scan(&name))
		names = append(names, name)
	}
	require.NoError(t, rows.Err())
	require.NotEmpty(t, names)
	return names
}

// lines returns a query's rows as sorted lines.
func lines(t *testing.T, s *clickhouse.Store, columns, from string, args ...any) []string {
	rows, err := s.Conn().Query(t.Context(), "SELECT concatWithSeparator(' ', "+columns+") FROM d."+from, args...)
	require.NoError(t, err)
	out := []string{}
	for rows.Next() {
		var line string
		require.NoError(t, rows.Scan(&line))
		out = append(out, line)
	}
	require.NoError(t, rows.Err())
	slices.Sort(out)
	return out
}

func newerFirst(a, b schemas.Record) int {
	return cmp.Or(cmp.Compare(b.Position.LogID, a.Position.LogID), cmp.Compare(b.Position.Offset, a.Position.Offset))
}
