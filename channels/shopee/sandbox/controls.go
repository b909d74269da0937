package sandbox

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"
)

// Item describes an item. An item that was described has the named models only.
type Item struct {
	ShopID int64 `json:"shop_id"`
	ItemID int64 `json:"item_id"`
	// State is NORMAL unless given: BANNED, UNLIST, SELLER_DELETE, SHOPEE_DELETE, REVIEWING.
	State  string  `json:"state"`
	Models []Model `json:"models"`
}

// Model describes a model; model 0 is an item without models.
type Model struct {
	ModelID  int64 `json:"model_id"`
	Stock    int64 `json:"stock"`
	Reserved int64 `json:"reserved"`
	Locked   bool  `json:"locked"`
}

// Describe sets an item as described.
func (s *Sandbox) Describe(i Item) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	sh := s.shops[i.ShopID]
	if sh == nil || i.ItemID <= 0 {
		return fmt.Errorf("no shop %d, or no item_id", i.ShopID)
	}
	it := &item{state: cmp.Or(i.State, "NORMAL"), described: true, models: map[int64]*Model{}}
	old := sh.item(i.ItemID)
	for _, m := range i.Models {
		it.models[m.ModelID] = &m
		s.tell(Promotion{i.ShopID, i.ItemID, m.ModelID, m.Reserved, m.Locked}, *old.model(m.ModelID))
	}
	sh.items[i.ItemID] = it
	return nil
}

// StockChange is a stock that changed without us: a buyer bought, or the seller
// changed it in Seller Centre.
type StockChange struct {
	ShopID  int64 `json:"shop_id"`
	ItemID  int64 `json:"item_id"`
	ModelID int64 `json:"model_id"`
	Stock   int64 `json:"stock"`
}

// SetStock changes what a model shows.
func (s *Sandbox) SetStock(c StockChange) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	sh := s.shops[c.ShopID]
	if sh == nil || c.ItemID <= 0 || c.Stock < 0 {
		return fmt.Errorf("no shop %d, no item_id, or a negative stock", c.ShopID)
	}
	sh.item(c.ItemID).model(c.ModelID).Stock = c.Stock
	return nil
}

// Switches choose between what Shopee might do.
type Switches struct {
	// FloorShape is how refused lines come: list (the default), batch_error, bare_error.
	FloorShape string `json:"floor_shape"`
	// RefuseEqual refuses a stock that equals the reserve.
	RefuseEqual bool `json:"refuse_equal"`
	// RateLimitStatus is 200 (the default) or 429, which brings Retry-After.
	RateLimitStatus int `json:"rate_limit_status"`
	// AuthStatus is 403 (the default) or 200.
	AuthStatus int `json:"auth_status"`
	// RevokeOldToken ends access tokens at a refresh.
	RevokeOldToken bool `json:"revoke_old_token"`
	// RefreshReuseCode is error_auth (the default) or error_shop_refresh_token.
	RefreshReuseCode string `json:"refresh_reuse_code"`
	// HolidayCode is how stock in a full holiday is refused:
	// error_holiday_mode_change_stock (the default), error_auth, or accept, which does not refuse it.
	HolidayCode string `json:"holiday_code"`
}

// accepted is the value of a switch by which nothing is refused.
const accepted = "accept"

// choose checks that a value is a known one; the zero value becomes the first.
func choose[T comparable](name string, value *T, known ...T) error {
	*value = cmp.Or(*value, known[0])
	if slices.Contains(known, *value) {
		return nil
	}
	return fmt.Errorf("%s is one of %v, not %v", name, known, *value)
}

// Set sets all switches; empty ones get their default.
func (s *Sandbox) Set(v Switches) error {
	err := errors.Join(
		choose("floor_shape", &v.FloorShape, "list", "batch_error", "bare_error"),
		choose("rate_limit_status", &v.RateLimitStatus, http.StatusOK, http.StatusTooManyRequests),
		choose("auth_status", &v.AuthStatus, http.StatusForbidden, http.StatusOK),
		choose("refresh_reuse_code", &v.RefreshReuseCode, "error_auth", "error_shop_refresh_token"),
		choose("holiday_code", &v.HolidayCode, "error_holiday_mode_change_stock", "error_auth", accepted))
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.switches = v
	return nil
}

