package shopee

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"stockpush/channels"
	"stockpush/channels/shopee/api"
)

const (
	// authorizationsEvery is how often the ends of the authorizations are read, and
	// authorizationsRetry how soon after a failure.
	authorizationsEvery = time.Hour
	authorizationsRetry = 5 * time.Minute
	// Warnings of an authorization's end begin when a tenth of it is left, at least
	// minConsentAhead and at most maxConsentAhead before: the seller chooses how long it lasts,
	// 7 days to a year. They are repeated every consentRemind.
	minConsentAhead = 24 * time.Hour
	maxConsentAhead = 30 * 24 * time.Hour
	consentRemind   = 24 * time.Hour
	// shopsPerPage is the most that Shopee allows, and maxPages bounds the pages that are read.
	shopsPerPage = 100
	maxPages     = 1000
)

// shopsPage is an answer of get_shops_by_partner. Its fields are top-level or in the envelope.
type shopsPage struct {
	Shops []struct {
		ShopID     api.Number `json:"shop_id"`
		AuthTime   api.Number `json:"auth_time"`
		ExpireTime api.Number `json:"expire_time"`
	} `json:"authed_shop_list"`
	More bool `json:"more"`
}

// Authorization is a seller's consent. After Until the seller must consent again. Since is zero
// if unknown.
type Authorization struct{ Since, Until time.Time }

// endsSoon says whether the seller should consent again now.
func (a Authorization) endsSoon(now time.Time) bool {
	ahead := maxConsentAhead
	if !a.Since.IsZero() {
		ahead = min(max(a.Until.Sub(a.Since)/10, minConsentAhead), maxConsentAhead)
	}
	return a.Until.Sub(now) <= ahead
}

// authorizations lists the authorizations of the app, by shop.
func (c *Client) authorizations(ctx context.Context) (map[int64]Authorization, error) {
	all := map[int64]Authorization{}
	for page := 1; page <= maxPages; page++ {
		answer, err := c.shopsPage(ctx, page)
		if err != nil {
			return nil, fmt.Errorf("list the authorized shops: %w", err)
		}
		for _, shop := range answer.Shops {
			if shop.ExpireTime > 0 {
				all[int64(shop.ShopID)] = Authorization{unixTime(shop.AuthTime), unixTime(shop.ExpireTime)}
			}
		}
		if !answer.More || len(answer.Shops) == 0 {
			break
		}
	}
	return all, nil
}

// unixTime is zero for 0, and not 1970.
func unixTime(seconds api.Number) time.Time {
	if seconds <= 0 {
		return time.Time{}
	}
	return time.Unix(int64(seconds), 0).UTC()
}

func (c *Client) shopsPage(ctx context.Context, page int) (answer shopsPage, err error) {
	if err := c.pace(ctx, 0); err != nil {
		return answer, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, c.timeout, api.ErrTimeout)
	defer cancel()
	query := url.Values{"page_no": {strconv.Itoa(page)}, "page_size": {strconv.Itoa(shopsPerPage)}}
	r := c.api.Send(ctx, api.Request{Method: http.MethodGet, Path: api.PathShops, Query: query})
	v := r.Verdict
	if r.OK() {
		v = decode(r, &answer)
	}
	if v.Outcome != channels.Confirmed {
		return answer, fmt.Errorf("%s: %s", v.Code, v.Message)
	}
	return answer, nil
}

// KeepAuthorizations warns of authorizations that end soon until ctx ends: in the log once a day
// per shop, and in metrics. It calls tell with the authorizations of the shops that have tokens, each
// time it has read them; tell may be nil.
func (c *Client) KeepAuthorizations(ctx context.Context, tell func(map[int64]Authorization)) {
	warned := map[int64]time.Time{}
	for {
		wait := authorizationsEvery
		if err := c.checkAuthorizations(ctx, warned, tell); err != nil && ctx.Err() == nil {
			c.sessions.log.Warn("the ends of the shops' authorizations could not be read, it will be retried", "error", err)
			wait = authorizationsRetry
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return
		}
	}
}

// checkAuthorizations warns of authorizations that end soon; warned is when each shop was last
// warned of.
func (c *Client) checkAuthorizations(ctx context.Context, warned map[int64]time.Time, tell func(map[int64]Authorization)) error {
	ours, err := c.tokens.Read(ctx).Shops()
	if err != nil {
		return err
	}
	all, err := c.authorizations(ctx)
	if err != nil {
		return err
	}
	maps.DeleteFunc(all, func(shopID int64, _ Authorization) bool { return !slices.Contains(ours, shopID) })
	if tell != nil {
		tell(all)
	}
	now := time.Now()
	var soon []int64
	for _, shopID := range slices.Sorted(maps.Keys(all)) {
		a := all[shopID]
		if !a.endsSoon(now) {
			continue
		}
		soon = append(soon, shopID)
		if now.Sub(warned[shopID]) >= consentRemind {
			warned[shopID] = now
			c.sessions.log.Warn("a shop's authorization ends soon: let the seller consent again (`stockpush authorize`)",
				"shop_id", shopID, "ends", a.Until, "days", int(a.Until.Sub(now).Hours()/24))
		}
	}
	c.metrics.authorizations(all, soon)
	return nil
}
