package worker_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockpush/channels"
	"stockpush/channels/channeltest"
	"stockpush/processor/stream/kafka"
	"stockpush/schemas"
)

// codes are the dead letters' error codes, with their sources.
func (l *log) codes() (codes []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, r := range l.letters {
		letter := schemas.DeadLetter{}
		for _, h := range r.Headers {
			_ = letter.TakeHeader(h.Key, string(h.Value))
		}
		codes = append(codes, letter.Code+" of "+letter.SourceTopic)
	}
	return codes
}

func TestUnreadableCommandIsDeadLettered(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t.Context(), t, channeltest.NewMemory(nil), options{})
		b.deliver([]*kafka.Record{{Topic: topics.Commands(), Offset: 0, Key: []byte("k"), Value: []byte("nonsense")}})
		b.next++
		b.push(event("a", 1, 5))
		pause(time.Second)
		require.Equal(t, []string{"unreadable_message of t.commands"}, b.log.codes())
		require.Equal(t, schemas.Successfully, b.statusOf("a@1"))
		b.finish()
		b.allResolved()
	})
}

func TestUnreadableStateIsDeadLetteredAndOthersAreRestored(t *testing.T) {
	bubble(t, func(t *testing.T) {
		memory := channeltest.NewMemory(nil)
		first := newBench(t.Context(), t, memory, options{})
		first.push(event("a", 3, 5))
		pause(time.Second)
		first.finish()
		broken := []*kafka.Record{
			{Topic: topics.State(), Offset: 7, Key: []byte("shopee/1/b"), Value: []byte("nonsense")},
			{Topic: topics.State(), Offset: 8, Key: []byte("shopee/1/c")},
			{Topic: topics.State(), Offset: 9, Key: []byte("~log"), Value: []byte("{}")},
		}
		second := newBench(t.Context(), t, memory, options{states: append(broken, first.log.states...)})
		second.push(event("a", 2, 4), event("b", 1, 6))
		pause(time.Second)
		require.Equal(t, []string{"unreadable_message of t.state"}, second.log.codes())
		require.Equal(t, schemas.Skipped, second.statusOf("a@2"), "what could be read counts")
		require.Equal(t, schemas.Successfully, second.statusOf("b@1"))
		second.finish()
		second.allResolved()
	})
}

func TestMessageThatKafkaRefusesIsDeadLetteredAndPushesContinue(t *testing.T) {
	for _, topic := range []string{topics.Records(), topics.State()} {
		bubble(t, func(t *testing.T) {
			refuses := func(r *kafka.Record) bool { return r.Topic == topic && bytes.HasSuffix(r.Key, []byte("/a")) }
			b := newBench(t.Context(), t, channeltest.NewMemory(nil), options{refuses: refuses})
			b.push(event("a", 1, 5), event("b", 2, 6))
			pause(time.Second)
			require.Equal(t, []string{"refused_by_kafka of t.commands"}, b.log.codes(), "its position is the command's")
			require.Equal(t, schemas.Successfully, b.statusOf("b@2"))
			require.Len(t, b.memory.Calls(), 1)
			b.finish()
			b.allResolved()
		})
	}
}

// Records that share a refused message are sent one by one. If one is refused again, its
// failure reason is shortened before it is dead-lettered.
func TestRecordsThatShareAMessageWithARefusedOneAreWritten(t *testing.T) {
	bubble(t, func(t *testing.T) {
		const most = 600
		refuses := func(r *kafka.Record) bool { return r.Topic == topics.Records() && len(r.Value) > most }
		says := func(_ context.Context, _ int, call channels.Call) *channels.Answer {
			return channeltest.All(call, channels.Verdict{Outcome: channels.Refused, Code: schemas.ItemNotFound, Message: strings.Repeat("no ", 300)}, false)
		}
		b := newBench(t.Context(), t, channeltest.NewMemory(says), options{refuses: refuses, recordPartitions: 1})
		large := event("b", 2, 6)
		large.MerchantSKU = strings.Repeat("m", most)
		b.push(event("a", 1, 5), large, event("c", 3, 7))
		pause(time.Second)
		for _, id := range []string{"a@1", "c@3"} {
			require.Equal(t, schemas.Failed, b.statusOf(id))
			require.Less(t, len(b.log.last()[id].FailureReason), 200)
		}
		require.Equal(t, []string{"refused_by_kafka of t.commands"}, b.log.codes())
		b.finish()
		b.allResolved()
	})
}

// failing is a dependency that panics the first time.
type failing struct {
	slog.Handler
	failed *bool
}

func (f failing) Enabled(context.Context, slog.Level) bool {
	if !*f.failed {
		*f.failed = true
		panic("a mistake")
	}
	return false
}

func TestCommandThatMakesTheStagePanicIsDeadLettered(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t.Context(), t, channeltest.NewMemory(nil), options{log: failing{slog.DiscardHandler, new(bool)}})
		b.deliver([]*kafka.Record{{Topic: topics.Commands(), Offset: 0, Key: []byte("k"), Value: []byte("the stage fails as it logs this")}})
		b.next++
		b.push(event("b", 3, 6))
		pause(time.Second)
		require.Equal(t, []string{"stage_panicked of t.commands"}, b.log.codes())
		require.Equal(t, schemas.Successfully, b.statusOf("b@3"))
		b.finish()
		b.allResolved()
	})
}

func TestPanicOfTheChannelIsAnUnknownOutcomeOfItsPushOnly(t *testing.T) {
	bubble(t, func(t *testing.T) {
		mistaken := func(_ context.Context, _ int, call channels.Call) *channels.Answer {
			if call.Lines[0].Qty == 13 {
				panic("a mistake")
			}
			return nil
		}
		b := newBench(t.Context(), t, channeltest.NewMemory(mistaken), options{})
		poison, fine := event("a", 1, 13), event("b", 2, 6)
		fine.ItemID = 11
		b.push(poison, fine)
		pause(time.Minute)
		require.Zero(t, b.statusOf("a@1"), "it stays pending and is retried")
		require.Greater(t, len(b.memory.Calls()), 5)
		require.Equal(t, schemas.Successfully, b.statusOf("b@2"))
		b.finish()
	})
}
