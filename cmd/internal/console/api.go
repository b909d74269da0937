package console

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"stockpush/cmd/internal/console/shown"
	"stockpush/cmd/internal/console/texts"
	"stockpush/cmd/internal/pushrecords"
	"stockpush/cmd/internal/retry"
	"stockpush/schemas"
)

// api serves the JSON API under /api/v1, which openapi.yaml describes.
type api struct {
	reader  *pushrecords.Reader
	retrier *retry.Retrier
	log     *slog.Logger
	checker *shown.Checker
	// userHeader is Config.UserHeader.
	userHeader string
}

//go:embed openapi.yaml
var openAPI []byte

func newAPI(cfg Config, d Deps) *api {
	return &api{reader: d.Reader, retrier: d.Retrier, log: d.Logger, checker: d.Checker, userHeader: cfg.UserHeader}
}

func (a *api) mount(mux *http.ServeMux) {
	routes := []struct {
		method, path string
		handle       func(http.ResponseWriter, *http.Request) error
	}{
		{http.MethodGet, "/api/v1/store-skus", byFormat(listOf("store-skus", statusParameters, a.reader.StoreSKUs), a.storeSKUFile)},
		{http.MethodGet, "/api/v1/merchant-skus", listOf("merchant-skus", statusParameters, a.reader.MerchantSKUs)},
		{http.MethodGet, storeSKUPath + "{key...}", a.storeSKU},
		{http.MethodGet, "/api/v1/failures", listOf("failures", recordParameters, a.reader.Failures)},
		{http.MethodGet, "/api/v1/rejected-events", listOf("rejected-events", rejectedParameters, a.reader.Rejected)},
		{http.MethodGet, "/api/v1/failure-codes", allOf(recordParameters, a.reader.CountsByFailureCode)},
		{http.MethodGet, "/api/v1/stats", allOf(statParameters, a.reader.Stats)},
		{http.MethodGet, "/api/v1/shops", allOf(shopParameters, a.reader.Shops)},
		{http.MethodPost, "/api/v1/retries", a.retry},
		{http.MethodPost, "/api/v1/pushes", a.push},
		{http.MethodGet, "/api/v1/retries/outcomes", a.outcomes},
		{http.MethodGet, "/api/v1/openapi.yaml", describe},
	}
	for _, route := range routes {
		mux.HandleFunc(route.method+" "+route.path, func(w http.ResponseWriter, r *http.Request) {
			if err := route.handle(w, r); err != nil {
				fail(w, r, err, a.log)
			}
		})
		mux.HandleFunc(route.path, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Allow", route.method)
			problem{Status: http.StatusMethodNotAllowed, Detail: r.Method + " is not " + route.method}.write(w)
		})
	}
	mux.HandleFunc("/api/", noSuchPath)
}

func noSuchPath(w http.ResponseWriter, r *http.Request) {
	problem{Status: http.StatusNotFound, Detail: "there is no " + r.URL.Path + "; see /api/v1/openapi.yaml"}.write(w)
}

func describe(w http.ResponseWriter, _ *http.Request) error {
	w.Header().Set("Content-Type", "application/yaml")
	_, _ = w.Write(openAPI) // the client may have disconnected
	return nil
}

// The parameters of each list.
var (
	recordParameters   = []string{"q", "shop_id", "store_sku", "merchant_sku", "status", "reason", "failure_code", "since", "until"}
	statusParameters   = append([]string{"still_failing", "no_merchant", "order"}, recordParameters...)
	rejectedParameters = []string{"q", "shop_id", "store_sku", "error_code", "since", "until"}
	statParameters     = []string{"shop_id", "status", "reason", "failure_code", "since", "until"}
	shopParameters     = []string{"shop_id"}
	pageParameters     = []string{"limit", "cursor", "format", "zone"}
)

// parameters reads a URL's query. An unknown parameter is an error, because a misspelt filter would
// select everything.
func parameters(r *http.Request, names []string) (url.Values, error) {
	v, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, &pushrecords.ParameterError{Name: "query", Problem: err.Error()}
	}
	for name := range v {
		if !slices.Contains(names, name) {
			return nil, &pushrecords.ParameterError{Name: name, Problem: "is not a parameter here; known are " + strings.Join(names, ", ")}
		}
	}
	return v, nil
}

type lister[T any] func(context.Context, pushrecords.Filter, pushrecords.Page) (pushrecords.List[T], error)

// listOf returns a handler that answers with one page of a list, or with the whole list as CSV.
func listOf[T any](name string, filters []string, list lister[T]) func(http.ResponseWriter, *http.Request) error {
	names := append(slices.Clone(filters), pageParameters...)
	return func(w http.ResponseWriter, r *http.Request) error {
		v, err := parameters(r, names)
		if err != nil {
			return err
		}
		f, err := pushrecords.ParseFilter(v, time.Now())
		if err != nil {
			return err
		}
		asCSV, err := wantsCSV(v, r)
		if err != nil {
			return err
		}
		p, err := parsePage(v, asCSV)
		if err != nil {
			return err
		}
		if asCSV {
			zone, err := zoneOf(v)
			if err != nil {
				return err
			}
			return export(w, r, file{name, zone, v.Get("format") == "csv"}, p, func(p pushrecords.Page) (pushrecords.List[T], error) { return list(r.Context(), f, p) })
		}
		page, err := list(r.Context(), f, p)
		if err != nil {
			return err
		}
		return respond(w, page)
	}
}

