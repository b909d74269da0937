package channels

import (
	"strings"

	"stockpush/processor/stream"
	"stockpush/schemas"
)

const (
	// maxParcelBytes is where records get another message: far below any broker's limit.
	maxParcelBytes = 64 << 10
	// usualBytes is what most messages of one store SKU need.
	usualBytes = 512
	// maxSlab is how many messages have their memory together at most.
	maxSlab = 64
	// leastWords is how much of the channel's own words stays where Kafka refuses more, in bytes.
	leastWords = 128
)

// parcel is what came of one turn of a worker: records, then the states that carry
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
	// bytes are what was written of keys and states.
	bytes int
	room  room

	slab  []message
	of    []int64
	chunk []byte
}

// room is how much a parcel is likely to need: as much as the one before.
type room struct {
	messages, bytes int
	// record is the size of one message of records.
	record int
}

func (p *parcel) size() room {
	r := room{messages: len(p.records) + len(p.states), bytes: p.bytes, record: usualBytes}
	for _, m := range p.records {
		r.record = max(r.record, len(m.Value))
	}
	return r
}

// message is one of a parcel's.
type message struct {
	stream.Record
	// of are the commands that it came of, one for each record in it.
	of []int64
}

func newParcel(recordPartitions int, r room) *parcel {
	n := min(r.messages, maxSlab)
	return &parcel{
		byPartition: make([]*message, recordPartitions), room: r, states: make([]*message, 0, n), stored: make([]*storeSKU, 0, n),
		offsets: make([]int64, 0, n), of: make([]int64, 0, n), slab: make([]message, n), chunk: make([]byte, 0, min(r.bytes+usualBytes, maxSlab*usualBytes)),
	}
}

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
	m := p.message(key)
	m.Value = schemas.BeginRecords(make([]byte, 0, p.room.record))
	p.records = append(p.records, m)
	if shared != nil {
		*shared = m
	}
	return m
}

// addState adds the state of a store SKU as it is now.
func (p *parcel) addState(s *storeSKU, of int64) {
	m := p.message(s.key)
	m.Value = p.write(func(b []byte) []byte { return s.append(b) })
	p.of = append(p.of, of)
	m.of = p.of[len(p.of)-1:]
	p.states = append(p.states, m)
}

func (p *parcel) message(key string) *message {
	if len(p.slab) == 0 {
		p.slab = make([]message, min(maxSlab, 1+len(p.records)+len(p.states)))
	}
	m := &p.slab[0]
	p.slab = p.slab[1:]
	m.Key = p.write(func(b []byte) []byte { return append(b, key...) })
	return m
}

// write is what a function appends, in memory that messages share.
func (p *parcel) write(what func([]byte) []byte) []byte {
	if cap(p.chunk)-len(p.chunk) < usualBytes {
		p.chunk = make([]byte, 0, max(2*usualBytes, min(maxSlab*usualBytes, 2*cap(p.chunk))))
	}
	from := len(p.chunk)
	p.chunk = what(p.chunk)
	p.bytes += len(p.chunk) - from
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
