package processor_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"regexp"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"stockpush/processor"
	"stockpush/processor/stream/streamtest"
	"stockpush/schemas"
)

func TestLoneEventIsSentWhenItsWindowCloses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, nil)
		b.send(event("a", 5))
		pause(999 * time.Millisecond)
		require.Empty(t, b.broker.sent().commands)
		require.Empty(t, b.broker.sent().records)
		pause(time.Millisecond)
		require.Len(t, b.broker.sent().commands, 1)
		require.Equal(t, schemas.Pending, b.broker.sent().records[0].Status)
		require.Equal(t, int64(1), b.committable())
		b.finish()
	})
}

func TestDrainWaitsUntilWhatWasSentIsAcknowledged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, nil)
		b.broker.hold()
		b.send(event("a", 5))
		pause(time.Second)
		b.deliver(nil)
		b.broker.release(0)
		require.Empty(t, b.ended)
		b.broker.release(1)
		require.NoError(t, <-b.ended)
		require.Equal(t, int64(1), b.committable())
	})
}

func TestNewEventDoesNotDelayOtherWindows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, nil)
		b.send(event("a", 5))
		pause(999 * time.Millisecond)
		b.send(event("b", 5))
		pause(time.Millisecond)
		require.Len(t, b.broker.sent().commands, 1)
		b.finish()
	})
}

func TestEveryReplacedEventHasItsRecord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, nil)
		for i := range int64(1000) {
			b.send(event("a", i))
		}
		pause(time.Second)
		require.Len(t, b.broker.sent().commands, 1)
		require.Equal(t, int64(999), b.broker.sent().commands[0].Available)
		require.Len(t, b.broker.sent().records, 1000)
		for i, r := range inOrder(b.broker.sent().records)[:999] {
			require.Equal(t, int64(i), r.Position.Offset)
			require.Equal(t, schemas.Skipped, r.Status)
			require.Equal(t, int64(i+1), r.SupersededByOffset)
			require.Equal(t, fmt.Sprintf("a=%d", i+1), r.SupersededBy)
		}
		require.Equal(t, int64(1000), b.committable())
		b.finish()
	})
}

func TestOffsetIsResolvedWhenCommandAndRecordAreAcknowledged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, nil)
		b.broker.hold()
		b.send(event("a", 1), event("a", 2))
		pause(2 * time.Second)
		require.Len(t, b.broker.held, 2)
		b.broker.release(1)
		require.Zero(t, b.committable())
		b.broker.release(0)
		require.Equal(t, int64(2), b.committable())
		b.finish()
	})
}

func TestWindowsThatCloseTogetherShareAMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, nil)
		b.broker.hold()
		b.send(event("a", 1), event("b", 1), event("a", 2), event("b", 2))
		pause(999 * time.Millisecond)
		require.Empty(t, b.broker.sent().records)
		pause(2 * time.Millisecond)
		require.Len(t, b.broker.held, 3) // two commands, and the records of both
		byStatus := map[schemas.Status][]string{}
		for _, r := range b.broker.sent().records {
			byStatus[r.Status] = append(byStatus[r.Status], r.Key.StoreSKU+"/"+r.EventID)
		}
		require.Equal(t, map[schemas.Status][]string{schemas.Skipped: {"a/a=1", "b/b=1"}, schemas.Pending: {"a/a=2", "b/b=2"}}, byStatus)
		b.broker.release(2)
		b.broker.release(0)
		require.Zero(t, b.committable())
		b.broker.release(1)
		require.Equal(t, int64(4), b.committable())
		b.finish()
	})
}

func TestLongChainIsSpilledBeforeItsWindowCloses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, nil)
		const events = 6000
		for i := range int64(events) {
			b.send(event("a", i))
		}
		early := len(b.broker.sent().records)
		require.Greater(t, early, 1000)
		require.Empty(t, b.broker.sent().commands)
		require.Equal(t, int64(early), b.committable())
		pause(time.Second)
		require.Equal(t, int64(events), b.committable())
		records := inOrder(b.broker.sent().records)
		require.Len(t, records, events)
		for i, r := range records[:events-1] {
			require.Equal(t, schemas.Skipped, r.Status)
			require.Equal(t, int64(i+1), r.SupersededByOffset, "the last of one part is superseded by the next part's first")
		}
		require.Equal(t, schemas.Pending, records[events-1].Status)
		b.finish()
	})
}

func TestOpenWindowsAreNotCommittedByADrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, nil)
		b.send(event("a", 1), event("b", 1))
		b.finish()
		require.Zero(t, b.committable())
		require.Empty(t, b.broker.sent().commands)
	})
}

// The partitions of a process share one limit. One of them reaches it alone.
func TestPartitionContinuesWhileOthersFillTheBuffer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &bench{t: t, broker: &broker{}}
		p := b.processor(processor.EventLog{ID: 1, Partitions: 1, CommandPartitions: 1}, nil, func(c *processor.Config) { c.MaxBufferedSKUs = 2 })
		start := func(skus int, name string) {
			var events []schemas.Event
			for i := range skus {
				events = append(events, event(fmt.Sprint(name, i), 1))
			}
			a, deliver := streamtest.NewAssignment(t.Context(), topics.Events(), 0)
			go func() { _ = p.Run(t.Context(), a) }()
			deliver(b.batch(events))
			synctest.Wait()
		}
		start(20, "many")
		start(3, "few")
		for sent := range 4 {
			few := slices.DeleteFunc(b.broker.sent().commands, func(c schemas.Command) bool { return c.Key.StoreSKU[0] != 'f' })
			require.Len(t, few, sent, "one in each window")
			pause(time.Second)
		}
	})
}

// If Kafka is slower than windows close, windows and later events wait.
func TestMessagesInFlightAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const skus, bound = 10_000, 4096
		b := newBench(t, func(c *processor.Config) { c.MaxBufferedSKUs = skus })
		b.broker.hold()
		for i := range skus {
			b.deliver(b.batch([]schemas.Event{event(fmt.Sprint(i), 1)}))
		}
		pause(time.Minute)
		require.Len(t, b.broker.held, bound)
		for n := 0; n < len(b.broker.held); n++ {
			b.broker.release(n)
		}
		require.Len(t, b.broker.sent().commands, skus)
		require.Equal(t, int64(skus), b.committable())
		b.finish()
	})
}

func TestFullBufferAcceptsNoNewStoreSKUUntilAWindowCloses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, func(c *processor.Config) { c.MaxBufferedSKUs = 2 })
		b.send(event("a", 1), event("b", 1), event("a", 2), event("c", 1))
		require.Equal(t, int64(0), b.committable())
		pause(1005 * time.Millisecond)
		require.Len(t, b.broker.sent().commands, 2)
		pause(time.Second)
		require.Len(t, b.broker.sent().commands, 3)
		require.Equal(t, int64(4), b.committable())
		b.finish()
	})
}

// A revoke is seen while the buffer is full: what waits for room is left to the next owner.
func TestFullBufferIsRevokedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, func(c *processor.Config) { c.MaxBufferedSKUs, c.Window = 1, time.Hour })
		b.send(event("a", 1), event("b", 1))
		b.deliver(nil)
		synctest.Wait()
		select {
		case err := <-b.ended:
			require.NoError(t, err)
		default:
			require.Fail(t, "it waits for a window to close")
		}
		require.Zero(t, b.committable())
	})
}

func TestDebugLogHasEachClosedWindow(t *testing.T) {
	for level, logged := range map[slog.Level]int{slog.LevelDebug: 1, slog.LevelInfo: 0} {
		synctest.Test(t, func(t *testing.T) {
			var lines bytes.Buffer
			b := &bench{t: t, broker: &broker{}, ended: make(chan error, 1), logger: slog.New(slog.NewTextHandler(&lines, &slog.HandlerOptions{Level: level}))}
			b.start(processor.EventLog{ID: 1, Partitions: 1, CommandPartitions: 4}, nil, nil)
			b.send(event("a", 5))
			b.send(event("a", 6))
			pause(time.Second)
			b.finish()
			require.Len(t, regexp.MustCompile(`msg="window closed" store_sku=shopee/1/a quantity=6 events=2 event_id="a=6" offset=1 after=1s`).FindAllString(lines.String(), -1), logged, lines.String())
		})
	}
}
