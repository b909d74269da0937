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

// shopCall checks what Shopee checks before it looks at a request of a shop.
func (s *Sandbox) shopCall(serve func(w http.ResponseWriter, r *http.Request, sh *shop)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		shopID, _ := strconv.ParseInt(q.Get("shop_id"), 10, 64)
		s.mu.Lock()
		sh := s.shops[shopID]
		status := s.switches.AuthStatus
		bad := s.checkShop(sh, q.Get("access_token"))
		s.mu.Unlock()
		switch {
		case !s.signed(r, q.Get("access_token")+q.Get("shop_id")):
			s.refuse(w, refusal{status, "error_sign", "Wrong sign."})
		case bad.code != "":
			bad.status = status
			s.refuse(w, bad)
		case !s.app.Allow() || !sh.limiter.Allow():
			s.throttle(w)
		case s.stumble(w, r, sh):
		default:
			serve(w, r, sh)
		}
	}
}

func (s *Sandbox) checkShop(sh *shop, token string) refusal {
	switch {
	case sh == nil:
		return refusal{code: "error_auth", message: "Invalid partner_id or shopid."}
	case sh.banned:
		return refusal{code: "shop_banned", message: "The shop is banned."}
	case !sh.linked:
		return refusal{code: "shop_no_linked", message: "The shop is not linked to the app."}
	case !sh.endsAt.After(time.Now()):
		return refusal{code: "shop_access_expired", message: "The access to shop has expired, please let the shop authorize again."}
	case !sh.access[token].After(time.Now()):
		return refusal{code: "invalid_acceess_token", message: "Invalid access_token."}
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
	PartnerID    int64  `json:"partner_id"`
	ShopID       int64  `json:"shop_id"`
	MainAccount  int64  `json:"main_account_id"`
}

func (s *Sandbox) refreshToken(w http.ResponseWriter, r *http.Request) {
	s.grant(w, r, func(sh *shop, t tokenRequest) *refusal {
		if s.nextFault(sh.id, 0, refreshFaults).Kind != "" {
			return &refusal{code: "error_server", message: "Something wrong. Please try later."}
		}
		if t.RefreshToken != sh.refresh || !sh.linked || !sh.endsAt.After(time.Now()) {
			s.stats.RefusedRefreshes++
			return &refusal{code: s.switches.RefreshReuseCode, message: "Invalid refresh_token."}
		}
		return nil
	})
}

// firstToken takes any consent code that was not used before, and links the shop again,
// or all shops of a main account.
func (s *Sandbox) firstToken(w http.ResponseWriter, r *http.Request) {
	s.grant(w, r, func(sh *shop, t tokenRequest) *refusal {
		if t.Code == "" || sh.used[t.Code] {
			return &refusal{code: "error_auth", message: "Invalid code."}
		}
		sh.used[t.Code] = true
		sh.consent(time.Now())
		return nil
	})
}

// tokenRequest reads a request for tokens, or refuses it.
func (s *Sandbox) tokenRequest(w http.ResponseWriter, r *http.Request) (t tokenRequest, ok bool) {
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<16)).Decode(&t); err != nil {
		s.refuse(w, refusal{http.StatusOK, "error_param", "Invalid body."})
		return t, false
	}
	if !s.signed(r, "") {
		s.refuse(w, refusal{http.StatusForbidden, "error_sign", "Wrong sign."})
		return t, false
	}
	if t.MainAccount != 0 && (t.ShopID != 0 || t.Code == "") {
		s.refuse(w, refusal{http.StatusOK, "error_param", "A code is of a shop_id or of a main_account_id."})
		return t, false
	}
	return t, true
}

