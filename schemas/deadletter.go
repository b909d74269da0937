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
	put(headerMessage, cut(d.Message, 1<<10))
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
