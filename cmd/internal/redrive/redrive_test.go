package redrive_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"stockpush/cmd/internal/embedded/embeddedtest"
	"stockpush/cmd/internal/eventlog"
	"stockpush/cmd/internal/pushrecords"
	"stockpush/cmd/internal/redrive"
	"stockpush/cmd/internal/retry"
	"stockpush/processor/stream/kafka"
	"stockpush/schemas"
	"stockpush/schemas/schemastest"
	"stockpush/schemas/stockevent"
)

const (
	topics     = schemas.Topics("t")
	partitions = 4
)

type world struct {
	t        *testing.T
	conn     kafka.Connection
	producer *kafka.ClusterProducer
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, conn: kafka.Connection{
		Brokers: []string{embeddedtest.StartBroker(t).Addr()}, ClientID: "t", Partitioners: map[string]schemas.Partitioner{topics.Events(): schemas.CRC32},
	}}
	require.NoError(t, kafka.CreateTopics(t.Context(), w.conn, topics.Specs(partitions), 1))
	_, err := eventlog.Declare(t.Context(), w.conn, topics)
	require.NoError(t, err)
	w.producer, err = kafka.NewProducer(w.conn, kafka.DefaultBatchBytes)
	require.NoError(t, err)
	t.Cleanup(w.producer.Close)
	return w
}

func event(sku string, n int64) schemas.Event {
	return schemas.Event{
		EventID: fmt.Sprintf("%s-%d", sku, n), Reason: schemas.SyncOrder, Key: schemas.Key{Channel: schemas.ChannelShopee, ShopID: 1, StoreSKU: sku},
		ItemID: 1, Available: n, OccurredAt: time.Unix(n, 0).UTC(), RepeatsOffset: schemas.NoOffset,
	}
}

func message(e schemas.Event, partition int32) *kafka.Record {
	return &kafka.Record{Topic: topics.Events(), Partition: partition, Key: []byte(e.Key.String()), Value: stockevent.Encode(&e)}
}

func place(e schemas.Event) int32 { return schemas.CRC32.Partition([]byte(e.Key.String()), partitions) }

func (w *world) produce(m *kafka.Record) *kafka.Record {
	w.t.Helper()
	done := make(chan error, 1)
	w.producer.Produce(w.t.Context(), m, func(err error) { done <- err })
	require.NoError(w.t, <-done)
	time.Sleep(2 * time.Millisecond) // the log's clock has milliseconds
	return m
}

// reject writes a message's dead letter.
func (w *world) reject(m *kafka.Record, code string) {
	w.produce(kafka.DeadLetterMessage(topics, &schemas.DeadLetter{
		BadEvent: schemas.BadEvent{Code: code}, SourceTopic: m.Topic, SourcePartition: m.Partition, SourceOffset: m.Offset, SourceTime: m.Timestamp,
		Key: m.Key, Value: m.Value, Received: kafka.MessageHeaders(m),
	}))
}

// misplace sends an event to a wrong partition, from where it is rejected.
func (w *world) misplace(e schemas.Event) {
	w.reject(w.produce(message(e, (place(e)+1)%partitions)), schemas.CodeWrongPartition)
}

func (w *world) do(q redrive.Request) retry.Result {
	w.t.Helper()
	result, published, err := w.redriver(nil).Do(w.t.Context(), q)
	require.NoError(w.t, err)
	require.Len(w.t, published, len(result.EventIDs))
	return result
}

// redriver publishes through p; nil is its own producer.
func (w *world) redriver(p redrive.Producer) *redrive.Redriver {
	deps := redrive.Deps{Connection: w.conn, Topics: topics}
	if p != nil {
		deps.NewProducer = func() (redrive.Producer, error) { return p, nil }
	}
	return redrive.New(deps)
}

// newest is what lies last of a store SKU in its partition.
func (w *world) newest(e schemas.Event) (last *kafka.Record) {
	w.t.Helper()
	require.NoError(w.t, kafka.ReadPartition(w.t.Context(), w.conn, topics.Events(), place(e), func(r *kafka.Record) error {
		if string(r.Key) == e.Key.String() {
			last = r
		}
		return nil
	}))
	return last
}

func (w *world) newestID(e schemas.Event) string {
	last := w.newest(e)
	if last == nil {
		return ""
	}
	got, err := schemastest.DecodeEvent(last.Key, last.Value)
	require.NoError(w.t, err)
	return got.EventID
}

