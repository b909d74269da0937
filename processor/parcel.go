package processor

import (
	"sync"
	"sync/atomic"

	"stockpush/processor/stream"
	"stockpush/schemas"
)

// maxParcelBytes is where a parcel goes out: with one more window in it, it is
// far below any broker's message limit.
const maxParcelBytes = 64 << 10

// parcel is records of store SKUs whose keys lie in one partition of the records
// topic: one message, under the key of the first of them. Its offsets are
// resolved when the message and the commands of its Pending records are acknowledged.
type parcel struct {
	key     []byte
	records []byte
	offsets []int64
	// sku is the Kafka key of the store SKU that the last record is of.
	sku string
	// unacked counts messages: the records', and a command for each that was sent.
	unacked atomic.Int32
	// acknowledged counts one message of the parcel. After the last one the parcel is
	// another's: nobody has anything of it any more. It is made once for all of them.
	acknowledged func()
}

// parcels are used again: their memory was a sixth of what compaction allocated.
var parcels = sync.Pool{New: func() any { return &parcel{} }}

func newParcel(key string, a *stream.Assignment) *parcel {
	p := parcels.Get().(*parcel)
	p.key, p.records, p.offsets = append(p.key[:0], key...), schemas.BeginRecords(p.records[:0]), p.offsets[:0]
	p.sku = ""
	p.unacked.Store(1)
	p.acknowledged = func() {
		if p.unacked.Add(-1) == 0 {
			a.ResolveAll(p.offsets)
			p.acknowledged = nil
			parcels.Put(p)
		}
	}
	return p
}

// turnTo says which store SKU the next record is of.
func (p *parcel) turnTo(sku string) {
	if p.sku != sku {
		p.records = schemas.AppendRecordsKey(p.records, sku)
		p.sku = sku
	}
}

// add adds a chain of that store SKU.
func (p *parcel) add(c schemas.Chain) {
	p.records = schemas.AppendChain(p.records, c)
	p.offsets = schemas.AppendLinkOffsets(p.offsets, c.Links)
}

const (
	slabMessages = 64
	slabBytes    = 16 << 10
	// slabRoom is more than most commands need; one that needs more gets it.
	slabRoom = 512
)

// slab hands out messages and their bytes from chunks, an allocation for many.
type slab struct {
	messages []stream.Record
	chunk    []byte
}

func (s *slab) message() *stream.Record {
	if len(s.messages) == 0 {
		s.messages = make([]stream.Record, slabMessages)
	}
	m := &s.messages[0]
	s.messages = s.messages[1:]
	return m
}

// bytes are what write appends to what it is given.
func (s *slab) bytes(write func([]byte) []byte) []byte {
	if cap(s.chunk)-len(s.chunk) < slabRoom {
		s.chunk = make([]byte, 0, slabBytes)
	}
	from := len(s.chunk)
	s.chunk = write(s.chunk)
	return s.chunk[from:len(s.chunk):len(s.chunk)]
}
