package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"stockpush/cmd/internal/config"
	"stockpush/cmd/internal/faultproxy"
	"stockpush/schemas"
)

// One of two addresses of ClickHouse is killed while events arrive. Every event has its record
// once, and the API answers throughout.
func TestE2EAClickHouseServerIsKilledUnderLoad(t *testing.T) {
	t.Parallel()
	const skus, rounds = 20, 12
	var first, second *faultproxy.Proxy
	s := newSystem(t, func(c *config.Config) {
		var err error
		first, err = faultproxy.New(c.ClickHouse.Addr[0])
		require.NoError(t, err)
		t.Cleanup(first.Close)
		second, err = faultproxy.New(c.ClickHouse.Addr[0])
		require.NoError(t, err)
		t.Cleanup(second.Close)
		c.ClickHouse.Addr = []string{first.Addr(), second.Addr()}
	})
	for round := range rounds {
		if round == rounds/3 {
			first.Set(faultproxy.Mode{CutInserts: 0.5})
		}
		if round == rounds/2 {
			first.Close()
		}
		var events []schemas.Event
		for i := range skus {
			events = append(events, event(int64(10001+i%4), fmt.Sprint("sku-", i), round+1))
		}
		s.send(events...)
		answer, err := http.Get(strings.TrimSuffix(s.console, "/push-records") + "/api/v1/store-skus")
		require.NoError(t, err)
		require.NoError(t, answer.Body.Close())
		require.Equal(t, http.StatusOK, answer.StatusCode, "round %d", round)
	}
	eventually(s, fmt.Sprintf("%[1]d %[1]d 0", skus*rounds), `SELECT concatWithSeparator(' ', (SELECT sum(records) FROM {db}.push_stats_hourly),
		count(), countIf(status = 'Pending')) FROM {db}.push_record_history`)
}
