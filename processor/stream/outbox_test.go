package stream

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"

	"stockpush/schemas"
)

const outboxTopics = schemas.Topics("t")

// pending is a message that Kafka has not answered.
type pending struct {
	*Record
	done func(error)
}

// desk is an outbox whose messages the test answers.
type desk struct {
	*Outbox
	t          *testing.T
	assignment *Assignment
	alive      bool
	logged     bytes.Buffer
	// dead counts dead letters by their code.
	dead    map[string]int
	sent    []pending
	letters []pending
}

type producerFunc func(context.Context, *Record, func(error))

func (f producerFunc) Produce(ctx context.Context, r *Record, done func(error)) { f(ctx, r, done) }

func newDesk(t *testing.T) *desk {
	d := &desk{t: t, alive: true, dead: map[string]int{}, assignment: newAssignment("in", 3, nil)}
	d.assignment.alive = func() bool { return d.alive }
	require.NoError(t, d.assignment.track(fetchOf(records(0, 1, 2, 3, 4, 5), 6)))
	collect := func(to *[]pending) Producer {
		return producerFunc(func(_ context.Context, r *Record, done func(error)) { *to = append(*to, pending{r, done}) })
	}
	d.Outbox = NewOutbox(OutboxDeps{
		Producer: collect(&d.sent), DeadLetters: collect(&d.letters), Topics: outboxTopics, Logger: slog.New(slog.NewTextHandler(&d.logged, nil)), DeadLettered: func(code string) { d.dead[code]++ },
	}, d.assignment)
	return d
}

// message is a message whose value is its name.
func message(name string) *Message {
	return &Message{Record: Record{Topic: "out", Key: []byte("k"), Value: []byte(name)}, Sources: []int64{7}}
}

func (d *desk) send(first, second string, offsets ...int64) {
	t := Turn{Offsets: offsets}
	for _, name := range strings.Fields(first) {
		t.First = append(t.First, message(name))
	}
	for _, name := range strings.Fields(second) {
		t.Second = append(t.Second, message(name))
	}
	d.Send(d.t.Context(), t)
}

// names are the messages that were sent and not answered.
func names(of []pending) string {
	var all []string
	for _, p := range of {
		all = append(all, string(p.Value))
	}
	return strings.Join(all, " ")
}

// answer answers the message of a name.
func (d *desk) answer(name string, err error) error {
	for _, list := range []*[]pending{&d.sent, &d.letters} {
		for i, p := range *list {
			if string(p.Value) == name {
				*list = append((*list)[:i:i], (*list)[i+1:]...)
				p.done(err)
				return d.Handle(d.t.Context(), <-d.Acks())
			}
		}
	}
	require.Fail(d.t, "not sent: "+name)
	return nil
}

func (d *desk) acknowledge(names ...string) {
	for _, name := range names {
		require.NoError(d.t, d.answer(name, nil))
	}
}

func (d *desk) refuse(name string) {
	require.NoError(d.t, d.answer(name, fmt.Errorf("produce: %w", kerr.MessageTooLarge)))
}

func (d *desk) committable() int64 {
	at, ok := d.assignment.Committable()
	require.True(d.t, ok)
	return at.Offset
}

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

func letterOf(r *Record) schemas.DeadLetter {
	l := schemas.DeadLetter{Key: r.Key, Value: r.Value}
	for _, h := range r.Headers {
		if err := l.TakeHeader(h.Key, string(h.Value)); err != nil {
			panic(err)
		}
	}
	return l
}

func TestDeadLetterResolvesItsOffsets(t *testing.T) {
	d := newDesk(t)
	d.DeadLetter(t.Context(), schemas.DeadLetter{BadEvent: schemas.BadEvent{Code: "c"}, SourceTopic: "in", SourcePartition: 3, SourceOffset: 0, Value: []byte("x")}, 0, 1)
	require.Equal(t, map[string]int{"c": 1}, d.dead)
	require.Equal(t, int64(0), d.committable())
	d.acknowledge("x")
	require.Equal(t, int64(2), d.committable())
}

// record is an encoded record of an event that failed for a reason of so many bytes.
func record(offset int64, reason int) []byte {
	r := schemas.RecordOf(schemas.Event{
		EventID: fmt.Sprint("e", offset), Reason: schemas.SyncOrder, ItemID: 1, RepeatsOffset: schemas.NoOffset, Position: schemas.Position{LogID: 1, Offset: offset},
	}, schemas.Failed)
	r.FailureReason = strings.Repeat("é", reason/2)
	return schemas.AppendRecord(nil, &r)
}

