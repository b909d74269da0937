package processor_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"

	"stockpush/processor"
	"stockpush/processor/stream/kafka"
	"stockpush/schemas"
)

func TestBadEventIsDeadLetteredAndNothingStalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, nil)
		b.deliver([]*kafka.Record{b.message([]byte("k"), []byte("nonsense"))})
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

func TestEventInAWrongPartitionIsRejectedOnlyIfTheTopicIsUnchanged(t *testing.T) {
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
				b := newBenchOn(t, processor.EventLog{ID: 1, Partitions: partitions, CommandPartitions: 4}, verify, nil)
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

func TestEventsFromBeforeAnAddedPartitionAreOfTheEarlierGeneration(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		moved, stayed := event("a", 1), event("a", 1)
		for i := 0; schemas.PartitionFor([]byte(moved.Key.String()), 2) == 0; i++ {
			moved = event(fmt.Sprint("moved", i), 1)
		}
		for i := 0; schemas.PartitionFor([]byte(stayed.Key.String()), 2) != 0; i++ {
			stayed = event(fmt.Sprint("stayed", i), 1)
		}
		log := processor.EventLog{ID: 2, Partitions: 2, CommandPartitions: 4, Earlier: []processor.Layout{{ID: 1, Partitions: 1, Ends: map[int32]int64{0: 2}}}}
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

func TestErrorThatIsNoRefusalEndsTheStage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, nil)
		b.broker.failure = kerr.TopicAuthorizationFailed
		b.send(event("a", 1))
		pause(2 * time.Second)
		require.ErrorIs(t, <-b.ended, kerr.TopicAuthorizationFailed)
		require.Zero(t, b.committable())
	})
}

func TestRefusedCommandIsAFailedPush(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, nil)
		b.broker.refuses = func(r *kafka.Record) bool {
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

func TestRefusedRecordsAreDeadLetteredOneByOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, nil)
		b.broker.refuses = func(r *kafka.Record) bool {
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

func TestEventAtWhichTheStagePanicsIsDeadLettered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		verify := func(context.Context) error { panic("a mistake") }
		b := newBenchOn(t, processor.EventLog{ID: 1, Partitions: 1000, CommandPartitions: 4}, verify, nil)
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

func TestPartitionIsCheckedWithTheLogsPartitioner(t *testing.T) {
	const partitions = 5
	for _, partitioner := range schemas.Partitioners() {
		synctest.Test(t, func(t *testing.T) {
			log := processor.EventLog{ID: 2, Partitions: partitions, CommandPartitions: 4, Partitioner: partitioner,
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
