// Package service wires the stages into a process and runs them.
//
// It decides which roles run, when the process is ready, and the order of the shutdown: every stage
// drains before what it writes to is closed.
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
	"stockpush/cmd/internal/tracing"
	"stockpush/cmd/internal/version"
	"stockpush/processor/stream/kafka"
	"stockpush/schemas"
	"stockpush/sinks/clickhouse"
)

// The roles.
const (
	Processor = "processor"
	Channels  = "channels"
	Sink      = "sink"
	Console   = "console"
)

// Roles returns all roles.
func Roles() []string { return []string{Processor, Channels, Sink, Console} }

// CheckRoles returns an error that names unknown roles.
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
	conn     kafka.Connection
	topics   schemas.Topics
	producer *kafka.ClusterProducer
	// letterProducer accepts messages of the dead-letter topic's maximum size; letters truncates
	// larger ones.
	letterProducer *kafka.ClusterProducer
	letters        *kafka.DeadLetters
	stages         []*running
	// made reports that stages is complete; it does not change afterwards.
	made atomic.Bool
	// tracing is nil if it is off.
	tracing *tracing.Tracing
	// clickhouse is shared by every role that opens ClickHouse; nil before the first.
	clickhouse *clickhouse.Metrics
	// refreshes is shared by every role that refreshes; nil before the first.
	refreshes *promotions.Metrics
	// reloaders apply the keys that may change while the process runs.
	reloaders []func(config.Config)
	// closers close what the process and its roles opened, after all have drained. They include
	// those of a role that failed to start.
	closers []func() error
}

// running is a role.
type running struct {
	role string
	// ready is closed once the role serves.
	ready <-chan struct{}
	// stuck names what the role waits for without progress; empty if nothing. It may be nil.
	stuck func() string
	// serve runs the role until its context ends, and drains.
	serve func(context.Context) error
	// beside runs until shortly after the role. It may be nil.
	beside func(context.Context) error
	// watch returns an error that only an operator can resolve, which ends the process. It may be
	// nil.
	watch func(context.Context) error
}

// Running configures a run of the process.
type Running struct {
	// Roles to run.
	Roles []string
	// Ready is called once every role serves. It may be nil.
	Ready func()
	// Console is called with the page's address before Ready. It may be nil.
	Console func(url string)
	// Webhook is called with the webhook's address before Ready. It may be nil.
	Webhook func(address string)
	// Reloads delivers configurations that were read again. It may be nil.
	Reloads <-chan Reload
}

// Reload is a configuration that was read again. Only its reloadable keys take effect.
type Reload struct {
	config.Config
	config.Changes
	// Warnings are those of reading it.
	Warnings []string
}

// Run runs the roles until ctx ends, drains them, and returns.
func Run(ctx context.Context, cfg config.Config, r Running, log *slog.Logger) (err error) {
	p := &process{cfg: cfg, log: log, registry: prometheus.NewRegistry(), topics: schemas.Topics(cfg.Kafka.TopicPrefix)}
	defer func() { err = errors.Join(err, p.close()) }()
	p.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	version.Register(p.registry)
	server, err := ops.Listen(cfg.Ops.Listen, ops.Probes{Registry: p.registry, Ready: p.ready, Profiles: cfg.Ops.Pprof}, log)
	if err != nil {
		return err
	}
	p.atEnd(server.Close)
	if p.tracing, err = tracing.Open(ctx, cfg.Tracing, log); err != nil {
		return err
	}
	if p.tracing != nil {
		p.atEnd(p.tracing.Close)
	}
	if p.conn, err = kafkaconn.From(cfg.Kafka, log); err != nil {
		return err
	}
	if err := p.connect(); err != nil {
		return err
	}
	if cfg.Shopee.Shadow() {
		log.Warn("shadow mode: no stock on Shopee is changed", "shopee.mode", cfg.Shopee.Mode)
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return server.Serve(ctx) })
	group.Go(func() error { return BoundMemory(ctx, log) })
	group.Go(func() error { return p.serve(ctx, r) })
	return group.Wait()
}

// serve creates the roles and runs them. It waits for Kafka; if ctx ends meanwhile, that is a
// normal shutdown.
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

// atEnd registers a closer. Closers run in reverse order when the process ends.
func (p *process) atEnd(closer func() error) { p.closers = append(p.closers, closer) }

func (p *process) close() error {
	var errs []error
	for _, closer := range slices.Backward(p.closers) {
		errs = append(errs, closer())
	}
	return errors.Join(errs...)
}

func (p *process) connect() (err error) {
	if p.producer, err = kafka.NewProducer(p.conn, kafka.DefaultBatchBytes); err != nil {
		return err
	}
	p.atEnd(func() error { p.producer.Close(); return nil })
	if p.letterProducer, err = kafka.NewProducer(p.conn, schemas.MaxDeadLetterBytes); err != nil {
		return err
	}
	p.atEnd(func() error { p.letterProducer.Close(); return nil })
	p.letters = kafka.NewDeadLetters(p.letterProducer, p.topics, p.log, p.registry)
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
		s, err = p.newConsole(ctx, r)
	}
	if err != nil {
		return err
	}
	s.role = role
	p.stages = append(p.stages, s)
	return nil
}

// ready names the first role that does not serve yet or is stuck.
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

// run runs all stages. If one fails, it stops the others.
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

func (p *process) reload(ctx context.Context, reloads <-chan Reload) {
	for {
		select {
		case <-ctx.Done():
			return
		case r := <-reloads:
			for _, take := range p.reloaders {
				take(r.Config)
			}
			p.log.Info("configuration reloaded", "taken", r.Taken, "needs_restart", r.NeedRestart, "warnings", r.Warnings)
		}
	}
}

// run keeps the companion running until the role has drained. If the companion fails first, the
// role drains too, because it depends on it.
func (s *running) run(ctx context.Context) error {
	ctx, drain := context.WithCancel(ctx)
	defer drain()
	outer, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	beside := make(chan error, 1)
	go func() { // ends with outer, and is awaited below
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
