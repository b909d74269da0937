package console_test

import (
	"bytes"
	"io"
	"net/http"
	"net/url"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"stockpush/channels"
	"stockpush/cmd/internal/console"
	"stockpush/cmd/internal/console/shown"
	"stockpush/schemas"
)

// described checks requests and answers against the served OpenAPI description.
type described struct {
	*desk
	doc    *openapi3.T
	router routers.Router
	// seen are the operations and statuses that occurred.
	seen map[string]bool
}

func newDescribed(t *testing.T) *described {
	d := &described{desk: newDesk(t), seen: map[string]bool{}}
	w := d.get("/api/v1/openapi.yaml")
	require.Equal(t, http.StatusOK, w.Code)
	var err error
	d.doc, err = openapi3.NewLoader().LoadFromData(w.Body.Bytes())
	require.NoError(t, err)
	require.NoError(t, d.doc.Validate(t.Context()))
	d.router, err = gorillamux.NewRouter(d.doc)
	require.NoError(t, err)
	openapi3filter.RegisterBodyDecoder("text/csv", openapi3filter.FileBodyDecoder)
	return d
}

// ask sends a request and checks it and its answer against the description. If the server refuses a
// request, the description must refuse it too, where it can.
func (d *described) ask(method, target, body string) int {
	t := d.t
	r := request(method, target, nil)
	if body != "" {
		r = request(method, target, body)
	}
	route, params, err := d.router.FindRoute(r)
	require.NoError(t, err, target)
	for name, value := range params {
		params[name], err = url.PathUnescape(value)
		require.NoError(t, err)
	}
	input := &openapi3filter.RequestValidationInput{
		Request: r, PathParams: params, Route: route,
		Options: &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc},
	}
	bad := openapi3filter.ValidateRequest(t.Context(), input)
	sent := request(method, target, nil)
	if body != "" {
		sent = request(method, target, body)
	}
	w := do(d.handler, sent)
	if w.Code == http.StatusOK {
		require.NoError(t, bad, "%s %s: the server accepts what the description refuses", method, target)
	}
	d.seen[route.Operation.OperationID] = d.seen[route.Operation.OperationID] || w.Code == http.StatusOK
	require.NoError(t, openapi3filter.ValidateResponse(t.Context(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: input, Status: w.Code, Header: w.Header(), Body: io.NopCloser(bytes.NewReader(w.Body.Bytes())),
		Options: &openapi3filter.Options{IncludeResponseStatus: true},
	}), "%s %s: %s", method, target, w.Body.String())
	return w.Code
}

func TestServerMatchesItsDescription(t *testing.T) {
	d := newDescribed(t)
	d.deps.Checker = shown.New(&shelf{verdict: channels.Verdict{Outcome: channels.Confirmed}}, d.deps.Reader)
	d.deps.Probes.Registry = prometheus.NewRegistry()
	d.handler = console.NewHandler(console.Config{}, d.deps)
	require.Equal(t, http.StatusOK, d.ask(http.MethodGet, "/api/v1/store-skus/shopee/10001/"+url.PathEscape(hostile)+"/live", ""))
	sku := "/api/v1/store-skus/shopee/10001/" + url.PathEscape(hostile) + "/records"
	filters := []string{"", "shop_id=10001", "store_sku=a%2Fb&store_sku=c", "merchant_sku=M-s", "status=Failed&status=Pending", "reason=sync_order&reason=Stock+Count",
		"failure_code=unknown", "since=24h&until=2026-01-31T08:00:00Z", "since=48h", "since=&until=", "cursor=", "limit=3", "format=csv"}
	for path, with := range map[string][]string{
		"/api/v1/store-skus":       append([]string{"still_failing=true", "order=newest"}, filters...),
		"/api/v1/merchant-skus":    append([]string{"still_failing=true", "order=key"}, filters...),
		sku:                        filters,
		"/api/v1/failures":         filters,
		"/api/v1/rejected-events":  {"", "since=1h", "limit=1", "format=csv"},
		"/api/v1/failure-codes":    filters[:9],
		"/api/v1/shops":            {"", "shop_id=10001"},
		"/api/v1/stats":            {"", "shop_id=10001&status=Failed", "reason=sync_order", "failure_code=unknown", "since=48h"},
		"/api/v1/retries/outcomes": {"event_id=a&event_id=b"},
		"/api/v1/openapi.yaml":     {""},
	} {
		for _, query := range with {
			require.Equal(t, http.StatusOK, d.ask(http.MethodGet, path+"?"+query, ""), path+"?"+query)
		}
		if path != "/api/v1/openapi.yaml" {
			require.Equal(t, http.StatusBadRequest, d.ask(http.MethodGet, path+"?misspelt=1", ""), path)
		}
	}
	for body, want := range map[string]int{
		`{"dry_run": true, "all": true}`: http.StatusOK,
		`{"dry_run": true, "shop_id": 10001, "failure_code": "unknown", "reason": ["sync_order"], "since": "24h", "limit": 5}`:   http.StatusOK,
		`{"dry_run": true, "event_ids": ["a"], "store_sku": ["a", "b"], "merchant_sku": "m", "status": "Failed", "until": "1h"}`: http.StatusOK,
		`{"event_ids": []}`:  http.StatusBadRequest,
		`{"limit": 0}`:       http.StatusBadRequest,
		`null`:               http.StatusBadRequest,
		`{}`:                 http.StatusBadRequest,
		`{"all": false}`:     http.StatusBadRequest,
		`{"shop_id": null}`:  http.StatusBadRequest,
		`{"misspelt": true}`: http.StatusBadRequest,
	} {
		require.Equal(t, want, d.ask(http.MethodPost, "/api/v1/retries", body), body)
	}
	for body, want := range map[string]int{
		`{"store_skus": [{"channel": "shopee", "shop_id": 10001, "store_sku": "none"}], "requested_by": "ana"}`: http.StatusOK,
		`{"store_skus": []}`: http.StatusBadRequest,
		`{}`:                 http.StatusBadRequest,
	} {
		require.Equal(t, want, d.ask(http.MethodPost, "/api/v1/pushes", body), body)
	}
	for path, item := range d.doc.Paths.Map() {
		for method, operation := range item.Operations() {
			require.True(t, d.seen[operation.OperationID], "%s %s is described but was never requested", method, path)
		}
	}
}

func TestDescriptionListsEveryEnumValue(t *testing.T) {
	doc := newDescribed(t).doc
	words := func(name string) []string {
		var all []string
		for _, word := range doc.Components.Schemas[name].Value.Enum {
			all = append(all, word.(string))
		}
		return all
	}
	var labels, slugs, codes, statuses []string
	for _, r := range schemas.Reasons() {
		labels, slugs = append(labels, r.Label()), append(slugs, r.Slug())
	}
	for _, c := range schemas.FailureCodes() {
		codes = append(codes, string(c))
	}
	for s := schemas.Pending; s <= schemas.Successfully; s++ {
		statuses = append(statuses, s.String())
	}
	require.Equal(t, labels, words("Reason"))
	require.Equal(t, slugs, words("ReasonSlug"))
	require.Equal(t, codes, words("FailureCode"))
	require.Equal(t, statuses, words("Status"))
}