func (s *Sandbox) grant(w http.ResponseWriter, r *http.Request, check func(*shop, tokenRequest) *refusal) {
	t, ok := s.tokenRequest(w, r)
	if !ok {
		return
	}
	if t.MainAccount != 0 {
		s.grantMain(w, t)
		return
	}
	id := s.nextRequestID()
	s.mu.Lock()
	defer s.mu.Unlock()
	sh := s.shops[t.ShopID]
	if sh == nil {
		answer(w, s.switches.AuthStatus, envelope{Error: "invalid_shop_id", Message: "No such shop.", RequestID: id})
		return
	}
	if bad := check(sh, t); bad != nil {
		answer(w, s.switches.AuthStatus, envelope{Error: bad.code, Message: bad.message, RequestID: id})
		return
	}
	sh.retire(s.switches.RevokeOldToken, time.Now())
	access := sh.renew(id, s.cfg.TokenLife)
	s.refreshes = append(s.refreshes, Refresh{ShopID: sh.id, At: time.Now()})
	answer(w, http.StatusOK, map[string]any{
		"access_token": access, "refresh_token": sh.refresh, "expire_in": int(s.cfg.TokenLife.Seconds()),
		"partner_id": s.cfg.PartnerID, "shop_id": sh.id, "shop_id_list": []int64{sh.id}, "merchant_id_list": []int64{}, "error": "", "message": "", "request_id": id,
	})
}

// grantMain gives one pair for all shops of a main account. Its refresh token works once
// for each of them, which then has a chain of its own.
func (s *Sandbox) grantMain(w http.ResponseWriter, t tokenRequest) {
	id := s.nextRequestID()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.usedMain[t.Code] {
		answer(w, s.switches.AuthStatus, envelope{Error: "error_auth", Message: "Invalid code.", RequestID: id})
		return
	}
	s.usedMain[t.Code] = true
	access, refresh := fmt.Sprintf("access-main-%d-%s", t.MainAccount, id), fmt.Sprintf("refresh-main-%d-%s", t.MainAccount, id)
	ids := slices.Sorted(maps.Keys(s.shops))
	for _, shopID := range ids {
		sh := s.shops[shopID]
		sh.consent(time.Now())
		sh.access[access], sh.refresh = time.Now().Add(s.cfg.TokenLife), refresh
	}
	answer(w, http.StatusOK, map[string]any{
		"access_token": access, "refresh_token": refresh, "expire_in": int(s.cfg.TokenLife.Seconds()), "partner_id": s.cfg.PartnerID,
		"main_account_id": t.MainAccount, "shop_id_list": ids, "merchant_id_list": []int64{}, "error": "", "message": "", "request_id": id,
	})
}

// oldTokenLife is how long an access token works after it was replaced.
const oldTokenLife = 5 * time.Minute

// retire lets the access tokens so far end soon, or now.
func (sh *shop) retire(now bool, at time.Time) {
	if now {
		clear(sh.access)
	}
	for token, end := range sh.access {
		if limit := at.Add(oldTokenLife); end.After(limit) {
			sh.access[token] = limit
		}
	}
}

func (sh *shop) renew(nonce string, life time.Duration) (access string) {
	access = fmt.Sprintf("access-%d-%s", sh.id, nonce)
	sh.access[access] = time.Now().Add(life)
	sh.refresh = fmt.Sprintf("refresh-%d-%s", sh.id, nonce)
	return access
}

type savedToken struct {
	ShopID       int64     `json:"shop_id"`
	AccessToken  string    `json:"access_token"`
	RefreshToken string    `json:"refresh_token"`
	ExpiresAt    time.Time `json:"expires_at"`
}

type savedTokens struct {
	Shops []savedToken `json:"shops"`
}

// loadTokens takes the tokens of the file as issued, so that a restart of the
// sandbox loses nothing, or issues some and writes them.
func (s *Sandbox) loadTokens() error {
	var saved savedTokens
	raw, err := os.ReadFile(s.cfg.TokensFile)
	if err == nil {
		if err := json.Unmarshal(raw, &saved); err != nil {
			return fmt.Errorf("sandbox: %s is not a tokens file", s.cfg.TokensFile)
		}
	} else if s.cfg.TokensFile != "" && !errors.Is(err, fs.ErrNotExist) {
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
		access := sh.renew("0", s.cfg.TokenLife)
		saved.Shops = append(saved.Shops, savedToken{sh.id, access, sh.refresh, sh.access[access].UTC()})
	}
	if s.cfg.TokensFile == "" {
		return nil
	}
	raw, err = json.MarshalIndent(saved, "", "  ")
	if err != nil {
		return fmt.Errorf("sandbox: %w", err)
	}
	if err := os.WriteFile(s.cfg.TokensFile, raw, 0o600); err != nil {
		return fmt.Errorf("sandbox: %w", err)
	}
	return nil
}
