package service

import (
	"context"
	"errors"
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"

	"stockpush/channels/breaker"
	"stockpush/channels/lane"
	"stockpush/channels/pacer"
	"stockpush/channels/shopee"
	"stockpush/channels/worker"
	"stockpush/cmd/internal/config"
	"stockpush/cmd/internal/console"
	"stockpush/cmd/internal/console/pages"
	"stockpush/cmd/internal/console/shown"
	"stockpush/cmd/internal/eventlog"
	"stockpush/cmd/internal/ops"
	"stockpush/cmd/internal/pushrecords"
	"stockpush/cmd/internal/redrive"
	"stockpush/cmd/internal/tlsconf"
	"stockpush/processor"
	"stockpush/processor/stream"
	"stockpush/processor/stream/kafka"
	"stockpush/schemas"
	schema "stockpush/schemas/clickhouse"
	"stockpush/sinks"
	"stockpush/sinks/clickhouse"
)

func (p *process) stage(cfg stream.Config, handler stream.Handler) (*stream.Stage, error) {
	cfg.SessionTimeout, cfg.InstanceID = p.cfg.Kafka.SessionTimeout, p.cfg.Kafka.InstanceID
	return stream.New(cfg, stream.Deps{
		Connection: p.conn, Handler: handler, DeadLetters: p.letters, Logger: p.log, Registerer: p.registry,
	})
}

// atWork wraps a stage as a role.
func atWork(stage *stream.Stage) *running {
	return &running{ready: stage.Ready(), stuck: stage.Stuck, serve: stage.Run}
}

// newProcessor creates the compacting role.
func (p *process) newProcessor(ctx context.Context) (*running, error) {
	log, err := p.currentLog(ctx)
	if err != nil {
		return nil, err
	}
	commands, err := p.describe(ctx, p.topics.Commands())
	if err != nil {
		return nil, err
	}
	records, err := p.describe(ctx, p.topics.Records())
	if err != nil {
		return nil, err
	}
	handler, err := processor.New(
		processor.Config(p.cfg.Processor),
		processor.Deps{
			Producer: p.producer, DeadLetters: p.letters, Topics: p.topics, Metrics: processor.NewMetrics(p.registry),
			Log: processor.EventLog{
				ID: log.ID, Partitions: log.Partitions, Partitioner: log.Partitioner, CommandPartitions: commands.Partitions, RecordPartitions: records.Partitions, Earlier: earlier(log),
			},
			Verify: func(ctx context.Context) error { return p.sameLog(ctx, log) },
			Logger: p.log, Traces: p.tracing != nil,
		})
	if err != nil {
		return nil, err
	}
	stage, err := p.stage(stream.Config{Group: p.topics.ProcessorGroup(), Topics: []string{p.topics.Events()}}, handler)
	if err != nil {
		return nil, err
	}
	r := atWork(stage)
	r.watch = func(ctx context.Context) error { return p.watchLog(ctx, log) }
	return r, nil
}

