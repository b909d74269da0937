package stream

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kgo"

	"stockpush/processor/stream/kafka"
)

// Handler does a stage's work.
type Handler interface {
	// Run owns one partition in one goroutine until Batches is closed or ctx ends. An error
	// ends the stage.
	Run(ctx context.Context, a *Assignment) error
}

// Config sets a stage's consumer group.
type Config struct {
	Group  string
	Topics []string
	// SessionTimeout is how long a member without heartbeats keeps its partitions. Default 15 s.
	SessionTimeout time.Duration
	// InstanceID makes the member static: a process that restarts with it gets its partitions
	// back at once, and no other before the session has ended. Empty for a dynamic member.
	InstanceID string
	// DrainTimeout bounds a drain. Default 15 s, so that a process ends within 30 s, commits
	// included.
	DrainTimeout time.Duration
	// CommitInterval is how often watermarks are committed. Default 1 s.
	CommitInterval time.Duration
	// MaxQueuedBatches is how many fetched batches may wait for a partition's handler. If there
	// are as many after a short wait, the partition is paused. Default 2.
	MaxQueuedBatches int
	// StuckAfter is after how long without progress a partition with records to read counts as
	// stuck. Default 30 s.
	StuckAfter time.Duration
}

func (c Config) withDefaults() Config {
	c.SessionTimeout = cmp.Or(c.SessionTimeout, 15*time.Second)
	c.DrainTimeout = cmp.Or(c.DrainTimeout, 15*time.Second)
	c.CommitInterval = cmp.Or(c.CommitInterval, time.Second)
	c.MaxQueuedBatches = cmp.Or(c.MaxQueuedBatches, 2)
	c.StuckAfter = cmp.Or(c.StuckAfter, 30*time.Second)
	return c
}

// Deps are what a stage needs from outside.
type Deps struct {
	Connection kafka.Connection
	Handler    Handler
	// DeadLetters gets the positions that cannot be read.
	DeadLetters *kafka.DeadLetters
	Logger      *slog.Logger
	Registerer  prometheus.Registerer
}

// fetchMaxWait bounds how long the broker holds a fetch without records. A partition that is
// resumed meanwhile is part of the next fetch only: with the client's default of 5 s a stage that
// had paused all partitions but empty ones would stop for that long.
const fetchMaxWait = 100 * time.Millisecond

// fetchPartitionBytes bounds what a fetch returns of each partition, compressed; it is at least
// one batch. Three fetches of each partition wait unpacked, so with the client's default of 1 MiB
// they would take most of a busy process's memory.
const fetchPartitionBytes = 128 << 10

// fetchBytes bounds what a fetch returns of all partitions.
const fetchBytes = 4 << 20

// Stage is a consumer group member.
type Stage struct {
	cfg     Config
	handler Handler
	log     *slog.Logger
	options []kgo.Opt
	unpack  *kafka.Unpacker
	// queuedBytes counts what waits for handlers.
	queuedBytes atomic.Int64
	client      *kgo.Client
	membership  membership
	ready       chan struct{}
	readyOnce   sync.Once
	failed      chan error
	letters     *kafka.DeadLetters

	commitFailures prometheus.Counter
	// faults are the errors of the partitions whose last fetch failed. They belong to the polling
	// goroutine.
	faults map[topicPartition]error
	// gaps are skipped by the polling goroutine.
	gaps chan gap
	// runCtx is the parent of all handlers' contexts; it ends after the drain.
	runCtx context.Context
	// background is work in other goroutines, until backgroundCtx ends.
	background    sync.WaitGroup
	backgroundCtx context.Context
	// committing is held during a commit: a rebalance may happen while the stage ends.
	committing sync.Mutex

	mu     sync.Mutex
	owners map[topicPartition]*Owner
	// ending says that no more partitions are accepted.
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
		ready: make(chan struct{}), failed: make(chan error, 1), owners: map[topicPartition]*Owner{}, faults: map[topicPartition]error{},
	}
	s.membership = membershipOf(s.cfg)
	var err error
	if s.unpack, err = kafka.NewUnpacker(); err != nil {
		return nil, err
	}
	s.register(deps.Registerer)
	s.options = append(deps.Connection.Options(),
		kgo.ConsumerGroup(cfg.Group),
		kgo.ConsumeTopics(cfg.Topics...),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.WithDecompressor(s.unpack),
		kgo.KeepControlRecords(), // a partition's end may consist of them
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
	)
	if cfg.InstanceID != "" {
		s.options = append(s.options, kgo.InstanceID(cfg.InstanceID))
	}
	if err := kgo.ValidateOpts(s.options...); err != nil {
		return nil, fmt.Errorf("kafka consumer %s: %w", cfg.Group, err)
	}
	return s, nil
}

