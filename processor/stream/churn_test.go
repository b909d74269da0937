package stream_test

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"stockpush/processor/stream"
	"stockpush/processor/stream/kafka"
)

// cuttable is a member's network: while it is cut nothing gets through, and what
// was in flight arrives afterwards.
type cuttable struct {
	mu    sync.Mutex
	until time.Time
}

func (c *cuttable) cut(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.until = time.Now().Add(d)
}

func (c *cuttable) pass() {
	for {
		c.mu.Lock()
		wait := time.Until(c.until)
		c.mu.Unlock()
		if wait <= 0 {
			return
		}
		time.Sleep(wait)
	}
}

func (c *cuttable) dial(ctx context.Context, network, address string) (net.Conn, error) {
	c.pass()
	conn, err := new(net.Dialer).DialContext(ctx, network, address)
	return cutConn{conn, c}, err
}

type cutConn struct {
	net.Conn
	way *cuttable
}

func (c cutConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.way.pass()
	return n, err
}

func (c cutConn) Write(b []byte) (int, error) {
	c.way.pass()
	return c.Conn.Write(b)
}

// groupWatch observes all members of a group.
type groupWatch struct {
	mu         sync.Mutex
	began      map[int32]int // how many owners each partition had
	resolved   map[int32]map[int64]bool
	violations []string
}

func (w *groupWatch) violate(format string, args ...any) {
	w.violations = append(w.violations, fmt.Sprintf(format, args...))
}

// own is a handler's begin: it returns the owner's number.
func (w *groupWatch) own(partition int32) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.began[partition]++
	return w.began[partition]
}

// acts is called whenever an owner acts because it is alive.
func (w *groupWatch) acts(partition int32, owner int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.began[partition] > owner {
		w.violate("owner %d of partition %d acts after owner %d began", owner, partition, w.began[partition])
	}
}

// first checks an owner's first offset: nothing below it may be unresolved.
func (w *groupWatch) first(partition int32, offset int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for below := range offset {
		if !w.resolved[partition][below] {
			w.violate("partition %d begins at %d, though %d was never resolved", partition, offset, below)
		}
	}
}

func (w *groupWatch) resolve(partition int32, offset int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.resolved[partition] == nil {
		w.resolved[partition] = map[int64]bool{}
	}
	w.resolved[partition][offset] = true
}

func (w *groupWatch) count() (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, offsets := range w.resolved {
		n += len(offsets)
	}
	return n
}

// Run resolves each record a while after it came, out of order.
func (w *groupWatch) Run(ctx context.Context, a *stream.Assignment) error {
	owner, first := w.own(a.Partition()), true
	var resolving sync.WaitGroup
	defer resolving.Wait()
	for look := time.NewTicker(50 * time.Millisecond); ; {
		select {
		case <-ctx.Done():
			return nil
		case <-look.C:
		case batch, open := <-a.Batches():
			if !open {
				return nil
			}
			if first {
				w.first(a.Partition(), batch.Records[0].Offset)
				first = false
			}
			for _, r := range batch.Records {
				offset := r.Offset
				resolving.Go(func() {
					time.Sleep(time.Duration(offset*7919%500) * time.Millisecond)
					w.resolve(a.Partition(), offset)
					a.Resolve(offset)
				})
			}
		}
		if a.Alive() {
			w.acts(a.Partition(), owner)
		}
	}
}

const churnPartitions, churnRecords = 3, 60

// churn is a group whose members join, leave and are cut off.
type churn struct {
	*groupWatch
	t       *testing.T
	bench   *bench
	random  *rand.Rand
	members sync.WaitGroup
}

// member runs one more member until ctx ends, or until it leaves.
func (c *churn) member(ctx context.Context) {
	way := &cuttable{}
	conn := c.bench.conn
	conn.Extra = []kgo.Opt{kgo.Dialer(way.dial)}
	cfg := stream.Config{Group: group, Topics: []string{topic}, SessionTimeout: 6 * time.Second, DrainTimeout: 3 * time.Second}
	stage, err := stream.New(cfg, stream.Deps{Connection: conn, Handler: c, Logger: slog.New(slog.DiscardHandler), Registerer: prometheus.NewRegistry()})
	require.NoError(c.t, err)
	mine, leave := context.WithCancel(ctx)
	if c.random.IntN(3) == 0 {
		time.AfterFunc(time.Duration(5+c.random.IntN(15))*time.Second, leave)
	}
	for i := range c.random.IntN(3) {
		lasts := time.Duration(c.random.IntN(12_000)) * time.Millisecond
		time.AfterFunc(time.Duration(3+i*9)*time.Second, func() { way.cut(lasts) })
	}
	c.members.Go(func() {
		defer leave()
		require.NoError(c.t, stage.Run(mine))
	})
}

func (c *churn) run() {
	ctx, cancel := context.WithCancel(c.t.Context())
	for range 2 + c.random.IntN(2) {
		c.member(ctx)
	}
	producer, err := kafka.NewProducer(c.bench.conn, kafka.DefaultBatchBytes)
	require.NoError(c.t, err)
	for i := range churnRecords {
		producer.Produce(ctx, &kafka.Record{Topic: topic, Partition: int32(i % churnPartitions), Value: []byte("v")}, func(err error) { require.NoError(c.t, err) })
		<-time.After(time.Duration(c.random.IntN(600)) * time.Millisecond)
	}
	require.NoError(c.t, producer.Flush(ctx))
	producer.Close()
	c.member(ctx) // one that is there at the end
	require.Eventually(c.t, func() bool { return c.count() == churnRecords }, 3*time.Minute, 50*time.Millisecond)
	cancel()
	c.members.Wait()
	require.Empty(c.t, c.violations)
}

// The group protocol as the client speaks it, in real time: members join, leave and
// are cut off from the broker for longer than the session timeout. (The client waits
// for a mutex while it joins, which a virtual clock takes for work.)
func TestNoMemberActsAfterAnotherTookOver(t *testing.T) {
	first := uint64(time.Now().UnixNano())
	for seed := first; seed < first+2; seed++ {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			w := &groupWatch{began: map[int32]int{}, resolved: map[int32]map[int64]bool{}}
			c := &churn{groupWatch: w, t: t, bench: newBench(t, churnPartitions), random: rand.New(rand.NewPCG(seed, 0))}
			c.run()
			t.Logf("owners by partition: %v", w.began)
		})
	}
}
