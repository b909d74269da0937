package setup_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockpush/schemas"
	"stockpush/sinks/clickhouse"
)

func report(t *testing.T, s *clickhouse.Store, reports ...schemas.Report) {
	b := s.NewBatch()
	for i := range reports {
		b.Report(&reports[i])
	}
	require.NoError(t, b.Send(t.Context()))
}

func tried(sku string, offset int64, epoch int64, attempts uint16) schemas.Report {
	return schemas.Report{
		Shop: schemas.Shop{Channel: "shopee", ID: 10001}, StoreSKU: sku, Version: schemas.ReportVersion{Epoch: epoch, At: now},
		Progress: &schemas.Progress{
			Position: schemas.Position{LogID: 1, Partition: 3, Offset: offset}, Attempts: attempts,
			Code: schemas.TimedOut, Answer: "no answer", Next: now.Add(7 * time.Second),
		},
	}
}

func status(epoch int64, state schemas.ShopState, until time.Time) schemas.Report {
	return schemas.Report{
		Shop: schemas.Shop{Channel: "shopee", ID: 10001}, Version: schemas.ReportVersion{Epoch: epoch, At: now},
		Status: &schemas.ShopStatus{State: state, Since: now.Add(-time.Minute), Until: until, Code: schemas.ChannelUnavailable, Message: "busy"},
	}
}

// waiting is what a view says about a store SKU that may wait.
type waiting struct {
	Attempts      *uint16    `ch:"attempts"`
	Code          *string    `ch:"last_answer_code"`
	Answer        *string    `ch:"last_answer"`
	NextAttemptAt *time.Time `ch:"next_attempt_at"`
}

func waits(t *testing.T, s *clickhouse.Store, view, sku string) waiting {
	var all []waiting
	attempts := "attempts"
	if view == "push_record_history" {
		attempts = "toNullable(attempts) AS attempts"
	}
	require.NoError(t, s.Conn().Select(t.Context(), &all,
		"SELECT "+attempts+", last_answer_code, last_answer, next_attempt_at FROM d."+view+" WHERE store_sku = '"+sku+"'"))
	require.Len(t, all, 1)
	return all[0]
}

func TestViewsSayWhyARecordIsPending(t *testing.T) {
	s := newStore(t)
	insert(t, s, record("tried", 1, schemas.Pending), record("untried", 1, schemas.Pending), record("done", 1, schemas.Successfully), record("newer", 2, schemas.Pending))
	report(t, s, tried("tried", 1, 5, 3), tried("done", 1, 5, 3), tried("newer", 1, 5, 3))
	report(t, s, tried("tried", 1, 4, 9)) // of an earlier owner, late
	next := now.Add(7 * time.Second)
	three, code, answer := uint16(3), string(schemas.TimedOut), "no answer"
	for _, view := range []string{"store_sku_push_status", "merchant_sku_push_status", "push_record_history"} {
		require.Equal(t, waiting{&three, &code, &answer, &next}, waits(t, s, view, "tried"), view)
		require.Equal(t, waiting{Attempts: new(uint16)}, waits(t, s, view, "untried"), view)
		require.Equal(t, waiting{Attempts: new(uint16)}, waits(t, s, view, "newer"), view+": the progress is that of the record before")
	}
	require.Equal(t, waiting{}, waits(t, s, "store_sku_push_status", "done"))
	require.Nil(t, waits(t, s, "push_record_history", "done").Answer)

	until := now.Add(time.Minute)
	report(t, s, status(6, schemas.ShopBreakerOpen, until))
	require.Equal(t, &until, waits(t, s, "store_sku_push_status", "tried").NextAttemptAt, "not before the breaker allows a call")
	report(t, s, status(7, schemas.ShopPaused, time.Time{}))
	require.Nil(t, waits(t, s, "push_record_history", "tried").NextAttemptAt)
}

func TestConfirmedQuantityStaysWhateverComesSince(t *testing.T) {
	s := newStore(t)
	insert(t, s, record("a", 5, schemas.Successfully))
	oversold := record("a", 8, schemas.Failed)
	oversold.Available = -82
	insert(t, s, record("a", 6, schemas.Skipped), record("a", 7, schemas.Failed), oversold, record("a", 9, schemas.Pending), record("b", 1, schemas.Failed))
	type confirmed struct {
		Qty      *int64     `ch:"confirmed_qty"`
		At       *time.Time `ch:"confirmed_at"`
		Oversold bool       `ch:"oversold"`
	}
	qty, at := int64(6), now.Add(105*time.Millisecond)
	for _, view := range []string{"store_sku_push_status", "merchant_sku_push_status", "store_sku_standings"} {
		of := func(sku string) confirmed {
			var all []confirmed
			require.NoError(t, s.Conn().Select(t.Context(), &all, "SELECT confirmed_qty, confirmed_at, oversold FROM d."+view+" WHERE store_sku = '"+sku+"'"))
			require.Len(t, all, 1)
			return all[0]
		}
		require.Equal(t, confirmed{&qty, &at, false}, of("a"), view)
		require.Equal(t, confirmed{}, of("b"), view)
	}
	last := record("a", 9, schemas.Skipped)
	insert(t, s, last)
	var is bool
	require.NoError(t, s.Conn().QueryRow(t.Context(), "SELECT oversold FROM d.store_sku_push_status WHERE store_sku = 'a'").Scan(&is))
	require.True(t, is)
}

func TestShopStatusCountsWhatWaitsAndFails(t *testing.T) {
	s := newStore(t)
	other := record("o", 3, schemas.Successfully)
	other.Key.ShopID = 10002
	insert(t, s, record("a", 1, schemas.Pending), record("b", 2, schemas.Pending), record("c", 3, schemas.Failed), record("c", 4, schemas.Failed), other)
	report(t, s, status(5, schemas.ShopBreakerOpen, now.Add(time.Minute)), status(4, schemas.ShopHeld, now), schemas.Report{
		Shop: schemas.Shop{Channel: "shopee", ID: 10003}, Version: schemas.ReportVersion{At: now}, Info: &schemas.ShopInfo{Name: "Third", AuthorizationEndsAt: now},
	})
	type shop struct {
		ID      uint64     `ch:"shop_id"`
		Name    string     `ch:"shop_name"`
		State   string     `ch:"state"`
		Since   *time.Time `ch:"since"`
		Until   *time.Time `ch:"until"`
		Code    string     `ch:"code"`
		Message string     `ch:"message"`
		Waiting uint64     `ch:"waiting"`
		Oldest  *time.Time `ch:"oldest_waiting_at"`
		Failing uint64     `ch:"failing"`
		Ends    *time.Time `ch:"authorization_ends_at"`
	}
	var all []shop
	require.NoError(t, s.Conn().Select(t.Context(), &all,
		"SELECT shop_id, shop_name, state, since, until, code, message, waiting, oldest_waiting_at, failing, authorization_ends_at FROM d.shop_push_status ORDER BY shop_id"))
	since, until, oldest, ends := now.Add(-time.Minute), now.Add(time.Minute), now.Add(time.Millisecond), now
	require.Equal(t, []shop{
		{10001, "", "breaker_open", &since, &until, "channel_unavailable", "busy", 2, &oldest, 1, nil},
		{10002, "", "ok", nil, nil, "", "", 0, nil, 0, nil},
		{10003, "Third", "ok", nil, nil, "", "", 0, nil, 0, &ends},
	}, all)
}
