package sandbox

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"slices"
	"strconv"
	"time"
)

const maxSkew = 5 * time.Minute

// appCall checks what Shopee checks before it looks at a request of the app.
func (s *Sandbox) appCall(serve http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !s.signed(r, "") {
			s.refuse(w, refusal{http.StatusForbidden, "error_sign", "Wrong sign."})
			return
		}
		serve(w, r)
	}
}

// shopCall checks what Shopee checks before it looks at a request of a shop.
func (s *Sandbox) shopCall(serve func(w http.ResponseWriter, r *http.Request, sh *shop)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		sh := s.shops[shopOf(r)]
		bad := s.checkShop(sh, r)
		s.mu.Unlock()
		switch {
		case bad.code != "":
			s.refuse(w, bad)
		case !s.app.Allow() || !sh.limiter.Allow():
			s.throttle(w)
		case s.stumble(w, r, sh):
		default:
			serve(w, r, sh)
		}
	}
}

// checkShop is why a shop's request is refused; no code where it is not. The caller holds s.mu.
func (s *Sandbox) checkShop(sh *shop, r *http.Request) refusal {
	token, status := r.URL.Query().Get("access_token"), s.switches.AuthStatus
	switch {
	case !s.signed(r, token+r.URL.Query().Get("shop_id")):
		return refusal{status, "error_sign", "Wrong sign."}
	case sh == nil:
		return refusal{status, "error_auth", "Invalid partner_id or shopid."}
	case sh.Banned:
		return refusal{status, "shop_banned", "The shop is banned."}
	case !sh.linked:
		return refusal{status, "shop_no_linked", "The shop is not linked to the app."}
	case !sh.AuthorizationEnds.After(time.Now()):
		return refusal{status, "shop_access_expired", "The access to shop has expired, please let the shop authorize again."}
	case !sh.access[token].After(time.Now()):
		return refusal{status, "invalid_acceess_token", "Invalid access_token."}
	default:
		return refusal{}
	}
}

// signed checks partner, timestamp and signature; extra is what a shop's
// request signs beside them.
func (s *Sandbox) signed(r *http.Request, extra string) bool {
	q := r.URL.Query()
	at, err := strconv.ParseInt(q.Get("timestamp"), 10, 64)
	if err != nil || time.Since(time.Unix(at, 0)).Abs() > maxSkew || q.Get("partner_id") != strconv.FormatInt(s.cfg.PartnerID, 10) {
		return false
	}
	mac := hmac.New(sha256.New, []byte(s.cfg.PartnerKey))
	_, _ = mac.Write([]byte(q.Get("partner_id") + r.URL.Path + q.Get("timestamp") + extra)) // a hash never fails
	return hmac.Equal([]byte(hex.EncodeToString(mac.Sum(nil))), []byte(q.Get("sign")))
}

func (s *Sandbox) throttle(w http.ResponseWriter) {
	s.mu.Lock()
	status := s.switches.RateLimitStatus
	s.mu.Unlock()
	if status == http.StatusTooManyRequests {
		w.Header().Set("Retry-After", "1")
	}
	s.refuse(w, refusal{status, "error_rate_limit", "Too many requests, please try later."})
}

type tokenRequest struct {
	RefreshToken string `json:"refresh_token"`
	Code         string `json:"code"`
	ShopID       int64  `json:"shop_id"`
	MainAccount  int64  `json:"main_account_id"`
}

// tokenCall serves a request for tokens: give returns the answer's fields. It runs with s.mu held.
func (s *Sandbox) tokenCall(give func(tokenRequest) (map[string]any, refusal)) http.HandlerFunc {
	return s.appCall(func(w http.ResponseWriter, r *http.Request) {
		var t tokenRequest
		if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<16)).Decode(&t); err != nil {
			s.refuse(w, refusal{http.StatusOK, "error_param", "Invalid body."})
			return
		}
		s.mu.Lock()
		fields, bad := give(t)
		s.mu.Unlock()
		s.send(w, bad, fields)
	})
}

func (s *Sandbox) refreshToken(t tokenRequest) (map[string]any, refusal) {
	sh, status := s.shops[t.ShopID], s.switches.AuthStatus
	switch {
	case sh == nil:
		return nil, refusal{status, "invalid_shop_id", "No such shop."}
	case s.nextFault(t.ShopID, 0, refreshFaults).Kind != "":
		return nil, refusal{status, "error_server", "Something wrong. Please try later."}
	case t.RefreshToken != sh.refresh || !sh.linked || !sh.AuthorizationEnds.After(time.Now()):
		s.stats.RefusedRefreshes++
		return nil, refusal{status, s.switches.RefreshReuseCode, "Invalid refresh_token."}
	}
	return s.grant(sh), refusal{}
}

