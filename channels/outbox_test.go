package channels

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"stockpush/processor/stream"
	"stockpush/schemas"
)

// slowLog is a producer that acknowledges when it is told to.
type slowLog struct {
	messages []*stream.Record
	acks     []func(error)
}

func (l *slowLog) Produce(_ context.Context, r *stream.Record, done func(error)) {
	l.messages, l.acks = append(l.messages, r), append(l.acks, done)
}

// ack acknowledges the message that waits longest.
func (l *slowLog) ack() {
	done := l.acks[0]
	l.acks = l.acks[1:]
	done(nil)
}

func (l *slowLog) records(t *testing.T, message int) (n int) {
	require.NoError(t, schemas.DecodeRecords(l.messages[message].Value, func(*schemas.Record) error { n++; return nil }))
	return n
}

func TestWhatComesOfTurnsIsGatheredWhileMuchIsUnderWay(t *testing.T) {
	log := &slowLog{}
	a, _ := stream.NewTestAssignment(t.Context(), "t.commands", 0)
	o := newOutbox(Deps{Producer: log, Topics: "t", RecordPartitions: 1}, a, "owner")
	e := schemas.Event{EventID: "e", Reason: schemas.PushNow, RepeatsOffset: schemas.NoOffset, Position: schemas.Position{LogID: 1}}
	r := schemas.RecordOf(e, schemas.Skipped)
	record := schemas.AppendPackedRecord(nil, schemas.PackEvent(nil, &e), &r)
	s := &storeSKU{standing: standing{key: "shopee/1/s"}}
	turn := func(outcomes int) {
		for range outcomes {
			o.record(s, record, 0)
		}
		o.flush(t.Context())
	}
	for range maxUnderWay + 6 {
		turn(1)
	}
	require.Len(t, log.messages, maxUnderWay)
	require.False(t, o.idle())
	log.ack()
	o.advance(t.Context()) // there are no states to wait for
	o.advance(t.Context())
	turn(0)
	require.Len(t, log.messages, maxUnderWay+1)
	require.Equal(t, 6, log.records(t, maxUnderWay), "what was gathered goes together")
	turn(fullParcel - 1)
	require.Len(t, log.messages, maxUnderWay+1)
	turn(1)
	require.Len(t, log.messages, maxUnderWay+2, "a full parcel waits for nobody")
	for len(log.acks) > 0 {
		log.ack()
		o.advance(t.Context())
		o.advance(t.Context())
		o.flush(t.Context())
	}
	require.True(t, o.idle())
	require.Zero(t, o.underWay)
}
