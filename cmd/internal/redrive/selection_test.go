package redrive_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockpush/cmd/internal/redrive"
	"stockpush/cmd/internal/retry"
	"stockpush/processor/stream/kafka"
	"stockpush/schemas"
)

// sent produces an event with a producer's time, as a CreateTime topic keeps it.
func (w *world) sent(e schemas.Event, at time.Time) *kafka.Record {
	w.t.Helper()
	m := message(e, place(e))
	m.Timestamp = at.Truncate(time.Millisecond)
	return w.produce(m)
}

// A producer whose clock goes back does not change the order of a partition.
func TestOffsetsDecideWithinAPartition(t *testing.T) {
	w := newWorld(t)
	now := time.Now()
	overtaken, newest := event("overtaken", 1), event("newest", 2)
	w.reject(w.sent(overtaken, now), schemas.CodeUnknownChannel)
	w.sent(event("overtaken", 2), now.Add(-5*time.Second))
	w.sent(event("newest", 1), now.Add(5*time.Second))
	w.reject(w.sent(newest, now), schemas.CodeUnknownChannel)
	require.Equal(t, retry.Result{
		Matched: 2, Published: 1, LeftOut: map[string]int{redrive.NewerEvent: 1}, EventIDs: []string{"newest-2"},
	}, w.do(redrive.Request{}))
}

// The offset of a letter of an earlier log is not one of this log.
func TestALetterOfAnEarlierLogIsLeftOutInDoubt(t *testing.T) {
	w := newWorld(t)
	e := event("sku", 1)
	earlier := message(e, place(e))
	earlier.Offset, earlier.Timestamp = 1000, time.Now().Add(-time.Minute)
	w.reject(earlier, schemas.CodeUnknownChannel)
	w.produce(message(event("sku", 2), place(e)))
	require.Equal(t, map[string]int{redrive.NewerEvent: 1}, w.do(redrive.Request{}).LeftOut)
}

// A newer event of the letter's partition is trimmed, and the first one that is there looks older.
func TestALetterWhoseSourceIsTrimmedIsTooOld(t *testing.T) {
	w := newWorld(t)
	e, now := event("sku", 1), time.Now()
	w.reject(w.sent(e, now), schemas.CodeUnknownChannel)
	w.sent(event("sku", 2), now.Add(-5*time.Second))
	first := message(event("other", 1), place(e))
	first.Timestamp = now.Add(-4 * time.Second)
	w.produce(first)
	w.trim(place(e), 2)
	require.Equal(t, map[string]int{redrive.TooOld: 1}, w.do(redrive.Request{}).LeftOut)
}
