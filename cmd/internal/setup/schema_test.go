package setup_test

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"stockpush/cmd/internal/embedded/embeddedtest"
	"stockpush/schemas"
	schema "stockpush/schemas/clickhouse"
	"stockpush/sinks/clickhouse"
)

// openStore opens a database, which need not exist.
func openStore(t *testing.T, addr, database string) *clickhouse.Store {
	s, err := clickhouse.Open(clickhouse.Config{Addr: []string{addr}, Database: database, Username: "default"})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func differences(t *testing.T, s *clickhouse.Store) (all []string) {
	found, err := s.Differences(t.Context())
	require.NoError(t, err)
	return whats(found)
}

func whats(differences []clickhouse.Difference) (all []string) {
	for _, d := range differences {
		all = append(all, d.What)
	}
	return all
}

// A setup that stops after any statement is finished by the next one: either it executes just what
// remained, or it repeats statements of the object at which the first one stopped.
func TestInterruptedSetupIsFinishedByTheNext(t *testing.T) {
	addr := embeddedtest.WithoutDatabases(t).Addr()
	s, all := beginSetup(t, addr, "d")
	repeating := 0
	for n, sql := range all {
		if next := remaining(t, s); !slices.Equal(all[n:], next) {
			repeating++
			requireFinished(t, addr, n)
		}
		require.NoError(t, s.Conn().Exec(t.Context(), sql))
	}
	require.Empty(t, differences(t, s))
	require.NotZero(t, repeating)
	requireFinished(t, addr, len(all)/2)
}

// beginSetup creates a database and returns the statements of its setup.
func beginSetup(t *testing.T, addr, database string) (*clickhouse.Store, []string) {
	s := openStore(t, addr, database)
	require.NoError(t, s.Conn().Exec(t.Context(), "CREATE DATABASE "+database))
	return s, remaining(t, s)
}

// remaining returns the statements that a setup would execute now.
func remaining(t *testing.T, s *clickhouse.Store) (statements []string) {
	found, err := s.Differences(t.Context())
	require.NoError(t, err)
	for _, d := range found {
		statements = append(statements, d.Repair...)
	}
	return statements
}

// requireFinished requires that a setup that stopped after n statements is finished by the next one.
func requireFinished(t *testing.T, addr string, n int) {
	s, all := beginSetup(t, addr, fmt.Sprintf("interrupted_%d", n))
	for _, sql := range all[:n] {
		require.NoError(t, s.Conn().Exec(t.Context(), sql))
	}
	require.NotEmpty(t, differences(t, s), "after %d statements", n)
	_, err := s.Migrate(t.Context())
	require.NoError(t, err, "after %d statements", n)
	require.Empty(t, differences(t, s), "after %d statements", n)
}

func TestConcurrentSetupsSucceed(t *testing.T) {
	addr := embeddedtest.WithoutDatabases(t).Addr()
	for round := range 3 {
		var work sync.WaitGroup
		for range 3 {
			s := openStore(t, addr, fmt.Sprintf("d%d", round))
			work.Go(func() {
				if _, err := s.Migrate(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		work.Wait()
		require.Empty(t, differences(t, openStore(t, addr, fmt.Sprintf("d%d", round))))
	}
}

func TestDifferencesAreFoundAndRepaired(t *testing.T) {
	s := newOwnStore(t)
	h := randomHistory(rand.New(rand.NewPCG(3, 4)), 1)
	insert(t, s, h.rows...)
	requireViews(t, s, h)
	for _, c := range []struct{ harm, difference string }{
		{"DROP TABLE d.push_record_facts", "table push_record_facts"},
		{"DROP TABLE d.store_sku_states", "table store_sku_states"},
		{"DROP TABLE d.failed_push_record_rows", "table failed_push_record_rows"},
		{"DROP TABLE d.push_record_facts_feed", "materialized view push_record_facts_feed"},
		{"DROP TABLE d.rejected_event_rows", "table rejected_event_rows"},
		{"DROP VIEW d.push_record_history", "view push_record_history"},
		{"DROP VIEW d.pending_push_records", "view pending_push_records"},
		{"ALTER TABLE d.failed_push_record_rows DROP COLUMN promotion_floor", "column promotion_floor of table failed_push_record_rows"},
		{"ALTER TABLE d.push_stats_frozen DROP COLUMN p99_ms", "column p99_ms of table push_stats_frozen"},
		{"CREATE OR REPLACE VIEW d.failed_push_records AS SELECT * FROM d.push_record_history",
			"definition of view failed_push_records (column failure_class is missing, column hint is missing, column newest is missing"},
		{"ALTER TABLE d.store_sku_states_feed MODIFY QUERY SELECT channel, shop_id, store_sku, triggered_at AS newest_at FROM d.push_records", "definition of materialized view store_sku_states_feed"},
		{"ALTER TABLE d.push_records COMMENT COLUMN event_id ''", "comments of table push_records"},
		{"ALTER TABLE d.push_records MODIFY COMMENT ''", "comments of table push_records"},
		{"ALTER TABLE d.rejected_events COMMENT COLUMN key ''", "comments of view rejected_events"},
	} {
		require.NoError(t, s.Conn().Exec(t.Context(), c.harm), c.harm)
		found := differences(t, s)
		require.Len(t, found, 1, c.harm)
		require.True(t, strings.HasPrefix(found[0], c.difference), found[0])
		done, err := s.Migrate(t.Context())
		require.NoError(t, err, c.harm)
		require.Contains(t, whats(done), found[0])
		require.Empty(t, differences(t, s), c.harm)
		requireViews(t, s, h)
	}
}

// Rows that were inserted while a feed was missing count after the repair, and so do later ones.
func TestFeedsFillARecreatedTable(t *testing.T) {
	for _, dropped := range []string{"push_records", "push_record_facts_feed", "store_sku_states_feed", "failed_push_record_rows_feed"} {
		t.Run(dropped, func(t *testing.T) {
			s := newOwnStore(t)
			require.NoError(t, s.Conn().Exec(t.Context(), "DROP TABLE d."+dropped))
			if dropped != "push_records" {
				insert(t, s, record("before", 1, schemas.Failed))
			}
			_, err := s.Migrate(t.Context())
			require.NoError(t, err)
			require.Empty(t, differences(t, s))
			insert(t, s, record("before", 1, schemas.Failed), record("after", 1, schemas.Failed))
			for _, view := range []string{"failed_push_records", "push_stats_hourly", "store_sku_push_status"} {
				count := "count()"
				if view == "push_stats_hourly" {
					count = "sum(records)"
				}
				require.Equal(t, "2", text(t, s, "SELECT toString("+count+") FROM d."+view), view)
			}
		})
	}
}

func TestLossyRepairsAreRefused(t *testing.T) {
	addr := embeddedtest.WithoutDatabases(t).Addr()
	for i, c := range []struct{ from, to, names string }{
		{"attempts UInt16", "attempts UInt8", "type of column attempts of table push_records, which is UInt8"},
		{"ReplacingMergeTree(version)", "MergeTree", "engine, keys or TTL of table push_records"},
		{"INTERVAL 30 DAY", "INTERVAL 1 DAY", "toIntervalDay(1)"},
		{"log_id, event_offset, event_partition)", "log_id)", "ORDER BY (channel, shop_id, store_sku, log_id)"},
	} {
		database := fmt.Sprintf("d%d", i)
		s := openStore(t, addr, database)
		objects, err := schema.Objects(database)
		require.NoError(t, err)
		require.Equal(t, "push_records", objects[0].Name)
		require.Contains(t, objects[0].Create, c.from)
		require.NoError(t, s.Conn().Exec(t.Context(), "CREATE DATABASE "+database))
		require.NoError(t, s.Conn().Exec(t.Context(), strings.Replace(objects[0].Create, c.from, c.to, 1)))
		_, err = s.Migrate(t.Context())
		require.ErrorIs(t, err, clickhouse.ErrOtherSchema)
		require.ErrorContains(t, err, c.names)
	}
}

// A database with rows, but without comments and with fewer columns, as an earlier version would
// have created it.
func TestEarlierSchemaIsUpgraded(t *testing.T) {
	s := openStore(t, embeddedtest.WithoutDatabases(t).Addr(), "d")
	require.NoError(t, s.Conn().Exec(t.Context(), "CREATE DATABASE d"))
	objects, err := schema.Objects("d")
	require.NoError(t, err)
	for _, o := range objects {
		sql := regexp.MustCompile(` COMMENT '[^']+'`).ReplaceAllString(o.Create, "")
		sql = strings.Replace(sql, "COMMENT '"+o.Comment+"'", "", 1)
		sql = regexp.MustCompile(`,\n    (outcome_at |if\(outcome\.1 ).*`).ReplaceAllString(sql, "")
		require.NoError(t, s.Conn().Exec(t.Context(), sql), sql)
	}
	failed := record("old", 1, schemas.Failed)
	insert(t, s, failed)
	_, err = s.Migrate(t.Context())
	require.NoError(t, err)
	require.Empty(t, differences(t, s))
	require.Equal(t, failed.TriggeredAt.Format("2006-01-02 15:04:05.000"), text(t, s, "SELECT toString(max(outcome_at)) FROM d.store_sku_states"))
	require.Equal(t, "Failed", text(t, s, "SELECT toString(last_push_status) FROM d.store_sku_standings"))
}

func TestEveryObjectAndColumnHasAComment(t *testing.T) {
	s := newStore(t)
	require.Equal(t, "0", text(t, s, "SELECT toString(count()) FROM system.tables WHERE database = 'd' AND comment = ''"))
	require.Equal(t, "0", text(t, s, "SELECT toString(count()) FROM system.columns WHERE database = 'd' AND comment = ''"))
	require.NotEqual(t, "0", text(t, s, "SELECT toString(count()) FROM system.columns WHERE database = 'd' AND comment LIKE 'internal: %'"))
}
