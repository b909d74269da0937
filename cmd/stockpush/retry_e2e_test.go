package main

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockpush/channels/shopee/sandbox"
	"stockpush/cmd/internal/eventlog"
	"stockpush/cmd/internal/pushrecords"
	"stockpush/cmd/internal/retry"
	"stockpush/processor/stream/kafka"
	"stockpush/schemas"
)

// newRetrier returns the retrier of another process, which knows no other retrier.
func (s *system) newRetrier() *retry.Retrier {
	return retry.New(retry.Deps{
		Reader: pushrecords.NewReader(s.store.Conn(), s.cfg.ClickHouse.Database), Connection: s.conn, Topics: s.topics, Producer: s.producer,
	})
}

// failureCodes are the codes of brokenItems, with 20 models each.
var failureCodes = []schemas.FailureCode{schemas.BelowPromotionReserve, schemas.PromotionLocked, schemas.ModelNotFound}

// item returns an item whose models fail with a code unless repaired.
func item(shop int64, code int, repaired bool) sandbox.Item {
	i := sandbox.Item{ShopID: shop, ItemID: int64(900 + code)}
	for m := int64(1); m <= 20; m++ {
		model := sandbox.Model{ModelID: m}
		switch {
		case repaired:
		case failureCodes[code] == schemas.BelowPromotionReserve:
			model.Reserved = 1000
		case failureCodes[code] == schemas.PromotionLocked:
			model.Locked = true
		default:
			model.ModelID += 100
		}
		i.Models = append(i.Models, model)
	}
	return i
}

func broken(shop int64, code, model, n int) schemas.Event {
	e := event(shop, fmt.Sprintf("%s/%02d", failureCodes[code], model), n)
	e.ItemID, e.ModelID, e.PromotionReserved, e.LocationID = int64(900+code), int64(model), 3, ""
	return e
}

func (s *system) describe(i sandbox.Item) { require.NoError(s.t, s.sandbox.Describe(i)) }

func TestE2ERetryPublishesTheNewestUnresolvedFailures(t *testing.T) {
	t.Parallel()
	const shop = 10002
	s := newSystem(t, nil)
	for code := range failureCodes {
		s.describe(item(shop, code, false))
		for m := 1; m <= 20; m++ {
			s.send(broken(shop, code, m, 10))
		}
	}
	eventually(s, uint64(60), "SELECT count() FROM {db}.failed_push_records")
	for code := range failureCodes { // a second failure of some
		s.send(broken(shop, code, 1, 11), broken(shop, code, 2, 11))
	}
	eventually(s, uint64(66), "SELECT count() FROM {db}.failed_push_records")
	for code, succeeding := range []int{7, 7, 6} { // the last ones of each code move to another item and succeed
		for m := 20; m > 20-succeeding; m-- {
			e := broken(shop, code, m, 12)
			e.ItemID += 50
			s.send(e)
		}
	}
	eventually(s, uint64(20), "SELECT count() FROM {db}.store_sku_push_status WHERE last_push_status = 'Successfully'")
	s.describe(item(shop, 0, true))

	retrier := s.newRetrier()
	q := retry.Request{Filter: pushrecords.Filter{FailureCodes: failureCodes[:1]}, DryRun: true}
	want := retry.Result{Matched: 15, Published: 13, LeftOut: map[string]int{retry.NotNewest: 2}, EventIDs: []string{}}
	got, err := retrier.Do(t.Context(), q)
	require.NoError(t, err)
	require.Equal(t, want, got)
	q.DryRun = false
	got, err = retrier.Do(t.Context(), q)
	require.NoError(t, err)
	require.Len(t, got.EventIDs, 13)
	want.EventIDs = got.EventIDs
	require.Equal(t, want, got)
	require.NoError(t, retrier.Wait(t.Context(), got.EventIDs, nil))
	again, err := s.newRetrier().Do(t.Context(), q)
	require.NoError(t, err)
	require.Equal(t, retry.Result{LeftOut: map[string]int{}, EventIDs: []string{}}, again)

	eventually(s, uint64(33), "SELECT count() FROM {db}.store_sku_push_status WHERE last_push_status = 'Successfully'")
	retried := " FROM {db}.push_record_history WHERE retry_of != ''"
	require.Equal(t, uint64(13), one[uint64](s, "SELECT count()"+retried+" AND status = 'Successfully' AND reason = 'Click Push Now/ Push Manually' AND promotion_reserved = 3"))
	require.Equal(t, "below_promotion_reserve/01-11 11 14 M-below_promotion_reserve/01", one[string](s,
		"SELECT concat(retry_of, ' ', toString(available), ' ', toString(push_qty), ' ', merchant_sku)"+retried+" AND store_sku = 'below_promotion_reserve/01'"))
	require.Equal(t, uint64(2), one[uint64](s, "SELECT count()"+retried+" AND available = 11"))
	outcomes, err := s.newRetrier().Outcomes(t.Context(), append(got.EventIDs[:1:1], "unheard-of"))
	require.NoError(t, err)
	require.NotEmpty(t, outcomes[0].StoreSKU)
	require.Equal(t, []retry.Outcome{
		{EventID: got.EventIDs[0], Status: "Successfully", ShopID: shop, StoreSKU: outcomes[0].StoreSKU}, {EventID: "unheard-of"},
	}, outcomes)
}

