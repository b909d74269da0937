package processor_test

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"

	"stockpush/processor"
	"stockpush/processor/stream"
	"stockpush/processor/stream/streamtest"
	"stockpush/schemas"
)

const topics = schemas.Topics("t")

// broker is a producer whose acknowledgements the test holds back at will.
type broker struct {
	mu      sync.Mutex
	holding bool
	failure error
	// refuses are the messages that are refused for good, and not taken.
	refuses func(*stream.Record) bool
	held    []func(error)
	// messages are what was produced, as it was when it was acknowledged.
	messages []*stream.Record
}

func (b *broker) Produce(_ context.Context, r *stream.Record, done func(error)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.refuses != nil && b.refuses(r) {
		go done(fmt.Errorf("produce: %w", kerr.MessageTooLarge))
		return
	}
	n := len(b.messages)
	b.messages = append(b.messages, r)
	acknowledge := func(err error) {
		b.mu.Lock()
		b.messages[n] = &stream.Record{Topic: r.Topic, Partition: r.Partition, Key: bytes.Clone(r.Key), Value: bytes.Clone(r.Value), Headers: r.Headers}
		b.mu.Unlock()
		done(err)
	}
	if b.holding {
		b.held = append(b.held, acknowledge)
		return
	}
	go acknowledge(b.failure)
}

func (b *broker) hold() { b.mu.Lock(); defer b.mu.Unlock(); b.holding = true }

// release acknowledges the n-th message that is held back.
func (b *broker) release(n int) { b.held[n](nil); synctest.Wait() }

// sent is what was produced so far.
type sent struct {
	commands []schemas.Command
	records  []schemas.Record
	letters  []*stream.Record
}

func (b *broker) sent() (s sent) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, r := range b.messages {
		switch r.Topic {
		case topics.Commands():
			c, err := schemas.DecodeCommand(bytes.Clone(r.Value))
			if err == nil {
				s.commands = append(s.commands, c)
			}
		case topics.Records():
			_ = schemas.DecodeRecords(bytes.Clone(r.Value), func(rec *schemas.Record) error { s.records = append(s.records, *rec); return nil })
		case topics.DeadLetters():
			s.letters = append(s.letters, r)
		}
	}
	return s
}

type bench struct {
	t          *testing.T
	broker     *broker
	assignment *stream.Assignment
	deliver    func([]*stream.Record)
	next       int64
	ended      chan error
}

func newBench(t *testing.T, change func(*processor.Config)) *bench {
	return newBenchOn(t, processor.Log{ID: 1, Partitions: 1, CommandPartitions: 4}, nil, change)
}

func newBenchOn(t *testing.T, log processor.Log, verify func(context.Context) error, change func(*processor.Config)) *bench {
	b := &bench{t: t, broker: &broker{}, ended: make(chan error, 1)}
	p := b.processor(log, verify, change)
	b.assignment, b.deliver = streamtest.NewAssignment(t.Context(), topics.Events(), 0)
	go func() { b.ended <- p.Run(t.Context(), b.assignment) }()
	return b
}

func (b *bench) processor(log processor.Log, verify func(context.Context) error, change func(*processor.Config)) *processor.Processor {
	cfg := processor.Config{Window: time.Second, CatchUpWindow: 10 * time.Second, MaxBufferedSKUs: 1000}
	if change != nil {
		change(&cfg)
	}
	p, err := processor.New(cfg, processor.Deps{
		Producer: b.broker, DeadLetters: b.broker, Topics: topics, Metrics: processor.NewMetrics(prometheus.NewRegistry()),
		Log: log, Verify: verify,
	})
	require.NoError(b.t, err)
	return p
}

func (b *bench) finish() { b.deliver(nil); require.NoError(b.t, <-b.ended) }

func (b *bench) committable() int64 { at, _ := b.assignment.Committable(); return at.Offset }

func event(sku string, qty int64) schemas.Event {
	return schemas.Event{
		EventID: fmt.Sprintf("%s=%d", sku, qty), Reason: schemas.StockCount, Key: schemas.Key{Channel: schemas.ChannelShopee, ShopID: 1, StoreSKU: sku},
		ItemID: 1, Available: qty, OccurredAt: time.Now().UTC(), RepeatsOffset: schemas.NoOffset,
	}
}

