package stream

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"stockpush/processor/stream/kafka"
)

// A rebalance may give partitions back while the stage ends: neither commit adds its time to the
// other's, or an end could take longer than promised.
func TestTwoCommitsThatKafkaDoesNotAnswerEndTogether(t *testing.T) {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "in"))
	require.NoError(t, err)
	t.Cleanup(cluster.Close)
	taken := make(chan struct{})
	h := handlerFunc(func(_ context.Context, a *Assignment) error {
		for range a.Batches() {
			a.Resolve(0)
			close(taken)
		}
		return nil
	})
	s, err := New(Config{Group: "g", Topics: []string{"in"}, CommitInterval: time.Hour}, Deps{
		Connection: kafka.Connection{Brokers: cluster.ListenAddrs()}, Handler: h, Logger: slog.New(slog.DiscardHandler), Registerer: prometheus.NewRegistry(),
	})
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { _ = s.Run(ctx) })
	<-s.Ready()
	require.NoError(t, s.client.ProduceSync(t.Context(), &kgo.Record{Topic: "in", Value: []byte("v")}).FirstErr())
	<-taken
	release := make(chan struct{})
	cluster.ControlKey(int16(kmsg.OffsetCommit), func(kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		cluster.SleepControl(func() { <-release })
		return nil, nil, false
	})
	began := time.Now()
	var commits sync.WaitGroup
	for range 2 {
		commits.Go(func() { s.commit(t.Context(), s.all()) })
	}
	commits.Wait()
	require.Less(t, time.Since(began), commitTimeout*3/2)
	close(release)
	stop()
	running.Wait()
}
