package clickhouse

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"time"

	"github.com/ClickHouse/ch-go/chpool"
	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// Config says how to reach ClickHouse.
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

// settings go with every query. Old events, or timestamps of producers that are wrong, may spread
// a batch over more weeks than a server's 100; it would be refused for ever.
var settings = clickhouse.Settings{"max_execution_time": int(maxExecutionTime.Seconds()), "max_partitions_per_insert_block": 0}

// Store is a connection to one database.
type Store struct {
	conn     driver.Conn
	inserts  *chpool.Pool
	database string
}

// Open makes a store; it connects when it is first used.
func Open(cfg Config) (*Store, error) {
	conn, err := clickhouse.Open(&clickhouse.Options{
		Addr: []string{cfg.Addr},
		// The database may not exist yet, so every name is qualified instead.
		Auth:        clickhouse.Auth{Username: cfg.Username, Password: cfg.Password},
		TLS:         cfg.TLS,
		Compression: &clickhouse.Compression{Method: clickhouse.CompressionLZ4},
		DialTimeout: dialTimeout,
		Settings:    settings,
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

// Conn is the connection, for queries.
func (s *Store) Conn() driver.Conn { return s.conn }

// Close ends the connections.
func (s *Store) Close() error {
	s.inserts.Close()
	return s.conn.Close()
}

// Ping says whether the server answers.
func (s *Store) Ping(ctx context.Context) error {
	if err := s.conn.Ping(ctx); err != nil {
		return fmt.Errorf("clickhouse does not answer (check clickhouse.addr, username and password): %w", err)
	}
	return nil
}

// table is the qualified name of a table or view of ours. The configuration
// lets only letters, digits and underscores into the database's name.
func (s *Store) table(name string) string { return "`" + s.database + "`." + name }
