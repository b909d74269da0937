package worker_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"stockpush/channels"
	"stockpush/channels/channeltest"
	"stockpush/processor/stream/kafka"
	"stockpush/schemas"
	"stockpush/schemas/wire"
)

var modelA = channeltest.Model{ShopID: 1, ItemID: 10, ModelID: 1}

// lostFirst is a marketplace that never answers the first n calls; they may be applied later.
func lostFirst(n int) *channeltest.Memory {
	return channeltest.NewMemory(func(_ context.Context, i int, call channels.Call) *channels.Answer {
		if i >= n {
			return nil
		}
		return channeltest.All(call, channels.Verdict{Code: schemas.TimedOut}, true)
	})
}

func (l *log) lastState() schemas.State {
	l.mu.Lock()
	defer l.mu.Unlock()
	s, err := wire.DecodeState(l.states[len(l.states)-1].Value)
	if err != nil {
		panic(err)
	}
	return s
}

func TestNextOwnerMakesAPendingReadbackWithoutACommand(t *testing.T) {
	bubble(t, func(t *testing.T) {
		memory := lostFirst(1)
		first := newBench(t.Context(), t, memory, options{})
		first.push(event("a", 1, 5))
		pause(5 * time.Second)
		require.Equal(t, schemas.Successfully, first.statusOf("a@1"))
		first.finish()
		memory.Set(modelA, 9)
		second := newBench(t.Context(), t, memory, options{states: first.log.states})
		pause(time.Minute)
		require.Equal(t, int64(5), memory.Stock(modelA))
		require.Nil(t, second.log.lastState().Readback)
		second.finish()
	})
}

func TestLostRequestOfASkippedPushIsReadBackAfterACrash(t *testing.T) {
	bubble(t, func(t *testing.T) {
		memory := lostFirst(1)
		first := newBench(t.Context(), t, memory, options{change: func(c *channeltest.Settings) { c.ShopRate = 0.01 }})
		first.push(event("a", 1, 5))
		pause(50 * time.Millisecond)
		first.push(event("a", 2, 9))
		require.Equal(t, schemas.Skipped, first.statusOf("a@1"))
		first.crash()
		second := newBench(t.Context(), t, memory, options{states: first.log.states, first: 1, inheritedBelow: 2})
		second.push(event("a", 2, 9))
		pause(time.Second)
		require.Equal(t, schemas.Successfully, second.statusOf("a@2"))
		memory.Set(modelA, 5)
		pause(time.Minute)
		require.Equal(t, int64(9), memory.Stock(modelA))
		second.finish()
	})
}

func TestDrainSavesPendingReadbacksAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t.Context(), t, lostFirst(1), options{change: func(c *channeltest.Settings) { c.ShopRate = 0.01 }})
		b.push(event("a", 1, 5))
		pause(time.Second)
		require.Empty(t, b.log.states)
		began := time.Now()
		b.finish()
		require.Less(t, time.Since(began), time.Second)
		require.Equal(t, []int64{5}, b.log.lastState().Readback.Lost)
	})
}

func TestNothingIsSentBeforeTheInheritedCommandsAreRead(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t.Context(), t, channeltest.NewMemory(nil), options{inheritedBelow: 2})
		b.push(event("a", 1, 1))
		pause(time.Minute)
		require.Empty(t, b.memory.Calls(), "the earlier owner may have sent the next one")
		b.push(event("a", 2, 2))
		pause(time.Second)
		require.Len(t, b.memory.Calls(), 1)
		require.Equal(t, schemas.Skipped, b.statusOf("a@1"))
		require.Equal(t, schemas.Successfully, b.statusOf("a@2"))
		b.finish()
		b.allResolved()
	})
}

// A backlog's last offset may be a transaction's marker, which is no command.
func TestInheritedCommandsMayEndWithATransactionMarker(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t.Context(), t, channeltest.NewMemory(nil), options{inheritedBelow: 2})
		b.push(event("a", 1, 1))
		pause(time.Minute)
		require.Empty(t, b.memory.Calls())
		b.deliver([]*kafka.Record{{Offset: b.next, Attrs: kgo.NewRecordAttrs(kgo.RecordAttrsOpts{Control: true})}})
		b.next++
		pause(time.Second)
		require.Len(t, b.memory.Calls(), 1)
		b.finish()
		b.allResolved()
	})
}

