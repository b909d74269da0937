package pacer

import (
	"testing"
	"time"

	"stockpush/channels/due"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestBucketAllowsAtMostItsLimitAndOneCallInAnySecond(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		limit := rapid.SampledFrom([]float64{0.5, 1, 5, 20, 100, 999, 1000}).Draw(r, "limit")
		late := rapid.SliceOfN(rapid.Int64Range(0, int64(time.Second/4)), 1, 50).Draw(r, "how late calls are")
		b, now := newBucket(limit), time.Unix(0, 0)
		var taken []time.Time
		first := 0
		for i := range 3*int(limit)/2 + 20 {
			now = due.Later(now, b.readyAt()).Add(time.Duration(late[i%len(late)] / int64(1+i%3*100)))
			b.take(now)
			taken = append(taken, now)
			for now.Sub(taken[first]) >= time.Second {
				first++
			}
			if len(taken)-first > int(limit)+1 {
				require.Fail(r, "too many calls within a second")
			}
		}
	})
}

func TestBucketHalvesItsRateAndRecovers(t *testing.T) {
	now := time.Unix(1000, 0)
	b := newBucket(20)
	b.cut(now)
	require.InDelta(t, 10, b.rate(now), 0.01)
	b.cut(now.Add(cutInterval / 2))
	require.InDelta(t, 10, b.rate(now), 0.01, "calls in flight at the first cut do not cut again")
	require.InDelta(t, 15, b.rate(now.Add(recovery/4)), 0.01)
	require.InDelta(t, 20, b.rate(now.Add(recovery/2)), 0.01)
	require.InDelta(t, 20, b.rate(now.Add(time.Hour)), 0.01)
	b.cut(now.Add(cutInterval))
	require.InDelta(t, 5.17, b.rate(now.Add(cutInterval)), 0.01, "half of what it had recovered to")
	for i := range time.Duration(20) {
		b.cut(now.Add((i + 2) * cutInterval))
	}
	require.GreaterOrEqual(t, b.rate(now.Add(22*cutInterval)), 20*minShare)
}
