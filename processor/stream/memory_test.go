package stream

import (
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"
)

func TestFetchMemoryHasRoomForWhatIsAsked(t *testing.T) {
	var m fetchMemory
	for _, n := range []int{0, 1, 2, 3, 64, 65, 1000, 1 << 20} {
		require.GreaterOrEqual(t, cap(m.GetRecords(n)), n)
		require.GreaterOrEqual(t, cap(m.GetDecompressBytes(binary.AppendUvarint(nil, uint64(n)), kgo.CodecSnappy)), n)
		require.GreaterOrEqual(t, cap(m.GetDecompressBytes(make([]byte, n), kgo.CodecGzip)), n)
	}
}

func TestFetchMemoryDoesNotTrustLengths(t *testing.T) {
	var m fetchMemory
	for _, compressed := range [][]byte{nil, {0x80}, {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01}} {
		require.LessOrEqual(t, cap(m.GetDecompressBytes(compressed, kgo.CodecSnappy)), 1<<powers)
	}
	m.PutDecompressBytes(nil)
	m.PutDecompressBytes(make([]byte, 5)) // not ours: grown by the client
	require.GreaterOrEqual(t, cap(m.GetDecompressBytes(make([]byte, 2), kgo.CodecZstd)), 8)
}

func TestFetchMemoryIsReused(t *testing.T) {
	var m fetchMemory
	for range 100 { // a pool may forget
		b := append(m.GetDecompressBytes(make([]byte, 300), kgo.CodecZstd), 7)
		m.PutDecompressBytes(b)
		if again := m.GetDecompressBytes(make([]byte, 290), kgo.CodecZstd); &again[:1][0] == &b[0] {
			require.Empty(t, again)
			return
		}
	}
	require.Fail(t, "it never was")
}

func TestFetchMemoryOfUnlikelySizeIsTheClients(t *testing.T) {
	var m fetchMemory
	require.Nil(t, m.GetRecords(1<<powers+1))
}
