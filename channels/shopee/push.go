package shopee

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"strconv"
	"time"

	"stockpush/channels"
	"stockpush/schemas"
)

const pathUpdateStock = "/api/v2/product/update_stock"

type sellerStock struct {
	LocationID string `json:"location_id,omitempty"`
	Stock      int64  `json:"stock"`
}

type stockLine struct {
	ModelID     int64         `json:"model_id"`
	SellerStock []sellerStock `json:"seller_stock"`
}

type updateStock struct {
	ItemID    int64       `json:"item_id"`
	StockList []stockLine `json:"stock_list"`
}

type updateStockAnswer struct {
	SuccessList []struct {
		ModelID    int64  `json:"model_id"`
		LocationID string `json:"location_id"`
		Stock      int64  `json:"stock"`
	} `json:"success_list"`
	FailureList []struct {
		ModelID      int64  `json:"model_id"`
		FailedReason string `json:"failed_reason"`
	} `json:"failure_list"`
}

// Push sets the stock of models of one item.
func (c *Client) Push(ctx context.Context, call channels.Call) channels.Answer {
	body := updateStock{ItemID: call.ItemID}
	for _, line := range call.Lines {
		body.StockList = append(body.StockList, stockLine{line.ModelID, []sellerStock{{line.LocationID, line.Qty}}})
	}
	r, calls, problem := c.call(ctx, request{method: http.MethodPost, path: pathUpdateStock, body: body, shopID: call.ShopID})
	a := channels.Answer{Calls: calls, Verdicts: make([]channels.Verdict, len(call.Lines))}
	var lists updateStockAnswer
	unreadable := problem == nil && len(r.Response) > 0 && json.Unmarshal(r.Response, &lists) != nil
	switch {
	case problem != nil:
		a.Failure = problem.failure
		fill(a.Verdicts, problem.verdict)
	case unreadable:
		fill(a.Verdicts, channels.Verdict{Code: schemas.UnknownFailure, Message: "the answer cannot be read", RequestID: r.RequestID})
	default:
		for i, line := range call.Lines {
			a.Verdicts[i] = c.verdict(r, &lists, line)
		}
	}
	for i := range a.Verdicts {
		c.metrics.verdict(a.Verdicts[i])
	}
	return a
}

func fill(verdicts []channels.Verdict, v channels.Verdict) {
	for i := range verdicts {
		verdicts[i] = v
	}
}

// verdict finds a line's own in the lists, by model and never by position.
func (c *Client) verdict(r reply, lists *updateStockAnswer, line channels.Line) channels.Verdict {
	v := channels.Verdict{RequestID: r.RequestID}
	for _, failed := range lists.FailureList {
		if failed.ModelID == line.ModelID {
			v.Outcome, v.Message = channels.Refused, cutMessage(failed.FailedReason)
			v.Code = classify("", failed.FailedReason).means
			return v
		}
	}
	for _, done := range lists.SuccessList {
		if done.ModelID == line.ModelID && (line.LocationID == "" || done.LocationID == line.LocationID) {
			v.Outcome, v.Qty = channels.Confirmed, done.Stock
			if done.Stock != line.Qty {
				v.Outcome, v.Code = channels.Unknown, schemas.UnknownFailure
				v.Message = "Shopee confirmed " + decimal(done.Stock) + " instead of " + decimal(line.Qty)
			}
			return v
		}
	}
	v.Code, v.Message = schemas.UnknownFailure, "Shopee named the model neither as done nor as failed"
	return v
}

// problem is a call that brought no lists: what it means for each line.
type problem struct {
	verdict channels.Verdict
	failure bool
}

