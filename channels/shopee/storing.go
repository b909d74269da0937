package shopee

import (
	"context"
	"errors"
	"time"

	"github.com/cenkalti/backoff/v5"

	"stockpush/channels/shopee/tokens"
)

const (
	// storeRetryMax is the longest time between two tries to store a pair, without jitter.
	storeRetryMax = 15 * time.Second
	// complainEvery is how often the log says that tokens cannot be stored.
	complainEvery = time.Minute
)

// unstored handles a refresh that failed. If the store failed, the log and a metric say so. If
// Shopee has already returned the new pair, a goroutine retries storing it: the old refresh token
// is spent, and the pair is in memory only.
func (s *sessions) unstored(shopID int64, stale tokens.Secret, err error) {
	if !ofStore(err) {
		return
	}
	s.client.metrics.storeFailures.Inc()
	start, spent := false, false
	s.edit(shopID, func(n *note) {
		spent = n.spent != ""
		start = spent && !n.storing
		n.storing = n.storing || spent
	})
	switch {
	case start:
		s.log.Error("new tokens could not be stored: until they are, they are in memory only, and if the process ends the seller must consent again",
			"shop_id", shopID, "error", err)
		s.owned.Go(func() { s.keepStoring(shopID, stale) })
	case !spent:
		s.complaints.Do(func() {
			s.log.Error("tokens cannot be stored, so no access token is refreshed: pushes of shops whose access token ends will wait", "shop_id", shopID, "error", err)
		})
	}
}

// ofStore says whether an error is the store's, and not Shopee's or a missing pair.
func ofStore(err error) bool {
	_, refused := errors.AsType[*refreshError](err)
	return err != nil && !refused && !errors.Is(err, tokens.ErrMissing)
}

// keepStoring retries storing a pair that is in memory only. It tries a last time when the client
// closes.
func (s *sessions) keepStoring(shopID int64, stale tokens.Secret) {
	s.client.metrics.unstored.Inc()
	defer s.client.metrics.unstored.Dec()
	defer s.edit(shopID, func(n *note) { n.storing = false })
	wait := backoff.NewExponentialBackOff()
	wait.MaxInterval = storeRetryMax
	for last := false; ; {
		select {
		case <-time.After(wait.NextBackOff()):
		case <-s.closing:
			last = true
		}
		err := s.replace(context.Background(), shopID, stale)
		switch {
		case err == nil:
			s.log.Info("the new tokens are stored", "shop_id", shopID)
			return
		case last:
			s.log.Error("new tokens could not be stored before the end: the seller must consent again (`stockpush authorize`)", "shop_id", shopID, "error", err)
			return
		case ofStore(err):
			s.client.metrics.storeFailures.Inc()
		}
		s.complaints.Do(func() { s.log.Error("new tokens could still not be stored", "shop_id", shopID, "error", err) })
	}
}

// obtain stores a pair that ask gets from Shopee, which returns it only once. It retries storing
// until ctx ends.
func (s *sessions) obtain(ctx context.Context, shopID int64, ask func(context.Context) (tokens.Pair, error)) error {
	var fresh tokens.Pair
	change := func(ctx context.Context, _ tokens.Pair) (_ tokens.Pair, err error) {
		if fresh == (tokens.Pair{}) {
			fresh, err = ask(ctx)
		}
		return fresh, err
	}
	wait := backoff.NewExponentialBackOff()
	wait.MaxInterval = storeRetryMax
	for {
		_, err := s.client.tokens.Update(ctx, shopID, change)
		if fresh == (tokens.Pair{}) || !ofStore(err) {
			return err
		}
		s.client.metrics.storeFailures.Inc()
		s.log.Error("the new tokens could not be stored, it is retried: if this is interrupted they are lost", "shop_id", shopID, "error", err)
		select {
		case <-ctx.Done():
			return err
		case <-time.After(wait.NextBackOff()):
		}
	}
}
