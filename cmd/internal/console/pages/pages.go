// Package pages serves the Push Record pages: the lists by store SKU and by merchant SKU, a store
// SKU's history, rejected triggers, the overview's charts, and the re-push with its preview and
// progress.
//
// Pages are rendered on the server from the same queries that the JSON API uses. A small script
// shows new records; every form works without it. Texts are in package texts, which says how to add
// one; a text in a template fails the tests. Package retry decides which failures a re-push
// takes. The server that mounts the handler does authentication and sets headers. The handler is
// safe for concurrent use.
package pages

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"stockpush/cmd/internal/pushrecords"
	"stockpush/cmd/internal/retry"
	"stockpush/schemas"
)

// Reader reads from ClickHouse.
type Reader interface {
	Shops(context.Context, pushrecords.Filter) ([]pushrecords.Shop, error)
	StoreSKUs(context.Context, pushrecords.Filter, pushrecords.Page) (pushrecords.List[pushrecords.StoreSKU], error)
	MerchantSKUs(context.Context, pushrecords.Filter, pushrecords.Page) (pushrecords.List[pushrecords.StoreSKU], error)
	NewestFailures(context.Context, []schemas.Key) ([]pushrecords.Failure, error)
	History(context.Context, schemas.Key, pushrecords.Filter, pushrecords.Page) (pushrecords.List[pushrecords.Record], error)
	Rejected(context.Context, pushrecords.Filter, pushrecords.Page) (pushrecords.List[pushrecords.Rejected], error)
	MerchantGroups(context.Context, pushrecords.Filter, pushrecords.Page) (pushrecords.List[pushrecords.MerchantSKU], error)
	RePushes(context.Context, pushrecords.RePushFilter) ([]pushrecords.RePush, error)
	RejectedCauses(context.Context, pushrecords.Filter) ([]pushrecords.Count, error)
	RejectedSKUs(context.Context, pushrecords.Filter) ([]pushrecords.RejectedSKU, error)
	CountRejected(context.Context, pushrecords.Filter) (uint64, error)
	Findings(context.Context, []schemas.Key) (map[schemas.Key]pushrecords.Finding, error)
	Nearest(context.Context, pushrecords.Filter) ([]pushrecords.StoreSKU, error)
	FailingByCode(context.Context, pushrecords.Filter) ([]pushrecords.Count, error)
	Stats(context.Context, pushrecords.Filter) ([]pushrecords.Stat, error)
	StatsByMinute(context.Context, pushrecords.Filter) ([]pushrecords.Stat, error)
	Candidates(context.Context, pushrecords.Filter, []string, func(*pushrecords.Candidate) error) error
}

// Retrier publishes re-pushes and returns their outcomes.
type Retrier interface {
	Do(context.Context, retry.Request) (retry.Result, error)
	Push(context.Context, retry.PushRequest) (retry.Result, error)
	OfBatch(context.Context, string) ([]retry.Outcome, error)
}

// Deps are the pages' dependencies.
type Deps struct {
	Reader  Reader
	Retrier Retrier
	// Checker asks Shopee what it shows. Without one the page has no button for it.
	Checker Checker
	// Redriver publishes rejected triggers again. Without one the page has no button for it.
	Redriver Redriver
	// Logger logs the failures that users see. It may be nil.
	Logger *slog.Logger
	// LoggedIn reports that users log in, and so can log out.
	LoggedIn bool
	// Shadow says that pushes change nothing on Shopee, which every page tells.
	Shadow bool
	// UserHeader is the header in which a trusted proxy names the signed-in user. Empty means none.
	UserHeader string
}

// console is the handler. It has no state but caches: any instance answers any link.
type console struct {
	Deps
	now   func() time.Time
	names shopNames
	sets  templateSets
}

// The paths. A store SKU is in the query, which browsers do not normalise.
const (
	pathStoreSKUs    = "/push-records"
	pathMerchantSKUs = "/push-records/merchant-skus"
	pathHistory      = "/push-records/history"
	pathRejected     = "/push-records/rejected"
	pathShops        = "/push-records/shops"
	pathPushNow      = "/push-records/push-now"
	pathOverview     = "/push-records/overview"
	pathRePush       = "/push-records/re-push"
	pathRePushes     = "/push-records/re-pushes"
	pathRedrive      = "/push-records/redrive"
	pathLanguage     = "/push-records/language"
)

// New returns the handler of "/", "/push-records" and below, and "/static/".
func New(d Deps) http.Handler {
	if d.Logger == nil {
		d.Logger = slog.New(slog.DiscardHandler)
	}
	c := &console{Deps: d, now: time.Now}
	mux := http.NewServeMux()
	mux.Handle("GET /static/", static())
	begin := http.RedirectHandler(pathStoreSKUs, http.StatusSeeOther)
	mux.Handle("GET /{$}", begin)
	mux.Handle("GET "+pathRePush, c.page(c.rePush)) // the preview, so that Back returns to it
	mux.Handle("GET "+pathStoreSKUs, c.page(c.storeSKUs))
	mux.Handle("GET "+pathMerchantSKUs, c.page(c.merchantSKUs))
	mux.Handle("GET "+pathHistory, c.page(c.history))
	mux.Handle("GET "+pathShops, c.page(c.shops))
	mux.Handle("POST "+pathPushNow, c.page(c.pushNow))
	mux.Handle("GET "+pathPushNow, begin)
	mux.Handle("GET "+pathRejected, c.page(c.rejected))
	mux.Handle("GET "+pathOverview, c.page(c.overview))
	mux.Handle("GET "+pathRePushes, c.page(c.rePushes))
	mux.HandleFunc("GET "+pathLanguage, c.chooseLanguage)
	mux.Handle("POST "+pathRePush, c.page(c.rePush))
	mux.Handle("GET "+pathRePush+"/{id}", c.page(c.progress))
	mux.Handle("POST "+pathRedrive, c.page(c.redrivePreview))
	mux.Handle("GET "+pathRedrive, c.page(c.redriven))
	mux.Handle("/", c.page(func(*http.Request) (view, error) { return view{}, errNoPage }))
	return mux
}
