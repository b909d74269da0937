package main

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockpush/cmd/internal/pushrecords"
	"stockpush/schemas"
)

func TestTablesSayWhyARecordIsPending(t *testing.T) {
	attempts, confirmed, next := int64(7), int64(12), time.Date(2026, 1, 2, 3, 4, 5, 0, time.Local)
	why := pushrecords.Waiting{LastAnswerCode: "timed_out", LastAnswer: "no answer\nwithin 10s", NextAttemptAt: &next}
	const want = "7 attempts; timed_out: no answer within 10s; next 2026-01-02 03:04:05"

	shop := pushrecords.Shop{State: "breaker_open", Code: "channel_unavailable", Message: "busy"}
	status, history := statusTable(stoppedShops{10003: shop}), historyTable(shop)
	row := status.cells(&pushrecords.StoreSKU{LastPushStatus: schemas.Pending.String(), ConfirmedQty: &confirmed, Attempts: &attempts, Waiting: why})
	require.Len(t, row, len(status.header))
	require.Contains(t, row, want)
	require.Contains(t, row, "12")

	row = status.cells(&pushrecords.StoreSKU{ShopID: 10003, LastPushStatus: schemas.Pending.String(), Attempts: new(int64)})
	require.Contains(t, row, "0 attempts; shop breaker_open; channel_unavailable: busy", "nothing was tried because the shop is stopped")

	row = history.cells(&pushrecords.Record{Status: schemas.Pending.String(), Attempts: 7, Waiting: why})
	require.Len(t, row, len(history.header))
	require.Contains(t, row, want+"; shop breaker_open")

	row = status.cells(&pushrecords.StoreSKU{LastPushStatus: schemas.Failed.String(), LastFailureCode: "promotion_locked"})
	require.Contains(t, row, "promotion_locked")
}

func TestUnknownChoiceIsBadUsageThatListsTheChoices(t *testing.T) {
	for flag, c := range map[string]struct {
		command string
		choices []string
	}{
		"--view":  {"records", []string{"store-skus", "merchant-skus", "history", "failures", "rejected-events", "shops"}},
		"--order": {"records", []string{"newest", "key"}}, "--output": {"records", []string{"table", "json", "csv"}},
		"--fix": {"audit", []string{"above", "all"}}, "--error-code": {"redrive", schemas.BadEventCodes()},
	} {
		var out, errs bytes.Buffer
		require.Equal(t, exitUsage, run([]string{c.command, flag + "=nope"}, &out, &errs), flag)
		for _, choice := range append(c.choices, flag, "nope") {
			require.Contains(t, errs.String(), choice)
		}
	}
}

func TestChoicesAreTakenInAnyCase(t *testing.T) {
	cmd := (&app{}).newRecords()
	require.NoError(t, cmd.ParseFlags([]string{"--view", "Failures", "--output", "JSON", "--order", "KEY"}))
	for flag, want := range map[string]string{"view": "failures", "output": "json", "order": "key"} {
		got, err := cmd.Flags().GetString(flag)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
}
