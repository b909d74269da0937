package promotions

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"stockpush/cmd/internal/pushrecords"
	"stockpush/cmd/internal/retry"
	"stockpush/schemas"
)

// publisher records requests and their times.
type publisher struct {
	mu    sync.Mutex
	asked []asked
	fails int
}

type asked struct {
	after time.Duration
	retry.Request
}

func (p *publisher) Do(_ context.Context, q retry.Request) (retry.Result, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked = append(p.asked, asked{time.Since(epoch), q})
	if p.fails > 0 {
		p.fails--
		return retry.Result{}, errors.New("ClickHouse is down")
	}
	return retry.Result{Published: 1}, nil
}

// epoch is the start time of a synctest bubble.
var epoch = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// during runs a Refresher's loop while do runs.
func during(t *testing.T, p *publisher, loop func(*Refresher, context.Context), do func(*Refresher)) {
	synctest.Test(t, func(t *testing.T) {
		r := New(Deps{Publisher: p, Logger: slog.New(slog.DiscardHandler), Metrics: NewMetrics(prometheus.NewRegistry())})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { defer close(ended); loop(r, ctx) }()
		do(r)
		cancel()
		<-ended
	})
}

func item(id int64) pushrecords.Item { return pushrecords.Item{ShopID: 10001, ItemID: id} }

func (p *publisher) seconds() (all []int) {
	for _, a := range p.asked {
		all = append(all, int(a.after.Seconds()))
	}
	return all
}

func TestMessagesOfAnItemCauseOneRefresh(t *testing.T) {
	p := new(publisher)
	during(t, p, (*Refresher).FollowMessages, func(r *Refresher) {
		for range 500 {
			r.Released(item(1))
			r.Released(item(2))
		}
		time.Sleep(time.Hour)
	})
	require.Len(t, p.asked, 1)
	q := p.asked[0]
	require.Equal(t, []pushrecords.Item{item(1), item(2)}, q.Filter.Items)
	require.Equal(t, []schemas.FailureCode{schemas.BelowPromotionReserve, schemas.PromotionLocked}, q.Filter.FailureCodes)
	require.True(t, q.Refresh)
	require.Equal(t, maxEvents, q.Limit)
	require.Equal(t, settle, q.after)
}

func TestItemIsRefreshedAtMostOncePerMinute(t *testing.T) {
	p := new(publisher)
	during(t, p, (*Refresher).FollowMessages, func(r *Refresher) {
		for range 600 { // ten minutes with an order each second
			r.Released(item(1))
			time.Sleep(time.Second)
		}
		time.Sleep(2 * time.Minute)
	})
	require.Len(t, p.asked, 11)
	for i := 1; i < len(p.asked); i++ {
		require.GreaterOrEqual(t, p.asked[i].after-p.asked[i-1].after, gap)
	}
}

func TestItemsWaitWhileClickHouseIsDown(t *testing.T) {
	p := &publisher{fails: 3}
	during(t, p, (*Refresher).FollowMessages, func(r *Refresher) {
		r.Released(item(1))
		time.Sleep(10 * time.Second)
		r.Released(item(1))
		time.Sleep(time.Hour)
	})
	require.Equal(t, []int{3, 6, 9, 12}, p.seconds())
	for _, a := range p.asked {
		require.Equal(t, []pushrecords.Item{item(1)}, a.Filter.Items)
	}
}

func TestWaitingItemsAreBounded(t *testing.T) {
	w := newItems()
	for n := range int64(maxItems) {
		require.True(t, w.note(item(n+1), epoch))
	}
	require.False(t, w.note(item(maxItems+1), epoch))
	require.True(t, w.note(item(1), epoch), "the item is already waiting")
	seen := map[pushrecords.Item]bool{}
	for len(w.due) > 0 {
		taken := w.take(epoch.Add(settle))
		require.LessOrEqual(t, len(taken), maxItemsAtOnce)
		for _, i := range taken {
			require.False(t, seen[i])
			seen[i] = true
		}
	}
	require.Len(t, seen, maxItems)
	w.take(epoch.Add(2 * gap))
	require.Empty(t, w.looked, "old lookups are forgotten")
}

func TestFailuresAreRefreshedRepeatedlyByAge(t *testing.T) {
	p := new(publisher)
	ages := func(r *Refresher, ctx context.Context) { r.FollowAges(ctx, time.Hour) }
	during(t, p, ages, func(*Refresher) { time.Sleep(10*time.Minute + time.Second) })
	require.Len(t, p.asked, 10)
	for _, a := range p.asked {
		require.Equal(t, epoch.Add(a.after).Add(-time.Hour), a.Filter.Until.UTC())
		require.Empty(t, a.Filter.Items)
		require.True(t, a.Refresh)
	}
}
