package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"stockpush/cmd/internal/pushrecords"
	"stockpush/cmd/internal/retry"
	"stockpush/schemas"
)

// command runs a command against the system.
func (s *system) command(args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	code = run(append(args, "--kafka.brokers", s.cfg.Kafka.Brokers[0], "--kafka.topic_prefix", s.cfg.Kafka.TopicPrefix,
		"--clickhouse.addr", s.cfg.ClickHouse.Addr[0], "--clickhouse.database", s.cfg.ClickHouse.Database), &out, &errs)
	return code, out.String(), errs.String()
}

func (s *system) post(body string) (int, retry.Result) {
	url := strings.TrimSuffix(s.console, "/push-records") + "/api/v1/retries"
	response, err := http.Post(url, "application/json", strings.NewReader(body))
	require.NoError(s.t, err)
	defer func() { _ = response.Body.Close() }()
	raw, err := io.ReadAll(response.Body)
	require.NoError(s.t, err)
	var result retry.Result
	require.NoError(s.t, json.Unmarshal(raw, &result), string(raw))
	return response.StatusCode, result
}

// confirms reports whether the command takes an answer as yes.
func (s *system) confirms(answer string) bool {
	in, out, err := os.Pipe()
	require.NoError(s.t, err)
	_, err = out.WriteString(answer)
	require.NoError(s.t, err)
	require.NoError(s.t, out.Close())
	stdin := os.Stdin
	os.Stdin = in
	defer func() { os.Stdin = stdin }()
	var asked bytes.Buffer
	ok, err := (&app{stderr: &asked}).confirm(s.t.Context(), s.newRetrier(), retry.Request{All: true})
	require.NoError(s.t, err)
	require.Contains(s.t, asked.String(), "3 failed records match, 3 events will be published")
	return ok
}

func TestE2EFailuresAreRePushedByCommandAndHTTP(t *testing.T) {
	t.Parallel()
	const shop = 10007
	s := newSystem(t, nil)
	s.describe(item(shop, 0, false))
	s.describe(item(shop, 1, false))
	for m := 1; m <= 3; m++ {
		s.send(broken(shop, 0, m, 5), broken(shop, 1, m, 5))
	}
	eventually(s, uint64(6), "SELECT count() FROM {db}.failed_push_records")
	s.describe(item(shop, 0, true))
	s.describe(item(shop, 1, true))

	code, _, errs := s.command("retry")
	require.Equal(t, exitUsage, code)
	require.Contains(t, errs, "--yes")
	code, out, errs := s.command("retry", "--dry-run", "--shop", "10007", "--failure-code", "promotion_locked", "--limit", "2", "--since", "1h")
	require.Equal(t, exitDone, code, errs)
	require.Regexp(t, `matched +│ +3`, out)
	require.Regexp(t, `would be published +│ +2`, out)
	require.Regexp(t, `left out: limit +│ +1`, out)
	code, out, errs = s.command("retry", "--yes", "--failure-code", "promotion_locked", "--output", "json")
	require.Equal(t, exitDone, code, errs)
	var result retry.Result
	require.NoError(t, json.Unmarshal([]byte(out), &result))
	require.Equal(t, 3, result.Published)
	require.Len(t, result.EventIDs, 3)
	require.Contains(t, errs, `msg="failures re-pushed" via=command requested_by=`+operator()+` remote="" filter="failure_code=promotion_locked"`)
	require.Equal(t, uint64(3), one[uint64](s, "SELECT count() FROM {db}.push_record_history WHERE retry_of != ''"), "they show when it returns")
	_, out, _ = s.command("retry", "--yes", "--failure-code", "promotion_locked", "--output", "json")
	require.JSONEq(t, `{"matched": 0, "published": 0, "left_out": {}, "event_ids": []}`, out)

	require.False(t, s.confirms("n\n"))
	require.False(t, s.confirms("\n"))
	require.True(t, s.confirms("Y\n"))

	status, result := s.post(`{"event_ids": ["below_promotion_reserve/01-5", "promotion_locked/01-5"]}`)
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, map[string]int{retry.NotFailing: 1}, result.LeftOut)
	require.Equal(t, 1, result.Published)
	var published atomic.Int64
	var operators sync.WaitGroup
	for range 4 {
		operators.Go(func() {
			_, result := s.post(`{"shop_id": 10007}`)
			published.Add(int64(result.Published))
		})
	}
	operators.Wait()
	require.EqualValues(t, 2, published.Load(), "of those who ask one console at once, one publishes")
	eventually(s, uint64(6), "SELECT count() FROM {db}.store_sku_push_status WHERE last_push_status = 'Successfully'")
	status, result = s.post(`{"all": true}`)
	require.Equal(t, http.StatusOK, status)
	require.Zero(t, result.Matched)
	code, out, errs = s.command("retry", "--yes", "--output", "json")
	require.Equal(t, exitDone, code, errs)
	require.JSONEq(t, `{"matched": 0, "published": 0, "left_out": {}, "event_ids": []}`, out, "the command means everything when it has no filter")
}

