package pushrecords_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"stockpush/cmd/internal/pushrecords"
	"stockpush/schemas"
	"stockpush/sinks/clickhouse"
)

type (
	ctx              = context.Context
	lister[T any]    = func(ctx, pushrecords.Filter, pushrecords.Page) (pushrecords.List[T], error)
	storeSKUsOfOrder = lister[pushrecords.StoreSKU]
)

// allPages follows the cursors to the end.
func allPages[T any](t *testing.T, list lister[T], f pushrecords.Filter, p pushrecords.Page) []T {
	var all []T
	for {
		page, err := list(t.Context(), f, p)
		require.NoError(t, err)
		require.LessOrEqual(t, len(page.Items), p.Limit)
		all = append(all, page.Items...)
		if page.NextCursor == "" {
			return all
		}
		require.Len(t, page.Items, p.Limit)
		p.Cursor = page.NextCursor
	}
}

func allKeys(t *testing.T, list storeSKUsOfOrder, f pushrecords.Filter, o pushrecords.Order) []string {
	var keys []string
	for _, s := range allPages(t, list, f, pushrecords.Page{Limit: 9, Order: o}) {
		keys = append(keys, fmt.Sprintf("%d/%s", s.ShopID, s.StoreSKU))
	}
	slices.Sort(keys)
	return keys
}

// Pages of 10,000 store SKUs and as many failures show each exactly once while 1,000 records
// arrive, of new and of listed store SKUs.
func TestPagesAreCompleteWhileRowsArrive(t *testing.T) {
	f := newFixture(t)
	const size, arriving, limit = 10_000, 1000, 1000
	var records []schemas.Record
	for i := range int64(size) {
		records = append(records, record(10001+i%7, fmt.Sprintf("sku-%05d", i), 1, schemas.Failed))
	}
	f.insert(records...)
	skus, failures := map[string]int{}, map[string]int{}
	var skuPage, failurePage pushrecords.Page
	skuPage.Limit, failurePage.Limit = limit, limit
	for n := int64(0); n < size/limit; n++ {
		s, err := f.reader.StoreSKUs(t.Context(), pushrecords.Filter{}, skuPage)
		require.NoError(t, err)
		for _, item := range s.Items {
			skus[item.Key().String()]++
		}
		x, err := f.reader.Failures(t.Context(), pushrecords.Filter{}, failurePage)
		require.NoError(t, err)
		for _, item := range x.Items {
			failures[item.EventID]++
		}
		skuPage.Cursor, failurePage.Cursor = s.NextCursor, x.NextCursor
		var news []schemas.Record
		for i := range int64(arriving * limit / size) {
			old := (n*991 + i*37) % size
			news = append(news, record(10001+old%7, fmt.Sprintf("sku-%05d", old), 2+n, schemas.Failed),
				record(10001+i%7, fmt.Sprintf("sku-%05d-new-%d", old, n), 1, schemas.Failed))
		}
		f.insert(news...)
	}
	for skuPage.Cursor != "" {
		s, err := f.reader.StoreSKUs(t.Context(), pushrecords.Filter{}, skuPage)
		require.NoError(t, err)
		for _, item := range s.Items {
			skus[item.Key().String()]++
		}
		skuPage.Cursor = s.NextCursor
	}
	for failurePage.Cursor != "" {
		x, err := f.reader.Failures(t.Context(), pushrecords.Filter{}, failurePage)
		require.NoError(t, err)
		for _, item := range x.Items {
			failures[item.EventID]++
		}
		failurePage.Cursor = x.NextCursor
	}
	for i := range records {
		require.Equal(t, 1, skus[records[i].Key.String()])
		require.Equal(t, 1, failures[records[i].EventID])
	}
}

func TestInvalidPagesAreRefused(t *testing.T) {
	f := newFixture(t)
	f.fill()
	first, err := f.reader.StoreSKUs(t.Context(), pushrecords.Filter{}, pushrecords.Page{Limit: 1})
	require.NoError(t, err)
	for name, page := range map[string]pushrecords.Page{
		"limit":         {Limit: pushrecords.MaxLimit + 1},
		"negative":      {Limit: -1},
		"no base64":     {Cursor: "§"},
		"no JSON":       {Cursor: "aGVsbG8"},
		"another list":  {Cursor: "eyJ2IjoxLCJsIjoiZmFpbHVyZXMiLCJhIjpbXX0"},
		"another order": {Cursor: first.NextCursor, Order: pushrecords.NewestFirst},
	} {
		_, err := f.reader.StoreSKUs(t.Context(), pushrecords.Filter{}, page)
		require.ErrorAs(t, err, new(*pushrecords.ParameterError), name)
	}
}

func TestClickHouseDownIsUnavailable(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	store, err := clickhouse.Open(clickhouse.Config{Addr: []string{listener.Addr().String()}, Database: "d"})
	require.NoError(t, err)
	defer func() { require.NoError(t, store.Close()) }()
	_, err = pushrecords.NewReader(store.Conn(), "d").StoreSKUs(t.Context(), pushrecords.Filter{}, pushrecords.Page{})
	require.ErrorIs(t, err, pushrecords.ErrUnavailable)
}

func TestMissingSchemaIsUnavailable(t *testing.T) {
	f := newFixture(t)
	_, err := pushrecords.NewReader(f.store.Conn(), "elsewhere").StoreSKUs(t.Context(), pushrecords.Filter{}, pushrecords.Page{})
	require.ErrorIs(t, err, pushrecords.ErrUnavailable)
	require.ErrorContains(t, err, "stockpush setup")
}

// Upstream decides how long its values are; a list's answer is limited anyway.
func TestPageOfLongRowsHasFewerRows(t *testing.T) {
	f := newFixture(t)
	const rows, mostBytes = 60, 8<<20 + 1<<10
	require.NoError(t, f.store.Conn().Exec(t.Context(), `INSERT INTO d.rejected_event_rows
		(source_topic, source_partition, source_offset, error_code, error_field, error_message, key, value, received_at)
		SELECT 'stockpush.events', 0, number, 'not_json', '', '', repeat('kkkk', 25000), repeat('\x01', 65536), now64(3) FROM numbers(60)`))
	var offsets []int64
	page := pushrecords.Page{Limit: pushrecords.MaxLimit}
	for pages := 1; ; pages++ {
		list, err := f.reader.Rejected(t.Context(), pushrecords.Filter{}, page)
		require.NoError(t, err)
		raw, err := json.Marshal(list)
		require.NoError(t, err)
		require.Less(t, len(raw), mostBytes)
		for _, r := range list.Items {
			require.Len(t, r.Key, 1<<10)
			offsets = append(offsets, r.SourceOffset)
		}
		if page.Cursor = list.NextCursor; page.Cursor == "" {
			require.Greater(t, pages, 1)
			break
		}
	}
	slices.Sort(offsets)
	require.Len(t, slices.Compact(offsets), rows, "each exactly once")
	require.Len(t, offsets, rows)
}
