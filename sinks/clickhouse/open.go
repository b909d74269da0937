package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"time"

	"github.com/ClickHouse/ch-go"
	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	schema "stockpush/schemas/clickhouse"
)

// Config describes how to reach ClickHouse.
type Config struct {
	// Addr are HOST:PORT of the native protocol, of servers with the same data. The first one is
	// used until it fails.
	Addr                         []string
	Database, Username, Password string
	// Dialer connects over TLS; nil connects in plain text.
	Dialer ch.Dialer
	// Cluster is the cluster that the addresses are replicas of.
	Cluster schema.Cluster
	// Logger receives a line when a server is replaced by the next one; nil discards it.
	Logger *slog.Logger
	// Metrics may be nil.
	Metrics *Metrics
}

const (
	dialTimeout      = 5 * time.Second
	maxExecutionTime = 300 * time.Second
)

// settings apply to all our queries and inserts, whatever our user's profile has.
func settings() clickhouse.Settings {
	all := clickhouse.Settings{
		"max_execution_time": int(maxExecutionTime.Seconds()),
		// An acknowledged insert is written, including all feeds of its table.
		"async_insert": 0, "insert_deduplicate": 0, "materialized_views_ignore_errors": 0, "ignore_materialized_views_with_dropped_target_table": 0,
		// A query returns all current rows.
		"limit": 0, "offset": 0, "use_query_cache": 0, "distinct_overflow_mode": "throw", "result_overflow_mode": "throw", "timeout_overflow_mode": "throw",
		// A column is created as declared.
		"data_type_default_nullable": 0,
	}
	maps.Copy(all, schema.ExactSettings())
	return all
}

// querySettings are the settings of queries and of setup's statements.
func querySettings(on schema.Cluster) clickhouse.Settings {
	all := settings()
	if on.Name != "" {
		all["distributed_ddl_output_mode"] = "throw" // a statement ends when every replica has executed it
	}
	return all
}

// Store is a connection to one database.
type Store struct {
	conn     driver.Conn
	servers  *servers
	database string
	cluster  schema.Cluster
}

// Open returns a store. It connects on first use.
func Open(cfg Config) (*Store, error) {
	if len(cfg.Addr) == 0 {
		return nil, errors.New("clickhouse: no address (check clickhouse.addr)")
	}
	all := &servers{log: cfg.Logger, metrics: cfg.Metrics}
	if all.log == nil {
		all.log = slog.New(slog.DiscardHandler)
	}
	for _, addr := range cfg.Addr {
		server, err := openServer(addr, cfg)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("clickhouse: %w", err), all.close())
		}
		all.all = append(all.all, server)
	}
	return &Store{conn{all.all[0].queries, all}, all, cfg.Database, cfg.Cluster}, nil
}

func openServer(addr string, cfg Config) (*server, error) {
	queries, err := clickhouse.Open(&clickhouse.Options{
		Addr: []string{addr},
		// The database may not exist yet, so every statement qualifies its names.
		Auth:        clickhouse.Auth{Username: cfg.Username, Password: cfg.Password},
		DialContext: dial(cfg),
		Compression: &clickhouse.Compression{Method: clickhouse.CompressionLZ4},
		DialTimeout: dialTimeout,
		Settings:    querySettings(cfg.Cluster),
	})
	if err != nil {
		return nil, err
	}
	inserts, err := openInserts(addr, cfg)
	if err != nil {
		return nil, errors.Join(err, queries.Close())
	}
	return &server{addr: addr, queries: queries, inserts: inserts}, nil
}

// dial is the dialer as the connection for queries takes it; nil for plain text.
func dial(cfg Config) func(ctx context.Context, address string) (net.Conn, error) {
	if cfg.Dialer == nil {
		return nil
	}
	return func(ctx context.Context, address string) (net.Conn, error) {
		return cfg.Dialer.DialContext(ctx, "tcp", address)
	}
}

// Conn returns the connection for queries. It uses the next address when a server fails.
func (s *Store) Conn() driver.Conn { return s.conn }

// Close closes the connections.
func (s *Store) Close() error {
	return s.servers.close()
}

// Ping checks that every address answers.
func (s *Store) Ping(ctx context.Context) error {
	var errs []error
	for _, server := range s.servers.all {
		if err := server.ping(ctx); err != nil {
			errs = append(errs, fmt.Errorf("clickhouse at %s does not answer (check clickhouse.addr, username and password): %w", server.addr, err))
		}
	}
	return errors.Join(errs...)
}

// table returns the qualified name of a table or view. The configuration allows only letters,
// digits and underscores in the database's name.
func (s *Store) table(name string) string { return "`" + s.database + "`." + name }

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
