package console_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"stockpush/cmd/internal/config"
	"stockpush/cmd/internal/console"
	"stockpush/cmd/internal/embedded/embeddedtest"
	"stockpush/cmd/internal/kafkaconn"
	"stockpush/cmd/internal/ops"
	"stockpush/cmd/internal/pushrecords"
	"stockpush/cmd/internal/retry"
	"stockpush/cmd/internal/setup"
	"stockpush/processor/stream/kafka"
	"stockpush/schemas"
	"stockpush/sinks/clickhouse"
)

func TestMain(m *testing.M) { embeddedtest.Main(m) }

var now = time.Now().UTC().Truncate(time.Millisecond)

const (
	hostile = `<script>alert("x")</script>/%2F?&#\` + "é"
	formula = "=1+1"
)

// desk is a console with a real broker, a real ClickHouse and some records.
type desk struct {
	t       *testing.T
	store   *clickhouse.Store
	deps    console.Deps
	handler http.Handler
	conn    kafka.Connection
	topics  schemas.Topics
}

func newDesk(t *testing.T) *desk {
	loaded, err := config.Load(config.Source{})
	require.NoError(t, err)
	cfg := loaded.Config
	cfg.Kafka.Brokers, cfg.Kafka.Partitions = []string{embeddedtest.StartBroker(t).Addr()}, 4
	d := &desk{t: t, topics: schemas.Topics(cfg.Kafka.TopicPrefix)}
	d.store, err = clickhouse.Open(clickhouse.Config{Addr: []string{embeddedtest.SharedClickHouse(t).Addr()}, Database: "d", Username: "default"})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, d.store.Close()) })
	embeddedtest.Empty(t, "d")
	d.conn, err = kafkaconn.From(cfg.Kafka, nil)
	require.NoError(t, err)
	_, err = setup.Apply(t.Context(), setup.Target{Kafka: cfg.Kafka, Connection: d.conn, Store: d.store}, setup.Options{})
	require.NoError(t, err)
	producer, err := kafka.NewProducer(d.conn, kafka.DefaultBatchBytes)
	require.NoError(t, err)
	t.Cleanup(producer.Close)
	reader := pushrecords.NewReader(d.store.Conn(), "d")
	d.deps = depsOf(reader, retry.New(retry.Deps{Reader: reader, Connection: d.conn, Topics: d.topics, Producer: producer}))
	d.handler = console.NewHandler(console.Config{}, d.deps)
	d.fill()
	return d
}

func depsOf(reader *pushrecords.Reader, retrier *retry.Retrier) console.Deps {
	return console.Deps{
		Reader: reader, Retrier: retrier, Logger: slog.New(slog.DiscardHandler),
		Probes: ops.Probes{Registry: prometheus.NewRegistry(), Ready: func() (bool, string) { return true, "" }},
		Pages: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = fmt.Fprint(w, "page ", r.URL.Path)
		}),
	}
}

func record(sku string, n int64, status schemas.Status) schemas.Record {
	key := schemas.Key{Channel: "shopee", ShopID: 10001 + n%3, StoreSKU: sku}
	r := schemas.RecordOf(schemas.Event{
		EventID: fmt.Sprintf("%s@%d", sku, n), Reason: schemas.Reason(1 + n%17), MerchantSKU: "M-" + sku[:1], Key: key,
		ItemID: 1, Available: n, OccurredAt: now, RepeatsOffset: schemas.NoOffset,
		Position:    schemas.Position{LogID: 1, Partition: schemas.PartitionFor([]byte(key.String()), 4), Offset: n},
		TriggeredAt: now.Add(-time.Duration(n) * time.Minute),
	}, status)
	if status != schemas.Pending {
		r.FinishedAt = r.TriggeredAt.Add(time.Second)
	}
	if status == schemas.Failed {
		r.FailureCode, r.FailureReason = schemas.FailureCodes()[n%2], "because <b>"
	}
	return r
}

func (d *desk) fill() {
	b := d.store.NewBatch()
	for i := range int64(40) {
		r := record(fmt.Sprintf("sku/%02d", i), i, schemas.Status(1+i%4))
		b.Add(&r)
	}
	for _, sku := range []string{hostile, formula} {
		r := record(sku, 6, schemas.Failed)
		b.Add(&r)
	}
	b.Reject(schemas.DeadLetter{BadEvent: schemas.BadEvent{Code: "not_json", Message: "no"}, SourceTopic: "e", Key: []byte("k"), Value: []byte("<")}, now)
	require.NoError(d.t, b.Send(d.t.Context()))
}

// request returns a request from this machine, as a command-line client sends it.
func request(method, target string, body any) *http.Request {
	var raw io.Reader
	switch body := body.(type) {
	case nil:
	case string:
		raw = strings.NewReader(body)
	default:
		encoded, _ := json.Marshal(body)
		raw = bytes.NewReader(encoded)
	}
	r := httptest.NewRequest(method, "http://localhost:8080"+target, raw)
	if raw != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	return r
}

func do(h http.Handler, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func (d *desk) get(target string) *httptest.ResponseRecorder {
	return do(d.handler, request(http.MethodGet, target, nil))
}

func (d *desk) list(target string) pushrecords.List[map[string]any] {
	w := d.get(target)
	require.Equal(d.t, http.StatusOK, w.Code, w.Body.String())
	var l pushrecords.List[map[string]any]
	require.NoError(d.t, json.Unmarshal(w.Body.Bytes(), &l))
	return l
}

// column returns the values of a list's column over all pages.
func (d *desk) column(target, name string) []string {
	values := []string{}
	for cursor := ""; ; {
		l := d.list(target + "&limit=3&cursor=" + cursor)
		for _, item := range l.Items {
			values = append(values, fmt.Sprint(item[name]))
		}
		if cursor = l.NextCursor; cursor == "" {
			slices.Sort(values)
			return values
		}
	}
}

func (d *desk) sql(query string) []string {
	var values []string
	require.NoError(d.t, d.store.Conn().QueryRow(d.t.Context(), "SELECT arraySort(groupArray(toString(v))) FROM ("+query+")").Scan(&values))
	return values
}

// Package pushrecords tests each filter.
func TestListsOfTheAPITakeFiltersAndPages(t *testing.T) {
	d := newDesk(t)
	since := now.Add(-20 * time.Minute)
	bound := fmt.Sprintf("fromUnixTimestamp64Milli(%d)", since.UnixMilli())
	for query, where := range map[string][2]string{
		"": {"1", "1"},
		"store_sku=" + url.QueryEscape("sku/02\nsku/06\r\n") + "&since=" + since.Format(time.RFC3339Nano): {
			"store_sku IN ('sku/02', 'sku/06') AND last_triggered_at >= " + bound, "store_sku IN ('sku/02', 'sku/06') AND triggered_at >= " + bound},
		"shop_id=10001&status=Failed&status=Pending&reason=void_order&reason=sync_order": {
			"shop_id = 10001 AND last_push_status IN ('Failed', 'Pending') AND last_reason IN ('Void Order', 'Sync Order')",
			"shop_id = 10001 AND reason IN ('Void Order', 'Sync Order')"},
		"since=30m&until=10m&shop_id=10001&failure_code=permission_denied": {"0", "0"},
	} {
		require.Equal(t, d.sql("SELECT store_sku AS v FROM d.store_sku_push_status WHERE "+where[0]), d.column("/api/v1/store-skus?"+query, "store_sku"), query)
		require.Equal(t, d.sql("SELECT store_sku AS v FROM d.merchant_sku_push_status WHERE "+where[0]), d.column("/api/v1/merchant-skus?"+query, "store_sku"), query)
		require.Equal(t, d.sql("SELECT event_id AS v FROM d.failed_push_records WHERE "+where[1]), d.column("/api/v1/failures?"+query, "event_id"), query)
	}
	require.Len(t, d.column("/api/v1/rejected-events?since=1h", "key"), 1)
	require.Empty(t, d.column("/api/v1/rejected-events?until=1h", "key"))
}

func TestStoreSKUInAPathIsPercentEncoded(t *testing.T) {
	d := newDesk(t)
	path := "/api/v1/store-skus/shopee/10001/" + url.PathEscape(hostile) + "/records"
	l := d.list(path)
	require.Len(t, l.Items, 1)
	require.Equal(t, hostile, l.Items[0]["store_sku"])
	require.Empty(t, d.list(path+"?status=Skipped").Items)
	require.NotContains(t, d.get(path).Body.String(), "<script>", "even for a browser that guesses content types")
	require.Equal(t, http.StatusBadRequest, d.get("/api/v1/store-skus/shopee/x/y/records").Code)
}

// Every string of 1 to 255 bytes is a valid store SKU, and each must have a URL.
func TestEveryStoreSKUHasAnAddress(t *testing.T) {
	d := newDesk(t)
	skus := []string{"/", "//", "a//b", "/a/", ".", "..", "../x", "%2F", "%", "?", "#", "+", " ", "records", "é"}
	b := d.store.NewBatch()
	for i, sku := range skus {
		r := record(sku, int64(3*i), schemas.Successfully) // of shop 10001
		b.Add(&r)
	}
	require.NoError(t, b.Send(t.Context()))
	for _, sku := range skus {
		l := d.list("/api/v1/store-skus/shopee/10001/" + strings.ReplaceAll(url.PathEscape(sku), ".", "%2E") + "/records")
		require.Len(t, l.Items, 1, sku)
		require.Equal(t, sku, l.Items[0]["store_sku"])
	}
	for _, path := range []string{"shopee/10001/x", "shopee/10001/x/live/y", "shopee/10001/a/b/records", "shopee/10001/x/record"} {
		require.EqualValues(t, http.StatusNotFound, problemOf(t, d.get("/api/v1/store-skus/"+path))["status"], path)
	}
}

func problemOf(t *testing.T, w *httptest.ResponseRecorder) map[string]any {
	require.Equal(t, "application/problem+json", w.Header().Get("Content-Type"), w.Body.String())
	var p map[string]any
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &p))
	require.EqualValues(t, w.Code, p["status"])
	require.Equal(t, http.StatusText(w.Code), p["title"])
	return p
}

func TestBadParameterIsAProblemDocument(t *testing.T) {
	d := newDesk(t)
	for query, parameter := range map[string]string{
		"status=fail": "status", "reason=x": "reason", "failure_code=x": "failure_code", "shop_id=x": "shop_id", "since=x": "since", "until=x": "until",
		"limit=0": "limit", "limit=100001": "limit", "limit=x": "limit", "cursor=x": "cursor", "order=x": "order", "format=xml": "format", "shopid=1": "shopid", "%zz": "query",
	} {
		p := problemOf(t, d.get("/api/v1/store-skus?"+query))
		require.EqualValues(t, http.StatusBadRequest, p["status"], query)
		require.Equal(t, parameter, p["parameter"], query)
	}
	require.EqualValues(t, http.StatusNotFound, problemOf(t, d.get("/api/v1/nothing"))["status"])
	w := do(d.handler, request(http.MethodDelete, "/api/v1/failures", nil))
	require.EqualValues(t, http.StatusMethodNotAllowed, problemOf(t, w)["status"])
	require.Equal(t, http.MethodGet, w.Header().Get("Allow"))
}

func TestAPageHasAThousandItemsAtMostWhateverIsAskedFor(t *testing.T) {
	d := newDesk(t)
	b := d.store.NewBatch()
	for i := range int64(1000) {
		r := record(fmt.Sprintf("many/%d", i), i, schemas.Successfully)
		b.Add(&r)
	}
	require.NoError(t, b.Send(t.Context()))
	l := d.list("/api/v1/store-skus?limit=100000")
	require.Len(t, l.Items, pushrecords.MaxLimit)
	require.NotEmpty(t, l.NextCursor)
	require.Len(t, strings.Split(strings.TrimSpace(d.get("/api/v1/store-skus?limit=1001&format=csv").Body.String()), "\n"), 1002)
}

func TestCSVContainsTheWholeList(t *testing.T) {
	d := newDesk(t)
	w := d.get("/api/v1/store-skus?format=csv&shop_id=10001")
	require.Equal(t, "text/csv; charset=utf-8", w.Header().Get("Content-Type"))
	lines := strings.Split(strings.TrimSpace(w.Body.String()), "\n")
	require.Len(t, lines, 1+len(d.column("/api/v1/store-skus?shop_id=10001", "store_sku")))
	require.True(t, strings.HasPrefix(lines[0], "\ufeffchannel,shop_id,shop_name,store_sku,merchant_sku,last_push_qty,"), "spreadsheets read the file as UTF-8")
	require.True(t, strings.HasSuffix(lines[0], ",item_id,model_id,hint"))
	require.Contains(t, w.Body.String(), "Ask your administrator to authorize the shop again", "hints are for sellers")
	require.NotContains(t, w.Body.String(), "stockpush authorize")
	require.Contains(t, d.get("/api/v1/store-skus?format=csv&zone=Asia/Bangkok").Body.String(), "+07:00,")
	require.Equal(t, http.StatusBadRequest, d.get("/api/v1/store-skus?format=csv&zone=Local").Code)
	require.Contains(t, w.Body.String(), ",'=1+1,", "spreadsheets must not read a formula")
	require.Contains(t, w.Body.String(), `,"<script>alert(""x"")`)
	r := request(http.MethodGet, "/api/v1/failures?limit=2", nil)
	r.Header.Set("Accept", "text/csv")
	w = do(d.handler, r)
	require.Len(t, strings.Split(strings.TrimSpace(w.Body.String()), "\n"), 3)
	require.True(t, strings.HasPrefix(w.Body.String(), "channel,"), "a program that accepts text/csv gets no byte-order mark")
}