func (b *bench) send(events ...schemas.Event) {
	b.deliver(b.batch(events))
	synctest.Wait()
}

func (b *bench) batch(events []schemas.Event) (batch []*stream.Record) {
	for _, e := range events {
		batch = append(batch, b.message([]byte(e.Key.String()), schemas.EncodeEvent(&e)))
	}
	return batch
}

func (b *bench) message(key, value []byte) *stream.Record {
	r := &stream.Record{Topic: topics.Events(), Key: key, Value: value, Offset: b.next, Timestamp: time.Now()}
	b.next++
	return r
}

func TestALoneEventLeavesWhenItsWindowCloses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, nil)
		b.send(event("a", 5))
		pause(999 * time.Millisecond)
		require.Empty(t, b.broker.sent().commands)
		require.Empty(t, b.broker.sent().records)
		pause(time.Millisecond)
		require.Len(t, b.broker.sent().commands, 1)
		require.Equal(t, schemas.Pending, b.broker.sent().records[0].Status)
		require.Equal(t, int64(1), b.committable())
		b.finish()
	})
}

func TestDrainWaitsUntilWhatWasSentIsAcknowledged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, nil)
		b.broker.hold()
		b.send(event("a", 5))
		pause(time.Second)
		b.deliver(nil)
		b.broker.release(0)
		require.Empty(t, b.ended)
		b.broker.release(1)
		require.NoError(t, <-b.ended)
		require.Equal(t, int64(1), b.committable())
	})
}

func TestAWindowClosesInTimeThoughAnEventCameJustBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, nil)
		b.send(event("a", 5))
		pause(999 * time.Millisecond)
		b.send(event("b", 5))
		pause(time.Millisecond)
		require.Len(t, b.broker.sent().commands, 1)
		b.finish()
	})
}

func TestEveryReplacedEventHasItsRecord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, nil)
		for i := range int64(1000) {
			b.send(event("a", i))
		}
		pause(time.Second)
		require.Len(t, b.broker.sent().commands, 1)
		require.Equal(t, int64(999), b.broker.sent().commands[0].Available)
		require.Len(t, b.broker.sent().records, 1000)
		for i, r := range inOrder(b.broker.sent().records)[:999] {
			require.Equal(t, int64(i), r.Position.Offset)
			require.Equal(t, schemas.Skipped, r.Status)
			require.Equal(t, int64(i+1), r.SupersededByOffset)
			require.Equal(t, fmt.Sprintf("a=%d", i+1), r.SupersededBy)
		}
		require.Equal(t, int64(1000), b.committable())
		b.finish()
	})
}

// inOrder sorts records by their events' offsets.
func inOrder(records []schemas.Record) []schemas.Record {
	slices.SortFunc(records, func(a, b schemas.Record) int { return cmp.Compare(a.Position.Offset, b.Position.Offset) })
	return records
}

func TestAnOffsetIsResolvedWhenCommandAndRecordAreAcknowledged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, nil)
		b.broker.hold()
		b.send(event("a", 1), event("a", 2))
		pause(2 * time.Second)
		require.Len(t, b.broker.held, 2)
		b.broker.release(1)
		require.Zero(t, b.committable())
		b.broker.release(0)
		require.Equal(t, int64(2), b.committable())
		b.finish()
	})
}

func TestWindowsThatCloseTogetherShareAMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, nil)
		b.broker.hold()
		b.send(event("a", 1), event("b", 1), event("a", 2), event("b", 2))
		pause(999 * time.Millisecond)
		require.Empty(t, b.broker.sent().records)
		pause(2 * time.Millisecond)
		require.Len(t, b.broker.held, 3) // two commands, and the records of both
		byStatus := map[schemas.Status][]string{}
		for _, r := range b.broker.sent().records {
			byStatus[r.Status] = append(byStatus[r.Status], r.Key.StoreSKU+"/"+r.EventID)
		}
		require.Equal(t, map[schemas.Status][]string{schemas.Skipped: {"a/a=1", "b/b=1"}, schemas.Pending: {"a/a=2", "b/b=2"}}, byStatus)
		b.broker.release(2)
		b.broker.release(0)
		require.Zero(t, b.committable())
		b.broker.release(1)
		require.Equal(t, int64(4), b.committable())
		b.finish()
	})
}

