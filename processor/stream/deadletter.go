package stream

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"

	"github.com/twmb/franz-go/pkg/kerr"

	"stockpush/schemas"
)

// DeadLetterMessage is a dead letter as it is produced: in the partition, and with
// the key, that its source had.
func DeadLetterMessage(topics schemas.Topics, letter *schemas.DeadLetter) *Record {
	m := &Record{Topic: topics.DeadLetters(), Partition: letter.SourcePartition, Key: letter.Key, Value: letter.FittingValue()}
	letter.Headers(func(name, value string) {
		m.Headers = append(m.Headers, Header{Key: name, Value: []byte(value)})
	})
	return m
}

// Refused says whether Kafka will never take a message, whatever is waited for,
// and the fault is the message's: others may well be taken.
func Refused(err error) bool {
	for _, refusal := range []error{kerr.MessageTooLarge, kerr.RecordListTooLarge, kerr.InvalidRecord, kerr.InvalidTimestamp} {
		if errors.Is(err, refusal) {
			return true
		}
	}
	return false
}

// PutAside produces a dead letter. Of one that the topic refuses, since it takes
// less than it should, it keeps less of the value. Done is called once.
func PutAside(ctx context.Context, p Producer, topics schemas.Topics, letter schemas.DeadLetter, done func(error)) {
	p.Produce(ctx, DeadLetterMessage(topics, &letter), func(err error) {
		smaller, ok := letter.Smaller()
		if !Refused(err) || !ok {
			done(err)
			return
		}
		// A producer's callback must not produce itself; who waits for done waits for this.
		go PutAside(ctx, p, topics, smaller, done)
	})
}

// PanicError is a panic at one message.
type PanicError struct {
	Value any
	Stack []byte
}

func (e *PanicError) Error() string { return fmt.Sprintf("panic: %v", e.Value) }

// Guard runs the work for one message and returns its panic as a PanicError.
func Guard(work func()) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &PanicError{v, debug.Stack()}
		}
	}()
	work()
	return nil
}
