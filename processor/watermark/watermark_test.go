package watermark

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestNothingIsCommittablePastAnUnresolvedOffset(t *testing.T) {
	w := New(5)
	require.Equal(t, int64(5), w.Committable())
	w.Track(5)
	w.Track(6)
	w.Track(7)
	w.Resolve(7)
	require.Equal(t, int64(5), w.Committable())
	w.Resolve(5)
	w.Resolve(5)
	require.Equal(t, int64(6), w.Committable())
	w.Resolve(6)
	require.Equal(t, int64(8), w.Committable())
	require.Zero(t, w.Unresolved())
}

func TestTrackingBackwardsIsAProgrammersError(t *testing.T) {
	w := New(0)
	w.Track(3)
	require.PanicsWithValue(t, "watermark: offset 3 tracked after 3", func() { w.Track(3) })
}

// An offset that was left out resolves no other one, wherever its word would lie.
func TestResolvingAnUntrackedOffsetChangesNothing(t *testing.T) {
	for name, untracked := range map[string]int64{"below all": 3, "between two words": 64 + 3, "behind all": 4*64 + 3} {
		w := New(64 - 1)
		w.Track(64 - 1)
		w.Track(3*64 + 3)
		w.Resolve(untracked)
		require.Equal(t, int64(63), w.Committable(), name)
		require.Equal(t, 2, w.Unresolved(), name)
		w.Resolve(64 - 1)
		require.Equal(t, int64(3*64+3), w.Committable(), name)
	}
}

// The watermark equals that of a model that keeps every offset, never goes
// back, and is not moved by offsets that it does not know.
func TestEqualsTheNaiveModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		next := rapid.Int64Range(0, 1000).Draw(t, "start")
		w := New(next)
		unresolved := map[int64]bool{}
		known := []int64{next}
		last := int64(-1)
		for range rapid.IntRange(0, 300).Draw(t, "steps") {
			if rapid.Bool().Draw(t, "track") {
				next += rapid.SampledFrom([]int64{0, 0, 0, 1, 70, 1 << 40}).Draw(t, "gap")
				w.Track(next)
				unresolved[next] = true
				known = append(known, next)
				next++
			} else {
				offset := rapid.SampledFrom(known).Draw(t, "offset") + rapid.SampledFrom([]int64{0, 0, 0, 1, -1}).Draw(t, "off by")
				w.Resolve(offset)
				delete(unresolved, offset)
			}
			want := next
			for offset := range unresolved {
				want = min(want, offset)
			}
			require.Equal(t, want, w.Committable())
			require.Len(t, unresolved, w.Unresolved())
			require.GreaterOrEqual(t, w.Committable(), last)
			last = w.Committable()
		}
	})
}

func BenchmarkTrackAndResolve(b *testing.B) {
	w := New(0)
	b.ReportAllocs()
	for i := int64(0); b.Loop(); i++ {
		w.Track(i)
		if i >= 1000 {
			w.Resolve(i - 1000)
		}
	}
}
