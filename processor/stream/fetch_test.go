package stream

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"stockpush/processor/stream/kafka"
)

// Polling waits while too much is queued.
func TestNothingIsPolledWhileTooMuchIsQueued(t *testing.T) {
	s := &Stage{}
	s.queuedBytes.Store(maxQueuedBytes)
	require.Empty(t, s.fetch(t.Context()), "it would panic without a client")
}

// What is queued counts until the handler takes it, or is cut off.
func TestQueuedBytesAreCounted(t *testing.T) {
	proceed := make(chan struct{})
	o, _ := startOwner(t, func(ctx context.Context, a *Assignment) error {
		for range a.Batches() {
			select {
			case <-proceed:
			case <-ctx.Done():
			}
		}
		return nil
	}, nil)
	counts := func(want int64) {
		require.Eventually(t, func() bool { return o.queuedBytes.Load() == want }, 10*time.Second, time.Millisecond)
	}
	for offset := range int64(3) {
		require.NoError(t, o.Push([]*kafka.Record{{Offset: offset, Key: make([]byte, 3), Value: make([]byte, 7)}}, 3))
	}
	counts(20) // one was taken
	proceed <- struct{}{}
	counts(10)
	o.Drop()
	counts(0)
}

// A poll without a fetch does not mean that what is being unpacked was polled.
func TestPollWithoutAFetchFreesNothing(t *testing.T) {
	s := newIdleStage(t, Config{}, nil)
	full := func() bool {
		_, err := s.unpack.Decompress(nil, kgo.CodecNone)
		return errors.Is(err, kafka.ErrLater)
	}
	_, err := s.unpack.Decompress(make([]byte, 64<<20), kgo.CodecNone)
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	s.fetch(ctx)
	require.True(t, full())
	require.NoError(t, s.client.ProduceSync(t.Context(), &kgo.Record{Topic: "in", Value: []byte("v")}).FirstErr())
	require.NotZero(t, s.fetch(t.Context()).NumRecords())
	require.False(t, full())
}
