package shopee

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"stockpush/channels/channeltest"
	"stockpush/channels/shopee/sandbox"
	"stockpush/schemas"
)

func TestTheEndOfAnAuthorizationIsWarnedOf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const day = 24 * time.Hour
		l := newLanes(t, sandbox.Config{Shops: 150}, channeltest.Defaults()) // two pages
		ends := time.Now().Add(32 * day)
		const shop = sandbox.FirstShopID + 120
		require.NoError(t, l.sandbox.SetShop(sandbox.ShopState{ShopID: shop, AuthorizationEnds: ends}))
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); l.client.KeepAuthorizations(ctx) }()
		warnings := func() int { return strings.Count(l.logged.String(), "authorization ends soon") }
		time.Sleep(day)
		synctest.Wait()
		require.Zero(t, warnings())
		require.InDelta(t, float64(ends.Unix()), shows(t, l.client.metrics.firstEnd), 1)
		time.Sleep(10 * day)
		synctest.Wait()
		require.InDelta(t, 9, warnings(), 1, "once a day")
		require.Contains(t, l.logged.String(), "shop_id=10121")
		require.InDelta(t, 1, shows(t, l.client.metrics.endSoon), 0)

		time.Sleep(30 * day)
		lost := l.push(schemas.Event{Key: schemas.Key{ShopID: shop}, ItemID: 1, Available: 1})
		time.Sleep(time.Minute)
		require.Equal(t, schemas.AuthorizationLost, l.record(lost).FailureCode)
		require.NoError(t, l.client.Exchange(ctx, "again", shop))
		time.Sleep(2 * time.Hour)
		require.InDelta(t, 0, shows(t, l.client.metrics.endSoon), 0)
		sent := l.push(schemas.Event{Key: schemas.Key{ShopID: shop}, ItemID: 1, Available: 2})
		time.Sleep(time.Minute)
		synctest.Wait()
		require.Equal(t, schemas.Successfully, l.record(sent).Status)
		cancel()
		<-done
		l.finish()
	})
}
