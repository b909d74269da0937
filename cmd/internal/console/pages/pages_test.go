package pages_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"

	"stockpush/cmd/internal/console/pages"
	"stockpush/cmd/internal/pushrecords"
	"stockpush/cmd/internal/retry"
	"stockpush/schemas"
)

// records is a fake Reader.
type records struct {
	shops    []pushrecords.Shop
	skus     []pushrecords.StoreSKU
	nearest  []pushrecords.StoreSKU
	groups   []pushrecords.MerchantSKU
	rePushed []pushrecords.RePush
	last     []pushrecords.Record
	history  []pushrecords.Record
	rejected []pushrecords.Rejected
	counts   []pushrecords.Count
	stats    []pushrecords.Stat
	minutes  []pushrecords.Stat
	findings map[schemas.Key]pushrecords.Finding
	asked    []pushrecords.Filter
	// skusRejected are the store SKUs with rejected triggers, counted the filters of CountRejected.
	skusRejected []pushrecords.RejectedSKU
	counted      []pushrecords.Filter
	err          error
}

func (r *records) StoreSKUs(_ context.Context, f pushrecords.Filter, p pushrecords.Page) (pushrecords.List[pushrecords.StoreSKU], error) {
	r.asked = append(r.asked, f)
	return pushrecords.List[pushrecords.StoreSKU]{Items: r.skus[:min(len(r.skus), p.Limit)], NextCursor: "next&page"}, r.err
}

func (r *records) MerchantSKUs(ctx context.Context, f pushrecords.Filter, p pushrecords.Page) (pushrecords.List[pushrecords.StoreSKU], error) {
	return r.StoreSKUs(ctx, f, p)
}

func (r *records) NewestFailures(_ context.Context, keys []schemas.Key) ([]pushrecords.Failure, error) {
	var failures []pushrecords.Failure
	for _, record := range r.last {
		if slices.Contains(keys, record.Key()) {
			failures = append(failures, pushrecords.Failure{Record: record})
		}
	}
	return failures, r.err
}

func (r *records) History(context.Context, schemas.Key, pushrecords.Filter, pushrecords.Page) (pushrecords.List[pushrecords.Record], error) {
	return pushrecords.List[pushrecords.Record]{Items: r.history}, r.err
}

func (r *records) Rejected(_ context.Context, _ pushrecords.Filter, p pushrecords.Page) (pushrecords.List[pushrecords.Rejected], error) {
	return pushrecords.List[pushrecords.Rejected]{Items: r.rejected[:min(len(r.rejected), p.Limit)]}, r.err
}

func (r *records) MerchantGroups(context.Context, pushrecords.Filter, pushrecords.Page) (pushrecords.List[pushrecords.MerchantSKU], error) {
	return pushrecords.List[pushrecords.MerchantSKU]{Items: r.groups}, r.err
}

func (r *records) Findings(context.Context, []schemas.Key) (map[schemas.Key]pushrecords.Finding, error) {
	return r.findings, r.err
}

func (r *records) RePushes(_ context.Context, f pushrecords.RePushFilter) ([]pushrecords.RePush, error) {
	r.asked = append(r.asked, f.Filter)
	return r.rePushed, r.err
}

func (r *records) RejectedCauses(context.Context, pushrecords.Filter) ([]pushrecords.Count, error) {
	return []pushrecords.Count{{Value: "unknown_reason", N: uint64(len(r.rejected))}}, r.err
}

func (r *records) RejectedSKUs(context.Context, pushrecords.Filter) ([]pushrecords.RejectedSKU, error) {
	return r.skusRejected, r.err
}

func (r *records) CountRejected(_ context.Context, f pushrecords.Filter) (uint64, error) {
	r.counted = append(r.counted, f)
	return uint64(len(r.rejected)), r.err
}

func (r *records) Shops(context.Context, pushrecords.Filter) ([]pushrecords.Shop, error) {
	return r.shops, r.err
}

func (r *records) Nearest(context.Context, pushrecords.Filter) ([]pushrecords.StoreSKU, error) {
	return r.nearest, r.err
}

func (r *records) FailingByCode(context.Context, pushrecords.Filter) ([]pushrecords.Count, error) {
	return r.counts, r.err
}

func (r *records) Stats(context.Context, pushrecords.Filter) ([]pushrecords.Stat, error) {
	return r.stats, r.err
}

func (r *records) StatsByMinute(context.Context, pushrecords.Filter) ([]pushrecords.Stat, error) {
	return r.minutes, r.err
}

func (r *records) Candidates(_ context.Context, _ pushrecords.Filter, _ []string, take func(*pushrecords.Candidate) error) error {
	for _, record := range r.last {
		if record.Status != "Failed" {
			continue
		}
		if err := take(&pushrecords.Candidate{Record: record, Newest: true}); err != nil {
			return err
		}
	}
	return r.err
}