func TestE2ERecordsOnATerminal(t *testing.T) {
	t.Parallel()
	const shop, hostile = 10008, `<script>"x",1</script>`
	s := newSystem(t, nil)
	s.describe(item(shop, 1, false))
	failing := broken(shop, 1, 1, 5)
	failing.Key.StoreSKU = hostile
	s.send(failing, event(shop, "fine", 7))
	s.sendRaw([]byte("k"), []byte("{"))
	require.NoError(t, s.producer.Flush(t.Context()))
	for _, view := range []string{"push_record_history WHERE status", "store_sku_push_status WHERE last_push_status"} {
		eventually(s, uint64(2), "SELECT count() FROM {db}."+view+" IN ('Failed', 'Successfully')")
	}
	eventually(s, uint64(1), "SELECT count() FROM {db}.failed_push_records")
	eventually(s, uint64(1), "SELECT count() FROM {db}.rejected_events")

	code, out, errs := s.command("records")
	require.Equal(t, exitDone, code, errs)
	require.Contains(t, out, hostile)
	require.Contains(t, out, "promotion_locked")
	_, out, _ = s.command("records", "--still-failing", "--view", "merchant-skus", "--output", "json", "--order", "key")
	var list pushrecords.List[pushrecords.StoreSKU]
	require.NoError(t, json.Unmarshal([]byte(out), &list))
	require.Len(t, list.Items, 1)
	require.Equal(t, hostile, list.Items[0].StoreSKU)
	_, out, _ = s.command("records", "--status", "Failed", "--output", "csv", "--limit", "0")
	rows, err := csv.NewReader(strings.NewReader(out)).ReadAll()
	require.NoError(t, err)
	require.Len(t, rows, 2)
	require.Equal(t, hostile, rows[1][slices.Index(rows[0], "store_sku")])
	_, out, _ = s.command("records", "--view", "history", "--shop", "10008", "--store-sku", hostile)
	require.Contains(t, out, string(schemas.PromotionLocked)+": ")
	_, out, _ = s.command("records", "--view", "failures")
	require.Contains(t, out, schemas.PromotionLocked.Hint()[:20])
	_, out, _ = s.command("records", "--view", "rejected-events")
	require.Contains(t, out, "not_json")
	_, out, _ = s.command("records", "--shop", "1")
	require.Equal(t, "nothing matches\n", out)
	_, _, errs = s.command("records", "--limit", "1")
	require.Contains(t, errs, "--limit")
}

func TestUsageErrorsOfRecordsAndRetryNameTheFlag(t *testing.T) {
	for _, c := range []struct {
		flag string
		args []string
	}{
		{"--failure-code", []string{"retry", "--failure-code", "nope"}},
		{"--reason", []string{"retry", "--reason", "nope"}},
		{"--since", []string{"retry", "--since", "yesterday"}},
		{"--shop", []string{"retry", "--shop", "0"}},
		{"--store-sku", []string{"retry", "--store-sku", ""}},
		{"--store-sku", []string{"retry", "--store-sku", "\r\n"}},
		{"--event-id", []string{"retry", "--event-id", ""}},
		{"--output", []string{"retry", "--output", "csv"}},
		{"--yes", []string{"retry"}},
		{"--status", []string{"records", "--status", "nope"}},
		{"--view", []string{"records", "--view", "nope"}},
		{"--view", []string{"records", "--view", "history", "--shop", "1"}},
		{"--order", []string{"records", "--order", "nope"}},
		{"--output", []string{"records", "--output", "xml"}},
		{"--limit", []string{"records", "--limit", "-1"}},
	} {
		var out, errs bytes.Buffer
		require.Equal(t, exitUsage, run(c.args, &out, &errs), c.args)
		require.Contains(t, errs.String(), c.flag)
	}
}

func TestExposedConsoleIsBadConfiguration(t *testing.T) {
	for _, listen := range []string{"0.0.0.0:0", ":0"} {
		for _, command := range []string{"run", "demo"} {
			var out, errs bytes.Buffer
			require.Equal(t, exitUsage, run([]string{command, "--console.listen", listen}, &out, &errs))
			require.Contains(t, errs.String(), "console.token")
		}
	}
}

func TestRemoteEmbeddedClickHouseNeedsAllowRemote(t *testing.T) {
	for _, args := range [][]string{{"clickhouse", "--listen", ":0"}, {"clickhouse", "--http", "0.0.0.0:0"}, {"demo", "--clickhouse-listen", "0.0.0.0:0"}, {"demo", "--clickhouse-http", "[::]:0"}} {
		var out, errs bytes.Buffer
		require.Equal(t, exitUsage, run(args, &out, &errs), args)
		require.Contains(t, errs.String(), "--allow-remote")
	}
}