func TestALongChainGoesOutInPartsBeforeTheWindowCloses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, nil)
		const events = 6000
		for i := range int64(events) {
			b.send(event("a", i))
		}
		early := len(b.broker.sent().records)
		require.Greater(t, early, 1000)
		require.Empty(t, b.broker.sent().commands)
		require.Equal(t, int64(early), b.committable())
		pause(time.Second)
		require.Equal(t, int64(events), b.committable())
		records := inOrder(b.broker.sent().records)
		require.Len(t, records, events)
		for i, r := range records[:events-1] {
			require.Equal(t, schemas.Skipped, r.Status)
			require.Equal(t, int64(i+1), r.SupersededByOffset, "the last of one part is superseded by the next part's first")
		}
		require.Equal(t, schemas.Pending, records[events-1].Status)
		b.finish()
	})
}

func TestWhatIsNotSentIsNotCommittedWhenThePartitionIsTakenAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, nil)
		b.send(event("a", 1), event("b", 1))
		b.finish()
		require.Zero(t, b.committable())
		require.Empty(t, b.broker.sent().commands)
	})
}

func TestABadEventGoesToTheDeadLettersAndNothingStalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, nil)
		b.deliver([]*stream.Record{b.message([]byte("k"), []byte("nonsense"))})
		b.send(event("a", 1))
		pause(2 * time.Second)
		require.Len(t, b.broker.sent().letters, 1)
		require.Equal(t, "nonsense", string(b.broker.sent().letters[0].Value))
		headers := map[string]string{}
		for _, h := range b.broker.sent().letters[0].Headers {
			headers[h.Key] = string(h.Value)
		}
		require.Equal(t, schemas.CodeNotJSON, headers["error-code"])
		require.Equal(t, "0", headers["source-offset"])
		require.Len(t, b.broker.sent().commands, 1)
		require.Equal(t, int64(2), b.committable())
		b.finish()
	})
}

// The partitions of a process share its room. One of them has as much to wait as there is room.
func TestPartitionWhoseRoomOthersHoldContinues(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &bench{t: t, broker: &broker{}}
		p := b.processor(processor.Log{ID: 1, Partitions: 1, CommandPartitions: 1}, nil, func(c *processor.Config) { c.MaxBufferedSKUs = 2 })
		start := func(skus int, name string) {
			var events []schemas.Event
			for i := range skus {
				events = append(events, event(fmt.Sprint(name, i), 1))
			}
			a, deliver := streamtest.NewAssignment(t.Context(), topics.Events(), 0)
			go func() { _ = p.Run(t.Context(), a) }()
			deliver(b.batch(events))
			synctest.Wait()
		}
		start(20, "many")
		start(3, "few")
		for sent := range 4 {
			few := slices.DeleteFunc(b.broker.sent().commands, func(c schemas.Command) bool { return c.Key.StoreSKU[0] != 'f' })
			require.Len(t, few, sent, "one in each window")
			pause(time.Second)
		}
	})
}

// Kafka may be slower than windows close: then they wait, and so do the events behind them.
func TestMessagesInFlightAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const skus, bound = 10_000, 4096
		b := newBench(t, func(c *processor.Config) { c.MaxBufferedSKUs = skus })
		b.broker.hold()
		for i := range skus {
			b.deliver(b.batch([]schemas.Event{event(fmt.Sprint(i), 1)}))
		}
		pause(time.Minute)
		require.Len(t, b.broker.held, bound)
		for n := 0; n < len(b.broker.held); n++ {
			b.broker.release(n)
		}
		require.Len(t, b.broker.sent().commands, skus)
		require.Equal(t, int64(skus), b.committable())
		b.finish()
	})
}

func TestAFullBufferTakesNoNewStoreSKUUntilAWindowCloses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, func(c *processor.Config) { c.MaxBufferedSKUs = 2 })
		b.send(event("a", 1), event("b", 1), event("a", 2), event("c", 1))
		require.Equal(t, int64(0), b.committable())
		pause(1005 * time.Millisecond)
		require.Len(t, b.broker.sent().commands, 2)
		pause(time.Second)
		require.Len(t, b.broker.sent().commands, 3)
		require.Equal(t, int64(4), b.committable())
		b.finish()
	})
}