// publisher is a fake Retrier that records what it was asked to publish.
type publisher struct {
	requests []retry.Request
	pushes   []retry.PushRequest
	outcomes []retry.Outcome
}

func (p *publisher) Do(_ context.Context, q retry.Request) (retry.Result, error) {
	p.requests = append(p.requests, q)
	result := retry.Result{Matched: 3, Published: 2, LeftOut: map[string]int{retry.OnItsWay: 1}, EventIDs: []string{}}
	if !q.DryRun {
		result.EventIDs = []string{batch + "-1", batch + "-2"}
	}
	return result, nil
}

func (p *publisher) Push(_ context.Context, q retry.PushRequest) (retry.Result, error) {
	p.pushes = append(p.pushes, q)
	return retry.Result{Matched: 1, Published: 1, LeftOut: map[string]int{}, EventIDs: []string{batch + "-1"}}, nil
}

func (p *publisher) OfBatch(context.Context, string) ([]retry.Outcome, error) {
	return p.outcomes, nil
}

// batch is a re-push of now. ClickHouse has expired all of longAgo, which is of 2022.
var batch = uuid.Must(uuid.NewV7()).String()

const longAgo = "0180d3b2-7c1e-7a55-8000-000000000000"

const evil = `<script>alert(1)</script>"'&/..`

func failing(sku string, n int) (pushrecords.StoreSKU, pushrecords.Record) {
	at := time.Now().Add(-time.Duration(n) * time.Minute)
	status := pushrecords.StoreSKU{
		Channel: "shopee", ShopID: 10001, StoreSKU: sku, MerchantSKU: evil, LastPushQty: 44, Available: 41, PromotionReserved: 3, LastPushStatus: "Failed",
		LastReason: "Sync Order", LastFailureCode: "item_not_found", LastFailureReason: evil, LastTriggeredAt: at, LastFinishedAt: &at,
	}
	record := pushrecords.Record{
		Channel: "shopee", ShopID: 10001, StoreSKU: sku, MerchantSKU: evil, EventID: "e-" + sku, Reason: "Sync Order", Status: "Failed",
		Available: 41, PromotionReserved: 3, PushQty: 44, FailureCode: "item_not_found", FailureReason: evil, SupersededBy: "",
		RequestID: evil, TriggeredAt: at, FinishedAt: &at, EventOffset: int64(n),
	}
	return status, record
}

func sample(n int) *records {
	r := &records{counts: []pushrecords.Count{{Value: "item_not_found", N: 12}, {Value: "holiday_mode", N: 3}}}
	for i := range n {
		sku := fmt.Sprintf("%s-%02d", evil, i)
		status, record := failing(sku, i)
		r.skus, r.last = append(r.skus, status), append(r.last, record)
	}
	r.history = r.last
	r.rejected = []pushrecords.Rejected{{SourceTopic: "stockpush.events", ErrorCode: "unknown_reason", ErrorField: evil, ErrorMessage: evil, Key: evil, Value: evil + "\xff", ReceivedAt: time.Now()}}
	hour := time.Now().UTC().Truncate(time.Hour)
	for i := range 24 {
		at := hour.Add(time.Duration(i-23) * time.Hour)
		r.stats = append(r.stats, pushrecords.Stat{At: at, Status: "Successfully", Reason: "Sync Order", Records: 100, P50: 1200, P99: 2400},
			pushrecords.Stat{At: at, Status: "Failed", Reason: "Sync Order", FailureCode: "item_not_found", Records: 3, P50: 1, P99: 2},
			pushrecords.Stat{At: at, Status: "Skipped", Reason: "Sync Order", Records: 206})
	}
	return r
}

var historyOfEvil = "/push-records/history?" + url.Values{"shop_id": {"10001"}, "store_sku": {evil}}.Encode()

func get(t *testing.T, h http.Handler, path string, headers ...string) (int, string, http.Header) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	body, err := io.ReadAll(w.Result().Body)
	require.NoError(t, err)
	return w.Code, string(body), w.Header()
}

func post(t *testing.T, h http.Handler, form url.Values) (int, string, http.Header) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/push-records/re-push", strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Code, w.Body.String(), w.Header()
}