func TestAnswersAreCompressedForClientsThatReadIt(t *testing.T) {
	d := newDesk(t)
	r := request(http.MethodGet, "/api/v1/store-skus", nil)
	r.Header.Set("Accept-Encoding", "gzip")
	w := do(d.handler, r)
	require.Equal(t, "gzip", w.Header().Get("Content-Encoding"))
	plain, err := gzip.NewReader(w.Body)
	require.NoError(t, err)
	require.NoError(t, json.NewDecoder(plain).Decode(&pushrecords.List[pushrecords.StoreSKU]{}))
}

func TestClickHouseOutageIsReported(t *testing.T) {
	store, err := clickhouse.Open(clickhouse.Config{Addr: []string{"127.0.0.1:1"}, Database: "d"})
	require.NoError(t, err)
	defer func() { require.NoError(t, store.Close()) }()
	h := console.NewHandler(console.Config{}, depsOf(pushrecords.NewReader(store.Conn(), "d"), nil))
	for _, path := range []string{"/api/v1/store-skus", "/api/v1/failures?format=csv", "/api/v1/stats", "/api/v1/store-skus/shopee/1/x/records"} {
		w := do(h, request(http.MethodGet, path, nil))
		p := problemOf(t, w)
		require.EqualValues(t, http.StatusServiceUnavailable, p["status"])
		require.Contains(t, p["detail"], "ClickHouse")
		require.NotContains(t, p["detail"], "127.0.0.1", "no internals")
		require.Equal(t, "5", w.Header().Get("Retry-After"))
	}
	require.Equal(t, http.StatusOK, do(h, request(http.MethodGet, "/readyz", nil)).Code)
}
