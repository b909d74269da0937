package pages_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"stockpush/cmd/internal/console/pages"
	"stockpush/cmd/internal/pushrecords"
	"stockpush/cmd/internal/retry"
	"stockpush/schemas"
)

func pick(sku string) string {
	return url.Values{"event_id": {"e-" + sku}, "shop_id": {"10001"}, "store_sku": {sku}}.Encode()
}

func TestRePushShowsPreviewThenProgress(t *testing.T) {
	p := &publisher{}
	h := pages.New(pages.Deps{Reader: sample(2), Retrier: p})
	form := url.Values{"scope": {"selected"}, "pick": {pick("a"), pick("b")}, "failure_code": {"item_not_found"}}
	status, page, _ := post(t, h, form)
	require.Equal(t, http.StatusOK, status)
	inert(t, page)
	require.Contains(t, page, "Re-push 2 now")
	require.Contains(t, page, "being re-pushed now")
	require.True(t, p.requests[0].DryRun)
	require.Equal(t, []string{"e-a", "e-b"}, p.requests[0].EventIDs)
	require.False(t, p.requests[0].All)
	require.Equal(t, pushrecords.Filter{Shops: []int64{10001}, StoreSKUs: []string{"a", "b"}}, p.requests[0].Filter)

	form.Set("confirm", "yes")
	status, _, headers := post(t, h, form)
	require.Equal(t, http.StatusSeeOther, status)
	require.False(t, p.requests[1].DryRun)
	p.outcomes = []retry.Outcome{{EventID: "new-1", Status: "Successfully", StoreSKU: "a", ShopID: 10001}}
	h = pages.New(pages.Deps{Reader: sample(2), Retrier: p}) // another console
	status, page, _ = get(t, h, headers.Get("Location"))
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, page, "1 of 2 are finished")
	require.Contains(t, page, `<noscript><meta http-equiv="refresh"`)
	require.Contains(t, page, "<b>1</b> being re-pushed now")
	p.outcomes = append(p.outcomes, retry.Outcome{EventID: "new-2", Status: "Skipped"})
	_, page, _ = get(t, h, headers.Get("Location"))
	require.Contains(t, page, "All 2 are finished")
	require.NotContains(t, page, "http-equiv")
}

func TestRePushNamesTheProxysUser(t *testing.T) {
	for header, want := range map[string]string{"": "", "X-User": "ann@example.com"} {
		p := &publisher{}
		form := url.Values{"scope": {"all"}, "confirm": {"yes"}}
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/push-records/re-push", strings.NewReader(form.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("X-User", "ann@example.com")
		pages.New(pages.Deps{Reader: sample(1), Retrier: p, UserHeader: header}).ServeHTTP(httptest.NewRecorder(), r)
		require.Equal(t, retry.Origin{Via: "page", RequestedBy: want, Remote: r.RemoteAddr}, p.requests[0].Origin)
	}
}

func TestAllMatchesAreSelectedByFilter(t *testing.T) {
	p := &publisher{}
	h := pages.New(pages.Deps{Reader: sample(2), Retrier: p})
	status, page, _ := post(t, h, url.Values{"scope": {"all"}, "pick": {pick("a")}, "failure_code": {"item_not_found"}, "shop_id": {"10001"}})
	require.Equal(t, http.StatusOK, status)
	require.Empty(t, p.requests[0].EventIDs)
	require.True(t, p.requests[0].All, "without a filter this is everything, as the user chose")
	require.Equal(t, pushrecords.Filter{Shops: []int64{10001}, FailureCodes: []schemas.FailureCode{schemas.ItemNotFound}}, p.requests[0].Filter)
	require.Contains(t, page, `<input type="hidden" name="failure_code" value="item_not_found">`)
}

func TestEmptySelectionPublishesNothing(t *testing.T) {
	for name, form := range map[string]url.Values{
		"nothing selected":     {"scope": {"selected"}},
		"confirmed, but empty": {"scope": {"selected"}, "confirm": {"yes"}},
		"no scope":             {"confirm": {"yes"}},
		"a pick of nothing":    {"scope": {"selected"}, "pick": {"x"}, "confirm": {"yes"}},
	} {
		t.Run(name, func(t *testing.T) {
			p := &publisher{}
			post(t, pages.New(pages.Deps{Reader: sample(2), Retrier: p}), form)
			require.Empty(t, p.requests)
		})
	}
}

