package lane_test

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"stockpush/channels/lane"
)

// crowded is a shop with n store SKUs of one model, which wait.
func crowded(t require.TestingT, n int) *shop {
	s := newShop(t)
	for i := range n {
		s.offer(fmt.Sprint("a", i), int64(i), of(1, 5), in("SG"))
	}
	return s
}

// TestStepDoesNotDecodeWhatWaits counts allocations: decoding an event with a location makes some.
func TestStepDoesNotDecodeWhatWaits(t *testing.T) {
	const n = 1000
	s := crowded(t, n)
	s.wait(linger)
	require.Less(t, testing.AllocsPerRun(3, func() { s.want() }), float64(n/2))
	require.Len(t, s.start(lane.Push).Lines, 1)
}

// TestHoldFailsStoreSKUsOfOneModelInOnePass compares with as many store SKUs of a model each.
func TestHoldFailsStoreSKUsOfOneModelInOnePass(t *testing.T) {
	const n = 1000
	apart := newShop(t)
	for i := range n {
		apart.offer(fmt.Sprint("a", i), int64(i), of(1, int64(i)), in("SG"))
	}
	each := allocsOfFailing(apart, n)
	require.InEpsilon(t, each, allocsOfFailing(crowded(t, n), n), 0.1)
}

// allocsOfFailing counts what failing a shop's n waiting pushes allocates.
func allocsOfFailing(s *shop, n int) uint64 {
	s.wait(linger)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	c, _ := s.lane.Next(s.now)
	s.result = s.lane.Refuse(&c, banned, s.now)
	runtime.ReadMemStats(&after)
	require.Len(s.t, s.result.Outcomes, n)
	require.Zero(s.t, s.lane.Stats(s.now).Waiting)
	return after.Mallocs - before.Mallocs
}

// BenchmarkCrowdedStep tells what a step costs while 4,000 store SKUs of one model wait.
func BenchmarkCrowdedStep(b *testing.B) {
	s := crowded(b, 4000)
	s.wait(linger)
	for b.Loop() {
		s.want()
	}
}
