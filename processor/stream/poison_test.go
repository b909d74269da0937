package stream_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"stockpush/processor/stream"
	"stockpush/processor/stream/kafka"
	"stockpush/processor/stream/streamtest"
	"stockpush/schemas"
)

// letterBox keeps dead letters.
type letterBox struct {
	mu      sync.Mutex
	letters []schemas.DeadLetter
}

func (l *letterBox) Produce(_ context.Context, r *kafka.Record, done func(error)) {
	var letter schemas.DeadLetter
	for _, h := range r.Headers {
		_ = letter.TakeHeader(h.Key, string(h.Value))
	}
	l.mu.Lock()
	l.letters = append(l.letters, letter)
	l.mu.Unlock()
	done(nil)
}

// offsets are those of the dead letters, in their order.
func (l *letterBox) offsets() (offsets []int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, letter := range l.letters {
		offsets = append(offsets, letter.SourceOffset)
	}
	return offsets
}

// poison puts a batch of three records into partition 0 that cannot be read.
type poison struct {
	// put stores it; dataDir is the broker's.
	put func(b *bench, dataDir string)
	// silent says that the client does not report it.
	silent bool
}

var poisons = map[string]poison{
	"it unpacks to more than we bear": {put: func(b *bench, _ string) { b.store(streamtest.Zeros(3, 70<<20)) }},
	"it cannot be decoded":            {put: func(b *bench, _ string) { b.store(streamtest.Zeros(3, 1000), streamtest.Nonsense()) }, silent: true},
	"its checksum is wrong": {put: func(b *bench, dataDir string) {
		b.produce(0, 3)
		logs, err := filepath.Glob(filepath.Join(dataDir, "partitions", topic+"-0", "*.dat"))
		require.NoError(b.t, err)
		require.Len(b.t, logs, 1)
		f, err := os.OpenFile(logs[0], os.O_RDWR, 0)
		require.NoError(b.t, err)
		defer func() { require.NoError(b.t, f.Close()) }()
		info, err := f.Stat()
		require.NoError(b.t, err)
		_, err = f.WriteAt([]byte{0xff}, info.Size()-3)
		require.NoError(b.t, err)
	}},
}

func (b *bench) store(records []*kafka.Record, options ...kgo.Opt) {
	require.NoError(b.t, streamtest.Produce(b.t.Context(), b.conn, kafka.Place{Topic: topic}, records, options...))
}

// What cannot be read is skipped, with a dead letter for each of its positions, wherever it lies.
func TestUnreadableBatchIsSkipped(t *testing.T) {
	for name, p := range poisons {
		for place, around := range map[string][2]int{"first": {0, 4}, "between others": {5, 4}, "last": {5, 0}} {
			before, after := around[0], around[1]
			t.Run(fmt.Sprint(name, ", ", place), func(t *testing.T) {
				t.Parallel()
				dir := t.TempDir()
				b := newBench(t, 2, kfake.DataDir(dir))
				if p.silent {
					b.stuckAfter = time.Second
				}
				if before > 0 {
					b.produce(0, before)
				}
				p.put(b, dir)
				b.produce(0, after)
				c, registry := b.collect()
				b.eventuallyCommitted(0, int64(before+3+after))
				values, passed := c.got()
				require.Len(t, values, before+after)
				require.EqualValues(t, before+3+after, passed)
				first := int64(before)
				require.Eventually(t, func() bool { return slices.Equal([]int64{first, first + 1, first + 2}, b.letters.offsets()) }, 10*time.Second, time.Millisecond)
				letter := b.letters.letters[0]
				require.Equal(t, schemas.CodeUnreadableBatch, letter.Code)
				require.Contains(t, letter.Message, fmt.Sprintf("offsets %d to %d cannot be read: ", first, first+2))
				require.Equal(t, topic, letter.SourceTopic)
				require.InDelta(t, 3, streamtest.Skipped(t, registry, topic), 0)
				require.Zero(t, metric(t, registry, "stockpush_stream_lag"))
			})
		}
	}
}

