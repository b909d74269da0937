package pushrecords_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockpush/cmd/internal/embedded/embeddedtest"
	"stockpush/cmd/internal/pushrecords"
	"stockpush/schemas"
	"stockpush/sinks/clickhouse"
)

func TestMain(m *testing.M) { embeddedtest.Main(m) }

var now = time.Now().UTC().Truncate(time.Millisecond)

type fixture struct {
	t      *testing.T
	store  *clickhouse.Store
	reader *pushrecords.Reader
}

func newFixture(t *testing.T) *fixture {
	store, err := clickhouse.Open(clickhouse.Config{Addr: []string{embeddedtest.SharedClickHouse(t).Addr()}, Database: "d", Username: "default"})
	require.NoError(t, err)
	embeddedtest.Empty(t, "d")
	t.Cleanup(func() { require.NoError(t, store.Close()) })
	_, err = store.Migrate(t.Context())
	require.NoError(t, err)
	return &fixture{t, store, pushrecords.NewReader(store.Conn(), "d")}
}

func (f *fixture) insert(records ...schemas.Record) {
	b := f.store.NewBatch()
	for i := range records {
		b.Add(&records[i])
	}
	require.NoError(f.t, b.Send(f.t.Context()))
}

// strings returns the values of a query's single column.
func (f *fixture) strings(query string) []string {
	var all []string
	rows, err := f.store.Conn().Query(f.t.Context(), query)
	require.NoError(f.t, err, query)
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var s string
		require.NoError(f.t, rows.Scan(&s))
		all = append(all, s)
	}
	require.NoError(f.t, rows.Err())
	slices.Sort(all)
	return all
}

// record returns the n-th record of a store SKU, an hour older for each shop above 10001.
func record(shop int64, sku string, n int64, status schemas.Status) schemas.Record {
	r := schemas.RecordOf(schemas.Event{
		EventID: fmt.Sprintf("%d/%s@%d", shop, sku, n), Reason: schemas.Reason(1 + n%17), MerchantSKU: "M-" + sku,
		Key:    schemas.Key{Channel: "shopee", ShopID: shop, StoreSKU: sku},
		ItemID: 1, Available: n, PromotionReserved: 1, OccurredAt: now, RepeatsOffset: schemas.NoOffset,
		Position:    schemas.Position{LogID: 1, Partition: 3, Offset: n},
		TriggeredAt: now.Add(time.Duration(n)*time.Millisecond - time.Duration(shop-10000)*time.Hour),
	}, status)
	if status != schemas.Pending {
		r.FinishedAt = r.TriggeredAt.Add(100 * time.Millisecond)
	}
	if status == schemas.Failed {
		r.FailureCode, r.FailureReason = schemas.FailureCodes()[n%3], "because"
	}
	return r
}

const hostile = `<script>alert('x')</script> "\ %_{p:String}` + "`?"

// several shops, SKUs, statuses and codes, a SKU that nothing but escaping survives.
func (f *fixture) fill() {
	var records []schemas.Record
	for shop := int64(10001); shop <= 10003; shop++ {
		for i := range int64(12) {
			sku := fmt.Sprintf("sku/%02d", i)
			for n := range i % 4 {
				records = append(records, record(shop, sku, 10*n+i, schemas.Status(1+(shop+i+n)%4)))
			}
		}
	}
	f.insert(append(records, record(10001, hostile, 5, schemas.Failed), record(10001, hostile, 4, schemas.Skipped))...)
}

type filterCase struct {
	name   string
	filter pushrecords.Filter
	// status and record are what SQL says of the lists of store SKUs and of records.
	status, record string
}

var sinceSQL = strings.NewReplacer("{since}", fmt.Sprint(now.Add(-90*time.Minute).UnixMilli()))

