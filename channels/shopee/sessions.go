package shopee

import (
	"context"
	"errors"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
	"golang.org/x/time/rate"

	"stockpush/channels"
	"stockpush/channels/shopee/api"
	"stockpush/channels/shopee/tokens"
	"stockpush/schemas"
)

const (
	// tokenMargin is how long before its end an access token is replaced.
	// Up to tokenJitter is added, so that shops authorized together do not refresh together.
	tokenMargin = 5 * time.Minute
	tokenJitter = time.Minute
	// earlyRetry is the time until an early refresh that failed is retried, while the access
	// token still works.
	earlyRetry = 30 * time.Second
	// refusalMemory is how long a refused refresh token is not tried again. It is shorter than
	// the lane's shortest time between probes, 5 s.
	refusalMemory = 3 * time.Second
	// maxFreshRefusals is after how many refused fresh access tokens in a row the shop's
	// authorization counts as lost.
	maxFreshRefusals = 5
	// lockWait bounds the wait for the store's lock.
	lockWait = 30 * time.Second
	// refreshWait is the shortest time-out of a refresh: a shorter one may lose the new pair,
	// and with it the shop.
	refreshWait = 30 * time.Second
)

// refreshError is why there is no fresh access token.
type refreshError struct {
	verdict   channels.Verdict
	failure   bool
	cancelled bool
	err       error
}

func (e *refreshError) Error() string {
	return "refresh access token: " + string(e.verdict.Code) + ": " + e.verdict.Message
}
func (e *refreshError) Unwrap() error { return e.err }

// sessions keeps each shop's access token fresh, with one refresh at a time.
type sessions struct {
	client  *Client
	log     *slog.Logger
	flights singleflight.Group
	// owned are the goroutines that wait for refreshes, and those that store pairs. A refresh
	// may outlive the push that asked for it.
	owned sync.WaitGroup
	// closing is closed when the client is.
	closing chan struct{}

	// complaints limits how often the log says that tokens cannot be stored.
	complaints rate.Sometimes

	mu    sync.Mutex
	notes map[int64]note
}

// note is what is known of a shop's tokens and not in the store.
type note struct {
	// life is the life of the last new access token.
	life time.Duration
	// earlyAfter is when an early refresh may be tried again.
	earlyAfter time.Time
	// freshRefusals counts refreshed access tokens that were refused in a row.
	freshRefusals int
	// refused is the refresh token that Shopee refused last, by refusal, at refusedAt.
	refused   tokens.Secret
	refusal   *refreshError
	refusedAt time.Time
	// spent is a refresh token whose new pair could not be stored yet, and storing
	// says that a goroutine tries to.
	spent   tokens.Secret
	unsaved tokens.Pair
	storing bool
}

func newSessions(c *Client, log *slog.Logger) *sessions {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &sessions{
		client: c, log: log.With("component", "shopee"), closing: make(chan struct{}), notes: map[int64]note{},
		complaints: rate.Sometimes{Interval: complainEvery},
	}
}

// close waits for what is in progress.
func (s *sessions) close() {
	close(s.closing)
	s.owned.Wait()
}

// token returns a shop's access token, refreshed if it ends soon. After a refresh it waits for the
// rate limits again.
func (s *sessions) token(ctx context.Context, shopID int64) (tokens.Secret, error) {
	for {
		pair, err := s.client.tokens.Read(ctx).Of(shopID)
		if err != nil {
			return "", storeError(err)
		}
		now, n := time.Now(), s.note(shopID)
		alive := now.Before(pair.ExpiresAt)
		if now.Before(pair.ExpiresAt.Add(-n.margin(shopID))) || alive && now.Before(n.earlyAfter) {
			return pair.AccessToken, nil
		}
		if err = s.refresh(ctx, shopID, pair.AccessToken); err != nil && !alive {
			return "", err
		} else if err != nil {
			s.edit(shopID, func(n *note) { n.earlyAfter = now.Add(earlyRetry) })
			s.log.Warn("early token refresh failed, the access token still works", "shop_id", shopID, "error", err)
		}
		if err := s.client.wait(ctx, shopID); err != nil {
			return "", err
		}
	}
}

// Ready says whether a call for a shop would send a request. It would not if the shop has no
// tokens, or if its access token has ended and Shopee has just refused its refresh token.
func (c *Client) Ready(shopID int64) (channels.Verdict, bool) {
	pair, err := c.tokens.Peek().Of(shopID)
	n := c.sessions.note(shopID)
	switch {
	case errors.Is(err, tokens.ErrMissing):
		return noTokens(), false
	case err != nil || time.Now().Before(pair.ExpiresAt): // after an error a call will show
	case pair.RefreshToken == "":
		return noTokens(), false
	case n.refusedLately(pair):
		return n.refusal.verdict, false
	}
	return channels.Verdict{}, true
}

