package sandbox

import (
	"cmp"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

func (s *Sandbox) modelList(q url.Values, sh *shop) (map[string]any, refusal) {
	id, err := strconv.ParseInt(q.Get("item_id"), 10, 64)
	if err != nil {
		return nil, refusal{http.StatusOK, "error_param", "item_id is invalid."}
	}
	s.stats.Reads++
	it := sh.item(id)
	models := []map[string]any{}
	for _, modelID := range slices.Sorted(maps.Keys(it.models)) {
		if modelID != 0 {
			m := it.models[modelID]
			models = append(models, map[string]any{"model_id": modelID, "model_status": "MODEL_NORMAL", "stock_info_v2": stockInfo(m, strconv.FormatInt(m.Stock, 10))})
		}
	}
	return response(map[string]any{"model": models}), refusal{}
}

// stockInfo has the stock as a text or as a number: Shopee does both.
func stockInfo(m *Model, stock any) map[string]any {
	return map[string]any{
		"summary_info": map[string]any{"total_reserved_stock": m.Reserved, "total_available_stock": max(0, m.Stock-m.Reserved)},
		"seller_stock": []map[string]any{{"location_id": "", "stock": stock, "if_saleable": true}},
	}
}

func baseInfo(q url.Values, sh *shop) (map[string]any, refusal) {
	items := []map[string]any{}
	for _, id := range itemIDs(q) {
		it := sh.item(id)
		m := it.model(0)
		items = append(items, map[string]any{"item_id": id, "item_status": it.state, "has_model": len(it.models) > 1, "stock_info_v2": stockInfo(m, m.Stock)})
	}
	return response(map[string]any{"item_list": items}), refusal{}
}

// listed reads a list parameter, repeated or joined by commas.
func listed(values []string) []string { return strings.Split(strings.Join(values, ","), ",") }

// itemIDs reads item_id_list, repeated or joined by commas; nil if it has none
// or more than 50.
func itemIDs(q url.Values) []int64 {
	var ids []int64
	for _, text := range listed(q["item_id_list"]) {
		if id, err := strconv.ParseInt(text, 10, 64); err == nil {
			ids = append(ids, id)
		}
	}
	if len(ids) > 50 {
		return nil
	}
	return ids
}

// itemList lists the shop's items of the states that are asked for.
func itemList(q url.Values, sh *shop) (map[string]any, refusal) {
	offset, offsetErr := strconv.Atoi(cmp.Or(q.Get("offset"), "0"))
	size, sizeErr := strconv.Atoi(q.Get("page_size"))
	if offsetErr != nil || sizeErr != nil || offset < 0 || size < 1 || size > 100 || !q.Has("item_status") {
		return nil, refusal{http.StatusOK, "error_param", "offset, page_size (1 to 100) and item_status are required."}
	}
	states := listed(q["item_status"])
	items := []map[string]any{}
	for _, id := range slices.Sorted(maps.Keys(sh.items)) {
		if it := sh.items[id]; slices.Contains(states, it.state) {
			items = append(items, map[string]any{"item_id": id, "item_status": it.state, "update_time": time.Now().Unix()})
		}
	}
	from, to := min(offset, len(items)), min(offset+size, len(items))
	return response(map[string]any{"item": items[from:to], "total_count": len(items), "has_next_page": to < len(items), "next_offset": to}), refusal{}
}

// promotions lists models with a reserve or a lock.
func promotions(q url.Values, sh *shop) (map[string]any, refusal) {
	ids := itemIDs(q)
	if len(ids) == 0 {
		return nil, refusal{http.StatusOK, "error_param", "item_id_list has 1 to 50 items."}
	}
	list := []map[string]any{}
	for _, id := range ids {
		list = append(list, map[string]any{"item_id": id, "promotion": sh.item(id).promotions(time.Now())})
	}
	return response(map[string]any{"success_list": list, "failure_list": []any{}}), refusal{}
}

// promotions has the reserve twice: Shopee's sample nests it in summary_info,
// its field table does not.
func (it *item) promotions(now time.Time) []map[string]any {
	all := []map[string]any{}
	for _, modelID := range slices.Sorted(maps.Keys(it.models)) {
		m := it.models[modelID]
		if m.Reserved == 0 && !m.Locked {
			continue
		}
		all = append(all, map[string]any{
			"promotion_type": "Flash Sale", "promotion_id": uint64(1), "model_id": modelID, "promotion_staging": "ongoing",
			"start_time": now.Add(-time.Hour).Unix(), "end_time": now.Add(time.Hour).Unix(),
			"promotion_stock_info_v2": map[string]any{
				"total_reserved_stock": m.Reserved, "summary_info": map[string]any{"total_reserved_stock": m.Reserved},
			},
		})
	}
	return all
}

// Stock is what a model shows.
type Stock struct {
	ItemID   int64 `json:"item_id"`
	ModelID  int64 `json:"model_id"`
	Stock    int64 `json:"stock"`
	Reserved int64 `json:"reserved"`
}

// Stock lists what a shop shows, by item and model.
func (s *Sandbox) Stock(shopID int64) []Stock {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := []Stock{}
	sh := s.shops[shopID]
	if sh == nil {
		return all
	}
	for itemID, it := range sh.items {
		for modelID, m := range it.models {
			all = append(all, Stock{itemID, modelID, m.Stock, m.Reserved})
		}
	}
	slices.SortFunc(all, func(a, b Stock) int {
		return cmp.Or(cmp.Compare(a.ItemID, b.ItemID), cmp.Compare(a.ModelID, b.ModelID))
	})
	return all
}

// Calls lists the calls of a shop in the order of their arrival; 0 is all shops.
func (s *Sandbox) Calls(shopID int64) []Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := []Call{}
	for _, c := range s.calls {
		if shopID == 0 || c.ShopID == shopID {
			all = append(all, c)
		}
	}
	return all
}

// Stats are totals since the start.
type Stats struct {
	// Calls are update_stock calls that were looked at.
	Calls int64 `json:"calls"`
	// MaxPerItem is the most calls of one item that were ever in flight at once.
	MaxPerItem int `json:"max_per_item"`
	// Reads are calls that read an item's stock.
	Reads int64 `json:"reads"`
	// RefusedRefreshes are refresh tokens that were used twice or never issued.
	RefusedRefreshes int64 `json:"refused_refreshes"`
}

// Stats are the totals so far.
func (s *Sandbox) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stats
}

// Refreshes are when a shop was given a pair for a refresh token or a consent code, in order.
func (s *Sandbox) Refreshes(shopID int64) []time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.refreshes[shopID])
}
