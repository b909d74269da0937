package pacer

import (
	"slices"
	"testing"
	"time"

	"stockpush/channels/due"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// drawShares divides some partitions between processes. Each has at least one call a second.
func drawShares(r *rapid.T) (rate float64, all []share) {
	rate = float64(rapid.IntRange(1, 100).Draw(r, "rate"))
	partitions := rapid.IntRange(1, 100).Draw(r, "partitions")
	for left := partitions; left > 0; {
		owned := rapid.IntRange(1, left).Draw(r, "owned")
		left -= owned
		if s := (share{rate: rate, partitions: partitions, owned: owned}); s.part()*(rate+1) >= 1 {
			all = append(all, s)
		}
	}
	return rate, all
}

func TestSharesAreTogetherAtMostTheRateAndOneCall(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		rate, all := drawShares(r)
		calls, limits := 0, 0.0
		for _, s := range all {
			calls += s.calls()
			limits += s.limit()
			require.Less(r, s.limit(), float64(s.calls()), "calls are spaced so that one more is not within a second")
		}
		require.LessOrEqual(r, calls, int(rate)+1)
		require.LessOrEqual(r, limits, rate+1e-6)
	})
}

// sender is a process that calls as often as its share allows. Its calls travel for different times.
type sender struct {
	share
	bucket
	window
	now time.Time
	// due are the times when calls are answered, by when they started.
	due              map[time.Time]time.Time
	started, arrived []time.Time
}

// call makes the next call, which arrives late.
func (s *sender) call(late time.Duration) {
	for ready := s.ready(); ready.After(s.now); ready = s.ready() {
		for _, at := range s.due {
			if at.After(s.now) && at.Before(ready) {
				ready = at
			}
		}
		s.now = ready
	}
	s.take(s.now)
	s.start(s.share.calls(), s.now)
	s.started = append(s.started, s.now)
	s.arrived = append(s.arrived, s.now.Add(late))
	s.due[s.now] = s.now.Add(late + 3*time.Millisecond)
}

// ready applies the answers until now, and returns when the next call may start.
func (s *sender) ready() time.Time {
	for _, start := range s.started {
		if at, waits := s.due[start]; waits && !at.After(s.now) {
			s.answer(start, at)
			delete(s.due, start)
		}
	}
	return due.Later(s.bucket.readyAt(), s.window.readyAt(s.share.calls(), s.now))
}

// Calls arrive late, and many at once, when a server or a network does not keep up.
func TestNoMoreThanTheRateAndOneCallArriveInASecondHoweverLateTheyAre(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		rate, all := drawShares(r)
		var arrived []time.Time
		for _, part := range all {
			s := sender{share: part, bucket: newBucket(part.limit()), now: time.Unix(rapid.Int64Range(0, 1).Draw(r, "from"), 0), due: map[time.Time]time.Time{}}
			late := rapid.SliceOfN(rapid.Int64Range(0, int64(maxLate)), 1, 30).Draw(r, "late")
			for i := range 3*s.share.calls() + 5 {
				lateness := time.Duration(0)
				if i%5 != 0 { // some calls are as fast as usual
					lateness = time.Duration(late[i%len(late)])
				}
				s.call(lateness)
			}
			arrived = append(arrived, s.arrived...)
		}
		slices.SortFunc(arrived, time.Time.Compare)
		for i, at := range arrived[min(len(arrived), int(rate)+1):] {
			require.GreaterOrEqual(r, at.Sub(arrived[i]), time.Second, "%d calls within a second", int(rate)+2)
		}
	})
}

func TestCallWithoutAnswerCountsUntilItCannotArrive(t *testing.T) {
	var w window
	now := time.Unix(100, 0)
	require.Zero(t, w.readyAt(1, now))
	w.start(1, now)
	require.Equal(t, now.Add(time.Second+unevenness), w.readyAt(1, now))
	require.Equal(t, now.Add(1100*time.Millisecond+unevenness), w.readyAt(1, now.Add(100*time.Millisecond)), "it may arrive now")
	require.Equal(t, now.Add(time.Second+maxLate+unevenness), w.readyAt(1, now.Add(time.Minute)), "its answer is late, or lost")
	w.answer(now, now.Add(40*time.Millisecond))
	require.Equal(t, now.Add(time.Second+unevenness), w.readyAt(1, now.Add(time.Minute)), "the first answer tells what is usual")
	w.answer(now, now.Add(time.Minute))
	w.answer(now.Add(1), now.Add(time.Minute))
	require.Equal(t, 40*time.Millisecond, w.usual, "no second answer, and none of an unknown call")
}

func TestUsualTimeFallsAtOnceAndRisesSlowly(t *testing.T) {
	var w window
	now := time.Unix(100, 0)
	took := func(d time.Duration) {
		now = now.Add(time.Second)
		w.start(20, now)
		w.answer(now, now.Add(d))
	}
	took(400 * time.Millisecond)
	took(40 * time.Millisecond)
	require.Equal(t, 40*time.Millisecond, w.usual)
	for range 10 {
		took(200 * time.Millisecond)
	}
	require.Less(t, w.usual, 60*time.Millisecond)
	for range 100 {
		took(200 * time.Millisecond)
	}
	require.Equal(t, 200*time.Millisecond, w.usual)
	require.LessOrEqual(t, len(w.calls), 41)
}

func TestUsualTimeOfAlmostNothingRises(t *testing.T) {
	w, now := window{}, time.Unix(100, 0)
	for i, took := range []time.Duration{1, time.Second} {
		at := now.Add(time.Duration(i) * time.Second)
		w.start(1, at)
		w.answer(at, at.Add(took))
	}
	require.Equal(t, time.Microsecond+1, w.usual)
}

func TestWindowRemembersTwiceTheCallsOfASecond(t *testing.T) {
	w, now := window{}, time.Unix(100, 0)
	for i, want := range []int{1, 2, 3, 4, 5, 3, 4, 5, 3} {
		w.start(2, now.Add(time.Duration(i)*time.Second))
		require.Len(t, w.calls, want, "it forgets some when there are more")
	}
}

func TestNextCallMayTravel20msLessThanUsual(t *testing.T) {
	const usual = 40 * time.Millisecond
	w, now := window{usual: usual}, time.Unix(100, 0)
	w.start(1, now)
	w.answer(now, now.Add(usual))
	arrives := w.readyAt(1, now.Add(usual)).Add(usual - 20*time.Millisecond)
	require.Equal(t, time.Second, arrives.Sub(now.Add(usual)))
}
