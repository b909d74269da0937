package shopee

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// TokenPair is a shop's tokens.
type TokenPair struct {
	AccessToken, RefreshToken Secret
	// ExpiresAt is when the access token ends.
	ExpiresAt time.Time
}

// ErrNoTokens says that the store has no pair of a shop: its authorization is lost.
var ErrNoTokens = errors.New("no tokens of the shop")

// NoTokens is ErrNoTokens of a shop, with what to do.
func NoTokens(shopID int64) error {
	return fmt.Errorf("shop %d: %w; run `stockpush authorize`", shopID, ErrNoTokens)
}

// ErrRefused is what a change given to TokenStore.Update wraps when Shopee
// refused the refresh token it was given.
var ErrRefused = errors.New("refresh token refused")

// TokenStore keeps the shops' token pairs. It is safe for concurrent use, also
// by several processes.
type TokenStore interface {
	// Load returns a shop's newest pair, or ErrNoTokens. It is called before
	// every call to Shopee, so it must be cheap.
	Load(ctx context.Context, shopID int64) (TokenPair, error)
	// Peek is Load without looking whether the store has changed since: it answers
	// from memory and never blocks. Before the first Load, and for an absent shop
	// while the store cannot be read, its error is not ErrNoTokens.
	Peek(shopID int64) (TokenPair, error)
	// Update reads a shop's pair under the store's exclusive lock, gives it to
	// change (zero if there is none), and returns what change returned once that
	// is durable. When change fails with ErrRefused and the pair is another
	// after reading again, change is called once more with that one.
	Update(ctx context.Context, shopID int64, change Change) (TokenPair, error)
	// Watch calls changed for each shop whose pair is new or another, until ctx
	// ends, and returns ctx's error.
	Watch(ctx context.Context, changed func(shopID int64)) error
	// Shops lists the shops that have a pair, in order.
	Shops(ctx context.Context) ([]int64, error)
}

// Change makes a shop's next pair of the one held.
type Change func(ctx context.Context, held TokenPair) (TokenPair, error)

// WatchPairs is Watch for a store that can tell cheaply what it holds: it
// compares what current says. Errors of current are passed over.
func WatchPairs(ctx context.Context, every time.Duration, current func() (map[int64]TokenPair, error), changed func(shopID int64)) error {
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
