package api

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/url"
	"strconv"
	"time"

	"stockpush/channels/shopee/tokens"
)

// signingKeys are the key that signs and the one before it, which answers that are on
// their way may still repeat.
type signingKeys struct{ current, before tokens.Secret }

// SetPartnerKey signs all calls with another key from now on, and says whether it is another.
// An empty key changes nothing.
func (c *Caller) SetPartnerKey(key tokens.Secret) (changed bool) {
	held := c.keys.Load()
	if key == "" || key == held.current {
		return false
	}
	c.keys.Store(&signingKeys{current: key, before: held.current})
	return true
}

// signedQuery is the query of a call with its signature. Shopee signs the partner id, the path and
// the time, for a shop's call also the access token and the shop id; neither query nor body.
func (c *Caller) signedQuery(req Request, at time.Time) url.Values {
	id, unix := strconv.FormatInt(c.partnerID, 10), strconv.FormatInt(at.Unix(), 10)
	q := url.Values{"partner_id": {id}, "timestamp": {unix}}
	base := id + req.Path + unix
	if req.ShopID != 0 {
		shop := strconv.FormatInt(req.ShopID, 10)
		q.Set("access_token", req.Token.Reveal())
		q.Set("shop_id", shop)
		base += req.Token.Reveal() + shop
	}
	q.Set("sign", sign(c.keys.Load().current, base))
	return q
}

// sign is the lower-case hex HMAC-SHA256 of base, the key taken as raw text.
func sign(key tokens.Secret, base string) string {
	mac := hmac.New(sha256.New, []byte(key.Reveal()))
	mac.Write([]byte(base))
	return hex.EncodeToString(mac.Sum(nil))
}
