package schemas

import (
	"fmt"
	"strconv"
)

// The headers of a dead letter.
const (
	headerCode      = "error-code"
	headerField     = "error-field"
	headerMessage   = "error-message"
	headerTopic     = "source-topic"
	headerPartition = "source-partition"
	headerOffset    = "source-offset"
	headerTruncated = "error-truncated"
)

// maxTruncatedBytes is what is kept of a value that does not fit the dead letters.
const maxTruncatedBytes = 64 << 10

// deadLetterOverheadBytes leaves room for what a message has beside key and
// value: headers with texts of at most a few hundred bytes, and the batch's own.
const deadLetterOverheadBytes = 4 << 10

// DeadLetter is a bad event, as it was received, with why it is bad.
type DeadLetter struct {
	BadEvent
	SourceTopic     string
	SourcePartition int32
	SourceOffset    int64
	Key, Value      []byte
	// cuts is how often it was made smaller.
	cuts int
}

// Truncated says whether the value is too large for the dead letters.
func (d *DeadLetter) Truncated() bool { return len(d.FittingValue()) < len(d.Value) }

// FittingValue is the value, or its first 64 KiB where it does not fit.
func (d *DeadLetter) FittingValue() []byte {
	switch {
	case d.cuts > 1:
		return nil
	case d.cuts > 0, len(d.Key)+len(d.Value) > MaxDeadLetterBytes-deadLetterOverheadBytes:
		return d.Value[:min(len(d.Value), maxTruncatedBytes)]
	default:
		return d.Value
	}
}

// Smaller is the dead letter for a topic that takes less than it should: with the
// first 64 KiB of the value, and then with none of it. False says that nothing is
// left to cut.
func (d DeadLetter) Smaller() (DeadLetter, bool) {
	d.cuts++
	return d, d.cuts <= 2
}

// Headers calls put for each header of the message, in a fixed order.
func (d *DeadLetter) Headers(put func(name, value string)) {
	put(headerCode, d.Code)
	put(headerField, d.Field)
	put(headerMessage, cut(d.Message, 1<<10))
	put(headerTopic, d.SourceTopic)
	put(headerPartition, strconv.Itoa(int(d.SourcePartition)))
	put(headerOffset, strconv.FormatInt(d.SourceOffset, 10))
	if d.Truncated() {
		put(headerTruncated, "true")
	}
}

// TakeHeader reads one header of a dead letter; unknown ones are passed over.
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
	}
	if err != nil {
		return fmt.Errorf("dead letter header %s: %w", name, err)
	}
	return nil
}