// contents are the records of a message, as "key event reason's bytes".
func contents(t *testing.T, m *Record) (all []string) {
	require.NoError(t, schemas.DecodeRecords(m.Value, func(r *schemas.Record) error {
		all = append(all, fmt.Sprint(r.Key.String(), " ", r.EventID, " ", len(r.FailureReason)))
		return nil
	}))
	return all
}

func TestRefusedRecordsAreSplitAndShortened(t *testing.T) {
	d := newDesk(t)
	batch := NewRecordBatch(outboxTopics, 1)
	batch.Add("shopee/1/a", record(10, 501), 0)
	batch.Add("shopee/1/b", record(11, 100), 1)
	d.Send(t.Context(), Turn{First: batch.Take(), Second: []*Message{message("A")}, Offsets: []int64{0, 1}})
	refuse := func() *Record {
		r := d.sent[0].Record
		d.refuse(string(r.Value))
		return r
	}
	require.Equal(t, []string{"shopee/1/a e10 500", "shopee/1/b e11 100"}, contents(t, refuse()))
	require.Len(t, d.sent, 2)
	require.Equal(t, "shopee/1/b", string(d.sent[1].Key))
	require.Equal(t, []string{"shopee/1/b e11 100"}, contents(t, d.sent[1].Record))
	require.Equal(t, []string{"shopee/1/a e10 500"}, contents(t, refuse()))
	require.Equal(t, []string{"shopee/1/b e11 100"}, contents(t, refuse()))
	require.Len(t, d.sent, 1, "what has a short reason cannot be made smaller")
	require.Len(t, d.letters, 1)
	require.Equal(t, int64(1), letterOf(d.letters[0].Record).SourceOffset, "the record's own source")
	require.Equal(t, []string{"shopee/1/a e10 128"}, contents(t, refuse()))
	require.Len(t, d.letters, 2)
	require.Equal(t, int64(0), letterOf(d.letters[1].Record).SourceOffset)
	d.acknowledge(string(d.letters[0].Value), string(d.letters[1].Value))
	require.Equal(t, "A", names(d.sent))
	d.acknowledge("A")
	require.Equal(t, int64(2), d.committable())
}

// waiting is an event as it waits in a window.
func waitingEvent(offset int64) (p schemas.PackedEvent) {
	p.Pack(&schemas.Event{
		EventID: fmt.Sprint("e", offset), Reason: schemas.SyncOrder, ItemID: 1, RepeatsOffset: schemas.NoOffset, Position: schemas.Position{LogID: 1, Offset: offset},
	})
	return p
}

func TestRecordsOfARefusedChainKeepTheirSources(t *testing.T) {
	d := newDesk(t)
	at := time.UnixMilli(1_700_000_000_000)
	e0, e1, e2, e3 := waitingEvent(0), waitingEvent(1), waitingEvent(2), waitingEvent(3)
	links := schemas.AppendLink(nil, schemas.Link{Event: &e0, Next: &e1, At: at})
	links = schemas.AppendLink(links, schemas.Link{Event: &e1, Next: &e2, Role: schemas.RoleWaits})
	batch := NewRecordBatch(outboxTopics, 1)
	batch.AddChain("shopee/1/a", schemas.Chain{Newest: e2.Bytes(), QueuedAt: at, Links: links}, 2)
	batch.AddChain("shopee/1/b", schemas.Chain{Newest: e3.Bytes(), Links: schemas.AppendLink(nil, schemas.Link{Event: &e1, Next: &e3, At: at})}, 3)
	d.Send(t.Context(), Turn{First: batch.Take()})
	d.refuse(string(d.sent[0].Value))
	require.Len(t, d.sent, 3, "one waits, and one is elsewhere")
	var got []string
	for len(d.sent) > 0 {
		text := contents(t, d.sent[0].Record)[0]
		d.refuse(string(d.sent[0].Value))
		got = append(got, fmt.Sprint(text, " of ", letterOf(d.letters[len(d.letters)-1].Record).SourceOffset))
	}
	require.Equal(t, []string{"shopee/1/a e2 0 of 2", "shopee/1/a e0 0 of 0", "shopee/1/b e1 0 of 1"}, got)
}

func TestRefusedCommandBecomesTheRecordThatItFailed(t *testing.T) {
	d := newDesk(t)
	event, queued := waitingEvent(4), time.UnixMilli(1_700_000_000_000).UTC()
	command := &Message{Sources: []int64{4}, Record: Record{Topic: outboxTopics.Commands(), Value: schemas.AppendPackedCommand(nil, "shopee/1/a", event.Bytes(), queued)}}
	d.Send(t.Context(), Turn{First: []*Message{command}, Offsets: []int64{0}})
	d.refuse(string(command.Value))
	require.Len(t, d.sent, 1)
	require.Empty(t, d.letters)
	require.Equal(t, outboxTopics.Records(), d.sent[0].Topic)
	require.NoError(t, schemas.DecodeRecords(d.sent[0].Value, func(r *schemas.Record) error {
		require.Equal(t, []any{"e4", schemas.Failed, schemas.UnknownFailure, queued}, []any{r.EventID, r.Status, r.FailureCode, r.QueuedAt})
		require.Contains(t, r.FailureReason, "MESSAGE_TOO_LARGE")
		return nil
	}))
	d.acknowledge(string(d.sent[0].Value))
	require.Equal(t, int64(1), d.committable())
}

