package shopee

import (
	"context"
	"errors"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

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
	// earlyRetry is how long an early refresh that went wrong is let be while the access token still works.
	earlyRetry = 30 * time.Second
	// refusalMemory is how long a refused refresh token is not tried again. It
	// is below the lane's shortest time between probes, 5 s.
	refusalMemory = 3 * time.Second
	// maxFreshRefusals is how many refreshed access tokens in a row must be
	// refused for the shop's authorization to be taken as lost.
	maxFreshRefusals = 5
	// lockWait bounds the wait for the store's lock.
	lockWait = 30 * time.Second
	// refreshWait is how long the answer to a refresh is waited for at least. Whoever
	// gives up earlier may lose the new pair, and with it the shop.
	refreshWait = 30 * time.Second
)

// refreshError is why no fresh access token was had.
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
	// owned are the goroutines that wait for flights, and those that store pairs; a
	// refresh outlives the push that asked for it.
	owned sync.WaitGroup
	// closing is closed when the client is.
	closing chan struct{}

	mu    sync.Mutex
	notes map[int64]note
	// complainedAt is when the log was told last that tokens cannot be stored.
	complainedAt time.Time
}

// note is what is known of a shop's tokens beside the store.
type note struct {
	// life is how long the last new access token was to last.
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
	return &sessions{client: c, log: log.With("component", "shopee"), closing: make(chan struct{}), notes: map[int64]note{}}
}

// close lets what is under way end, and waits for it.
func (s *sessions) close() {
	close(s.closing)
	s.owned.Wait()
}

// token is a shop's access token, refreshed if it ends soon. Waited says that a
// refresh took its time.
func (s *sessions) token(ctx context.Context, shopID int64) (pair tokens.Pair, waited bool, err error) {
	pair, err = s.client.tokens.Load(ctx, shopID)
	if err != nil {
		return tokens.Pair{}, false, storeError(err)
	}
	now, n := time.Now(), s.note(shopID)
	if now.Before(pair.ExpiresAt.Add(-n.margin(shopID))) {
		return pair, false, nil
	}
	alive := now.Before(pair.ExpiresAt)
	if alive && now.Before(n.earlyAfter) {
		return pair, false, nil
	}
	fresh, err := s.refresh(ctx, shopID, pair.AccessToken)
	if err == nil || !alive {
		return fresh, true, err
	}
	s.edit(shopID, func(n *note) { n.earlyAfter = now.Add(earlyRetry) })
	s.log.Warn("early token refresh went wrong, the access token still works", "shop_id", shopID, "error", err)
	return pair, true, nil
}

// Ready says whether a call for a shop would send a request. It would not for a
// shop without tokens, and for one whose access token has ended and whose refresh
// token Shopee has just refused.
func (c *Client) Ready(shopID int64) (channels.Verdict, bool) {
	pair, err := c.tokens.Peek(shopID)
	switch {
	case errors.Is(err, tokens.ErrMissing):
		return noTokens(), false
	case err != nil: // nothing is known: a call finds out
		return channels.Verdict{}, true
	}
	return c.sessions.usable(shopID, pair)
}

// usable says whether a pair is good for a request, of whichever of its tokens.
func (s *sessions) usable(shopID int64, pair tokens.Pair) (channels.Verdict, bool) {
	n := s.note(shopID)
	switch {
	case time.Now().Before(pair.ExpiresAt):
	case pair.RefreshToken == "":
		return noTokens(), false
	case n.refusedLately(pair):
		return n.refusal.verdict, false
	}
	return channels.Verdict{}, true
}

// repeated takes up what a repeat with a refreshed token came to. A token that
// is refused again may have ended on the way: that is worth another try, but not
// for ever.
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

// margin is how long before its end a token is replaced; less for one that
// lives short, which would else be replaced at every call.
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

// refresh replaces a stale access token, once however many callers wait. A
// caller may leave; the refresh goes on, because its refresh token works once.
func (s *sessions) refresh(ctx context.Context, shopID int64, stale tokens.Secret) (tokens.Pair, error) {
	type answer struct {
		pair tokens.Pair
		err  error
	}
	done := make(chan answer, 1) // room for the one answer: the caller may have left
	detached := context.WithoutCancel(ctx)
	s.owned.Go(func() {
		key := strconv.FormatInt(shopID, 10) + "/" + stale.Reveal()
		v, err, _ := s.flights.Do(key, func() (any, error) { return s.renew(detached, shopID, stale) })
		pair, _ := v.(tokens.Pair)
		done <- answer{pair, err}
	})
	select {
	case a := <-done:
		return a.pair, a.err
	case <-ctx.Done():
	}
	ours := errors.Is(context.Cause(ctx), api.ErrTimeout)
	v := channels.Verdict{Outcome: channels.Refused, Code: schemas.TimedOut, Message: "no fresh access token in time"}
	return tokens.Pair{}, &refreshError{verdict: v, failure: ours, cancelled: !ours, err: ctx.Err()}
}

func (s *sessions) renew(ctx context.Context, shopID int64, stale tokens.Secret) (tokens.Pair, error) {
	pair, err := s.replace(ctx, shopID, stale)
	if err != nil {
		s.unstored(shopID, stale, err)
		return tokens.Pair{}, storeError(err)
	}
	return pair, nil
}

// replace lets the store replace a stale access token, by a pair that an earlier try
// could not store if there is one.
func (s *sessions) replace(ctx context.Context, shopID int64, stale tokens.Secret) (tokens.Pair, error) {
	ctx, cancel := context.WithTimeout(ctx, lockWait+max(refreshWait, s.client.timeout))
	defer cancel()
	pair, err := s.client.tokens.Update(ctx, shopID, func(ctx context.Context, held tokens.Pair) (tokens.Pair, error) {
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
	return pair, err
}

// exchange spends a refresh token. Where its new pair could not be stored, the
// next try stores that pair and asks for no other.
func (s *sessions) exchange(ctx context.Context, shopID int64, held tokens.Pair) (tokens.Pair, error) {
	n := s.note(shopID)
	if n.spent == held.RefreshToken {
		return n.unsaved, nil
	}
	if n.refusedLately(held) {
		return tokens.Pair{}, n.refusal
	}
	pair, err := s.client.refreshTokens(ctx, shopID, held.RefreshToken)
	var refused *refreshError
	if errors.Is(err, tokens.ErrRefused) && errors.As(err, &refused) {
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

// storeError makes a verdict of a store's error; Shopee's own refusal stays.
func storeError(err error) error {
	var refused *refreshError
	if errors.As(err, &refused) {
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
