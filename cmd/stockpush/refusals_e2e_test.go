package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockpush/channels"
	"stockpush/channels/shopee/sandbox"
	"stockpush/channels/shopee/shopeetest"
	"stockpush/cmd/internal/config"
	"stockpush/schemas"
	"stockpush/schemas/schemastest"
)

// How long a retried refusal stays Pending in these tests. The first lasts until a refreshed token
// that is refused again counts as lost.
const (
	longPending  = 20 * time.Second
	shortPending = 2 * time.Second
)

// refusedSKU is a store SKU whose item Shopee refuses as one row of the table says.
type refusedSKU struct {
	shopeetest.Refusal
	schemas.Event
}

// refusedSKUs gives each row a store SKU, and each row about more than its model a shop of its own.
func refusedSKUs() (skus []refusedSKU, shops int) {
	for i, r := range shopeetest.Refusals {
		e := event(sandbox.FirstShopID, fmt.Sprintf("row-%03d", i), 5)
		e.ItemID = int64(1000 + i)
		if r.Scope != channels.ScopeModel {
			shops++
			e.Key.ShopID += int64(shops)
		}
		skus = append(skus, refusedSKU{r, e})
	}
	return skus, shops + 1
}

// said returns Shopee's message as a record stores it.
func (r *refusedSKU) said() string {
	switch {
	case r.Code == "" && r.Message == "":
		return "Shopee gave no reason"
	case r.Code == "" || r.Message == "":
		return r.Code + r.Message
	}
	return r.Code + ": " + r.Message
}

func (r *refusedSKU) class() schemas.FailureClass { return r.Want.Class() }

// retried reports whether it stays Pending until it is too old.
func (r *refusedSKU) retried() bool {
	return r.class() == schemas.ClassThrottle || r.class() == schemas.ClassInfrastructure || r.Asks == shopeetest.Unsure
}

// ofShop reports whether the shop is held.
func (r *refusedSKU) ofShop() bool { return r.Scope == channels.ScopeShop && !r.retried() }

// fault makes Shopee refuse as the row says: calls of the item, or every call of the shop, reads
// included.
func (r *refusedSKU) fault() sandbox.Fault {
	f := sandbox.Fault{ShopID: r.Key.ShopID, ItemID: r.ItemID, Kind: "refuse", Code: r.Code, Message: r.Message}
	if r.ofShop() {
		f.Kind, f.ItemID = "error", 0
	}
	return f
}

func (s *system) refuse(skus ...refusedSKU) {
	for _, r := range skus {
		require.NoError(s.t, s.sandbox.AddFault(r.fault()))
		s.send(r.Event)
	}
}

// failedPush is a row of failed_push_records.
type failedPush struct {
	SKU      string `ch:"store_sku"`
	Code     string `ch:"failure_code"`
	Class    string `ch:"failure_class"`
	Reason   string `ch:"failure_reason"`
	Hint     string `ch:"hint"`
	Floor    *int64 `ch:"promotion_floor"`
	Attempts uint16 `ch:"attempts"`
	// Waited is the time from being queued to the end in ms.
	Waited int64 `ch:"waited"`
}

// requireFailed waits until the store SKUs have failed and compares each with its row.
func (s *system) requireFailed(skus ...refusedSKU) {
	s.t.Helper()
	quoted := make([]string, len(skus))
	for i, r := range skus {
		quoted[i] = "'" + r.Key.StoreSKU + "'"
	}
	from := " FROM {db}.failed_push_records WHERE store_sku IN (" + strings.Join(quoted, ", ") + ")"
	eventually(s, uint64(len(skus)), "SELECT count()"+from)
	var rows []failedPush
	query := "SELECT store_sku, failure_code, failure_class, failure_reason, hint, promotion_floor, attempts, assumeNotNull(dateDiff('millisecond', queued_at, finished_at)) AS waited" + from
	require.NoError(s.t, s.store.Conn().Select(s.t.Context(), &rows, strings.ReplaceAll(query, "{db}", s.cfg.ClickHouse.Database)))
	found := map[string]failedPush{}
	for _, row := range rows {
		found[row.SKU] = row
	}
	for _, r := range skus {
		row := found[r.Key.StoreSKU]
		want := failedPush{
			SKU: r.Key.StoreSKU, Code: string(r.Want), Class: string(r.class()), Reason: r.said(),
			Hint: schemastest.Hint(r.Want, row.Floor), Floor: row.Floor, Attempts: row.Attempts, Waited: row.Waited,
		}
		require.Equal(s.t, want, row)
		named := r.Want == schemas.BelowPromotionReserve && strings.ContainsAny(r.Message, "0123456789")
		require.Equal(s.t, named, row.Floor != nil, r.said())
		s.requireTries(r, row)
	}
}

