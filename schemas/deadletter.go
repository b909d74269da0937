package schemas

import (
	"fmt"
	"strconv"
	"time"
)

// The headers of a dead letter.
const (
	headerCode      = "error-code"
	headerField     = "error-field"
	headerMessage   = "error-message"
	headerTopic     = "source-topic"
	headerPartition = "source-partition"
	headerOffset    = "source-offset"
	// headerTimestamp is the source's time in the log, in milliseconds since 1970.
	headerTimestamp = "source-timestamp"
	// HeaderTruncated is "true" if the value is cut, HeaderKeyTruncated if the key is.
	HeaderTruncated    = "error-truncated"
	HeaderKeyTruncated = "error-key-truncated"
)

// MaxDeadLetterKeyBytes is where a key is cut, and MaxTruncatedBytes where a value is cut that
// does not fit.
const (
	MaxDeadLetterKeyBytes = 64 << 10
	MaxTruncatedBytes     = 64 << 10
)

// deadLetterOverheadBytes is room for the headers, of at most a few hundred bytes each, and for
// the batch's own bytes.
const deadLetterOverheadBytes = 4<<10 + maxReceivedBytes

// DeadLetter is a message that could not be processed, as it was received, and why.
type DeadLetter struct {
	BadEvent
	SourceTopic     string
	SourcePartition int32
	SourceOffset    int64
	// SourceTime is the message's time in the log; zero if it is not known.
	SourceTime time.Time
	Key, Value []byte
	// Received are the headers of the message as it was received.
	Received []MessageHeader
}

// MessageHeader is a header of a message.
type MessageHeader struct {
	Name  string
	Value []byte
}

// maxReceivedBytes bounds what is kept of the received headers.
const maxReceivedBytes = 16 << 10

// FittingReceived returns the received headers, without those that have one of our names. It returns
// none if they are too large.
func (d *DeadLetter) FittingReceived() []MessageHeader {
	var kept []MessageHeader
	size := 0
	for _, h := range d.Received {
		size += len(h.Name) + len(h.Value)
		if !IsDeadLetterHeader(h.Name) {
			kept = append(kept, h)
		}
	}
	if size > maxReceivedBytes {
		return nil
	}
	return kept
}

// IsDeadLetterHeader reports whether a header of a dead letter is one that Headers writes.
func IsDeadLetterHeader(name string) bool {
	switch name {
	case headerCode, headerField, headerMessage, headerTopic, headerPartition, headerOffset, headerTimestamp, HeaderTruncated, HeaderKeyTruncated:
		return true
	}
	return false
}

// FittingKey is the key, or its first 64 KiB.
func (d *DeadLetter) FittingKey() []byte { return d.Key[:min(len(d.Key), MaxDeadLetterKeyBytes)] }

// FittingValue is the value, or its first 64 KiB if it does not fit.
func (d *DeadLetter) FittingValue() []byte {
	if len(d.FittingKey())+len(d.Value) > MaxDeadLetterBytes-deadLetterOverheadBytes {
		return d.Value[:MaxTruncatedBytes]
	}
	return d.Value
}

// Headers calls put for each header of the message, in a fixed order.
func (d *DeadLetter) Headers(put func(name, value string)) {
	put(headerCode, d.Code)
	put(headerField, d.Field)
	put(headerMessage, Cut(d.Message, 1<<10))
	put(headerTopic, d.SourceTopic)
	put(headerPartition, strconv.Itoa(int(d.SourcePartition)))
	put(headerOffset, strconv.FormatInt(d.SourceOffset, 10))
	if !d.SourceTime.IsZero() {
		put(headerTimestamp, strconv.FormatInt(d.SourceTime.UnixMilli(), 10))
	}
	if len(d.FittingValue()) < len(d.Value) {
		put(HeaderTruncated, "true")
	}
	if len(d.FittingKey()) < len(d.Key) {
		put(HeaderKeyTruncated, "true")
	}
}

// TakeHeader reads one header of a dead letter; it ignores unknown ones.
func (d *DeadLetter) TakeHeader(name, value string) (err error) {
	switch name {
	case headerCode:
		d.Code = value
	case headerField:
		d.Field = value
	case headerMessage:
		d.Message = value
	case headerTopic:
		d.SourceTopic = value
	case headerPartition:
		var n int64
		n, err = strconv.ParseInt(value, 10, 32)
		d.SourcePartition = int32(n)
	case headerOffset:
		d.SourceOffset, err = strconv.ParseInt(value, 10, 64)
	case headerTimestamp:
		var ms int64
		ms, err = strconv.ParseInt(value, 10, 64)
		d.SourceTime = time.UnixMilli(ms)
	}
	if err != nil {
		return fmt.Errorf("dead letter header %s: %w", name, err)
	}
	return nil
}

