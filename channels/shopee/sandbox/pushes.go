package sandbox

import (
	"bytes"
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// PushTarget is where push messages go.
type PushTarget struct {
	// URL is called and signed; empty sends none.
	URL string `json:"url"`
	// Key signs; empty is the partner key.
	Key string `json:"key"`
}

// Promotion is what a promotion holds of a model; nothing of it ends it.
type Promotion struct {
	ShopID   int64 `json:"shop_id"`
	ItemID   int64 `json:"item_id"`
	ModelID  int64 `json:"model_id"`
	Reserved int64 `json:"reserved"`
	Locked   bool  `json:"locked"`
}

// SetPush sets where push messages go, and tries the address out as Shopee does,
// without a signature: it must answer 2xx with an empty body within 3 s.
func (s *Sandbox) SetPush(v PushTarget) error {
	if v.URL != "" {
		if u, err := url.Parse(v.URL); err != nil || u.Host == "" {
			return fmt.Errorf("url: %q is not an address", v.URL)
		}
		trial := map[string]any{"code": 0, "shop_id": 0, "timestamp": time.Now().Unix(), "data": map[string]any{"verify_info": "a trial of the callback URL"}}
		if err := deliver(v.URL, "", trial); err != nil {
			return fmt.Errorf("url: %w", err)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.push = v
	return nil
}

// SetPromotion begins, changes or ends a promotion of a model, and sends a message about it.
func (s *Sandbox) SetPromotion(p Promotion) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	sh := s.shops[p.ShopID]
	if sh == nil || p.ItemID <= 0 || p.Reserved < 0 {
		return fmt.Errorf("no shop %d, no item_id, or a negative reserve", p.ShopID)
	}
	m := sh.item(p.ItemID).model(p.ModelID)
	before := *m
	m.Reserved, m.Locked = p.Reserved, p.Locked
	s.tell(p, before)
	return nil
}

// tell sends the message about a promotion that changed; s.mu is held.
func (s *Sandbox) tell(p Promotion, before Model) {
	target := s.push
	if target.URL == "" || p.Reserved == before.Reserved && p.Locked == before.Locked {
		return
	}
	message, key := promotionMessage(p, before), cmp.Or(target.Key, s.cfg.PartnerKey)
	s.late.Go(func() {
		for try := range 3 {
			time.Sleep(time.Duration(try) * 300 * time.Millisecond)
			if deliver(target.URL, key, message) == nil {
				return
			}
		}
	})
}

// promotionMessage is of code 8 where only the reserve changed, else of code 7.
func promotionMessage(p Promotion, before Model) map[string]any {
	at := time.Now().Unix()
	data := map[string]any{
		"shop_id": p.ShopID, "item_id": p.ItemID, "variation_id": p.ModelID, "promotion_id": 1, "promotion_type": "flash_sale", "update_time": at,
	}
	code := 7
	switch {
	case p.Reserved == 0 && !p.Locked:
		data["action"], data["reserved_stock"] = "promo_end", 0
	case before.Reserved == 0 && !before.Locked || p.Locked && !before.Locked:
		data["action"], data["reserved_stock"] = "promo_lock_stock", p.Reserved
	case before.Locked && !p.Locked:
		data["action"], data["reserved_stock"] = "promo_cancelled", p.Reserved
	default: // an order takes of what is reserved, and its cancellation returns it
		code = 8
		data["action"], data["ordersn"] = "place_order", "sandbox-1"
		if p.Reserved > before.Reserved {
			data["action"] = "cancel_order"
		}
		data["item_id"], data["variation_id"] = strconv.FormatInt(p.ItemID, 10), strconv.FormatInt(p.ModelID, 10) // Shopee does this, too
		data["changed_values"] = []map[string]any{{"name": "reserved_stock", "old": before.Reserved, "new": p.Reserved}}
	}
	return map[string]any{"code": code, "shop_id": p.ShopID, "timestamp": at, "data": data}
}

// poster follows no redirect, as Shopee does not.
var poster = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}

// deliver sends a message once, signed unless the key is empty.
func deliver(address, key string, message map[string]any) error {
	body, err := json.Marshal(message)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	if key != "" {
		mac := hmac.New(sha256.New, []byte(key))
		_, _ = mac.Write(append([]byte(address+"|"), body...)) // a hash never fails
		r.Header.Set("Authorization", hex.EncodeToString(mac.Sum(nil)))
	}
	res, err := poster.Do(r)
	if err != nil {
		return err
	}
	answered, _ := io.Copy(io.Discard, io.LimitReader(res.Body, 1<<16))
	_ = res.Body.Close() // read to its end
	if res.StatusCode/100 != 2 || answered > 0 {
		return fmt.Errorf("it answers %s with %d bytes, and not 2xx with an empty body", res.Status, answered)
	}
	return nil
}
