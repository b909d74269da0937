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

// Missing is ErrMissing of a shop, with what to do.
func Missing(shopID int64) error {
	return fmt.Errorf("shop %d: %w; run `stockpush authorize`", shopID, ErrMissing)
}

// ErrRefused is what a change given to Store.Update wraps when Shopee
// refused the refresh token it was given.
var ErrRefused = errors.New("refresh token refused")

// Store keeps the shops' token pairs. It is safe for concurrent use, also
// by several processes.
type Store interface {
	// Load returns a shop's newest pair, or ErrMissing. It is called before
	// every call to Shopee, so it must be cheap.
	Load(ctx context.Context, shopID int64) (Pair, error)
	// Peek is Load without looking whether the store has changed since: it answers
	// from memory and never blocks. Before the first Load, and for an absent shop
	// while the store cannot be read, its error is not ErrMissing.
	Peek(shopID int64) (Pair, error)
	// Update reads a shop's pair under the store's exclusive lock, gives it to
	// change (zero if there is none), and returns what change returned once that
	// is durable. When change fails with ErrRefused and the pair is another
	// after reading again, change is called once more with that one.
	Update(ctx context.Context, shopID int64, change Change) (Pair, error)
	// Watch calls changed for each shop whose pair is new or another, until ctx
	// ends, and returns ctx's error.
	Watch(ctx context.Context, changed func(shopID int64)) error
	// Shops lists the shops that have a pair, in order.
	Shops(ctx context.Context) ([]int64, error)
}

// Change makes a shop's next pair of the one held.
type Change func(ctx context.Context, held Pair) (Pair, error)

// WatchPairs is Watch for a store that can tell cheaply what it holds: it
// compares what current says. Errors of current are passed over.
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
