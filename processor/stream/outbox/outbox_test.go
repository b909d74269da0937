package outbox

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"

	"stockpush/processor/stream/kafka"
	"stockpush/schemas"
)

func TestSecondStepWaitsForTheFirstOfItsTurnAndOfAllBefore(t *testing.T) {
	d := newDesk(t)
	d.send("a1 a2", "A", 0)
	d.send("b1", "B", 1)
	require.Equal(t, "a1 a2 b1", names(d.sent))
	d.acknowledge("b1", "a1")
	require.Equal(t, "a2", names(d.sent))
	d.acknowledge("a2")
	require.Equal(t, "A B", names(d.sent))
	require.Equal(t, int64(0), d.committable())
	d.acknowledge("B")
	require.Equal(t, int64(0), d.committable(), "offset 0 is not resolved")
	require.Equal(t, 1, d.Open())
	d.acknowledge("A")
	require.Equal(t, int64(2), d.committable())
	require.Zero(t, d.Open())
}

func TestSecondStepOfALaterTurnDoesNotWaitForAnEarlierSecondStep(t *testing.T) {
	d := newDesk(t)
	d.send("a", "A", 0)
	d.acknowledge("a")
	d.send("b", "B", 1)
	d.acknowledge("b")
	require.Equal(t, "A B", names(d.sent))
}

func TestTurnWithoutASecondStepEndsWithItsFirst(t *testing.T) {
	d := newDesk(t)
	d.send("a1 a2", "", 0)
	d.acknowledge("a1")
	require.Equal(t, int64(0), d.committable())
	d.acknowledge("a2")
	require.Equal(t, int64(1), d.committable())
}

func TestTurnWithoutAFirstStepNeedsNoAcknowledgementToStart(t *testing.T) {
	d := newDesk(t)
	d.send("", "A", 0)
	require.Equal(t, "A", names(d.sent))
	d.send("", "", 1)
	require.Equal(t, 1, d.Open())
	d.acknowledge("A")
	require.Equal(t, int64(2), d.committable())
}

func TestSecondStepsWaitWhileThePartitionMayBeAnothers(t *testing.T) {
	d := newDesk(t)
	d.send("a", "A", 0)
	d.send("b", "B", 1)
	d.alive = false
	d.acknowledge("a", "b")
	require.Empty(t, names(d.sent))
	require.True(t, d.Advance(t.Context()), "it is held")
	d.alive = true
	require.False(t, d.Advance(t.Context()))
	require.Equal(t, "A B", names(d.sent))
	d.alive = false
	d.acknowledge("A", "B")
	require.Equal(t, int64(2), d.committable(), "what was sent may end")
	require.False(t, d.Advance(t.Context()), "nothing is held")
}

// Nothing of such a turn can follow what the next owner writes.
func TestTurnWithoutASecondStepEndsThoughThePartitionMayBeAnothers(t *testing.T) {
	d := newDesk(t)
	d.send("a", "", 0)
	d.alive = false
	d.acknowledge("a")
	require.Equal(t, int64(1), d.committable())
	require.Zero(t, d.Open())
}

func TestHandleTakesAllAcknowledgementsThatCame(t *testing.T) {
	d := newDesk(t)
	d.send("a b c", "", 0)
	for _, p := range d.sent {
		p.done(nil)
	}
	require.NoError(t, d.Handle(t.Context(), <-d.Acks()))
	require.Zero(t, d.Open())
}

func TestErrorThatIsNoRefusalEndsTheOutbox(t *testing.T) {
	d := newDesk(t)
	d.send("a", "A", 0)
	broken := errors.New("broken")
	err := d.answer("a", broken)
	require.ErrorIs(t, err, broken)
	require.ErrorContains(t, err, "produce to out")
	require.Empty(t, names(d.sent))
	require.Equal(t, int64(0), d.committable())
}

func TestRefusedMessageBecomesADeadLetterOfItsTurn(t *testing.T) {
	for _, step := range []string{"first", "second"} {
		d := newDesk(t)
		if step == "first" {
			d.send("bad good", "A", 0)
			d.acknowledge("good")
		} else {
			d.send("a", "bad", 0)
			d.acknowledge("a")
		}
		d.refuse("bad")
		require.Empty(t, names(d.sent))
		require.Equal(t, int64(0), d.committable(), "it ends when its dead letter is acknowledged")
		require.Len(t, d.letters, 1)
		letter := letterOf(d.letters[0].Record)
		require.Equal(t, schemas.DeadLetter{
			BadEvent:    schemas.BadEvent{Code: schemas.CodeRefusedByKafka, Message: "produce: " + kerr.MessageTooLarge.Error()},
			SourceTopic: "in", SourcePartition: 3, SourceOffset: 7, Key: []byte("k"), Value: []byte("bad"),
		}, letter)
		require.Equal(t, int32(3), d.letters[0].Partition)
		require.Contains(t, d.logged.String(), "source_offset=7")
		require.Equal(t, map[string]int{schemas.CodeRefusedByKafka: 1}, d.dead)
		d.acknowledge("bad")
		if step == "first" {
			d.acknowledge("A")
		}
		require.Equal(t, int64(1), d.committable())
	}
}

func TestDeadLetterResolvesItsOffsets(t *testing.T) {
	d := newDesk(t)
	d.DeadLetter(t.Context(), schemas.DeadLetter{BadEvent: schemas.BadEvent{Code: "c"}, SourceTopic: "in", SourcePartition: 3, SourceOffset: 0, Value: []byte("x")}, 0, 1)
	require.Equal(t, map[string]int{"c": 1}, d.dead)
	require.Equal(t, int64(0), d.committable())
	d.acknowledge("x")
	require.Equal(t, int64(2), d.committable())
}

// asynchronous answers each message from a goroutine of its own, as a client's does.
func asynchronous(_ context.Context, _ *kafka.Record, done func(error)) { go done(nil) }

func TestTurnOfMoreMessagesThanMayBeInFlightIsSent(t *testing.T) {
	d := newDesk(t)
	inFlight := 0
	d.deps.Producer = producerFunc(func(ctx context.Context, r *kafka.Record, done func(error)) {
		require.LessOrEqual(t, d.inFlight, maxInFlight)
		inFlight++
		asynchronous(ctx, r, done)
	})
	var turn Turn
	for range 2*maxInFlight + 10 {
		turn.First, turn.Second = append(turn.First, message("a")), append(turn.Second, message("A"))
	}
	turn.Offsets = []int64{0}
	d.Send(t.Context(), turn)
	for d.Open() > 0 {
		require.NoError(t, d.Handle(t.Context(), <-d.Acks()))
	}
	require.Equal(t, 2*len(turn.First), inFlight)
	require.Equal(t, int64(1), d.committable())
}

// A producer's callback must not block, and nothing receives after the owner's end.
func TestOutboxWhoseOwnerEndsSendsNoMoreThanItCouldReceive(t *testing.T) {
	d := newDesk(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	d.deps.Producer = producerFunc(func(_ context.Context, _ *kafka.Record, done func(error)) { done(context.Canceled) })
	var turn Turn
	for range 2 * maxInFlight {
		turn.First = append(turn.First, message("a"))
	}
	d.Send(ctx, turn)
	require.Equal(t, maxInFlight, d.inFlight, "more callbacks would block")
}
