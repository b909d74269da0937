package history

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func shape(seed uint64) Shape {
	return Shape{Seed: seed, Shops: 3, For: 20 * time.Second, Rate: 60}
}

func TestSeedDeterminesTheHistory(t *testing.T) {
	one, two := New(shape(7)), New(shape(7))
	require.Equal(t, one, two)
	require.NotEqual(t, one.Steps, New(shape(8)).Steps)
}

func TestHistoryHasEveryKindOfStep(t *testing.T) {
	used := map[string]int{}
	type quantity struct {
		key string
		qty int64
	}
	news := map[quantity]bool{}
	h := New(shape(7))
	for i, s := range h.Steps {
		if s.Code != "" {
			used[s.Code]++
			continue
		}
		var b body
		require.NoError(t, json.Unmarshal([]byte(s.Value), &b))
		used[b.Reason]++
		if s.Repeats >= 0 {
			used["repeats"]++
			require.Less(t, s.Repeats, i, "only earlier steps can be repeated")
			require.Equal(t, h.Steps[s.Repeats].Key, s.Key)
			continue
		}
		q := quantity{s.Key, max(b.Available, 0) + b.PromotionReserved}
		require.False(t, news[q], "a quantity is used once")
		news[q] = true
	}
	for _, what := range append(reasons, "repeats", "not_json", "duplicate_field", "wrong_type", "key_mismatch", "unknown_reason", "wrong_partition") {
		require.Positive(t, used[what], what)
	}
}
