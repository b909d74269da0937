package main

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"stockpush/channels/shopee/sandbox"
	"stockpush/cmd/internal/programtest"
	"stockpush/processor/stream/kafka"
	"stockpush/schemas"
)

// newLog is a service whose events topic changes.
type newLog struct {
	*system
	s    *surroundings
	runs *programtest.Process
	n    int
}

const (
	newLogShop  = 10003
	newLogSKUs  = 12
	lockedModel = 99
)

func (l *newLog) round() {
	var events []schemas.Event
	for sku := range newLogSKUs {
		for range 2 {
			l.n++
			e := event(newLogShop, fmt.Sprintf("sku-%d", sku), l.n)
			e.ModelID = int64(sku + 1)
			events = append(events, e)
		}
	}
	l.send(events...)
}

// settled waits until every event has its record and the newest quantities are shown.
func (l *newLog) settled() {
	l.t.Helper()
	eventually(l.system, uint64(l.n), "SELECT uniqExact(event_id) FROM {db}.push_record_history WHERE status IN ('Successfully', 'Skipped') AND store_sku LIKE 'sku-%'")
	for sku := range newLogSKUs {
		want := int64(l.n - 2*(newLogSKUs-1-sku))
		eventually(l.system, fmt.Sprintf("Successfully %d", want), fmt.Sprintf(
			"SELECT any(concat(toString(last_push_status), ' ', toString(last_push_qty))) FROM {db}.store_sku_push_status WHERE store_sku = 'sku-%d'", sku))
		require.Contains(l.t, l.sandbox.Stock(newLogShop), sandbox.Stock{ItemID: 500, ModelID: int64(sku + 1), Stock: want})
	}
	require.Zero(l.t, one[uint64](l.system, "SELECT count() FROM {db}.rejected_events"))
}

// refused asserts that every command that would compare offsets refuses to run.
func (l *newLog) refused() {
	for _, args := range [][]string{{"check"}, {"run"}, {"retry", "--yes"}} {
		code, out, errs := l.s.stockpush(args...)
		require.Equal(l.t, 1, code, args)
		require.Contains(l.t, out+errs, "setup --new-log", args)
	}
	code, _, _ := l.s.stockpush("setup", "--check")
	require.Equal(l.t, 1, code)
	code, _, errs := l.s.stockpush("setup")
	require.Equal(l.t, 1, code)
	require.Contains(l.t, errs, "setup --new-log")
}

// addPartitions doubles the partitions of the events topic, as an operator would.
func (s *surroundings) addPartitions() {
	client, err := kgo.NewClient(s.Conn().Options()...)
	require.NoError(s.TB, err)
	defer client.Close()
	answers, err := kadm.NewClient(client).CreatePartitions(s.TB.Context(), 3, "stockpush.events")
	require.NoError(s.TB, err)
	require.NoError(s.TB, answers.Error())
}

// renewProducer creates a producer that knows the changed topic.
func (l *newLog) renewProducer() {
	l.producer.Close()
	producer, err := kafka.NewProducer(l.conn, kafka.DefaultBatchBytes)
	require.NoError(l.t, err)
	l.t.Cleanup(producer.Close)
	l.producer = producer
}

func TestChangedEventsTopicIsRefusedUntilDeclared(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name   string
		change func(l *newLog)
		// running says that the service runs while the topic changes.
		running bool
		// left says that events are unprocessed when the topic changes.
		left bool
	}{
		{"recreated while nothing runs", func(l *newLog) { l.s.remakeEvents(3) }, false, false},
		{"recreated under a running service", func(l *newLog) { l.s.remakeEvents(3) }, true, false},
		{"more partitions while nothing runs, and events left", func(l *newLog) { l.s.addPartitions() }, false, true},
		{"more partitions under a running service", func(l *newLog) { l.s.addPartitions() }, true, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := newSurroundings(t)
			s.Configure("  shop_rate: 100\n  app_rate: 400\nprocessor: {window: 200ms}\n")
			require.NoError(t, s.Sandbox.Describe(sandbox.Item{ShopID: newLogShop, ItemID: 700, Models: []sandbox.Model{{ModelID: lockedModel, Locked: true}}}))
			s.setUp()
			l := &newLog{s: s, system: s.system()}
			l.runs = s.Serve("--roles", "processor,channels,sink")
			l.round()
			l.settled()
			failing := event(newLogShop, "failing", 1)
			failing.ItemID, failing.ModelID = 700, lockedModel
			l.send(failing)
			eventually(l.system, uint64(1), "SELECT count() FROM {db}.failed_push_records")
			if c.running {
				c.change(l)
				l.renewProducer()
				l.round()
				require.Error(t, l.runs.Cmd.Wait())
				require.Equal(t, 1, l.runs.Cmd.ProcessState.ExitCode())
				require.Contains(t, string(l.runs.Log()), "setup --new-log")
				require.Less(t, len(l.runs.Log()), 20_000, "a lasting error is logged once")
			} else {
				l.runs.Terminate()
				if c.left {
					l.round()
				}
				c.change(l)
				l.renewProducer()
				l.round()
			}
			l.refused()
			code, out, errs := s.stockpush("setup", "--new-log")
			require.Equal(t, 0, code, errs)
			require.Contains(t, out, "declaration of the events topic as log 2")
			l.runs = s.Serve("--roles", "processor,channels,sink")
			l.settled()
			l.round()
			l.settled()
			l.failureOfTheOldLog()
			eventually(l.system, uint64(l.n+2), "SELECT sum(records) FROM {db}.push_stats_hourly")
			l.runs.Terminate()
		})
	}
}

// failureOfTheOldLog: a failure of the old log cannot be repeated, which retry reports; a new event
// resolves it.
func (l *newLog) failureOfTheOldLog() {
	eventually(l.system, uint64(1), "SELECT count() FROM {db}.failed_push_records WHERE log_id = 1")
	code, out, errs := l.s.stockpush("retry", "--yes", "--output", "json")
	require.Equal(l.t, 0, code, errs)
	require.Contains(l.t, out, `"old_log": 1`)
	require.NoError(l.t, l.sandbox.Describe(sandbox.Item{ShopID: newLogShop, ItemID: 700, Models: []sandbox.Model{{ModelID: lockedModel}}}))
	news := event(newLogShop, "failing", 2)
	news.ItemID, news.ModelID = 700, lockedModel
	l.send(news)
	eventually(l.system, uint64(0), "SELECT count() FROM {db}.failed_push_records")
	require.Eventually(l.t, func() bool {
		return slices.ContainsFunc(l.sandbox.Stock(newLogShop), func(s sandbox.Stock) bool { return s.ItemID == 700 && s.Stock == 2 })
	}, 30*time.Second, 50*time.Millisecond)
}
