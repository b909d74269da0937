package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ClickHouse/ch-go"
	"github.com/ClickHouse/ch-go/chpool"

	"stockpush/schemas"
	"stockpush/sinks"
)

// maxInsertTime is how long an insert may take: a little longer than the server
// lets it, for one that hangs, or is gone, would be waited for without end.
const maxInsertTime = maxExecutionTime + 10*time.Second

// NewBatch makes an empty batch of this store; one goroutine fills it at a time.
func (s *Store) NewBatch() sinks.Batch {
	return &batch{store: s, records: tableRows[*rec]{columns: recordColumns()}, rejected: tableRows[rejected]{columns: rejectedColumns()}}
}

// batch keeps rows as they are sent.
type batch struct {
	store    *Store
	records  tableRows[*rec]
	rejected tableRows[rejected]
}

// Add adds a record's row.
func (b *batch) Add(r *schemas.Record) { b.records.add(r) }

// Reject adds a dead letter's row.
func (b *batch) Reject(letter schemas.DeadLetter, at sinks.Received) {
	b.rejected.add(rejected{letter, at})
}

// Rows is how many rows the batch has.
func (b *batch) Rows() int { return b.records.rows + b.rejected.rows }

// Records is how many records' rows the batch has.
func (b *batch) Records() int { return b.records.rows }

// KeepRecords forgets all records' rows but the first n.
func (b *batch) KeepRecords(n int) { b.records.keep(n) }

// Reset empties the batch and keeps its memory.
func (b *batch) Reset() {
	b.records.keep(0)
	b.rejected.keep(0)
}

// Send inserts the rows. After an error it may be sent again: whatever part
// went in already counts once.
func (b *batch) Send(ctx context.Context) error {
	return errors.Join(insert(ctx, b.store, "push_records", &b.records), insert(ctx, b.store, "rejected_event_rows", &b.rejected))
}

// insert sends rows, if there are any, to a table.
func insert[T any](ctx context.Context, s *Store, table string, rows *tableRows[T]) error {
	if rows.rows == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, maxInsertTime)
	defer cancel()
	next, input := rows.blocks(), rows.input()
	err := s.inserts.Do(ctx, ch.Query{Body: "INSERT INTO " + s.table(table) + " " + input.Columns() + " VALUES", Input: input, OnInput: next})
	if err != nil {
		return fmt.Errorf("insert %d rows into %s: %w", rows.rows, table, judged(err))
	}
	return nil
}

// openInserts makes the connections that inserts go over, of which one is in use as
// a rule. They are not the queries': these send columns as they are, without a copy.
func openInserts(cfg Config) (*chpool.Pool, error) {
	return chpool.New(context.Background(), chpool.Options{
		MaxConns: 2,
		ClientOptions: ch.Options{
			Address:          cfg.Addr,
			User:             cfg.Username,
			Password:         cfg.Password,
			TLS:              cfg.TLS,
			Compression:      ch.CompressionLZ4,
			DialTimeout:      dialTimeout,
			HandshakeTimeout: dialTimeout,
			Settings:         insertSettings(),
		},
	})
}

func insertSettings() []ch.Setting {
	var all []ch.Setting
	for name, value := range settings {
		all = append(all, ch.SettingInt(name, value.(int)))
	}
	return all
}
