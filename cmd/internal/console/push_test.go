package console_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockpush/cmd/internal/retry"
	"stockpush/schemas"
)

func (d *desk) push(body string) *httptest.ResponseRecorder {
	ctx, cancel := context.WithTimeout(d.t.Context(), 3*time.Second) // no outcome is recorded here, so do not wait for one
	defer cancel()
	return do(d.handler, request(http.MethodPost, "/api/v1/pushes", body).WithContext(ctx))
}

func (d *desk) insert(records ...schemas.Record) {
	b := d.store.NewBatch()
	for i := range records {
		b.Add(&records[i])
	}
	require.NoError(d.t, b.Send(d.t.Context()))
}

func storeSKUBody(skus ...string) string {
	var named []map[string]any
	for _, sku := range skus {
		named = append(named, map[string]any{"channel": "shopee", "shop_id": 10001, "store_sku": sku})
	}
	raw, _ := json.Marshal(map[string]any{"store_skus": named, "requested_by": "ana"})
	return string(raw)
}

func TestPushNowRepeatsTheNewestQuantities(t *testing.T) {
	d := newDesk(t)
	newest := record("mine", 30, schemas.Successfully)
	older := newest
	older.Status, older.EventID, older.Available, older.Position.Offset = schemas.Failed, "older", 1, 3
	lost := newest // a repeat of the older one that lost
	lost.Status, lost.EventID, lost.Available, lost.Position.Offset, lost.RepeatsOffset = schemas.Skipped, "lost", 1, 33, 3
	lost.SupersededBy, lost.SupersededByOffset = newest.EventID, 30
	d.insert(older, newest, lost)

	var result retry.Result
	w := d.push(storeSKUBody("mine", "mine", "unknown"))
	require.Equal(t, http.StatusOK, w.Code, w.Body.String())
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &result))
	require.Equal(t, map[string]int{retry.NoRecord: 1}, result.LeftOut)
	require.Equal(t, 1, result.Published)
	events := d.events(newest.Position.Partition)
	require.Len(t, events, 1)
	e := events[0]
	require.Equal(t, []any{schemas.PushNow, newest.Available, int64(30), "", "ana"}, []any{e.Reason, e.Available, e.RepeatsOffset, e.RetryOf, e.RequestedBy})
	require.Equal(t, []string{e.EventID}, result.EventIDs)

	require.NoError(t, json.Unmarshal(d.push(storeSKUBody("mine")).Body.Bytes(), &result))
	require.Equal(t, 1, result.LeftOut[retry.OnItsWay], "a second click publishes nothing")
}

func TestPushNowRefusesWhatItDoesNotUnderstand(t *testing.T) {
	d := newDesk(t)
	one := `{"channel": "shopee", "shop_id": 1, "store_sku": "a"}`
	for _, body := range []string{
		"", "null", "[]", `{"store_skus": []}`, `{"store_skus": [` + one + `]} x`, `{"Store_SKUs": [` + one + `]}`, `{"store_skus": [` + one + `], "store_skus": []}`,
		`{"store_skus": [{"channel": "lazada", "shop_id": 1, "store_sku": "a"}]}`, `{"store_skus": [{"channel": "shopee", "shop_id": 1}]}`,
		`{"store_skus": null}`, `{"store_skus": [{"channel": "shopee", "shop_id": "1", "store_sku": "a"}]}`, `{"all": true}`,
	} {
		require.Equal(t, http.StatusBadRequest, d.push(body).Code, body)
	}
	var many []string
	for i := range 1001 {
		many = append(many, fmt.Sprint(i))
	}
	require.Equal(t, http.StatusBadRequest, d.push(storeSKUBody(many...)).Code)
	require.Empty(t, d.events())
}

func TestListsSayWhyARecordIsPending(t *testing.T) {
	d := newDesk(t)
	waiting, other := record("wait", 30, schemas.Pending), record("untried", 30, schemas.Pending)
	d.insert(waiting, other)
	b := d.store.NewBatch()
	b.Report(&schemas.Report{Shop: waiting.Key.Shop(), StoreSKU: "wait", Version: schemas.ReportVersion{Epoch: 1, At: now}, Progress: &schemas.Progress{
		Position: waiting.Position, Attempts: 3, Code: schemas.TimedOut, Answer: "no answer", Next: now,
	}})
	b.Report(&schemas.Report{Shop: waiting.Key.Shop(), Version: schemas.ReportVersion{Epoch: 1, At: now}, Status: &schemas.ShopStatus{
		State: schemas.ShopBreakerOpen, Since: now, Code: schemas.TimedOut, Message: "no answer",
	}})
	require.NoError(t, b.Send(t.Context()))
	type answer struct {
		Items []map[string]any `json:"items"`
	}
	ask := func(path string) map[string]any {
		var a answer
		w := d.get(path)
		require.NoError(t, json.Unmarshal(w.Body.Bytes(), &a), w.Body.String())
		require.NotEmpty(t, a.Items, path)
		return a.Items[0]
	}
	for _, path := range []string{"/api/v1/store-skus?store_sku=wait", "/api/v1/merchant-skus?store_sku=wait&shop_id=10001", "/api/v1/store-skus/shopee/10001/wait/records"} {
		item := ask(path)
		require.EqualValues(t, 3, item["attempts"], path)
		require.Equal(t, []any{"timed_out", "no answer"}, []any{item["last_answer_code"], item["last_answer"]}, path)
		require.NotNil(t, item["next_attempt_at"], path)
	}
	item := ask("/api/v1/store-skus?store_sku=untried")
	require.Equal(t, []any{0.0, "", nil}, []any{item["attempts"], item["last_answer"], item["next_attempt_at"]})
	shop := ask("/api/v1/shops")
	require.Equal(t, []any{10001.0, "breaker_open", "timed_out", "no answer"}, []any{shop["shop_id"], shop["state"], shop["code"], shop["message"]})
	require.NotNil(t, shop["since"])
	require.NotZero(t, shop["waiting"])
}
