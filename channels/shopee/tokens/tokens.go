// Package tokens stores the shops' token pairs: in the file of shopee.tokens_file here, and in
// PostgreSQL in package postgres. It owns the file's format and lock, and makes no call to Shopee.
package tokens

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Pair is a shop's tokens.
type Pair struct {
	AccessToken, RefreshToken Secret
	// ExpiresAt is when the access token ends.
	ExpiresAt time.Time
}

// ErrMissing says that the store has no pair of a shop: its authorization is lost.
var ErrMissing = errors.New("no tokens of the shop")

// Missing returns ErrMissing of a shop, with a hint.
func Missing(shopID int64) error {
	return fmt.Errorf("shop %d: %w; run `stockpush authorize`", shopID, ErrMissing)
}

// ErrRefused is wrapped by the error of a Change if Shopee refused the refresh token.
var ErrRefused = errors.New("refresh token refused")

// Store stores the shops' token pairs. It is safe for concurrent use by several processes.
type Store interface {
	// Load returns a shop's newest pair, or ErrMissing. It is called before
	// every call to Shopee, so it must be cheap.
	Load(ctx context.Context, shopID int64) (Pair, error)
	// Peek is Load from memory, and never blocks. Before the first Load, and for an absent shop
	// while the store cannot be read, its error is not ErrMissing.
	Peek(shopID int64) (Pair, error)
	// Update reads a shop's pair under the store's exclusive lock, calls change with it (zero if
	// there is none), stores what change returned, and returns it when it is durable. If change
	// fails with ErrRefused and the store has another pair when it is read again, change is
	// called once more with that pair.
	Update(ctx context.Context, shopID int64, change Change) (Pair, error)
	// Watch calls changed for each shop whose pair was added or changed, until ctx ends, and
	// returns ctx's error.
	Watch(ctx context.Context, changed func(shopID int64)) error
	// Shops lists the shops that have a pair, in order.
	Shops(ctx context.Context) ([]int64, error)
}

// Change returns a shop's next pair; held is the present one.
type Change func(ctx context.Context, held Pair) (Pair, error)

// WatchPairs is Watch for a store whose current pairs are cheap to read: it compares them. It
// ignores errors of current.
func WatchPairs(ctx context.Context, every time.Duration, current func() (map[int64]Pair, error), changed func(shopID int64)) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	known, _ := current()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		now, err := current()
		if err != nil {
			continue
		}
		for shopID, pair := range now {
			if known[shopID] != pair {
				changed(shopID)
			}
		}
		known = now
	}
}
