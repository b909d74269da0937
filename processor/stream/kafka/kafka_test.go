package kafka_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"go.uber.org/goleak"

	"stockpush/processor/stream/kafka"
)

const topic = "in"

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type bench struct {
	t       *testing.T
	cluster *kfake.Cluster
	conn    kafka.Connection
}

func newBench(t *testing.T, partitions int32) *bench {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(partitions, topic))
	require.NoError(t, err)
	t.Cleanup(cluster.Close)
	return &bench{t: t, cluster: cluster, conn: kafka.Connection{Brokers: cluster.ListenAddrs(), ClientID: "test"}}
}

func (b *bench) produce(partition int32, n int) {
	p, err := kafka.NewProducer(b.conn, kafka.DefaultBatchBytes)
	require.NoError(b.t, err)
	defer p.Close()
	for range n {
		p.Produce(b.t.Context(), &kafka.Record{Topic: topic, Partition: partition, Value: []byte("v")}, func(err error) { require.NoError(b.t, err) })
	}
	require.NoError(b.t, p.Flush(b.t.Context()))
}
