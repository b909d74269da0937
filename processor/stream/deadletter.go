package stream

import "stockpush/schemas"

// DeadLetterMessage is a dead letter as it is produced: in the partition, and with
// the key, that its source had.
func DeadLetterMessage(topics schemas.Topics, letter *schemas.DeadLetter) *Record {
	m := &Record{Topic: topics.DeadLetters(), Partition: letter.SourcePartition, Key: letter.Key, Value: letter.FittingValue()}
	letter.Headers(func(name, value string) {
		m.Headers = append(m.Headers, Header{Key: name, Value: []byte(value)})
	})
	return m
}
