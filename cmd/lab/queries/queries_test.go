package queries

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
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

// generated inserts records number {offset} and up. Store SKUs are drawn log-uniformly, so a few
// are hot; the first records touch each store SKU once. 78 % are Skipped; one store SKU in 50 fails
// most of its pushes, the others 1.5 %. The records spread evenly over 29.5 days. {status} is the
// status of every record, or an expression that draws it.
const generated = `INSERT INTO bench.{table} (channel, shop_id, store_sku, merchant_sku, item_id, model_id, location_id, event_id, retry_of, repeats_offset,
	reason, status, available, promotion_reserved, push_qty, before_qty, after_qty, failure_code, failure_reason, superseded_by, superseded_by_offset,
	attempts, request_id, log_id, event_partition, event_offset, occurred_at, triggered_at, queued_at, finished_at, version)
SELECT 'shopee', 10001 + h % 500, concat('SKU-', hex(h), '-RED-L'), concat('M-', toString(intDiv(k * 2, 3))), 1000000 + h % 100000000, h % 100000, '',
	concat('0190d3b2-7c1e-7a55-', leftPad(toString(n), 15, '0')), '', NULL, toInt8(r % 17 + 1), {status} AS st,
	r % 2000 AS available, if(r % 7 = 0, 20, 0) AS reserved, available + reserved,
	if(st = 4, r % 900, NULL), if(st = 4, available + reserved, NULL),
	if(st = 3, ['item_not_found', 'holiday_mode', 'authorization_lost', 'below_promotion_reserve', 'permission_denied', 'unknown', 'expired'][1 + toUInt8(pow(7, (r % 997) / 997) - 1)], '') AS code,
	if(st = 3, concat('the item ', toString(h), ' cannot be updated at present: ', code), ''),
	if(st = 2, concat('0190d3b2-7c1e-7a55-', leftPad(toString(n + 1), 15, '0')), ''), if(st = 2, n + 1, NULL),
	st IN (3, 4), if(st IN (3, 4), hex(r), ''), 1, h % 12, n,
	t - INTERVAL 1 SECOND, t, if(st = 2, toDateTime64(0, 3, 'UTC'), t + INTERVAL 1 SECOND), if(st = 1, toDateTime64(0, 3, 'UTC'), t + toIntervalMillisecond(800 + r % 3000)), st
FROM (
	SELECT number + {from} AS n, cityHash64(n, 7) AS r,
		if(n < {skus}, n, toUInt64(pow({skus}, (cityHash64(n, 3) % 1000003) / 1000003) - 1)) AS k, cityHash64(k, 5) AS h,
		fromUnixTimestamp64Milli(toInt64({end}) - toInt64(({records} - n) * (29.5 * 86400000 / {records})), 'UTC') AS t
	FROM numbers({rows})
) WHERE {where}
SETTINGS max_insert_block_size = 250000, min_insert_block_size_rows = 250000`

// rejected inserts 100,000 rejected events of 400 bytes.
const rejected = `INSERT INTO bench.rejected_event_rows SELECT 'events', number % 12, number, 'unknown_reason', 'reason', 'no such reason',
	concat('shopee/', toString(10001 + number % 500), '/SKU-', hex(cityHash64(number, 5)), '-RED-L'), concat('{"store_sku":"SKU-', hex(cityHash64(number, 5)), '","padding":"', repeat('ab', 180), '"}'),
	now64(3, 'UTC') - toIntervalSecond(number * 25), 'shopee', 10001 + number % 500, concat('SKU-', hex(cityHash64(number, 5)), '-RED-L') FROM numbers(100000)`

// drawn is a realistic mix of final statuses.
const drawn = "multiIf(r % 100 < 78, 2, (h % 50 = 0 AND r % 10 < 6) OR r % 1000 > 985, 3, 4)"

// dataset is a real ClickHouse with generated records.
type dataset struct {
	b                  *testing.B
	store              *clickhouse.Store
	records, skus, end int64
	answers            []answers
}

