package main

import (
	"bufio"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockpush/processor/stream"
	"stockpush/schemas"
)

// BenchmarkFootprint runs the program itself, all roles, and reports the most
// memory that it had resident, in MiB:
//   - windows: 1 M store SKUs wait for their windows to close;
//   - lanes: 1 M store SKUs wait to be pushed, since the marketplace takes few calls;
//   - backlog: 20 M events of 100 k store SKUs wait when it starts.
func BenchmarkFootprint(b *testing.B) {
	b.Run("windows", func(b *testing.B) {
		s := newBacklog(b, "processor: {window: 1h}\n", 1_000_000, 1_000_000)
		p := s.serve()
		p.awaitMetric("stockpush_processor_waiting", 1_000_000)
		b.ReportMetric(p.peakMiB(), "peak-MiB")
	})
	b.Run("lanes", func(b *testing.B) {
		s := newBacklog(b, "  shop_rate: 0.01\n  app_rate: 1\n", 1_000_000, 1_000_000)
		p := s.serve()
		p.awaitMetric("stockpush_channels_waiting", 990_000)
		b.ReportMetric(p.peakMiB(), "peak-MiB")
	})
	b.Run("backlog", func(b *testing.B) {
		s := newBacklog(b, "", 20_000_000, 100_000)
		p := s.serve()
		p.awaitMetric("stockpush_processor_events_total", 20_000_000)
		b.ReportMetric(p.peakMiB(), "peak-MiB")
	})
}

// BenchmarkStart reports how long the program takes from its start to the line
// that says that every role serves.
func BenchmarkStart(b *testing.B) {
	s := newBacklog(b, "", 0, 1)
	_, err := binary()
	require.NoError(b, err)
	for b.Loop() {
		began := time.Now()
		p := s.serve()
		b.ReportMetric(time.Since(began).Seconds(), "ready-s")
		p.terminate()
	}
}

// backlogShops are the shops of a backlog's events, all authorized: a shop that is not is
// answered at once, and nothing of it waits.
const backlogShops = 200

// backlogPartitions are those of each topic.
const backlogPartitions = 12

// newBacklog is surroundings with topics and so many events of so many store SKUs.
func newBacklog(b testing.TB, config string, events, skus int) *surroundings {
	s := newSurroundingsOf(b, backlogShops)
	s.configure(config)
	text, err := os.ReadFile(s.file)
	require.NoError(b, err)
	text = []byte(strings.NewReplacer("partitions: 3", fmt.Sprintf("partitions: %d", backlogPartitions), "batch_interval: 50ms", "batch_interval: 1s").Replace(string(text)))
	require.NoError(b, os.WriteFile(s.file, text, 0o600))
	s.setUp()
	producer, err := stream.NewProducer(s.conn(), stream.DefaultBatchBytes)
	require.NoError(b, err)
	defer producer.Close()
	next := load{skus: skus, shops: backlogShops, even: true}.events()
	for range events {
		e := next()
		r := &stream.Record{Topic: "stockpush.events", Partition: stream.ByKey, Key: []byte(e.Key.String()), Value: schemas.EncodeEvent(&e)}
		producer.Produce(b.Context(), r, func(err error) { require.NoError(b, err) })
	}
	require.NoError(b, producer.Flush(b.Context()))
	return s
}

// awaitMetric waits until the sum of a metric's series is so much.
func (p *serving) awaitMetric(name string, want float64) {
	deadline := time.Now().Add(10 * time.Minute)
	for p.metric(name) < want {
		require.True(p.t, time.Now().Before(deadline), "%s is %v, not %v", name, p.metric(name), want)
		<-time.After(100 * time.Millisecond)
	}
}

func (p *serving) metric(name string) (sum float64) {
	ops := regexp.MustCompile(`ops.listen=(\S+)`).FindSubmatch(p.log.bytes())
	require.Len(p.t, ops, 2)
	res, err := http.Get("http://" + string(ops[1]) + "/metrics")
	require.NoError(p.t, err, "the program's log ends with\n%s", tail(p.log.bytes()))
	defer func() { _ = res.Body.Close() }()
	for lines := bufio.NewScanner(res.Body); lines.Scan(); {
		series, value, _ := strings.Cut(lines.Text(), " ")
		if series == name || strings.HasPrefix(series, name+"{") {
			n, err := strconv.ParseFloat(value, 64)
			require.NoError(p.t, err)
			sum += n
		}
	}
	return sum
}

func tail(log []byte) []byte { return log[max(0, len(log)-4<<10):] }

// peakMiB is the most memory that the process had resident.
func (p *serving) peakMiB() float64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	require.NoError(p.t, err)
	peak := regexp.MustCompile(`VmHWM:\s+(\d+) kB`).FindSubmatch(text)
	require.Len(p.t, peak, 2)
	kib, err := strconv.ParseFloat(string(peak[1]), 64)
	require.NoError(p.t, err)
	return kib / 1024
}
