package setup_test

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	driver "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/stretchr/testify/require"

	"stockpush/cmd/internal/embedded/embeddedtest"
	"stockpush/schemas"
	schema "stockpush/schemas/clickhouse"
	"stockpush/sinks/clickhouse"
)

// profiles are settings that change what a query means. With those of limited a view is exact or
// ends with an error.
var (
	profiles = []map[string]string{
		{"aggregate_functions_null_for_empty": "1"},
		{"apply_deleted_mask": "0"},
		{"compatibility": "23.8"},
		{"date_time_overflow_behavior": "throw"},
		{"empty_result_for_aggregation_by_empty_set": "1"},
		{"enable_global_with_statement": "0"},
		{"final": "1"},
		{"join_default_strictness": "ANY"},
		{"join_default_strictness": ""},
		{"join_use_nulls": "1"},
		{"prefer_column_name_to_alias": "1"},
		{"readonly": "1"},
		{"session_timezone": "Asia/Bangkok"},
		{"transform_null_in": "1"},
		{"use_skip_indexes_if_final": "1", "use_skip_indexes_if_final_exact_mode": "0"},
	}
	limited = []map[string]string{
		{"max_rows_to_group_by": "1", "group_by_overflow_mode": "any"},
		{"max_rows_to_group_by": "1", "group_by_overflow_mode": "break"},
		{"max_rows_in_join": "1", "join_overflow_mode": "break"},
		{"max_rows_to_read": "1", "read_overflow_mode": "break"},
		{"max_rows_to_read_leaf": "1", "read_overflow_mode_leaf": "break"},
		{"max_rows_in_set": "1", "set_overflow_mode": "break"},
		{"max_rows_to_sort": "1", "sort_overflow_mode": "break"},
	}
)

func userOf(profile int) string { return fmt.Sprintf("user%d", profile) }

// profiledServer has a database d with a history, merged in part, and a user for each profile.
func profiledServer(t *testing.T, profiles []map[string]string) (addr string) {
	var users []embeddedtest.User
	for i, p := range profiles {
		users = append(users, embeddedtest.User{Name: userOf(i), Profile: p})
	}
	addr = embeddedtest.StartClickHouseFor(t, users...).Addr()
	s := openStore(t, addr, "d")
	_, err := s.Migrate(t.Context())
	require.NoError(t, err)
	writeStandingHistory(t, s)
	return addr
}

// writeStandingHistory writes what no query sees change: nothing becomes 30 days old meanwhile, and nothing is merged.
func writeStandingHistory(t *testing.T, s *clickhouse.Store) {
	random := rand.New(rand.NewPCG(3, 9))
	for shop := range int64(2) {
		h := randomHistory(random, shop+1)
		h.rows = slices.DeleteFunc(h.rows, func(r schemas.Record) bool { return now.Sub(r.TriggeredAt).Abs() > month-time.Hour })
		writeTwice(t, s, random, h.rows)
		if shop == 0 {
			require.NoError(t, s.Trim(t.Context()))
			require.NoError(t, s.Conn().Exec(t.Context(), "OPTIMIZE TABLE d.store_sku_states FINAL"))
			require.NoError(t, s.Conn().Exec(t.Context(), "SYSTEM STOP MERGES"))
		}
	}
	insert(t, s, record("finished", 1, schemas.Pending))
	insert(t, s, record("finished", 1, schemas.Successfully)) // in another part, which an index tells has nothing Pending
	b := s.NewBatch()
	fill(b, nil)
	require.NoError(t, b.Send(t.Context()))
}

func TestViewsAreExactWhateverAProfileHas(t *testing.T) {
	all := slices.Concat(profiles, limited)
	addr := profiledServer(t, all)
	queries, want := readingAll(t), map[string][]string{}
	conn := connectAs(t, addr, "default")
	for _, view := range views {
		answer, err := answerOf(t, conn, queries[view])
		require.NoError(t, err, view)
		require.NotEmpty(t, answer, view)
		want[view] = answer
	}
	for i, profile := range all {
		conn := connectAs(t, addr, userOf(i))
		for _, view := range views {
			answer, err := answerOf(t, conn, queries[view])
			if err != nil && i >= len(profiles) {
				continue
			}
			require.NoError(t, err, "%s with %v", view, profile)
			require.Equal(t, want[view], answer, "%s with %v", view, profile)
		}
	}
}