func TestLateStateOfAnEarlierOwnerIsIgnored(t *testing.T) {
	bubble(t, func(t *testing.T) {
		memory := channeltest.NewMemory(nil)
		first := newBench(t.Context(), t, memory, options{})
		first.push(event("a", 1, 1))
		pause(time.Second)
		first.push(event("a", 2, 2))
		pause(time.Second)
		first.finish()
		late := []*kafka.Record{first.log.states[1], first.log.states[0]}
		second := newBench(t.Context(), t, memory, options{states: late})
		repeat := event("a", 3, 1)
		repeat.Reason, repeat.RepeatsOffset = schemas.PushNow, 1
		second.push(repeat)
		pause(time.Second)
		require.Equal(t, schemas.Skipped, second.statusOf("a@3"), "a@2 made old what it repeats")
		require.Equal(t, "a@2", second.log.lastState().Newest.EventID, "the right state is the last one again")
		second.finish()
	})
}

// Starting writes a state again only where the last one is not the right one.
func TestStateThatFollowsALateOneIsNotRewritten(t *testing.T) {
	bubble(t, func(t *testing.T) {
		first := newBench(t.Context(), t, channeltest.NewMemory(nil), options{})
		for i := range int64(3) {
			first.push(event("a", 1+i, i))
			pause(time.Second)
		}
		first.finish()
		states := first.log.states
		cases := map[string]*kafka.Record{
			"a newer one":       states[2],
			"it was taken back": {Key: states[0].Key},
		}
		for name, last := range cases {
			second := newBench(t.Context(), t, channeltest.NewMemory(nil), options{states: []*kafka.Record{states[1], states[0], last}})
			pause(time.Second)
			require.Empty(t, second.log.states, name)
			second.finish()
		}
	})
}

// mark is the mark of the owner's last commit.
func (b *bench) mark() string {
	at, _ := b.assignment.Committable()
	return at.Mark
}

// left is what an owner leaves: its states, its claim and the mark on its last commit.
func (b *bench) left(o options) options {
	o.states = append(append([]*kafka.Record{}, b.log.states...), b.log.claims...)
	o.mark = b.mark()
	return o
}

// A push waits a second for the rate limit; its worker is drained meanwhile, and another
// continues.
func TestCommandsLeftByADrainedOwnerAreNotReadBack(t *testing.T) {
	cases := []struct {
		name string
		// end ends the first owner, and after changes what it left.
		end   func(b *bench)
		after func(o *options)
		reads bool
	}{
		{"drained", func(b *bench) { b.finish() }, func(*options) {}, false},
		{"killed", func(b *bench) { b.crash() }, func(*options) {}, true},
		{"drained, but its commit failed", func(b *bench) { b.finish() }, func(o *options) { o.mark = "" }, true},
		{"drained, but another began after it", func(b *bench) { b.finish() }, func(o *options) {
			claim := *o.states[len(o.states)-1]
			claim.Value = []byte("another")
			o.states = append(o.states, &claim)
		}, true},
		{"drained, but its claim is gone", func(b *bench) { b.finish() }, func(o *options) { o.states = nil }, true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				memory := channeltest.NewMemory(nil)
				slow := func(c *channeltest.Settings) { c.ShopRate = 0.1 }
				first := newBench(t.Context(), t, memory, options{change: slow})
				first.push(event("a", 1, 1))
				pause(50 * time.Millisecond)
				first.push(event("a", 2, 2))
				c.end(first)
				o := first.left(options{inheritedBelow: 2})
				c.after(&o)
				second := newBench(t.Context(), t, memory, o)
				second.push(event("a", 1, 1), event("a", 2, 2))
				pause(time.Minute)
				require.Equal(t, schemas.Successfully, second.statusOf("a@2"))
				require.Len(t, memory.Calls(), 2)
				require.Equal(t, c.reads, memory.Reads() > 0)
				second.finish()
				second.allResolved()
			})
		})
	}
}

