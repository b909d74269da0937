package main

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockpush/channels/shopee/sandbox"
	"stockpush/cmd/internal/config"
	"stockpush/schemas"
)

// spread returns an event of one of n store SKUs of a shop, five models per item.
func spread(shop int64, sku, quantity int) schemas.Event {
	e := event(shop, fmt.Sprintf("sku-%d", sku), quantity)
	e.ItemID, e.ModelID = int64(500+sku/5), int64(1+sku)
	return e
}

// showsNewest waits until nothing is pending, and asserts that a shop shows a quantity everywhere.
func (s *system) showsNewest(shop, quantity int64, skus int) {
	s.t.Helper()
	eventually(s, uint64(skus), fmt.Sprintf(`SELECT count() FROM {db}.store_sku_push_status
		WHERE shop_id = %d AND last_push_qty = %d AND last_push_status = 'Successfully' AND pending = 0`, shop, quantity))
	shown := s.sandbox.Stock(shop)
	require.Len(s.t, shown, skus)
	for _, stock := range shown {
		require.Equal(s.t, quantity, stock.Stock, "model %d", stock.ModelID)
	}
}

// Access tokens that expire after two seconds, under load: nothing is lost, nothing fails, and each
// token is refreshed once.
func TestE2ETokenThatExpiresEveryTwoSeconds(t *testing.T) {
	t.Parallel()
	const shop, skus, life = 10001, 20, 2 * time.Second
	s := newSandboxedSystem(t, sandbox.Config{TokenLife: life}, nil)
	began, rounds := time.Now(), 0
	for ; time.Since(began) < 5*life; rounds++ {
		for sku := range skus {
			s.send(spread(shop, sku, rounds))
		}
		<-time.After(20 * time.Millisecond)
	}
	s.showsNewest(shop, int64(rounds-1), skus)
	eventually(s, uint64(rounds*skus), "SELECT count() FROM {db}.push_records FINAL WHERE status IN ('Successfully', 'Skipped')")
	refreshes := s.sandbox.Refreshes(shop)
	require.GreaterOrEqual(t, len(refreshes), 4)
	for i := 1; i < len(refreshes); i++ { // they are replaced when at most a quarter of their lifetime is left
		require.Greater(t, refreshes[i].Sub(refreshes[i-1]), life/2)
	}
	require.Zero(t, s.sandbox.Stats().RefusedRefreshes)
}

// A thousand events of a shop that is down are compacted while its breaker is open, and after
// healing there is one push per store SKU.
func TestE2EThousandEventsWhileTheBreakerIsOpen(t *testing.T) {
	t.Parallel()
	const shop, skus, rounds = 10002, 100, 10
	s := newSystem(t, func(c *config.Config) {
		c.Shopee.Breaker.OpenFor, c.Shopee.Breaker.MinCalls = time.Second, 2
		c.Processor.Window = 100 * time.Millisecond
	})
	require.NoError(t, s.sandbox.AddFault(sandbox.Fault{ShopID: shop, Kind: "outage"}))
	for round := range rounds {
		for sku := range skus {
			s.send(spread(shop, sku, round))
		}
		eventually(s, uint64(skus), fmt.Sprintf("SELECT countIf(event_id LIKE '%%-%d') FROM {db}.push_record_history WHERE status = 'Pending'", round))
	}
	require.Zero(t, one[uint64](s, "SELECT count() FROM {db}.push_record_history WHERE status IN ('Failed', 'Successfully')"))
	s.sandbox.RemoveFaults(0, "")
	s.showsNewest(shop, rounds-1, skus)
	eventually(s, uint64(skus*(rounds-1)), "SELECT count() FROM {db}.push_record_history WHERE status = 'Skipped'")
	pushed := map[int64]int{}
	for _, call := range s.sandbox.Calls(shop) {
		for _, line := range call.Lines {
			require.Equal(t, int64(rounds-1), line.Stock)
			pushed[line.ModelID]++
		}
	}
	require.Len(t, pushed, skus)
	for model, times := range pushed {
		require.Equal(t, 1, times, "model %d", model)
	}
	require.Zero(t, one[uint64](s, "SELECT count() FROM {db}.push_records FINAL WHERE status = 'Failed'"))
}

// Replies are lost and requests are applied late, repeatedly. In the end every store SKU shows the
// newest quantity.
func TestE2ELostRepliesAndLateRequests(t *testing.T) {
	const shop, skus, rounds = 10003, 30, 8
	s := newSystem(t, func(c *config.Config) {
		c.Shopee.Breaker.MinCalls = 1000 // a lost reply counts as a failure, and must not open the breaker here
		c.Processor.Window = 100 * time.Millisecond
	})
	s.pushes()
	for round := range rounds {
		require.NoError(t, s.sandbox.AddFault(sandbox.Fault{ShopID: shop, Kind: "lost_reply", Times: 2}))
		require.NoError(t, s.sandbox.AddFault(sandbox.Fault{ShopID: shop, Kind: "late", Times: 2, DelayMS: 700}))
		for sku := range skus {
			s.send(spread(shop, sku, round))
		}
		<-time.After(150 * time.Millisecond)
	}
	eventually(s, uint64(skus*rounds+1), "SELECT count() FROM {db}.push_records FINAL WHERE status IN ('Successfully', 'Skipped')")
	s.sandbox.Wait()
	require.Eventually(t, func() bool {
		for _, stock := range s.sandbox.Stock(shop) {
			if stock.Stock != rounds-1 {
				return false
			}
		}
		return true
	}, 45*time.Second, 50*time.Millisecond, "a late request was not repaired")
	s.showsNewest(shop, rounds-1, skus)
	require.Equal(t, 1, s.sandbox.Stats().MaxPerItem)
}

// A buyer takes one between a push of unknown outcome and its read-back: less than was pushed is
// not repaired.
func TestE2EPurchaseBeforeTheReadBackIsKept(t *testing.T) {
	const shop = 10004
	s := newSystem(t, func(c *config.Config) { c.Shopee.ConfirmAfter = 2 * time.Second })
	require.NoError(t, s.sandbox.AddFault(sandbox.Fault{ShopID: shop, Kind: "lost_reply", Times: 1}))
	s.send(event(shop, "x", 9))
	eventually(s, "Successfully", "SELECT any(toString(status)) FROM {db}.push_record_history WHERE event_id = 'x-9'")
	require.NoError(t, s.sandbox.SetStock(sandbox.StockChange{ShopID: shop, ItemID: 500, ModelID: 7, Stock: 8}))
	pushes, reads := len(s.sandbox.Calls(shop)), s.sandbox.Stats().Reads
	require.Eventually(t, func() bool { return s.sandbox.Stats().Reads > reads }, 45*time.Second, 20*time.Millisecond, "read-back")
	// A repair push would have been sent before this push of another item.
	other := event(shop, "y", 1)
	other.ItemID = 501
	s.send(other)
	eventually(s, "Successfully", "SELECT any(toString(status)) FROM {db}.push_record_history WHERE event_id = 'y-1'")
	require.Len(t, s.sandbox.Calls(shop), pushes+1)
	require.Equal(t, int64(8), s.sandbox.Stock(shop)[0].Stock)
}
