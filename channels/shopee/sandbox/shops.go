package sandbox

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"
)

// ShopState is what a seller or Shopee sets of a whole shop.
type ShopState struct {
	ShopID int64 `json:"shop_id"`
	// Banned shops are refused every call.
	Banned bool `json:"banned"`
	// Holiday is off (the default), partial, which blocks nothing, full, or
	// switching: not full yet, when Shopee asks to try later.
	Holiday string `json:"holiday"`
	// Warehouses are location ids. Where there are any, update_stock must name
	// one; without them the shop is not whitelisted for get_warehouse_detail.
	Warehouses []string `json:"warehouses"`
	// AuthorizationEnds is when the seller must consent again; zero leaves it.
	AuthorizationEnds time.Time `json:"authorization_ends"`
}

// The kinds of holiday.
const (
	holidayOff       = "off"
	holidayPartial   = "partial"
	holidayFull      = "full"
	holidaySwitching = "switching"
)

// SetShop sets a shop's whole state.
func (s *Sandbox) SetShop(v ShopState) error {
	if err := choose("holiday", &v.Holiday, holidayOff, holidayPartial, holidayFull, holidaySwitching); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	sh := s.shops[v.ShopID]
	if sh == nil {
		return fmt.Errorf("no shop %d", v.ShopID)
	}
	v.AuthorizationEnds = cmp.Or(v.AuthorizationEnds, sh.AuthorizationEnds)
	sh.ShopState = v
	return nil
}

// refuseCall is why a whole update_stock is refused; no code where it is not. Sandbox.mu is held.
func (sh *shop) refuseCall(it *item, q *stockRequest, inHoliday string) refusal {
	switch {
	case it.state != "NORMAL":
		return refusal{http.StatusOK, "error_item_uneditable", "The product status is abnormal: " + it.state + "."}
	case sh.Holiday == holidayFull && inHoliday != accepted:
		return refusal{http.StatusOK, inHoliday, "Cannot change stock in holiday mode."}
	case sh.Holiday == holidaySwitching:
		return refusal{http.StatusOK, "error_auth", "Holiday mode is being set, please try later."}
	default:
		return sh.misplaced(q)
	}
}

// misplaced refuses locations that are not the shop's. A shop without
// warehouses takes any.
func (sh *shop) misplaced(q *stockRequest) refusal {
	if len(sh.Warehouses) == 0 {
		return refusal{}
	}
	for _, line := range q.StockList {
		id := line.SellerStock[0].LocationID
		switch {
		case id == "":
			return refusal{http.StatusOK, "error_busi", "The shop has multi warehouse, please input location id."}
		case !slices.Contains(sh.Warehouses, id):
			return refusal{http.StatusOK, "error_auth", "The location_id does not match the shop's."}
		}
	}
	return refusal{}
}

// shopRead serves a call that only reads: look returns the answer's fields. It runs with Sandbox.mu
// held.
func (s *Sandbox) shopRead(look func(q url.Values, sh *shop) (map[string]any, refusal)) http.HandlerFunc {
	return s.shopCall(func(w http.ResponseWriter, r *http.Request, sh *shop) {
		s.mu.Lock()
		fields, bad := look(r.URL.Query(), sh)
		s.mu.Unlock()
		s.send(w, bad, fields)
	})
}

func holidayMode(_ url.Values, sh *shop) (map[string]any, refusal) {
	kind := 1
	if sh.Holiday == holidayFull {
		kind = 0
	}
	return response(map[string]any{"holiday_mode_on": sh.Holiday == holidayFull || sh.Holiday == holidayPartial, "holiday_mode_type": kind}), refusal{}
}

func warehouseDetail(_ url.Values, sh *shop) (map[string]any, refusal) {
	if len(sh.Warehouses) == 0 {
		return nil, refusal{http.StatusOK, "warehouse.error_not_in_whitelist", "The shop is not in the whitelist."}
	}
	state := map[string]int{holidayFull: 1, holidayPartial: 1, holidaySwitching: 3}[sh.Holiday]
	var rows []map[string]any
	for i, id := range sh.Warehouses {
		rows = append(rows, map[string]any{"warehouse_id": i + 1, "warehouse_type": 1, "location_id": id, "holiday_mode_state": state})
	}
	return response(rows), refusal{}
}

// shopInfo describes the shop. Its fields are top-level.
func shopInfo(_ url.Values, sh *shop) (map[string]any, refusal) {
	return map[string]any{
		"shop_name": fmt.Sprintf("Shop %d", sh.ShopID), "region": "SG", "status": "NORMAL",
		"auth_time": sh.consentedAt.Unix(), "expire_time": sh.AuthorizationEnds.Unix(),
	}, refusal{}
}