// firstToken takes any consent code that was not used before, and links the shop again,
// or all shops of a main account.
func (s *Sandbox) firstToken(t tokenRequest) (map[string]any, refusal) {
	sh, status := s.shops[t.ShopID], s.switches.AuthStatus
	code := tokenRequest{Code: t.Code, ShopID: t.ShopID}
	switch {
	case t.MainAccount != 0 && (t.ShopID != 0 || t.Code == ""):
		return nil, refusal{http.StatusOK, "error_param", "A code is of a shop_id or of a main_account_id."}
	case t.MainAccount == 0 && sh == nil:
		return nil, refusal{status, "invalid_shop_id", "No such shop."}
	case t.Code == "" || s.used[code]:
		return nil, refusal{status, "error_auth", "Invalid code."}
	}
	s.used[code] = true
	if t.MainAccount != 0 {
		return s.grantMain(t.MainAccount), refusal{}
	}
	sh.consent()
	return s.grant(sh), refusal{}
}

// grant gives a shop a new pair.
func (s *Sandbox) grant(sh *shop) map[string]any {
	access := s.renew(sh, s.nextRequestID())
	s.refreshes[sh.ShopID] = append(s.refreshes[sh.ShopID], time.Now())
	fields := s.pair(access, sh.refresh, []int64{sh.ShopID})
	fields["shop_id"] = sh.ShopID
	return fields
}

// grantMain gives one pair for all shops of a main account. Its refresh token works once
// for each of them, which then has a chain of its own.
func (s *Sandbox) grantMain(account int64) map[string]any {
	access, refresh := newPair(fmt.Sprintf("main-%d", account), s.nextRequestID())
	for _, sh := range s.shops {
		sh.consent()
		sh.access[access], sh.refresh = time.Now().Add(s.cfg.TokenLife), refresh
	}
	fields := s.pair(access, refresh, slices.Sorted(maps.Keys(s.shops)))
	fields["main_account_id"] = account
	return fields
}

// pair returns the fields of an answer with a pair of tokens.
func (s *Sandbox) pair(access, refresh string, shops []int64) map[string]any {
	return map[string]any{
		"access_token": access, "refresh_token": refresh, "expire_in": int(s.cfg.TokenLife.Seconds()),
		"partner_id": s.cfg.PartnerID, "shop_id_list": shops, "merchant_id_list": []int64{},
	}
}

func newPair(whose, nonce string) (access, refresh string) {
	return "access-" + whose + "-" + nonce, "refresh-" + whose + "-" + nonce
}

// oldTokenLife is how long an access token works after it was replaced.
const oldTokenLife = 5 * time.Minute

// renew gives a shop a new pair. The access tokens so far end soon, or now.
func (s *Sandbox) renew(sh *shop, nonce string) (access string) {
	if s.switches.RevokeOldToken {
		clear(sh.access)
	}
	limit := time.Now().Add(oldTokenLife)
	for token, end := range sh.access {
		if end.After(limit) {
			sh.access[token] = limit
		}
	}
	access, sh.refresh = newPair(strconv.FormatInt(sh.ShopID, 10), nonce)
	sh.access[access] = time.Now().Add(s.cfg.TokenLife)
	return access
}

// loadTokens takes the tokens of the file as issued, so that a restart of the
// sandbox loses nothing, or issues some and writes them.
func (s *Sandbox) loadTokens() error {
	type savedToken struct {
		ShopID       int64     `json:"shop_id"`
		AccessToken  string    `json:"access_token"`
		RefreshToken string    `json:"refresh_token"`
		ExpiresAt    time.Time `json:"expires_at"`
	}
	var saved struct {
		Shops []savedToken `json:"shops"`
	}
	raw, err := os.ReadFile(s.cfg.TokensFile)
	if err == nil && json.Unmarshal(raw, &saved) != nil {
		return fmt.Errorf("sandbox: %s is not a tokens file", s.cfg.TokensFile)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("sandbox: %w", err)
	}
	for _, t := range saved.Shops {
		if sh := s.shops[t.ShopID]; sh != nil {
			sh.access[t.AccessToken], sh.refresh = t.ExpiresAt, t.RefreshToken
		}
	}
	if len(saved.Shops) > 0 {
		return nil
	}
	for _, sh := range s.shops {
		access := s.renew(sh, "0")
		saved.Shops = append(saved.Shops, savedToken{sh.ShopID, access, sh.refresh, sh.access[access].UTC()})
	}
	if s.cfg.TokensFile == "" {
		return nil
	}
	raw, err = json.MarshalIndent(saved, "", "  ")
	if err == nil {
		err = os.WriteFile(s.cfg.TokensFile, raw, 0o600)
	}
	if err != nil {
		return fmt.Errorf("sandbox: %w", err)
	}
	return nil
}
