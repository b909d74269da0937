package sandbox

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"time"
)

const maxStock = 10_000_000

type stockRequest struct {
	ItemID    int64 `json:"item_id"`
	StockList []struct {
		ModelID     int64 `json:"model_id"`
		SellerStock []struct {
			LocationID string `json:"location_id"`
			Stock      int64  `json:"stock"`
		} `json:"seller_stock"`
	} `json:"stock_list"`
}

// Line is one model of a call, and its outcome.
type Line struct {
	ModelID int64  `json:"model_id"`
	Stock   int64  `json:"stock"`
	Applied bool   `json:"applied"`
	Reason  string `json:"reason,omitempty"`
}

// Call is an update_stock call as it was received and applied.
type Call struct {
	// Sequence counts calls as they were applied, Received as they came: a call
	// that is applied late comes after some that were received later.
	Sequence   int64     `json:"sequence"`
	Received   int64     `json:"received"`
	ReceivedAt time.Time `json:"received_at"`
	AppliedAt  time.Time `json:"applied_at"`
	// Host is how the client named us: one that has a name for each of its
	// processes finds out whose call it was.
	Host   string `json:"host"`
	ShopID int64  `json:"shop_id"`
	ItemID int64  `json:"item_id"`
	Lines  []Line `json:"lines"`
	Fault  string `json:"fault,omitempty"`
}

func (s *Sandbox) updateStock(w http.ResponseWriter, r *http.Request, sh *shop) {
	var q stockRequest
	bad := "Invalid body."
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20)).Decode(&q); err == nil {
		bad = wellFormed(&q)
	}
	if bad != "" {
		s.refuse(w, refusal{http.StatusOK, "error_param", bad})
		return
	}
	call, fault := s.enter(sh, q.ItemID, r.Host)
	defer s.leave(sh, q.ItemID)
	fault.delay(r)
	if fault.Kind == "late" {
		s.mu.Lock() // Wait may run at the same time
		s.late.Go(func() { time.Sleep(fault.wait()); s.apply(sh, &q, call, fault) })
		s.mu.Unlock()
		panic(http.ErrAbortHandler)
	}
	done, failed, refused := s.apply(sh, &q, call, fault)
	switch {
	case fault.Kind == "lost_reply":
		panic(http.ErrAbortHandler)
	case fault.Kind == "garbage":
		_, _ = w.Write([]byte("<html>not what you expect"))
	case refused.code != "":
		s.refuse(w, refused)
	default:
		s.reply(w, done, failed)
	}
}

// reply shapes partial refusals as the switch says.
func (s *Sandbox) reply(w http.ResponseWriter, done, failed []map[string]any) {
	s.mu.Lock()
	shape := s.switches.FloorShape
	s.mu.Unlock()
	lists := response(map[string]any{"success_list": done, "failure_list": failed})
	switch {
	case len(failed) > 0 && shape == "batch_error":
		s.send(w, refusal{http.StatusOK, "error_busi_update_stock_failed", "Update stock failed."}, lists)
	case len(failed) > 0 && len(done) == 0 && shape == "bare_error":
		s.refuse(w, refusal{http.StatusOK, "error_auth", fmt.Sprint(failed[0]["failed_reason"])})
	default:
		s.send(w, refusal{}, lists)
	}
}

func wellFormed(q *stockRequest) string {
	if q.ItemID <= 0 || len(q.StockList) == 0 || len(q.StockList) > 50 {
		return "item_id is required, and stock_list has 1 to 50 entries."
	}
	seen := map[int64]bool{}
	for _, line := range q.StockList {
		if seen[line.ModelID] {
			return "Repeated model_id."
		}
		seen[line.ModelID] = true
		if len(line.SellerStock) != 1 || line.SellerStock[0].Stock < 0 {
			return "seller_stock is invalid."
		}
	}
	return ""
}

// enter notes that a call of an item is in flight, and finds its fault.
func (s *Sandbox) enter(sh *shop, itemID int64, host string) (Call, Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sh.inFlight[itemID]++
	s.stats.MaxPerItem = max(s.stats.MaxPerItem, sh.inFlight[itemID])
	s.received++
	fault := s.nextFault(sh.ShopID, itemID, stockFaults)
	return Call{Received: s.received, ReceivedAt: time.Now().UTC(), Host: host, ShopID: sh.ShopID, ItemID: itemID, Fault: fault.Kind}, fault
}

func (s *Sandbox) leave(sh *shop, itemID int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sh.inFlight[itemID]--
}

// apply changes the stock and writes the account of it. It returns the rows of both lists, which are
// never nil.
func (s *Sandbox) apply(sh *shop, q *stockRequest, call Call, fault Fault) (done, failed []map[string]any, bad refusal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	it := sh.item(q.ItemID)
	s.stats.Calls++
	call.Sequence, call.AppliedAt = s.stats.Calls, time.Now().UTC()
	bad = sh.refuseCall(it, q, s.switches.HolidayCode)
	if fault.Kind == "refuse" && fault.Code != "" {
		bad = refusal{http.StatusOK, fault.Code, fault.Message}
	}
	done, failed = []map[string]any{}, []map[string]any{}
	for i, line := range q.StockList {
		asked := line.SellerStock[0]
		l := Line{ModelID: line.ModelID, Stock: asked.Stock}
		l.Reason = s.refuseLine(it, line.ModelID, asked.Stock)
		switch {
		case bad.code != "":
			l.Reason = bad.code
		case fault.Kind == "refuse":
			l.Reason = fault.Message
		}
		switch {
		case l.Reason != "" || fault.Kind == "refuse":
			failed = append(failed, map[string]any{"model_id": line.ModelID, "failed_reason": l.Reason})
		case fault.Kind == "silent" && i == 0:
		default:
			l.Applied = fault.Kind != "no_effect"
			if l.Applied {
				it.model(line.ModelID).Stock = asked.Stock
			}
			shown := asked.Stock
			if fault.Kind == "wrong_quantity" {
				shown++
			}
			done = append(done, map[string]any{"model_id": line.ModelID, "location_id": asked.LocationID, "stock": shown})
		}
		call.Lines = append(call.Lines, l)
	}
	s.calls = append(s.calls, call)
	if len(s.calls) > 2*s.cfg.MaxCalls {
		s.calls = slices.Clone(s.calls[s.cfg.MaxCalls:])
	}
	return done, failed, bad
}

func (s *Sandbox) refuseLine(it *item, modelID, stock int64) string {
	m := it.models[modelID]
	switch {
	case m == nil && it.described:
		return "model ID not exist in sku"
	case stock > maxStock:
		return "The stock must be in range 0-10000000."
	case m == nil:
		return ""
	case m.Locked:
		return "The stock is locked by a promotion."
	case stock < m.Reserved || s.switches.RefuseEqual && m.Reserved > 0 && stock == m.Reserved:
		return fmt.Sprintf("The stock should be larger than %d (reserve stock number).", m.Reserved)
	default:
		return ""
	}
}

// item is made at its first mention.
func (sh *shop) item(id int64) *item {
	if sh.items[id] == nil {
		sh.items[id] = &item{state: "NORMAL", models: map[int64]*Model{}}
	}
	return sh.items[id]
}

func (it *item) model(id int64) *Model {
	if it.models[id] == nil {
		it.models[id] = &Model{ModelID: id}
	}
	return it.models[id]
}