func TestAnEventInAWrongPartitionIsRejectedOnlyIfTheTopicIsAsDeclared(t *testing.T) {
	const partitions = 5
	elsewhere := event("a", 1)
	for i := 0; schemas.PartitionFor([]byte(elsewhere.Key.String()), partitions) == 0; i++ {
		elsewhere = event(fmt.Sprint("a", i), 1)
	}
	changed := errors.New("changed")
	for name, verdict := range map[string]error{"as declared": nil, "changed": changed} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				asked := 0
				verify := func(context.Context) error { asked++; return verdict }
				b := newBenchOn(t, processor.Log{ID: 1, Partitions: partitions, CommandPartitions: 4}, verify, nil)
				b.send(elsewhere, elsewhere)
				require.Equal(t, 1, asked, "once for a batch")
				if verdict != nil {
					require.ErrorIs(t, <-b.ended, changed)
					require.Empty(t, b.broker.sent().letters)
					require.Zero(t, b.committable())
					return
				}
				require.Len(t, b.broker.sent().letters, 2)
				b.send(elsewhere)
				require.Equal(t, 2, asked, "the topic may have changed since the last batch")
				b.finish()
			})
		})
	}
}

func TestWhatLayInTheLogWhenPartitionsWereAddedIsOfTheEarlierLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		moved, stayed := event("a", 1), event("a", 1)
		for i := 0; schemas.PartitionFor([]byte(moved.Key.String()), 2) == 0; i++ {
			moved = event(fmt.Sprint("moved", i), 1)
		}
		for i := 0; schemas.PartitionFor([]byte(stayed.Key.String()), 2) != 0; i++ {
			stayed = event(fmt.Sprint("stayed", i), 1)
		}
		log := processor.Log{ID: 2, Partitions: 2, CommandPartitions: 4, Earlier: []processor.Layout{{ID: 1, Partitions: 1, Ends: map[int32]int64{0: 2}}}}
		b := newBenchOn(t, log, func(context.Context) error { return nil }, nil)
		b.send(moved, stayed, stayed, moved)
		pause(2 * time.Second)
		ids := map[string]uint16{}
		for _, r := range b.broker.sent().records {
			ids[fmt.Sprint(r.Position.Offset, " ", r.Status)] = r.Position.LogID
		}
		require.Equal(t, map[string]uint16{"0 Pending": 1, "1 Skipped": 1, "2 Pending": 2}, ids)
		require.Len(t, b.broker.sent().letters, 1, "after that its partition is another one")
		b.finish()
	})
}

func TestWhatKafkaRefusesOfEveryMessageEndsTheStage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, nil)
		b.broker.failure = kerr.TopicAuthorizationFailed
		b.send(event("a", 1))
		pause(2 * time.Second)
		require.ErrorIs(t, <-b.ended, kerr.TopicAuthorizationFailed)
		require.Zero(t, b.committable())
	})
}

func (b *broker) headersOf(letter int) map[string]string {
	headers := map[string]string{}
	for _, h := range b.sent().letters[letter].Headers {
		headers[h.Key] = string(h.Value)
	}
	return headers
}

func TestACommandThatKafkaRefusesIsAFailedPush(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, nil)
		b.broker.refuses = func(r *stream.Record) bool {
			return r.Topic == topics.Commands() && bytes.HasSuffix(r.Key, []byte("poison"))
		}
		b.send(event("poison", 1), event("poison", 2), event("fine", 3))
		pause(2 * time.Second)
		statuses := map[string]schemas.Status{}
		for _, r := range b.broker.sent().records {
			statuses[r.EventID] = max(statuses[r.EventID], r.Status)
			if r.Status == schemas.Failed {
				require.Equal(t, schemas.UnknownFailure, r.FailureCode)
				require.Contains(t, r.FailureReason, "MESSAGE_TOO_LARGE")
			}
		}
		require.Equal(t, map[string]schemas.Status{"poison=1": schemas.Skipped, "poison=2": schemas.Failed, "fine=3": schemas.Pending}, statuses)
		require.Len(t, b.broker.sent().commands, 1)
		require.Empty(t, b.broker.sent().letters)
		require.Equal(t, int64(3), b.committable())
		b.finish()
	})
}