// call sends a request with the shop's token, and once more with a new one if
// Shopee refused it. calls is how many requests went out.
func (c *Client) call(ctx context.Context, r request) (answer reply, calls int, p *problem) {
	for refused := ""; ; {
		token, err := c.token(ctx, r.shopID, refused)
		if err != nil {
			return reply{}, calls, noToken(err)
		}
		r.accessToken = token.AccessToken
		answer, err = c.do(ctx, r)
		calls++
		if err != nil {
			return reply{}, calls, lost(err, answer)
		}
		if answer.Error == "" && answer.status < http.StatusInternalServerError {
			return answer, calls, nil
		}
		verdict, row := refusal(answer, time.Now())
		if row.refresh && refused == "" {
			refused = token.AccessToken
			continue
		}
		if bare(answer.Error) == "error_busi_update_stock_failed" && len(answer.Response) > 0 {
			return answer, calls, nil // the lists tell
		}
		return answer, calls, &problem{verdict, verdict.Code.Class() == schemas.ClassInfrastructure || answer.status >= http.StatusInternalServerError}
	}
}

// lost is a request of unknown outcome. Whether it timed out or was cut makes
// no difference but for the code.
func lost(err error, answer reply) *problem {
	v := channels.Verdict{Outcome: channels.Unknown, Code: schemas.ChannelUnavailable, Message: cutMessage(err.Error())}
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() || errors.Is(err, context.DeadlineExceeded) {
		v.Code = schemas.TimedOut
	}
	failure := true
	if errors.Is(err, ErrUnreadable) && answer.status < http.StatusInternalServerError {
		v.Code, failure = schemas.UnknownFailure, false
	}
	return &problem{v, failure}
}

// noToken tells a lost authorization from a refresh that may go well later.
func noToken(err error) *problem {
	var refused *refusedError
	if errors.Is(err, ErrNoToken) {
		return &problem{verdict: channels.Verdict{Outcome: channels.Refused, Code: schemas.AuthorizationLost, Scope: channels.ScopeShop, Message: cutMessage(err.Error())}}
	}
	if errors.As(err, &refused) {
		v, _ := refusal(refused.reply, time.Now())
		return &problem{verdict: v, failure: v.Code.Class() == schemas.ClassInfrastructure}
	}
	return &problem{verdict: channels.Verdict{Outcome: channels.Refused, Code: schemas.ChannelUnavailable, Message: cutMessage(err.Error())}, failure: true}
}

// refusal is what an envelope with an error means.
func refusal(r reply, now time.Time) (channels.Verdict, rule) {
	row := classify(r.Error, r.Message)
	switch {
	case r.status == http.StatusTooManyRequests && row.means.Class() != schemas.ClassThrottle:
		row = rule{means: schemas.RateLimited, scope: channels.ScopeShop}
	case r.status >= http.StatusInternalServerError && row.means == schemas.UnknownFailure:
		row = rule{means: schemas.ChannelUnavailable}
	}
	v := channels.Verdict{Outcome: channels.Refused, Code: row.means, Scope: row.scope, RequestID: r.RequestID, Message: cutMessage(said(r.Error, r.Message))}
	switch row.means {
	case schemas.DailyQuotaExhausted:
		v.HoldUntil = nextQuotaDay(now)
	case schemas.RateLimited:
		if seconds, err := strconv.Atoi(r.retryAfter); err == nil && seconds > 0 {
			v.HoldUntil = now.Add(time.Duration(seconds) * time.Second)
		}
	case schemas.ChannelUnavailable:
		v.Outcome = channels.Unknown // a server's error may come after the change
	}
	return v, row
}

func said(code, message string) string {
	if message == "" {
		return code
	}
	return code + ": " + message
}

// nextQuotaDay is when Shopee's daily quotas begin anew: 00:00 UTC+8.
func nextQuotaDay(now time.Time) time.Time {
	day := now.In(time.FixedZone("UTC+8", 8*3600))
	return time.Date(day.Year(), day.Month(), day.Day()+1, 0, 0, 0, 0, day.Location())
}

func cutMessage(s string) string {
	if len(s) > schemas.MaxFailureReasonBytes {
		return s[:schemas.MaxFailureReasonBytes]
	}
	return s
}
