package stream

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"stockpush/processor/stream/kafka"
)

// assigned starts the owners of new partitions. Until it returns the client neither delivers
// records nor gives a partition back, so no owner of a new static member starts before its time.
func (s *Stage) assigned(ctx context.Context, client *kgo.Client, added map[string][]int32) {
	id, _ := client.GroupMetadata()
	pause(ctx, s.membership.joined(id))
	for topic, partitions := range added {
		for _, partition := range partitions {
			s.own(topicPartition{topic, partition})
		}
	}
	s.log.Info("partitions assigned", "added", count(added))
	s.readyOnce.Do(func() { close(s.ready) })
}

func (s *Stage) own(tp topicPartition) {
	one := map[string][]int32{tp.topic: {tp.partition}}
	s.mu.Lock()
	if s.ending {
		s.mu.Unlock()
		return // the client leaves the group
	}
	o := NewOwner(OwnerConfig{
		Topic: tp.topic, Partition: tp.partition, Alive: s.recentHeartbeat, MaxQueuedBatches: s.cfg.MaxQueuedBatches,
		Pause:  func() { s.client.PauseFetchPartitions(one) },
		Resume: func() { s.client.ResumeFetchPartitions(one) },
		Failed: s.fail,
	})
	o.queuedBytes = &s.queuedBytes
	s.owners[tp] = o
	ctx := s.runCtx
	s.mu.Unlock()
	o.Start(ctx, s.handler)
}

// begin tells owners where their partitions are read from. It replaces "the start" by the current
// first offset, since the client can skip only in a partition with a known offset.
func (s *Stage) begin(ctx context.Context, offsets map[string]map[int32]kgo.Offset) (map[string]map[int32]kgo.Offset, error) {
	starts, err := kafka.Retry(ctx, s.log, func() (kadm.ListedOffsets, error) {
		listed, err := kadm.NewClient(s.client).ListStartOffsets(ctx, s.cfg.Topics...)
		if err == nil {
			err = listed.Error()
		}
		return listed, err
	})
	if err != nil {
		s.log.Warn("start offsets not known", "error", err)
		return offsets, ctx.Err()
	}
	for topic, partitions := range offsets {
		for partition, at := range partitions {
			start, _ := starts.Lookup(topic, partition)
			if at.EpochOffset().Offset < 0 {
				at = kgo.NewOffset().At(start.Offset)
				partitions[partition] = at
			}
			if o := s.owner(topic, partition); o != nil {
				o.setStart(max(start.Offset, at.EpochOffset().Offset))
			}
		}
	}
	return offsets, nil
}

// revoked drains and commits revoked partitions. The client calls it while no poll is running and
// waits for it.
func (s *Stage) revoked(ctx context.Context, _ *kgo.Client, gone map[string][]int32) {
	s.giveBack(ctx, s.owned(gone))
	if len(gone) > 0 {
		s.log.Info("partitions revoked", "revoked", count(gone))
	}
}

// lost drops partitions that other processes own. It commits nothing of them.
func (s *Stage) lost(_ context.Context, _ *kgo.Client, gone map[string][]int32) {
	owners := s.owned(gone)
	var all sync.WaitGroup
	for _, o := range owners {
		all.Go(o.Drop)
	}
	all.Wait()
	s.remove(owners)
	if len(gone) > 0 {
		s.log.Warn("partitions lost: other processes own them", "lost", count(gone))
	}
}

// giveBack drains, commits and forgets partitions. Until then their owners stay known, so that a
// revoke while the stage ends waits for the same drain.
func (s *Stage) giveBack(ctx context.Context, owners []*Owner) {
	bounded, cancel := context.WithTimeoutCause(ctx, s.cfg.DrainTimeout, fmt.Errorf("drain took longer than %v", s.cfg.DrainTimeout))
	defer cancel()
	var all sync.WaitGroup
	for _, o := range owners {
		all.Go(func() { o.Drain(bounded) })
	}
	all.Wait()
	s.commit(ctx, owners)
	s.remove(owners)
}

// remove forgets owners that have ended. It resumes their partitions, since the client keeps a
// pause for the next assignment.
func (s *Stage) remove(owners []*Owner) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, o := range owners {
		tp := topicPartition{o.topic, o.partition}
		if s.owners[tp] == o {
			delete(s.owners, tp)
		}
		s.client.ResumeFetchPartitions(map[string][]int32{tp.topic: {tp.partition}})
	}
}

// owned returns the owners of the given partitions.
func (s *Stage) owned(partitions map[string][]int32) (owners []*Owner) {
	for topic, numbers := range partitions {
		for _, number := range numbers {
			if o := s.owner(topic, number); o != nil {
				owners = append(owners, o)
			}
		}
	}
	return owners
}

// owner returns the owner of a partition; nil if this process does not own it.
func (s *Stage) owner(topic string, partition int32) *Owner {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.owners[topicPartition{topic, partition}]
}

func (s *Stage) all() []*Owner {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Collect(maps.Values(s.owners))
}

// handleErrors returns a permanent error, if there is one, and whether there were any errors that
// must be waited for. It skips batches that unpack to too much, and probes other partitions whose
// fetch failed.
func (s *Stage) handleErrors(fetches kgo.Fetches) (faulty bool, err error) {
	for _, failure := range fetches.Errors() {
		o, err := s.owner(failure.Topic, failure.Partition), failure.Err
		tooLarge, isTooLarge := errors.AsType[*kgo.ErrDecompressTooLarge](err)
		switch {
		case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled), errors.Is(err, kafka.ErrLater), isTooLarge && o == nil:
		case errors.Is(err, kerr.TopicAuthorizationFailed), errors.Is(err, kerr.GroupAuthorizationFailed), errors.Is(err, kerr.SaslAuthenticationFailed):
			return true, fmt.Errorf("consume %s: %w (check the user's rights in Kafka)", failure.Topic, err)
		case errors.Is(err, kerr.FencedInstanceID):
			return true, fmt.Errorf("group %s: %w (another process runs with kafka.instance_id %q and took over: give each process its own)", s.cfg.Group, err, s.cfg.InstanceID)
		case isTooLarge:
			at, _ := o.position()
			if err := s.skip(gap{fetch{first: at, next: tooLarge.NextOffset}, o, kafka.ErrTooLarge}); err != nil {
				return true, err
			}
		default:
			faulty = true
			s.logFault(topicPartition{failure.Topic, failure.Partition}, err)
			if o != nil {
				s.startProbe(o)
			}
		}
	}
	return faulty, nil
}

// logFault logs a failed fetch, unless the last one of the partition failed with the same error.
func (s *Stage) logFault(tp topicPartition, err error) {
	if !errors.Is(err, s.faults[tp]) {
		s.log.Warn("fetch failed, retrying", "topic", tp.topic, "partition", tp.partition, "error", err)
	}
	s.faults[tp] = err
}

func count(partitions map[string][]int32) int {
	n := 0
	for _, ps := range partitions {
		n += len(ps)
	}
	return n
}