// inert asserts that a page has one script, which is a file, and nothing inline.
func inert(t *testing.T, page string) {
	t.Helper()
	document, err := html.Parse(strings.NewReader(page))
	require.NoError(t, err)
	for node := range document.Descendants() {
		if node.Data == "script" {
			require.Nil(t, node.FirstChild)
			require.True(t, strings.HasPrefix(node.Attr[0].Val, "/static/"))
		}
		require.NotEqual(t, "style", node.Data)
		for _, a := range node.Attr {
			require.NotEqual(t, "style", a.Key)
			require.False(t, strings.HasPrefix(a.Key, "on"), a.Key)
			require.False(t, strings.HasPrefix(strings.ToLower(a.Val), "javascript:"))
		}
	}
	require.Equal(t, 1, strings.Count(page, "<script"))
}

func TestEveryPageEscapesAndIsSmall(t *testing.T) {
	h := pages.New(pages.Deps{Reader: sample(50), Retrier: &publisher{}})
	for _, path := range []string{
		"/push-records", "/push-records?" + url.Values{"store_sku": {evil, "b"}, "status": {"Failed"}, "since": {"24h"}, "still_failing": {"true"}}.Encode(),
		"/push-records/merchant-skus", historyOfEvil, "/push-records/rejected", "/push-records/overview",
	} {
		t.Run(path, func(t *testing.T) {
			status, page, _ := get(t, h, path)
			require.Equal(t, http.StatusOK, status, page)
			inert(t, page)
			require.Less(t, len(page), 200_000)
			t.Logf("%d bytes", len(page))
		})
	}
}

func TestEveryPageTellsOfShadowMode(t *testing.T) {
	for _, shadow := range []bool{false, true} {
		h := pages.New(pages.Deps{Reader: sample(2), Retrier: &publisher{}, Shadow: shadow})
		for _, path := range []string{"/push-records", "/push-records/merchant-skus", historyOfEvil, "/push-records/rejected", "/push-records/overview", "/nothing"} {
			_, page, _ := get(t, h, path)
			require.Equal(t, shadow, strings.Contains(page, "Nothing is changed on Shopee"), path)
		}
	}
}

// A page of the longest rows: SKUs of 255 quotes, which escaping makes five times as long, and long
// messages.
func TestPageOfLongestRowsIsSmall(t *testing.T) {
	r := sample(50)
	r.rejected = make([]pushrecords.Rejected, 50)
	for i := range r.skus {
		long := strings.Repeat(`"`, 250) + fmt.Sprintf("%05d", i)
		why := strings.Repeat(`"because" `, 250)
		r.skus[i].StoreSKU, r.skus[i].MerchantSKU, r.skus[i].LastFailureReason = long, long, why
		last := &r.last[i]
		last.StoreSKU, last.MerchantSKU, last.EventID, last.FailureReason, last.RequestID, last.SupersededBy, last.RetryOf = long, long, long[191:], why, long, long[191:], long[191:]
		r.rejected[i] = pushrecords.Rejected{ErrorCode: "unknown_reason", ErrorField: "reason", ErrorMessage: why, Key: long, Value: strings.Repeat(why, 30), SourceOffset: int64(i)}
	}
	r.history = append(append([]pushrecords.Record{}, r.last...), r.last...)
	h := pages.New(pages.Deps{Reader: r, Retrier: &publisher{}})
	for _, path := range []string{"/push-records", "/push-records/merchant-skus?no_merchant=true", historyOfEvil, "/push-records/rejected"} {
		status, page, _ := get(t, h, path)
		require.Equal(t, http.StatusOK, status)
		require.Less(t, len(page), 200_000, path)
		require.Greater(t, len(page), 100_000, path)
	}
}

func TestFailureShowsCauseAndHint(t *testing.T) {
	_, page, _ := get(t, pages.New(pages.Deps{Reader: sample(1), Retrier: &publisher{}}), "/push-records")
	require.Contains(t, page, "Item not found")
	require.Contains(t, page, schemas.ItemNotFound.Hint())
	require.Contains(t, page, "41 + 3")
	require.Contains(t, page, `<b>15</b> still failing`)
	require.Contains(t, page, "cursor=next%26page")
}

func TestHistoryShowsTheReserveThatShopeeNamed(t *testing.T) {
	r, floor := sample(1), int64(1250)
	h := pages.New(pages.Deps{Reader: r, Retrier: &publisher{}})
	_, page, _ := get(t, h, historyOfEvil)
	require.NotContains(t, page, "Shopee reserves")
	r.history[0].PromotionFloor = &floor
	_, page, _ = get(t, h, historyOfEvil)
	require.Contains(t, page, "Shopee reserves <b>1,250</b> for a promotion.")
}

func TestLinkFilterReachesTheReader(t *testing.T) {
	r := sample(1)
	status, page, _ := get(t, pages.New(pages.Deps{Reader: r, Retrier: &publisher{}}), "/push-records?status=Failed&status=Pending&store_sku=a%0D%0Ab%0D%0A&since=1h&failure_code=item_not_found")
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, []string{"a", "b"}, r.asked[0].StoreSKUs)
	require.Equal(t, []schemas.Status{schemas.Failed, schemas.Pending}, r.asked[0].Statuses)
	require.Contains(t, page, "since=1h", "a relative age stays relative")
	require.Contains(t, page, "All matches (12)")
	require.Contains(t, page, `aria-label="Remove the filter failure: Item not found"`)
}

