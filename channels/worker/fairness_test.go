package worker_test

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"stockpush/channels"
	"stockpush/channels/channeltest"
	"stockpush/channels/pacer"
	"stockpush/channels/worker"
	"stockpush/processor/stream/kafka"
	"stockpush/processor/stream/streamtest"
	"stockpush/schemas"
	"stockpush/schemas/schemastest"
)

// spread is a stage at work on several partitions, its shops spread over them.
type spread struct {
	*channeltest.Times
	memory     *channeltest.Memory
	stage      *worker.Handler
	t          *testing.T
	deliver    []func([]*kafka.Record)
	ended      sync.WaitGroup
	offset     int64
	partitions int64
	// reason is that of what is pushed.
	reason schemas.Reason
}

func newSpread(t *testing.T, partitions int64, answer func(call channels.Call) *channels.Answer, change func(*channeltest.Settings)) *spread {
	cfg := channeltest.Defaults()
	change(&cfg)
	s := &spread{t: t, Times: &channeltest.Times{}, partitions: partitions, reason: schemas.SyncOrder}
	memory := channeltest.NewMemory(func(_ context.Context, _ int, call channels.Call) *channels.Answer {
		s.Add(call.ShopID)
		return answer(call)
	})
	s.memory = memory
	stage, err := worker.New(cfg.Config, worker.Deps{
		Channel: memory, Producer: &log{}, DeadLetters: &log{}, Topics: topics, History: channeltest.History{}, RecordPartitions: 1, Pacer: cfg.Pacer(),
		Logger: slog.New(slog.DiscardHandler), Metrics: worker.NewMetrics(prometheus.NewRegistry()),
	})
	require.NoError(t, err)
	s.stage = stage
	for p := range partitions {
		a, deliver := streamtest.NewAssignment(t.Context(), topics.Commands(), int32(p))
		s.deliver = append(s.deliver, deliver)
		s.ended.Go(func() { require.NoError(t, stage.Run(t.Context(), a)) })
	}
	return s
}

// push lets a number of items of a shop wait for their pushes.
func (s *spread) push(shop int64, items int) {
	var batch []*kafka.Record
	for i := range items {
		s.offset++
		e := event("a", s.offset, 1)
		e.Reason = s.reason
		e.Key.ShopID, e.Key.StoreSKU, e.ItemID = shop, fmt.Sprint("sku-", i), int64(i+1)
		value := schemastest.AppendCommand(nil, &schemas.Command{Event: e, QueuedAt: time.Now()})
		batch = append(batch, &kafka.Record{Topic: topics.Commands(), Offset: s.offset, Key: []byte(e.Key.String()), Value: value})
	}
	s.deliver[shop%s.partitions](batch)
}

func (s *spread) finish() {
	for _, deliver := range s.deliver {
		deliver(nil)
	}
	s.ended.Wait()
}

func succeed(channels.Call) *channels.Answer { return nil }

func TestShopWithOnePushDoesNotWaitForShopsWithThousands(t *testing.T) {
	bubble(t, func(t *testing.T) {
		const shops, busy = 200, 1000 // the busy shops are 1000 to 1002, in three partitions
		s := newSpread(t, 12, succeed, func(c *channeltest.Settings) { c.ShopRate, c.AppRate = 1000, 20 })
		for shop := range int64(3) {
			s.push(busy+shop, 2000)
		}
		pause(5 * time.Second)
		pushedAt := time.Now()
		for shop := range int64(shops) {
			s.push(shop+1, 1)
		}
		pause(20 * time.Second)
		for shop := range int64(shops) {
			calls := s.Of(shop + 1)
			require.Len(t, calls, 1)
			// All shops have one turn each before a busy one has its second.
			require.Less(t, calls[0].Sub(pushedAt), (shops+2*3+2)*time.Second/20)
		}
		require.LessOrEqual(t, s.MostIn(time.Second), 21)
		require.GreaterOrEqual(t, len(s.All()), 24*20, "the rate is made use of")
		s.finish()
	})
}

func TestShopsOfOneAppShareItsRateEvenly(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newSpread(t, 12, succeed, func(c *channeltest.Settings) { c.AppRate = 20 })
		for shop := range int64(200) {
			s.push(shop+1, 30)
		}
		pause(100 * time.Second)
		for shop := range int64(200) {
			require.InDelta(t, 10, len(s.Of(shop+1)), 1, "shop %d", shop+1)
		}
		require.LessOrEqual(t, s.MostIn(time.Second), 21)
		require.InDelta(t, 2000, len(s.All()), 5)
		s.finish()
	})
}

