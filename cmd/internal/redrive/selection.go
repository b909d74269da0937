package redrive

import (
	"bytes"
	"cmp"
	"slices"
	"time"

	"stockpush/cmd/internal/eventlog"
	"stockpush/cmd/internal/retry"
	"stockpush/processor/stream"
	"stockpush/schemas"
)

// place is where and when a message lies in the events topic.
type place struct {
	partition int32
	offset    int64
	at        time.Time
	occurred  time.Time
}

// newer reports whether p is newer than q. Only offsets of one partition say so; between partitions
// it is the time in the log and, if that is the same, upstream's own time.
func (p place) newer(q place) bool {
	if c := p.at.Compare(q.at); c != 0 {
		return c > 0
	}
	if p.partition == q.partition {
		return p.offset > q.offset
	}
	return p.occurred.After(q.occurred)
}

// letter is a dead letter that is a valid event now.
type letter struct {
	place
	key     schemas.Key
	eventID string
	message stream.Record
}

// selection is the letters of a request: of each store SKU the newest one.
type selection struct {
	codes   []string
	log     eventlog.Log
	topic   string
	letters map[schemas.Key]*letter
	// seen are the sources of the letters that were read: a replay writes a letter again.
	seen    map[sourceOf]bool
	leftOut map[string]int
	matched int
	chosen  []*letter
	// ends are the ends of the events topic's partitions when they were read.
	ends    map[int32]int64
	decoder schemas.Decoder
}

type sourceOf struct {
	partition int32
	offset    int64
	time      int64
}

func newSelection(q Request, log eventlog.Log, topic string) *selection {
	return &selection{
		codes: q.ErrorCodes, log: log, topic: topic,
		letters: map[schemas.Key]*letter{}, seen: map[sourceOf]bool{}, leftOut: map[string]int{}, ends: map[int32]int64{},
	}
}

// takeLetter judges a dead letter without looking at others.
func (s *selection) takeLetter(r *stream.Record) error {
	d := schemas.DeadLetter{Key: r.Key, Value: r.Value}
	m := stream.Record{Topic: s.topic, Key: bytes.Clone(r.Key), Value: bytes.Clone(r.Value)}
	truncated := false
	for _, h := range r.Headers {
		if err := d.TakeHeader(h.Key, string(h.Value)); err != nil {
			return nil //nolint:nilerr // another program wrote it
		}
		truncated = truncated || h.Key == schemas.HeaderTruncated || h.Key == schemas.HeaderKeyTruncated
		if !schemas.IsDeadLetterHeader(h.Key) {
			m.Headers = append(m.Headers, stream.Header{Key: h.Key, Value: bytes.Clone(h.Value)})
		}
	}
	source := sourceOf{d.SourcePartition, d.SourceOffset, d.SourceTime.UnixMilli()}
	if d.SourceTopic != s.topic || len(s.codes) > 0 && !slices.Contains(s.codes, d.Code) || s.seen[source] {
		return nil
	}
	s.seen[source] = true
	s.matched++
	if truncated {
		s.leftOut[Cut]++
		return nil
	}
	s.takeWhole(&d, m)
	return nil
}

// takeWhole keeps a letter whose event is valid now and newer than the store SKU's other letters.
func (s *selection) takeWhole(d *schemas.DeadLetter, m stream.Record) {
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
	l := &letter{place{d.SourcePartition, d.SourceOffset, d.SourceTime, event.OccurredAt}, event.Key, event.EventID, m}
	if other := s.letters[l.key]; other != nil {
		s.leftOut[NewerEvent]++
		if !l.newer(other.place) {
			return
		}
	}
	s.letters[l.key] = l
}

func (s *selection) decode(m *stream.Record) (schemas.Event, bool) {
	var e schemas.Event
	err := s.decoder.DecodeMessage(&e, schemas.Message{Key: m.Key, Value: m.Value, ContentType: stream.ContentType(m)})
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

// takeEvent leaves out the letter of a store SKU that has a newer event. Every valid event counts,
// also one in a wrong partition: its own letter brings newer stock.
func (s *selection) takeEvent(m *stream.Record) {
	key, err := schemas.ParseKey(string(m.Key))
	if err != nil {
		return
	}
	l := s.letters[key]
	if l == nil || l.partition == m.Partition && l.offset == m.Offset && (l.at.IsZero() || l.at.UnixMilli() == m.Timestamp.UnixMilli()) {
		return
	}
	event, ok := s.decode(m)
	at := place{m.Partition, m.Offset, time.UnixMilli(m.Timestamp.UnixMilli()), event.OccurredAt}
	if ok && at.newer(l.place) {
		delete(s.letters, key)
		s.leftOut[NewerEvent]++
	}
}

// tooOld leaves out letters that go to a partition and are from before its first event, whose
// earlier ones are trimmed; zero is a partition without events.
func (s *selection) tooOld(partition int32, first time.Time) {
	for key, l := range s.letters {
		if l.message.Partition == partition && (first.IsZero() || l.at.Before(first)) {
			delete(s.letters, key)
			s.leftOut[TooOld]++
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
	return retry.Result{Matched: s.matched, Published: len(s.chosen), LeftOut: s.leftOut, EventIDs: []string{}}
}