func TestLettersThatAreValidNowArePublishedOnce(t *testing.T) {
	w := newWorld(t)
	fixed, twice, superseded := event("fixed", 1), event("twice", 2), event("superseded", 3)
	w.produce(message(event("fixed", 0), place(fixed))) // older news
	w.misplace(fixed)
	w.misplace(event("twice", 1))
	w.misplace(twice)
	w.misplace(superseded)
	w.produce(message(event("superseded", 4), place(superseded)))
	want := retry.Result{Matched: 4, Published: 2, LeftOut: map[string]int{redrive.NewerEvent: 2}, EventIDs: []string{}}
	require.Equal(t, want, w.do(redrive.Request{DryRun: true}))
	require.Equal(t, "fixed-0", w.newestID(fixed), "a dry run publishes nothing")

	want.EventIDs = []string{"fixed-1", "twice-2"}
	require.Equal(t, want, w.do(redrive.Request{}))
	for _, e := range []schemas.Event{fixed, twice, event("superseded", 4)} {
		require.Equal(t, e.EventID, w.newestID(e))
	}
	require.Equal(t, retry.Result{Matched: 4, LeftOut: map[string]int{redrive.NewerEvent: 4}, EventIDs: []string{}}, w.do(redrive.Request{}), "again")
}

func TestLettersAreLeftOutByCause(t *testing.T) {
	w := newWorld(t)
	bad := message(event("bad", 1), 0)
	bad.Value = []byte("{}")
	w.reject(bad, schemas.CodeMissingField)
	large := message(event("large", 1), 0)
	large.Offset, large.Value = 101, []byte(`{"x":"`+strings.Repeat("x", schemas.MaxDeadLetterBytes)+`"}`)
	w.reject(large, schemas.CodeMissingField)
	repeats := event("repeats", 1)
	repeats.Reason, repeats.RepeatsOffset = schemas.PushNow, 7
	repeating := message(repeats, 0)
	repeating.Offset = 102
	w.reject(repeating, schemas.CodeMissingField)
	elsewhere := message(event("elsewhere", 1), 0)
	elsewhere.Topic = "other"
	w.reject(elsewhere, schemas.CodeMissingField)
	once := w.produce(message(event("once", 1), 0))
	w.reject(once, schemas.CodeUnknownChannel)
	w.reject(once, schemas.CodeUnknownChannel)
	require.Equal(t, retry.Result{
		Matched: 4, Published: 1, LeftOut: map[string]int{redrive.StillBad: 1, redrive.Cut: 1, redrive.Repeats: 1}, EventIDs: []string{},
	}, w.do(redrive.Request{DryRun: true}))
	require.Equal(t, 1, w.do(redrive.Request{DryRun: true, ErrorCodes: []string{schemas.CodeUnknownChannel}}).Matched)
	require.Zero(t, w.do(redrive.Request{DryRun: true, Since: time.Now().Add(time.Hour)}).Matched)
	_, _, err := w.redriver(nil).Do(t.Context(), redrive.Request{Limit: -1})
	require.ErrorAs(t, err, new(*pushrecords.ParameterError))
}

func TestAValueInProtobufKeepsItsContentType(t *testing.T) {
	w := newWorld(t)
	e := event("protobuf", 1)
	m := message(e, (place(e)+1)%partitions)
	m.Value, m.Headers = schemastest.EncodeProtobuf(&e), []kafka.Header{{Key: "content-type", Value: []byte("application/protobuf")}}
	w.reject(w.produce(m), schemas.CodeWrongPartition)
	require.Equal(t, []string{e.EventID}, w.do(redrive.Request{}).EventIDs)
	got := w.newest(e)
	require.Equal(t, m.Value, got.Value)
	require.Equal(t, "application/protobuf", string(kafka.ContentType(got)))
	require.Len(t, got.Headers, 1, "those of the letter are gone")
}

func TestTheLimitTakesTheOldest(t *testing.T) {
	w := newWorld(t)
	for i := range int64(3) {
		w.misplace(event(fmt.Sprint("sku", i), 1))
	}
	require.Equal(t, retry.Result{Matched: 3, Published: 2, LeftOut: map[string]int{redrive.OverLimit: 1}, EventIDs: []string{"sku0-1", "sku1-1"}}, w.do(redrive.Request{Limit: 2}))
	require.Equal(t, []string{"sku2-1"}, w.do(redrive.Request{Limit: 2}).EventIDs)
}

// trim deletes a partition's messages before an offset.
func (w *world) trim(partition int32, before int64) {
	w.t.Helper()
	client, err := kgo.NewClient(w.conn.Options()...)
	require.NoError(w.t, err)
	defer client.Close()
	upTo := kadm.Offsets{}
	upTo.AddOffset(topics.Events(), partition, before, -1)
	answers, err := kadm.NewClient(client).DeleteRecords(w.t.Context(), upTo)
	require.NoError(w.t, err)
	require.NoError(w.t, answers.Error())
}

func TestALetterFromBeforeTheTopicsFirstEventIsTooOld(t *testing.T) {
	w := newWorld(t)
	e := event("sku", 1)
	w.misplace(e)
	w.produce(message(event("sku", 2), place(e)))
	w.produce(message(event("other", 2), place(e)))
	w.trim(place(e), 1)
	require.Equal(t, map[string]int{redrive.TooOld: 1}, w.do(redrive.Request{}).LeftOut)
}
