package redrive

import (
	"bytes"
	"cmp"
	"slices"
	"time"

	"stockpush/cmd/internal/eventlog"
	"stockpush/cmd/internal/retry"
	"stockpush/processor/stream/kafka"
	"stockpush/schemas"
	"stockpush/schemas/stockevent"
)

// place is where and when a message lies in the events topic.
type place struct {
	partition int32
	offset    int64
	at        time.Time
	occurred  time.Time
}

// newer reports whether p is newer than q. Within a partition the offset decides, whatever the
// clocks say; between partitions it is the time in the log and, if that is the same, upstream's own
// time.
func (p place) newer(q place) bool {
	if p.partition == q.partition {
		return p.offset > q.offset
	}
	return cmp.Or(p.at.Compare(q.at), p.occurred.Compare(q.occurred)) > 0
}

// same reports whether p and q are the same message. The time distinguishes logs; zero is unknown.
func (p place) same(q place) bool {
	return p.partition == q.partition && p.offset == q.offset && (p.at.IsZero() || q.at.IsZero() || p.at.Equal(q.at))
}

// letter is a dead letter that is a valid event now.
type letter struct {
	place
	key     schemas.Key
	eventID string
	message kafka.Record
	// found is whether the log has its source, so offsets of the log compare with the letter's.
	found bool
	// doubtful is whether its partition has an event with a lower offset and a later time. That event
	// is newer if the letter is of an earlier log, whose offsets were other ones.
	doubtful bool
}

// selection is the letters of a request: of each store SKU the newest one.
type selection struct {
	codes   []string
	log     eventlog.Log
	topic   string
	letters map[schemas.Key]*letter
	leftOut map[string]int
	chosen  []*letter
	// ends are the ends of the events topic's partitions when they were read.
	ends    map[int32]int64
	decoder stockevent.Decoder
}

func newSelection(q Request, log eventlog.Log, topic string) *selection {
	return &selection{
		codes: q.ErrorCodes, log: log, topic: topic,
		letters: map[schemas.Key]*letter{}, leftOut: map[string]int{}, ends: map[int32]int64{},
	}
}

// takeLetter judges a dead letter without looking at others.
func (s *selection) takeLetter(r *kafka.Record) error {
	d := schemas.DeadLetter{Key: r.Key, Value: r.Value}
	m := kafka.Record{Topic: s.topic, Key: bytes.Clone(r.Key), Value: bytes.Clone(r.Value)}
	truncated := false
	for _, h := range r.Headers {
		if err := d.TakeHeader(h.Key, string(h.Value)); err != nil {
			return nil //nolint:nilerr // another program wrote it
		}
		truncated = truncated || h.Key == schemas.HeaderTruncated || h.Key == schemas.HeaderKeyTruncated
		if !schemas.IsDeadLetterHeader(h.Key) {
			m.Headers = append(m.Headers, kafka.Header{Key: h.Key, Value: bytes.Clone(h.Value)})
		}
	}
	if d.SourceTopic != s.topic || len(s.codes) > 0 && !slices.Contains(s.codes, d.Code) {
		return nil
	}
	if truncated {
		s.leftOut[Cut]++
		return nil
	}
	s.takeWhole(&d, m)
	return nil
}

// takeWhole keeps a letter whose event is valid now and newer than the store SKU's other letters. A
// replay writes letters again: the kept one is recognised, others count again as left out.
func (s *selection) takeWhole(d *schemas.DeadLetter, m kafka.Record) {
	event, ok := s.decode(&m)
	switch {
	case !ok:
		s.leftOut[StillBad]++
		return
	case event.Repeats():
		s.leftOut[Repeats]++
		return
	}
	m.Partition = s.log.PartitionOf(event.Key)
	at := place{d.SourcePartition, d.SourceOffset, d.SourceTime, event.OccurredAt}
	l := &letter{place: at, key: event.Key, eventID: event.EventID, message: m}
	if other := s.letters[l.key]; other != nil {
		if l.same(other.place) {
			return
		}
		s.leftOut[NewerEvent]++
		if !l.newer(other.place) {
			return
		}
	}
	s.letters[l.key] = l
}

func (s *selection) decode(m *kafka.Record) (schemas.Event, bool) {
	var e schemas.Event
	err := s.decoder.DecodeMessage(&e, stockevent.Message{Key: m.Key, Value: m.Value, ContentType: kafka.ContentType(m)})
	return e, err == nil
}

// oldest is the time of the oldest letter; false if there is none.
func (s *selection) oldest() (at time.Time, ok bool) {
	for _, l := range s.letters {
		if !ok || l.at.Before(at) {
			at, ok = l.at, true
		}
	}
	return at, ok
}

// sources returns by partition the lowest offset of the letters' sources.
func (s *selection) sources() map[int32]int64 {
	lowest := map[int32]int64{}
	for _, l := range s.letters {
		if offset, ok := lowest[l.partition]; !ok || l.offset < offset {
			lowest[l.partition] = l.offset
		}
	}
	return lowest
}

// takeEvent leaves out the letter of a store SKU that has a newer event. Every valid event counts,
// also one in a wrong partition: its own letter brings newer stock.
func (s *selection) takeEvent(m *kafka.Record) {
	key, err := schemas.ParseKey(string(m.Key))
	l := s.letters[key]
	if err != nil || l == nil {
		return
	}
	at := place{partition: m.Partition, offset: m.Offset, at: time.UnixMilli(m.Timestamp.UnixMilli())}
	if at.same(l.place) {
		l.found = true
		return
	}
	event, ok := s.decode(m)
	at.occurred = event.OccurredAt
	switch {
	case !ok:
	case at.newer(l.place):
		s.leaveOut(l, NewerEvent)
	case at.partition == l.partition && at.at.After(l.at):
		l.doubtful = true
	}
}

func (s *selection) leaveOut(l *letter, cause string) {
	delete(s.letters, l.key)
	s.leftOut[cause]++
}

// leaveOutDoubtful leaves out doubtful letters of another log, after all events are read.
func (s *selection) leaveOutDoubtful() {
	for _, l := range s.letters {
		if l.doubtful && !l.found {
			s.leaveOut(l, NewerEvent)
		}
	}
}

// tooOld leaves out letters that go to a partition and are from before its first event, whose
// earlier ones are trimmed; zero is a partition without events.
func (s *selection) tooOld(partition int32, first time.Time) {
	for _, l := range s.letters {
		before := first.IsZero() || l.at.Before(first)
		if l.partition == partition {
			before = !l.found
		}
		if l.message.Partition == partition && before {
			s.leaveOut(l, TooOld)
		}
	}
}

// limit chooses at most n of the letters, the oldest first; 0 is retry.MaxEvents.
func (s *selection) limit(n int) {
	for _, l := range s.letters {
		s.chosen = append(s.chosen, l)
	}
	slices.SortFunc(s.chosen, func(a, b *letter) int {
		return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.partition, b.partition), cmp.Compare(a.offset, b.offset))
	})
	n = min(cmp.Or(n, retry.MaxEvents), len(s.chosen))
	if over := len(s.chosen) - n; over > 0 {
		s.leftOut[OverLimit] = over
	}
	s.chosen = s.chosen[:n]
}

func (s *selection) result() retry.Result {
	matched := len(s.chosen)
	for _, n := range s.leftOut {
		matched += n
	}
	return retry.Result{Matched: matched, Published: len(s.chosen), LeftOut: s.leftOut, EventIDs: []string{}}
}
