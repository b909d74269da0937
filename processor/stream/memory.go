package stream

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"sync"
	"sync/atomic"

	"github.com/twmb/franz-go/pkg/kgo"
)

// powers bounds what is pooled: slices of up to 16 Mi elements.
const powers = 24

// fetchMemory pools the memory of fetches by size, in powers of two. The garbage collector takes
// what is not needed again soon.
type fetchMemory struct {
	bytes, records [powers + 1]sync.Pool
}

// recycle gives a batch's memory to later fetches.
func recycle(batch []*Record) {
	for _, r := range batch {
		r.Recycle()
	}
}

// likelyRatio is the expected ratio of a batch's size to its compressed size. The client grows the
// memory if needed.
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

// get returns an empty slice with room for n; nil if that is more than is pooled.
func get[T any](pools *[powers + 1]sync.Pool, n uint64) []T {
	power := bits.Len64(max(n, 1) - 1)
	if power > powers {
		return nil
	}
	if s, ok := pools[power].Get().(*[]T); ok {
		return *s
	}
	return make([]T, 0, 1<<power)
}

// put pools a slice that get made.
func put[T any](pools *[powers + 1]sync.Pool, s []T) {
	if n := uint64(cap(s)); bits.OnesCount64(n) == 1 && n <= 1<<powers {
		s = s[:0]
		pools[bits.Len64(n)-1].Put(&s)
	}
}

const (
	// maxBatchBytes bounds what a batch may unpack to.
	maxBatchBytes = 64 << 20
	// maxUnpolledBytes bounds what fetches unpack between two polls: a fetch may have hundreds of
	// small batches that each unpack to megabytes. The last batch may exceed the bound.
	maxUnpolledBytes = 64 << 20
	// maxQueuedBytes is how much may wait for handlers; above it nothing is polled.
	maxQueuedBytes = 64 << 20
)

// errLater is the error of a batch that is not unpacked now. The client fetches it again.
var errLater = errors.New("enough has been unpacked for now")

// unpacker unpacks batches until enough of them wait to be polled.
type unpacker struct {
	kgo.Decompressor
	unpolled atomic.Int64
}

// newUnpacker makes an unpacker of the client's decompressor. Only a client can set the bound.
func newUnpacker(pools ...kgo.Pool) (*unpacker, error) {
	client, err := kgo.NewClient(kgo.MaxDecompressBatchBytes(maxBatchBytes), kgo.WithPools(pools...))
	if err != nil {
		return nil, fmt.Errorf("kafka client: %w", err)
	}
	defer client.Close()
	return &unpacker{Decompressor: client.OptValue(kgo.WithDecompressor).(kgo.Decompressor)}, nil
}

// Decompress implements kgo.Decompressor.
func (u *unpacker) Decompress(packed []byte, codec kgo.CompressionCodecType) ([]byte, error) {
	if u.unpolled.Load() >= maxUnpolledBytes {
		return nil, errLater
	}
	b, err := u.Decompressor.Decompress(packed, codec)
	u.unpolled.Add(int64(len(b)))
	return b, err
}

// polled is called when what was unpacked so far was polled.
func (u *unpacker) polled() { u.unpolled.Store(0) }
