package kafka_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"stockpush/processor/stream/kafka"
)

// A broker that restarts is missing from the cluster's metadata for a moment.
func TestUnknownBrokerIsUnreachable(t *testing.T) {
	client, err := kgo.NewClient(kgo.SeedBrokers(newBench(t, 1).conn.Brokers...))
	require.NoError(t, err)
	defer client.Close()
	_, err = client.Broker(42).Request(t.Context(), kmsg.NewPtrMetadataRequest())
	require.Error(t, err)
	require.True(t, kafka.Unreachable(&kadm.ShardErrors{Errs: []kadm.ShardError{{Err: err}}}))
}

func TestRetryIsForTemporaryErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		refused := errors.New("no rights")
		for name, c := range map[string]struct {
			errs []error
			want error
		}{
			"a broker that dies, twice, and comes back": {[]error{fmt.Errorf("first: %w", io.EOF), kerr.NotLeaderForPartition, nil}, nil},
			"a topic that does not exist":               {[]error{kerr.UnknownTopicOrPartition}, kerr.UnknownTopicOrPartition},
			"a refusal":                                 {[]error{io.EOF, refused}, refused},
		} {
			tries := 0
			got, err := kafka.Retry(t.Context(), nil, func() (int, error) { tries++; return tries, c.errs[tries-1] })
			require.ErrorIs(t, err, c.want, name)
			require.Len(t, c.errs, tries, name)
			if c.want == nil {
				require.Equal(t, tries, got)
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		_, err := kafka.Retry(ctx, nil, func() (int, error) { return 0, io.EOF })
		require.Error(t, err)
		require.Error(t, ctx.Err(), "it waited as long as it could")
	})
}