// The error codes of bad input, a closed set: dead letters carry them, and
// rejected_events shows them.
const (
	// CodeNotJSON: the value is not one JSON object in UTF-8 without a byte-order mark.
	CodeNotJSON = "not_json"
	// CodeNotProtobuf: the value is not a Protobuf message.
	CodeNotProtobuf = "not_protobuf"
	// CodeUnsupportedContentType: the header content-type names an encoding that is not read.
	CodeUnsupportedContentType = "unsupported_content_type"
	// CodeTooDeep: objects and arrays are nested deeper than 64.
	CodeTooDeep = "too_deep"
	// CodeDuplicateField: a known field is given twice.
	CodeDuplicateField = "duplicate_field"
	// CodeMissingField: a required field is absent or null.
	CodeMissingField = "missing_field"
	// CodeWrongType: a field's value is of another JSON type, or not a whole number.
	CodeWrongType = "wrong_type"
	// CodeOutOfRange: a number is outside its range.
	CodeOutOfRange = "out_of_range"
	// CodeBadLength: a text is too short or too long.
	CodeBadLength = "bad_length"
	// CodeBadText: a text has control characters or unpaired surrogates.
	CodeBadText = "bad_text"
	// CodeBadTime: a time is not RFC 3339 with a capital T and Z, or has a leap second.
	CodeBadTime = "bad_time"
	// CodeUnknownReason: the reason is not one of the 17.
	CodeUnknownReason = "unknown_reason"
	// CodeUnknownChannel: the channel is not one that we push to.
	CodeUnknownChannel = "unknown_channel"
	// CodeNotAllowed: a field that this reason may not have, or without the field it needs.
	CodeNotAllowed = "not_allowed"
	// CodeQuantityTooHigh: the push quantity is above 10,000,000.
	CodeQuantityTooHigh = "quantity_too_high"
	// CodeKeyMismatch: the Kafka key is not the value's store SKU key.
	CodeKeyMismatch = "key_mismatch"
	// CodeWrongPartition: the event is not in its key's partition: its producer uses another partitioner.
	CodeWrongPartition = "wrong_partition"
)

// The error codes of messages that no stage can process, our own included.
const (
	// CodeUnreadable: one of our own messages is not in our format.
	CodeUnreadable = "unreadable_message"
	// CodePanicked: a stage panicked at the message.
	CodePanicked = "stage_panicked"
	// CodeRefusedByKafka: Kafka refuses the message permanently, for example because of its size.
	CodeRefusedByKafka = "refused_by_kafka"
	// CodeUnreadableBatch: Kafka has a batch that cannot be unpacked or decoded.
	CodeUnreadableBatch = "unreadable_batch"
	// CodeRefusedByStore: the store refuses the message's row permanently.
	CodeRefusedByStore = "refused_by_store"
)

// BadEventCodes are the error codes that a dead letter of the events topic may have.
func BadEventCodes() []string {
	return []string{
		CodeNotJSON, CodeNotProtobuf, CodeUnsupportedContentType, CodeTooDeep,
		CodeDuplicateField, CodeMissingField, CodeWrongType, CodeOutOfRange,
		CodeBadLength, CodeBadText, CodeBadTime, CodeUnknownReason,
		CodeUnknownChannel, CodeNotAllowed, CodeQuantityTooHigh, CodeKeyMismatch,
		CodeWrongPartition, CodeUnreadable, CodePanicked, CodeRefusedByKafka,
		CodeUnreadableBatch, CodeRefusedByStore,
	}
}

// BadEvent says why a stock event cannot be used.
type BadEvent struct {
	// Code is of the closed set above.
	Code string
	// Field is the bad field; empty if no single field is to blame.
	Field string
	// Message is for people.
	Message string
}

func (e *BadEvent) Error() string {
	if e.Field == "" {
		return e.Code + ": " + e.Message
	}
	return fmt.Sprintf("%s: %s: %s", e.Code, e.Field, e.Message)
}
