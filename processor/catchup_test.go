package processor_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"stockpush/processor"
	"stockpush/processor/stream"
	"stockpush/processor/stream/kafka"
	"stockpush/processor/stream/streamtest"
	"stockpush/schemas"
)

// backlog is a partition that the test feeds; the test sets the end of its log.
type backlog struct {
	*bench
	log *streamtest.Partition
}

func newBacklog(t *testing.T, change func(*processor.Config)) *backlog {
	b := &backlog{bench: &bench{t: t, broker: &broker{}}}
	b.log = streamtest.Run(t.Context(), stream.OwnerConfig{
		Topic: topics.Events(), Alive: func() bool { return true }, Failed: func(err error) { t.Error(err) },
	}, b.processor(processor.EventLog{ID: 1, Partitions: 1, CommandPartitions: 1}, nil, change))
	return b
}

// read delivers events, after which the log has unread more.
func (b *backlog) read(unread int64, events ...schemas.Event) {
	batch := b.batch(events)
	require.NoError(b.t, b.log.Deliver(batch, b.next+unread))
	synctest.Wait()
}

func (b *backlog) commands() int { return len(b.broker.sent().commands) }

func TestPartitionThatIsBehindHasCatchUpWindows(t *testing.T) {
	for name, c := range map[string]struct {
		unread int64
		change func(*processor.Config)
		want   time.Duration
	}{
		"all of the log is read":      {0, nil, time.Second},
		"so little is unread":         {2000, nil, time.Second},
		"more is unread":              {2001, nil, 10 * time.Second},
		"another catch-up window":     {2001, func(c *processor.Config) { c.CatchUpWindow = 3 * time.Second }, 3 * time.Second},
		"one shorter than the window": {2001, func(c *processor.Config) { c.CatchUpWindow = time.Millisecond }, time.Second},
		"the buffer is full":          {2001, func(c *processor.Config) { c.MaxBufferedSKUs = 1 }, time.Second},
		"one more has room":           {2001, func(c *processor.Config) { c.MaxBufferedSKUs = 2 }, 10 * time.Second},
		"a store SKU is quiet":        {2001, func(c *processor.Config) { c.QuietPeriod = 500 * time.Millisecond }, 500 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBacklog(t, c.change)
				b.read(c.unread, event("a", 1))
				pause(c.want - time.Millisecond)
				require.Zero(t, b.commands())
				pause(time.Millisecond)
				require.Equal(t, 1, b.commands())
				b.log.Drain(t.Context())
			})
		})
	}
}

// A transaction's markers are not events: nothing is unread when only they follow.
func TestMarkersAreNotABacklog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBacklog(t, nil)
		const markers = 3000
		b.read(markers, event("a", 1))
		var batch []*kafka.Record
		for range markers {
			batch = append(batch, &kafka.Record{Offset: b.next, Attrs: kgo.NewRecordAttrs(kgo.RecordAttrsOpts{Control: true})})
			b.next++
		}
		require.NoError(t, b.log.Deliver(batch, b.next))
		pause(time.Second)
		require.Equal(t, 1, b.commands())
		b.log.Drain(t.Context())
	})
}

// The normal window applies at once to what is open when the partition has caught up.
func TestNormalWindowAppliesAtOnceAfterCatchingUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBacklog(t, nil)
		b.read(1_000_000, event("old", 1))
		pause(4500 * time.Millisecond)
		b.read(500_000, event("old", 2), event("recent", 1))
		pause(500 * time.Millisecond)
		require.Zero(t, b.commands())
		b.read(0, event("old", 3))
		require.Equal(t, 1, b.commands(), "it was open for five seconds")
		require.Equal(t, int64(3), b.broker.sent().commands[0].Available)
		pause(499 * time.Millisecond)
		require.Equal(t, 1, b.commands())
		pause(time.Millisecond)
		require.Equal(t, 2, b.commands(), "it was open for a second")
		b.log.Drain(t.Context())
	})
}

// A full buffer has room after the normal window even if its partition is behind.
func TestFullBufferContinuesAfterTheNormalWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBacklog(t, func(c *processor.Config) { c.MaxBufferedSKUs = 2 })
		b.read(1_000_000, event("a", 1), event("b", 1), event("c", 1), event("d", 1))
		pause(time.Second)
		require.Equal(t, 2, b.commands())
		pause(time.Second)
		require.Equal(t, 4, b.commands())
		b.log.Drain(t.Context())
	})
}
