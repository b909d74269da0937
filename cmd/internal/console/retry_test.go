package console_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"stockpush/cmd/internal/console"
	"stockpush/cmd/internal/retry"
	"stockpush/processor/stream/kafka"
	"stockpush/schemas"
	"stockpush/schemas/schemastest"
)

// events returns the events of some partitions of the events topic, or of all.
func (d *desk) events(partitions ...int32) (all []schemas.Event) {
	if len(partitions) == 0 {
		partitions = []int32{0, 1, 2, 3}
	}
	for _, partition := range partitions {
		require.NoError(d.t, kafka.ReadPartition(d.t.Context(), d.conn, d.topics.Events(), partition, func(r *kafka.Record) error {
			e, err := schemastest.DecodeEvent(r.Key, r.Value)
			all = append(all, e)
			return err
		}))
	}
	return all
}

func (d *desk) retry(body any) *httptest.ResponseRecorder {
	ctx, cancel := context.WithTimeout(d.t.Context(), 3*time.Second) // no outcome is recorded here, so do not wait for one
	defer cancel()
	return do(d.handler, request(http.MethodPost, "/api/v1/retries", body).WithContext(ctx))
}

func TestRetrySelectsByFilterOrEventID(t *testing.T) {
	d := newDesk(t)
	failing := len(d.sql("SELECT event_id AS v FROM d.failed_push_records"))
	for _, c := range []struct {
		name, body, want string
	}{
		{"all", `{"dry_run": true, "all": true}`, fmt.Sprintf(`{"matched":%d,"published":%d,"left_out":{},"event_ids":[]}`, failing, failing)},
		{"numbers and strings", `{"dry_run": true, "shop_id": 10001, "store_sku": "sku/06"}`, `{"matched":1,"published":1,"left_out":{},"event_ids":[]}`},
		{"a string for a number, a list", `{"dry_run": true, "shop_id": "10001", "store_sku": ["sku/06", "=1+1"]}`, `{"matched":2,"published":2,"left_out":{},"event_ids":[]}`},
		{"events", `{"dry_run": true, "event_ids": ["sku/06@6", "sku/07@7"]}`, `{"matched":1,"published":1,"left_out":{"not_failing":1},"event_ids":[]}`},
		{"a limit", `{"dry_run": true, "store_sku": ["sku/06", "=1+1"], "limit": 1}`, `{"matched":2,"published":1,"left_out":{"limit":1},"event_ids":[]}`},
		{"a reason", `{"dry_run": true, "reason": "stock_out_manual", "store_sku": "sku/06"}`, `{"matched":1,"published":1,"left_out":{},"event_ids":[]}`},
	} {
		w := d.retry(c.body)
		require.Equal(t, http.StatusOK, w.Code, c.name+w.Body.String())
		require.JSONEq(t, c.want, w.Body.String(), c.name)
	}
	for body, parameter := range map[string]string{
		`{"limit": 0}`: "limit", `{"limit": 100001, "all": true}`: "limit", `{"failure_code": "x"}`: "failure_code", `{"since": "x"}`: "since",
	} {
		require.Equal(t, parameter, problemOf(t, d.retry(body))["parameter"], body)
	}
	require.EqualValues(t, http.StatusRequestEntityTooLarge, problemOf(t, d.retry(`{"store_sku": "`+strings.Repeat("x", 2<<20)+`"}`))["status"])
	w := do(d.handler, request(http.MethodPost, "/api/v1/retries?shop_id=10001", "{}"))
	require.Equal(t, "shop_id", problemOf(t, w)["parameter"], "a filter in the URL is refused")
}