// Ready is closed when the group is joined and the handlers of the first partitions run.
func (s *Stage) Ready() <-chan struct{} { return s.ready }

// Run works until ctx ends, then drains, commits and leaves the group. A static member does not
// leave: its partitions wait for its restart. Run ends early with the first error of a handler, or
// with a permanent error of the cluster.
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

// leaveTimeout bounds the wait for the broker's answer to our leaving.
const leaveTimeout = 5 * time.Second

// leave leaves the group, so that other members take over at once. If the broker does not answer
// in time they do when the session has ended.
func (s *Stage) leave(ctx context.Context) {
	ctx, cancel := context.WithTimeoutCause(ctx, leaveTimeout, errors.New("the broker did not answer in time"))
	defer cancel()
	s.client.AllowRebalance()
	if err := s.client.LeaveGroupContext(ctx); err != nil {
		s.log.Warn("leaving the group failed: other members take over when the session has ended", "error", err)
	}
	s.client.Close()
}

// join makes the client, which joins the group at once. Its callbacks wait for the lock until the
// stage is complete.
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

// poll fetches and commits in a loop. Rebalances are allowed only between turns, and nothing in a
// turn waits for a handler for long.
func (s *Stage) poll(ctx context.Context) error {
	nextCommit := time.Now().Add(s.cfg.CommitInterval)
	for ctx.Err() == nil {
		turn, cancel := context.WithDeadline(ctx, nextCommit)
		fetches := s.fetch(turn)
		cancel()
		if fetches.IsClientClosed() {
			return errors.New("the kafka client is closed")
		}
		if err := s.distribute(ctx, fetches); err != nil {
			return err
		}
		faulty, err := s.handleErrors(fetches)
		if err = errors.Join(err, s.skipGaps()); err != nil {
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

// maxQueuedBytes is how much may wait for handlers; above it nothing is polled.
const maxQueuedBytes = 64 << 20

// fetch polls, unless too much waits for handlers.
func (s *Stage) fetch(ctx context.Context) kgo.Fetches {
	if s.queuedBytes.Load() >= maxQueuedBytes {
		pause(ctx, roomWait)
		return nil
	}
	fetches := s.client.PollFetches(ctx)
	if !errors.Is(fetches.Err0(), context.DeadlineExceeded) { // else nothing was polled of what is being unpacked
		s.unpack.Polled()
	}
	return fetches
}

// distribute pushes what was fetched to the owners, and waits a little for those with full queues.
func (s *Stage) distribute(ctx context.Context, fetches kgo.Fetches) (err error) {
	fetches.EachPartition(func(p kgo.FetchTopicPartition) {
		if len(p.Records) == 0 {
			return
		}
		delete(s.faults, topicPartition{p.Topic, p.Partition})
		o := s.owner(p.Topic, p.Partition)
		if o == nil {
			return
		}
		s.checkGaps(o, p.Records)
		err = errors.Join(err, o.Push(p.Records, p.LastStableOffset))
	})
	makeRoom(ctx, s.all())
	return err
}

// roomWait is how long a turn waits for handlers with full queues.
const roomWait = 10 * time.Millisecond

// makeRoom waits a little before it pauses partitions. The broker would hold a fetch without the
// only partition that has more for fetchMaxWait, so its handler would run out of work.
func makeRoom(ctx context.Context, owners []*Owner) {
	ctx, cancel := context.WithTimeout(ctx, roomWait)
	defer cancel()
	for _, o := range owners {
		o.MakeRoom(ctx.Done())
	}
}

// faultPause is the wait after failed fetches: the client returns some errors without any delay,
// for example those of a topic that was recreated.
const faultPause = 100 * time.Millisecond

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