func (p *process) newChannels(ctx context.Context) (*running, error) {
	log, err := p.currentLog(ctx)
	if err != nil {
		return nil, err
	}
	records, err := p.describe(ctx, p.topics.Records())
	if err != nil {
		return nil, err
	}
	commands, err := p.describe(ctx, p.topics.Commands())
	if err != nil {
		return nil, err
	}
	pace := pacer.New(p.cfg.Shopee.ShopRate, p.cfg.Shopee.AppRate)
	pace.Share(commands.Partitions)
	market, err := openShopee(p.cfg, pace, p.log, p.registry)
	if err != nil {
		return nil, err
	}
	p.atEnd(func() error { market.Close(); return nil })
	handler, err := worker.New(workerConfig(p.cfg), worker.Deps{
		Channel: market.Client, Producer: p.producer, DeadLetters: p.letters, History: worker.Kafka{Connection: p.conn, Topics: p.topics}, Topics: p.topics,
		RecordPartitions: records.Partitions, Pacer: pace, LogID: log.ID, Logger: p.log, Metrics: worker.NewMetrics(p.registry), Tracer: p.tracing.Tracer(),
		Verify: func(ctx context.Context, newest schemas.Frontier) error {
			_, err := kafka.Retry(ctx, p.log, func() (struct{}, error) { return struct{}{}, eventlog.Verify(ctx, p.conn, p.topics, log, newest) })
			return err
		},
	})
	if err != nil {
		return nil, err
	}
	handler.Pause(p.cfg.Shopee.PausedShops)
	p.reloaders = append(p.reloaders, func(cfg config.Config) {
		handler.Pause(cfg.Shopee.PausedShops)
		pace.SetRates(cfg.Shopee.ShopRate, cfg.Shopee.AppRate)
		market.takeKey(ctx, cfg.Shopee, handler.CredentialsChanged, p.log)
	})
	stage, err := p.stage(stream.Config{Group: p.topics.ChannelsGroup(), Topics: []string{p.topics.Commands()}}, paced{handler, pace})
	if err != nil {
		return nil, err
	}
	r := atWork(stage)
	r.watch = func(ctx context.Context) error { return p.watchLog(ctx, log) }
	r.beside = func(ctx context.Context) error {
		return market.keep(ctx, handler.CredentialsChanged, func(all map[int64]shopee.Authorization) { p.reportAuthorizations(ctx, all) })
	}
	return r, nil
}

// paced gives the process a partition's share of shopee.app_rate while it owns the partition.
type paced struct {
	stream.Handler
	pace *pacer.Pacer
}

// Run runs the handler. The partition is revoked when it has returned, so the next owner's share
// begins after this one has ended.
func (h paced) Run(ctx context.Context, a *stream.Assignment) error {
	defer h.pace.Own()()
	return h.Handler.Run(ctx, a)
}

func workerConfig(cfg config.Config) worker.Config {
	c := cfg.Shopee
	return worker.Config{
		Config: lane.Config{
			MaxPendingAge: cfg.Channels.MaxPendingAge, ShopConcurrency: c.ShopConcurrency,
			BatchLinger: c.BatchLinger, ProbeInterval: c.ProbeInterval, ConfirmAfter: c.ConfirmAfter, Shadow: c.Shadow(),
		},
		Breaker: breaker.Config{
			FailureRatio: c.Breaker.FailureRatio, MinCalls: c.Breaker.MinCalls, Window: c.Breaker.Window,
			ConsecutiveFailures: c.Breaker.Consecutive, OpenFor: c.Breaker.OpenFor,
		},
	}
}

// OpenStore opens the configured ClickHouse. log and metrics may be nil.
func OpenStore(c config.ClickHouse, log *slog.Logger, metrics *clickhouse.Metrics) (*clickhouse.Store, error) {
	encrypted, err := tlsconf.New("clickhouse.tls", c.TLS, log)
	if err != nil {
		return nil, err
	}
	to := clickhouse.Config{Addr: c.Addr, Database: c.Database, Username: c.Username, Password: c.Password.Reveal(), Logger: log, Metrics: metrics,
		Cluster: schema.Cluster{Name: c.Cluster, ReplicaPath: c.ReplicaPath, ReplicaName: c.ReplicaName}}
	if encrypted != nil {
		to.Dialer = encrypted
	}
	return clickhouse.Open(to)
}

// openStore opens ClickHouse until the process ends. A role may start while ClickHouse is down, but
// not on a server that is too old.
func (p *process) openStore(ctx context.Context) (*clickhouse.Store, error) {
	if p.clickhouse == nil {
		p.clickhouse = clickhouse.NewMetrics(p.registry)
	}
	store, err := OpenStore(p.cfg.ClickHouse, p.log, p.clickhouse)
	if err == nil {
		p.atEnd(store.Close)
		if old := store.CheckVersion(ctx); errors.Is(old, clickhouse.ErrOldServer) {
			return nil, old
		}
	}
	return store, err
}

