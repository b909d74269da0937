package sim

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"stockpush/schemas"
)

// Plan is a schedule: everything that the seed decides in advance.
type Plan struct {
	Seed       uint64
	Partitions int
	Processes  int
	SKUs       []sku
	Events     []planned
	Faults     []fault
	// Lasts is how long events and faults come; then everything heals.
	Lasts time.Duration

	// Trace is called with what happens; it may be nil.
	Trace func(line string)

	window, quiet time.Duration
	maxBuffered   int
	concurrency   int
	maxPendingAge time.Duration
	batchRows     int
	batchInterval time.Duration
	market        marketOdds
	produceFails  float64
	slowKafka     time.Duration
	commitFails   float64
	storeFails    float64
	// compacts is the probability that a partition of the states is compacted in a turn.
	compacts      float64
	restartsAtEnd bool
	killedAtEnd   bool
}

// sku is a store SKU of the plan and its model.
type sku struct {
	key   schemas.Key
	model model
}

// model is a model of an item of a shop.
type model struct{ shop, item, id int64 }

// planned is a future event.
type planned struct {
	at  time.Duration
	sku int
	kind
}

type kind uint8

const (
	news kind = iota
	// repetition repeats an earlier event of the store SKU.
	repetition
	// bad is an invalid event.
	bad
)

// fault is a fault of the world with a duration.
type fault struct {
	at, lasts time.Duration
	what      faultKind
	// target is the process or the shop.
	target int
}

type faultKind string

// The kinds of fault.
const (
	kill      faultKind = "kill"       // a process ends at once; another starts a while later
	terminate faultKind = "terminate"  // a process drains and ends; another starts later
	stall     faultKind = "stall"      // a process does not run, as under SIGSTOP
	unheard   faultKind = "unheard"    // a process runs, but Kafka receives no heartbeats
	rebalance faultKind = "rebalance"  // partitions move
	kafkaDown faultKind = "kafka down" // nothing is stored or read
	storeDown faultKind = "store down"
	shopDown  faultKind = "shop down"
	shopHeld  faultKind = "shop held" // the shop lost its authorization
	throttled faultKind = "shop throttled"
)

var faultKinds = []faultKind{kill, terminate, stall, unheard, rebalance, kafkaDown, storeDown, shopDown, shopHeld, throttled}

// NewPlan draws a plan.
func NewPlan(seed uint64) *Plan {
	r := dice(seed).about("plan")
	p := &Plan{
		Seed: seed, Partitions: 1 + r.IntN(3), Processes: 1 + r.IntN(3), Lasts: within(r, 10*time.Second, 60*time.Second),
		window: within(r, 100*time.Millisecond, 2*time.Second), maxBuffered: pick(r, 2, 1000, 1000), concurrency: 1 + r.IntN(4),
		maxPendingAge: pick(r, 24*time.Hour, 24*time.Hour, 24*time.Hour, 20*time.Second),
		batchRows:     pick(r, 1, 5, 50), batchInterval: within(r, 100*time.Millisecond, time.Second),
		produceFails: pick(r, 0, 0, 0, 0.01), slowKafka: pick(r, 5*time.Millisecond, 50*time.Millisecond, 2*time.Second),
		commitFails: pick(r, 0, 0.3), storeFails: pick(r, 0, 0.2), restartsAtEnd: chance(r, 0.5), killedAtEnd: chance(r, 0.5),
	}
	if chance(r, 0.3) {
		p.quiet = p.window / 2
	}
	p.compacts = pick(dice(seed).about("compaction"), 0, 0.02, 0.3) // a source of its own, so that other draws stay the same
	p.market = drawMarketOdds(r)
	p.drawSKUs(r)
	p.drawEvents(r)
	p.drawFaults(r)
	return p
}

func (p *Plan) drawSKUs(r *rand.Rand) {
	for shop := range int64(1 + r.IntN(3)) {
		for item := range int64(1 + r.IntN(2)) {
			for id := range int64(1 + r.IntN(3)) {
				name := fmt.Sprintf("sku-%d-%d-%d", shop, item, id)
				key := schemas.Key{Channel: schemas.ChannelShopee, ShopID: shop + 1, StoreSKU: name}
				p.SKUs = append(p.SKUs, sku{key, model{shop + 1, item + 1, id + 1}})
			}
		}
	}
}

// drawEvents draws bursts: events of a few store SKUs in quick succession.
func (p *Plan) drawEvents(r *rand.Rand) {
	repeats := pick(r, 0, 0.1, 0.4)
	for range 3 + r.IntN(12) {
		at, few := within(r, 0, p.Lasts), r.IntN(len(p.SKUs))
		for range 1 + r.IntN(8) {
			at += within(r, 0, p.window)
			e := planned{at: at, sku: (few + r.IntN(2)) % len(p.SKUs)}
			switch {
			case chance(r, repeats):
				e.kind = repetition
			case chance(r, 0.03):
				e.kind = bad
			}
			p.Events = append(p.Events, e)
		}
	}
	slices.SortStableFunc(p.Events, func(a, b planned) int { return int(a.at - b.at) })
}

// drawFaults draws few kinds of fault, several times each, so that some plans have only crashes,
// others only lost assignments.
func (p *Plan) drawFaults(r *rand.Rand) {
	kinds := 1 + r.IntN(4)
	for range kinds {
		what := pick(r, faultKinds...)
		for range 1 + r.IntN(4) {
			t := fault{at: within(r, 0, p.Lasts), what: what, lasts: within(r, 100*time.Millisecond, 15*time.Second)}
			switch what {
			case shopDown, shopHeld, throttled:
				t.target = 1 + r.IntN(3)
			default:
				t.target = r.IntN(p.Processes)
			}
			p.Faults = append(p.Faults, t)
		}
	}
	slices.SortStableFunc(p.Faults, func(a, b fault) int { return int(a.at - b.at) })
}
