package clickhouse

import (
	"context"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// conn is a driver.Conn that uses the next server when one fails. Its statements may be executed
// more than once, so they must be idempotent. Methods that it does not override use the first
// server only.
type conn struct {
	driver.Conn
	servers *servers
}

// Query returns the rows of a query. A server that fails while the rows are read is replaced at the
// next query.
func (c conn) Query(ctx context.Context, query string, args ...any) (rows driver.Rows, err error) {
	err = c.servers.try(ctx, func(_ context.Context, s *server) (err error) { // rows need ctx after the return
		rows, err = s.queries.Query(ctx, query, args...)
		return err
	})
	return rows, err
}

// QueryRow returns the first row of a query. It sends the query when the row is scanned.
func (c conn) QueryRow(ctx context.Context, query string, args ...any) driver.Row {
	return &row{scan: func(into func(driver.Row) error) error {
		return c.servers.try(ctx, func(ctx context.Context, s *server) error { return into(s.queries.QueryRow(ctx, query, args...)) })
	}}
}

// Select reads all rows of a query into a slice.
func (c conn) Select(ctx context.Context, dest any, query string, args ...any) error {
	return c.servers.try(ctx, func(ctx context.Context, s *server) error { return s.queries.Select(ctx, dest, query, args...) })
}

// Exec executes a statement.
func (c conn) Exec(ctx context.Context, query string, args ...any) error {
	return c.servers.try(ctx, func(ctx context.Context, s *server) error { return s.queries.Exec(ctx, query, args...) })
}

// Ping checks that a server answers.
func (c conn) Ping(ctx context.Context) error {
	return c.servers.try(ctx, func(ctx context.Context, s *server) error { return s.queries.Ping(ctx) })
}

// row is a driver.Row that is read when it is scanned.
type row struct {
	scan func(into func(driver.Row) error) error
	err  error
}

// Err returns the error of the last scan.
func (r *row) Err() error { return r.err }

// Scan reads the columns.
func (r *row) Scan(dest ...any) error {
	r.err = r.scan(func(row driver.Row) error { return row.Scan(dest...) })
	return r.err
}

// ScanStruct reads the columns into a struct.
func (r *row) ScanStruct(dest any) error {
	r.err = r.scan(func(row driver.Row) error { return row.ScanStruct(dest) })
	return r.err
}
