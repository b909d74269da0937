package stream

import (
	"strings"

	"stockpush/schemas"
)

const (
	// maxRecordsBytes is where a message of records ends: far below any broker's limit.
	maxRecordsBytes = 64 << 10
	// minReasonBytes is how much of a failure reason stays where Kafka refuses more.
	minReasonBytes = 128
)

// RecordBatch gathers encoded records into few messages: those whose keys lie in one
// partition of the records topic share a message. The zero value is not usable.
type RecordBatch struct {
	topic string
	// open are the messages that take more records, by partition.
	open     []*Message
	messages []*Message
}

// NewRecordBatch makes a batch for the records topic with so many partitions.
func NewRecordBatch(topics schemas.Topics, partitions int) *RecordBatch {
	return &RecordBatch{topic: topics.Records(), open: make([]*Message, partitions)}
}

// Add adds an encoded record of a store SKU that came of the message at source.
func (b *RecordBatch) Add(key string, record []byte, source int64) {
	m := b.message(key, len(key)+len(record))
	m.Value = append(schemas.AppendRecordsKey(m.Value, key), record...)
	m.Sources = append(m.Sources, source)
}

func (b *RecordBatch) message(key string, size int) *Message {
	partition := schemas.PartitionFor([]byte(key), len(b.open))
	if m := b.open[partition]; m != nil && len(m.Value)+size < maxRecordsBytes {
		return m
	}
	m := &Message{Record: Record{Topic: b.topic, Partition: ByKey, Key: []byte(key), Value: schemas.BeginRecords(nil)}}
	b.open[partition] = m
	b.messages = append(b.messages, m)
	return m
}

// Len is how many messages were gathered.
func (b *RecordBatch) Len() int { return len(b.messages) }

// Take returns the messages and starts over.
func (b *RecordBatch) Take() []*Message {
	messages := b.messages
	b.messages = nil
	clear(b.open)
	return messages
}

// splitRecords makes a message of each record of a message, and of a message of one record one
// with a shorter failure reason. It returns none if the message cannot be made smaller.
func splitRecords(m *Message) []*Message {
	var parts []*Message
	single := len(m.Sources) == 1
	err := schemas.DecodeRecords(m.Value, func(r *schemas.Record) error {
		if single && len(r.FailureReason) <= minReasonBytes {
			return nil
		}
		if single {
			r.FailureReason = strings.ToValidUTF8(r.FailureReason[:minReasonBytes], "")
		}
		value := schemas.AppendRecord(schemas.AppendRecordsHeader(nil, r.Key), r)
		parts = append(parts, &Message{
			Record:  Record{Topic: m.Topic, Partition: ByKey, Key: []byte(r.Key.String()), Value: value},
			Sources: m.Sources[len(parts) : len(parts)+1],
		})
		return nil
	})
	if err != nil {
		return nil // it holds no records
	}
	return parts
}
