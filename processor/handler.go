package processor

import (
	"cmp"
	"context"
	"log/slog"
	"sync/atomic"

	"stockpush/processor/stream"
	"stockpush/processor/stream/kafka"
	"stockpush/schemas"
)

// EventLog describes the events topic.
type EventLog struct {
	// ID is the log_id: the generation of the topic, counted from 1.
	ID uint16
	// Partitions of the events topic, and of the commands topic.
	Partitions, CommandPartitions int
	// Partitioner is how producers choose an event's partition.
	Partitioner schemas.Partitioner
	// RecordPartitions are those of the records topic; 0 is as many as of the events topic.
	RecordPartitions int
	// Earlier are the topic's generations with fewer partitions or another partitioner, oldest
	// first. An event is of such a generation if its offset is below the generation's end and
	// it is in the partition that the generation chose for its key.
	Earlier []Layout
}

// Layout is how an earlier generation of the events topic chose partitions.
type Layout struct {
	ID          uint16
	Partitions  int
	Partitioner schemas.Partitioner
	// Ends is where each partition ended when the next generation began.
	Ends map[int32]int64
}

// idOf returns the generation of an event; false if its key belongs in another partition.
func (l *EventLog) idOf(key []byte, partition int32, offset int64) (id uint16, ok bool) {
	for _, earlier := range l.Earlier {
		if offset < earlier.Ends[partition] && earlier.Partitioner.Partition(key, earlier.Partitions) == partition {
			return earlier.ID, true
		}
	}
	return l.ID, l.Partitioner.Partition(key, l.Partitions) == partition
}

// Deps are what the stage needs from outside.
type Deps struct {
	Producer kafka.Producer
	// DeadLetters is a kafka.DeadLetters.
	DeadLetters kafka.Producer
	Topics      schemas.Topics
	Log         EventLog
	// Verify returns an error if the events topic has changed since Log was read: an event in
	// an unexpected partition may be right in a topic with more partitions.
	Verify  func(context.Context) error
	Metrics *Metrics
	// Traces says that commands carry the trace contexts of their events.
	Traces bool
	// Logger gets dead letters for which upstream is not to blame; nil discards them.
	Logger *slog.Logger
}

// Processor is the compacting stage; it implements stream.Handler.
type Processor struct {
	cfg           Config
	deps          Deps
	commandsTopic string
	// partitions counts the partitions of this process; they share the memory of links.
	partitions atomic.Int64
}

// New makes the stage's handler.
func New(cfg Config, deps Deps) (*Processor, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	deps.Log.RecordPartitions = cmp.Or(deps.Log.RecordPartitions, deps.Log.Partitions)
	if deps.Logger == nil {
		deps.Logger = slog.New(slog.DiscardHandler)
	}
	return &Processor{cfg: cfg, deps: deps, commandsTopic: deps.Topics.Commands()}, nil
}

// Run compacts one partition until it is taken away. It does not send windows that are open then:
// their events are not resolved, so the next owner reads them again.
func (p *Processor) Run(ctx context.Context, a *stream.Assignment) error {
	if int(a.Partition()) >= p.deps.Log.Partitions {
		if err := p.deps.Verify(ctx); err != nil {
			return err
		}
	}
	return newPartition(p, a).run(ctx)
}
