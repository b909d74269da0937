package shopee

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"stockpush/channels"
)

// Ready says whether a call for a shop would send a request. It would not for a
// shop without tokens, and for one whose access token has ended and whose refresh
// token Shopee has just refused.
func (c *Client) Ready(shopID int64) (channels.Verdict, bool) {
	pair, err := c.tokens.Peek(shopID)
	switch {
	case errors.Is(err, ErrNoTokens):
		return noTokens(), false
	case err != nil: // nothing is known: a call finds out
		return channels.Verdict{}, true
	}
	return c.sessions.usable(shopID, pair)
}

// usable says whether a pair is good for a request, of whichever of its tokens.
func (s *sessions) usable(shopID int64, pair TokenPair) (channels.Verdict, bool) {
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

// Shops lists the shops that the file has tokens of, in order.
func (s *FileStore) Shops(context.Context) ([]int64, error) {
	pairs, err := s.current()
	if err != nil {
		return nil, err
	}
	return slices.Sorted(maps.Keys(pairs)), nil
}
