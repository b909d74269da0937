// Command chaos tests the real program under faults: it runs it as several processes, produces a
// known history of events, injects faults, heals, waits until the system is idle, and lets the
// checker judge the result.
//
// A seed determines the history, the faults and their times. The interleaving of real processes is
// not reproducible.
package main

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"time"
)

// options are the command's flags.
type options struct {
	binary, library, kafka, keep, results string
	seed                                  uint64
	seeds, minutes                        int
	only                                  string
	load                                  int
	without                               string
	quiet, static                         bool
}

// defaultLibrary is where make installs the embedded ClickHouse's library.
const defaultLibrary = ".stockpush/npm/node_modules/@chdb/lib-linux-x64-gnu/libchdb.so"

func main() {
	var o options
	flag.StringVar(&o.binary, "binary", "bin/stockpush", "the program")
	flag.StringVar(&o.library, "library", defaultLibrary, "the embedded ClickHouse's library")
	flag.StringVar(&o.kafka, "kafka", "", "folder of Apache Kafka's jars; empty selects the embedded broker")
	flag.StringVar(&o.keep, "keep", ".stockpush/chaos", "folder for the logs of a run with violations")
	flag.StringVar(&o.results, "results", "", "file to append the results to, as rows of a table")
	flag.Uint64Var(&o.seed, "seed", 0, "run this seed again; 0 draws new ones")
	flag.IntVar(&o.seeds, "seeds", 1, "number of new seeds")
	flag.IntVar(&o.minutes, "minutes", 60, "start no run after this many minutes")
	flag.StringVar(&o.only, "only", "", "only kinds of faults whose names contain this")
	flag.IntVar(&o.load, "load", 0, "instead of faults: produce this many events at once")
	flag.StringVar(&o.without, "without", "clickhouse", "what is down during the load: clickhouse or shopee")
	flag.BoolVar(&o.static, "static", false, "static members of the consumer groups; otherwise the seed decides")
	flag.BoolVar(&o.quiet, "quiet", false, "print one line per seed")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	ok := false
	if o.load > 0 {
		ok = loaded(ctx, o)
	} else {
		ok = series(ctx, o)
	}
	if !ok {
		os.Exit(1)
	}
}

// series runs the seeds and reports whether none had a violation.
func series(ctx context.Context, o options) (clean bool) {
	clean = true
	started := time.Now()
	for n := range o.seeds {
		if ctx.Err() != nil || n > 0 && time.Since(started) > time.Duration(o.minutes)*time.Minute {
			fmt.Printf("stopped after %d of %d seeds\n", n, o.seeds)
			break
		}
		seed := o.seed
		if seed == 0 {
			seed = rand.Uint64N(1 << 40)
		}
		r := runSeed(ctx, o, seed)
		r.print()
		if err := r.appendTo(o.results); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
		clean = clean && r.clean()
	}
	return clean
}

// runSeed runs one seed in its own folder, which is kept if something was wrong.
func runSeed(ctx context.Context, o options, seed uint64) *result {
	started := time.Now()
	r := &result{seed: seed, broker: "embedded"}
	if o.kafka != "" {
		r.broker = "Apache Kafka"
	}
	dir, err := os.MkdirTemp("", "stockpush-chaos-")
	if err != nil {
		return r.failed(err)
	}
	if o.binary, err = filepath.Abs(o.binary); err != nil {
		return r.failed(err)
	}
	if o.library, err = filepath.Abs(o.library); err != nil {
		return r.failed(err)
	}
	run := &run{options: o, seed: seed, dir: dir, result: r}
	r.failed(run.all(ctx))
	r.took = time.Since(started)
	if !r.clean() {
		r.kept = filepath.Join(o.keep, fmt.Sprint(seed))
		r.failed(keepLogs(filepath.Join(dir, "*"), r.kept))
	}
	r.failed(os.RemoveAll(dir))
	return r
}

// keepLogs copies the logs of a run.
func keepLogs(from, to string) error {
	if err := os.MkdirAll(to, 0o700); err != nil {
		return err
	}
	logs, err := filepath.Glob(filepath.Join(from, "*.log"))
	if err != nil {
		return err
	}
	for _, log := range logs {
		content, err := os.ReadFile(log)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(to, filepath.Base(log)), content, 0o600); err != nil {
			return err
		}
	}
	return nil
}

func oneLine(words []string) string { return strings.Join(words, ", ") }