// A client that lost its filter by mistake must not push everything again.
func TestRetryOfEverythingNeedsAll(t *testing.T) {
	d := newDesk(t)
	for _, body := range []string{
		"", "null", "[]", `"all"`, "1", "{", `{} {}`, `{"all": true} x`, "{\"store_sku\": \"\xff\"}",
		`{"event_ids": null}`, `{"event_ids": []}`, `{"event_ids": [null]}`, `{"event_ids": [""]}`, `{"event_ids": "e"}`, `{"event_ids": [1]}`,
		`{"since": ["24h"]}`, `{"until": ["24h"]}`, `{"q": 0, "shop_id": 10001}`, `{"since": 0, "shop_id": 10001}`,
		`{"shop_id": null}`, `{"shop_id": [null]}`, `{"shop_id": {}}`, `{"shop_id": [[10001]]}`, `{"shop_id": true}`, `{"store_sku": ""}`, `{"store_sku": []}`,
		`{"store_sku": "\r\n \n", "status": "Failed"}`, `{"shop_id": 10001, "merchant_sku": null}`, `{"shop_id": 10001, "limit": null}`, `{"shop_id": 10001, "dry_run": null}`,
		`{"all": null}`, `{"all": "true"}`, `{"all": 1}`, `{"All": true}`, `{"ALL": true}`, `{"Shop_ID": 10001}`, `{"EVENT_IDS": ["e"]}`, `{"shop_id": 10001, "Dry_Run": true}`,
		`{"all": true, "all": true}`, `{"shop_id": 10001, "shop_id": 10002}`, `{"dry_run": true, "shop_id": 10001, "dry_run": false}`,
		`{"shop_id": 10001, "dryrun": true}`, `{"all": true, "misspelt": 1}`, `{"shop_id": 10001, "limit": 1.5}`, `{"shop_id": 10001, "limit": "1"}`,
	} {
		p := problemOf(t, d.retry(body))
		require.EqualValues(t, http.StatusBadRequest, p["status"], body)
		require.Equal(t, "body", p["parameter"], body)
	}
	for _, body := range []string{`{}`, `{"dry_run": true}`, `{"limit": 5}`, `{"all": false}`, `{"all": false, "limit": 5}`} {
		require.Equal(t, "all", problemOf(t, d.retry(body))["parameter"], body)
	}
	require.Empty(t, d.events(), "nothing is published")
}

// The log and the events name who re-pushed.
func TestRePushNamesItsRequester(t *testing.T) {
	d := newDesk(t)
	by := func(cfg console.Config, body, header string) (problem bool) {
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		d.deps.Probes.Registry = prometheus.NewRegistry()
		w := do(console.NewHandler(cfg, d.deps), with(request(http.MethodPost, "/api/v1/retries", body).WithContext(ctx), "X-User", header))
		t.Log(w.Body.String())
		return w.Code != http.StatusOK
	}
	require.False(t, by(console.Config{}, `{"store_sku": "sku/06", "requested_by": "ann"}`, "unknown"))
	require.False(t, by(console.Config{UserHeader: "X-User"}, `{"store_sku": "=1+1", "requested_by": "ann"}`, "bob\u00e9 "+strings.Repeat("b", 200)))
	require.False(t, by(console.Config{}, `{"store_sku": "sku/02"}`, ""))
	require.False(t, by(console.Config{}, `{"store_sku": "sku/10", "requested_by": " a\nb`+strings.Repeat("c", 200)+`"}`, ""))
	require.True(t, by(console.Config{}, `{"store_sku": "sku/10", "requested_by": null}`, ""))
	names := map[string]string{}
	for _, e := range d.events() {
		names[e.Key.StoreSKU] = e.RequestedBy
	}
	require.Equal(t, map[string]string{"sku/06": "ann", "=1+1": "bob\u00e9 " + strings.Repeat("b", 122), "sku/02": "api", "sku/10": "ab" + strings.Repeat("c", 126)}, names)
}

func TestRetryPublishesToTheRecordsPartition(t *testing.T) {
	d := newDesk(t)
	w := d.retry(map[string]any{"store_sku": hostile})
	require.Equal(t, http.StatusOK, w.Code, w.Body.String())
	var result retry.Result
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &result))
	require.Len(t, result.EventIDs, 1)
	key := schemas.Key{Channel: "shopee", ShopID: 10001, StoreSKU: hostile}
	got := d.events(schemas.PartitionFor([]byte(key.String()), 4))
	require.Len(t, got, 1)
	require.Equal(t, schemas.Event{
		EventID: result.EventIDs[0], Reason: schemas.PushNow, Key: key, MerchantSKU: "M-<", ItemID: 1, Available: 6,
		OccurredAt: got[0].OccurredAt, RetryOf: hostile + "@6", RepeatsOffset: 6, RequestedBy: "api",
	}, got[0])
	again := d.retry(map[string]any{"store_sku": hostile})
	require.JSONEq(t, `{"matched":1,"published":0,"left_out":{"retry_on_its_way":1},"event_ids":[]}`, again.Body.String())
	outcomes := d.list("/api/v1/retries/outcomes?event_id=" + result.EventIDs[0])
	require.Equal(t, []map[string]any{{
		"event_id": result.EventIDs[0], "status": "", "failure_code": "", "failure_reason": "", "superseded_by": "",
		"shop_id": float64(10001), "store_sku": hostile,
	}}, outcomes.Items)
}