var filters = []filterCase{
	{"everything", pushrecords.Filter{}, "1", "1"},
	{"shop", pushrecords.Filter{Shops: []int64{10002}}, "shop_id = 10002", "shop_id = 10002"},
	{"no such shop", pushrecords.Filter{Shops: []int64{1}}, "0", "0"},
	{"store SKUs", pushrecords.Filter{StoreSKUs: []string{"sku/03", "sku/07"}}, "store_sku IN ('sku/03', 'sku/07')", "store_sku IN ('sku/03', 'sku/07')"},
	{"a hostile store SKU", pushrecords.Filter{StoreSKUs: []string{hostile}}, "startsWith(store_sku, '<script>')", "startsWith(store_sku, '<script>')"},
	{"merchant SKU", pushrecords.Filter{MerchantSKUs: []string{"M-sku/03"}}, "merchant_sku = 'M-sku/03'", "merchant_sku = 'M-sku/03'"},
	{"statuses", pushrecords.Filter{Statuses: []schemas.Status{schemas.Failed, schemas.Pending}}, "last_push_status IN ('Failed', 'Pending')", "status IN ('Failed', 'Pending')"},
	{"reasons", pushrecords.Filter{Reasons: []schemas.Reason{4, 12, 13}}, "CAST(last_reason, 'Int8') IN (4, 12, 13)", "CAST(reason, 'Int8') IN (4, 12, 13)"},
	{"failure code", pushrecords.Filter{FailureCodes: schemas.FailureCodes()[1:2]}, "last_failure_code = 'permission_denied'", "failure_code = 'permission_denied'"},
	{"since", pushrecords.Filter{Since: now.Add(-90 * time.Minute)}, "last_triggered_at >= fromUnixTimestamp64Milli({since})", "triggered_at >= fromUnixTimestamp64Milli({since})"},
	{"until", pushrecords.Filter{Until: now.Add(-90 * time.Minute)}, "last_triggered_at < fromUnixTimestamp64Milli({since})", "triggered_at < fromUnixTimestamp64Milli({since})"},
	{"still failing", pushrecords.Filter{StillFailing: true, Shops: []int64{10001}},
		"shop_id = 10001 AND (shop_id, store_sku) IN (SELECT shop_id, store_sku FROM d.failed_push_records)", "shop_id = 10001"},
	{"all at once", pushrecords.Filter{Shops: []int64{10001}, StoreSKUs: []string{hostile}, MerchantSKUs: []string{"M-" + hostile},
		Statuses: []schemas.Status{schemas.Failed}, Reasons: []schemas.Reason{6},
		FailureCodes: schemas.FailureCodes()[2:3], Since: now.Add(-2 * time.Hour), Until: now, StillFailing: true},
		"shop_id = 10001 AND startsWith(store_sku, '<script>')", "shop_id = 10001 AND startsWith(store_sku, '<script>') AND status = 'Failed'"},
}

func TestEveryFilterMatchesSQL(t *testing.T) {
	f := newFixture(t)
	f.fill()
	for _, c := range filters {
		t.Run(c.name, func(t *testing.T) {
			want := f.strings("SELECT concat(toString(shop_id), '/', store_sku) FROM d.store_sku_push_status WHERE " + sinceSQL.Replace(c.status))
			for _, order := range []pushrecords.Order{pushrecords.ByKey, pushrecords.NewestFirst} {
				require.Equal(t, want, allKeys(t, f.reader.StoreSKUs, c.filter, order))
			}
			require.Equal(t, want, allKeys(t, f.reader.MerchantSKUs, c.filter, pushrecords.ByKey))
			want = f.strings("SELECT event_id FROM d.failed_push_records WHERE " + sinceSQL.Replace(c.record))
			var got []string
			for _, failure := range allPages(t, f.reader.Failures, c.filter, pushrecords.Page{Limit: 5}) {
				got = append(got, failure.EventID)
			}
			slices.Sort(got)
			require.Equal(t, want, got)
		})
	}
}

func TestFailureHasAllColumnsOfTheView(t *testing.T) {
	f := newFixture(t)
	f.fill()
	found, err := f.reader.Failures(t.Context(), pushrecords.Filter{StoreSKUs: []string{hostile}}, pushrecords.Page{})
	require.NoError(t, err)
	require.Len(t, found.Items, 1)
	got := found.Items[0]
	require.Equal(t, schemas.Position{LogID: 1, Partition: 3, Offset: 5}, got.Position())
	require.Equal(t, schemas.Key{Channel: "shopee", ShopID: 10001, StoreSKU: hostile}, got.Key())
	require.Equal(t, schemas.SignatureRejected.Hint(), got.Hint)
	require.Equal(t, "config", got.FailureClass)
	require.EqualValues(t, 6, got.PushQty)
	require.Nil(t, got.RepeatsOffset)
	require.Equal(t, "Stock-In / Purchase", got.Reason)
	require.Equal(t, now.Add(-time.Hour+5*time.Millisecond), got.TriggeredAt)
}

