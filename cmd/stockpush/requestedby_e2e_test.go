package main

import (
	"encoding/csv"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"stockpush/cmd/internal/config"
)

// The name of the requester is in all records of an event, of any status, also after a restart.
func TestE2ERecordsNameWhoAskedForThem(t *testing.T) {
	t.Parallel()
	const shop = 10007
	s := newSystem(t, func(c *config.Config) { c.Shopee.PausedShops = []int64{10006} })
	s.describe(item(shop, 0, false))
	first, second := broken(shop, 0, 1, 5), broken(shop, 0, 1, 6)
	paused := event(10006, "paused", 1)
	first.RequestedBy, second.RequestedBy, paused.RequestedBy = "upstream", "bob@example.com", "dave"
	s.send(first, second, broken(shop, 0, 2, 5), paused)
	s.requireRequested("Failed bob@example.com,Failed nameless,Pending dave,Skipped upstream", "push_record_history")
	s.requireRequested("Failed bob@example.com,Failed nameless", "failed_push_records")

	s.describe(item(shop, 0, true))
	status, result := s.post(`{"store_sku": "below_promotion_reserve/01", "requested_by": "ann"}`)
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, 1, result.Published)
	s.requireRequested("Successfully ann", "push_record_history WHERE retry_of != ''")

	s.stop()
	s.cfg.Console.UserHeader = "X-Forwarded-User"
	s.start()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, strings.TrimSuffix(s.console, "/push-records")+"/api/v1/retries",
		strings.NewReader(`{"shop_id": 10007, "requested_by": "mallory"}`))
	require.NoError(t, err)
	request.Header.Set("X-Forwarded-User", "carol")
	answer, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	require.Equal(t, http.StatusOK, answer.StatusCode)
	s.requireRequested("Successfully ann,Successfully carol", "push_record_history WHERE retry_of != ''")

	code, out, errs := s.command("records", "--view", "history", "--shop", "10007", "--store-sku", "below_promotion_reserve/02", "--output", "csv")
	require.Equal(t, exitDone, code, errs)
	rows, err := csv.NewReader(strings.NewReader(out)).ReadAll()
	require.NoError(t, err)
	require.Equal(t, "carol", rows[1][slices.Index(rows[0], "requested_by")])
	_, out, _ = s.command("records", "--view", "history", "--shop", "10007", "--store-sku", "below_promotion_reserve/02", "--output", "json")
	require.Contains(t, out, `"requested_by": "carol"`)
}

// requireRequested waits until a view's rows have these statuses and names.
func (s *system) requireRequested(want, rows string) {
	s.t.Helper()
	eventually(s, want, "SELECT arrayStringConcat(arraySort(groupArray(concat(toString(status), ' ', if(requested_by = '', 'nameless', requested_by)))), ',') FROM {db}."+rows)
}