// views are all views, also those that only our own queries name.
var views = []string{
	"push_record_history", "store_sku_push_status", "merchant_sku_push_status", "failed_push_records", "push_stats_hourly", "push_stats_daily", "store_sku_push_stats_daily", "rejected_events",
	"store_sku_standings", "pending_push_records", "push_stats_live",
}

func connectAs(t *testing.T, addr, user string) driver.Conn {
	conn, err := driver.Open(&driver.Options{Addr: []string{addr}, Auth: driver.Auth{Username: user}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close()) })
	return conn
}

// answerOf is a view as a user sees it: its rows as texts, sorted.
func answerOf(t *testing.T, conn driver.Conn, query string) (answer []string, err error) {
	rows, err := conn.Query(t.Context(), query)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var values []any
		for _, column := range rows.ColumnTypes() {
			values = append(values, reflect.New(column.ScanType()).Interface())
		}
		if err := rows.Scan(values...); err != nil {
			return nil, err
		}
		answer = append(answer, textOf(values))
	}
	slices.Sort(answer)
	return answer, rows.Err()
}

// readingAll has a query for each object that returns all its columns. The driver cannot read the
// state of an aggregation, so it is finished.
func readingAll(t *testing.T) map[string]string {
	objects, err := schema.Objects("d")
	require.NoError(t, err)
	all := map[string]string{}
	for _, o := range objects {
		columns := o.ColumnNames()
		for j, c := range o.Columns {
			if strings.HasPrefix(c.Type, "AggregateFunction") {
				columns[j] = "finalizeAggregation(" + c.Name + ")"
			}
		}
		all[o.Name] = "SELECT " + strings.Join(columns, ", ") + " FROM d." + o.Name
	}
	return all
}

func textOf(values []any) string {
	var texts []string
	for _, value := range values {
		v := reflect.ValueOf(value).Elem()
		for v.Kind() == reflect.Pointer && !v.IsNil() {
			v = v.Elem()
		}
		if at, ok := v.Interface().(time.Time); ok {
			texts = append(texts, at.UTC().String())
			continue
		}
		texts = append(texts, fmt.Sprint(v.Interface()))
	}
	return strings.Join(texts, "|")
}

// What we write ourselves, and read in jobs, is exact whatever the profile of our user has, except
// limit and offset: the views have that user's rights and profile, and ClickHouse applies these two
// to each of them.
func TestWritesAndJobsAreExactWhateverAProfileHas(t *testing.T) {
	all := map[string]string{
		"async_insert": "1", "wait_for_async_insert": "0", "data_type_default_nullable": "1",
		"materialized_views_ignore_errors": "1", "use_query_cache": "1", "timeout_overflow_mode": "break",
	}
	for _, profile := range profiles {
		for name, value := range profile {
			if name != "readonly" && value != "" {
				all[name] = value
			}
		}
	}
	addr := embeddedtest.StartClickHouseFor(t, embeddedtest.User{Name: "keeper", Profile: all}).Addr()
	s, err := clickhouse.Open(clickhouse.Config{Addr: []string{addr}, Database: "d", Username: "keeper"})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	_, err = s.Migrate(t.Context())
	require.NoError(t, err)
	random := rand.New(rand.NewPCG(8, 2))
	h := randomHistory(random, 1)
	writeTwice(t, s, random, h.rows)
	require.NoError(t, s.Trim(t.Context()))
	require.NoError(t, s.Freeze(t.Context()))
	requireViews(t, s, h)
	requireViews(t, openStore(t, addr, "d"), h)
	requireTrimmed(t, openStore(t, addr, "d"), h)
	require.Empty(t, differences(t, openStore(t, addr, "d")))
}
