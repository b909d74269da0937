package clickhouse

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/ClickHouse/ch-go"
	"github.com/ClickHouse/ch-go/chpool"
	"github.com/ClickHouse/ch-go/proto"

	"stockpush/schemas"
	"stockpush/sinks"
)

// maxInsertTime limits an insert on the client's side. It is a little longer than the server's
// limit, for a server that hangs or is unreachable.
const maxInsertTime = maxExecutionTime + 10*time.Second

// NewBatch returns an empty batch. A batch is not safe for concurrent use.
func (s *Store) NewBatch() sinks.Batch {
	return &batch{
		store: s, records: tableRows[*rec]{columns: recordColumns()}, rejected: tableRows[rejected]{columns: rejectedColumns()},
		progress: tableRows[*report]{columns: progressColumns()}, states: tableRows[*report]{columns: stateColumns()}, facts: tableRows[fact]{columns: factColumns()},
	}
}

// batch keeps rows in the encoding in which they are sent.
type batch struct {
	store    *Store
	records  tableRows[*rec]
	rejected tableRows[rejected]
	progress tableRows[*report]
	states   tableRows[*report]
	facts    tableRows[fact]
}

// Add adds a record's row.
func (b *batch) Add(r *schemas.Record) { b.records.add(r) }

// Reject adds a dead letter's row.
func (b *batch) Reject(letter schemas.DeadLetter, at time.Time) {
	b.rejected.add(rejected{letter, at, namedBy(letter.FittingKey())})
}

// Rows returns how many rows the batch has.
func (b *batch) Rows() int {
	return b.records.rows + b.rejected.rows + b.progress.rows + b.states.rows + b.facts.rows
}

// Records returns how many rows Add added.
func (b *batch) Records() int { return b.records.rows }

// KeepRecords truncates the added records to the first n.
func (b *batch) KeepRecords(n int) { b.records.keep(n) }

// Reset empties the batch and keeps its memory.
func (b *batch) Reset() {
	b.records.keep(0)
	b.rejected.keep(0)
	b.progress.keep(0)
	b.states.keep(0)
	b.facts.keep(0)
}

// Send inserts the rows. It may be called again after an error: rows that were already inserted
// count once. On a cluster they are not even stored twice, also if the second attempt is at another
// replica.
func (b *batch) Send(ctx context.Context) error {
	return errors.Join(
		insert(ctx, b.store, "push_records", &b.records),
		insert(ctx, b.store, "rejected_event_rows", &b.rejected),
		insert(ctx, b.store, "push_progress_rows", &b.progress),
		insert(ctx, b.store, "shop_states", &b.states),
		insert(ctx, b.store, "shop_facts", &b.facts))
}

// insert sends the rows of one table, if there are any.
func insert[T any](ctx context.Context, s *Store, table string, rows *tableRows[T]) error {
	if rows.rows == 0 {
		return nil
	}
	if rows.token == "" {
		rows.token = rand.Text()
	}
	err := s.servers.try(ctx, func(ctx context.Context, at *server) error {
		ctx, cancel := context.WithTimeout(ctx, maxInsertTime)
		defer cancel()
		next, input := rows.blocks(), rows.input()
		return at.inserts.Do(ctx, ch.Query{
			Body:  "INSERT INTO " + s.table(table) + " " + input.Columns() + " VALUES",
			Input: input, OnInput: next, Settings: []ch.Setting{{Key: "insert_deduplication_token", Value: rows.token, Important: true}},
		})
	})
	if err != nil {
		return fmt.Errorf("insert %d rows into %s: %w", rows.rows, table, judged(err))
	}
	return nil
}

func openInserts(addr string, cfg Config) (*chpool.Pool, error) {
	return chpool.New(context.Background(), chpool.Options{
		MaxConns: 2,
		ClientOptions: ch.Options{
			Address:          addr,
			User:             cfg.Username,
			Password:         cfg.Password,
			Dialer:           cfg.Dialer,
			Compression:      ch.CompressionLZ4,
			DialTimeout:      dialTimeout,
			HandshakeTimeout: dialTimeout,
			Settings:         insertSettings(cfg.Cluster.Name != ""),
		},
	})
}

// insertSettings are the settings of inserts. Replicas drop a block whose token they have, each table
// for itself: a repeated insert still reaches the tables that the first attempt did not. A single
// server has no such memory of blocks, so its feeds get each attempt.
func insertSettings(replicated bool) []ch.Setting {
	values := settings()
	if replicated {
		values["insert_deduplicate"], values["deduplicate_blocks_in_dependent_materialized_views"] = 1, 1
		// A replica that has lost its Keeper refuses after seconds, not minutes; another one may do.
		values["insert_keeper_max_retries"] = 3
	}
	var all []ch.Setting
	for name, value := range values {
		all = append(all, ch.Setting{Key: name, Value: fmt.Sprint(value), Important: true})
	}
	return all
}

// rowFaults are exceptions that only a row's values cause, never an outdated schema or an
// overloaded server. A retry does not help.
var rowFaults = []proto.Error{
	proto.ErrViolatedConstraint, proto.ErrFunctionThrowIfValueIsNonZero,
	proto.ErrValueIsOutOfRangeOfDataType, proto.ErrArgumentOutOfBound, proto.ErrDecimalOverflow, proto.ErrIllegalDivision,
	proto.ErrUnknownElementOfEnum, proto.ErrCannotInsertNullInOrdinaryColumn, proto.ErrIncorrectData, proto.ErrCannotConvertType,
	proto.ErrTooLargeStringSize, proto.ErrTooLargeArraySize,
	proto.ErrCannotParseText, proto.ErrCannotParseDate, proto.ErrCannotParseDatetime, proto.ErrCannotParseNumber,
	proto.ErrCannotParseInputAssertionFailed,
}

// judged turns an exception that a row causes into a sinks.RefusedError.
func judged(err error) error {
	exception, ok := errors.AsType[*ch.Exception](err)
	if ok && slices.Contains(rowFaults, exception.Code) {
		return &sinks.RefusedError{Err: err}
	}
	return err
}
