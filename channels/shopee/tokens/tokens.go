// Package tokens stores the shops' token pairs: in the file of shopee.tokens_file here, and in
// PostgreSQL in package postgres. It owns the file's format and lock, and makes no call to Shopee.
package tokens

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
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

// ErrUnread says that a store was not read yet.
var ErrUnread = errors.New("the tokens have not been read yet")

// ErrRefused is wrapped by the error of a Change if Shopee refused the refresh token.
var ErrRefused = errors.New("refresh token refused")

// Known is what a store read last. It is never written to.
type Known struct {
	Pairs map[int64]Pair
	// Err is why the pairs may be out of date; nil if they are not.
	Err error
}

// Of returns a shop's pair. If there is none the error is Err, or otherwise ErrMissing with a hint.
func (k Known) Of(shopID int64) (Pair, error) {
	if pair, ok := k.Pairs[shopID]; ok {
		return pair, nil
	}
	if k.Err != nil {
		return Pair{}, k.Err
	}
	return Pair{}, fmt.Errorf("shop %d: %w; run `stockpush authorize`", shopID, ErrMissing)
}

// Shops lists the shops that have a pair, in order.
func (k Known) Shops() ([]int64, error) { return slices.Sorted(maps.Keys(k.Pairs)), k.Err }

// Store stores the shops' token pairs. It is safe for concurrent use by several processes.
type Store interface {
	// Read returns the newest pairs, or those that were read last if the store cannot be read. It is
	// called before every call to Shopee, so it must be cheap.
	Read(ctx context.Context) Known
	// Peek is Read from memory, and never blocks. Before the first Read its Err is ErrUnread.
	Peek() Known
	// Update reads a shop's pair under the store's exclusive lock, calls change with it (zero if
	// there is none), stores what change returned, and returns it when it is durable. If change
	// fails with ErrRefused and the store has another pair when it is read again, change is
	// called once more with that pair.
	Update(ctx context.Context, shopID int64, change Change) (Pair, error)
}

// Change returns a shop's next pair; held is the present one.
type Change func(ctx context.Context, held Pair) (Pair, error)

// watchPoll is how often Watch reads a store.
const watchPoll = 500 * time.Millisecond

// Watch calls changed for each shop of a store whose pair was added or changed, by this process or
// another, until ctx ends, and returns ctx's error. changed runs on Watch's goroutine and must not
// block.
func Watch(ctx context.Context, s Store, changed func(shopID int64)) error {
	tick := time.NewTicker(watchPoll)
	defer tick.Stop()
	known := s.Read(ctx)
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		now := s.Read(ctx)
		if now.Err != nil {
			continue
		}
		for shopID, pair := range now.Pairs {
			if known.Pairs[shopID] != pair {
				changed(shopID)
			}
		}
		known = now
	}
}
