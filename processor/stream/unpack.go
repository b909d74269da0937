package stream

import (
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/twmb/franz-go/pkg/kgo"
)

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
func newUnpacker() (*unpacker, error) {
	client, err := kgo.NewClient(kgo.MaxDecompressBatchBytes(maxBatchBytes))
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
