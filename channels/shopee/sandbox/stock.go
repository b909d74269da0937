package sandbox

import (
	"encoding/json"
	"fmt"
	"net/http"
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

type success struct {
	ModelID    int64  `json:"model_id"`
	LocationID string `json:"location_id,omitempty"`
	Stock      int64  `json:"stock"`
}

type failure struct {
	ModelID      int64  `json:"model_id"`
	FailedReason string `json:"failed_reason"`
}

func (s *Sandbox) updateStock(w http.ResponseWriter, r *http.Request, sh *shop) {
	var q stockRequest
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20)).Decode(&q); err != nil {
		s.refuse(w, refusal{http.StatusOK, "error_param", "Invalid body."})
		return
	}
	if bad := wellFormed(&q); bad != "" {
		s.refuse(w, refusal{http.StatusOK, "error_param", bad})
		return
	}
	came := s.enter(sh, q.ItemID, r.Host)
	defer s.leave(sh, q.ItemID)
	fault := came.fault
	fault.delay(r)
	if fault.Kind == "late" {
		s.mu.Lock() // Wait may run at the same time
		s.late.Go(func() { time.Sleep(fault.wait()); s.apply(sh, &q, came) })
		s.mu.Unlock()
		panic(http.ErrAbortHandler)
	}
	done, failed, bad := s.apply(sh, &q, came)
	switch {
	case fault.Kind == "lost_reply":
		panic(http.ErrAbortHandler)
	case fault.Kind == "garbage":
		_, _ = w.Write([]byte("<html>not what you expect"))
	case bad.code != "":
		s.refuse(w, bad)
	default:
		s.reply(w, done, failed)
	}
}

// reply shapes partial refusals as the switch says.
func (s *Sandbox) reply(w http.ResponseWriter, done []success, failed []failure) {
	lists := map[string]any{"success_list": append([]success{}, done...), "failure_list": append([]failure{}, failed...)} // empty, not null
	e := envelope{RequestID: s.nextRequestID(), Response: lists}
	s.mu.Lock()
	shape := s.switches.FloorShape
	s.mu.Unlock()
	if len(failed) > 0 && shape == "batch_error" {
		e.Error, e.Message = "error_busi_update_stock_failed", "Update stock failed."
	}
	if len(failed) > 0 && len(done) == 0 && shape == "bare_error" {
		e = envelope{Error: "error_auth", Message: failed[0].FailedReason, RequestID: e.RequestID}
	}
	answer(w, http.StatusOK, e)
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

// arrival is how a call came in, and the fault that hits it.
type arrival struct {
	number int64
	at     time.Time
	host   string
	fault  Fault
}

// enter notes that a call of an item is in flight, and finds its fault.
func (s *Sandbox) enter(sh *shop, itemID int64, host string) arrival {
	s.mu.Lock()
	defer s.mu.Unlock()
	sh.inFlight[itemID]++
	s.stats.MaxPerItem = max(s.stats.MaxPerItem, sh.inFlight[itemID])
	s.received++
	return arrival{s.received, time.Now().UTC(), host, s.nextFault(sh.id, itemID, stockFaults)}
}

func (s *Sandbox) leave(sh *shop, itemID int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sh.inFlight[itemID]--
}

// apply changes the stock and writes the account of it.
func (s *Sandbox) apply(sh *shop, q *stockRequest, came arrival) (done []success, failed []failure, bad refusal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	it := sh.item(q.ItemID)
	s.stats.Calls++
	fault := came.fault
	call := Call{
		Sequence: s.stats.Calls, Received: came.number, ReceivedAt: came.at, AppliedAt: time.Now().UTC(), Host: came.host,
		ShopID: sh.id, ItemID: q.ItemID, Fault: fault.Kind,
	}
	bad = sh.refuseCall(it, q, s.switches.HolidayCode)
	if fault.Kind == "refuse" && fault.Code != "" {
		bad = refusal{http.StatusOK, fault.Code, fault.Message}
	}
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
			failed = append(failed, failure{line.ModelID, l.Reason})
		case fault.Kind == "silent" && i == 0:
		default:
			l.Applied = fault.Kind != "no_effect"
			if l.Applied {
				it.model(line.ModelID).stock = asked.Stock
			}
			shown := asked.Stock
			if fault.Kind == "wrong_quantity" {
				shown++
			}
			done = append(done, success{line.ModelID, asked.LocationID, shown})
		}
		call.Lines = append(call.Lines, l)
	}
	s.calls = append(s.calls, call)
	if len(s.calls) > 2*s.cfg.MaxCalls {
		s.calls = append([]Call(nil), s.calls[s.cfg.MaxCalls:]...)
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
	case m.locked:
		return "The stock is locked by a promotion."
	case stock < m.reserved || s.switches.RefuseEqual && m.reserved > 0 && stock == m.reserved:
		return fmt.Sprintf("The stock should be larger than %d (reserve stock number).", m.reserved)
	default:
		return ""
	}
}

// item is made at its first mention.
func (sh *shop) item(id int64) *item {
	it := sh.items[id]
	if it == nil {
		it = &item{state: "NORMAL", models: map[int64]*model{}}
		sh.items[id] = it
	}
	return it
}

func (it *item) model(id int64) *model {
	m := it.models[id]
	if m == nil {
		m = new(model)
		it.models[id] = m
	}
	return m
}
