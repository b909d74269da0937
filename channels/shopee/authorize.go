package shopee

import (
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"net/http"
	"time"
)

const (
	pathRefresh = "/api/v2/auth/access_token/get"
	// refreshMargin is how long before its expiry an access token is replaced.
	refreshMargin = 5 * time.Minute
)

// refusedError is Shopee's refusal to refresh a token.
type refusedError struct{ reply reply }

func (e *refusedError) Error() string {
	return fmt.Sprintf("shopee refused the refresh token: %s: %s", e.reply.Error, e.reply.Message)
}

// token is a shop's access token, refreshed if it is about to expire or is the
// one that Shopee just refused.
func (c *Client) token(ctx context.Context, shopID int64, refused string) (Token, error) {
	token, err := c.tokens.Get(shopID)
	if err != nil {
		return Token{}, err
	}
	if token.AccessToken != refused && time.Until(token.ExpiresAt) > refreshMargin {
		return token, nil
	}
	// However many calls wait, one refreshes. It must not end with the call
	// that happened to be the first: a refresh token is used up by its use.
	fresh, err, _ := c.refresh.Do(decimal(shopID), func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*c.cfg.Timeout)
		defer cancel()
		return c.tokens.Update(ctx, shopID, func(current Token) (Token, error) {
			if current.AccessToken == "" {
				return Token{}, fmt.Errorf("shop %d: %w", shopID, ErrNoToken)
			}
			if current.AccessToken != token.AccessToken {
				return current, nil // another process was first
			}
			return c.exchange(ctx, current)
		})
	})
	if err != nil {
		return Token{}, err
	}
	return fresh.(Token), nil
}

// exchange swaps a refresh token, which is used up by it, for a new pair.
func (c *Client) exchange(ctx context.Context, current Token) (Token, error) {
	c.metrics.refreshes.Inc()
	answer, err := c.do(ctx, request{method: http.MethodPost, path: pathRefresh, body: map[string]any{
		"refresh_token": current.RefreshToken, "partner_id": c.cfg.PartnerID, "shop_id": current.ShopID,
	}})
	if err != nil {
		return Token{}, fmt.Errorf("refresh the token of shop %d: %w", current.ShopID, err)
	}
	var pair struct {
		AccessToken  string `json:"access_token"`
		RefreshToken string `json:"refresh_token"`
		ExpireIn     int64  `json:"expire_in"`
	}
	if err := json.Unmarshal(answer.raw, &pair); answer.Error != "" || err != nil || pair.AccessToken == "" || pair.RefreshToken == "" {
		return Token{}, &refusedError{answer}
	}
	return Token{
		ShopID: current.ShopID, AccessToken: pair.AccessToken, RefreshToken: pair.RefreshToken,
		ExpiresAt: time.Now().Add(time.Duration(pair.ExpireIn) * time.Second).UTC().Truncate(time.Second),
	}, nil
}

// Credentials is a number that changes with the shop's tokens.
func (c *Client) Credentials(shopID int64) uint64 {
	token, err := c.tokens.Get(shopID)
	if err != nil {
		return 0
	}
	h := fnv.New64a()
	_, _ = h.Write([]byte(token.RefreshToken + " " + token.AccessToken)) // a hash never fails
	return h.Sum64()
}