// requireTries checks the number of tries: one, three, after refreshes, or until it was too old.
func (s *system) requireTries(r refusedSKU, row failedPush) {
	s.t.Helper()
	switch {
	case r.Asks == shopeetest.HoldDay: // its worker was restarted for the last try
	case r.class() == schemas.ClassThrottle: // throttling by another row may delay it until it is too old
		require.Positive(s.t, row.Attempts, r.said())
	case r.retried():
		require.Greater(s.t, row.Attempts, uint16(1), r.said())
	case r.class() == schemas.ClassUnknown:
		require.Equal(s.t, uint16(3), row.Attempts, r.said())
	case r.Asks == shopeetest.Refresh: // not the first call, since the token may expire in flight
		require.Greater(s.t, row.Attempts, uint16(2), r.said())
	default:
		require.Equal(s.t, uint16(1), row.Attempts, r.said())
	}
	if r.retried() {
		require.GreaterOrEqual(s.t, row.Waited, s.cfg.Channels.MaxPendingAge.Milliseconds(), r.said())
	}
}

// Each row of the classifier through the whole system.
func TestE2EEveryRefusalHasItsFailureCode(t *testing.T) {
	t.Parallel()
	skus, shops := refusedSKUs()
	s := newSandboxedSystem(t, sandbox.Config{Shops: shops}, func(c *config.Config) {
		c.Channels.MaxPendingAge = longPending
		c.Shopee.ShopRate, c.Shopee.AppRate = 100, 500 // most rows share one shop
	})
	var own, throttled, ofDay []refusedSKU
	unknown, held := 0, 0
	for _, r := range skus {
		switch {
		case r.Asks == shopeetest.HoldDay:
			ofDay = append(ofDay, r)
		case r.class() == schemas.ClassThrottle: // two shops throttled at once slow down the app
			throttled = append(throttled, r)
		default:
			own = append(own, r)
		}
		if r.class() == schemas.ClassUnknown && r.Asks == shopeetest.Refuse {
			unknown++
		}
		if r.ofShop() {
			held++
		}
	}
	s.refuse(own...)
	s.requireFailed(own...)
	require.Contains(t, s.metrics(), fmt.Sprintf("stockpush_shopee_unknown_refusals_total %d\n", 3*unknown), "each try is counted")
	s.stop()
	s.cfg.Channels.MaxPendingAge = shortPending
	s.start()
	s.refuse(throttled...)
	s.requireFailed(throttled...)
	require.GreaterOrEqual(t, len(ofDay), 2)
	for _, r := range ofDay {
		s.aDayWithoutCalls(r)
	}
	s.sandbox.RemoveFaults(0, "")
	healed := ofDay[0]
	healed.EventID, healed.Available = "healed", 6
	s.send(healed.Event) // the app is held, so it waits
	eventually(s, "Pending", "SELECT toString(last_push_status) FROM {db}.store_sku_push_status WHERE store_sku = '"+healed.Key.StoreSKU+"'")
	s.stop()
	s.start() // forgets the hold, as the next day would end it
	eventually(s, "Successfully", "SELECT toString(last_push_status) FROM {db}.store_sku_push_status WHERE store_sku = '"+healed.Key.StoreSKU+"'")
	eventually(s, uint64(len(skus)-1-held), "SELECT count() FROM {db}.failed_push_records") // failures of a hold are pushed again
}

// aDayWithoutCalls: after a refusal for the quota nothing is sent and the push is Pending until the
// hold ends. By then it is too old, so its last try fails.
func (s *system) aDayWithoutCalls(r refusedSKU) {
	s.stop()
	s.start()
	s.refuse(r)
	from := " FROM {db}.push_record_history WHERE store_sku = '" + r.Key.StoreSKU + "'"
	eventually(s, true, fmt.Sprintf("SELECT count() > 0 AND assumeNotNull(max(queued_at)) < now64(3) - INTERVAL %d MILLISECOND%s", shortPending.Milliseconds()+1000, from))
	require.Equal(s.t, "Pending", one[string](s, "SELECT toString(status)"+from))
	require.Len(s.t, s.sandbox.Calls(r.Key.ShopID), 1)
	s.stop()
	s.start()
	s.requireFailed(r)
}