// A partition whose fetches fail lags and is stuck even if nothing of it was ever fetched.
func TestPartitionThatCannotBeFetchedIsStuck(t *testing.T) {
	b := newBench(t, 2)
	b.stuckAfter = 300 * time.Millisecond
	b.produce(0, 5)
	b.produce(1, 5)
	var broken atomic.Bool
	broken.Store(true)
	b.cluster.ControlKey(int16(kmsg.Fetch), func(r kmsg.Request) (kmsg.Response, error, bool) {
		b.cluster.KeepControl()
		return storageError(r.(*kmsg.FetchRequest)), nil, broken.Load()
	})
	registry := prometheus.NewRegistry()
	stage, _ := b.start(registry, each(func(a *stream.Assignment, r *kafka.Record) { a.Resolve(r.Offset) }))
	require.Eventually(t, func() bool { return stage.Stuck() != "" }, 10*time.Second, time.Millisecond)
	require.Regexp(t, "in/[01] is stuck at offset 0", stage.Stuck())
	require.InDelta(t, 10, metric(t, registry, "stockpush_stream_lag"), 0)
	require.Eventually(t, func() bool { return metric(t, registry, "stockpush_stream_stuck_partitions") == 2 }, 10*time.Second, time.Millisecond)
	broken.Store(false)
	b.eventuallyCommitted(0, 5)
	b.eventuallyCommitted(1, 5)
	require.Eventually(t, func() bool { return stage.Stuck() == "" }, 10*time.Second, time.Millisecond)
	require.Empty(t, b.letters.offsets())
}

func storageError(r *kmsg.FetchRequest) *kmsg.FetchResponse {
	answer := r.ResponseKind().(*kmsg.FetchResponse)
	for _, asked := range r.Topics {
		topic := kmsg.NewFetchResponseTopic()
		topic.Topic, topic.TopicID = asked.Topic, asked.TopicID
		for _, p := range asked.Partitions {
			partition := kmsg.NewFetchResponseTopicPartition()
			partition.Partition, partition.ErrorCode = p.Partition, kerr.UnknownServerError.Code
			topic.Partitions = append(topic.Partitions, partition)
		}
		answer.Topics = append(answer.Topics, topic)
	}
	return answer
}

// Many batches that unpack to much each are read one after the other.
func TestManyLargeBatchesAreAllDelivered(t *testing.T) {
	b := newBench(t, 1)
	const batches = 5
	for range batches {
		b.store(streamtest.Zeros(1, 40<<20))
	}
	c, _ := b.collect()
	// The race detector makes unpacking some ten times slower.
	require.Eventually(t, func() bool { return b.committed(0) == batches }, time.Minute, 20*time.Millisecond)
	values, _ := c.got()
	require.Len(t, values, batches)
	require.Empty(t, b.letters.offsets())
}

// A read of a topic skips unreadable batches, and reports those that the client reports.
func TestReadSkipsUnreadableBatches(t *testing.T) {
	for name, p := range poisons {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			b := newBench(t, 1, kfake.DataDir(dir))
			b.produce(0, 2)
			p.put(b, dir)
			b.produce(0, 2)
			var skipped []kafka.Span
			b.conn.Unreadable = func(of kafka.Span, _ error) { skipped = append(skipped, of) }
			var offsets []int64
			require.NoError(t, kafka.ReadPartition(t.Context(), b.conn, topic, 0, func(r *kafka.Record) error {
				offsets = append(offsets, r.Offset)
				return nil
			}))
			require.Equal(t, []int64{0, 1, 5, 6}, offsets)
			if !p.silent {
				require.Equal(t, []kafka.Span{{Topic: topic, From: 2, To: 5}}, skipped)
			}
		})
	}
}

// A partition whose handler is busy is not stuck.
func TestBusyPartitionIsNotStuck(t *testing.T) {
	b := newBench(t, 1)
	b.stuckAfter = 60 * time.Millisecond
	block, looks := make(chan struct{}), atomic.Int64{}
	b.cluster.ControlKey(int16(kmsg.ListOffsets), func(kmsg.Request) (kmsg.Response, error, bool) {
		b.cluster.KeepControl()
		looks.Add(1)
		return nil, nil, false
	})
	stage, stop := b.start(prometheus.NewRegistry(), each(func(a *stream.Assignment, r *kafka.Record) { <-block; a.Resolve(r.Offset) }))
	for range 20 {
		b.produce(0, 10)
	}
	from := looks.Load()
	require.Eventually(t, func() bool { return looks.Load() > from+50 }, 30*time.Second, time.Millisecond)
	require.Empty(t, stage.Stuck())
	close(block)
	b.eventuallyCommitted(0, 200)
	require.NoError(t, stop())
}
