package stream

import (
	"bytes"
	"compress/gzip"
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"
)

func packed(t *testing.T, size int) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := w.Write(make([]byte, size))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return b.Bytes()
}

// Small batches may unpack to much together.
func TestUnpackingIsBoundedBetweenPolls(t *testing.T) {
	u, err := newUnpacker()
	require.NoError(t, err)
	half := packed(t, maxUnpolledBytes/2)
	for range 3 {
		for range 2 {
			b, err := u.Decompress(half, kgo.CodecGzip)
			require.NoError(t, err)
			require.Len(t, b, maxUnpolledBytes/2)
		}
		_, err = u.Decompress(half, kgo.CodecGzip)
		require.ErrorIs(t, err, errLater)
		u.polled()
	}
	_, err = u.Decompress(packed(t, maxBatchBytes+1), kgo.CodecGzip)
	require.ErrorIs(t, err, kgo.ErrMaxDecompress)
}

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
		require.NoError(t, o.Push([]*Record{{Offset: offset, Key: make([]byte, 3), Value: make([]byte, 7)}}, 3))
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
	s.unpack.unpolled.Store(5)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	s.fetch(ctx)
	require.EqualValues(t, 5, s.unpack.unpolled.Load())
	require.NoError(t, s.client.ProduceSync(t.Context(), &kgo.Record{Topic: "in", Value: []byte("v")}).FirstErr())
	require.NotZero(t, s.fetch(t.Context()).NumRecords())
	require.Zero(t, s.unpack.unpolled.Load())
}
