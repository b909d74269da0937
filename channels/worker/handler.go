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
	h.pausing.Store(newPausing(nil))
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

func newPausing(shops []int64) *pausing {
	p := &pausing{shops: make(map[int64]bool, len(shops)), changed: make(chan struct{})}
	for _, id := range shops {
		p.shops[id] = true
	}
	return p
}

// Pause sets the paused shops. Their pushes wait, and newer events still replace them.
func (h *Handler) Pause(shops []int64) {
	after := newPausing(shops)
	before := h.pausing.Swap(after)
	close(before.changed)
	h.logMissing(after.shops, before.shops, "shop paused")
	h.logMissing(before.shops, after.shops, "shop no longer paused")
}

// logMissing logs a message for each shop that is missing in another set.
func (h *Handler) logMissing(shops, in map[int64]bool, message string) {
	for _, id := range slices.Sorted(maps.Keys(shops)) {
		if !in[id] {
			h.deps.Logger.Info(message, "shop_id", id)
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
