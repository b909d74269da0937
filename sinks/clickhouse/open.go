package clickhouse

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/ClickHouse/ch-go/chpool"
	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	schema "stockpush/schemas/clickhouse"
)

// Config describes how to reach ClickHouse.
type Config struct {
	// Addr is HOST:PORT of the native protocol.
	Addr, Database, Username, Password string
	// TLS is nil for plain text.
	TLS *tls.Config
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

// Store is a connection to one database.
type Store struct {
	conn     driver.Conn
	inserts  *chpool.Pool
	database string
}

// Open returns a store. It connects on first use.
func Open(cfg Config) (*Store, error) {
	conn, err := clickhouse.Open(&clickhouse.Options{
		Addr: []string{cfg.Addr},
		// The database may not exist yet, so every statement qualifies its names.
		Auth:        clickhouse.Auth{Username: cfg.Username, Password: cfg.Password},
		TLS:         cfg.TLS,
		Compression: &clickhouse.Compression{Method: clickhouse.CompressionLZ4},
		DialTimeout: dialTimeout,
		Settings:    settings(),
	})
	if err != nil {
		return nil, fmt.Errorf("clickhouse: %w", err)
	}
	inserts, err := openInserts(cfg)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("clickhouse: %w", err), conn.Close())
	}
	return &Store{conn, inserts, cfg.Database}, nil
}

// Conn returns the connection for queries.
func (s *Store) Conn() driver.Conn { return s.conn }

// Close closes the connections.
func (s *Store) Close() error {
	s.inserts.Close()
	return s.conn.Close()
}

// Ping checks that the server answers.
func (s *Store) Ping(ctx context.Context) error {
	if err := s.conn.Ping(ctx); err != nil {
		return fmt.Errorf("clickhouse does not answer (check clickhouse.addr, username and password): %w", err)
	}
	return nil
}

// table returns the qualified name of a table or view. The configuration allows only letters,
// digits and underscores in the database's name.
func (s *Store) table(name string) string { return "`" + s.database + "`." + name }
