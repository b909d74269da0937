// Package postgres stores token pairs in a PostgreSQL table, for the processes of several machines.
//
// PostgreSQL, because sellers' systems have one, because its commits are durable, and because the
// lock on a shop's row ends with its holder's connection. The package owns the table and the lock,
// and makes no call to Shopee. A Store is safe for concurrent use; Load never blocks after the
// first read.
package postgres

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"stockpush/channels/shopee/tokens"
)

const (
	// poll is how often the table is read for changes of other machines.
	poll = 500 * time.Millisecond
	// pollTimeout bounds one such read.
	pollTimeout = 5 * time.Second
	// holderTimeout is when the server ends a transaction whose client is silent but has not
	// closed its connection. It is longer than any refresh takes.
	holderTimeout  = 2 * time.Minute
	undefinedTable = "42P01"
)

const table = `CREATE TABLE IF NOT EXISTS stockpush_tokens (
	partner_id    bigint NOT NULL,
	shop_id       bigint NOT NULL,
	access_token  text NOT NULL DEFAULT '',
	refresh_token text NOT NULL DEFAULT '',
	expires_at    timestamptz NOT NULL DEFAULT 'epoch',
	updated_at    timestamptz NOT NULL DEFAULT now(),
	PRIMARY KEY (partner_id, shop_id)
)`

// Store is the part of the table that belongs to one app.
type Store struct {
	pool    *pgxpool.Pool
	partner int64
	stop    context.CancelFunc
	polling sync.WaitGroup
	// read is closed once the table was read, or could not be, for the first time.
	read chan struct{}

	mu    sync.Mutex
	known tokens.Known
	// writes counts updates, so that a read that began before one does not undo it.
	writes int
}

var _ tokens.Store = (*Store)(nil)

