// Package service wires the stages into a process and runs them.
//
// It owns which roles run, when the process is ready, and the order of its end:
// every stage drains before what it writes through is closed.
package service

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"golang.org/x/sync/errgroup"

	"stockpush/cmd/internal/config"
	"stockpush/cmd/internal/kafkaconn"
	"stockpush/cmd/internal/ops"
	"stockpush/cmd/internal/promotions"
	"stockpush/processor/stream"
	"stockpush/schemas"
)

// The roles.
const (
	Processor = "processor"
	Channels  = "channels"
	Sink      = "sink"
	Console   = "console"
)

// Roles are all roles.
func Roles() []string { return []string{Processor, Channels, Sink, Console} }

// CheckRoles names the roles that do not exist.
func CheckRoles(roles []string) error {
	var unknown []string
	for _, role := range roles {
		if !slices.Contains(Roles(), role) {
			unknown = append(unknown, role)
		}
	}
	if len(unknown) > 0 || len(roles) == 0 {
		return fmt.Errorf("--roles: %q is not of %s", strings.Join(unknown, ","), strings.Join(Roles(), ","))
	}
	return nil
}

// process is what the roles share.
type process struct {
	cfg      config.Config
	log      *slog.Logger
	registry *prometheus.Registry
	conn     stream.Connection
	topics   schemas.Topics
	producer *stream.KafkaProducer
	// letterProducer takes messages as large as the dead letters may be, and letters cuts what
	// is larger.
	letterProducer *stream.KafkaProducer
	letters        *stream.DeadLetters
	stages         []*running
	// made says that stages is complete; it does not change from then on.
	made atomic.Bool
	// refreshes counts for every role that refreshes; nil before the first.
	refreshes *promotions.Metrics
	// reloaders take from a configuration what may change while the process runs.
	reloaders []func(config.Config)
	// closers end what the process and its roles opened, once all have drained; also that of a
	// role that could not be made.
	closers []func() error
}

// running is a role at work.
type running struct {
	role string
	// ready is closed once the role serves.
	ready <-chan struct{}
	// stuck names what the role waits for in vain, empty if nothing; nil is nothing.
	stuck func() string
	// serve does the role's work until its context ends, and drains.
	serve func(context.Context) error
	// beside runs as long as the role does, and a little longer; nil is nothing.
	beside func(context.Context) error
	// watch ends the process by an error that only an operator can mend; nil is nothing.
	watch func(context.Context) error
}

// Running is told when the process is ready.
type Running struct {
	// Roles to run.
	Roles []string
	// Ready is called once every role serves; nil is fine.
	Ready func()
	// Console is told the page's address before Ready; nil is fine.
	Console func(url string)
	// Webhook is told where Shopee's push messages are taken, before Ready; nil is fine.
	Webhook func(address string)
	// Reloads brings configurations that were read again. Of them only
	// shopee.paused_shops, shopee.partner_key and shopee.webhook.key take effect while
	// the process runs; nil is fine.
	Reloads <-chan config.Config
}

// Run runs the roles until ctx ends, drains them, and returns.
func Run(ctx context.Context, cfg config.Config, r Running, log *slog.Logger) (err error) {
	p := &process{cfg: cfg, log: log, registry: prometheus.NewRegistry(), topics: schemas.Topics(cfg.Kafka.TopicPrefix)}
	defer func() { err = errors.Join(err, p.close()) }()
	p.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	server, err := ops.Listen(cfg.Ops.Listen, ops.Probes{Registry: p.registry, Ready: p.ready}, log)
	if err != nil {
		return err
	}
	p.atEnd(server.Close)
	if p.conn, err = kafkaconn.From(cfg.Kafka, log); err != nil {
		return err
	}
	if err := p.connect(); err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return server.Serve(ctx) })
	group.Go(func() error { return BoundMemory(ctx) })
	group.Go(func() error { return p.serve(ctx, r) })
	return group.Wait()
}