func TestErrorsAreExplained(t *testing.T) {
	down := &records{err: fmt.Errorf("ask ClickHouse: %w", pushrecords.ErrUnavailable)}
	for _, c := range []struct {
		name, path string
		reader     *records
		status     int
		says       string
	}{
		{"ClickHouse is down", "/push-records", down, http.StatusServiceUnavailable, "ClickHouse does not answer"},
		{"the cause, for an administrator", "/push-records", down, http.StatusServiceUnavailable, `<details class="admin"><summary>`},
		{"a filter that does not exist", "/push-records?status=Gone", sample(1), http.StatusBadRequest, "status"},
		{"a history without a shop", "/push-records/history?store_sku=x", sample(1), http.StatusBadRequest, "shop_id"},
		{"no such page", "/push-records/elsewhere", sample(1), http.StatusNotFound, "no such page"},
		{"another error", "/push-records", &records{err: errors.New("secret detail")}, http.StatusInternalServerError, "Tell your administrator"},
		{"an unknown re-push", "/push-records/re-push/" + longAgo + "?published=3", sample(1), http.StatusNotFound, "Nothing is known"},
		{"an invalid re-push id", "/push-records/re-push/none", sample(1), http.StatusNotFound, "no such page"},
	} {
		t.Run(c.name, func(t *testing.T) {
			status, page, _ := get(t, pages.New(pages.Deps{Reader: c.reader, Retrier: &publisher{}}), c.path)
			require.Equal(t, c.status, status)
			require.Contains(t, page, c.says)
			require.NotContains(t, page, "secret detail")
		})
	}
}

func TestUnchangedPageIsNotSentAgain(t *testing.T) {
	r := sample(3)
	h := pages.New(pages.Deps{Reader: r, Retrier: &publisher{}})
	status, part, headers := get(t, h, "/push-records", "Stockpush-Live", "1")
	require.Equal(t, http.StatusOK, status)
	require.NotContains(t, part, "<html")
	tag := headers.Get("ETag")
	status, _, _ = get(t, h, "/push-records", "Stockpush-Live", "1", "If-None-Match", tag)
	require.Equal(t, http.StatusNotModified, status)
	r.skus[0].LastPushQty++
	status, _, _ = get(t, h, "/push-records", "Stockpush-Live", "1", "If-None-Match", tag)
	require.Equal(t, http.StatusOK, status)
}

func TestConsecutiveSkippedRecordsAreOneEntry(t *testing.T) {
	r := sample(0)
	for i := range 100 {
		r.history = append(r.history, pushrecords.Record{EventID: fmt.Sprint("e-", 100-i), EventOffset: int64(100 - i), Status: "Skipped", SupersededBy: "e-100", TriggeredAt: time.Now()})
	}
	r.history[0].Status, r.history[0].SupersededBy = "Successfully", ""
	_, page, _ := get(t, pages.New(pages.Deps{Reader: r, Retrier: &publisher{}}), historyOfEvil)
	require.Contains(t, page, "× 99")
	require.Equal(t, 2, strings.Count(page, "data-key="))
	require.Contains(t, page, `href="#at-100"`)
	require.Less(t, len(page), 200_000)
}

func TestStaticFilesAreCached(t *testing.T) {
	h := pages.New(pages.Deps{Reader: sample(0), Retrier: &publisher{}})
	_, page, _ := get(t, h, "/push-records")
	document, err := html.Parse(strings.NewReader(page))
	require.NoError(t, err)
	files := 0
	for node := range document.Descendants() {
		for _, a := range node.Attr {
			if strings.HasPrefix(a.Val, "/static/") {
				status, _, headers := get(t, h, a.Val)
				require.Equal(t, http.StatusOK, status)
				require.Contains(t, headers.Get("Cache-Control"), "immutable")
				files++
			}
		}
	}
	require.Equal(t, 3, files)
	status, _, _ := get(t, h, "/static/")
	require.Equal(t, http.StatusNotFound, status)
}

func TestRootRedirectsToTheList(t *testing.T) {
	h := pages.New(pages.Deps{Reader: sample(0), Retrier: &publisher{}})
	for _, path := range []string{"/", "/push-records/re-push"} {
		status, _, headers := get(t, h, path)
		require.Equal(t, http.StatusSeeOther, status)
		require.Equal(t, "/push-records", headers.Get("Location"))
	}
}
