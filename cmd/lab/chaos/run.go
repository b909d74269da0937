package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"stockpush/cmd/lab/chaos/checker"
	"stockpush/cmd/lab/chaos/cluster"
	"stockpush/cmd/lab/chaos/faults"
	"stockpush/cmd/lab/chaos/history"
)

// Durations of the parts of a run.
const (
	// faultsFor is how long events and faults come.
	faultsFor = 18 * time.Second
	// calm is the minimum time after healing: late requests have been applied and read back by
	// then.
	calm = cluster.ConfirmAfter + 3*time.Second
	// quietTimeout is how long after healing the system must be idle.
	quietTimeout = 45 * time.Second
	shops        = 3
	// diskMegabytes is small enough to be filled quickly.
	diskMegabytes = 192
	rate          = 60
	// staticSeeds is how many seeds there are for each one with static members.
	staticSeeds = 3
)

// layouts are ways to spread the roles over instances.
var layouts = [][]string{
	{"processor,channels,sink"},
	{"processor,channels,sink", "processor,channels,sink", "processor,channels,sink"},
	{"processor", "channels", "sink"},
	{"processor,sink", "channels", "channels"},
	{"processor,channels", "processor,channels", "sink", "sink"},
	{"processor", "processor,channels", "channels,sink", "sink", "processor,channels,sink"},
}

// run is the run of one seed.
type run struct {
	options
	seed uint64
	dir  string
	// logs is the log folder of the start that succeeded.
	logs    string
	result  *result
	cluster *cluster.Cluster
	history *history.History
	acked   []history.Produced
}

// plan draws what the seed determines.
func (r *run) plan() (layout []string) {
	random := rand.New(rand.NewPCG(r.seed, 2))
	layout = layouts[random.IntN(len(layouts))]
	if rand.New(rand.NewPCG(r.seed, 3)).IntN(staticSeeds) == 0 {
		r.static = true
	}
	draw := faults.Draw{Rand: random, Instances: len(layout), FirstShop: history.FirstShop, Shops: shops}
	var kinds []faults.Kind
	for _, k := range faults.Kinds(r.static) {
		if strings.Contains(k.Name, r.only) {
			kinds = append(kinds, k)
		}
	}
	r.result.plan = faults.Plan(draw, kinds, 6+random.IntN(8), faultsFor)
	if r.kafka != "" { // on Apache Kafka the broker always dies once, since only the broker differs
		r.result.plan = append(r.result.plan, faults.Plan(draw, faults.BrokerKills(), 1, faultsFor)...)
	}
	r.history = history.New(history.Shape{Seed: r.seed, Shops: shops, For: faultsFor, Rate: rate})
	return layout
}

func (r *run) say(format string, args ...any) {
	if !r.quiet {
		fmt.Printf(format+"\n", args...)
	}
}

func (r *run) all(ctx context.Context) (err error) {
	layout := r.plan()
	if r.static {
		r.result.broker += ", static members"
	}
	r.say("seed %d: %d messages, instances %s", r.seed, len(r.history.Steps), strings.Join(layout, " | "))
	if err := r.start(ctx, layout); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.cluster.Close()) }()
	if err := r.describe(); err != nil {
		return err
	}
	if err := errors.Join(r.harm(ctx), r.cluster.Heal()); err != nil {
		return err
	}
	err = r.judge(ctx, time.Now())
	if report := r.result.report; report == nil || len(report.Violations) > 0 {
		err = errors.Join(err, r.cluster.Examine())
	}
	r.cluster.End()
	said := append(r.cluster.Deaths(), r.leaks()...)
	if r.planned(faults.UsedTwice) && !slices.ContainsFunc(said, fenced) {
		said = append(said, "an instance id was used twice, and no process ended because of it")
	}
	r.result.process = slices.DeleteFunc(said, r.excused)
	return err
}

// maxStarts limits the attempts to start: another process may take a port that was free.
const maxStarts = 3

func (r *run) start(ctx context.Context, layout []string) (err error) {
	for n := range maxStarts {
		dir := filepath.Join(r.dir, fmt.Sprint(n))
		if err := os.Mkdir(dir, 0o700); err != nil {
			return err
		}
		r.cluster, err = cluster.New(cluster.Config{
			Binary: r.binary, Library: r.library, Dir: dir, KafkaLibs: r.kafka, Layout: layout, Static: r.static, Shops: shops, DiskMegabytes: diskMegabytes,
		})
		if err != nil {
			return err
		}
		if err = r.cluster.Start(ctx); err == nil {
			r.logs = dir
			return nil
		}
		err = errors.Join(err, r.cluster.Close())
	}
	return err
}

