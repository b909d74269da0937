package outbox

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockpush/processor/stream/kafka"
	"stockpush/schemas"
	"stockpush/schemas/wire"
)

// record returns an encoded Failed record with a reason of so many bytes.
func record(offset int64, reason int) []byte {
	r := schemas.RecordOf(schemas.Event{
		EventID: fmt.Sprint("e", offset), Reason: schemas.SyncOrder, ItemID: 1, RepeatsOffset: schemas.NoOffset, Position: schemas.Position{LogID: 1, Offset: offset},
	}, schemas.Failed)
	r.FailureReason = strings.Repeat("é", reason/2)
	return wire.AppendRecord(nil, &r)
}

// contents are the records of a message, as "key event reason's bytes".
func contents(t *testing.T, m *kafka.Record) (all []string) {
	require.NoError(t, wire.DecodeRecords(m.Value, func(r *schemas.Record) error {
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
	refuse := func() *kafka.Record {
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

// waitingEvent returns an event as it waits in a window.
func waitingEvent(offset int64) (p wire.PackedEvent) {
	p.Pack(&schemas.Event{
		EventID: fmt.Sprint("e", offset), Reason: schemas.SyncOrder, ItemID: 1, RepeatsOffset: schemas.NoOffset, Position: schemas.Position{LogID: 1, Offset: offset},
	})
	return p
}

func TestRecordsOfARefusedChainKeepTheirSources(t *testing.T) {
	d := newDesk(t)
	at := time.UnixMilli(1_700_000_000_000)
	e0, e1, e2, e3 := waitingEvent(0), waitingEvent(1), waitingEvent(2), waitingEvent(3)
	links := wire.AppendLink(nil, wire.Link{Event: &e0, Next: &e1, At: at})
	links = wire.AppendLink(links, wire.Link{Event: &e1, Next: &e2, Role: wire.RoleWaits})
	batch := NewRecordBatch(outboxTopics, 1)
	batch.AddChain("shopee/1/a", wire.Chain{Newest: e2.Bytes(), QueuedAt: at, Links: links}, 2)
	batch.AddChain("shopee/1/b", wire.Chain{Newest: e3.Bytes(), Links: wire.AppendLink(nil, wire.Link{Event: &e1, Next: &e3, At: at})}, 3)
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
	command := &Message{Sources: []int64{4}, Record: kafka.Record{Topic: outboxTopics.Commands(), Value: wire.EncodeCommand("shopee/1/a", event.Bytes(), queued)}}
	d.Send(t.Context(), Turn{First: []*Message{command}, Offsets: []int64{0}})
	d.refuse(string(command.Value))
	require.Len(t, d.sent, 1)
	require.Empty(t, d.letters)
	require.Equal(t, outboxTopics.Records(), d.sent[0].Topic)
	require.NoError(t, wire.DecodeRecords(d.sent[0].Value, func(r *schemas.Record) error {
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
	m.Add("shopee/1/a", wire.AppendRecord(nil, &r), 0)
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
	messages := batch.Take()
	require.Len(t, messages, len(byPartition))
	for _, m := range messages {
		p := schemas.PartitionFor(m.Key, partitions)
		require.Equal(t, byPartition[p], contents(t, &m.Record))
		require.Len(t, m.Sources, len(byPartition[p]))
		require.Equal(t, kafka.ByKey, m.Partition)
		require.Equal(t, outboxTopics.Records(), m.Topic)
		delete(byPartition, p)
	}
	require.Empty(t, byPartition)
	require.Empty(t, batch.Take())
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