func TestRateFallsWhenThrottledAndRecovers(t *testing.T) {
	bubble(t, func(t *testing.T) {
		takes := 4.0 // calls a second that the marketplace takes of the app
		var mu sync.Mutex
		var recent []time.Time
		refused := 0
		answer := func(call channels.Call) *channels.Answer {
			mu.Lock()
			defer mu.Unlock()
			now := time.Now()
			recent = append(recent, now)
			for now.Sub(recent[0]) >= time.Second {
				recent = recent[1:]
			}
			if float64(len(recent)) <= takes {
				return nil
			}
			refused++
			return channeltest.All(call, channels.Verdict{Outcome: channels.Refused, Code: schemas.RateLimited, Scope: channels.ScopeShop}, false)
		}
		s := newSpread(t, 4, answer, func(c *channeltest.Settings) { c.AppRate = 20 })
		for shop := range int64(20) {
			s.push(shop+1, 400)
		}
		pause(time.Minute)
		before := len(s.All())
		mu.Lock()
		refused = 0
		mu.Unlock()
		pause(5 * time.Minute)
		made := len(s.All()) - before
		mu.Lock()
		require.Less(t, refused, made/4, "of %d calls", made)
		require.Greater(t, made-refused, int(0.5*takes*300), "the rate that is taken is made use of")
		takes = 1000
		mu.Unlock()
		pause(2 * time.Minute)
		before = len(s.All())
		pause(time.Minute)
		require.InDelta(t, 20*60, len(s.All())-before, 20, "back at the configured rate")
		s.finish()
	})
}

func TestDailyQuotaHoldsEveryShopUntilItIsRenewed(t *testing.T) {
	bubble(t, func(t *testing.T) {
		midnight := time.Now().Add(5 * time.Hour)
		answer := func(call channels.Call) *channels.Answer {
			if !time.Now().Before(midnight) {
				return nil
			}
			return channeltest.All(call, channels.Verdict{
				Outcome: channels.Refused, Code: schemas.DailyQuotaExhausted, Scope: channels.ScopeApp, HoldUntil: midnight,
			}, false)
		}
		s := newSpread(t, 4, answer, func(c *channeltest.Settings) { c.AppRate = 20 })
		s.push(1, 10)
		pause(time.Second)
		held := len(s.All())
		for shop := range int64(20) {
			s.push(shop+1, 10)
		}
		pause(5*time.Hour - 2*time.Second)
		require.Len(t, s.All(), held, "no shop calls")
		pause(time.Minute)
		require.InDelta(t, held+20*10, len(s.All()), 1, "then each quantity is sent once")
		require.LessOrEqual(t, s.MostIn(time.Second), 21)
		s.finish()
	})
}

func TestNestedCallPrecedesPushesWithinTheLimits(t *testing.T) {
	bubble(t, func(t *testing.T) {
		cfg := channeltest.Defaults()
		pacer := cfg.Pacer()
		memory := channeltest.NewMemory(func(ctx context.Context, _ int, call channels.Call) *channels.Answer {
			if call.ShopID != 1 {
				return nil
			}
			ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
			defer cancel()
			for range 2 {
				if pacer.Wait(ctx, call.ShopID) != nil {
					return channeltest.All(call, channels.Verdict{Code: schemas.TimedOut}, true)
				}
			}
			return nil
		})
		b := newBench(t.Context(), t, memory, options{pacer: pacer, change: func(c *channeltest.Settings) { *c = cfg }})
		for i := range int64(300) { // 150 shops beside the one whose calls need more calls
			e := event("a", i+1, 1)
			e.Key.ShopID, e.Key.StoreSKU, e.ItemID = 1+i%2*(i+1), fmt.Sprint(i), i+1
			b.push(e)
		}
		pause(3 * time.Minute)
		for id, r := range b.log.last() {
			require.Equal(t, schemas.Successfully, r.Status, id)
			require.EqualValues(t, 1, r.Attempts, id)
		}
		require.Len(t, b.log.last(), 300)
		b.finish()
	})
}

func TestWaitFailsIfNoCallIsAllowedInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pacer := pacer.New(0.01, 10)
		require.NoError(t, pacer.Wait(t.Context(), 1))
		begun := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		require.Error(t, pacer.Wait(ctx, 1), "the shop's next call is in 100 s")
		require.Equal(t, begun, time.Now(), "it is known at once")
		require.NoError(t, pacer.Wait(ctx, 2))
		gone, leave := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, leave)
		require.ErrorIs(t, pacer.Wait(gone, 1), context.Canceled)
		require.NoError(t, pacer.Wait(ctx, 3), "who left is not waited for")
		require.Less(t, time.Since(begun), 2*time.Second)
	})
}
