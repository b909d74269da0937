package audit

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"golang.org/x/time/rate"

	"stockpush/channels"
	"stockpush/processor/stream"
	"stockpush/schemas"
)

// Fix says what is mended.
type Fix string

// The values of --fix.
const (
	FixNothing Fix = ""
	FixAbove   Fix = "above"
	FixAll     Fix = "all"
)

// Deps are what an audit works with.
type Deps struct {
	Connection stream.Connection
	Topics     schemas.Topics
	Channel    channels.Channel
	Producer   stream.Producer
	// LogID is the current log's: only its records can be named in an event.
	LogID uint16
	// Progress is told how many items of how many were read; nil is fine.
	Progress func(done, of int)
}

// Request chooses what is audited.
type Request struct {
	// ShopID is one shop; 0 is all that have a state.
	ShopID int64
	// After goes on after a shop: an audit that was stopped names the last one it finished.
	After int64
	Fix   Fix
	// Rate is in reads a second.
	Rate float64
}

// Report is what an audit found.
type Report struct {
	// Checked are store SKUs that were compared, LeftOut those that were on their
	// way to another quantity, Unread those whose item could not be read.
	Checked int     `json:"checked"`
	LeftOut int     `json:"left_out"`
	Unread  int     `json:"unread"`
	Drifts  []Drift `json:"drifts"`
	// LastShop is the last shop that was finished; 0 if none.
	LastShop int64 `json:"last_shop"`
}

// Run audits shop by shop. The report is good as far as it went when it ends early.
func Run(ctx context.Context, d Deps, q Request) (Report, error) {
	report := Report{Drifts: []Drift{}}
	v, err := newView(ctx, d.Connection, d.Topics)
	if err != nil {
		return report, err
	}
	a := &run{Deps: d, q: q, view: v, limiter: rate.NewLimiter(rate.Limit(q.Rate), 1)}
	shops := a.shops()
	for _, shop := range shops {
		a.of += len(byItem(v.states, shop))
	}
	for _, shop := range shops {
		if err := a.shop(ctx, shop, &report); err != nil {
			return report, fmt.Errorf("shop %d: %w", shop, err)
		}
		report.LastShop = shop
	}
	return report, nil
}

type run struct {
	Deps
	q        Request
	view     *view
	limiter  *rate.Limiter
	done, of int
}

func (a *run) shops() []int64 {
	all := map[int64]bool{}
	for key := range a.view.states {
		if (a.q.ShopID == 0 || key.ShopID == a.q.ShopID) && key.ShopID > a.q.After {
			all[key.ShopID] = true
		}
	}
	return slices.Sorted(maps.Keys(all))
}

// shop reads a shop's items and then looks which of its store SKUs moved
// meanwhile: they are left out, whatever they showed.
func (a *run) shop(ctx context.Context, shop int64, report *Report) error {
	before := byItem(a.view.states, shop)
	var found []Drift
	checked := map[schemas.Key]schemas.Position{}
	for _, item := range slices.Sorted(maps.Keys(before)) {
		shown, err := a.read(ctx, shop, item)
		if err != nil {
			return err
		}
		if shown == nil {
			report.Unread += len(before[item])
			continue
		}
		for _, s := range before[item] {
			checked[s.Key] = s.Newest.Position
		}
		found = append(found, compare(before[item], shown)...)
	}
	if err := a.view.update(ctx); err != nil {
		return err
	}
	still := func(key schemas.Key) bool {
		return !a.view.waits(key) && a.view.states[key].Newest.Position == checked[key]
	}
	for key := range checked {
		if still(key) {
			report.Checked++
		} else {
			report.LeftOut++
		}
	}
	found = slices.DeleteFunc(found, func(d Drift) bool {
		return !still(schemas.Key{Channel: d.Channel, ShopID: d.ShopID, StoreSKU: d.StoreSKU})
	})
	err := a.fix(ctx, found)
	report.Drifts = append(report.Drifts, ordered(found)...)
	return err
}

// maxReads is how often an item is read that is not answered for.
const maxReads = 3

// read is what an item shows; nil if the channel does not say.
func (a *run) read(ctx context.Context, shop, item int64) (shown []channels.ModelStock, err error) {
	defer func() {
		a.done++
		if a.Progress != nil {
			a.Progress(a.done, a.of)
		}
	}()
	for range maxReads {
		if err := a.limiter.Wait(ctx); err != nil {
			return nil, err
		}
		stocks, verdict := a.Channel.Read(ctx, shop, item)
		if verdict.Outcome == channels.Confirmed {
			return append([]channels.ModelStock{}, stocks...), nil
		}
		if class := verdict.Code.Class(); class != schemas.ClassThrottle && class != schemas.ClassInfrastructure {
			return nil, ctx.Err() // the next push will say why
		}
	}
	return nil, ctx.Err()
}
