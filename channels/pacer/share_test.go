package pacer_test

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"stockpush/channels/pacer"
)

// callers are processes that call as often as they may. A call arrives up to 40 ms after it was
// allowed, and a delayed one up to 240 ms after; its answer follows a little later.
type callers struct {
	t    *testing.T
	work sync.WaitGroup
	stop chan struct{}
	// delayed is how many calls in a hundred are delayed.
	delayed int

	mu    sync.Mutex
	calls []time.Time
}

func (c *callers) start(p *pacer.Pacer) {
	random, turn := rand.New(rand.NewPCG(rand.Uint64(), 0)), p.Turn(1)
	c.work.Go(func() {
		for {
			ok, at := p.Take(turn)
			if ok {
				travel := time.Duration(random.Int64N(int64(40 * time.Millisecond)))
				if random.IntN(100) < c.delayed {
					travel += time.Duration(random.Int64N(int64(200 * time.Millisecond)))
				}
				c.mu.Lock()
				c.calls = append(c.calls, time.Now().Add(travel))
				c.mu.Unlock()
				time.AfterFunc(travel+5*time.Millisecond, func() { p.Answered(at) })
			}
			select {
			case <-c.stop:
				return
			case <-time.After(time.Until(at) + time.Duration(random.Int64N(int64(3*time.Millisecond)))):
			}
		}
	})
}

// most returns the most calls within any second.
func (c *callers) most() (most int) {
	close(c.stop)
	c.work.Wait()
	slices.SortFunc(c.calls, time.Time.Compare)
	first := 0
	for i, at := range c.calls {
		for at.Sub(c.calls[first]) >= time.Second {
			first++
		}
		most = max(most, i-first+1)
	}
	return most
}

// between returns how many calls came within a time.
func (c *callers) between(from, to time.Time) (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, at := range c.calls {
		if !at.Before(from) && at.Before(to) {
			n++
		}
	}
	return n
}

func shared(rate float64, partitions, owned int) (p *pacer.Pacer, disown []func()) {
	p = pacer.New(10_000, rate)
	p.Share(partitions)
	for range owned {
		disown = append(disown, p.Own())
	}
	return p, disown
}

func TestProcessesTogetherKeepTheAppRate(t *testing.T) {
	const partitions, rate = 12, 20
	for name, tt := range map[string]struct {
		owned   []int
		least   int // calls a second
		delayed int
	}{
		"one": {[]int{12}, 19, 0}, "two": {[]int{6, 6}, 18, 0}, "uneven": {[]int{11, 1}, 18, 0}, "three": {[]int{4, 4, 4}, 19, 0},
		"five": {[]int{3, 3, 2, 2, 2}, 16, 0}, "each one": {slices.Repeat([]int{1}, partitions), 11, 0},
		"one, calls are delayed": {[]int{12}, 18, 5}, "three, calls are delayed": {[]int{4, 4, 4}, 17, 5},
	} {
		bubble(t, func(t *testing.T) {
			c := &callers{t: t, stop: make(chan struct{}), delayed: tt.delayed}
			for _, owned := range tt.owned {
				p, _ := shared(rate, partitions, owned)
				c.start(p)
			}
			begins := time.Now().Add(2 * time.Second)
			time.Sleep(32 * time.Second)
			require.GreaterOrEqual(t, c.between(begins, begins.Add(30*time.Second)), tt.least*30, name)
			require.LessOrEqual(t, c.most(), rate+1, name)
		})
	}
}

// Kafka gives a partition to a process after another one gave it back.
func TestMovingPartitionsKeepTheAppRate(t *testing.T) {
	const partitions, rate = 12, 20
	bubble(t, func(t *testing.T) {
		c := &callers{t: t, stop: make(chan struct{}), delayed: 5}
		all := [][]func(){nil, nil, nil}
		var pacers []*pacer.Pacer
		for i := range all {
			p, disown := shared(rate, partitions, map[int]int{0: partitions}[i])
			pacers, all[i] = append(pacers, p), disown
			c.start(p)
		}
		for range 40 {
			time.Sleep(time.Duration(rand.IntN(1500)) * time.Millisecond)
			from, to := rand.IntN(3), rand.IntN(3)
			for range rand.IntN(len(all[from]) + 1) {
				all[from][0]()
				all[from] = all[from][1:]
				all[to] = append(all[to], pacers[to].Own())
			}
		}
		require.LessOrEqual(t, c.most(), rate+1)
	})
}

func TestProcessWithoutPartitionsCallsNothing(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p, _ := shared(20, 12, 0)
		require.Equal(t, time.Second, refused(t, p, p.Turn(1)))
		require.Zero(t, p.Look(time.Now()).AppRate)
		bounded, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		began := time.Now()
		require.Error(t, p.Wait(bounded, 1))
		require.Equal(t, began, time.Now(), "it is known at once")
		allowed := make(chan error)
		go func() { allowed <- p.Wait(t.Context(), 1) }()
		synctest.Wait()
		disown := p.Own()
		require.Equal(t, 1100*time.Millisecond, refused(t, p, p.Turn(2)), "another process may have called until now")
		require.NoError(t, <-allowed)
		require.InDelta(t, 1.0/12, p.Look(time.Now()).AppShare, 1e-9)
		disown()
		require.Zero(t, p.Look(time.Now()).AppShare)
	})
}

func TestShareOfLessThanACallASecond(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p, _ := shared(0.5, 10, 2) // a call in 10 s
		time.Sleep(2 * time.Second)
		allowed(t, p, p.Turn(1))
		for range 3 {
			require.InDelta(t, float64(10*time.Second), float64(takes(p, p.Turn(2))), float64(5*time.Millisecond))
		}
	})
}

func TestShareKeepsThrottling(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p, disown := shared(20, 2, 2)
		time.Sleep(2 * time.Second)
		allowed(t, p, p.Turn(1))
		p.Throttle(p.Turn(1), pacer.Throttling{App: true}, time.Now())
		require.InDelta(t, 10, p.Look(time.Now()).AppRate, 0.01)
		disown[0]()
		require.InDelta(t, 10/1.05/2, p.Look(time.Now()).AppRate, 0.01)
		time.Sleep(2 * time.Minute)
		p.SetRates(10_000, 5)
		require.InDelta(t, 2.5, p.Look(time.Now()).AppRate, 0.01, "half of a new rate")
	})
}

// Without a share there is no rate that spaces probes: the shops that ask then are probed as soon as
// the share counts, and not minutes later.
func TestProbesAreNotSpacedWhileTheProcessHasNoShare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := pacer.New(5, 20)
		p.Share(1)
		defer p.Own()()
		begun := time.Now()
		shops := []*pacer.Turn{p.Turn(1), p.Turn(2), p.Turn(3)}
		for _, shop := range shops {
			require.LessOrEqual(t, p.ProbeAt(shop).Sub(begun), 2*time.Second)
		}
		time.Sleep(p.ProbeAt(shops[0]).Sub(begun))
		for i, shop := range shops {
			require.Equal(t, time.Duration(i)*4*time.Second/20, time.Until(p.ProbeAt(shop)))
		}
	})
}