// BenchmarkQueries runs the console's queries on STOCKPUSH_BENCH_RECORDS (1 M; `make bench` has 50
// M) records of STOCKPUSH_BENCH_SKUS (100 k; 1 M) store SKUs, and prints the median and the 95th
// percentile of each: with everything merged, right after inserts of 1,000 records, and after one
// insert of a million records. STOCKPUSH_BENCH_DIR keeps the records for the next run.
func BenchmarkQueries(b *testing.B) {
	d := &dataset{b: b, records: setting(b, "STOCKPUSH_BENCH_RECORDS", 1_000_000), skus: setting(b, "STOCKPUSH_BENCH_SKUS", 100_000)}
	dir := os.Getenv("STOCKPUSH_BENCH_DIR")
	if dir == "" {
		dir = b.TempDir()
	}
	var err error
	d.store, err = clickhouse.Open(clickhouse.Config{Addr: []string{embeddedtest.StartClickHouseIn(b, dir).Addr()}, Database: "bench", Username: "default"})
	require.NoError(b, err)
	defer func() { require.NoError(b, d.store.Close()) }()
	d.fill()
	for b.Loop() {
		d.measureAll("merged", func() {})
		d.measureAll("during inserts", d.insertSome)
		d.bulk()
		d.measureAll("after a bulk", func() {})
	}
}

// measureAll measures every query whose name matches STOCKPUSH_BENCH_QUESTIONS.
func (d *dataset) measureAll(state string, before func()) {
	chosen := regexp.MustCompile(os.Getenv("STOCKPUSH_BENCH_QUESTIONS"))
	for _, q := range d.questions() {
		if chosen.MatchString(state + " " + q.name()) {
			d.measure(state, q, before)
		}
	}
	fmt.Println(answersTable(state, d.answers))
}

// bulk inserts the latest records again without a merge, as right after a replay.
func (d *dataset) bulk() {
	d.exec("SYSTEM STOP MERGES bench.store_sku_states")
	rows := min(d.records/2, 1_000_000)
	d.insert(d.records-rows, rows, drawn, "1")
	fmt.Println(d.tables())
}

func setting(b *testing.B, name string, fallback int64) int64 {
	text := os.Getenv(name)
	if text == "" {
		return fallback
	}
	n, err := strconv.ParseInt(text, 10, 64)
	require.NoError(b, err, name)
	return n
}

func (d *dataset) exec(query string) {
	require.NoError(d.b, d.store.Conn().Exec(context.Background(), query), query)
}

func (d *dataset) number(query string) int64 {
	var n int64
	require.NoError(d.b, d.store.Conn().QueryRow(context.Background(), query).Scan(&n), query)
	return n
}

// fill generates the records unless they exist, and runs housekeeping and merges.
func (d *dataset) fill() {
	_, err := d.store.Migrate(context.Background())
	require.NoError(d.b, err)
	d.end = time.Now().UnixMilli()
	if d.number("SELECT toInt64(count()) FROM bench.push_records") == 0 {
		started := time.Now()
		const step = 1_000_000
		for from := int64(0); from < d.records; from += step {
			d.insert(from, min(step, d.records-from), drawn, "1")
		}
		rows := float64(d.records) / time.Since(started).Seconds()
		fmt.Printf("%d records of %d store SKUs, %.0f rows/s generated and inserted with all feeds\n", d.records, d.skus, rows)
		d.comparePlain(min(step, d.records))
		d.exec(rejected)
		d.insert(d.records, queuedNow, "if(r % 100 < 78, 2, 1)", "1")
		started = time.Now()
		require.NoError(d.b, d.store.Trim(context.Background()))
		fmt.Printf("a run of trimming took %v\n", time.Since(started).Round(time.Millisecond))
	}
	d.end = d.number(fmt.Sprintf("SELECT toUnixTimestamp64Milli(max(triggered_at)) FROM bench.push_record_facts WHERE event_offset = %d", d.records))
	d.settle()
	fmt.Println(d.tables())
}

// insert generates records.
func (d *dataset) insert(from, rows int64, status, where string) {
	d.insertInto("push_records", from, rows, status, where)
}

func (d *dataset) insertInto(table string, from, rows int64, status, where string) {
	values := []string{"{table}", table, "{status}", status, "{where}", where}
	for name, n := range map[string]int64{"from": from, "rows": rows, "skus": d.skus, "records": d.records, "end": d.end} {
		values = append(values, "{"+name+"}", fmt.Sprint(n))
	}
	d.exec(strings.NewReplacer(values...).Replace(generated))
}

// comparePlain inserts the same rows again, with feeds and into a plain table.
func (d *dataset) comparePlain(rows int64) {
	d.exec("CREATE TABLE bench.plain AS bench.push_records")
	for _, table := range []string{"plain", "push_records"} {
		started := time.Now()
		d.insertInto(table, 0, rows, drawn, "1")
		fmt.Printf("%.0f rows/s generated and inserted into %s\n", float64(rows)/time.Since(started).Seconds(), table)
	}
	d.exec("DROP TABLE bench.plain SYNC")
}

// queuedNow is how many of the newest records are Pending.
const queuedNow = 1000