func TestNewestFailures(t *testing.T) {
	f := newFixture(t)
	f.insert(record(10001, "twice", 1, schemas.Failed), record(10001, "twice", 2, schemas.Failed), record(10002, "twice", 1, schemas.Failed),
		record(10001, "resolved", 1, schemas.Failed), record(10001, "resolved", 2, schemas.Successfully), record(10001, "another", 1, schemas.Failed))
	key := func(sku string) schemas.Key { return schemas.Key{Channel: "shopee", ShopID: 10001, StoreSKU: sku} }
	found, err := f.reader.NewestFailures(t.Context(), []schemas.Key{key("twice"), key("resolved"), key("no such")})
	require.NoError(t, err)
	require.Len(t, found, 1)
	require.Equal(t, "10001/twice@2", found[0].EventID)
	none, err := f.reader.NewestFailures(t.Context(), nil)
	require.NoError(t, err)
	require.Empty(t, none)
}

func TestStoreSKUHasThePartsOfItsQuantity(t *testing.T) {
	f := newFixture(t)
	oversold := record(10001, "oversold", 3, schemas.Successfully)
	oversold.Available, oversold.PromotionReserved = -4, 9
	f.insert(oversold, record(10001, "oversold", 4, schemas.Skipped))
	found, err := f.reader.StoreSKUs(t.Context(), pushrecords.Filter{}, pushrecords.Page{})
	require.NoError(t, err)
	require.Equal(t, []pushrecords.StoreSKU{{
		Channel: "shopee", ShopID: 10001, StoreSKU: "oversold", MerchantSKU: "M-oversold", LastPushQty: 9, LastPushStatus: "Successfully",
		LastReason: "Stock-In / Return-Manual", LastTriggeredAt: oversold.TriggeredAt, LastFinishedAt: &oversold.FinishedAt, Available: -4, PromotionReserved: 9, Oversold: true,
	}}, found.Items)
}

func TestHistoryIsNewestFirstAndPaged(t *testing.T) {
	f := newFixture(t)
	var records []schemas.Record
	for n := range int64(130) {
		records = append(records, record(10001, "a/b c", n, schemas.Successfully))
	}
	records[120].Status = schemas.Skipped
	f.insert(append(records, record(10001, "other", 1, schemas.Failed))...)
	key := schemas.Key{Channel: "shopee", ShopID: 10001, StoreSKU: "a/b c"}
	history := func(ctx ctx, filter pushrecords.Filter, p pushrecords.Page) (pushrecords.List[pushrecords.Record], error) {
		return f.reader.History(ctx, key, filter, p)
	}
	all := allPages(t, history, pushrecords.Filter{}, pushrecords.Page{Limit: 7})
	require.Len(t, all, 100)
	for i, r := range all {
		require.EqualValues(t, 129-i, r.EventOffset)
	}
	skipped := allPages(t, history, pushrecords.Filter{Statuses: []schemas.Status{schemas.Skipped}}, pushrecords.Page{Limit: 7})
	require.Len(t, skipped, 1)
	require.Empty(t, allPages(t, history, pushrecords.Filter{Shops: []int64{10002}}, pushrecords.Page{Limit: 7}))
}

func TestRejectedIsPaged(t *testing.T) {
	f := newFixture(t)
	b := f.store.NewBatch()
	for i := range int64(25) {
		b.Reject(schemas.DeadLetter{
			SourceTopic: "events", SourcePartition: int32(i % 3), SourceOffset: i, Key: []byte("shopee/10001/K"), Value: []byte{0xff, '<'},
			BadEvent: schemas.BadEvent{Code: "unknown_reason", Field: "reason", Message: "no"},
		}, now.Add(-time.Duration(i/10)*time.Hour))
	}
	require.NoError(t, b.Send(t.Context()))
	all := allPages(t, f.reader.Rejected, pushrecords.Filter{}, pushrecords.Page{Limit: 4})
	require.Len(t, all, 25)
	require.Equal(t, "\xff<", all[0].Value)
	require.Equal(t, uint64(10001), *all[0].ShopID)
	require.Equal(t, "shopee K", all[0].Channel+" "+all[0].StoreSKU)
	recent := allPages(t, f.reader.Rejected, pushrecords.Filter{Since: now.Add(-time.Minute)}, pushrecords.Page{Limit: 4})
	require.Len(t, recent, 10)
}

