package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"stockpush/cmd/lab/chaos/checker"
	"stockpush/cmd/lab/chaos/cluster"
	"stockpush/cmd/lab/chaos/history"
)

// The shape and the limits of the load.
const (
	loadSKUs  = 100_000
	loadShops = 20
	// memoryCap is the memory limit of a process with all roles in bytes. About 1 GiB is live (two
	// batches of the sink, fetched batches, the windows and lanes of loadSKUs), and garbage may
	// take as much again.
	memoryCap = 2560 << 20
	// drainTimeout limits the time to process the load.
	drainTimeout = 6 * time.Minute
)

// loaded produces many events while ClickHouse or Shopee is down. It reports whether memory stayed
// bounded, the other stages continued, and everything was processed in the end.
func loaded(ctx context.Context, o options) bool {
	dir, err := os.MkdirTemp("", "stockpush-load-")
	if err == nil {
		err = load(ctx, o, dir)
	}
	if err = errors.Join(err, os.RemoveAll(dir)); err != nil {
		fmt.Fprintln(os.Stderr, "violated:", err)
	}
	return err == nil
}

func load(ctx context.Context, o options, dir string) (err error) {
	var absolute [2]string
	for i, path := range []string{o.binary, o.library} {
		if absolute[i], err = filepath.Abs(path); err != nil {
			return err
		}
	}
	c, err := cluster.New(cluster.Config{
		Binary: absolute[0], Library: absolute[1], Dir: dir, KafkaLibs: o.kafka, Layout: []string{"processor,channels,sink"}, Shops: loadShops,
		Settings: []string{"--kafka.partitions=12", "--processor.window=1s", "--sinks.batch_interval=1s"},
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	if err := c.Start(ctx); err != nil {
		return err
	}
	if err := takeAway(c, o.without); err != nil {
		return err
	}
	clickHouse, err := c.ClickHouseURL()
	if err != nil {
		return err
	}
	l := &loadRun{cluster: c, events: o.load, sources: checker.Sources{ClickHouse: clickHouse, Sandbox: c.SandboxURL, Database: cluster.Database}}
	if err := l.flood(ctx, o.without); err != nil {
		return err
	}
	return l.recover(ctx)
}

func takeAway(c *cluster.Cluster, what string) error {
	switch what {
	case "clickhouse":
		c.ClickHouse.Kill()
		return nil
	case "shopee":
		return c.AddFault(cluster.Fault{Kind: "outage"})
	default:
		return fmt.Errorf("-without is clickhouse or shopee, not %q", what)
	}
}

type loadRun struct {
	cluster *cluster.Cluster
	events  int
	sources checker.Sources
}

// flood produces the events and waits until every one is read.
func (l *loadRun) flood(ctx context.Context, without string) error {
	started := time.Now()
	f := history.Flood{Events: l.events, SKUs: min(loadSKUs, l.events), Shops: loadShops}
	if err := f.Produce(ctx, l.cluster.Kafka, cluster.Prefix+".events"); err != nil {
		return err
	}
	produced := time.Since(started)
	for deadline := time.Now().Add(drainTimeout); ; {
		lag, err := history.Lag(ctx, l.cluster.Kafka, cluster.Prefix+".processor")
		if err != nil {
			return err
		}
		if lag == 0 {
			break
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%d events are not read after %v", lag, drainTimeout)
		}
		time.Sleep(500 * time.Millisecond)
	}
	var o checker.Observation
	if err := l.sources.ReadSandbox(ctx, &o); err != nil {
		return err
	}
	fmt.Printf("without %s: %d events produced in %.0f s, compacted after %.0f s, %d calls to Shopee meanwhile\n",
		without, l.events, produced.Seconds(), time.Since(started).Seconds(), len(o.Calls))
	if without == "clickhouse" && len(o.Calls) == 0 {
		return errors.New("pushes stopped without ClickHouse")
	}
	return l.report("while it was down")
}

// report prints the peak memory and the size of files. It fails if the memory exceeds the limit.
func (l *loadRun) report(when string) error {
	run := l.cluster.Instances()[0]
	peak, err := run.PeakMemory()
	if err != nil {
		return err
	}
	use, err := l.cluster.DiskUse()
	if err != nil {
		return err
	}
	fmt.Printf("%s: run held at most %d MiB (cap %d MiB); files in MiB:", when, peak>>20, int64(memoryCap)>>20)
	for part, bytes := range use {
		if bytes > 1<<20 {
			fmt.Printf(" %s %d", part, bytes>>20)
		}
	}
	fmt.Println()
	if peak > memoryCap {
		return fmt.Errorf("run held %d MiB, more than %d", peak>>20, int64(memoryCap)>>20)
	}
	return nil
}

// recover heals and waits until every event has its final record.
func (l *loadRun) recover(ctx context.Context) error {
	started := time.Now()
	if err := l.cluster.Heal(); err != nil {
		return err
	}
	waiting, err := 1, error(nil)
	for waiting > 0 && time.Since(started) < drainTimeout {
		time.Sleep(time.Second)
		if waiting, err = l.sources.Waiting(ctx, l.events, 0); err != nil {
			waiting = l.events // not back yet
		}
	}
	if err != nil || waiting > 0 {
		return errors.Join(err, fmt.Errorf("%d events have no finished record %v after healing", waiting, drainTimeout))
	}
	fmt.Printf("every event has its final record %.0f s after healing\n", time.Since(started).Seconds())
	return l.report("in the end")
}
