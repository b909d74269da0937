package stream

import (
	"encoding/binary"
	"math/bits"
	"sync"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Memory is kept by its size: five, six, seven or eight eighths of a power of two, up to
// 16 Mi of what is kept.
const (
	powers  = 24
	steps   = 4
	classes = (powers + 1) * steps
)

// classOf is the class of the smallest size with room for n, and that size.
func classOf(n uint64) (class int, size uint64) {
	power := max(bits.Len64(max(n, 1)-1), 3)
	if power > powers {
		return classes, n
	}
	eighths := max((n<<3+1<<power-1)>>power, steps+1)
	return power*steps + int(eighths) - steps - 1, eighths << power >> 3
}

// fetchMemory is the memory of fetches that was recycled. What is not asked for again
// soon is the collector's.
type fetchMemory struct {
	bytes, records [classes]sync.Pool
}

// recycle gives a batch's memory to later fetches.
func recycle(batch []*Record) {
	for _, r := range batch {
		r.Recycle()
	}
}

// likelyRatio is how much longer than its compressed form a batch likely is; the
// client lets it grow.
const likelyRatio = 4

// GetDecompressBytes implements kgo.PoolDecompressBytes.
func (m *fetchMemory) GetDecompressBytes(compressed []byte, codec kgo.CompressionCodecType) []byte {
	n := uint64(likelyRatio * len(compressed))
	if codec == kgo.CodecSnappy { // its length comes first
		if length, read := binary.Uvarint(compressed); read > 0 {
			n = length
		}
	}
	return get[byte](&m.bytes, n)
}

// PutDecompressBytes implements kgo.PoolDecompressBytes.
func (m *fetchMemory) PutDecompressBytes(b []byte) { put(&m.bytes, b) }

// GetRecords implements kgo.PoolRecords.
func (m *fetchMemory) GetRecords(n int) []Record { return get[Record](&m.records, uint64(n)) }

// PutRecords implements kgo.PoolRecords.
func (m *fetchMemory) PutRecords(records []Record) { put(&m.records, records) }

// get is an empty slice with room for n; for an unlikely many the client finds its own.
func get[T any](kept *[classes]sync.Pool, n uint64) []T {
	class, size := classOf(n)
	if class >= classes {
		return nil // unlikely many
	}
	if s, ok := kept[class].Get().(*[]T); ok {
		return *s
	}
	return make([]T, 0, size)
}

// put keeps a slice that get made.
func put[T any](kept *[classes]sync.Pool, s []T) {
	if class, size := classOf(uint64(cap(s))); cap(s) > 0 && class < classes && uint64(cap(s)) == size {
		s = s[:0]
		kept[class].Put(&s)
	}
}