// The preview is a link, so that Back returns to it, and it publishes nothing.
func TestPreviewOfARePushIsALink(t *testing.T) {
	p := &publisher{}
	h := pages.New(pages.Deps{Reader: sample(2), Retrier: p})
	_, list, _ := get(t, h, "/push-records?failure_code=item_not_found")
	require.Contains(t, list, `<form method="get" action="/push-records/re-push"`)
	require.Less(t, strings.Index(list, `id="bar"`), strings.Index(list, "<table"), "the keyboard comes to the buttons before the rows")
	status, page, _ := get(t, h, "/push-records/re-push?"+url.Values{"scope": {"selected"}, "pick": {pick("a")}, "confirm": {"yes"}}.Encode())
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, page, "Re-push 2 now")
	require.Contains(t, page, `<input type="hidden" name="pick" value="`)
	require.True(t, p.requests[0].DryRun, "a link never publishes")
	status, page, _ = get(t, h, "/push-records/re-push?scope=page&failure_code=item_not_found")
	require.Equal(t, http.StatusOK, status, page)
	require.Len(t, p.requests[1].EventIDs, 2, "all failures of the page")
}

func TestRePushAsksForAName(t *testing.T) {
	p := &publisher{}
	h := pages.New(pages.Deps{Reader: sample(1), Retrier: p})
	_, page, _ := get(t, h, "/push-records/re-push?scope=all", "Cookie", "stockpush_name=Nguy%E1%BB%85n+A")
	require.Contains(t, page, `name="requested_by" value="Nguyễn A"`)
	_, _, headers := post(t, h, url.Values{"scope": {"all"}, "confirm": {"yes"}, "requested_by": {" ann "}})
	require.Equal(t, "ann", p.requests[1].Origin.RequestedBy)
	require.Contains(t, headers.Get("Set-Cookie"), "stockpush_name=ann")
	h = pages.New(pages.Deps{Reader: sample(1), Retrier: p, UserHeader: "X-User"})
	_, page, _ = get(t, h, "/push-records/re-push?scope=all")
	require.NotContains(t, page, `name="requested_by"`, "the proxy knows")
}

// What is selected is a store SKU: a re-push takes its newest failure, and "Push now" any.
func TestSelectionTakesRowsThatDoNotFail(t *testing.T) {
	p, r := &publisher{}, sample(2)
	r.skus[1].LastPushStatus, r.skus[1].LastFailureCode, r.last[1].Status = "Successfully", "", "Successfully"
	r.last = r.last[:1]
	failing, healthy := r.skus[0].Key().String(), r.skus[1].Key().String()
	h := pages.New(pages.Deps{Reader: r, Retrier: p})
	_, list, _ := get(t, h, "/push-records")
	require.Equal(t, 2, strings.Count(list, `type="checkbox" name="key"`))
	require.Equal(t, 1, strings.Count(list, "data-failing"))
	require.Contains(t, list, `formmethod="post" formaction="/push-records/push-now"`)

	_, page, _ := get(t, h, "/push-records/re-push?"+url.Values{"scope": {"selected"}, "key": {failing, healthy, healthy}}.Encode())
	require.Equal(t, []string{r.last[0].EventID}, p.requests[0].EventIDs)
	require.Contains(t, page, "<b>1</b> not failing")
	_, page, _ = get(t, h, "/push-records/re-push?"+url.Values{"scope": {"selected"}, "key": {healthy}}.Encode())
	require.Len(t, p.requests, 1, "nothing of it fails")
	require.Contains(t, page, "<b>1</b> not failing")
	_, page, _ = get(t, h, "/push-records/re-push?"+url.Values{"scope": {"all"}, "key": {healthy}}.Encode())
	require.NotContains(t, page, "not failing", "all matches are not those selected")
	status, _, _ := get(t, h, "/push-records/re-push?scope=selected&key=nonsense")
	require.Equal(t, http.StatusBadRequest, status)
}

func TestPushNowKeepsTheNameGivenBefore(t *testing.T) {
	p := &publisher{}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/push-records/push-now", strings.NewReader("key=shopee%2F10001%2Fa"))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Cookie", "stockpush_name=Nguy%E1%BB%85n+A")
	pages.New(pages.Deps{Reader: sample(1), Retrier: p}).ServeHTTP(httptest.NewRecorder(), r)
	require.Equal(t, "Nguyễn A", p.pushes[0].Origin.RequestedBy)
}
