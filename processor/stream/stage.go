package stream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Handler does a stage's work.
type Handler interface {
	// Run owns one partition in one goroutine until Batches is closed or ctx
	// ends. An error ends the whole stage.
	Run(ctx context.Context, a *Assignment) error
}

// Config sets a stage's consumer group.
type Config struct {
	Group  string
	Topics []string
	// SessionTimeout is when the broker gives our partitions to others. Default 45 s.
	SessionTimeout time.Duration
	// DrainTimeout bounds the wait for handlers on a revoke or at the end. Default 15 s: with the
	// commits around it, that ends a process within 30 s.
	DrainTimeout time.Duration
	// CommitInterval is how often watermarks are committed. Default 1 s.
	CommitInterval time.Duration
	// MaxQueuedBatches is how many fetched batches wait for a partition's
	// handler before a turn waits a little for it, and then pauses the partition. Default 2.
	MaxQueuedBatches int
	// StuckAfter is for how long nothing comes of a partition that has something to read
	// until it counts as stuck. Default 30 s.
	StuckAfter time.Duration
}

func (c Config) withDefaults() Config {
	orDefault := func(d *time.Duration, value time.Duration) {
		if *d == 0 {
			*d = value
		}
	}
	orDefault(&c.SessionTimeout, 45*time.Second)
	orDefault(&c.DrainTimeout, 15*time.Second)
	orDefault(&c.CommitInterval, time.Second)
	orDefault(&c.StuckAfter, 30*time.Second)
	if c.MaxQueuedBatches == 0 {
		c.MaxQueuedBatches = 2
	}
	return c
}

// Deps are what a stage needs from outside.
type Deps struct {
	Connection Connection
	Handler    Handler
	// DeadLetters takes the positions of what cannot be read.
	DeadLetters *DeadLetters
	Logger      *slog.Logger
	Registerer  prometheus.Registerer
}

// fetchMaxWait bounds how long a fetch waits at the broker for something to come.
// A partition that is resumed meanwhile is only part of the next one: with the
// client's own 5 s, a stage that had paused all partitions but empty ones stood
// still for that long.
const fetchMaxWait = 100 * time.Millisecond

// fetchPartitionBytes bounds what a fetch brings of each partition, compressed: one
// batch comes at least. What was fetched waits unpacked, three fetches of each partition,
// so with the client's own 1 MiB most of a busy process's memory was that, and a process
// that is bound to 384 MiB spent half of its time collecting garbage.
const fetchPartitionBytes = 128 << 10

// fetchBytes bounds what a fetch brings of all partitions: with 64 of them it would be twice as much.
const fetchBytes = 4 << 20

// Stage is a consumer group member.
type Stage struct {
	cfg     Config
	handler Handler
	log     *slog.Logger
	options []kgo.Opt
	memory  fetchMemory
	unpack  *unpacker
	// queuedBytes is what waits for handlers.
	queuedBytes atomic.Int64
	client      *kgo.Client
	membership  membership
	ready       chan struct{}
	readyOnce   sync.Once
	failed      chan error
	metrics     *metrics
	letters     *DeadLetters
	// faults is the polling goroutine's.
	faults faults
	// gaps are to be passed over by the polling goroutine.
	gaps chan gap
	// runCtx is the parent of all handlers' contexts; it ends after the drain.
	runCtx context.Context
	// background is what runs beside polling, until backgroundCtx ends.
	background    sync.WaitGroup
	backgroundCtx context.Context

	mu     sync.Mutex
	owners map[topicPartition]*Owner
	// ending says that no more partitions are taken.
	ending bool
}

type topicPartition struct {
	topic     string
	partition int32
}

// New makes a stage; it joins its group in Run.
func New(cfg Config, deps Deps) (*Stage, error) {
	s := &Stage{
		cfg: cfg.withDefaults(), handler: deps.Handler, letters: deps.DeadLetters, log: deps.Logger.With("group", cfg.Group), gaps: make(chan gap),
		ready: make(chan struct{}), failed: make(chan error, 1), owners: map[topicPartition]*Owner{}, faults: faults{},
	}
	s.membership.interval = s.cfg.SessionTimeout / 15
	var err error
	if s.unpack, err = newUnpacker(&s.memory); err != nil {
		return nil, err
	}
	s.metrics = newMetrics(deps.Registerer, s)
	s.options = append(deps.Connection.Options(),
		kgo.ConsumerGroup(cfg.Group),
		kgo.ConsumeTopics(cfg.Topics...),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.WithDecompressor(s.unpack),
		kgo.KeepControlRecords(), // they take offsets: without them we would wait for those at a log's end
		kgo.Balancers(kgo.CooperativeStickyBalancer()),
		kgo.DisableAutoCommit(),
		kgo.BlockRebalanceOnPoll(),
		kgo.FetchMaxWait(fetchMaxWait),
		kgo.FetchMaxPartitionBytes(fetchPartitionBytes),
		kgo.FetchMaxBytes(fetchBytes),
		kgo.SessionTimeout(s.cfg.SessionTimeout),
		kgo.HeartbeatInterval(s.membership.interval),
		kgo.RebalanceTimeout(s.cfg.DrainTimeout+10*time.Second),
		kgo.AdjustFetchOffsetsFn(s.begin),
		kgo.OnPartitionsAssigned(s.assigned),
		kgo.OnPartitionsRevoked(s.revoked),
		kgo.OnPartitionsLost(s.lost),
		kgo.WithHooks(&s.membership),
		kgo.WithPools(&s.memory),
	)
	if err := kgo.ValidateOpts(s.options...); err != nil {
		return nil, fmt.Errorf("kafka consumer %s: %w", cfg.Group, err)
	}
	return s, nil
}