// excused are exits that the plan explains: a broker whose disk is full refuses messages, and their
// sender exits and restarts.
func (r *run) excused(death string) bool {
	if r.planned(faults.UsedTwice) && fenced(death) {
		return true
	}
	full := r.planned(faults.BrokerDiskFull)
	// Apache Kafka exits in this case.
	return full && (strings.Contains(death, "UNKNOWN_SERVER_ERROR") || r.kafka != "" && strings.HasPrefix(death, "broker exited unexpectedly"))
}

func (r *run) planned(kind string) bool {
	return slices.ContainsFunc(r.result.plan, func(p faults.Planned) bool { return p.Kind == kind })
}

// fenced reports whether a process ended because another one has its instance id.
func fenced(death string) bool { return strings.Contains(death, "FENCED_INSTANCE_ID") }

// describe adds the item whose models refuse pushes.
func (r *run) describe() error {
	return r.cluster.Describe(cluster.Item{Shop: history.FirstShop, Item: history.RefusingItem, Models: []cluster.ItemModel{
		{Model: history.GoodModel}, {Model: history.LockedModel, Locked: true}, {Model: history.ReservedModel, Reserved: 1_000_000},
	}})
}

// harm runs the events and the faults to their end.
func (r *run) harm(ctx context.Context) error {
	producer, err := history.NewProducer(r.cluster.Kafka, cluster.Prefix+".events")
	if err != nil {
		return err
	}
	defer producer.Close()
	var both sync.WaitGroup
	var played, planned error
	both.Go(func() { r.acked, played = producer.Play(ctx, r.history) })
	both.Go(func() { planned = faults.Run(ctx, r.cluster, r.result.plan, func(s string) { r.say("%s", s) }) })
	both.Wait()
	return errors.Join(played, planned)
}

// judge waits until the system is idle and correct, or until a time limit.
func (r *run) judge(ctx context.Context, healed time.Time) error {
	o := &checker.Observation{Window: cluster.Window, Timeout: cluster.Timeout}
	if err := r.known(ctx, o); err != nil {
		return err
	}
	clickHouse, err := r.cluster.ClickHouseURL()
	if err != nil {
		return err
	}
	sources := checker.Sources{ClickHouse: clickHouse, Sandbox: r.cluster.SandboxURL, Database: cluster.Database}
	bad := o.CountBad()
	var last error
	for time.Since(healed) < quietTimeout {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Second):
		}
		waiting, err := sources.Waiting(ctx, len(o.Events)-bad, bad)
		if last = err; err != nil || waiting > 0 || time.Since(healed) < calm {
			continue
		}
		if last = r.look(ctx, sources, o); last == nil && len(r.result.report.Violations) == 0 {
			r.result.healed = time.Since(healed)
			return nil
		}
	}
	r.result.healed = time.Since(healed)
	return errors.Join(last, r.look(ctx, sources, o))
}

func (r *run) look(ctx context.Context, sources checker.Sources, o *checker.Observation) error {
	letters, err := history.ReadTopic(ctx, r.cluster.Kafka, cluster.Prefix+".dead-letters")
	if err != nil {
		return err
	}
	o.DeadLetters = messages(letters)
	if err := sources.Read(ctx, o); err != nil {
		return err
	}
	r.result.report = checker.Check(o)
	return nil
}

// known returns what the harness itself knows.
func (r *run) known(ctx context.Context, o *checker.Observation) error {
	events, err := history.ReadTopic(ctx, r.cluster.Kafka, cluster.Prefix+".events")
	if err != nil {
		return err
	}
	o.Events = messages(events)
	for _, m := range r.acked {
		o.Acknowledged = append(o.Acknowledged, checker.Message{Partition: m.Partition, Offset: m.Offset, Key: m.Key, Value: m.Value})
	}
	o.Bad = map[string]string{}
	for _, s := range r.history.Steps {
		if s.Code != "" {
			o.Bad[checker.BadKey(s.Key, s.Value)] = s.Code
		}
	}
	o.Refusing = map[checker.Model]string{}
	for model, code := range history.Refusing() {
		o.Refusing[checker.Model{Shop: history.FirstShop, Item: history.RefusingItem, Model: model}] = code
	}
	o.Refusals = map[string]bool{faults.RefusedCode: true}
	for _, p := range r.cluster.Pauses() {
		o.Pauses = append(o.Pauses, checker.Pause(p))
	}
	return nil
}

func messages(records []*kgo.Record) []checker.Message {
	all := make([]checker.Message, 0, len(records))
	for _, r := range records {
		m := checker.Message{Partition: r.Partition, Offset: r.Offset, Key: string(r.Key), Value: string(r.Value), At: r.Timestamp, Headers: map[string]string{}}
		for _, h := range r.Headers {
			m.Headers[h.Key] = string(h.Value)
		}
		all = append(all, m)
	}
	return all
}
