package due_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"stockpush/channels/due"
)

type thing struct {
	due.Place
	name int
}

// TestFirstIsDueFirst compares a queue with a list in which things are put last of their time.
func TestFirstIsDueFirst(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		var q due.Queue[*thing]
		things := make([]*thing, 5)
		for i := range things {
			things[i] = &thing{name: i}
		}
		var put []*thing // in the order in which they were put
		remove := func(x *thing) {
			for i, y := range put {
				if y == x {
					put = append(append([]*thing{}, put[:i]...), put[i+1:]...)
					return
				}
			}
		}
		for range rapid.IntRange(1, 30).Draw(r, "steps") {
			x := rapid.SampledFrom(things).Draw(r, "thing")
			remove(x)
			if rapid.Bool().Draw(r, "put") {
				put = append(put, x)
				at := time.Unix(rapid.Int64Range(0, 3).Draw(r, "at"), 0)
				q.Put(x, at)
				require.Equal(r, at, x.At())
			} else {
				q.Remove(x)
			}
			require.ElementsMatch(r, put, q.All())
			first, ok := q.First()
			require.Equal(r, len(put) > 0, ok)
			for _, y := range put {
				require.True(r, y.Queued())
				require.False(r, y.At().Before(first.At()), "%d is due before %d", y.name, first.name)
				if y == first {
					break
				}
				require.NotEqual(r, first.At(), y.At(), "%d was put before %d", y.name, first.name)
			}
		}
	})
}
