package sandbox

import (
	"cmp"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"time"
)

func (s *Sandbox) modelList(w http.ResponseWriter, r *http.Request, sh *shop) {
	id, err := strconv.ParseInt(r.URL.Query().Get("item_id"), 10, 64)
	if err != nil {
		s.refuse(w, refusal{http.StatusOK, "error_param", "item_id is invalid."})
		return
	}
	s.mu.Lock()
	s.stats.Reads++
	it := sh.item(id)
	models := []map[string]any{}
	for _, modelID := range slices.Sorted(maps.Keys(it.models)) {
		if modelID != 0 {
			m := it.models[modelID]
			models = append(models, map[string]any{"model_id": modelID, "model_status": "MODEL_NORMAL", "stock_info_v2": stockInfo(m, strconv.FormatInt(m.stock, 10))})
		}
	}
	s.mu.Unlock()
	answer(w, http.StatusOK, envelope{RequestID: s.nextRequestID(), Response: map[string]any{"model": models}})
}

// stockInfo has the stock as a text or as a number: Shopee does both.
func stockInfo(m *model, stock any) map[string]any {
	return map[string]any{
		"summary_info": map[string]any{"total_reserved_stock": m.reserved, "total_available_stock": max(0, m.stock-m.reserved)},
		"seller_stock": []map[string]any{{"location_id": "", "stock": stock, "if_saleable": true}},
	}
}

func (s *Sandbox) baseInfo(w http.ResponseWriter, r *http.Request, sh *shop) {
	s.mu.Lock()
	items := []map[string]any{}
	for _, id := range itemIDs(r) {
		it := sh.item(id)
		m := it.model(0)
		items = append(items, map[string]any{"item_id": id, "item_status": it.state, "has_model": len(it.models) > 1, "stock_info_v2": stockInfo(m, m.stock)})
	}
	s.mu.Unlock()
	answer(w, http.StatusOK, envelope{RequestID: s.nextRequestID(), Response: map[string]any{"item_list": items}})
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
			all = append(all, Stock{itemID, modelID, m.stock, m.reserved})
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

// Refresh is a token pair that was handed out for a refresh token or a consent code.
type Refresh struct {
	ShopID int64     `json:"shop_id"`
	At     time.Time `json:"at"`
}

// Refreshes lists the token pairs that were handed out, in order.
func (s *Sandbox) Refreshes(shopID int64) []Refresh {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []Refresh
	for _, r := range s.refreshes {
		if r.ShopID == shopID {
			all = append(all, r)
		}
	}
	return all
}

func shopOf(r *http.Request) int64 {
	id, _ := strconv.ParseInt(r.URL.Query().Get("shop_id"), 10, 64)
	return id
}

func (s *Sandbox) showStock(w http.ResponseWriter, r *http.Request) {
	answer(w, http.StatusOK, s.Stock(shopOf(r)))
}

func (s *Sandbox) showCalls(w http.ResponseWriter, r *http.Request) {
	answer(w, http.StatusOK, s.Calls(shopOf(r)))
}
