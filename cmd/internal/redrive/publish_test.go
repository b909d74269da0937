package redrive_test

import (
	"context"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"stockpush/cmd/internal/redrive"
	"stockpush/processor/stream/kafka"
	"stockpush/schemas"
)

// overtaking is a producer before whose first message upstream sends something newer.
type overtaking struct {
	kafka.Producer
	first  func()
	once   sync.Once
	refuse string              // the key that Kafka refuses
	done   func(*kafka.Record) // called after a message is stored
}

func (o *overtaking) Produce(ctx context.Context, r *kafka.Record, done func(error)) {
	o.once.Do(o.first)
	if string(r.Key) == o.refuse {
		done(kerr.MessageTooLarge)
		return
	}
	o.Producer.Produce(ctx, r, func(err error) {
		if o.done != nil {
			o.done(r)
		}
		done(err)
	})
}

func (o *overtaking) Close() {}

func TestAnEventThatArrivesMeanwhileStaysTheNewest(t *testing.T) {
	w := newWorld(t)
	old, calm := event("sku", 1), event("calm", 1)
	w.misplace(old)
	w.misplace(calm)
	arrives := func() {
		w.produce(message(event("sku", 2), place(old)))
		w.produce(message(event("sku", 3), place(old)))
	}
	_, published, err := w.redriver(&overtaking{Producer: w.producer, first: arrives}).Do(t.Context(), redrive.Request{})
	require.NoError(t, err)
	require.Len(t, published, 2)
	require.Equal(t, "sku-3", w.newestID(old))
	require.Equal(t, "calm-1", w.newestID(calm))
}

// The letters that are stored must not stay the newest, whatever happens to the others.
func TestAnEventThatArrivesMeanwhileStaysTheNewestIfALetterIsRefused(t *testing.T) {
	w := newWorld(t)
	old, big := event("sku", 1), event("big", 1)
	w.misplace(old)
	w.misplace(big)
	arrives := func() { w.produce(message(event("sku", 2), place(old))) }
	result, published, err := w.redriver(&overtaking{Producer: w.producer, first: arrives, refuse: big.Key.String()}).Do(t.Context(), redrive.Request{})
	require.ErrorIs(t, err, kerr.MessageTooLarge)
	require.Equal(t, []redrive.Published{{EventID: "sku-1", Key: old.Key}}, published)
	require.Equal(t, 1, result.Published)
	require.Equal(t, "sku-2", w.newestID(old))
}

func TestAnEventThatArrivesMeanwhileStaysTheNewestAfterTheContextEnded(t *testing.T) {
	w := newWorld(t)
	old := event("sku", 1)
	w.misplace(old)
	ctx, cancel := context.WithCancel(t.Context())
	arrives := func() { w.produce(message(event("sku", 2), place(old))) }
	_, _, err := w.redriver(&overtaking{Producer: w.producer, first: arrives, done: func(*kafka.Record) { cancel() }}).Do(ctx, redrive.Request{})
	require.NoError(t, err)
	require.Equal(t, "sku-2", w.newestID(old))
}

// A retry that is published behind the letter, in place of the news before it, would be skipped.
func TestNewsIsPublishedAgainAndNotTheRetryBehindIt(t *testing.T) {
	w := newWorld(t)
	old, again := event("sku", 1), event("sku", 3)
	w.misplace(old)
	arrives := func() {
		news := w.produce(message(event("sku", 2), place(old)))
		again.Reason, again.RetryOf, again.RepeatsOffset = schemas.PushNow, "sku-2", news.Offset
		w.produce(message(again, place(old)))
	}
	_, _, err := w.redriver(&overtaking{Producer: w.producer, first: arrives}).Do(t.Context(), redrive.Request{})
	require.NoError(t, err)
	require.Equal(t, "sku-2", w.newestID(old))
}

// silent is a producer that Kafka never answers.
type silent struct {
	produced func()
	waiting  []func(error)
}

func (s *silent) Produce(_ context.Context, _ *kafka.Record, done func(error)) {
	s.waiting = append(s.waiting, done)
	s.produced()
}

func (s *silent) Close() {
	for _, done := range s.waiting {
		done(kgo.ErrClientClosed)
	}
	s.waiting = nil
}

func TestPublishingEndsWithTheContext(t *testing.T) {
	w := newWorld(t)
	w.misplace(event("sku", 1))
	ctx, cancel := context.WithCancel(t.Context())
	result, published, err := w.redriver(&silent{produced: cancel}).Do(ctx, redrive.Request{})
	require.ErrorIs(t, err, kgo.ErrClientClosed)
	require.Empty(t, published)
	require.Zero(t, result.Published)
}
