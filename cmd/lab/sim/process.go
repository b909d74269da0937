package sim

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"stockpush/channels/channeltest"
	"stockpush/channels/worker"
	"stockpush/processor"
	"stockpush/processor/stream"
	"stockpush/sinks"
)

// process is one run of the program with all three stages. A process that comes back is another
// process with another name.
type process struct {
	w    *world
	name string
	seat int
	ctx  context.Context
	end  context.CancelFunc
	work sync.WaitGroup
	// handlers are in the order of groups.
	handlers []stream.Handler

	mu           sync.Mutex
	killed       bool
	leaving      bool
	stalledUntil time.Time
	// unheardSince is when Kafka received the last heartbeat of the process; zero means just now.
	unheardSince, unheardUntil time.Time
	// evicted says that Kafka has revoked its partitions.
	evicted bool
	// held are the assignments that the process believes to have.
	held map[*holding]struct{}
}

func newProcess(w *world, seat, life int) *process {
	p := &process{w: w, name: fmt.Sprintf("p%d.%d", seat, life), seat: seat, held: map[*holding]struct{}{}}
	p.ctx, p.end = context.WithCancel(context.Background())
	log, out := slog.New(slog.DiscardHandler), newProducer(w, p)
	registry := prometheus.NewRegistry()
	proc, err := processor.New(
		processor.Config{Window: w.plan.window, CatchUpWindow: catchUpWindow, QuietPeriod: w.plan.quiet, MaxBufferedSKUs: w.plan.maxBuffered},
		processor.Deps{
			Producer: out, DeadLetters: out, Topics: topics, Metrics: processor.NewMetrics(registry),
			Log: processor.EventLog{ID: 1, Partitions: w.plan.Partitions, CommandPartitions: w.plan.Partitions},
		})
	must(err)
	cfg := channeltest.Defaults()
	cfg.ShopRate, cfg.AppRate, cfg.ShopConcurrency, cfg.MaxPendingAge = 50, 200, w.plan.concurrency, w.plan.maxPendingAge
	cfg.ProbeInterval, cfg.ConfirmAfter, cfg.Breaker.OpenFor = 10*time.Second, confirmAfter, 5*time.Second
	cfg.RereadStates = 2 * time.Second
	lanes, err := worker.New(cfg.Config, worker.Deps{
		Channel: door{w.market, p}, Producer: out, DeadLetters: out, Topics: topics, RecordPartitions: w.plan.Partitions,
		History: history{w.kafka, p}, LogID: 1, Pacer: cfg.Pacer(), Logger: log, Metrics: worker.NewMetrics(registry),
	})
	must(err)
	sink := sinks.New(sinks.Config{BatchRows: w.plan.batchRows, BatchInterval: w.plan.batchInterval}, sinks.Deps{
		NewBatch: func() sinks.Batch { return &batch{w: w, p: p} }, DeadLetters: out, Topics: topics,
		Logger: log, Metrics: sinks.NewMetrics(registry),
	})
	p.work.Go(func() { _ = sink.Write(p.ctx) })
	p.handlers = []stream.Handler{proc, lanes, sink}
	return p
}

// catchUpWindow is the window of partitions with a backlog.
const catchUpWindow = 5 * time.Second

// behind returns an artificial backlog of a partition in some seconds until everything heals. Plans
// have too few events for a real one.
func (p *process) behind() int64 {
	second := time.Since(p.w.start) / time.Second
	if p.w.healed() || !chance(p.w.dice.about("behind", p.name, second), 0.2) {
		return 0
	}
	p.w.count("partition behind")
	return 1 << 20
}

// must panics on an error of the simulation itself.
func must(err error) {
	if err != nil {
		panic(err)
	}
}

// gate blocks a stalled process.
func (p *process) gate() {
	for {
		wait := p.stalledFor()
		if wait <= 0 {
			return
		}
		time.Sleep(wait)
	}
}

// stalledFor returns how long the process stays stalled.
func (p *process) stalledFor() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return time.Until(p.stalledUntil)
}

func (p *process) dead() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.killed
}

// kill ends the process at once.
func (p *process) kill() {
	p.mu.Lock()
	p.killed, p.stalledUntil = true, time.Time{}
	if p.unheardSince.IsZero() {
		p.unheardSince = time.Now()
	}
	p.mu.Unlock()
	p.end()
}

// stall stops the process for a while. Kafka receives no heartbeats meanwhile.
func (p *process) stall(d time.Duration) {
	p.mu.Lock()
	if until := time.Now().Add(d); until.After(p.stalledUntil) {
		p.stalledUntil = until
	}
	p.mu.Unlock()
	p.unhear(d)
}

// unhear suppresses the process's heartbeats for a while.
func (p *process) unhear(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.unheardSince.IsZero() {
		p.unheardSince = time.Now()
	}
	if until := time.Now().Add(d); until.After(p.unheardUntil) {
		p.unheardUntil = until
	}
}

// silence returns how long Kafka has received no heartbeat of the process.
func (p *process) silence() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.unheardSince.IsZero() {
		return 0
	}
	return time.Since(p.unheardSince)
}

// reachable reports whether Kafka answers the process.
func (p *process) reachable() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return !p.killed && !time.Now().Before(p.unheardUntil) && !time.Now().Before(p.stalledUntil)
}

// heard reports what a stage knows of its membership: whether a heartbeat was answered within half
// the session.
func (p *process) heard() bool {
	p.gate()
	return p.silence() < session/2 || p.w.defect == RefusedHeartbeats && p.reachable()
}

// joined reports whether the process may be assigned partitions.
func (p *process) joined() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return !p.killed && !p.leaving && !p.evicted && time.Now().After(p.unheardUntil)
}

// beat sends heartbeats. An answer before the session ends resumes the membership; after an
// eviction it reports the loss.
func (p *process) beat() {
	p.mu.Lock()
	recovered := !p.killed && !p.unheardSince.IsZero() && !time.Now().Before(p.unheardUntil)
	evicted := p.evicted
	if recovered && !evicted {
		p.unheardSince = time.Time{}
	}
	p.mu.Unlock()
	if recovered && evicted {
		p.lose()
	}
}

// lose drops every assignment, as a stage does when it learns of its eviction, and joins again.
func (p *process) lose() {
	p.gate()
	for _, h := range p.holdings() {
		h.Drop()
		p.forget(h)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.evicted, p.unheardSince = false, time.Time{}
}

func (p *process) holdings() []*holding {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := make([]*holding, 0, len(p.held))
	for h := range p.held {
		all = append(all, h)
	}
	return all
}

func (p *process) forget(h *holding) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.held, h)
}

// failed receives a handler's error. The process then shuts down cleanly.
func (p *process) failed(err error) {
	if p.dead() {
		return
	}
	stuck := errors.Is(err, stream.ErrStuck) // it was stalled all the time
	if !errors.Is(err, errRefused) && !stuck {
		p.w.violate("a handler ended: %v", err)
	}
	p.w.later.Go(func() { p.w.terminate(p) })
}

// bury waits for what a dead process still has running.
func (p *process) bury() {
	p.kill()
	for _, h := range p.holdings() {
		h.Drop()
		p.forget(h)
	}
	p.work.Wait()
}
