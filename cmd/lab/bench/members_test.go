package bench

import (
	"testing"
	"time"

	"stockpush/cmd/internal/programtest"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

var memberEvents = scaled(10_000_000)

// BenchmarkTwoProcesses compacts a backlog with one process and with two that share the partitions,
// and reports the ratio of their rates:
//   - two/one: from when each process has its partitions until the last event is taken. The end of
//     the last windows takes as long in both, and commits are made once a second.
//   - two/one-from-start: from the start of the processes until all is committed. The second one
//     joins while the first has all partitions, so half of what the first one had started is read
//     again.
func BenchmarkTwoProcesses(b *testing.B) {
	s := newBacklog(b, memberEvents, 100_000)
	for b.Loop() {
		one, two := s.compactWith(1), s.compactWith(2)
		b.ReportMetric(one.shared, "one-events/s")
		b.ReportMetric(two.shared, "two-events/s")
		b.ReportMetric(two.shared/one.shared, "two/one")
		b.ReportMetric(two.fromStart/one.fromStart, "two/one-from-start")
	}
}

// members are processes with role processor that share partitions.
type members []*programtest.Process

// rates are in events per second.
type rates struct{ shared, fromStart float64 }

// compactWith compacts the backlog with a number of processes.
func (s *program) compactWith(processes int) rates {
	client, err := kgo.NewClient(s.Conn().Options()...)
	require.NoError(s.b, err)
	defer client.Close()
	admin, group := kadm.NewClient(client), s.Topics.ProcessorGroup()
	began := time.Now()
	var all members
	for range processes {
		all = append(all, s.Launch("--roles=processor"))
	}
	r := rates{shared: all.rate()}
	until(func() bool {
		offsets, err := admin.FetchOffsets(s.b.Context(), group)
		return err == nil && committed(offsets) >= int64(memberEvents)
	})
	r.fromStart = float64(memberEvents) / time.Since(began).Seconds()
	for _, p := range all {
		p.Terminate()
	}
	_, err = admin.DeleteGroup(s.b.Context(), group)
	require.NoError(s.b, err)
	return r
}

func committed(offsets kadm.OffsetResponses) (sum int64) {
	offsets.Each(func(o kadm.OffsetResponse) { sum += max(0, o.At) })
	return sum
}

const (
	memberSample = 100 * time.Millisecond
	// idleAfter is how long no event is taken once none is left; it is less than a window.
	idleAfter = 10 * memberSample
)

// rate returns the events per second from when each member has its share of the partitions until no
// event is left.
func (m members) rate() float64 {
	for _, p := range m {
		p.EventuallyLogged("msg=ready")
	}
	until(m.shared)
	from, began := m.taken(), time.Now()
	taken, last := from, began
	for time.Since(last) < idleAfter {
		<-time.After(memberSample)
		if n := m.taken(); n > taken {
			taken, last = n, time.Now()
		}
	}
	return (taken - from) / last.Sub(began).Seconds()
}

func (m members) taken() (events float64) {
	for _, p := range m {
		events += p.Metric("stockpush_processor_events_total")
	}
	return events
}

// shared reports whether all members have the same number of partitions.
func (m members) shared() bool {
	for _, p := range m {
		if n := p.Metric("stockpush_stream_partitions"); n != float64(programPartitions/len(m)) {
			return false
		}
	}
	return true
}