// insertSome inserts what arrives in about a minute: 1,000 new records, which are Skipped or
// Pending, and the outcomes of the 1,000 before them.
func (d *dataset) insertSome() {
	next := d.number("SELECT max(event_offset) + 1 FROM bench.push_record_facts")
	d.insert(next, queuedNow, "if(r % 100 < 78, 2, 1)", "1")
	d.insert(next-queuedNow, queuedNow, drawn, "r % 100 >= 78")
}

// settle merges states and failures, as the server does in the course of time.
func (d *dataset) settle() {
	for _, table := range []string{"store_sku_states", "failed_push_record_rows"} {
		d.exec("OPTIMIZE TABLE bench." + table + " FINAL")
	}
}

func (d *dataset) tables() string {
	var text string
	require.NoError(d.b, d.store.Conn().QueryRow(context.Background(), `SELECT arrayStringConcat(groupArray(line), '\n') FROM (
		SELECT concat(table, ': ', toString(sum(rows)), ' rows, ', toString(count()), ' parts, ', formatReadableSize(sum(bytes_on_disk))) AS line
		FROM system.parts WHERE database = 'bench' AND active GROUP BY table ORDER BY table)`).Scan(&text))
	return text
}

// question is a query of the console or the API; runs count from 0.
type question struct {
	// list and filter name it. later marks the pages after the first.
	list, filter string
	later        bool
	ask          func(run int) (items int)
}

func (q question) name() string {
	name := q.list
	if q.filter != "" {
		name += ", " + q.filter
	}
	if q.later {
		name += ", later pages"
	}
	return name
}

// noName is part of no SKU and of no rejected event.
const noName = "zzyzx"

// filters are the filters of the lists, one at a time.
func (d *dataset) filters() []struct {
	name   string
	filter pushrecords.Filter
} {
	var pasted []string
	for i := range int64(20) {
		pasted = append(pasted, d.sku(i*d.skus/41))
	}
	return []struct {
		name   string
		filter pushrecords.Filter
	}{
		{"", pushrecords.Filter{}},
		{"status Failed", pushrecords.Filter{Statuses: []schemas.Status{schemas.Failed}}},
		{"status Successfully", pushrecords.Filter{Statuses: []schemas.Status{schemas.Successfully}}},
		{"status Skipped", pushrecords.Filter{Statuses: []schemas.Status{schemas.Skipped}}},
		{"status Pending", pushrecords.Filter{Statuses: []schemas.Status{schemas.Pending}}},
		{"reason", pushrecords.Filter{Reasons: []schemas.Reason{schemas.StockCount}}},
		{"failure code", pushrecords.Filter{FailureCodes: []schemas.FailureCode{schemas.HolidayMode}}},
		{"shop", pushrecords.Filter{Shops: []int64{10042}}},
		{"a store SKU", pushrecords.Filter{StoreSKUs: pasted[7:8]}},
		{"20 store SKUs", pushrecords.Filter{StoreSKUs: pasted}},
		{"merchant SKU", pushrecords.Filter{MerchantSKUs: []string{"M-4711"}}},
		{"last hour", pushrecords.Filter{Since: time.UnixMilli(d.end).Add(-time.Hour)}},
		{"a day last week", pushrecords.Filter{Since: time.UnixMilli(d.end).Add(-8 * 24 * time.Hour), Until: time.UnixMilli(d.end).Add(-7 * 24 * time.Hour)}},
		{"still failing", pushrecords.Filter{StillFailing: true}},
		{"part of a name", pushrecords.Filter{Query: strings.ToLower(pasted[7][6:14])}},
		{"part of no name", pushrecords.Filter{Query: noName}},
	}
}

func (d *dataset) sku(k int64) (s string) {
	require.NoError(d.b, d.store.Conn().QueryRow(context.Background(), fmt.Sprintf("SELECT concat('SKU-', hex(cityHash64(toUInt64(%d), 5)), '-RED-L')", k)).Scan(&s))
	return s
}

func (d *dataset) key(k int64) schemas.Key {
	shop := d.number(fmt.Sprintf("SELECT toInt64(10001 + cityHash64(toUInt64(%d), 5) %% 500)", k))
	return schemas.Key{Channel: schemas.ChannelShopee, ShopID: shop, StoreSKU: d.sku(k)}
}

// pageRows is the number of rows of a page.
const pageRows = 50

