package sim

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"time"
)

// dice derives every decision of the world from the seed and the subject of the decision. So a
// decision depends neither on others nor on the order of goroutines.
type dice uint64

// about returns the random source of a decision.
func (d dice) about(what ...any) *rand.Rand {
	h := fnv.New64a()
	_, _ = fmt.Fprint(h, what...)
	return rand.New(rand.NewPCG(uint64(d), h.Sum64()))
}

// within returns a random duration from least to most.
func within(r *rand.Rand, least, most time.Duration) time.Duration {
	return least + time.Duration(r.Int64N(int64(most-least)+1))
}

func chance(r *rand.Rand, p float64) bool { return r.Float64() < p }

func pick[T any](r *rand.Rand, from ...T) T { return from[r.IntN(len(from))] }
