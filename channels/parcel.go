package channels

import (
	"strings"
	"sync"

	"stockpush/processor/stream"
	"stockpush/schemas"
)

const (
	// maxParcelBytes is where records get another message: far below any broker's limit.
	maxParcelBytes = 64 << 10
	// usualBytes is more than most states need with their key; one that needs more gets it.
	usualBytes = 512
	// slabMessages is how many messages have their memory together at most, and slabBytes
	// how much of their keys and values.
	slabMessages, slabBytes = 64, slabMessages * usualBytes
	// leastWords is how much of the channel's own words stays where Kafka refuses more, in bytes.
	leastWords = 128
	// fullParcel is how many outcomes a parcel gathers while others are under way.
	fullParcel = 512
)

// parcel is what came of a worker's turns: records, then the states that carry
// them, then the offsets of the commands that are settled by that.
type parcel struct {
	records, states []*message
	// byPartition are the records' messages by the records topic's partition; empty
	// where its partitions are not known.
	byPartition []*message
	// stored are the store SKUs whose states wait for their records.
	stored  []*storeSKU
	offsets []int64
	// recorded says that the records are acknowledged.
	recorded bool

	// slab is the memory of the states' messages, of which the first are used, and chunk
	// that of all keys and of the states. Spare are the records' messages of an earlier use.
	slab  []message
	used  int
	chunk []byte
	spare []*message
}

// message is one of a parcel's.
type message struct {
	stream.Record
	// of are the commands that it came of, one for each record in it.
	of []int64
	// one is the memory of those of a state.
	one [1]int64
}

// parcels are used again: without, most of what a push allocates would be its parcel's.
var parcels = sync.Pool{New: func() any { return &parcel{} }}

func newParcel(recordPartitions int) *parcel {
	p := parcels.Get().(*parcel)
	if len(p.byPartition) != recordPartitions {
		p.byPartition = make([]*message, recordPartitions)
	}
	return p
}

// free gives a parcel back, of which nobody may have anything any more: all its
// messages are acknowledged.
func (p *parcel) free() {
	for _, m := range p.records {
		*m = message{Record: stream.Record{Value: m.Value[:0]}, of: m.of[:0]}
	}
	p.spare = append(p.spare, p.records...)
	clear(p.records)
	clear(p.states)
	clear(p.stored)
	clear(p.byPartition)
	clear(p.slab[:p.used])
	*p = parcel{
		records: p.records[:0], states: p.states[:0], byPartition: p.byPartition, stored: p.stored[:0], offsets: p.offsets[:0],
		slab: p.slab, chunk: p.chunk[:0], spare: p.spare,
	}
	parcels.Put(p)
}

// full says that the parcel gathers no more.
func (p *parcel) full() bool { return max(len(p.offsets), len(p.states)) >= fullParcel }

// addRecord adds a packed record of a store SKU to the message that it shares with
// others whose keys lie in the same partition.
func (p *parcel) addRecord(key string, record []byte, of int64) {
	m := p.recordsMessage(key, len(key)+len(record))
	m.Value = append(schemas.AppendRecordsKey(m.Value, key), record...)
	m.of = append(m.of, of)
}

func (p *parcel) recordsMessage(key string, size int) *message {
	var shared **message
	if len(p.byPartition) > 0 {
		shared = &p.byPartition[schemas.PartitionFor([]byte(key), len(p.byPartition))]
		if m := *shared; m != nil && len(m.Value)+size < maxParcelBytes {
			return m
		}
	}
	m := p.newRecordsMessage()
	m.Key = p.write(func(b []byte) []byte { return append(b, key...) })
	m.Value = schemas.BeginRecords(m.Value)
	p.records = append(p.records, m)
	if shared != nil {
		*shared = m
	}
	return m
}

// newRecordsMessage is a message of no records yet.
func (p *parcel) newRecordsMessage() *message {
	last := len(p.spare) - 1
	if last < 0 {
		return &message{}
	}
	m := p.spare[last]
	p.spare = p.spare[:last]
	return m
}

// addState adds the state of a store SKU as it is now.
func (p *parcel) addState(s *storeSKU, of int64) *message {
	m := p.newStateMessage()
	m.Key = p.write(func(b []byte) []byte { return append(b, s.key...) })
	m.Value = p.write(s.append)
	m.one[0] = of
	m.of = m.one[:]
	p.states = append(p.states, m)
	return m
}

func (p *parcel) newStateMessage() *message {
	if p.used == len(p.slab) {
		p.slab, p.used = make([]message, min(slabMessages, 1+2*len(p.slab))), 0
	}
	p.used++
	return &p.slab[p.used-1]
}

// write is what a function appends, in memory that messages share.
func (p *parcel) write(what func([]byte) []byte) []byte {
	if cap(p.chunk)-len(p.chunk) < usualBytes {
		p.chunk = make([]byte, 0, min(slabBytes, 2*usualBytes+2*cap(p.chunk)))
	}
	from := len(p.chunk)
	p.chunk = what(p.chunk)
	return p.chunk[from:len(p.chunk):len(p.chunk)]
}

// parts are what a message that is refused is sent again as: one message a record,
// and of one record all but the channel's own words. None is left for what is as
// small as it gets.
func (m *message) parts() []*message {
	var parts []*message
	err := schemas.DecodeRecords(m.Value, func(r *schemas.Record) error {
		if len(m.of) == 1 && len(r.FailureReason) <= leastWords {
			return nil
		}
		if len(m.of) == 1 {
			r.FailureReason = strings.ToValidUTF8(r.FailureReason[:leastWords], "")
		}
		part := &message{of: m.of[len(parts) : len(parts)+1]}
		part.Key = []byte(r.Key.String())
		part.Value = schemas.AppendRecord(schemas.AppendRecordsHeader(nil, r.Key), r)
		parts = append(parts, part)
		return nil
	})
	if err != nil {
		return nil // it is no message of records
	}
	return parts
}
