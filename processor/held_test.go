package processor_test

import (
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"stockpush/processor"
	"stockpush/processor/stream"
	"stockpush/schemas"
)

// backlog is a partition of a process that is far behind, or not.
type backlog struct {
	*bench
	log    *stream.Manual
	behind atomic.Int64
}

func newBacklog(t *testing.T, change func(*processor.Config)) *backlog {
	b := &backlog{}
	b.behind.Store(1 << 20)
	b.bench = &bench{t: t, broker: &broker{}, courtesy: stream.NewCourtesy(b.behind.Load)}
	b.log = stream.RunManual(t.Context(), stream.ManualConfig{
		Topic: topics.Events(), Alive: func() bool { return true }, Failed: func(err error) { t.Error(err) },
	}, b.processor(processor.Log{ID: 1, Partitions: 1, CommandPartitions: 1}, nil, change))
	return b
}

// read gives events to the partition, behind which the log has more.
func (b *backlog) read(more int64, events ...schemas.Event) {
	batch := b.batch(events)
	require.NoError(b.t, b.log.Deliver(batch, b.next+more))
	pause(20 * time.Millisecond)
}

func (b *backlog) requireSent(commands, records int) {
	b.t.Helper()
	sent := b.broker.sent()
	require.Len(b.t, sent.commands, commands)
	require.Len(b.t, sent.records, records)
}

// Nobody would take their commands. What was replaced meanwhile is recorded in time.
func TestWindowsStayOpenWhileLanesLetCompactionGoFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBacklog(t, nil)
		b.read(9, event("a", 1), event("a", 2))
		pause(time.Second)
		b.requireSent(0, 1)
		b.read(9, event("a", 3), event("b", 1))
		pause(3 * time.Second)
		b.requireSent(0, 2)
		b.behind.Store(0)
		b.read(9, event("c", 1))
		b.requireSent(2, 4)
		require.Equal(t, int64(3), b.broker.sent().commands[0].Available)
		pause(time.Second)
		b.requireSent(3, 5)
		b.log.Drain(t.Context())
	})
}

func TestWindowsCloseInTimeThoughLanesLetCompactionGoFirst(t *testing.T) {
	for name, c := range map[string]struct {
		skus   int
		more   int64
		after  time.Duration
		change func(*processor.Config)
	}{
		"all of the log is read":         {1, 0, time.Second, nil},
		"they did so for ten seconds":    {1, 9, 11 * time.Second, nil},
		"very many are open":             {260_000, 9, time.Second, nil},
		"half as many wait as may do so": {1, 9, time.Second, func(c *processor.Config) { c.MaxBufferedSKUs = 2 }},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBacklog(t, c.change)
				events := make([]schemas.Event, c.skus)
				for i := range events {
					events[i] = event(fmt.Sprintf("a%d", i), 1)
				}
				b.read(c.more, events...)
				pause(c.after)
				b.requireSent(c.skus, c.skus)
				b.log.Drain(t.Context())
			})
		})
	}
}