func TestARecordThatKafkaRefusesGoesToTheDeadLettersAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, nil)
		b.broker.refuses = func(r *stream.Record) bool {
			return r.Topic == topics.Records() && bytes.Contains(r.Value, []byte("a=2"))
		}
		b.send(event("a", 1), event("a", 2), event("b", 3), event("a", 4))
		pause(2 * time.Second)
		require.Len(t, b.broker.sent().letters, 2, "the record of a=2, and that of a=1, which names it")
		for i := range 2 {
			require.Equal(t, schemas.CodeRefusedByKafka, b.broker.headersOf(i)["error-code"])
		}
		require.Len(t, b.broker.sent().commands, 2)
		require.Len(t, b.broker.sent().records, 2)
		require.Equal(t, int64(4), b.committable())
		b.finish()
	})
}

func TestAnEventAtWhichTheStagePanicsIsPutAside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		verify := func(context.Context) error { panic("a mistake of ours") }
		b := newBenchOn(t, processor.Log{ID: 1, Partitions: 1000, CommandPartitions: 4}, verify, nil)
		fine := event("a", 1)
		for i := 0; schemas.PartitionFor([]byte(fine.Key.String()), 1000) != 0; i++ {
			fine = event(fmt.Sprint("a", i), 1)
		}
		b.send(fine, event("elsewhere", 1), fine)
		pause(2 * time.Second)
		require.Len(t, b.broker.sent().letters, 1)
		require.Contains(t, string(b.broker.sent().letters[0].Key), "elsewhere")
		require.Equal(t, schemas.CodePanicked, b.broker.headersOf(0)["error-code"])
		require.Len(t, b.broker.sent().commands, 1)
		require.Equal(t, int64(3), b.committable())
		b.finish()
	})
}

// pause lets the bubble's time pass, and then everything come to rest.
func pause(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// A batch's memory is reused when the next batch is received, while messages are in flight.
func TestMessagesInFlightShareNoMemoryWithTheirBatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, nil)
		b.broker.hold()
		b.deliver([]*stream.Record{b.message([]byte("k"), []byte("nonsense"))})
		b.send(event("a", 1), event("a", 2))
		b.send(event("b", 3))
		pause(time.Second)
		b.send(event("c", 4))
		for n := range b.broker.held {
			b.broker.release(n)
		}
		sent := b.broker.sent()
		require.Equal(t, []string{"k", "nonsense"}, []string{string(sent.letters[0].Key), string(sent.letters[0].Value)})
		require.Equal(t, []string{"a=2", "b=3"}, []string{sent.commands[0].EventID, sent.commands[1].EventID})
		statuses := map[string]schemas.Status{}
		for _, r := range sent.records {
			statuses[r.EventID] = r.Status
		}
		require.Equal(t, map[string]schemas.Status{"a=1": schemas.Skipped, "a=2": schemas.Pending, "b=3": schemas.Pending}, statuses)
		require.Equal(t, int64(4), b.committable())
		b.finish()
	})
}

func TestEventsLieWhereTheLogsPartitionerPutsThem(t *testing.T) {
	const partitions = 5
	for _, partitioner := range schemas.Partitioners() {
		synctest.Test(t, func(t *testing.T) {
			log := processor.Log{ID: 2, Partitions: partitions, CommandPartitions: 4, Partitioner: partitioner,
				Earlier: []processor.Layout{{ID: 1, Partitions: partitions, Partitioner: schemas.Murmur2, Ends: map[int32]int64{0: 30}}}}
			b := newBenchOn(t, log, func(context.Context) error { return nil }, nil)
			want := map[int64]uint16{}
			for i := range int64(60) {
				e := event(fmt.Sprint("s", i), 1)
				key := []byte(e.Key.String())
				if i < 30 && schemas.Murmur2.Partition(key, partitions) == 0 {
					want[i] = 1
				} else if partitioner.Partition(key, partitions) == 0 {
					want[i] = 2
				}
				b.send(e)
			}
			pause(2 * time.Second)
			got := map[int64]uint16{}
			for _, c := range b.broker.sent().commands {
				got[c.Position.Offset] = c.Position.LogID
			}
			require.Equal(t, want, got)
			require.Len(t, b.broker.sent().letters, 60-len(want))
			b.finish()
		})
	}
}
