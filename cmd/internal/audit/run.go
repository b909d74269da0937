package audit

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

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
	// Pace waits until a shop may be asked once more.
	Pace func(ctx context.Context, shopID int64) error
	// Shops is how many shops are read at the same time, at least 1.
	Shops int
	// Patience is how long the first wait is for a shop that does not answer; 0 is a second.
	Patience time.Duration
	// Seen is told how many items of how many were read; nil is fine.
	Seen func(done, of int)
	// Keep is told after each shop how far the audit is; its error ends it. Nil is fine.
	Keep   func(Progress) error
	Logger *slog.Logger
}

// Request chooses what is audited.
type Request struct {
	// ShopID is one shop; 0 is all that have a state.
	ShopID int64 `json:"shop_id"`
	// After leaves out the shops up to this one.
	After int64 `json:"after"`
	Fix   Fix   `json:"fix"`
}

// Progress is how far an audit is: what a later one needs to go on.
type Progress struct {
	Request  Request `json:"request"`
	Finished []int64 `json:"finished"`
	Report   Report  `json:"report"`
}

// Report is what an audit found.
type Report struct {
	// Checked are store SKUs that were compared, LeftOut those that are on their
	// way to another quantity, still failing, or share a model that is another's
	// by now; Missing those whose model is not shown, Unread those whose item could
	// not be read.
	Checked int     `json:"checked"`
	LeftOut int     `json:"left_out"`
	Missing int     `json:"missing"`
	Unread  int     `json:"unread"`
	Drifts  []Drift `json:"drifts"`
	// LastShop is the last of the shops that were finished in order; 0 if none.
	LastShop int64 `json:"last_shop"`
}

func (r *Report) add(of Report) {
	r.Checked += of.Checked
	r.LeftOut += of.LeftOut
	r.Missing += of.Missing
	r.Unread += of.Unread
	r.Drifts = append(r.Drifts, of.Drifts...)
}

// Run audits from where a progress of the same request ends; the zero one is the
// start. The report is good as far as it went when it ends early.
func Run(ctx context.Context, d Deps, from Progress) (Report, error) {
	a := &run{Deps: d, progress: from}
	a.progress.Report.Drifts = append([]Drift{}, from.Report.Drifts...)
	q := from.Request
	wants := func(shop int64) bool { return (q.ShopID == 0 || shop == q.ShopID) && shop > q.After }
	var err error
	if a.view, err = newView(ctx, d, wants); err != nil {
		return a.progress.Report, err
	}
	a.shops = slices.SortedFunc(maps.Keys(a.view.states), func(x, y schemas.Shop) int { return cmp.Compare(x.ID, y.ID) })
	left := slices.DeleteFunc(slices.Clone(a.shops), func(s schemas.Shop) bool { return slices.Contains(from.Finished, s.ID) })
	for _, shop := range left {
		a.of += len(byItem(a.view.expected(shop)))
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(max(1, d.Shops))
	for _, shop := range left {
		group.Go(func() error { return a.shop(ctx, shop) })
	}
	err = group.Wait()
	report := a.progress.Report
	report.add(Report{Drifts: a.partial})
	report.Drifts = ordered(report.Drifts)
	return report, err
}

// run is an audit at work; mu guards what follows it.
type run struct {
	Deps
	shops []schemas.Shop

	mu       sync.Mutex
	view     *view
	progress Progress
	// partial are the drifts of shops that could not be finished.
	partial  []Drift
	done, of int
}

// shop reads a shop's items and then looks which of its store SKUs moved
// meanwhile: they are left out, whatever they showed.
func (a *run) shop(ctx context.Context, shop schemas.Shop) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	before, of, err := a.begin(ctx, shop)
	if err == nil {
		of, err = a.compareItems(ctx, shop, before, of)
	}
	if err == nil {
		of, err = a.judge(ctx, shop, before, of)
	}
	if err == nil {
		err = a.fix(ctx, of.Drifts)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if err != nil {
		a.partial = append(a.partial, fixed(of.Drifts)...)
		return fmt.Errorf("shop %d: %w", shop.ID, err)
	}
	return a.finish(shop, of)
}

// fixed are the drifts of which an event was published.
func fixed(drifts []Drift) []Drift {
	return slices.DeleteFunc(slices.Clone(drifts), func(d Drift) bool { return !d.Fixed })
}

// begin brings a shop's states up to date, from where on its reads count.
func (a *run) begin(ctx context.Context, shop schemas.Shop) (map[schemas.Key]*schemas.State, Report, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := a.view.updateShop(ctx, shop); err != nil {
		return nil, Report{}, err
	}
	standing := a.view.expected(shop)
	return standing, Report{LeftOut: len(a.view.states[shop]) - len(standing)}, nil
}

func (a *run) compareItems(ctx context.Context, shop schemas.Shop, standing map[schemas.Key]*schemas.State, of Report) (Report, error) {
	items := byItem(standing)
	closed := false
	for _, item := range slices.Sorted(maps.Keys(items)) {
		var shown []channels.ModelStock
		err := errShopClosed
		if !closed {
			shown, err = a.read(ctx, shop.ID, item)
		}
		closed = closed || errors.Is(err, errShopClosed)
		a.sawItem()
		switch {
		case err == nil:
			drifts, missing := compare(items[item], shown)
			of.Drifts, of.Missing = append(of.Drifts, drifts...), of.Missing+missing
		case closed || errors.Is(err, errUnreadable):
			of.Unread += len(items[item])
			for _, s := range items[item] {
				delete(standing, s.Key)
			}
		default:
			return of, err
		}
	}
	return of, nil
}

// judge leaves out what moved while the shop was read.
func (a *run) judge(ctx context.Context, shop schemas.Shop, before map[schemas.Key]*schemas.State, of Report) (Report, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := a.view.updateShop(ctx, shop); err != nil {
		return Report{}, err
	}
	now := a.view.expected(shop)
	for key, s := range before {
		if still := now[key]; still == nil || still.Newest.Position != s.Newest.Position {
			delete(before, key)
			of.LeftOut++
		}
	}
	of.Checked = len(before)
	of.Drifts = slices.DeleteFunc(of.Drifts, func(d Drift) bool { return before[d.key()] == nil })
	return of, nil
}

// finish adds a shop's part to the report; a.mu is held.
func (a *run) finish(shop schemas.Shop, of Report) error {
	p := &a.progress
	p.Report.add(of)
	p.Finished = append(p.Finished, shop.ID)
	p.Report.LastShop = 0
	for _, s := range a.shops {
		if !slices.Contains(p.Finished, s.ID) {
			break
		}
		p.Report.LastShop = s.ID
	}
	if a.Keep == nil {
		return nil
	}
	return a.Keep(*p)
}

func (a *run) sawItem() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.done++
	if a.Seen != nil {
		a.Seen(a.done, max(a.done, a.of))
	}
}
