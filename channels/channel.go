package channels

import (
	"context"
	"slices"
	"time"

	"stockpush/schemas"
)

// Channel pushes stock to one marketplace. Its methods block for at most the channel's own
// timeout and are safe for concurrent use. They do not retry, except for one repeat after an
// access token was refreshed; the worker waits, limits rates and has the circuit breakers.
type Channel interface {
	// MaxLines is how many models one call may carry, at least 1. It never changes.
	MaxLines() int
	// Push sets the stock of models of one item, at most MaxLines of them.
	// The answer has one verdict per line, in the order of the lines.
	Push(ctx context.Context, call Call) Answer
	// Read reads what an item shows. The answer's verdict says what went wrong;
	// its Outcome is Confirmed if stocks are complete.
	Read(ctx context.Context, shopID, itemID int64) ([]ModelStock, Verdict)
	// Ready says whether a call for a shop would send a request now. If not, for example
	// because the shop's authorization is lost, it returns the verdict that every such call
	// gets. It decides from memory, never blocks, and may be wrong if it returns true.
	Ready(shopID int64) (Verdict, bool)
}

// Call is one request: models of one item of one shop.
type Call struct {
	ShopID, ItemID int64
	Lines          []Line
	// Alive says whether the caller may still push. It is called right before each request:
	// a call may consist of several, and a process may be stopped at any point. Nil means yes.
	Alive func() bool
}

// MayGo says whether a request of the call may be sent.
func (c *Call) MayGo() bool { return c.Alive == nil || c.Alive() }

// Line is the quantity of one model.
type Line struct {
	// ModelID is 0 for an item without models.
	ModelID    int64
	LocationID string
	Qty        int64
}

// SameModel says whether two lines are of one model and location.
func (l Line) SameModel(other Line) bool {
	return l.ModelID == other.ModelID && l.LocationID == other.LocationID
}

// ModelStock is what a model shows now.
type ModelStock struct {
	ModelID    int64
	LocationID string
	Qty        int64
}

// Answer is the outcome of a call.
type Answer struct {
	// Verdicts has one entry per line, in the order of the lines.
	Verdicts []Verdict
	// Calls is how many requests were sent: 2 after a refreshed token, 0 if the channel knew
	// the answer (authorization lost) or could not send.
	Calls int
	// Failure says whether the call counts as a failure of the channel for the
	// breaker: 5xx, transport errors, our own time-outs, and answers that cannot be read.
	Failure bool
}

// FirstRefusal returns the first verdict that confirms nothing; nil if all confirm.
func (a *Answer) FirstRefusal() *Verdict {
	for i := range a.Verdicts {
		if a.Verdicts[i].Outcome != Confirmed {
			return &a.Verdicts[i]
		}
	}
	return nil
}

// Health is what an answer means for the circuit breaker.
type Health uint8

// The healths. Neutral does not count: the call was throttled, or none was sent.
const (
	Healthy Health = iota
	Unhealthy
	Neutral
)

// Health returns what the answer means for the circuit breaker.
func (a *Answer) Health() Health {
	throttled := slices.ContainsFunc(a.Verdicts, func(v Verdict) bool {
		return v.Outcome != Confirmed && v.Code.Class() == schemas.ClassThrottle
	})
	switch {
	case a.Failure:
		return Unhealthy
	case a.Calls == 0, throttled:
		return Neutral
	default:
		return Healthy
	}
}

// Outcome is the kind of a verdict.
type Outcome uint8

// The outcomes; Unknown is the zero value.
const (
	// Unknown: the quantity may have been applied, now or later.
	Unknown Outcome = iota
	// Confirmed: the channel says that it shows the quantity.
	Confirmed
	// Refused: the channel said no, and nothing was applied.
	Refused
)

// Verdict is the outcome of a call for one model.
type Verdict struct {
	Outcome Outcome
	// Code is empty when Confirmed; its class decides the treatment.
	Code schemas.FailureCode
	// Message is the channel's own words.
	Message   string
	RequestID string
	// Qty is the quantity that the channel says it shows, when Confirmed.
	Qty int64
	// Floor is the quantity that a promotion reserves; nil if no refusal names it.
	Floor *int64
	// Shadow says, when Confirmed, that nothing was sent: the channel runs in shadow mode.
	Shadow bool
	// HoldUntil is when the channel accepts calls again; zero if it named no time.
	HoldUntil time.Time
	// Scope is what the verdict applies to.
	Scope Scope
}

// Scope is what a refusal applies to.
type Scope uint8

// The scopes.
const (
	// ScopeModel: this model only.
	ScopeModel Scope = iota
	// ScopeShop: every push of the shop.
	ScopeShop
	// ScopeApp: every shop of the app.
	ScopeApp
)
