package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// corruptedData is ClickHouse's code for an unreadable part.
const corruptedData = 246

// The runbook's procedure for a broken part: detach it, and read the records topic again.
func TestE2EBrokenPartIsRestoredFromTheLog(t *testing.T) {
	t.Parallel()
	const views = `SELECT concat('history ', toString((SELECT count() FROM {db}.push_record_history WHERE status != 'Pending')),
		', stats ', toString((SELECT sum(records) FROM {db}.push_stats_hourly)),
		', store SKUs ', toString((SELECT count() FROM {db}.store_sku_push_status WHERE last_push_status = 'Successfully')))`
	const complete = "history 15, stats 15, store SKUs 3"
	s := newSystem(t, nil)
	for n := range 5 {
		s.send(event(10001, "a", n+1), event(10002, "b", n+1), event(10003, "c", n+1))
	}
	eventually(s, complete, views)
	part := s.breakPart()
	var history uint64
	err := s.store.Conn().QueryRow(t.Context(), "SELECT count() FROM "+s.cfg.ClickHouse.Database+".push_record_history").Scan(&history)
	var broken *clickhouse.Exception
	require.ErrorAs(t, err, &broken)
	require.EqualValues(t, corruptedData, broken.Code)
	s.exec("ALTER TABLE {db}.push_records DETACH PART '" + part + "'")
	require.NotEqual(t, complete, one[string](s, views))
	s.stop()
	s.rewindSink()
	s.start()
	eventually(s, complete, views)
}

// breakPart truncates the marks of push_records' only part, as a full disk may.
func (s *system) breakPart() (name string) {
	s.exec("OPTIMIZE TABLE {db}.push_records FINAL")
	const parts = " FROM system.parts WHERE active AND database = '{db}' AND table = 'push_records'"
	marks, err := filepath.Glob(filepath.Join(one[string](s, "SELECT path"+parts), "*.cmrk*"))
	require.NoError(s.t, err)
	require.Len(s.t, marks, 1)
	require.NoError(s.t, os.Truncate(marks[0], 0))
	s.exec("SYSTEM DROP MARK CACHE")
	return one[string](s, "SELECT name"+parts)
}

func (s *system) exec(query string) {
	require.NoError(s.t, s.store.Conn().Exec(s.t.Context(), strings.ReplaceAll(query, "{db}", s.cfg.ClickHouse.Database)), query)
}

// rewindSink resets the sink's offsets to the start of the records topic, as
// kafka-consumer-groups.sh does.
func (s *system) rewindSink() {
	client, err := kgo.NewClient(s.conn.Options()...)
	require.NoError(s.t, err)
	defer client.Close()
	admin := kadm.NewClient(client)
	starts, err := admin.ListStartOffsets(s.t.Context(), s.topics.Records())
	require.NoError(s.t, err)
	require.NoError(s.t, admin.CommitAllOffsets(s.t.Context(), s.topics.SinkGroup(), starts.Offsets()))
}