// paged returns two questions: a list's first page, and its later pages.
func paged[T any](d *dataset, named question, list func(context.Context, pushrecords.Filter, pushrecords.Page) (pushrecords.List[T], error), f pushrecords.Filter, o pushrecords.Order) []question {
	ask := func(cursor string) pushrecords.List[T] {
		found, err := list(context.Background(), f, pushrecords.Page{Limit: pageRows, Cursor: cursor, Order: o})
		require.NoError(d.b, err, named.name())
		return found
	}
	first := ask("")
	named.ask = func(int) int { return len(ask("").Items) }
	questions := []question{named}
	if first.NextCursor == "" {
		return questions
	}
	cursor := first.NextCursor
	named.later, named.ask = true, func(int) int {
		found := ask(cursor)
		if cursor = found.NextCursor; cursor == "" {
			cursor = first.NextCursor
		}
		return len(found.Items)
	}
	return append(questions, named)
}

func (d *dataset) questions() []question {
	r := pushrecords.NewReader(d.store.Conn(), "bench")
	var cold []schemas.Key
	for run := range int64(measuredRuns) {
		cold = append(cold, d.key((run+1)*d.skus/41))
	}
	hot := d.key(200)
	history := func(key schemas.Key) int {
		found, err := r.History(context.Background(), key, pushrecords.Filter{}, pushrecords.Page{Limit: 100})
		require.NoError(d.b, err)
		return len(found.Items)
	}
	all := []question{
		{list: "history", ask: func(run int) int { return history(cold[run]) }},
		{list: "history of a hot one", ask: func(int) int { return history(hot) }},
	}
	for _, of := range d.filters() {
		all = append(all, paged(d, question{list: "by time", filter: of.name}, r.StoreSKUs, of.filter, pushrecords.NewestFirst)...)
		all = append(all, paged(d, question{list: "by key", filter: of.name}, r.StoreSKUs, of.filter, pushrecords.ByKey)...)
		all = append(all, paged(d, question{list: "by merchant", filter: of.name}, r.MerchantSKUs, of.filter, pushrecords.ByKey)...)
		if s := of.filter; len(s.Statuses) == 0 && !s.StillFailing {
			all = append(all, paged(d, question{list: "failed", filter: of.name}, r.Failures, of.filter, pushrecords.ByKey)...)
		}
	}
	return append(all, d.searches(r)...)
}

// searches are the questions of the search box beside the lists, and the counts.
func (d *dataset) searches(r *pushrecords.Reader) []question {
	named := pushrecords.Filter{Query: noName}
	return append([]question{}, question{list: "nearest SKUs", ask: func(int) int {
		found, err := r.Nearest(context.Background(), named)
		require.NoError(d.b, err)
		return len(found)
	}}, question{list: "rejected events with a name", ask: func(int) int {
		found, err := r.CountRejected(context.Background(), named)
		require.NoError(d.b, err)
		return int(found)
	}}, question{list: "failing by code, part of a name", ask: func(int) int {
		found, err := r.FailingByCode(context.Background(), named)
		require.NoError(d.b, err)
		return len(found)
	}}, question{list: "counts by failure code", ask: func(int) int {
		found, err := r.CountsByFailureCode(context.Background(), pushrecords.Filter{})
		require.NoError(d.b, err)
		return len(found)
	}}, question{list: "statistics of a day", ask: func(int) int {
		found, err := r.Stats(context.Background(), pushrecords.Filter{Since: time.UnixMilli(d.end).Add(-24 * time.Hour)})
		require.NoError(d.b, err)
		return len(found)
	}})
}

// measuredRuns is the number of runs; the 95th percentile is the second slowest.
const measuredRuns = 21

// measure runs a query repeatedly and prints the times and the server's processor time for each,
// which other load disturbs less.
func (d *dataset) measure(state string, q question, before func()) {
	took := make([]time.Duration, measuredRuns)
	answered, processor := 0, int64(0)
	for run := range took {
		before()
		processor -= d.processorMicros()
		started := time.Now()
		answered += q.ask(run)
		took[run] = time.Since(started)
		processor += d.processorMicros()
	}
	slices.Sort(took)
	found := answers{q, state, took[measuredRuns/2], took[measuredRuns*95/100]}
	d.answers = append(d.answers, found)
	fmt.Printf("%-14s %-36s median %6.1f ms   p95 %6.1f ms   processor %4d ms   %d rows\n", state, q.name(),
		millis(found.median), millis(found.p95), processor/1000/measuredRuns, answered/measuredRuns)
}

// processorMicros returns the processor time that the server has used for queries.
func (d *dataset) processorMicros() int64 {
	return d.number("SELECT toInt64(sum(value)) FROM system.events WHERE event IN ('UserTimeMicroseconds', 'SystemTimeMicroseconds')")
}

func millis(t time.Duration) float64 { return float64(t.Microseconds()) / 1000 }
