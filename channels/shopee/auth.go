package shopee

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"stockpush/channels"
	"stockpush/channels/shopee/api"
	"stockpush/channels/shopee/tokens"
	"stockpush/schemas"
)

// defaultLife is how long an access token lives if Shopee does not say.
const defaultLife = 4 * time.Hour

// unixTimes is the least expire_in that is a Unix time and not a duration, in seconds: no token
// lives for 30 years. Shopee's own samples have both.
const unixTimes = 30 * 365 * 24 * 60 * 60

type tokenAnswer struct {
	AccessToken  string     `json:"access_token"`
	RefreshToken string     `json:"refresh_token"`
	ExpireIn     api.Number `json:"expire_in"`
	// ShopIDs are the shops that a main account authorized.
	ShopIDs []api.Number `json:"shop_id_list"`
}

func (a tokenAnswer) pair(now time.Time) tokens.Pair {
	at := now.Add(time.Duration(a.ExpireIn) * time.Second)
	switch {
	case a.ExpireIn <= 0:
		at = now.Add(defaultLife)
	case a.ExpireIn >= unixTimes:
		at = time.Unix(int64(a.ExpireIn), 0)
	}
	return tokens.Pair{AccessToken: tokens.Secret(a.AccessToken), RefreshToken: tokens.Secret(a.RefreshToken), ExpiresAt: at.UTC().Round(0)}
}

// ConsentURL returns the page on which a seller authorizes the app. Shopee then redirects the
// browser with code and shop_id. The page is valid for 5 minutes.
func (c *Client) ConsentURL(redirect string) string {
	return c.api.URL(api.Request{Path: api.PathConsent, Query: url.Values{"redirect": {redirect}}})
}

// Exchange exchanges the code of a consent, which is valid once and for 10 minutes, for the
// shop's first token pair and stores it. It retries storing until ctx ends.
func (c *Client) Exchange(ctx context.Context, code string, shopID int64) error {
	err := c.sessions.obtain(ctx, shopID, func(ctx context.Context) (tokens.Pair, error) {
		pair, _, err := c.askTokens(ctx, api.PathTokenGet, tokens.Secret(code), map[string]any{"code": code, "shop_id": shopID})
		return pair, err
	})
	return exchangeError(fmt.Sprintf("shop %d", shopID), err)
}

func exchangeError(whose string, err error) error {
	if err == nil {
		return nil
	}
	if refused, ok := errors.AsType[*refreshError](err); ok {
		return fmt.Errorf("exchange code of %s: %s: %s; begin again with a new consent link", whose, refused.verdict.Code, refused.verdict.Message)
	}
	return fmt.Errorf("exchange code of %s: %w", whose, err)
}

// ExchangeMain exchanges the code of a main account's consent for tokens of each of its shops,
// and lists the shops. Shopee returns one pair for all. It is stored for each shop first and then
// replaced by a pair of the shop's own: its refresh token works once per shop. A shop whose
// refresh fails keeps the first pair, which can be refreshed later.
func (c *Client) ExchangeMain(ctx context.Context, code string, mainAccountID int64) ([]int64, error) {
	whose := fmt.Sprintf("main account %d", mainAccountID)
	pair, shops, err := c.askTokens(ctx, api.PathTokenGet, tokens.Secret(code), map[string]any{"code": code, "main_account_id": mainAccountID})
	if err != nil {
		return nil, exchangeError(whose, err)
	}
	if len(shops) == 0 {
		return nil, fmt.Errorf("exchange code of %s: it let the app into no shop; choose shops on the consent page", whose)
	}
	for _, shopID := range shops {
		given := func(context.Context) (tokens.Pair, error) { return pair, nil }
		if err := c.sessions.obtain(ctx, shopID, given); err != nil {
			return nil, exchangeError(whose, err)
		}
	}
	for _, shopID := range shops {
		if err := c.sessions.refresh(ctx, shopID, pair.AccessToken); err != nil {
			c.sessions.log.Warn("a shop has no tokens of its own yet: it uses the main account's until they are refreshed", "shop_id", shopID, "error", err)
		}
	}
	return shops, nil
}

