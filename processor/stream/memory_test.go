package stream

import (
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"
	"pgregory.net/rapid"
)

func TestFetchMemoryHasRoomForWhatIsAsked(t *testing.T) {
	var m fetchMemory
	for _, n := range []int{0, 1, 2, 3, 64, 65, 1000, 1 << 20} {
		require.GreaterOrEqual(t, cap(m.GetRecords(n)), n)
		require.GreaterOrEqual(t, cap(m.GetDecompressBytes(binary.AppendUvarint(nil, uint64(n)), kgo.CodecSnappy)), n)
		require.GreaterOrEqual(t, cap(m.GetDecompressBytes(make([]byte, n), kgo.CodecGzip)), n)
	}
}

func TestFetchMemoryTakesNoLengthOnTrust(t *testing.T) {
	var m fetchMemory
	for _, compressed := range [][]byte{nil, {0x80}, {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01}} {
		require.Less(t, cap(m.GetDecompressBytes(compressed, kgo.CodecSnappy)), 1<<(powers+1))
	}
	m.PutDecompressBytes(nil)
	m.PutDecompressBytes(make([]byte, 5)) // not ours: grown by the client
	require.GreaterOrEqual(t, cap(m.GetDecompressBytes(make([]byte, 2), kgo.CodecZstd)), 8)
}

// A size is at most a quarter more than what is asked, and is of the class that it is kept by.
func TestSizesAreCloseToWhatIsAsked(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Uint64Range(0, 1<<powers).Draw(t, "n")
		class, size := classOf(n)
		require.Less(t, class, classes)
		require.GreaterOrEqual(t, size, n)
		if n >= 8 {
			require.LessOrEqual(t, size, n+n/4+1)
		}
		sameClass, same := classOf(size)
		require.Equal(t, class, sameClass)
		require.Equal(t, size, same)
		if class > 0 {
			_, smaller := classOf(n / 2)
			require.LessOrEqual(t, smaller, size)
		}
	})
	beyond, _ := classOf(1<<powers + 1)
	require.GreaterOrEqual(t, beyond, classes)
}