// byFormat uses one handler for JSON and another for CSV.
func byFormat(asJSON, asCSV func(http.ResponseWriter, *http.Request) error) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		if csv, err := wantsCSV(r.URL.Query(), r); err == nil && csv {
			return asCSV(w, r)
		}
		return asJSON(w, r)
	}
}

// storeSKUFile answers with the list of store SKUs as CSV, with hints for sellers in the reader's
// language.
func (a *api) storeSKUFile(w http.ResponseWriter, r *http.Request) error {
	language := texts.Of(r)
	list := func(ctx context.Context, f pushrecords.Filter, p pushrecords.Page) (pushrecords.List[pushrecords.FileRow], error) {
		file, err := a.reader.StoreSKUFile(ctx, f, p)
		for i := range file.Items {
			if row := &file.Items[i]; schemas.FailureCode(row.LastFailureCode).Valid() {
				row.Hint = language.T("hint." + row.LastFailureCode)
			}
		}
		return file, err
	}
	return listOf("store-skus", statusParameters, list)(w, r)
}

// allOf returns a handler that answers with a whole, small list.
func allOf[T any](names []string, ask func(context.Context, pushrecords.Filter) ([]T, error)) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		v, err := parameters(r, names)
		if err != nil {
			return err
		}
		f, err := pushrecords.ParseFilter(v, time.Now())
		if err != nil {
			return err
		}
		items, err := ask(r.Context(), f)
		if err != nil {
			return err
		}
		return respond(w, pushrecords.List[T]{Items: items})
	}
}

// storeSKUPath precedes the channel, shop and store SKU.
const storeSKUPath = "/api/v1/store-skus/"

// storeSKU routes requests about one store SKU. It splits the path itself, because http.ServeMux
// does not match a segment that is an encoded slash, and a store SKU may be one.
func (a *api) storeSKU(w http.ResponseWriter, r *http.Request) error {
	segments := strings.Split(strings.TrimPrefix(r.URL.EscapedPath(), storeSKUPath), "/")
	if len(segments) != 4 || segments[3] != "records" && segments[3] != "live" {
		noSuchPath(w, r)
		return nil
	}
	key, err := keyOf(segments[:3])
	if err != nil {
		return err
	}
	if segments[3] == "live" {
		return a.live(w, r, key)
	}
	list := func(ctx context.Context, f pushrecords.Filter, p pushrecords.Page) (pushrecords.List[pushrecords.Record], error) {
		return a.reader.History(ctx, key, f, p)
	}
	return listOf("records", recordParameters, list)(w, r)
}

// keyOf decodes a percent-encoded channel, shop and store SKU.
func keyOf(segments []string) (schemas.Key, error) {
	var words [3]string
	for i, segment := range segments {
		word, err := url.PathUnescape(segment)
		if err != nil {
			return schemas.Key{}, &pushrecords.ParameterError{Name: "store_sku", Problem: err.Error()}
		}
		words[i] = word
	}
	shop, err := strconv.ParseInt(words[1], 10, 64)
	if err != nil || shop <= 0 {
		return schemas.Key{}, &pushrecords.ParameterError{Name: "shop_id", Problem: fmt.Sprintf("%q is not a shop id, a whole number above 0", words[1])}
	}
	return schemas.Key{Channel: words[0], ShopID: shop, StoreSKU: words[2]}, nil
}

var orders = map[string]pushrecords.Order{"": pushrecords.ByKey, "key": pushrecords.ByKey, "newest": pushrecords.NewestFirst}

func parsePage(v url.Values, asCSV bool) (pushrecords.Page, error) {
	p := pushrecords.Page{Cursor: v.Get("cursor")}
	order, ok := orders[v.Get("order")]
	if !ok {
		return p, &pushrecords.ParameterError{Name: "order", Problem: fmt.Sprintf("%q is neither key nor newest", v.Get("order"))}
	}
	p.Order = order
	if asCSV {
		p.Limit = maxExport
	}
	if text := v.Get("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > maxExport {
			return p, &pushrecords.ParameterError{Name: "limit", Problem: fmt.Sprintf("%q is not a whole number within 1 to %d", text, maxExport)}
		}
		p.Limit = n
	}
	if !asCSV { // a page has no more, whatever was asked for
		p.Limit = min(p.Limit, pushrecords.MaxLimit)
	}
	return p, nil
}

func respond(w http.ResponseWriter, answer any) error {
	body, err := json.Marshal(answer)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(append(body, '\n')) // the client may have disconnected
	return nil
}
