package sandbox

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// shopInfo describes the shop. Its fields are top-level.
func (s *Sandbox) shopInfo(w http.ResponseWriter, _ *http.Request, sh *shop) {
	id := s.nextRequestID()
	s.mu.Lock()
	defer s.mu.Unlock()
	answer(w, http.StatusOK, map[string]any{
		"shop_name": fmt.Sprintf("Shop %d", sh.id), "region": "SG", "status": "NORMAL", "auth_time": sh.consentedAt.Unix(), "expire_time": sh.endsAt.Unix(),
		"request_id": id, "error": "", "message": "",
	})
}

// itemList lists the shop's items of the states that are asked for.
func (s *Sandbox) itemList(w http.ResponseWriter, r *http.Request, sh *shop) {
	q := r.URL.Query()
	offset, offsetErr := strconv.Atoi(cmp.Or(q.Get("offset"), "0"))
	size, sizeErr := strconv.Atoi(q.Get("page_size"))
	states := listed(q["item_status"])
	if offsetErr != nil || sizeErr != nil || offset < 0 || size < 1 || size > 100 || len(states) == 0 {
		s.refuse(w, refusal{http.StatusOK, "error_param", "offset, page_size (1 to 100) and item_status are required."})
		return
	}
	s.mu.Lock()
	items := []map[string]any{}
	for _, id := range slices.Sorted(maps.Keys(sh.items)) {
		if it := sh.items[id]; slices.Contains(states, it.state) {
			items = append(items, map[string]any{"item_id": id, "item_status": it.state, "update_time": time.Now().Unix()})
		}
	}
	s.mu.Unlock()
	from, to := min(offset, len(items)), min(offset+size, len(items))
	answer(w, http.StatusOK, envelope{RequestID: s.nextRequestID(), Response: map[string]any{
		"item": items[from:to], "total_count": len(items), "has_next_page": to < len(items), "next_offset": to,
	}})
}
