package stream

import (
	"context"
	"errors"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// commitTimeout bounds a commit. A failed one is retried at the next turn.
const commitTimeout = 5 * time.Second

// commit commits the watermarks that moved. The time that another commit takes counts.
func (s *Stage) commit(ctx context.Context, owners []*Owner) {
	ctx, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), commitTimeout, errors.New("the commit took too long"))
	defer cancel()
	s.committing.Lock()
	defer s.committing.Unlock()
	moved := map[topicPartition]Commit{}
	offsets := map[string]map[int32]kgo.EpochOffset{}
	for _, o := range owners {
		at, ok := o.Committable()
		if !ok || at == o.committed {
			continue
		}
		moved[topicPartition{o.topic, o.partition}] = at
		if offsets[o.topic] == nil {
			offsets[o.topic] = map[int32]kgo.EpochOffset{}
		}
		offsets[o.topic][o.partition] = kgo.EpochOffset{Epoch: -1, Offset: at.Offset}
	}
	if len(moved) == 0 {
		return
	}
	ctx = kgo.PreCommitFnContext(ctx, func(r *kmsg.OffsetCommitRequest) error { setMarks(r, moved); return nil })
	var failure error
	s.client.CommitOffsetsSync(ctx, offsets, func(_ *kgo.Client, _ *kmsg.OffsetCommitRequest, answer *kmsg.OffsetCommitResponse, err error) {
		failure = errors.Join(err, refusal(answer))
	})
	if failure != nil {
		s.commitFailures.Inc()
		s.log.Warn("commit failed, retrying", "error", failure)
		return
	}
	for _, o := range owners {
		if at, ok := moved[topicPartition{o.topic, o.partition}]; ok {
			o.committed = at
		}
	}
}

// setMarks puts the marks into a commit, beside their offsets.
func setMarks(r *kmsg.OffsetCommitRequest, moved map[topicPartition]Commit) {
	for i, topic := range r.Topics {
		for j, p := range topic.Partitions {
			if at := moved[topicPartition{topic.Topic, p.Partition}]; at.Mark != "" {
				r.Topics[i].Partitions[j].Metadata = &at.Mark
			}
		}
	}
}

func refusal(answer *kmsg.OffsetCommitResponse) error {
	if answer == nil {
		return nil
	}
	var errs []error
	for _, topic := range answer.Topics {
		for _, p := range topic.Partitions {
			errs = append(errs, kerr.ErrorForCode(p.ErrorCode))
		}
	}
	return errors.Join(errs...)
}