// Fault is something that goes wrong; the package's doc has the kinds.
type Fault struct {
	// ShopID is the shop, 0 for all.
	ShopID int64 `json:"shop_id"`
	// ItemID is the item whose update_stock calls it hits, 0 for all.
	ItemID int64  `json:"item_id"`
	Kind   string `json:"kind"`
	// Times is how many calls it hits; 0 is all until the faults are cleared.
	Times   int    `json:"times"`
	DelayMS int    `json:"delay_ms"`
	Code    string `json:"code"`
	Message string `json:"message"`
}

// Faults hit either any call of a shop, or update_stock only, or refreshes of its token.
var (
	refreshFaults = []string{"refresh_outage"}
	callFaults    = []string{"outage", "hang", "throttle", "quota", "error"}
	stockFaults   = []string{"latency", "lost_reply", "late", "no_effect", "wrong_quantity", "silent", "garbage", "refuse"}
)

// AddFault adds a fault.
func (s *Sandbox) AddFault(f Fault) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case f.Kind == "expire_token" || f.Kind == "unlink":
		s.loseTokens(f)
	case slices.Contains(slices.Concat(callFaults, stockFaults, refreshFaults), f.Kind):
		s.faults = append(s.faults, &f)
	default:
		return fmt.Errorf("unknown kind of fault %q", f.Kind)
	}
	return nil
}

func (s *Sandbox) loseTokens(f Fault) {
	for id, sh := range s.shops {
		if f.ShopID == 0 || f.ShopID == id {
			clear(sh.access)
			sh.linked = sh.linked && f.Kind != "unlink"
		}
	}
}

// RemoveFaults removes the faults of a shop and a kind; 0 and "" are all. Shops that were unlinked
// stay so.
func (s *Sandbox) RemoveFaults(shopID int64, kind string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = slices.DeleteFunc(s.faults, func(f *Fault) bool {
		return (shopID == 0 || f.ShopID == shopID) && (kind == "" || f.Kind == kind)
	})
}

// nextFault is the first fault of the kinds for an item of a shop, and uses it up; it has no kind if
// there is none. s.mu is held.
func (s *Sandbox) nextFault(shopID, itemID int64, kinds []string) Fault {
	for i, f := range s.faults {
		if f.ShopID != 0 && f.ShopID != shopID || f.ItemID != 0 && f.ItemID != itemID || !slices.Contains(kinds, f.Kind) {
			continue
		}
		if f.Times > 0 {
			if f.Times--; f.Times == 0 {
				s.faults = slices.Delete(s.faults, i, i+1)
			}
		}
		return *f
	}
	return Fault{}
}

// stumble plays a fault of the whole call, and says whether there was one.
func (s *Sandbox) stumble(w http.ResponseWriter, r *http.Request, sh *shop) bool {
	s.mu.Lock()
	f := s.nextFault(sh.ShopID, 0, callFaults)
	s.mu.Unlock()
	switch f.Kind {
	case "":
		return false
	case "outage":
		s.refuse(w, refusal{http.StatusServiceUnavailable, "error_server", "Please try later."})
	case "hang":
		// The server sees that its client went away only once the body is read.
		_, _ = io.Copy(io.Discard, http.MaxBytesReader(w, r.Body, 1<<20))
		<-r.Context().Done()
	case "throttle":
		s.throttle(w)
	case "quota":
		s.refuse(w, refusal{http.StatusOK, "error_limit", "The daily quota is used up."})
	case "error":
		s.refuse(w, refusal{http.StatusOK, f.Code, f.Message})
	}
	return true
}

func (f Fault) wait() time.Duration { return time.Duration(f.DelayMS) * time.Millisecond }

// delay is the latency fault's, or less if the client goes away.
func (f Fault) delay(r *http.Request) {
	if f.Kind != "latency" {
		return
	}
	select {
	case <-time.After(f.wait()):
	case <-r.Context().Done():
	}
}
