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
	"stockpush/processor/stream/kafka"
	"stockpush/schemas"
)

// Fix selects the drifts to repair.
type Fix string

// The values of --fix.
const (
	FixNothing Fix = ""
	FixAbove   Fix = "above"
	FixAll     Fix = "all"
)

// Deps are the dependencies of an audit.
type Deps struct {
	Connection kafka.Connection
	Topics     schemas.Topics
	Channel    channels.Channel
	Producer   kafka.Producer
	// LogID is the current generation of the events topic. Events can only repeat its records.
	LogID uint16
	// Pace waits until a shop may be called again.
	Pace func(ctx context.Context, shopID int64) error
	// Shops is how many shops are read concurrently, at least 1.
	Shops int
	// FirstWait is the first backoff for a shop that does not answer; 0 is a second.
	FirstWait time.Duration
	// ReportProgress is called with the number of items read and the total. It may be nil.
	ReportProgress func(done, of int)
	// SaveProgress is called after each shop. Its error ends the audit. It may be nil.
	SaveProgress func(Progress) error
	// Keep keeps what was found in a shop. Its error is logged. It may be nil.
	Keep   func(context.Context, Checked) error
	Logger *slog.Logger
}

// Checked is what an audit found in one shop.
type Checked struct {
	Shop schemas.Shop
	// At is when the shop had been read, before anything was fixed.
	At     time.Time
	Drifts []Drift
	// Has reports whether a store SKU was compared.
	Has func(schemas.Key) bool
}

// Request selects what is audited.
type Request struct {
	// ShopID is one shop; 0 selects all shops that have a state.
	ShopID int64 `json:"shop_id"`
	// StoreSKU is one store SKU; empty selects all.
	StoreSKU string `json:"store_sku"`
	// After skips the shops up to this one.
	After int64 `json:"after"`
	Fix   Fix   `json:"fix"`
}

// Progress is where a later audit resumes.
type Progress struct {
	Request  Request `json:"request"`
	Finished []int64 `json:"finished"`
	Report   Report  `json:"report"`
}

// Report is the result of an audit.
type Report struct {
	// Checked counts the compared store SKUs. LeftOut counts those with another push under way,
	// still failing, or whose model now belongs to another store SKU. Missing counts those whose
	// model is not shown, Unread those whose item could not be read.
	Checked int     `json:"checked"`
	LeftOut int     `json:"left_out"`
	Missing int     `json:"missing"`
	Unread  int     `json:"unread"`
	Drifts  []Drift `json:"drifts"`
	// LastShop is the last shop that was finished in order; 0 if none.
	LastShop int64 `json:"last_shop"`
}

func (r *Report) add(of Report) {
	r.Checked += of.Checked
	r.LeftOut += of.LeftOut
	r.Missing += of.Missing
	r.Unread += of.Unread
	r.Drifts = append(r.Drifts, of.Drifts...)
}

// Run audits a request from where its progress ends; the zero progress is the start. If Run ends
// early, the report covers what was done.
func Run(ctx context.Context, d Deps, from Progress) (Report, error) {
	a := &run{Deps: d, progress: from}
	a.progress.Report.Drifts = append([]Drift{}, from.Report.Drifts...)
	q := from.Request
	wants := func(shop int64) bool { return (q.ShopID == 0 || shop == q.ShopID) && shop > q.After }
	var err error
	if a.view, err = newView(ctx, d, wants); err != nil {
		return a.progress.Report, err
	}
	a.view.storeSKU = q.StoreSKU
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

// run is an audit in progress; mu guards the fields below it.
type run struct {
	Deps
	shops []schemas.Shop

	mu       sync.Mutex
	view     *view
	progress Progress
	// partial are the drifts of unfinished shops.
	partial  []Drift
	done, of int
}

// shop reads a shop's items and then leaves out the store SKUs that changed during the read.
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
	at := time.Now()
	if err == nil {
		err = a.fix(ctx, of.Drifts)
	}
	if err == nil {
		a.keep(ctx, Checked{shop, at, of.Drifts, func(key schemas.Key) bool { return before[key] != nil }})
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if err != nil {
		a.partial = append(a.partial, fixed(of.Drifts)...)
		return fmt.Errorf("shop %d: %w", shop.ID, err)
	}
	return a.finish(shop, of)
}

func (a *run) keep(ctx context.Context, c Checked) {
	if a.Keep == nil {
		return
	}
	if err := a.Keep(ctx, c); err != nil {
		a.Logger.Warn("findings not kept, the page does not show them (run `stockpush setup`, and check clickhouse.addr)", "shop_id", c.Shop.ID, "error", err)
	}
}

// fixed returns the drifts for which an event was published.
func fixed(drifts []Drift) []Drift {
	return slices.DeleteFunc(slices.Clone(drifts), func(d Drift) bool { return !d.Fixed })
}

// begin updates a shop's states before its items are read.
func (a *run) begin(ctx context.Context, shop schemas.Shop) (map[schemas.Key]*schemas.State, Report, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := a.view.updateShop(ctx, shop); err != nil {
		return nil, Report{}, err
	}
	standing := a.view.expected(shop)
	return standing, Report{LeftOut: a.view.wanted(shop) - len(standing)}, nil
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

// judge leaves out the store SKUs that changed while the shop was read.
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

// finish adds a shop's result to the report. The caller holds a.mu.
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
	if a.SaveProgress == nil {
		return nil
	}
	return a.SaveProgress(*p)
}

func (a *run) sawItem() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.done++
	if a.ReportProgress != nil {
		a.ReportProgress(a.done, max(a.done, a.of))
	}
}