// The columns that the key names select and group, whatever the message says.
func TestRejectedAreSelectedByShopAndSKU(t *testing.T) {
	f := newFixture(t)
	b := f.store.NewBatch()
	for i, key := range []string{"shopee/10001/A", "shopee/10001/A", "shopee/10001/AB", "shopee/10002/A", "nonsense"} {
		b.Reject(schemas.DeadLetter{
			SourceTopic: "events", SourceOffset: int64(i), Key: []byte(key), Value: []byte("shopee/10001/A"),
			BadEvent: schemas.BadEvent{Code: []string{"unknown_reason", "not_json"}[i%2]},
		}, now)
	}
	require.NoError(t, b.Send(t.Context()))
	of := pushrecords.Filter{Shops: []int64{10001}, StoreSKUs: []string{"A"}}
	require.Len(t, allPages(t, f.reader.Rejected, of, pushrecords.Page{Limit: 4}), 2)
	n, err := f.reader.CountRejected(t.Context(), of)
	require.NoError(t, err)
	require.EqualValues(t, 2, n)
	causes, err := f.reader.RejectedCauses(t.Context(), pushrecords.Filter{Shops: of.Shops, ErrorCodes: []string{"not_json"}})
	require.NoError(t, err)
	require.Equal(t, []pushrecords.Count{{Value: "unknown_reason", N: 2}, {Value: "not_json", N: 1}}, causes)
	skus, err := f.reader.RejectedSKUs(t.Context(), pushrecords.Filter{})
	require.NoError(t, err)
	require.Equal(t, []pushrecords.RejectedSKU{{"shopee", 10001, "A", 2}, {"shopee", 10001, "AB", 1}, {"shopee", 10002, "A", 1}}, skus)
	skus, err = f.reader.RejectedSKUs(t.Context(), pushrecords.Filter{ErrorCodes: []string{"not_json"}})
	require.NoError(t, err)
	require.Equal(t, []pushrecords.RejectedSKU{{"shopee", 10001, "A", 1}, {"shopee", 10002, "A", 1}}, skus)
}

// Whatever else failed, a store SKU counts once, with its newest failure.
func TestFailingStoreSKUsCountOnce(t *testing.T) {
	f := newFixture(t)
	f.insert(record(10001, "twice", 1, schemas.Failed), record(10001, "twice", 2, schemas.Failed), record(10001, "once", 1, schemas.Failed),
		record(10001, "resolved", 1, schemas.Failed), record(10001, "resolved", 2, schemas.Successfully), record(10002, "once", 3, schemas.Failed))
	for _, c := range []struct {
		filter pushrecords.Filter
		want   []pushrecords.Count
	}{
		{pushrecords.Filter{}, []pushrecords.Count{{Value: "authorization_lost", N: 1}, {Value: "permission_denied", N: 1}, {Value: "signature_rejected", N: 1}}},
		{pushrecords.Filter{Shops: []int64{10001}, FailureCodes: schemas.FailureCodes()[:1]}, []pushrecords.Count{{Value: "permission_denied", N: 1}, {Value: "signature_rejected", N: 1}}},
		{pushrecords.Filter{Reasons: []schemas.Reason{2}}, []pushrecords.Count{{Value: "permission_denied", N: 1}}}, // not the older failure of store SKU "twice"
		{pushrecords.Filter{StoreSKUs: []string{"twice"}}, []pushrecords.Count{{Value: "signature_rejected", N: 1}}},
	} {
		got, err := f.reader.FailingByCode(t.Context(), c.filter)
		require.NoError(t, err)
		require.ElementsMatch(t, c.want, got)
	}
}

func TestBatchIsFoundByName(t *testing.T) {
	f := newFixture(t)
	const batch = "0190d3b2-7c1e-7a55-8000-000000000000"
	var records []schemas.Record
	for i, status := range []schemas.Status{schemas.Pending, schemas.Failed, schemas.Successfully} {
		r := record(10001, fmt.Sprint("sku-", i), 1, schemas.Pending)
		r.EventID, r.Reason = fmt.Sprint(batch, "-", i), schemas.PushNow
		records = append(records, r)
		r.Status = status
		records = append(records, r)
	}
	other, elsewhere := records[0], records[0]
	other.EventID, other.Position.Offset = "0190d3b2-7c1e-7a55-8000-000000000001-1", 2
	elsewhere.EventID, elsewhere.Position.Offset, elsewhere.TriggeredAt = batch+"-4", 3, now.Add(-9*time.Hour)
	f.insert(append(records, other, elsewhere)...)
	found, err := f.reader.OfBatch(t.Context(), batch, now.Add(-2*time.Hour), now)
	require.NoError(t, err)
	var got []string
	for _, r := range found {
		got = append(got, strings.TrimPrefix(r.EventID, batch)+" "+r.Status)
	}
	require.Equal(t, []string{"-0 Pending", "-1 Failed", "-2 Successfully"}, got)
}