// repeated counts refusals of refreshed tokens. A fresh token may have been replaced meanwhile,
// so the first refusals in a row are retried.
func (s *sessions) repeated(shopID int64, r *api.Result) {
	if !r.TokenRefused {
		s.edit(shopID, func(n *note) { n.freshRefusals = 0 })
		return
	}
	refusals := 0
	s.edit(shopID, func(n *note) { n.freshRefusals++; refusals = n.freshRefusals })
	if refusals < maxFreshRefusals {
		r.Verdict.Code, r.Verdict.Scope = schemas.ChannelUnavailable, channels.ScopeModel
	}
}

// margin is how long before its end a token is replaced. It is at most a quarter of the token's
// life; otherwise every call would replace a short-lived one.
func (n note) margin(shopID int64) time.Duration {
	m := tokenMargin + time.Duration(shopID%int64(tokenJitter/time.Second))*time.Second
	if n.life > 0 {
		m = min(m, n.life/4)
	}
	return m
}

// refusedLately says that Shopee has just refused a pair's refresh token.
func (n note) refusedLately(pair tokens.Pair) bool {
	return n.refusal != nil && n.refused == pair.RefreshToken && time.Since(n.refusedAt) < refusalMemory
}

func (s *sessions) note(shopID int64) note {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.notes[shopID]
}

func (s *sessions) edit(shopID int64, change func(*note)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.notes[shopID]
	change(&n)
	s.notes[shopID] = n
}

// refresh replaces a stale access token, once for all callers that wait. It continues if its
// callers give up, because a refresh token works once.
func (s *sessions) refresh(ctx context.Context, shopID int64, stale tokens.Secret) error {
	done := make(chan error, 1) // buffered: the caller may have given up
	detached := context.WithoutCancel(ctx)
	s.owned.Go(func() {
		key := strconv.FormatInt(shopID, 10) + "/" + stale.Reveal()
		_, err, _ := s.flights.Do(key, func() (any, error) { return nil, s.renew(detached, shopID, stale) })
		done <- err
	})
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	ours := errors.Is(context.Cause(ctx), api.ErrTimeout)
	v := channels.Verdict{Outcome: channels.Refused, Code: schemas.TimedOut, Message: "no fresh access token in time"}
	return &refreshError{verdict: v, failure: ours, cancelled: !ours, err: ctx.Err()}
}

func (s *sessions) renew(ctx context.Context, shopID int64, stale tokens.Secret) error {
	err := s.replace(ctx, shopID, stale)
	if err == nil {
		return nil
	}
	s.unstored(shopID, stale, err)
	return storeError(err)
}

// replace replaces a stale access token in the store: by a pair that an earlier try could not
// store, if there is one, otherwise by a new pair.
func (s *sessions) replace(ctx context.Context, shopID int64, stale tokens.Secret) error {
	ctx, cancel := context.WithTimeout(ctx, lockWait+max(refreshWait, s.client.timeout))
	defer cancel()
	_, err := s.client.tokens.Update(ctx, shopID, func(ctx context.Context, held tokens.Pair) (tokens.Pair, error) {
		if held.RefreshToken == "" {
			return tokens.Pair{}, tokens.ErrMissing
		}
		if held.AccessToken != stale {
			return held, nil
		}
		return s.exchange(ctx, shopID, held)
	})
	if err == nil {
		s.edit(shopID, func(n *note) { n.spent, n.unsaved = "", tokens.Pair{} })
	}
	return err
}

// exchange spends a refresh token. If the new pair cannot be stored, the next try stores the same
// pair.
func (s *sessions) exchange(ctx context.Context, shopID int64, held tokens.Pair) (tokens.Pair, error) {
	n := s.note(shopID)
	if n.spent == held.RefreshToken {
		return n.unsaved, nil
	}
	if n.refusedLately(held) {
		return tokens.Pair{}, n.refusal
	}
	pair, err := s.client.refreshTokens(ctx, shopID, held.RefreshToken)
	if refused, ok := errors.AsType[*refreshError](err); ok && errors.Is(err, tokens.ErrRefused) {
		s.edit(shopID, func(n *note) { n.refused, n.refusal, n.refusedAt = held.RefreshToken, refused, time.Now() })
	}
	if err != nil {
		return tokens.Pair{}, err
	}
	s.edit(shopID, func(n *note) {
		n.life, n.earlyAfter = time.Until(pair.ExpiresAt), time.Time{}
		n.spent, n.unsaved = held.RefreshToken, pair
	})
	return pair, nil
}

// storeError adds a verdict to a store's error; it returns a refusal of Shopee's unchanged.
func storeError(err error) error {
	if refused, ok := errors.AsType[*refreshError](err); ok {
		return refused
	}
	v := channels.Verdict{Outcome: channels.Refused, Code: schemas.ChannelUnavailable, Message: "tokens: " + err.Error()}
	if errors.Is(err, tokens.ErrMissing) {
		v = noTokens()
	}
	return &refreshError{verdict: v, err: err}
}

func noTokens() channels.Verdict {
	return channels.Verdict{
		Outcome: channels.Refused, Code: schemas.AuthorizationLost, Scope: channels.ScopeShop, Message: "there are no tokens of the shop",
	}
}
