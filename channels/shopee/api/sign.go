package api

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/url"
	"strconv"
	"sync/atomic"
	"time"

	"stockpush/channels/shopee/tokens"
)

// signer signs calls. Shopee signs the partner id, the path and the time, for a
// shop's call also the access token and the shop id; neither query nor body.
type signer struct {
	partnerID int64
	keys      atomic.Pointer[signingKeys]
}

// signingKeys are the key that signs and the one before it, which answers that are on
// their way may still repeat.
type signingKeys struct{ current, before tokens.Secret }

func newSigner(partnerID int64, key tokens.Secret) *signer {
	s := &signer{partnerID: partnerID}
	s.keys.Store(&signingKeys{current: key})
	return s
}

// setKey lets another key sign from now on, and says whether it is another.
func (s *signer) setKey(key tokens.Secret) (changed bool) {
	held := s.keys.Load()
	if key == held.current {
		return false
	}
	s.keys.Store(&signingKeys{current: key, before: held.current})
	return true
}

// query is the signed query of a call; shopID is 0 for one on behalf of no shop.
func (s *signer) query(path string, at time.Time, shopID int64, token tokens.Secret) url.Values {
	id, unix := strconv.FormatInt(s.partnerID, 10), strconv.FormatInt(at.Unix(), 10)
	q := url.Values{"partner_id": {id}, "timestamp": {unix}}
	base := id + path + unix
	if shopID != 0 {
		shop := strconv.FormatInt(shopID, 10)
		q.Set("access_token", token.Reveal())
		q.Set("shop_id", shop)
		base += token.Reveal() + shop
	}
	q.Set("sign", s.sign(base))
	return q
}

// sign is the lower-case hex HMAC-SHA256 of base, the key taken as raw text.
func (s *signer) sign(base string) string {
	mac := hmac.New(sha256.New, []byte(s.keys.Load().current.Reveal()))
	mac.Write([]byte(base))
	return hex.EncodeToString(mac.Sum(nil))
}