func TestCountsAndStats(t *testing.T) {
	f := newFixture(t)
	f.fill()
	counts, err := f.reader.CountsByFailureCode(t.Context(), pushrecords.Filter{Shops: []int64{10001}, FailureCodes: schemas.FailureCodes()[:1]})
	require.NoError(t, err)
	var got []string
	for _, c := range counts {
		got = append(got, fmt.Sprint(c.Value, " ", c.N))
	}
	slices.Sort(got)
	require.Equal(t, f.strings("SELECT concat(failure_code, ' ', toString(count())) FROM d.failed_push_records WHERE shop_id = 10001 GROUP BY failure_code"), got)

	stats, err := f.reader.Stats(t.Context(), pushrecords.Filter{Shops: []int64{10002}, Since: now.Add(-24 * time.Hour)})
	require.NoError(t, err)
	var n uint64
	for _, s := range stats {
		n += s.Records
		require.InDelta(t, 100, s.P50, 2)
		require.InDelta(t, 100, s.P99, 2)
	}
	want := f.strings("SELECT toString(count()) FROM d.push_record_history WHERE shop_id = 10002 AND status != 'Pending'")
	require.Equal(t, want, []string{fmt.Sprint(n)})
}

func TestStatsByMinuteAreOfTheMinutes(t *testing.T) {
	f := newFixture(t)
	at := now.Add(-30 * time.Minute).Truncate(time.Minute)
	var records []schemas.Record
	for i, second := range []int{-1, 0, 59, 60, 200} {
		r := record(10001, "sku", int64(i)*17, schemas.Successfully)
		r.TriggeredAt = at.Add(time.Duration(second) * time.Second)
		r.FinishedAt = r.TriggeredAt.Add(time.Second)
		records = append(records, r)
	}
	records[4].Status = schemas.Pending
	f.insert(records...)
	f.insert(records[1]) // written twice, counted once
	stats, err := f.reader.StatsByMinute(t.Context(), pushrecords.Filter{Shops: []int64{10001}, Since: at.Add(20 * time.Second), Until: now})
	require.NoError(t, err)
	var got []string
	for _, s := range stats {
		got = append(got, fmt.Sprint(s.At.Sub(at), " ", s.Status, " ", s.Records))
		require.InDelta(t, 1_000, s.P99, 10)
	}
	require.Equal(t, []string{"0s Successfully 2", "1m0s Successfully 1"}, got)
}

// A name that was taken back is not shown any more.
func TestStoreSKUsHaveTheNameOfTheirShop(t *testing.T) {
	f := newFixture(t)
	f.insert(record(10001, "sku", 1, schemas.Successfully), record(10002, "sku", 18, schemas.Successfully))
	named := func(at time.Time, info schemas.ShopInfo) []string {
		b := f.store.NewBatch()
		b.Report(&schemas.Report{Shop: schemas.Shop{Channel: "shopee", ID: 10001}, Version: schemas.ReportVersion{At: at}, Info: &info})
		require.NoError(t, b.Send(t.Context()))
		found, err := f.reader.StoreSKUs(t.Context(), pushrecords.Filter{}, pushrecords.Page{Limit: 10})
		require.NoError(t, err)
		require.Len(t, found.Items, 2)
		return []string{found.Items[0].ShopName, found.Items[1].ShopName}
	}
	require.Equal(t, []string{"ร้าน", ""}, named(now, schemas.ShopInfo{Name: "ร้าน"}))
	require.Equal(t, []string{"ร้าน", ""}, named(now.Add(time.Second), schemas.ShopInfo{AuthorizationEndsAt: now}))
	require.Equal(t, []string{"", ""}, named(now.Add(2*time.Second), schemas.ShopInfo{Nameless: true}))
}

// The percentiles of several shops are those of all their records, not a mean over the shops.
func TestPercentilesOfShopsAreMerged(t *testing.T) {
	f := newFixture(t)
	var records []schemas.Record
	for i := range int64(20) {
		r := record(10001, "sku", i*17, schemas.Successfully)
		if i < 2 {
			r.Key.ShopID = 10002
		}
		r.TriggeredAt = now.Add(-2 * time.Hour).Truncate(time.Hour)
		r.FinishedAt = r.TriggeredAt.Add(time.Second)
		if i < 2 {
			r.FinishedAt = r.TriggeredAt.Add(100 * time.Second)
		}
		records = append(records, r)
	}
	f.insert(records...)
	stats, err := f.reader.Stats(t.Context(), pushrecords.Filter{})
	require.NoError(t, err)
	require.Len(t, stats, 1)
	require.InDelta(t, 1_000, stats[0].P50, 10)
	require.InDelta(t, 100_000, stats[0].P99, 1_000)
}