// refreshTokens spends a refresh token. It fails with tokens.ErrRefused if Shopee refuses it.
func (c *Client) refreshTokens(ctx context.Context, shopID int64, token tokens.Secret) (tokens.Pair, error) {
	if err := c.wait(ctx, shopID); err != nil {
		return tokens.Pair{}, err
	}
	pair, _, err := c.askTokens(ctx, api.PathRefresh, token, map[string]any{"refresh_token": token.Reveal(), "shop_id": shopID})
	outcome := api.OutcomeOK
	if refused, ok := errors.AsType[*refreshError](err); ok {
		outcome = string(refused.verdict.Code.Class())
	}
	c.metrics.refreshes.WithLabelValues(outcome).Inc()
	return pair, err
}

// wait waits until the rate limits allow a call.
func (c *Client) wait(ctx context.Context, shopID int64) error {
	if err := c.pace(ctx, shopID); err != nil {
		v := channels.Verdict{Outcome: channels.Refused, Code: schemas.TimedOut, Message: "no call was free within the rate limits"}
		return &refreshError{verdict: v, cancelled: true, err: err}
	}
	return nil
}

// askTokens calls an auth endpoint, whose fields are top-level; spent is the secret in the body. It
// also returns the shops of the tokens, if Shopee lists them.
func (c *Client) askTokens(ctx context.Context, path string, spent tokens.Secret, body map[string]any) (tokens.Pair, []int64, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, max(refreshWait, c.timeout), api.ErrTimeout)
	defer cancel()
	body["partner_id"] = c.api.PartnerID()
	r := c.api.Send(ctx, api.Request{Method: http.MethodPost, Path: path, Body: body, Hidden: spent})
	if !r.OK() {
		return tokens.Pair{}, nil, refusalOf(r)
	}
	var a tokenAnswer
	if err := json.Unmarshal(r.Body, &a); err != nil || a.AccessToken == "" || a.RefreshToken == "" {
		v := channels.Verdict{Outcome: channels.Refused, Code: schemas.ChannelUnavailable, RequestID: r.RequestID, Message: "Shopee's answer has no tokens"}
		return tokens.Pair{}, nil, &refreshError{verdict: v, failure: true}
	}
	var shops []int64
	for _, id := range a.ShopIDs {
		if id > 0 && !slices.Contains(shops, int64(id)) {
			shops = append(shops, int64(id))
		}
	}
	return a.pair(time.Now()), shops, nil
}

// refusalOf returns the error of an auth call. It changes no stock, so its verdict is never
// Unknown.
func refusalOf(r *api.Result) error {
	e := &refreshError{verdict: r.Verdict, failure: r.Failure, cancelled: r.Cancelled}
	e.verdict.Outcome = channels.Refused
	if e.verdict.Code == schemas.AuthorizationLost {
		e.err = tokens.ErrRefused
	}
	return e
}

// shopCall makes a shop's call with a fresh access token, and once more with a refreshed one if
// Shopee refused the first token. It returns how many calls it made. mayGo is called right before
// each.
func (c *Client) shopCall(ctx context.Context, req api.Request, mayGo func() bool) (r *api.Result, calls int) {
	for {
		token, err := c.sessions.token(ctx, req.ShopID)
		if err != nil {
			return withoutToken(err), calls
		}
		if !mayGo() {
			return withheld(), calls
		}
		req.Token = token
		r = c.send(ctx, req)
		if calls++; calls == 2 {
			c.sessions.repeated(req.ShopID, r)
			return r, calls
		}
		if !r.TokenRefused {
			return r, calls
		}
		if err = c.sessions.refresh(ctx, req.ShopID, req.Token); err == nil {
			err = c.wait(ctx, req.ShopID)
		}
		if err != nil {
			return withoutToken(err), calls
		}
	}
}

// send makes a call. In shadow mode a push is not sent, and its result has no body; it counts as a
// call, so that limits and holds work as they would.
func (c *Client) send(ctx context.Context, req api.Request) *api.Result {
	if c.shadow && req.Path == api.PathUpdateStock {
		return &api.Result{RequestID: schemas.ShadowRequestID}
	}
	return c.api.Send(ctx, req)
}

// withheld is the result of a request that was not sent: its caller may no longer be the shop's
// worker.
func withheld() *api.Result {
	v := channels.Verdict{Outcome: channels.Refused, Code: schemas.ChannelUnavailable, Message: "not sent: another process may have taken over"}
	return &api.Result{Verdict: v, Cancelled: true}
}

// withoutToken is the result of a call that was not made, for an error of sessions or of wait.
func withoutToken(err error) *api.Result {
	e, _ := errors.AsType[*refreshError](err) // they have no other errors
	return &api.Result{Verdict: e.verdict, Failure: e.failure, Cancelled: e.cancelled}
}
