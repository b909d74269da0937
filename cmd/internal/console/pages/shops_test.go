package pages_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockpush/cmd/internal/console/pages"
	"stockpush/cmd/internal/pushrecords"
	"stockpush/schemas"
)

// stopped has a store SKU that waits because its shop's breaker is open.
func stopped() *records {
	r := sample(1)
	next, calls, confirmed := time.Date(2026, 11, 30, 12, 3, 7, 0, time.UTC), int64(3), int64(55)
	why := pushrecords.Waiting{LastAnswerCode: "channel_unavailable", LastAnswer: "Our servers are busy.", NextAttemptAt: &next}
	s := &r.skus[0]
	s.LastPushStatus, s.LastFailureCode, s.Pending, s.Attempts, s.Waiting = "Pending", "", 1, &calls, why
	s.Available, s.PromotionReserved, s.LastPushQty, s.Oversold = -82, 0, 0, true
	s.ConfirmedQty, s.ConfirmedAt = &confirmed, &next
	h := &r.history[0]
	h.Status, h.FailureCode, h.FinishedAt, h.Attempts, h.Waiting = "Pending", "", nil, 3, why
	h.Available = -82
	r.shops = []pushrecords.Shop{
		{Channel: "shopee", ShopID: 10001, ShopName: "Shop <A>", State: "breaker_open", Since: &next, Until: &next, Code: "channel_unavailable",
			Message: evil, Waiting: 7, OldestWaitingAt: &next, Failing: 2},
		{Channel: "shopee", ShopID: 10002, State: "ok", AuthorizationEndsAt: &next},
	}
	return r
}

func TestRowAndHistorySayWhyARecordIsPending(t *testing.T) {
	h := pages.New(pages.Deps{Reader: stopped(), Retrier: &publisher{}})
	for _, path := range []string{"/push-records", "/push-records/merchant-skus?no_merchant=true", historyOfEvil} {
		_, page, _ := get(t, h, path)
		for _, words := range []string{
			"3 calls so far", "Shopee said:", "Our servers are busy.", "next try 30 Nov, 12:03:07", "Shop &lt;A&gt; (10001): Shopee does not answer",
			"−82 counts as 0 (oversold by 82)", "55",
		} {
			require.Contains(t, page, words, path)
		}
	}
	_, page, _ := get(t, h, "/push-records")
	require.Contains(t, page, "to push")
	require.Contains(t, page, "Shopee confirmed 55")
	_, page, _ = get(t, h, historyOfEvil)
	require.Contains(t, page, "To push")
	_, page, _ = get(t, pages.New(pages.Deps{Reader: sample(1), Retrier: &publisher{}}), historyOfEvil)
	require.Contains(t, page, "Refused")
}

func TestShopsTabSaysWhoIsStuckAndWhatToDo(t *testing.T) {
	h := pages.New(pages.Deps{Reader: stopped(), Retrier: &publisher{}})
	status, page, _ := get(t, h, "/push-records/shops")
	require.Equal(t, http.StatusOK, status)
	for _, words := range []string{
		"Shop &lt;A&gt;", "Shopee does not answer", "since", "channel_unavailable", "What to do:", "tried again automatically", "next try 30 Nov, 12:03:07",
		"/push-records?shop_id=10001&amp;status=Pending", "/push-records?shop_id=10001&amp;still_failing=true", "Shop 10002", "Authorization ends", ">30 Nov 2026, 12:03:07<",
	} {
		require.Contains(t, page, words)
	}
	require.NotContains(t, page, evil)
	held := stopped()
	held.shops[0].State, held.shops[0].Code = "held", "authorization_lost"
	_, page, _ = get(t, pages.New(pages.Deps{Reader: held, Retrier: &publisher{}}), "/push-records/shops")
	require.Equal(t, 1, strings.Count(page, "What to do:"), "a held shop has one advice, that of its code")
	require.Contains(t, page, "Ask your administrator to authorize the shop again")
	_, page, _ = get(t, h, "/push-records/shops", "Accept-Language", "th")
	require.Contains(t, page, "Shopee ไม่ตอบ (breaker_open)")
	for _, s := range schemas.ShopStates() {
		r := stopped()
		r.shops[0].State = s.String()
		_, page, _ = get(t, pages.New(pages.Deps{Reader: r, Retrier: &publisher{}}), "/push-records/shops")
		require.NotContains(t, page, "state."+s.String(), "every state has its text")
		require.NotContains(t, page, "statetodo.")
	}
}

func TestNamesOfShopsAreShownInListsFiltersAndHistories(t *testing.T) {
	h := pages.New(pages.Deps{Reader: stopped(), Retrier: &publisher{}})
	for _, path := range []string{"/push-records?shop_id=10001&shop_id=10009", "/push-records/merchant-skus?no_merchant=true", historyOfEvil} {
		_, page, _ := get(t, h, path)
		require.Contains(t, page, "Shop &lt;A&gt; (10001)", path)
	}
	_, page, _ := get(t, h, "/push-records?shop_id=10001&shop_id=10009")
	for _, option := range []string{`<option value="10001" selected>Shop &lt;A&gt; (10001)<`, `<option value="10002">Shop 10002<`, `<option value="10009" selected>Shop 10009<`} {
		require.Contains(t, page, option)
	}
	unnamed := stopped()
	unnamed.shops[0].ShopName = ""
	_, page, _ = get(t, pages.New(pages.Deps{Reader: unnamed, Retrier: &publisher{}}), "/push-records")
	require.Contains(t, page, `<textarea id="f-shop"`, "without names a number is typed")
}

func TestPushNowPublishesAndShowsTheProgress(t *testing.T) {
	p := &publisher{}
	h := pages.New(pages.Deps{Reader: stopped(), Retrier: p})
	_, page, _ := get(t, h, historyOfEvil)
	require.Contains(t, page, "/push-records/push-now")
	send := func(keys ...string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(http.MethodPost, "/push-records/push-now", strings.NewReader(url.Values{"key": keys}.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w
	}
	w := send("shopee/10001/a/b", "shopee/10002/c")
	require.Equal(t, http.StatusSeeOther, w.Code)
	require.Contains(t, w.Header().Get("Location"), "/push-records/re-push/"+batch)
	require.Equal(t, []schemas.Key{{Channel: "shopee", ShopID: 10001, StoreSKU: "a/b"}, {Channel: "shopee", ShopID: 10002, StoreSKU: "c"}}, p.pushes[0].Keys)
	require.Equal(t, http.StatusBadRequest, send("nonsense").Code)
	w = send()
	require.Equal(t, http.StatusOK, w.Code)
	require.Contains(t, w.Body.String(), "Nothing is selected")
	require.Len(t, p.pushes, 1)
}