// serve makes the roles and runs them. It waits for a Kafka that is not there
// yet; an end that comes meanwhile is an end like any other.
func (p *process) serve(ctx context.Context, r Running) error {
	if err := p.checkTopics(ctx, r.Roles); err != nil && ctx.Err() == nil {
		return err
	}
	for _, role := range r.Roles {
		if err := p.add(ctx, role, r); err != nil && ctx.Err() == nil {
			return fmt.Errorf("%s: %w", role, err)
		} else if err != nil {
			return nil
		}
	}
	p.made.Store(true)
	return p.run(ctx, r)
}

// atEnd has something closed when the process ends, after what was opened later.
func (p *process) atEnd(closer func() error) { p.closers = append(p.closers, closer) }

func (p *process) close() error {
	var errs []error
	for _, closer := range slices.Backward(p.closers) {
		errs = append(errs, closer())
	}
	return errors.Join(errs...)
}

func (p *process) connect() (err error) {
	if p.producer, err = stream.NewProducer(p.conn, stream.DefaultBatchBytes); err != nil {
		return err
	}
	p.atEnd(func() error { p.producer.Close(); return nil })
	if p.letterProducer, err = stream.NewProducer(p.conn, schemas.MaxDeadLetterBytes); err != nil {
		return err
	}
	p.atEnd(func() error { p.letterProducer.Close(); return nil })
	p.letters = stream.NewDeadLetters(p.letterProducer, p.topics, p.log, p.registry)
	p.conn.Unreadable = p.letters.Unreadable
	return nil
}

func (p *process) add(ctx context.Context, role string, r Running) error {
	var s *running
	var err error
	switch role {
	case Processor:
		s, err = p.newProcessor(ctx)
	case Channels:
		s, err = p.newChannels(ctx)
	case Sink:
		s, err = p.newSink(ctx)
	case Console:
		s, err = p.newConsole(r)
	}
	if err != nil {
		return err
	}
	s.role = role
	p.stages = append(p.stages, s)
	return nil
}

// ready names the first role that does not serve yet, or is stuck.
func (p *process) ready() (bool, string) {
	if !p.made.Load() {
		return false, "starting"
	}
	for _, s := range p.stages {
		select {
		case <-s.ready:
		default:
			return false, s.role
		}
		if s.stuck == nil {
			continue
		}
		if what := s.stuck(); what != "" {
			return false, s.role + ": " + what
		}
	}
	return true, ""
}

// run runs all stages; the first one that fails ends the others.
func (p *process) run(ctx context.Context, r Running) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { p.reload(ctx, r.Reloads); return nil })
	for _, s := range p.stages {
		group.Go(func() error { return s.run(ctx) })
		if s.watch != nil {
			group.Go(func() error { return s.watch(ctx) })
		}
	}
	group.Go(func() error {
		for _, s := range p.stages {
			select {
			case <-ctx.Done():
				return nil
			case <-s.ready:
			}
		}
		p.log.Info("ready")
		if r.Ready != nil {
			r.Ready()
		}
		return nil
	})
	return group.Wait()
}

func (p *process) reload(ctx context.Context, reloads <-chan config.Config) {
	for {
		select {
		case <-ctx.Done():
			return
		case cfg := <-reloads:
			for _, take := range p.reloaders {
				take(cfg)
			}
			p.log.Info("configuration read again", "shopee.paused_shops", cfg.Shopee.PausedShops)
		}
	}
}

// run keeps what the role needs running until it has drained. Should that fail
// before, the role drains too: it cannot do its work without.
func (s *running) run(ctx context.Context) error {
	ctx, drain := context.WithCancel(ctx)
	defer drain()
	outer, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	beside := make(chan error, 1)
	go func() { // ends with outer, and is waited for below
		if s.beside == nil {
			beside <- nil
			return
		}
		err := s.beside(outer)
		if err != nil {
			drain()
		}
		beside <- err
	}()
	err := s.serve(ctx)
	cancel()
	if besideErr := <-beside; err == nil {
		err = besideErr
	}
	return err
}
