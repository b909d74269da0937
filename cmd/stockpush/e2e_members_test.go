package main

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockpush/cmd/internal/config"
	"stockpush/cmd/internal/service"
	"stockpush/schemas/stockevent"
)

// join starts another instance of all roles and waits until it serves.
func (s *system) join() (leave func()) {
	ctx, cancel := context.WithCancel(context.Background())
	ready, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		ended <- service.Run(ctx, s.cfg, service.Running{Roles: []string{service.Processor, service.Channels, service.Sink}, Ready: func() { close(ready) }}, slog.New(slog.DiscardHandler))
	}()
	leave = sync.OnceFunc(func() {
		cancel()
		require.NoError(s.t, <-ended)
	})
	s.t.Cleanup(leave)
	select {
	case <-ready:
	case err := <-ended:
		ended <- nil
		require.NoError(s.t, err)
	}
	return leave
}

// Instances join and leave under load. Every store SKU ends at its newest quantity, no call has an
// older quantity after a newer one, and every event has one record.
func TestE2EInstancesJoinAndLeave(t *testing.T) {
	t.Parallel()
	s := newSystem(t, nil)
	const skus, rounds = 40, 6
	var leaves []func()
	for round := range rounds {
		for sku := range skus {
			for step := range 3 {
				e := event(int64(10001+sku%10), fmt.Sprintf("member-%d", sku), round*3+step+1)
				e.ItemID, e.ModelID = int64(500+sku%3), int64(sku+1)
				s.sendRaw([]byte(e.Key.String()), stockevent.Encode(&e))
			}
		}
		require.NoError(t, s.producer.Flush(t.Context()))
		switch round {
		case 1, 2:
			leaves = append(leaves, s.join())
		case 3:
			s.stop() // the first instance leaves
		case 4:
			leaves[0]()
		}
	}
	eventually(s, uint64(skus*rounds*3), "SELECT count() FROM {db}.push_records FINAL WHERE status IN ('Successfully', 'Skipped')")
	eventually(s, uint64(0), "SELECT sum(pending) FROM {db}.store_sku_push_status")
	for shop := int64(10001); shop <= 10010; shop++ {
		for _, stock := range s.sandbox.Stock(shop) {
			require.Equal(t, int64(rounds*3), stock.Stock)
		}
		sent := map[int64]int64{}
		for _, call := range s.sandbox.Calls(shop) {
			for _, line := range call.Lines {
				require.GreaterOrEqual(t, line.Stock, sent[line.ModelID], "an older quantity after a newer one")
				sent[line.ModelID] = line.Stock
			}
		}
	}
	eventually(s, uint64(skus*rounds*3), "SELECT sum(records) FROM {db}.push_stats_hourly")
}

// arrivals are the times at which calls arrived, the earliest first.
func (s *system) arrivals() (times []time.Time) {
	for _, call := range s.sandbox.Calls(0) {
		times = append(times, call.ReceivedAt)
	}
	slices.SortFunc(times, time.Time.Compare)
	return times
}

// Two instances keep shopee.app_rate together, also while partitions move from one to the other.
func TestE2EInstancesKeepTheAppRateTogether(t *testing.T) {
	const rate, skus = 20, 400
	s := newSystem(t, func(c *config.Config) { c.Shopee.AppRate, c.Shopee.ShopRate = rate, rate })
	for sku := range skus {
		e := event(int64(10001+sku%10), fmt.Sprintf("rate-%d", sku), 1)
		e.ItemID = int64(1000 + sku)
		s.sendRaw([]byte(e.Key.String()), stockevent.Encode(&e))
	}
	require.NoError(t, s.producer.Flush(t.Context()))
	reached := func(calls int) {
		require.Eventually(t, func() bool { return len(s.arrivals()) >= calls }, time.Minute, 20*time.Millisecond)
	}
	reached(40)
	s.join()
	reached(len(s.arrivals()) + 50)
	s.stop() // the first instance leaves
	reached(len(s.arrivals()) + 40)
	times := s.arrivals()
	for i, at := range times[rate+1:] {
		require.GreaterOrEqual(t, at.Sub(times[i]), time.Second, "%d calls within a second", rate+2)
	}
}
