package setup_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockpush/schemas"
	"stockpush/sinks"
)

// full returns a record with a distinct value in every field.
func full(sku string) schemas.Record {
	before, after, floor := int64(-1), int64(0), int64(77)
	r := record(sku, 5, schemas.Failed)
	r.LocationID, r.RetryOf, r.RepeatsOffset, r.ModelID, r.Available = "TH1", "earlier", 4, 1<<62, -9
	r.RequestedBy = "ann@example.com"
	r.BeforeQty, r.AfterQty, r.PromotionFloor = &before, &after, &floor
	r.FailureReason, r.SupersededBy, r.SupersededByOffset = "ราคา\x00'", "later", 1<<40
	r.Attempts, r.RequestID, r.Position = 65535, "req", schemas.Position{LogID: 9, Partition: 63, Offset: 5}
	r.OccurredAt, r.QueuedAt = time.Date(1899, 1, 1, 0, 0, 0, 0, time.UTC), now.Add(time.Millisecond)
	return r
}

func TestBatchIsWrittenCompletely(t *testing.T) {
	s := newStore(t)
	b := s.NewBatch()
	kept, forgotten, absent := full("kept"), full("forgotten"), record("absent", 6, schemas.Pending)
	b.Add(&kept)
	b.Add(&forgotten)
	b.KeepRecords(1)
	b.Add(&absent)
	b.Reject(schemas.DeadLetter{SourceTopic: "events", Key: bytes.Repeat([]byte{0xff}, 100<<10), Value: make([]byte, 100<<10)}, now)
	require.Equal(t, 3, b.Rows())
	require.NoError(t, b.Send(t.Context()))
	require.NoError(t, b.Send(t.Context()), "repeated")
	b.Reset()
	again := full("after a reset")
	b.Add(&again)
	require.NoError(t, b.Send(t.Context()))

	const row = `SELECT toString(tuple(location_id, retry_of, repeats_offset, toInt8(reason), toString(status), model_id, available, push_qty, before_qty, after_qty,
		promotion_floor, failure_code, failure_reason, superseded_by, superseded_by_offset, attempts, request_id, log_id, event_partition, event_offset,
		toUnixTimestamp64Milli(occurred_at), toUnixTimestamp64Milli(queued_at) - toUnixTimestamp64Milli(triggered_at), requested_by, version)) FROM d.push_records FINAL WHERE store_sku = `
	all := `('TH1','earlier',4,17,'Failed',4611686018427387904,-9,1,-1,0,77,'holiday_mode','ราคา\0\'','later',1099511627776,65535,'req',9,63,5,-2208988800000,-4,'ann@example.com',3)`
	require.Equal(t, all, text(t, s, row+"'kept'"))
	require.Equal(t, all, text(t, s, row+"'after a reset'"))
	require.Contains(t, text(t, s, row+"'absent'"), `('','',NULL,17,'Pending',0,6,7,NULL,NULL,NULL,'','','',NULL,0,'',1,3,6,`)
	require.Equal(t, "3", text(t, s, "SELECT toString(count()) FROM d.push_records FINAL"))
	require.Equal(t, "65536 65536 1", text(t, s, "SELECT concatWithSeparator(' ', any(length(key)), any(length(value)), count()) FROM d.rejected_event_rows FINAL"))
}

// A batch is sent in blocks. Each row is stored once, and a refused row at any place makes the
// server refuse the whole batch.
func TestBatchOfManyBlocksIsOneInsert(t *testing.T) {
	const rows, more = 20_000, 5
	s := newOwnStore(t)
	b := s.NewBatch()
	add := func(n int) {
		r := record(fmt.Sprint(n), int64(n), schemas.Failed)
		r.FailureReason, r.AfterQty = strings.Repeat("é", n%40), &r.Position.Offset
		b.Add(&r)
	}
	for n := range rows + more {
		add(n)
	}
	b.KeepRecords(rows)
	const right = `SELECT toString(tuple(count(), uniqExact(event_offset), countIf(store_sku != toString(event_offset) OR after_qty != event_offset
		OR failure_reason != repeat('é', event_offset % 40)))) FROM d.push_records`
	require.NoError(t, s.Conn().Exec(t.Context(), fmt.Sprintf("ALTER TABLE d.push_records ADD CONSTRAINT c CHECK event_offset != %d", rows)))
	add(rows)
	_, refused := errors.AsType[*sinks.RefusedError](b.Send(t.Context()))
	require.True(t, refused)

	require.NoError(t, s.Conn().Exec(t.Context(), "TRUNCATE TABLE d.push_records"))
	b.KeepRecords(rows)
	require.NoError(t, b.Send(t.Context()))
	require.Equal(t, "(20000,20000,0)", text(t, s, right))
	require.Equal(t, "1", text(t, s, "SELECT toString(count()) FROM system.parts WHERE database = 'd' AND table = 'push_records' AND active"), "blocks are joined again")
}
