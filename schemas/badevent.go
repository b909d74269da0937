package schemas

import "fmt"

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
