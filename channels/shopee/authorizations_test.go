package shopee

import (
	"context"
	"strings"
	"sync/atomic"
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
		ends := time.Now().Add(100 * day)                                    // warned of when 10 are left
		const shop = sandbox.FirstShopID + 120
		require.NoError(t, l.sandbox.SetShop(sandbox.ShopState{ShopID: shop, AuthorizationEnds: ends}))
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		var told atomic.Int64
		go func() {
			defer close(done)
			l.client.KeepAuthorizations(ctx, func(all map[int64]Authorization) { told.Store(all[shop].Until.Unix()) })
		}()
		warnings := func() int { return strings.Count(l.logged.String(), "authorization ends soon") }
		time.Sleep(89 * day)
		synctest.Wait()
		require.Zero(t, warnings())
		require.Equal(t, ends.Unix(), told.Load())
		require.InDelta(t, float64(ends.Unix()), shows(t, l.client.metrics.firstEnd), 1)
		time.Sleep(10 * day)
		synctest.Wait()
		require.InDelta(t, 9, warnings(), 1, "once a day")
		require.Contains(t, l.logged.String(), "shop_id=10121")
		require.InDelta(t, 1, shows(t, l.client.metrics.endSoon), 0)
		require.InDelta(t, float64(ends.Unix()), shows(t, l.client.metrics.ending.WithLabelValues("10121")), 1)

		time.Sleep(2 * day)
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

// A warning comes at a tenth of a consent's own length, so that one of a week is not
// warned of from its first day on.
func TestAConsentIsWarnedOfByItsOwnLength(t *testing.T) {
	const day = 24 * time.Hour
	since := time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)
	for length, ahead := range map[time.Duration]time.Duration{
		7 * day: day, 10 * day: day, 30 * day: 3 * day, 90 * day: 9 * day, 180 * day: 18 * day, 300 * day: 30 * day, 365 * day: 30 * day,
	} {
		a := Authorization{since, since.Add(length)}
		require.False(t, a.endsSoon(a.Until.Add(-ahead-time.Second)), length)
		require.True(t, a.endsSoon(a.Until.Add(-ahead)), length)
		require.True(t, a.endsSoon(a.Until.Add(day)), length)
	}
	unknown := Authorization{Until: since}
	require.False(t, unknown.endsSoon(since.Add(-31*day)))
	require.True(t, unknown.endsSoon(since.Add(-30*day)))
}