func TestRefusedMessageThatIsNoCommandBecomesADeadLetter(t *testing.T) {
	d := newDesk(t)
	m := message("nonsense")
	m.Topic = outboxTopics.Commands()
	d.Send(t.Context(), Turn{First: []*Message{m}})
	d.refuse("nonsense")
	require.Len(t, d.letters, 1)
}

func TestShortenedReasonIsValidText(t *testing.T) {
	m := NewRecordBatch(outboxTopics, 1)
	r := schemas.RecordOf(schemas.Event{EventID: "e", Reason: schemas.SyncOrder, RepeatsOffset: schemas.NoOffset, Position: schemas.Position{LogID: 1}}, schemas.Failed)
	r.FailureReason = "x" + strings.Repeat("é", 100)
	m.Add("shopee/1/a", schemas.AppendRecord(nil, &r), 0)
	require.Equal(t, []string{"shopee/1/a e 127"}, contents(t, &splitRecords(m.Take()[0])[0].Record))
}

func TestRefusedMessageWithoutReadableRecordsBecomesADeadLetter(t *testing.T) {
	d := newDesk(t)
	m := message("nonsense")
	m.Topic = outboxTopics.Records()
	d.Send(t.Context(), Turn{First: []*Message{m}})
	d.refuse("nonsense")
	require.Len(t, d.letters, 1)
}

func TestRecordsOfOnePartitionShareAMessage(t *testing.T) {
	const partitions = 4
	batch := NewRecordBatch(outboxTopics, partitions)
	byPartition := map[int32][]string{}
	for i := range int64(20) {
		key := fmt.Sprint("shopee/1/", i)
		batch.Add(key, record(i, 0), i)
		p := schemas.PartitionFor([]byte(key), partitions)
		byPartition[p] = append(byPartition[p], fmt.Sprint(key, " e", i, " 0"))
	}
	require.Equal(t, len(byPartition), batch.Len())
	messages := batch.Take()
	for _, m := range messages {
		p := schemas.PartitionFor(m.Key, partitions)
		require.Equal(t, byPartition[p], contents(t, &m.Record))
		require.Len(t, m.Sources, len(byPartition[p]))
		require.Equal(t, ByKey, m.Partition)
		require.Equal(t, outboxTopics.Records(), m.Topic)
		delete(byPartition, p)
	}
	require.Empty(t, byPartition)
	require.Zero(t, batch.Len())
	batch.Add("shopee/1/0", record(0, 0), 0)
	require.Len(t, batch.Take(), 1, "what was taken takes no more records")
}

func TestMessageOfRecordsEndsAt64KiB(t *testing.T) {
	batch := NewRecordBatch(outboxTopics, 1)
	one := record(1, 2000)
	count := 3 * maxRecordsBytes / len(one)
	for range count {
		batch.Add("shopee/1/a", one, 0)
	}
	messages := batch.Take()
	require.Len(t, messages, 4)
	for i, m := range messages {
		require.LessOrEqual(t, len(m.Value), maxRecordsBytes)
		if i < 3 {
			require.Greater(t, len(m.Value), maxRecordsBytes-len(one)-20)
		}
		count -= len(m.Sources)
	}
	require.Zero(t, count)
}

// asynchronous answers each message from a goroutine of its own, as a client's does.
func asynchronous(_ context.Context, _ *Record, done func(error)) { go done(nil) }

func TestTurnOfMoreMessagesThanMayBeInFlightIsSent(t *testing.T) {
	d := newDesk(t)
	inFlight := 0
	d.deps.Producer = producerFunc(func(ctx context.Context, r *Record, done func(error)) {
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

// A producer's callback must not block, and nobody receives after the owner's end.
func TestOutboxWhoseOwnerEndsSendsNoMoreThanItCouldReceive(t *testing.T) {
	d := newDesk(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	d.deps.Producer = producerFunc(func(_ context.Context, _ *Record, done func(error)) { done(context.Canceled) })
	var turn Turn
	for range 2 * maxInFlight {
		turn.First = append(turn.First, message("a"))
	}
	d.Send(ctx, turn)
	require.Equal(t, maxInFlight, d.inFlight, "the callbacks of the rest would block")
}
