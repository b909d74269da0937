package shopee

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"

	"stockpush/channels"
	"stockpush/channels/shopee/api"
	"stockpush/schemas"
)

type updateStock struct {
	ItemID    int64        `json:"item_id"`
	StockList []modelStock `json:"stock_list"`
}

type modelStock struct {
	ModelID     int64         `json:"model_id"`
	SellerStock []sellerStock `json:"seller_stock"`
}

type sellerStock struct {
	LocationID string `json:"location_id,omitempty"`
	Stock      int64  `json:"stock"`
}

// maxLines is how many models update_stock takes.
const maxLines = 50

// MaxLines is how many models one call may carry.
func (c *Client) MaxLines() int { return maxLines }

// Push sets the stock of models of one item.
func (c *Client) Push(ctx context.Context, call channels.Call) channels.Answer {
	if err := fits(call); err != nil {
		v := channels.Verdict{Outcome: channels.Refused, Code: schemas.UnknownFailure, Message: err.Error()}
		return channels.Answer{Verdicts: slices.Repeat([]channels.Verdict{v}, len(call.Lines))}
	}
	ctx, cancel := context.WithTimeoutCause(ctx, c.timeout, api.ErrTimeout)
	defer cancel()
	req := api.Request{Method: http.MethodPost, Path: api.PathUpdateStock, ShopID: call.ShopID, Body: encode(call)}
	r, calls := c.shopCall(ctx, req, call.MayGo)
	a := channels.Answer{Calls: calls, Verdicts: slices.Repeat([]channels.Verdict{r.Verdict}, len(call.Lines))}
	switch {
	case r.Body != nil:
		c.judgeLines(call, r, a.Verdicts)
	case c.shadow && r.OK():
		for i, l := range call.Lines {
			a.Verdicts[i] = channels.Verdict{Outcome: channels.Confirmed, Qty: l.Qty, RequestID: r.RequestID, Shadow: true}
		}
	}
	a.Failure = r.Failure
	return a
}

// fits says why a call cannot be sent; that is a mistake of the caller.
func fits(call channels.Call) error {
	if n := len(call.Lines); n == 0 || n > maxLines {
		return fmt.Errorf("a call carries 1 to %d models, not %d", maxLines, n)
	}
	for i, l := range call.Lines {
		if slices.ContainsFunc(call.Lines[:i], l.SameModel) {
			return fmt.Errorf("model %d is twice in one call", l.ModelID)
		}
	}
	return nil
}

// encode returns the body: one entry per model, with all its locations.
func encode(call channels.Call) updateStock {
	body := updateStock{ItemID: call.ItemID, StockList: make([]modelStock, 0, len(call.Lines))}
	for _, l := range call.Lines {
		at := slices.IndexFunc(body.StockList, func(m modelStock) bool { return m.ModelID == l.ModelID })
		if at < 0 {
			at = len(body.StockList)
			body.StockList = append(body.StockList, modelStock{ModelID: l.ModelID})
		}
		m := &body.StockList[at]
		m.SellerStock = append(m.SellerStock, sellerStock{l.LocationID, l.Qty})
	}
	return body
}

// stockLists is the payload of update_stock. Rows name their model; one without
// a name is of an item without models.
type stockLists struct {
	Success []struct {
		ModelID    api.Number `json:"model_id"`
		LocationID string     `json:"location_id"`
		Stock      api.Number `json:"stock"`
	} `json:"success_list"`
	Failure []struct {
		ModelID      api.Number `json:"model_id"`
		LocationID   *string    `json:"location_id"`
		FailedReason string     `json:"failed_reason"`
	} `json:"failure_list"`
}

// judgeLines sets each line's verdict from the lists. A line that they do not have keeps the
// envelope's error, or is Unknown if there was none. Lists that cannot be read are a failure.
func (c *Client) judgeLines(call channels.Call, r *api.Result, verdicts []channels.Verdict) {
	var lists stockLists
	if v := decode(r, &lists); v.Outcome != channels.Confirmed && r.OK() {
		r.Failure = true
		copy(verdicts, slices.Repeat([]channels.Verdict{v}, len(verdicts)))
		return
	}
	for i, l := range call.Lines {
		shared := slices.ContainsFunc(call.Lines, func(other channels.Line) bool { return other.ModelID == l.ModelID && other != l })
		v, found := lists.verdict(l, !shared)
		if !found && !r.OK() {
			continue
		}
		c.api.Judged(v)
		v.RequestID, v.Message = r.RequestID, c.api.Clean(api.Request{Token: r.Token}, v.Message)
		verdicts[i] = v
	}
}

// verdict judges one line; alone says that its model has no other line.
func (s *stockLists) verdict(l channels.Line, alone bool) (channels.Verdict, bool) {
	qty, shown, conflict := s.shown(l, alone)
	reason, failed, exact := s.failed(l)
	unknown := channels.Verdict{Code: schemas.UnknownFailure}
	switch {
	case failed && shown && (alone || exact):
		unknown.Message = "Shopee lists the model as done and as failed: " + reason
	case failed && !shown:
		v := api.ClassifyModel(reason)
		v.Message = reason
		return v, true
	case !shown:
		unknown.Message = "Shopee's answer does not name the model"
		return unknown, false
	case conflict:
		unknown.Message = "Shopee lists the model with several quantities"
	case qty != l.Qty:
		unknown.Message = fmt.Sprintf("Shopee confirmed %d where %d was sent", qty, l.Qty)
	default:
		return channels.Verdict{Outcome: channels.Confirmed, Qty: qty}, true
	}
	return unknown, true
}

// shown returns the quantity that the success list has for a line. A row without a quantity
// counts as 0, since zero values may be left out. A row without a location, or a row with one
// if the line has none, is the line's only if its model has no other line.
func (s *stockLists) shown(l channels.Line, alone bool) (qty int64, found, conflict bool) {
	for _, row := range s.Success {
		loose := alone && (row.LocationID == "" || l.LocationID == "")
		if int64(row.ModelID) != l.ModelID || (row.LocationID != l.LocationID && !loose) {
			continue
		}
		conflict = conflict || (found && qty != int64(row.Stock))
		qty, found = int64(row.Stock), true
	}
	return qty, found, conflict
}

// failed is the failure list's reason for a line; exact says that the row names
// the line's location.
func (s *stockLists) failed(l channels.Line) (reason string, found, exact bool) {
	for _, row := range s.Failure {
		if int64(row.ModelID) != l.ModelID {
			continue
		}
		if row.LocationID == nil || *row.LocationID == "" || l.LocationID == "" || *row.LocationID == l.LocationID {
			named := row.LocationID != nil && *row.LocationID == l.LocationID
			return cmp.Or(row.FailedReason, "Shopee gave no reason"), true, named
		}
	}
	return "", false, false
}