// Ready is closed once the group is joined and our partitions' handlers run.
func (s *Stage) Ready() <-chan struct{} { return s.ready }

// Run works until ctx ends, then drains, commits and leaves the group. It
// returns early with the first error of a handler, or one that no waiting mends.
func (s *Stage) Run(ctx context.Context) error {
	runCtx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	background, stop := context.WithCancel(runCtx)
	defer stop()
	if err := s.join(runCtx, background); err != nil {
		return err
	}
	s.background.Go(s.watch)
	err := s.poll(ctx)
	stop()
	s.background.Wait()
	s.mu.Lock()
	s.ending = true
	s.mu.Unlock()
	s.giveBack(runCtx, s.all())
	s.leave(runCtx)
	if err == nil {
		err = s.failure()
	}
	return err
}

// leaveTimeout bounds the wait for the broker's answer when we leave our group.
const leaveTimeout = 5 * time.Second

// leave lets the group's other members take over at once; should the broker not
// answer in time, they do when our session has ended.
func (s *Stage) leave(ctx context.Context) {
	ctx, cancel := context.WithTimeoutCause(ctx, leaveTimeout, errors.New("the broker did not answer in time"))
	defer cancel()
	s.client.AllowRebalance()
	if err := s.client.LeaveGroupContext(ctx); err != nil {
		s.log.Warn("the group was not left: its other members take over when the session has ended", "error", err)
	}
	s.client.Close()
}

// join makes the client, which joins the group at once: its callbacks wait for
// the lock until the stage is complete.
func (s *Stage) join(runCtx, background context.Context) (err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.runCtx, s.backgroundCtx = runCtx, background
	if s.client, err = kgo.NewClient(s.options...); err != nil {
		return fmt.Errorf("kafka consumer %s: %w", s.cfg.Group, err)
	}
	return nil
}

func (s *Stage) failure() error {
	select {
	case err := <-s.failed:
		return err
	default:
		return nil
	}
}

func (s *Stage) fail(err error) {
	select {
	case s.failed <- err:
	default:
	}
}

// poll fetches and commits in turn. Rebalances are allowed only between turns,
// and nothing in a turn waits for a handler.
func (s *Stage) poll(ctx context.Context) error {
	nextCommit := time.Now().Add(s.cfg.CommitInterval)
	for ctx.Err() == nil {
		turn, cancel := context.WithDeadline(ctx, nextCommit)
		fetches := s.fetch(turn)
		cancel()
		if fetches.IsClientClosed() {
			return errors.New("the kafka client is closed")
		}
		faulty, err := s.checkErrors(fetches)
		if err != nil {
			return err
		}
		if err := s.distribute(ctx, fetches); err != nil {
			return err
		}
		if err := errors.Join(s.handleFaults(fetches), s.skipGaps()); err != nil {
			return err
		}
		if !time.Now().Before(nextCommit) {
			s.commit(ctx, s.all())
			nextCommit = time.Now().Add(s.cfg.CommitInterval)
		}
		s.client.AllowRebalance()
		if err := s.failure(); err != nil {
			return err
		}
		if faulty && fetches.NumRecords() == 0 {
			pause(ctx, faultPause)
		}
	}
	return nil
}

// fetch polls. While too much waits for handlers it polls nothing.
func (s *Stage) fetch(ctx context.Context) kgo.Fetches {
	if s.queuedBytes.Load() >= maxQueuedBytes {
		pause(ctx, roomWait)
		return nil
	}
	fetches := s.client.PollFetches(ctx)
	if !errors.Is(fetches.Err0(), context.DeadlineExceeded) { // else what is being unpacked was not polled
		s.unpack.polled()
	}
	return fetches
}

// distribute gives the owners what was fetched, and lets those that have enough of it go on.
func (s *Stage) distribute(ctx context.Context, fetches kgo.Fetches) (err error) {
	var full []*Owner
	fetches.EachPartition(func(p kgo.FetchTopicPartition) {
		if len(p.Records) == 0 {
			return
		}
		s.mu.Lock()
		o := s.owners[topicPartition{p.Topic, p.Partition}]
		s.mu.Unlock()
		delete(s.faults, topicPartition{p.Topic, p.Partition})
		if o == nil {
			return
		}
		s.checkGaps(o, p.Records)
		err = errors.Join(err, o.Push(p.Records, p.LastStableOffset))
		if o.full() {
			full = append(full, o)
		}
	})
	makeRoom(ctx, full)
	return err
}

// roomWait is how long a turn waits for handlers that have enough to do.
const roomWait = 10 * time.Millisecond

// makeRoom waits a little before partitions are paused. A fetch without the only
// partition that has more stands at the broker for fetchMaxWait, and its handler,
// busy for some milliseconds, would stand still for the rest of that.
func makeRoom(ctx context.Context, full []*Owner) {
	if len(full) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, roomWait)
	defer cancel()
	for _, o := range full {
		o.makeRoom(ctx.Done())
	}
}

// faultPause is how long a stage waits where fetches fail at once: some errors,
// as of a topic that was made anew, the client gives as fast as it is asked.
const faultPause = 100 * time.Millisecond

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
