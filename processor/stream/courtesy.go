package stream

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

const (
	// maxYield bounds how long others wait for what goes first, and how long they then
	// go on before they wait again.
	maxYield = 10 * time.Second
	// farBehind is how many events must wait for others to wait: some tenths of a second's work.
	farBehind = 100_000
	// yieldLook is how often it is found out again whether so many wait.
	yieldLook = 10 * time.Millisecond
)

// Courtesy lets events that wait to be compacted go before other work of the process, where
// they are many: the sooner they are compacted, the more of them fall into one window, and each
// that does is a push and two rows less. Stages that share one wait and go on together. Nil
// never lets anybody wait.
type Courtesy struct {
	// behind is how many events wait.
	behind func() int64

	mu     sync.Mutex
	turns  turns
	looked time.Time
	yields bool
}

// NewCourtesy makes a Courtesy towards so many events as behind says.
func NewCourtesy(behind func() int64) *Courtesy { return &Courtesy{behind: behind} }

// Show registers the metric that says whether other work waits.
func (c *Courtesy) Show(r prometheus.Registerer) {
	r.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "stockpush_stream_compaction_first",
		Help: "1 while lanes of this process take no new commands, windows stay open and the sink writes nothing, since very many events wait to be compacted; else 0.",
	}, func() float64 {
		if c.Yields(time.Now()) {
			return 1
		}
		return 0
	}))
}

// Yields says whether other work waits now; who does asks again some time later.
func (c *Courtesy) Yields(now time.Time) bool {
	if c == nil {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if now.Sub(c.looked) >= yieldLook {
		c.looked, c.yields = now, c.turns.yields(c.behind() >= farBehind, now)
	}
	return c.yields
}

// turns takes turns between waiting and going on. It has no clock: it is told the time.
type turns struct {
	// since is when the others began to wait; zero while they do not.
	since time.Time
	// again is when they may wait again.
	again time.Time
}

// yields says whether the others wait now; behind says that there is a reason to.
func (t *turns) yields(behind bool, now time.Time) bool {
	if !behind || now.Before(t.again) {
		t.since = time.Time{}
		return false
	}
	if t.since.IsZero() {
		t.since = now
	}
	if now.Sub(t.since) < maxYield {
		return true
	}
	t.since, t.again = time.Time{}, now.Add(maxYield)
	return false
}
