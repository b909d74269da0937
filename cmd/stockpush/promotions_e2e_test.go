package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"stockpush/channels/shopee/sandbox"
	"stockpush/cmd/internal/config"
	"stockpush/cmd/internal/promotions"
	"stockpush/cmd/internal/pushrecords"
	"stockpush/schemas"
)

const promotionShop = 10003

// frontDoor is the seller's reverse proxy: its address is registered with Shopee, and it forwards
// messages to another path elsewhere.
type frontDoor struct {
	*httptest.Server
	target atomic.Pointer[url.URL]
}

func newFrontDoor(t *testing.T) *frontDoor {
	d := new(frontDoor)
	d.Server = httptest.NewServer(&httputil.ReverseProxy{
		Rewrite:  func(r *httputil.ProxyRequest) { r.SetURL(d.target.Load()); r.Out.URL.Path = "/internal" },
		ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError),
	})
	t.Cleanup(d.Close)
	return d
}

// promoted returns an event of a model of its own item.
func promoted(sku string, item, available int) schemas.Event {
	e := event(promotionShop, sku, available)
	e.ItemID = int64(item)
	return e
}

func (s *system) promotion(item int, reserved int64, locked bool) {
	s.t.Helper()
	require.NoError(s.t, s.sandbox.SetPromotion(sandbox.Promotion{ShopID: promotionShop, ItemID: int64(item), ModelID: 7, Reserved: reserved, Locked: locked}))
}

// refreshes returns the SQL that selects the refreshes of a store SKU.
func refreshes(sku string) string {
	return " FROM {db}.push_record_history WHERE reason = 'Refresh Inventory' AND repeats_offset IS NOT NULL AND retry_of = '' AND store_sku = '" + sku + "'"
}

func TestE2EPromotionEndRePushesItsRefusals(t *testing.T) {
	door := newFrontDoor(t)
	s := newSystem(t, func(c *config.Config) {
		c.Shopee.Webhook = config.Webhook{Listen: "127.0.0.1:0", URL: door.URL + "/shopee/push?v=1", Key: "push-key"}
	})
	door.target.Store(&url.URL{Scheme: "http", Host: s.webhook})
	target := sandbox.PushTarget{URL: s.cfg.Shopee.Webhook.URL, Key: "push-key"}
	unsigned, err := http.Post(target.URL, "application/json", strings.NewReader(`{"code":7,"shop_id":10001,"timestamp":1,"data":{}}`))
	require.NoError(t, err)
	require.NoError(t, unsigned.Body.Close())
	require.Equal(t, http.StatusUnauthorized, unsigned.StatusCode, "only a trial of the URL needs no signature")
	require.NoError(t, s.sandbox.SetPush(target))

	s.promotion(1, 0, true)
	s.promotion(2, 50, false)
	s.promotion(3, 0, true)
	s.send(promoted("locked", 1, 9), promoted("reserved", 2, 9), promoted("still-locked", 3, 9))
	eventually(s, "locked promotion_locked,reserved below_promotion_reserve 50,still-locked promotion_locked", `SELECT arrayStringConcat(arraySort(groupArray(
		concat(store_sku, ' ', failure_code, if(promotion_floor IS NULL, '', concat(' ', toString(assumeNotNull(promotion_floor))))))), ',') FROM {db}.failed_push_records`)
	require.Len(t, s.sandbox.Calls(promotionShop), 3, "they fail at once")

	s.promotion(1, 0, false)
	s.promotion(2, 5, false)
	eventually(s, "still-locked", "SELECT arrayStringConcat(groupArray(store_sku), ',') FROM {db}.failed_push_records")
	for sku, item := range map[string]int{"locked": 1, "reserved": 2} {
		require.Equal(t, "Successfully 9", one[string](s, "SELECT concat(toString(status), ' ', toString(after_qty))"+refreshes(sku)))
		require.Equal(t, one[int64](s, "SELECT event_offset FROM {db}.push_record_history WHERE status = 'Failed' AND store_sku = '"+sku+"'"),
			one[int64](s, "SELECT assumeNotNull(repeats_offset)"+refreshes(sku)))
		require.Contains(t, s.sandbox.Stock(promotionShop), sandbox.Stock{ItemID: int64(item), ModelID: 7, Stock: 9, Reserved: map[int]int64{2: 5}[item]})
	}
	require.Len(t, s.sandbox.Calls(promotionShop), 5)
	metrics := s.metrics()
	require.Contains(t, metrics, `stockpush_webhook_messages_total{code="7",meaning="released"} 1`)
	require.Contains(t, metrics, `stockpush_webhook_messages_total{code="8",meaning="released"} 1`)
	require.Contains(t, metrics, `stockpush_webhook_refused_total{cause="signature"} 1`)
	require.Contains(t, metrics, `stockpush_promotions_refreshes_total{cause="message"} 2`)
}

