package stream_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"go.uber.org/goleak"

	"stockpush/processor/stream"
)

const (
	topic = "in"
	group = "g"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type handlerFunc func(ctx context.Context, a *stream.Assignment) error

func (f handlerFunc) Run(ctx context.Context, a *stream.Assignment) error { return f(ctx, a) }

// each calls take for every record, in order.
func each(take func(a *stream.Assignment, r *stream.Record)) handlerFunc {
	return func(_ context.Context, a *stream.Assignment) error {
		for batch := range a.Batches() {
			for _, r := range batch {
				take(a, r)
			}
		}
		return nil
	}
}

type bench struct {
	t       *testing.T
	cluster *kfake.Cluster
	conn    stream.Connection
	// letters takes dead letters.
	letters    *letterBox
	stuckAfter time.Duration
}

func newBench(t *testing.T, partitions int32, options ...kfake.Opt) *bench {
	cluster, err := kfake.NewCluster(append(options, kfake.NumBrokers(1), kfake.SeedTopics(partitions, topic))...)
	require.NoError(t, err)
	t.Cleanup(cluster.Close)
	return &bench{t: t, cluster: cluster, conn: stream.Connection{Brokers: cluster.ListenAddrs(), ClientID: "test"}, letters: &letterBox{}}
}

// run starts a member; stop ends it and returns what Run said.
func (b *bench) run(h stream.Handler) (stop func() error) {
	return b.runIn(prometheus.NewRegistry(), h)
}

// runIn is run with the registry of the member's metrics.
func (b *bench) runIn(registry *prometheus.Registry, h stream.Handler) (stop func() error) {
	_, stop = b.start(registry, h)
	return stop
}

// start is runIn, and the member.
func (b *bench) start(registry *prometheus.Registry, h stream.Handler) (stage *stream.Stage, stop func() error) {
	cfg := stream.Config{
		Group: group, Topics: []string{topic}, SessionTimeout: 6 * time.Second, CommitInterval: 20 * time.Millisecond, DrainTimeout: 3 * time.Second, StuckAfter: b.stuckAfter,
	}
	log := slog.New(slog.DiscardHandler)
	stage, err := stream.New(cfg, stream.Deps{
		Connection: b.conn, Handler: h, DeadLetters: stream.NewDeadLetters(b.letters, topics, log, registry), Logger: log, Registerer: registry,
	})
	require.NoError(b.t, err)
	ctx, cancel := context.WithCancel(b.t.Context())
	ended := make(chan error, 1)
	go func() { ended <- stage.Run(ctx) }()
	stop = sync.OnceValue(func() error { cancel(); return <-ended })
	b.t.Cleanup(func() { _ = stop() })
	select {
	case <-stage.Ready():
	case err := <-ended:
		ended <- err
	case <-time.After(20 * time.Second):
		require.Fail(b.t, "the stage did not get ready")
	}
	return stage, stop
}

func (b *bench) produce(partition int32, n int) {
	p, err := stream.NewProducer(b.conn, stream.DefaultBatchBytes)
	require.NoError(b.t, err)
	defer p.Close()
	for i := range n {
		r := &stream.Record{Topic: topic, Partition: partition, Key: fmt.Appendf(nil, "k%d", i), Value: []byte("v")}
		p.Produce(b.t.Context(), r, func(err error) { require.NoError(b.t, err) })
	}
	require.NoError(b.t, p.Flush(b.t.Context()))
}

func (b *bench) committed(partition int32) int64 {
	client, err := kgo.NewClient(b.conn.Options()...)
	require.NoError(b.t, err)
	defer client.Close()
	offsets, err := kadm.NewClient(client).FetchOffsets(b.t.Context(), group)
	require.NoError(b.t, err)
	if at, ok := offsets.Lookup(topic, partition); ok {
		return at.At
	}
	return -1
}

func (b *bench) eventuallyCommitted(partition int32, want int64) {
	require.Eventually(b.t, func() bool { return b.committed(partition) == want }, 15*time.Second, 20*time.Millisecond,
		"committed %d, want %d", b.committed(partition), want)
}

func TestOnlyTheWatermarkIsCommitted(t *testing.T) {
	b := newBench(t, 1)
	release := make(chan struct{})
	stop := b.run(each(func(a *stream.Assignment, r *stream.Record) {
		if r.Offset == 3 {
			go func() { <-release; a.Resolve(3) }()
			return
		}
		a.Resolve(r.Offset)
	}))
	b.produce(0, 10)
	b.eventuallyCommitted(0, 3)
	close(release)
	b.eventuallyCommitted(0, 10)
	require.NoError(t, stop())
}

func TestAResolveAfterARevokeMovesNothing(t *testing.T) {
	b := newBench(t, 1)
	seen := make(chan *stream.Assignment, 1)
	stop := b.run(each(func(a *stream.Assignment, r *stream.Record) {
		if r.Offset == 0 {
			seen <- a
		}
	}))
	b.produce(0, 5)
	old := <-seen
	require.True(t, old.Alive())
	require.NoError(t, stop())
	require.False(t, old.Alive())
	for offset := range int64(5) {
		old.Resolve(offset)
	}
	next := make(chan int64, 10)
	stop = b.run(each(func(_ *stream.Assignment, r *stream.Record) { next <- r.Offset }))
	require.Zero(t, <-next)
	require.NoError(t, stop())
	require.LessOrEqual(t, b.committed(0), int64(0))
}

func TestARebalanceWithWorkInFlightLosesNothing(t *testing.T) {
	const partitions, each1 = 6, 200
	b := newBench(t, partitions)
	var mu sync.Mutex
	owners := map[int32]int{}
	resolved := map[string]bool{}
	h := handlerFunc(func(ctx context.Context, a *stream.Assignment) error {
		mu.Lock()
		owners[a.Partition()]++
		require.Equal(t, 1, owners[a.Partition()], "two owners of a partition")
		mu.Unlock()
		var flying sync.WaitGroup
		for batch := range a.Batches() {
			for _, r := range batch {
				offset := r.Offset
				flying.Go(func() {
					mu.Lock()
					resolved[fmt.Sprint(a.Partition(), "/", offset)] = true
					mu.Unlock()
					a.Resolve(offset)
				})
			}
		}
		flying.Wait()
		mu.Lock()
		owners[a.Partition()]--
		mu.Unlock()
		return nil
	})
	stopOne := b.run(h)
	for p := range int32(partitions) {
		b.produce(p, each1)
	}
	stopTwo := b.run(h)
	for p := range int32(partitions) {
		b.produce(p, each1)
	}
	require.NoError(t, stopOne())
	for p := range int32(partitions) {
		b.eventuallyCommitted(p, 2*each1)
	}
	require.NoError(t, stopTwo())
	require.Len(t, resolved, partitions*2*each1)
}

// A member that ends drains first; a rebalance that comes meanwhile waits for it.
func TestARebalanceDuringTheEndWaitsForTheDrain(t *testing.T) {
	b := newBench(t, 2)
	var joins, beats atomic.Int64
	b.cluster.Control(func(r kmsg.Request) (kmsg.Response, error, bool) {
		b.cluster.KeepControl()
		switch r.(type) {
		case *kmsg.JoinGroupRequest:
			joins.Add(1)
		case *kmsg.HeartbeatRequest:
			beats.Add(1)
		}
		return nil, nil, false
	})
	draining, release := make(chan struct{}, 2), make(chan struct{})
	var drained atomic.Int64
	stopOne := b.run(handlerFunc(func(ctx context.Context, a *stream.Assignment) error {
		for range a.Batches() {
		}
		draining <- struct{}{}
		<-release
		drained.Add(1)
		return nil
	}))
	go func() { _ = stopOne() }()
	<-draining
	<-draining
	joined := joins.Load()
	early := make(chan bool, 2)
	two := make(chan func() error, 1)
	go func() {
		two <- b.run(handlerFunc(func(_ context.Context, a *stream.Assignment) error {
			early <- drained.Load() < 2
			for range a.Batches() {
			}
			return nil
		}))
	}()
	require.Eventually(t, func() bool { return joins.Load() > joined }, 10*time.Second, time.Millisecond)
	heard := beats.Load()
	require.Eventually(t, func() bool { return beats.Load() > heard+2 }, 10*time.Second, time.Millisecond)
	close(release)
	require.NoError(t, stopOne())
	for range 2 {
		require.False(t, <-early, "a partition went to another member before it was drained")
	}
	require.NoError(t, (<-two)())
}

func TestASlowPartitionHoldsUpNoOther(t *testing.T) {
	b := newBench(t, 2)
	block := make(chan struct{})
	stop := b.run(each(func(a *stream.Assignment, r *stream.Record) {
		if r.Partition == 0 {
			<-block
		}
		a.Resolve(r.Offset)
	}))
	for range 10 {
		b.produce(0, 10)
	}
	b.produce(1, 100)
	b.eventuallyCommitted(1, 100)
	close(block)
	b.eventuallyCommitted(0, 100)
	require.NoError(t, stop())
}

// A fetch waits at the broker while others are resumed, so it must not wait long.
func TestNoFetchWaitsLongForAnEmptyPartition(t *testing.T) {
	b := newBench(t, 2)
	longest := make(chan int32, 1)
	b.cluster.ControlKey(int16(kmsg.Fetch), func(r kmsg.Request) (kmsg.Response, error, bool) {
		select {
		case longest <- r.(*kmsg.FetchRequest).MaxWaitMillis:
		default:
		}
		return nil, nil, false
	})
	stop := b.run(each(func(a *stream.Assignment, r *stream.Record) { a.Resolve(r.Offset) }))
	require.LessOrEqual(t, <-longest, int32(100))
	require.NoError(t, stop())
}

func TestAStoppedBrokerIsWaitedFor(t *testing.T) {
	b := newBench(t, 1)
	stop := b.run(each(func(a *stream.Assignment, r *stream.Record) { a.Resolve(r.Offset) }))
	b.produce(0, 5)
	b.eventuallyCommitted(0, 5)
	var down atomic.Bool
	var refused atomic.Int64
	down.Store(true)
	b.cluster.Control(func(kmsg.Request) (kmsg.Response, error, bool) {
		b.cluster.KeepControl()
		if down.Load() {
			refused.Add(1)
		}
		return nil, errors.New("the broker is down"), down.Load()
	})
	require.Eventually(t, func() bool { return refused.Load() > 5 }, 10*time.Second, time.Millisecond)
	down.Store(false)
	b.produce(0, 5)
	b.eventuallyCommitted(0, 10)
	require.NoError(t, stop())
}

func TestAHandlersErrorEndsTheStageAndCommitsWhatWasResolved(t *testing.T) {
	b := newBench(t, 1)
	broken := errors.New("broken")
	stop := b.run(handlerFunc(func(_ context.Context, a *stream.Assignment) error {
		for batch := range a.Batches() {
			for _, r := range batch {
				if r.Offset == 2 {
					return broken
				}
				a.Resolve(r.Offset)
			}
		}
		return nil
	}))
	b.produce(0, 5)
	b.eventuallyCommitted(0, 2)
	require.ErrorIs(t, stop(), broken)
}

func TestAHandlerThatDoesNotEndIsCutOff(t *testing.T) {
	b := newBench(t, 1)
	started := make(chan struct{})
	stop := b.run(handlerFunc(func(ctx context.Context, _ *stream.Assignment) error {
		close(started)
		<-ctx.Done()
		return nil
	}))
	<-started
	require.NoError(t, stop())
}

// All three stages run so: whatever a handler forgets, its age rises until somebody looks.
func TestARecordThatNobodyResolvesHasAnAge(t *testing.T) {
	b := newBench(t, 1)
	b.produce(0, 3)
	registry := prometheus.NewRegistry()
	taken := make(chan struct{}, 10)
	b.runIn(registry, each(func(a *stream.Assignment, r *stream.Record) {
		if r.Offset != 1 {
			a.Resolve(r.Offset)
		}
		taken <- struct{}{}
	}))
	for range 3 {
		<-taken
	}
	age := func() float64 {
		families, err := registry.Gather()
		require.NoError(t, err)
		for _, family := range families {
			if family.GetName() == "stockpush_stream_oldest_unresolved_seconds" {
				return family.GetMetric()[0].GetGauge().GetValue()
			}
		}
		return -1
	}
	first := age()
	require.Positive(t, first)
	require.Eventually(t, func() bool { return age() > first+0.2 }, 30*time.Second, 10*time.Millisecond)
	b.eventuallyCommitted(0, 1)
}

func TestAFailedCommitIsMadeAgain(t *testing.T) {
	b := newBench(t, 1)
	refused := make(chan struct{})
	b.cluster.ControlKey(int16(kmsg.OffsetCommit), func(r kmsg.Request) (kmsg.Response, error, bool) {
		req := r.(*kmsg.OffsetCommitRequest)
		answer := req.ResponseKind().(*kmsg.OffsetCommitResponse)
		for _, asked := range req.Topics {
			topic := kmsg.NewOffsetCommitResponseTopic()
			topic.Topic, topic.TopicID = asked.Topic, asked.TopicID
			for _, p := range asked.Partitions {
				partition := kmsg.NewOffsetCommitResponseTopicPartition()
				partition.Partition, partition.ErrorCode = p.Partition, kerr.CoordinatorLoadInProgress.Code
				topic.Partitions = append(topic.Partitions, partition)
			}
			answer.Topics = append(answer.Topics, topic)
		}
		close(refused)
		return answer, nil, true
	})
	stop := b.run(each(func(a *stream.Assignment, r *stream.Record) { a.Resolve(r.Offset) }))
	b.produce(0, 3)
	<-refused
	b.eventuallyCommitted(0, 3)
	require.NoError(t, stop())
}

// A mark goes with the last commit, and the next owner finds it with what waits.
func TestAMarkIsFoundInTheBacklog(t *testing.T) {
	b := newBench(t, 2)
	of := stream.Place{Topic: topic, Partition: 1}
	b.produce(1, 5)
	backlog, err := stream.ReadBacklog(t.Context(), b.conn, group, of)
	require.NoError(t, err)
	require.Equal(t, stream.Backlog{From: 0, End: 5}, backlog)
	for _, mark := range []string{"clean one", ""} {
		stop := b.run(handlerFunc(func(_ context.Context, a *stream.Assignment) error {
			for batch := range a.Batches() {
				for _, r := range batch {
					a.Resolve(r.Offset)
				}
			}
			a.Mark(mark)
			return nil
		}))
		b.produce(1, 5)
		want := backlog.End + 5
		b.eventuallyCommitted(1, want)
		require.NoError(t, stop())
		backlog, err = stream.ReadBacklog(t.Context(), b.conn, group, of)
		require.NoError(t, err)
		require.Equal(t, want, backlog.From)
		require.Equal(t, want, backlog.End)
		require.Equal(t, mark != "", backlog.Mark == "clean one", "a later owner's commit has none")
	}
}

// refuseProducers lets no producer begin while refused says so: what is produced waits.
func (b *bench) refuseProducers(refused func() bool) {
	b.cluster.ControlKey(int16(kmsg.InitProducerID), func(r kmsg.Request) (kmsg.Response, error, bool) {
		b.cluster.KeepControl()
		if !refused() {
			return nil, nil, false
		}
		answer := r.ResponseKind().(*kmsg.InitProducerIDResponse)
		answer.ErrorCode = kerr.CoordinatorLoadInProgress.Code
		return answer, nil, true
	})
}

// The client fails a whole batch when the context of its first record has ended,
// also what others put into it: one lost partition would fail all stages of a process.
func TestWhoGivesUpFailsNobodyElsesRecords(t *testing.T) {
	b := newBench(t, 1)
	var down atomic.Bool
	var refused atomic.Int64
	down.Store(true)
	b.refuseProducers(func() bool {
		if down.Load() {
			refused.Add(1)
		}
		return down.Load()
	})
	p, err := stream.NewProducer(b.conn, stream.DefaultBatchBytes)
	require.NoError(t, err)
	defer p.Close()
	lost, lose := context.WithCancel(t.Context())
	answers := make(chan error, 2)
	for _, ctx := range []context.Context{lost, t.Context()} {
		p.Produce(ctx, &stream.Record{Topic: topic, Partition: 0, Value: []byte("v")}, func(err error) { answers <- err })
	}
	require.Eventually(t, func() bool { return refused.Load() > 0 }, 30*time.Second, time.Millisecond)
	lose()
	down.Store(false)
	require.NoError(t, <-answers)
	require.NoError(t, <-answers)
}

// Whoever is cut off must not wait for room in the client.
func TestTheWaitForRoomEndsWithTheContext(t *testing.T) {
	b := newBench(t, 1)
	b.refuseProducers(func() bool { return true })
	p, err := stream.NewProducer(b.conn, stream.DefaultBatchBytes)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	const most = 1 << 10
	value := make([]byte, stream.MaxUnacknowledgedBytes/most-stream.RecordOverheadBytes)
	answers := make(chan error, most+1)
	for range most {
		p.Produce(ctx, &stream.Record{Topic: topic, Partition: 0, Value: value}, func(err error) { answers <- err })
	}
	require.Empty(t, answers)
	cancel()
	p.Produce(ctx, &stream.Record{Topic: topic, Partition: 0}, func(err error) { answers <- err })
	require.ErrorIs(t, <-answers, context.Canceled)
	p.Close()
	for range most {
		require.ErrorIs(t, <-answers, kgo.ErrClientClosed)
	}
}

func TestReadPartitionReadsWhatIsThere(t *testing.T) {
	b := newBench(t, 2)
	b.produce(1, 1000)
	for partition, want := range map[int32]int{0: 0, 1: 1000} {
		n := 0
		require.NoError(t, stream.ReadPartition(t.Context(), b.conn, topic, partition, func(*stream.Record) error { n++; return nil }))
		require.Equal(t, want, n)
	}
	_, err := stream.Describe(t.Context(), b.conn, "absent")
	require.ErrorIs(t, err, stream.ErrNoTopic)
	info, err := stream.Describe(t.Context(), b.conn, topic)
	require.NoError(t, err)
	require.Equal(t, 2, info.Partitions)
}

func TestReadSpanReadsWhatIsThereOfIt(t *testing.T) {
	b := newBench(t, 2)
	b.produce(1, 1000)
	for _, c := range []struct{ from, to, want int64 }{{0, 1000, 1000}, {10, 20, 10}, {999, 2000, 1}, {1000, 1001, 0}, {5, 5, 0}} {
		next := c.from
		require.NoError(t, stream.ReadSpan(t.Context(), b.conn, stream.Span{Topic: topic, Partition: 1, From: c.from, To: c.to}, func(r *stream.Record) error {
			require.Equal(t, next, r.Offset)
			next++
			return nil
		}))
		require.Equal(t, c.want, next-c.from)
	}
}

func TestAnEndDoesNotWaitForABrokerThatKeepsSilent(t *testing.T) {
	silent := make(chan struct{})
	t.Cleanup(func() { close(silent) }) // after the broker's end: one that wakes while it ends may never end
	b := newBench(t, 1)
	stop := b.run(each(func(a *stream.Assignment, r *stream.Record) { a.Resolve(r.Offset) }))
	b.cluster.ControlKey(int16(kmsg.LeaveGroup), func(kmsg.Request) (kmsg.Response, error, bool) {
		b.cluster.SleepControl(func() { <-silent })
		return nil, nil, false
	})
	ended := make(chan error, 1)
	go func() { ended <- stop() }()
	select {
	case err := <-ended:
		require.NoError(t, err)
	case <-time.After(25 * time.Second):
		require.Fail(t, "it waits for the answer")
	}
}

// While the test knows a record's address, only a fetch that reuses its memory can have it.
func TestLaterFetchesReuseTheMemoryOfHandledBatches(t *testing.T) {
	b := newBench(t, 1)
	seen := map[*stream.Record]bool{}
	var again atomic.Int64
	stop := b.run(each(func(a *stream.Assignment, r *stream.Record) {
		if seen[r] {
			again.Add(1)
		}
		seen[r] = true
		a.Resolve(r.Offset)
	}))
	for n := int64(1); n <= 20 || again.Load() == 0; n++ {
		require.LessOrEqual(t, n, int64(500), "every fetch had memory of its own")
		b.produce(0, 100)
		b.eventuallyCommitted(0, 100*n)
	}
	require.NoError(t, stop())
}
