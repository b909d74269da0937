package outbox

import (
	"slices"
	"strings"
	"time"

	"stockpush/processor/stream/kafka"
	"stockpush/schemas"
	"stockpush/schemas/wire"
)

const (
	// maxRecordsBytes is the size of a message of records, far below any broker's limit.
	maxRecordsBytes = 64 << 10
	// minReasonBytes is how much of a failure reason is kept if Kafka refuses more.
	minReasonBytes = 128
)

// RecordBatch gathers encoded records into few messages, one for each partition of the records
// topic. The zero value is not usable.
type RecordBatch struct {
	topic string
	// open are the messages to which more records are added, by partition.
	open     []*Message
	messages []*Message
}

// NewRecordBatch makes a batch for the records topic with so many partitions.
func NewRecordBatch(topics schemas.Topics, partitions int) *RecordBatch {
	return &RecordBatch{topic: topics.Records(), open: make([]*Message, partitions)}
}

// Add adds an encoded record of a store SKU. It results from the message at offset source.
func (b *RecordBatch) Add(key string, record []byte, source int64) {
	m := b.message(key, len(key)+len(record))
	m.Value = append(wire.AppendRecordsKey(m.Value, key), record...)
	m.Sources = append(m.Sources, source)
}

// AddChain adds a chain of a store SKU; newest is the offset of its newest event. The sources
// of its records are their own events.
func (b *RecordBatch) AddChain(key string, c wire.Chain, newest int64) {
	m := b.message(key, len(key)+len(c.Newest)+len(c.Links))
	m.Value = wire.AppendChain(wire.AppendRecordsKey(m.Value, key), c)
	if !c.QueuedAt.IsZero() {
		m.Sources = append(m.Sources, newest)
	}
	links := len(m.Sources)
	m.Sources = wire.AppendLinkOffsets(m.Sources, c.Links)
	slices.Reverse(m.Sources[links:]) // decoding yields the newest first
}

// AddReport adds a report, which results from no message.
func (b *RecordBatch) AddReport(r *schemas.Report) {
	encoded := wire.AppendReport(nil, r)
	m := b.message(r.Key(), len(encoded))
	m.Value = append(m.Value, encoded...)
	m.Sources = append(m.Sources, schemas.NoOffset)
}

func (b *RecordBatch) message(key string, size int) *Message {
	partition := schemas.PartitionFor([]byte(key), len(b.open))
	if m := b.open[partition]; m != nil && len(m.Value)+size < maxRecordsBytes {
		return m
	}
	m := &Message{Record: kafka.Record{Topic: b.topic, Partition: kafka.ByKey, Key: []byte(key), Value: wire.BeginRecords(nil)}}
	b.open[partition] = m
	b.messages = append(b.messages, m)
	return m
}

// Take returns the messages and starts over.
func (b *RecordBatch) Take() []*Message {
	messages := b.messages
	b.messages = nil
	clear(b.open)
	return messages
}

// splitRecords makes a message of each record of a message. If the message has one record, it
// shortens the record's failure reason. It returns none if the message cannot be made smaller.
func splitRecords(m *Message) []*Message {
	var parts []*Message
	single := len(m.Sources) == 1
	err := wire.DecodeRecords(m.Value, func(r *schemas.Record) error {
		if single && len(r.FailureReason) <= minReasonBytes {
			return nil
		}
		if single {
			r.FailureReason = strings.ToValidUTF8(r.FailureReason[:minReasonBytes], "")
		}
		parts = append(parts, recordMessage(m.Topic, r, m.Sources[len(parts)]))
		return nil
	})
	if err != nil {
		return nil // it holds no records
	}
	return parts
}

// recordMessage returns a message of one record.
func recordMessage(topic string, r *schemas.Record, source int64) *Message {
	value := wire.AppendRecord(wire.AppendRecordsHeader(nil, r.Key), r)
	return &Message{Record: kafka.Record{Topic: topic, Partition: kafka.ByKey, Key: []byte(r.Key.String()), Value: value}, Sources: []int64{source}}
}

// failedRecord returns a Failed record of a refused command's event; nil if m is no command.
func failedRecord(topics schemas.Topics, m *Message, cause error) *Message {
	c, err := wire.DecodeCommand(m.Value)
	if err != nil {
		return nil
	}
	r := schemas.RecordOf(c.Event, schemas.Failed)
	r.FailureCode, r.FailureReason = schemas.UnknownFailure, "Kafka refuses the command: "+cause.Error()
	r.QueuedAt, r.FinishedAt = c.QueuedAt, time.Now()
	return recordMessage(topics.Records(), &r, m.Sources[0])
}
