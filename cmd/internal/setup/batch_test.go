package setup_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockpush/schemas"
	"stockpush/sinks"
)

// full is a record that has everything a record may have, each with a value of its own.
func full(sku string) schemas.Record {
	before, after, floor := int64(-1), int64(0), int64(77)
	r := record(sku, 5, schemas.Failed)
	r.LocationID, r.RetryOf, r.RepeatsOffset, r.ModelID, r.Available = "TH1", "earlier", 4, 1<<62, -9
	r.BeforeQty, r.AfterQty, r.PromotionFloor = &before, &after, &floor
	r.FailureReason, r.SupersededBy, r.SupersededByOffset = "ราคา\x00'", "later", 1<<40
	r.Attempts, r.RequestID, r.Position = 65535, "req", schemas.Position{LogID: 9, Partition: 63, Offset: 5}
	r.OccurredAt, r.QueuedAt = time.Date(1899, 1, 1, 0, 0, 0, 0, time.UTC), now.Add(time.Millisecond)
	return r
}

func TestABatchIsWrittenAsItWasFilled(t *testing.T) {
	s := newStore(t)
	b := s.NewBatch()
	kept, forgotten, absent := full("kept"), full("forgotten"), record("absent", 6, schemas.Pending)
	b.Add(&kept)
	b.Add(&forgotten)
	b.KeepRecords(1)
	b.Add(&absent)
	b.Reject(schemas.DeadLetter{SourceTopic: "events", Key: []byte{0xff}, Value: make([]byte, 100<<10)}, sinks.Received{At: now})
	require.Equal(t, 3, b.Rows())
	require.NoError(t, b.Send(t.Context()))
	require.NoError(t, b.Send(t.Context()), "and again")
	b.Reset()
	again := full("after a reset")
	b.Add(&again)
	require.NoError(t, b.Send(t.Context()))

	const row = `SELECT toString(tuple(location_id, retry_of, repeats_offset, toInt8(reason), toString(status), model_id, available, push_qty, before_qty, after_qty,
		promotion_floor, failure_code, failure_reason, superseded_by, superseded_by_offset, attempts, request_id, log_id, event_partition, event_offset,
		toUnixTimestamp64Milli(occurred_at), toUnixTimestamp64Milli(queued_at) - toUnixTimestamp64Milli(triggered_at), version)) FROM d.push_records FINAL WHERE store_sku = `
	all := `('TH1','earlier',4,17,'Failed',4611686018427387904,-9,1,-1,0,77,'holiday_mode','ราคา\0\'','later',1099511627776,65535,'req',9,63,5,-2208988800000,-4,3)`
	require.Equal(t, all, text(t, s, row+"'kept'"))
	require.Equal(t, all, text(t, s, row+"'after a reset'"))
	require.Contains(t, text(t, s, row+"'absent'"), `('','',NULL,17,'Pending',0,6,7,NULL,NULL,NULL,'','','',NULL,0,'',1,3,6,`)
	require.Equal(t, "3", text(t, s, "SELECT toString(count()) FROM d.push_records FINAL"))
	require.Equal(t, "65536 1", text(t, s, "SELECT concat(toString(any(length(value))), ' ', toString(count())) FROM d.rejected_event_rows FINAL"))
}