func TestE2ERetryLimitsAndEventIDs(t *testing.T) {
	t.Parallel()
	const shop = 10003
	s := newSystem(t, nil)
	s.describe(item(shop, 1, false))
	for m := 1; m <= 5; m++ {
		s.send(broken(shop, 1, m, 1))
	}
	eventually(s, uint64(5), "SELECT count() FROM {db}.failed_push_records")
	retrier := s.newRetrier()
	named, err := retrier.Do(t.Context(), retry.Request{EventIDs: []string{"promotion_locked/03-1", "unknown"}, DryRun: true})
	require.NoError(t, err)
	require.Equal(t, retry.Result{Matched: 1, Published: 1, LeftOut: map[string]int{retry.NotFailing: 1}, EventIDs: []string{}}, named)
	first, err := retrier.Do(t.Context(), retry.Request{All: true, Limit: 2})
	require.NoError(t, err)
	require.Equal(t, map[string]int{retry.OverLimit: 3}, first.LeftOut)
	require.Len(t, first.EventIDs, 2)
	second, err := retrier.Do(t.Context(), retry.Request{All: true})
	require.NoError(t, err)
	require.Equal(t, 3, second.Published, "the retrier knows its pending events")
	_, err = retrier.Do(t.Context(), retry.Request{All: true, Limit: -1})
	require.ErrorAs(t, err, new(*pushrecords.ParameterError))
}

// ClickHouse still shows a failure although the log has a newer event. The retry loses to it
// wherever the two meet.
func TestE2ERetryLosesToANewerEvent(t *testing.T) {
	t.Parallel()
	const shop = 10004
	s := newSystem(t, nil)
	s.describe(item(shop, 1, false))
	s.send(broken(shop, 1, 1, 5), broken(shop, 1, 2, 5))
	eventually(s, uint64(2), "SELECT count() FROM {db}.failed_push_records")
	s.describe(item(shop, 1, true))
	s.stop()
	s.send(broken(shop, 1, 1, 9)) // within the window of the retry; for the other store SKU well before it
	s.send(broken(shop, 1, 2, 9))
	got, err := s.newRetrier().Do(t.Context(), retry.Request{All: true})
	require.NoError(t, err)
	require.Equal(t, 2, got.Published)
	s.start()
	eventually(s, uint64(2), "SELECT count() FROM {db}.push_record_history WHERE retry_of != '' AND status = 'Skipped' AND endsWith(superseded_by, '-9')")
	eventually(s, uint64(2), "SELECT count() FROM {db}.store_sku_push_status WHERE last_push_status = 'Successfully' AND last_push_qty = 12")
	for _, call := range s.sandbox.Calls(shop) {
		for _, line := range call.Lines {
			require.False(t, line.Applied && line.Stock != 12, "%+v", line)
		}
	}
}

func TestE2EConcurrentRetriesPushOnce(t *testing.T) {
	t.Parallel()
	const shop = 10005
	s := newSystem(t, nil)
	s.describe(item(shop, 1, false))
	s.send(broken(shop, 1, 1, 5))
	eventually(s, uint64(1), "SELECT count() FROM {db}.failed_push_records")
	calls := len(s.sandbox.Calls(shop))
	var operators sync.WaitGroup
	results := make([]retry.Result, 2)
	for i := range results {
		retrier := s.newRetrier()
		operators.Go(func() {
			var err error
			results[i], err = retrier.Do(t.Context(), retry.Request{All: true})
			require.NoError(t, err)
		})
	}
	operators.Wait()
	require.Equal(t, 2, results[0].Published+results[1].Published)
	eventually(s, "Failed,Skipped", "SELECT arrayStringConcat(arraySort(groupArray(toString(status))), ',') FROM {db}.push_record_history WHERE retry_of != ''")
	require.Len(t, s.sandbox.Calls(shop), calls+1, "one push")
	eventually(s, uint64(2), "SELECT count() FROM {db}.failed_push_records")

	s.describe(item(shop, 1, true))
	again, err := s.newRetrier().Do(t.Context(), retry.Request{All: true})
	require.NoError(t, err)
	require.Equal(t, 1, again.Published)
	require.Equal(t, map[string]int{retry.NotNewest: 1}, again.LeftOut)
	eventually(s, "Successfully", "SELECT toString(last_push_status) FROM {db}.store_sku_push_status")
}

func TestE2ERetryLeavesOutFailuresOfAnOldLog(t *testing.T) {
	t.Parallel()
	const shop = 10006
	s := newSystem(t, nil)
	s.describe(item(shop, 1, false))
	s.send(broken(shop, 1, 1, 5))
	eventually(s, uint64(1), "SELECT count() FROM {db}.failed_push_records")
	s.stop()
	_, err := eventlog.Declare(t.Context(), s.conn, s.topics)
	require.NoError(t, err)
	got, err := s.newRetrier().Do(t.Context(), retry.Request{All: true})
	require.NoError(t, err)
	require.Equal(t, retry.Result{Matched: 1, LeftOut: map[string]int{retry.OldLog: 1}, EventIDs: []string{}}, got)
}

func TestE2ERetryReportsThatKafkaIsDown(t *testing.T) {
	t.Parallel()
	s := newSystem(t, nil)
	retrier := s.newRetrier()
	retrier.Connection = kafka.Connection{Brokers: []string{"127.0.0.1:1"}}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	_, err := retrier.Do(ctx, retry.Request{All: true})
	require.ErrorIs(t, err, retry.ErrUnavailable)
	require.ErrorContains(t, err, "kafka.brokers")
}
