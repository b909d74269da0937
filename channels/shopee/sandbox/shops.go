package sandbox

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
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
	v.Holiday = cmp.Or(v.Holiday, holidayOff)
	if !slices.Contains([]string{holidayOff, holidayPartial, holidayFull, holidaySwitching}, v.Holiday) {
		return fmt.Errorf("holiday is off, partial, full or switching, not %q", v.Holiday)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	sh := s.shops[v.ShopID]
	if sh == nil {
		return fmt.Errorf("no shop %d", v.ShopID)
	}
	if !v.AuthorizationEnds.IsZero() {
		sh.endsAt = v.AuthorizationEnds
	}
	sh.banned, sh.holiday, sh.warehouses = v.Banned, v.Holiday, slices.Clone(v.Warehouses)
	return nil
}

// refuseCall is why a whole update_stock is refused; no code where it is not. Sandbox.mu is held.
func (sh *shop) refuseCall(it *item, q *stockRequest, inHoliday string) refusal {
	switch {
	case it.state != "NORMAL":
		return refusal{http.StatusOK, "error_item_uneditable", "The product status is abnormal: " + it.state + "."}
	case sh.holiday == holidayFull && inHoliday != accepted:
		return refusal{http.StatusOK, inHoliday, "Cannot change stock in holiday mode."}
	case sh.holiday == holidaySwitching:
		return refusal{http.StatusOK, "error_auth", "Holiday mode is being set, please try later."}
	default:
		return sh.misplaced(q)
	}
}

// misplaced refuses locations that are not the shop's. A shop without
// warehouses takes any.
func (sh *shop) misplaced(q *stockRequest) refusal {
	if len(sh.warehouses) == 0 {
		return refusal{}
	}
	for _, line := range q.StockList {
		id := line.SellerStock[0].LocationID
		switch {
		case id == "":
			return refusal{http.StatusOK, "error_busi", "The shop has multi warehouse, please input location id."}
		case !slices.Contains(sh.warehouses, id):
			return refusal{http.StatusOK, "error_auth", "The location_id does not match the shop's."}
		}
	}
	return refusal{}
}

func (s *Sandbox) holidayMode(w http.ResponseWriter, _ *http.Request, sh *shop) {
	s.mu.Lock()
	kind := 1
	if sh.holiday == holidayFull {
		kind = 0
	}
	response := map[string]any{"holiday_mode_on": sh.holiday == holidayFull || sh.holiday == holidayPartial, "holiday_mode_type": kind}
	s.mu.Unlock()
	answer(w, http.StatusOK, envelope{RequestID: s.nextRequestID(), Response: response})
}

func (s *Sandbox) warehouseDetail(w http.ResponseWriter, _ *http.Request, sh *shop) {
	s.mu.Lock()
	state := map[string]int{holidayFull: 1, holidayPartial: 1, holidaySwitching: 3}[sh.holiday]
	rows := []map[string]any{}
	for i, id := range sh.warehouses {
		rows = append(rows, map[string]any{"warehouse_id": i + 1, "warehouse_type": 1, "location_id": id, "holiday_mode_state": state})
	}
	s.mu.Unlock()
	if len(rows) == 0 {
		s.refuse(w, refusal{http.StatusOK, "warehouse.error_not_in_whitelist", "The shop is not in the whitelist."})
		return
	}
	answer(w, http.StatusOK, envelope{RequestID: s.nextRequestID(), Response: rows})
}

// listed reads a list parameter, repeated or joined by commas.
func listed(values []string) (all []string) {
	for _, value := range values {
		all = append(all, strings.Split(value, ",")...)
	}
	return all
}

// itemIDs reads item_id_list, repeated or joined by commas; nil if it has none
// or more than 50.
func itemIDs(r *http.Request) []int64 {
	var ids []int64
	for _, text := range listed(r.URL.Query()["item_id_list"]) {
		if id, err := strconv.ParseInt(text, 10, 64); err == nil {
			ids = append(ids, id)
		}
	}
	if len(ids) > 50 {
		return nil
	}
	return ids
}

// promotions lists models with a reserve or a lock.
func (s *Sandbox) promotions(w http.ResponseWriter, r *http.Request, sh *shop) {
	ids := itemIDs(r)
	if len(ids) == 0 {
		s.refuse(w, refusal{http.StatusOK, "error_param", "item_id_list has 1 to 50 items."})
		return
	}
	s.mu.Lock()
	now := time.Now()
	list := []map[string]any{}
	for _, id := range ids {
		list = append(list, map[string]any{"item_id": id, "promotion": sh.item(id).promotions(now)})
	}
	s.mu.Unlock()
	answer(w, http.StatusOK, envelope{RequestID: s.nextRequestID(), Response: map[string]any{"success_list": list, "failure_list": []any{}}})
}

// promotions has the reserve twice: Shopee's sample nests it in summary_info,
// its field table does not.
func (it *item) promotions(now time.Time) []map[string]any {
	all := []map[string]any{}
	for _, modelID := range slices.Sorted(maps.Keys(it.models)) {
		m := it.models[modelID]
		if m.reserved == 0 && !m.locked {
			continue
		}
		all = append(all, map[string]any{
			"promotion_type": "Flash Sale", "promotion_id": uint64(1), "model_id": modelID, "promotion_staging": "ongoing",
			"start_time": now.Add(-time.Hour).Unix(), "end_time": now.Add(time.Hour).Unix(),
			"promotion_stock_info_v2": map[string]any{
				"total_reserved_stock": m.reserved, "summary_info": map[string]any{"total_reserved_stock": m.reserved},
			},
		})
	}
	return all
}
