package sinks_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"stockpush/processor/stream/kafka"
	"stockpush/schemas"
	"stockpush/schemas/wire"
)

// reportMessage appends a message with reports of so many store SKUs, and those records.
func (b *bench) reportMessage(skus []string, records ...string) *kafka.Record {
	m := b.message(records...)
	for _, sku := range skus {
		m.Value = wire.AppendReport(m.Value, &schemas.Report{
			Shop: schemas.Shop{Channel: "shopee", ID: 1}, StoreSKU: sku, Progress: &schemas.Progress{Position: schemas.Position{LogID: 1}},
		})
	}
	b.log[len(b.log)-1] = *m
	return m
}

func TestMessageOfReportsAloneIsStoredAndResolved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, 100)
		b.deliver([]*kafka.Record{b.reportMessage([]string{"a", "b"})})
		time.Sleep(3 * time.Second)
		synctest.Wait()
		require.Equal(t, 2, b.store.reports)
		at, ok := b.assignment.Committable()
		require.True(t, ok)
		require.Equal(t, int64(1), at.Offset)
		b.finish()
	})
}

func TestReportsOfARefusedBatchAreStored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, 100)
		b.store.refuses = "poison"
		b.deliver([]*kafka.Record{b.reportMessage([]string{"a"}, "good", "poison")})
		time.Sleep(3 * time.Second)
		synctest.Wait()
		require.Equal(t, 1, b.store.reports)
		require.Equal(t, []string{"good"}, b.store.rows)
		b.finish()
	})
}
