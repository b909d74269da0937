package setup_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockpush/schemas"
)

// The two halves of the list come from parts that are written and merged meanwhile.
func TestListIsCompleteWhileRowsAreWrittenAndMerged(t *testing.T) {
	s := newStore(t)
	const skus = 300
	var records []schemas.Record
	for i := range skus {
		records = append(records, record(fmt.Sprint("sku-", i), int64(i+1), schemas.Successfully))
	}
	insert(t, s, records...)
	ctx, cancel := context.WithCancel(t.Context())
	var work sync.WaitGroup
	for i := range 2 {
		work.Go(func() {
			for n := i; ctx.Err() == nil; n++ {
				b := s.NewBatch()
				for j := range records[:1+n%skus] {
					b.Add(&records[j])
				}
				if err := b.Send(t.Context()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	work.Go(func() {
		for ctx.Err() == nil {
			if err := s.Conn().Exec(t.Context(), "OPTIMIZE TABLE d.store_sku_states"); err != nil {
				t.Error(err)
			}
		}
	})
	for range 30 {
		require.Equal(t, "300 300 45450", text(t, s, "SELECT concatWithSeparator(' ', count(), uniqExact(store_sku), sum(last_push_qty)) FROM d.store_sku_push_status"))
	}
	cancel()
	work.Wait()
}

func TestConcurrentFreezesCountOnce(t *testing.T) {
	s := newStore(t)
	var records []schemas.Record
	for i := range int64(200) {
		r := record("old", i+1, schemas.Status(2+i%3))
		r.TriggeredAt = now.Add(-10*24*time.Hour + time.Duration(i)*time.Minute)
		r.FinishedAt = r.TriggeredAt.Add(time.Second)
		records = append(records, r)
	}
	insert(t, s, records...)
	const sums = "SELECT concatWithSeparator(' ', sum(records), count(), uniqExact(hour, reason, status, failure_code)) FROM d.push_stats_hourly"
	before := text(t, s, sums)
	var work sync.WaitGroup
	for range 4 {
		work.Go(func() {
			if err := s.Freeze(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	work.Wait()
	require.Equal(t, before, text(t, s, sums))
	require.NotEqual(t, "0", text(t, s, "SELECT toString(count()) FROM d.push_stats_freezes"))
	require.NoError(t, s.Conn().Exec(t.Context(), "INSERT INTO d.push_stats_frozen SELECT * REPLACE ('0 died half-way' AS freeze_id, 7 AS records) FROM d.push_stats_frozen"))
	require.Equal(t, before, text(t, s, sums), "an interrupted freeze has no effect")
}

// Trimming removes all rows of a record, so that no older status of it reappears.
func TestTrimmingRemovesAllRowsOfARecord(t *testing.T) {
	s := newStore(t)
	for _, status := range []schemas.Status{schemas.Pending, schemas.Skipped} {
		for part := range int64(4) {
			var records []schemas.Record
			for i := part * 60; i < part*60+60; i++ {
				records = append(records, record("hot", i+1, status))
			}
			insert(t, s, records...)
		}
	}
	require.NoError(t, s.Trim(t.Context()))
	require.Equal(t, "100 141 240", text(t, s, "SELECT concatWithSeparator(' ', uniqExact(event_offset), min(event_offset), max(event_offset)) FROM d.push_records"))
	require.Equal(t, "0", text(t, s, "SELECT toString(pending) FROM d.store_sku_push_status"))
	require.NoError(t, s.Trim(t.Context()))
}

// A store SKU's history must not read rows of other store SKUs.
func TestHistoryReadsByKey(t *testing.T) {
	s := newStore(t)
	insert(t, s, record("one", 1, schemas.Skipped))
	plan := text(t, s, `SELECT arrayStringConcat(groupArray(explain), '\n') FROM (EXPLAIN indexes = 1
		SELECT * FROM d.push_record_history WHERE channel = 'shopee' AND shop_id = 10001 AND store_sku = 'one')`)
	require.Contains(t, plan, "store_sku in ['one', 'one']")
}
