package kafka

import (
	"bytes"
	"compress/gzip"
	"testing"

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
	u, err := NewUnpacker()
	require.NoError(t, err)
	half := packed(t, maxUnpolledBytes/2)
	for range 3 {
		for range 2 {
			b, err := u.Decompress(half, kgo.CodecGzip)
			require.NoError(t, err)
			require.Len(t, b, maxUnpolledBytes/2)
		}
		_, err = u.Decompress(half, kgo.CodecGzip)
		require.ErrorIs(t, err, ErrLater)
		u.Polled()
	}
	_, err = u.Decompress(packed(t, maxBatchBytes+1), kgo.CodecGzip)
	require.ErrorIs(t, err, kgo.ErrMaxDecompress)
}
