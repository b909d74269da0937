package stream

import (
	"context"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"stockpush/processor/stream/kafka"
)

// gap is a range of offsets without records that could be read. The client stops at some gaps and
// silently skips others.
type gap struct {
	fetch
	owner *Owner
	// cause is why they cannot be read; nil if they hold no committed records.
	cause error
}

// probeInterval is the time between two probes of a partition.
const probeInterval = time.Second

// startProbe probes a partition in the background. One probe of it runs at a time.
func (s *Stage) startProbe(o *Owner) {
	if !o.probing.CompareAndSwap(false, true) {
		return
	}
	s.background.Go(func() {
		defer o.probing.Store(false)
		s.probe(s.backgroundCtx, o)
		pause(s.backgroundCtx, probeInterval)
	})
}

func (s *Stage) reader(of *Owner, maxBytes int32) *kafka.LogReader {
	return kafka.NewLogReader(s.client, s.unpack, of.topic, of.partition, maxBytes)
}

// probe fetches the partition's next offset without the client. If it cannot be read either, or
// holds no record, it is a gap. An error of the broker is no gap, since it may be temporary.
func (s *Stage) probe(ctx context.Context, o *Owner) {
	at, known := o.position()
	if !known {
		return
	}
	log := s.reader(o, kafka.ReadMaxBytes)
	f, err := log.Fetch(ctx, at)
	if err != nil {
		if ctx.Err() == nil {
			s.log.Warn("probe of a partition failed", "topic", o.topic, "partition", o.partition, "offset", at, "error", err)
		}
		return
	}
	g := gap{fetch{first: at, next: f.Next, logEnd: f.End}, o, f.Unreadable}
	if f.Next == at && f.Unreadable == nil {
		g.next = f.End
	}
	if len(f.Records) > 0 || g.next <= at {
		return // the client can read them, too
	}
	select {
	case s.gaps <- g:
	case <-ctx.Done():
	}
}

// skipGaps skips the gaps that probes found. It is called between polls, while rebalances are
// blocked.
func (s *Stage) skipGaps() error {
	for {
		select {
		case g := <-s.gaps:
			if err := s.skip(g); err != nil {
				return err
			}
		default:
			return nil
		}
	}
}

func (s *Stage) skip(g gap) error {
	o := g.owner
	at, known := o.position()
	if s.owner(o.topic, o.partition) != o || !known || at != g.first || at >= g.next {
		return nil // another assignment, or the partition has moved meanwhile
	}
	g.logEnd = max(g.logEnd, g.next)
	if g.cause != nil {
		g.letters = kafka.LettersOf(g.next - g.first)
	}
	if err := o.push(g.fetch); err != nil || g.cause == nil {
		return err
	}
	s.client.SetOffsets(map[string]map[int32]kgo.EpochOffset{o.topic: {o.partition: {Epoch: -1, Offset: g.next}}})
	s.deadLetterGap(g)
	return nil
}

// deadLetterGap stores the dead letters of a gap, which resolve its offsets.
func (s *Stage) deadLetterGap(g gap) {
	o, ctx := g.owner, s.backgroundCtx
	s.background.Go(func() {
		s.letters.PutUnreadable(ctx, kafka.Span{Topic: o.topic, Partition: o.partition, From: g.first, To: g.next}, g.cause, func(offset int64, err error) {
			switch {
			case err == nil:
				o.Resolve(offset)
			case ctx.Err() == nil:
				s.fail(err)
			}
		})
	})
}

// checkGaps reads the offsets that a fetch left out. Usually a transaction was aborted, but the
// client also skips what it cannot decode if it can decode what follows.
func (s *Stage) checkGaps(o *Owner, all []*kafka.Record) {
	next, known := o.position()
	for _, r := range all {
		if hole := (gap{fetch: fetch{first: next, next: r.Offset}, owner: o}); known && hole.first < hole.next {
			s.background.Go(func() { s.checkGap(s.backgroundCtx, hole) })
		}
		next, known = r.Offset+1, true
	}
}

func (s *Stage) checkGap(ctx context.Context, hole gap) {
	o := hole.owner
	log := s.reader(o, 1)
	for at := hole.first; at < hole.next; {
		f, err := log.Fetch(ctx, at)
		if err != nil || f.Next == at {
			return // the stage ends, or a probe will report it
		}
		if f.Unreadable != nil {
			s.deadLetterGap(gap{fetch{first: at, next: min(f.Next, hole.next)}, o, f.Unreadable})
		}
		at = f.Next
	}
}