// Open returns a store and begins to read. It fails only if dsn is invalid; it retries if the
// server is away. The caller closes the store.
func Open(dsn string, partnerID int64) (*Store, error) {
	cfg, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		return nil, errors.New("shopee.tokens_postgres: want postgres://USER:PASSWORD@HOST/DATABASE, or key=value pairs") // the cause quotes it
	}
	cfg.ConnConfig.RuntimeParams["application_name"] = "stockpush"
	pool, err := pgxpool.NewWithConfig(context.Background(), cfg)
	if err != nil {
		return nil, wrap("connect", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	s := &Store{pool: pool, partner: partnerID, stop: cancel, read: make(chan struct{}), known: tokens.Known{Err: tokens.ErrUnread}}
	s.polling.Go(func() { s.keepReading(ctx) })
	return s, nil
}

// Close ends reading and closes the connections.
func (s *Store) Close() {
	s.stop()
	s.polling.Wait()
	s.pool.Close()
}

// Setup creates the table if it is missing, and lists it; with check it only lists.
func (s *Store) Setup(ctx context.Context, check bool) ([]string, error) {
	var found bool
	if err := s.pool.QueryRow(ctx, "SELECT to_regclass('stockpush_tokens') IS NOT NULL").Scan(&found); err != nil {
		return nil, wrap("look for the table", err)
	}
	if found {
		return nil, nil
	}
	changes := []string{"stockpush_tokens"}
	if check {
		return changes, nil
	}
	if _, err := s.pool.Exec(ctx, table); err != nil {
		return nil, wrap("make the table", err)
	}
	return changes, nil
}

func (s *Store) keepReading(ctx context.Context) {
	ticker := time.NewTicker(poll)
	defer ticker.Stop()
	for first := true; ; first = false {
		s.reread(ctx)
		if first {
			close(s.read)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

func (s *Store) reread(ctx context.Context) {
	s.mu.Lock()
	writes := s.writes
	s.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, pollTimeout)
	defer cancel()
	pairs, err := s.readAll(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.known.Err = err
	if err == nil && s.writes == writes {
		s.known.Pairs = pairs
	}
}

func (s *Store) readAll(ctx context.Context) (map[int64]tokens.Pair, error) {
	rows, err := s.pool.Query(ctx, `SELECT shop_id, access_token, refresh_token, expires_at FROM stockpush_tokens
		WHERE partner_id = $1 AND refresh_token <> ''`, s.partner)
	if err != nil {
		return nil, wrap("read", err)
	}
	pairs := map[int64]tokens.Pair{}
	var shopID int64
	var pair tokens.Pair
	_, err = pgx.ForEachRow(rows, []any{&shopID, &pair.AccessToken, &pair.RefreshToken, &pair.ExpiresAt}, func() error {
		pair.ExpiresAt = pair.ExpiresAt.UTC()
		pairs[shopID] = pair
		return nil
	})
	if err != nil {
		return nil, wrap("read", err)
	}
	return pairs, nil
}

// Read returns the pairs as they were at most half a second ago, or as they were read last if the
// server is away. It waits for the first read.
func (s *Store) Read(ctx context.Context) tokens.Known {
	select {
	case <-s.read:
		return s.Peek()
	case <-ctx.Done():
		return tokens.Known{Err: wrap("read", ctx.Err())}
	}
}

// Peek is Read without waiting for the first read.
func (s *Store) Peek() tokens.Known {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.known
}

// Update holds the lock of the shop's row while change runs. Before that it writes and commits the
// row, so it fails on a read-only server or a full disk before change spends a refresh token, which
// works once. What that write replaced leaves room for the next one.
func (s *Store) Update(ctx context.Context, shopID int64, change tokens.Change) (next tokens.Pair, err error) {
	if err := s.transact(ctx, func(tx pgx.Tx) error { return s.prove(ctx, tx, shopID) }); err != nil {
		return next, wrap("try to write", err)
	}
	var refused error
	err = s.transact(ctx, func(tx pgx.Tx) error {
		held, err := s.lock(ctx, tx, shopID)
		if err != nil {
			return err
		}
		if next, refused = change(ctx, held); refused != nil || next == held {
			return refused
		}
		_, err = tx.Exec(ctx, `UPDATE stockpush_tokens SET access_token = $3, refresh_token = $4, expires_at = $5, updated_at = now()
			WHERE partner_id = $1 AND shop_id = $2`, s.partner, shopID, next.AccessToken.Reveal(), next.RefreshToken.Reveal(), next.ExpiresAt)
		return err
	})
	if refused != nil {
		return next, refused
	}
	if err != nil {
		return tokens.Pair{}, wrap("write", err)
	}
	s.remember(shopID, next) // also an unchanged pair: another machine may have written it
	return next, nil
}

// transact runs a durable transaction. The server ends it if its client is silent.
func (s *Store) transact(ctx context.Context, do func(pgx.Tx) error) error {
	settings := fmt.Sprintf("SET LOCAL synchronous_commit = on; SET LOCAL idle_in_transaction_session_timeout = %d", holderTimeout.Milliseconds())
	return pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, settings); err != nil {
			return err
		}
		return do(tx)
	})
}

// prove writes a shop's row unchanged, or inserts it.
func (s *Store) prove(ctx context.Context, tx pgx.Tx, shopID int64) error {
	_, err := tx.Exec(ctx, `INSERT INTO stockpush_tokens (partner_id, shop_id) VALUES ($1, $2)
		ON CONFLICT (partner_id, shop_id) DO UPDATE SET updated_at = now()`, s.partner, shopID)
	return err
}

// lock locks a shop's row and reads its pair, which is zero if there is none.
func (s *Store) lock(ctx context.Context, tx pgx.Tx, shopID int64) (held tokens.Pair, err error) {
	err = tx.QueryRow(ctx, `SELECT access_token, refresh_token, expires_at FROM stockpush_tokens
		WHERE partner_id = $1 AND shop_id = $2 FOR UPDATE`, s.partner, shopID).Scan(&held.AccessToken, &held.RefreshToken, &held.ExpiresAt)
	if errors.Is(err, pgx.ErrNoRows) { // deleted meanwhile
		return tokens.Pair{}, nil
	}
	if err != nil || held.RefreshToken == "" {
		return tokens.Pair{}, err
	}
	held.ExpiresAt = held.ExpiresAt.UTC()
	return held, nil
}

func (s *Store) remember(shopID int64, pair tokens.Pair) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writes++
	pairs := map[int64]tokens.Pair{}
	maps.Copy(pairs, s.known.Pairs)
	pairs[shopID] = pair
	s.known.Pairs = pairs
}

// wrap adds the key's name and a hint. No connection error has the password.
func wrap(doing string, err error) error {
	if refused, ok := errors.AsType[*pgconn.PgError](err); ok && refused.Code == undefinedTable {
		return fmt.Errorf("shopee.tokens_postgres: %s: the table is missing (run `stockpush setup`): %w", doing, err)
	}
	if _, unreachable := errors.AsType[*pgconn.ConnectError](err); unreachable {
		return fmt.Errorf("shopee.tokens_postgres: %s: the server cannot be reached, or refuses the login (check host, user, password and pg_hba.conf): %w", doing, err)
	}
	return fmt.Errorf("shopee.tokens_postgres: %s: %w", doing, err)
}
