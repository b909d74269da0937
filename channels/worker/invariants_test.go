package worker_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"stockpush/channels"
	"stockpush/channels/channeltest"
	"stockpush/schemas"
)

// Whatever the channel answers: no older quantity is sent after a newer one, at most one call
// of an item is in flight, and every command ends as one terminal record.
func TestInvariantsHoldUnderRandomAnswers(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		verdicts := rapid.SliceOfN(rapid.IntRange(0, 5), 1, 30).Draw(r, "answers")
		steps := rapid.SliceOfN(rapid.IntRange(0, 2), 1, 40).Draw(r, "steps")
		synctest.Test(t, func(t *testing.T) { randomRun(t, verdicts, steps) })
	})
}

func randomRun(t *testing.T, verdicts, steps []int) {
	answer := func(_ context.Context, n int, call channels.Call) *channels.Answer {
		if n >= len(verdicts) {
			return nil
		}
		time.Sleep(time.Duration(n%3) * 100 * time.Millisecond)
		switch verdicts[n] {
		case 0:
			return channeltest.All(call, channels.Verdict{Code: schemas.TimedOut}, true)
		case 1:
			return channeltest.All(call, channels.Verdict{Outcome: channels.Refused, Code: schemas.ItemNotFound}, false)
		case 2:
			return channeltest.All(call, channels.Verdict{Outcome: channels.Refused, Code: schemas.RateLimited, Scope: channels.ScopeShop}, false)
		case 3:
			return channeltest.All(call, channels.Verdict{Code: schemas.UnknownFailure}, false)
		default:
			return nil
		}
	}
	b := newBench(t.Context(), t, channeltest.NewMemory(answer), options{change: func(c *channeltest.Settings) { c.ShopConcurrency = 2 }})
	newest := map[string]int64{}
	for i, sku := range steps {
		name := string(rune('a' + sku))
		b.push(event(name, int64(i+1), int64(i+1)))
		newest[name] = int64(i + 1)
		pause(time.Duration(i%4) * 40 * time.Millisecond)
	}
	pause(10 * time.Minute)
	b.finish()
	b.allResolved()
	require.LessOrEqual(t, b.memory.MostPerItem(), 1)
	sent := map[int64]int64{}
	for _, call := range b.memory.Calls() {
		require.LessOrEqual(t, len(call.Lines), b.memory.MaxLines())
		for _, line := range call.Lines {
			require.GreaterOrEqual(t, line.Qty, sent[line.ModelID], "an older quantity after a newer one")
			sent[line.ModelID] = line.Qty
		}
	}
	require.Len(t, b.log.last(), len(steps))
	for _, r := range b.log.last() {
		require.True(t, r.Status.Terminal(), r.EventID)
	}
	for name, offset := range newest {
		require.NotEqual(t, schemas.Skipped, b.statusOf(fmt.Sprintf("%s@%d", name, offset)))
	}
}

// pause lets the bubble's time pass, and waits until every goroutine is blocked.
func pause(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}