func (p *process) newSink(ctx context.Context) (*running, error) {
	store, err := p.openStore(ctx)
	if err != nil {
		return nil, err
	}
	// The sink may start while ClickHouse is down. Only an incomplete schema is reported.
	differences, err := store.Differences(ctx)
	if err == nil && len(differences) > 0 {
		p.log.Warn("ClickHouse schema incomplete, records wait (run `stockpush setup`)", "missing", clickhouse.Summary(differences))
	}
	sink := sinks.New(
		sinks.Config{BatchRows: p.cfg.Sinks.BatchRows, BatchInterval: p.cfg.Sinks.BatchInterval},
		sinks.Deps{
			NewBatch: func() sinks.Batch { return advised{store.NewBatch(), p.cfg.ClickHouse} }, DeadLetters: p.letters,
			Topics: p.topics, Logger: p.log, Metrics: sinks.NewMetrics(p.registry), Reread: p.reread,
		})
	handler := housekeeping{Handler: sink, topic: p.topics.Records(), store: store, log: p.log, refresh: p.refreshByAge(store)}
	stage, err := p.stage(sinks.StreamConfig(p.topics), handler)
	if err != nil {
		return nil, err
	}
	r := atWork(stage)
	r.beside = sink.Write
	return r, nil
}

// reread waits for an unavailable broker.
func (p *process) reread(ctx context.Context, of kafka.Span, take func(*kafka.Record) error) error {
	_, err := kafka.Retry(ctx, p.log, func() (struct{}, error) { return struct{}{}, kafka.ReadSpan(ctx, p.conn, of, take) })
	return err
}

// newConsole serves from the start. If ClickHouse is down, the pages say so.
func (p *process) newConsole(ctx context.Context, r Running) (*running, error) {
	store, err := p.openStore(ctx)
	if err != nil {
		return nil, err
	}
	reader := pushrecords.NewReader(store.Conn(), p.cfg.ClickHouse.Database)
	retrier := p.newRetrier(reader)
	market, err := p.newMarket()
	if err != nil {
		return nil, err
	}
	var checker *shown.Checker
	if market != nil {
		checker = shown.New(market, reader)
	}
	names, err := p.newShopNames(reader, market, checker)
	if err != nil {
		return nil, err
	}
	deps := pages.Deps{Reader: reader, Retrier: retrier, Redriver: redrive.New(redrive.Deps{Reader: reader, Connection: p.conn, Topics: p.topics, Logger: p.log}),
		Logger: p.log, Shadow: p.cfg.Shopee.Shadow(), LoggedIn: p.cfg.Console.Token.Reveal() != "", UserHeader: p.cfg.Console.UserHeader}
	if checker != nil {
		deps.Checker = checker
	}
	server, err := console.Listen(ConsoleConfig(p.cfg.Console), console.Deps{
		Reader: reader, Retrier: retrier, Checker: checker, Probes: ops.Probes{Registry: p.registry, Ready: p.ready}, Logger: p.log,
		Pages: pages.New(deps),
	})
	if err != nil {
		return nil, err
	}
	p.atEnd(server.Close)
	hooks, err := p.newWebhook(retrier, r.Webhook)
	if err != nil {
		return nil, err
	}
	if r.Console != nil {
		r.Console(server.URL())
	}
	serving := make(chan struct{})
	close(serving)
	return &running{ready: serving, serve: server.Serve, beside: together(hooks, names)}, nil
}

// newMarket returns a client with which the console asks Shopee; nil if Shopee is not configured.
// Its metrics are not registered: those of the channels role have the same names.
func (p *process) newMarket() (*Shopee, error) {
	if p.cfg.Shopee.PartnerID == 0 || p.cfg.Shopee.PartnerKey.Reveal() == "" {
		return nil, nil
	}
	market, err := NewShopee(p.cfg, p.log, prometheus.NewRegistry())
	if err != nil {
		return nil, err
	}
	p.atEnd(func() error { market.Close(); return nil })
	return market, nil
}

// ConsoleConfig returns the console's part of the configuration.
func ConsoleConfig(c config.Console) console.Config {
	return console.Config{Listen: c.Listen, Token: c.Token.Reveal(), UserHeader: c.UserHeader}
}
