package worker

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync/atomic"

	"go.opentelemetry.io/otel/trace"

	"stockpush/channels"
	"stockpush/channels/pacer"
	"stockpush/processor/stream"
	"stockpush/processor/stream/kafka"
	"stockpush/schemas"
)

// Deps are the stage's dependencies.
type Deps struct {
	Channel  channels.Channel
	Producer kafka.Producer
	// DeadLetters receives commands that cannot be read.
	DeadLetters kafka.Producer
	// History reads what partitions had before they were assigned.
	History History
	Topics  schemas.Topics
	// LogID is the current generation of the events topic. Failed records of it are pushed
	// again when the hold that failed them ends.
	LogID uint16
	// RecordPartitions is how many partitions the records topic has.
	RecordPartitions int
	// Pacer limits the app's rate; everything that calls the marketplace shares it.
	Pacer *pacer.Pacer
	// Verify checks the newest events of the restored states. It fails if they cannot be in the
	// events topic. Nil disables the check.
	Verify  func(context.Context, schemas.Frontier) error
	Logger  *slog.Logger
	Metrics *Metrics
	// Tracer makes a span of each push whose event has a trace context; nil makes none.
	Tracer trace.Tracer
}

// Handler is the pushing stage; it implements stream.Handler.
type Handler struct {
	cfg     Config
	deps    Deps
	pausing atomic.Pointer[pausing]
	// credentials is the next change of a shop's credentials. Each worker follows the chain.
	credentials atomic.Pointer[credentialsChange]
}

// pausing is the set of paused shops; changed is closed when another set replaces it.
type pausing struct {
	shops   map[int64]bool
	changed chan struct{}
}

// New returns the stage's handler.
func New(cfg Config, deps Deps) (*Handler, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg.MaxLines = deps.Channel.MaxLines()
	h := &Handler{cfg: cfg, deps: deps}
	deps.Metrics.watch(deps.Pacer)
	h.Pause(nil)
	h.credentials.Store(newCredentialsChange())
	return h, nil
}

// credentialsChange is a change of a shop's credentials. shopID and next are set before made is
// closed.
type credentialsChange struct {
	made   chan struct{}
	shopID int64
	next   *credentialsChange
}

func newCredentialsChange() *credentialsChange { return &credentialsChange{made: make(chan struct{})} }

// CredentialsChanged requests a probe of a shop if it is held. It never blocks.
func (h *Handler) CredentialsChanged(shopID int64) {
	next := newCredentialsChange()
	change := h.credentials.Swap(next)
	change.shopID, change.next = shopID, next
	close(change.made)
}

// Pause sets the paused shops. Their pushes wait, and newer events still replace them.
func (h *Handler) Pause(shops []int64) {
	p := &pausing{shops: make(map[int64]bool, len(shops)), changed: make(chan struct{})}
	for _, id := range shops {
		p.shops[id] = true
	}
	before := h.pausing.Swap(p)
	if before != nil {
		close(before.changed)
	}
	h.logPauses(before, p)
}

// logPauses logs which pauses began and ended.
func (h *Handler) logPauses(before, after *pausing) {
	if before == nil {
		return // New pauses no shop
	}
	for _, id := range slices.Sorted(maps.Keys(after.shops)) {
		if !before.shops[id] {
			h.deps.Logger.Info("shop paused", "shop_id", id)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(before.shops)) {
		if !after.shops[id] {
			h.deps.Logger.Info("shop no longer paused", "shop_id", id)
		}
	}
}

// Run restores the partition's state and pushes until the partition is revoked or lost.
func (h *Handler) Run(ctx context.Context, a *stream.Assignment) error {
	w := newWorker(h, a)
	defer w.close()
	if err := w.restore(ctx); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	callCtx, cancel := context.WithCancel(ctx)
	defer w.calls.Wait()
	defer cancel()
	return w.run(callCtx)
}