func TestDrainedOwnerSavesItsUnknownOutcomes(t *testing.T) {
	bubble(t, func(t *testing.T) {
		memory := lostFirst(1)
		first := newBench(t.Context(), t, memory, options{change: func(c *channeltest.Settings) { c.ShopRate = 0.1 }})
		first.push(event("a", 1, 5))
		pause(50 * time.Millisecond) // its answer is lost, and the next try waits
		first.finish()
		require.NotEmpty(t, first.mark())
		second := newBench(t.Context(), t, memory, first.left(options{inheritedBelow: 2}))
		second.push(event("a", 1, 5), event("a", 2, 9))
		pause(time.Second)
		require.Equal(t, schemas.Successfully, second.statusOf("a@2"))
		memory.Set(modelA, 5)
		pause(time.Minute)
		require.Equal(t, int64(9), memory.Stock(modelA))
		second.finish()
	})
}

func TestOwnerThatDidNotReadAllInheritedCommandsLeavesNoMark(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t.Context(), t, channeltest.NewMemory(nil), options{inheritedBelow: 5})
		b.push(event("a", 1, 5))
		b.finish()
		require.Empty(t, b.mark())
	})
}

func TestRefusedRepairPushIsRetried(t *testing.T) {
	bubble(t, func(t *testing.T) {
		script := func(_ context.Context, n int, call channels.Call) *channels.Answer {
			switch n {
			case 0:
				return channeltest.All(call, channels.Verdict{Code: schemas.TimedOut}, true)
			case 2, 3:
				return channeltest.All(call, channels.Verdict{Outcome: channels.Refused, Code: schemas.PromotionLocked}, false)
			}
			return nil
		}
		b := newBench(t.Context(), t, channeltest.NewMemory(script), options{})
		b.push(event("a", 1, 5))
		pause(50 * time.Millisecond)
		b.push(event("a", 2, 9))
		pause(5 * time.Second)
		b.memory.Set(modelA, 5)
		pause(5 * time.Minute)
		require.Equal(t, int64(9), b.memory.Stock(modelA))
		require.Equal(t, schemas.Successfully, b.statusOf("a@2"))
		require.Equal(t, schemas.Successfully, b.log.lastState().Finished.Status)
		require.Nil(t, b.log.lastState().Readback)
		require.Len(t, b.memory.Calls(), 5)
		b.finish()
	})
}

// A repeat is judged by the news before it, which may be known from nothing else.
func TestNewsReplacedByARepeatIsKnownAfterACrash(t *testing.T) {
	bubble(t, func(t *testing.T) {
		memory := channeltest.NewMemory(nil)
		repeat := func(offset, of, qty int64) schemas.Event {
			e := event("a", offset, qty)
			e.Reason, e.RepeatsOffset = schemas.PushNow, of
			return e
		}
		first := newBench(t.Context(), t, memory, options{})
		first.stage.Pause([]int64{1})
		first.push(event("a", 9, 9), repeat(12, 5, 5), repeat(13, 9, 9))
		require.Equal(t, schemas.Skipped, first.statusOf("a@9"))
		first.crash()
		second := newBench(t.Context(), t, memory, first.left(options{first: 1, inheritedBelow: 3}))
		second.push(repeat(12, 5, 5), repeat(13, 9, 9))
		pause(time.Minute)
		require.Equal(t, schemas.Skipped, second.statusOf("a@12"))
		require.Equal(t, schemas.Successfully, second.statusOf("a@13"))
		require.Equal(t, int64(9), memory.Stock(modelA))
		second.finish()
	})
}

// What is left to write when a partition is drained may be states alone, which no
// acknowledgement of a record precedes.
func TestAPartitionIsDrainedAtOnceWhenOnlyStatesAreLeft(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t.Context(), t, lostFirst(1000), options{})
		b.push(event("a", 1, 5))
		pause(10 * time.Second)
		began := time.Now()
		b.finish()
		require.Less(t, time.Since(began), time.Second)
		require.NotNil(t, b.log.lastState().Readback)
	})
}