func (s *system) metrics() string {
	address, err := url.Parse(s.console)
	require.NoError(s.t, err)
	page, err := http.Get("http://" + address.Host + "/metrics")
	require.NoError(s.t, err)
	defer func() { _ = page.Body.Close() }()
	text, err := io.ReadAll(page.Body)
	require.NoError(s.t, err)
	return string(text)
}

func TestE2EPromotionRefusalIsRetriedByAge(t *testing.T) {
	t.Parallel()
	s := newSystem(t, func(c *config.Config) { c.Shopee.PromotionRetry = time.Second })
	s.promotion(1, 0, true)
	s.promotion(2, 0, true)
	s.send(promoted("a", 1, 9), promoted("b", 2, 9))
	eventually(s, true, "SELECT countIf(store_sku = 'a') >= 3 AND countIf(store_sku = 'b') >= 3 FROM {db}.failed_push_records WHERE failure_code = 'promotion_locked'")
	early := `SELECT countIf(dateDiff('millisecond', before, triggered_at) < 1000) FROM (
		SELECT triggered_at, lagInFrame(triggered_at, 1, triggered_at - INTERVAL 1 DAY) OVER (PARTITION BY store_sku ORDER BY event_offset) AS before
		FROM {db}.push_record_history WHERE status != 'Skipped')`
	require.Zero(t, one[uint64](s, early), "each waits its time")
	s.send(promoted("b", 2, 4)) // a new event, which a pending refresh must not undo
	s.promotion(1, 0, false)
	s.promotion(2, 0, false)
	eventually(s, uint64(0), "SELECT count() FROM {db}.failed_push_records")
	eventually(s, uint64(0), "SELECT sum(pending) FROM {db}.store_sku_push_status")
	require.Equal(t, []sandbox.Stock{{ItemID: 1, ModelID: 7, Stock: 9}, {ItemID: 2, ModelID: 7, Stock: 4}}, s.sandbox.Stock(promotionShop))
}

func TestE2ESeveralProcessesRefreshOnce(t *testing.T) {
	t.Parallel()
	s := newSystem(t, nil)
	for item := 1; item <= 20; item++ {
		s.promotion(item, 0, true)
		s.send(promoted(fmt.Sprintf("sku-%02d", item), item, 9))
	}
	eventually(s, uint64(20), "SELECT count() FROM {db}.failed_push_records")
	calls := len(s.sandbox.Calls(promotionShop))
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	const processes = 4
	var others []*promotions.Refresher
	for range processes {
		r := promotions.New(promotions.Deps{Publisher: s.newRetrier(), Logger: slog.New(slog.DiscardHandler), Metrics: promotions.NewMetrics(prometheus.NewRegistry())})
		others = append(others, r)
		go func() { r.FollowMessages(ctx); ended <- struct{}{} }()
	}
	for item := 1; item <= 20; item++ {
		s.promotion(item, 0, false)
		for _, r := range others {
			r.Released(pushrecords.Item{ShopID: promotionShop, ItemID: int64(item)})
		}
	}
	eventually(s, uint64(0), "SELECT count() FROM {db}.failed_push_records")
	cancel()
	for range processes {
		<-ended
	}
	eventually(s, uint64(0), "SELECT sum(pending) FROM {db}.store_sku_push_status")
	eventually(s, uint64(20), "SELECT count() FROM {db}.push_record_history WHERE reason = 'Refresh Inventory' AND status = 'Successfully'")
	require.LessOrEqual(t, len(s.sandbox.Calls(promotionShop)), calls+20, "what the others published is skipped")
}
