package stream_test

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/goleak"

	"stockpush/processor/stream"
	"stockpush/processor/stream/kafka"
	"stockpush/schemas"
)

const (
	topics = schemas.Topics("t")
	topic  = "in"
	group  = "g"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type handlerFunc func(ctx context.Context, a *stream.Assignment) error

func (f handlerFunc) Run(ctx context.Context, a *stream.Assignment) error { return f(ctx, a) }

// each calls take for every record, in order.
func each(take func(a *stream.Assignment, r *kafka.Record)) handlerFunc {
	return func(_ context.Context, a *stream.Assignment) error {
		for batch := range a.Batches() {
			for _, r := range batch.Records {
				take(a, r)
			}
		}
		return nil
	}
}

type bench struct {
	t       *testing.T
	cluster *kfake.Cluster
	conn    kafka.Connection
	// letters takes dead letters.
	letters    *letterBox
	stuckAfter time.Duration
	// instance is the next member's instance id; empty for a dynamic member.
	instance string
}

func newBench(t *testing.T, partitions int32, options ...kfake.Opt) *bench {
	cluster, err := kfake.NewCluster(append(options, kfake.NumBrokers(1), kfake.SeedTopics(partitions, topic))...)
	require.NoError(t, err)
	t.Cleanup(cluster.Close)
	return &bench{t: t, cluster: cluster, conn: kafka.Connection{Brokers: cluster.ListenAddrs(), ClientID: "test"}, letters: &letterBox{}}
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
	stage = b.member(registry, h)
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

// member makes a member that does not run yet.
func (b *bench) member(registry *prometheus.Registry, h stream.Handler) *stream.Stage {
	cfg := stream.Config{
		Group: group, Topics: []string{topic}, SessionTimeout: 6 * time.Second, CommitInterval: 20 * time.Millisecond, DrainTimeout: 3 * time.Second, StuckAfter: b.stuckAfter,
		InstanceID: b.instance,
	}
	log := slog.New(slog.DiscardHandler)
	stage, err := stream.New(cfg, stream.Deps{
		Connection: b.conn, Handler: h, DeadLetters: kafka.NewDeadLetters(b.letters, topics, log, registry), Logger: log, Registerer: registry,
	})
	require.NoError(b.t, err)
	return stage
}

func (b *bench) produce(partition int32, n int) {
	p, err := kafka.NewProducer(b.conn, kafka.DefaultBatchBytes)
	require.NoError(b.t, err)
	defer p.Close()
	for i := range n {
		r := &kafka.Record{Topic: topic, Partition: partition, Key: fmt.Appendf(nil, "k%d", i), Value: []byte("v")}
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
