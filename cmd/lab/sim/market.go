package sim

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"stockpush/channels"
	"stockpush/schemas"
)

const (
	// callTimeout is the timeout of a call.
	callTimeout = 4 * time.Second
	// latest is the maximum delay after which a request is applied. It is less than the time until
	// the read-back.
	latest = confirmAfter - time.Second
)

// fate is the outcome of a request.
type fate string

// The fates. If there is no answer, the call times out.
const (
	fine         fate = "ok"
	replyLost    fate = "reply lost"
	appliedLate  fate = "applied late"
	neverApplied fate = "never applied"
	outage       fate = "5xx"
	halfOutage   fate = "5xx but applied"
	nonsense     fate = "unreadable answer"
	refusesOne   fate = "one model refused"
	forgetsOne   fate = "one model forgotten"
	wrongOne     fate = "another quantity confirmed"
	rateLimit    fate = "rate limited"
	quota        fate = "app held"
)

var fates = []fate{replyLost, appliedLate, neverApplied, outage, halfOutage, nonsense, refusesOne, forgetsOne, wrongOne, rateLimit, quota}

// marketOdds is the probability of each fate.
type marketOdds map[fate]float64

func drawMarketOdds(r *rand.Rand) marketOdds {
	odds := marketOdds{}
	for range r.IntN(4) {
		odds[pick(r, fates...)] = pick(r, 0.05, 0.2, 0.4)
	}
	return odds
}

func (o marketOdds) draw(r *rand.Rand) fate {
	for _, f := range fates { // in a fixed order
		if p := o[f]; p > 0 && chance(r, p) {
			return f
		}
	}
	return fine
}

var refusals = []schemas.FailureCode{
	schemas.ItemNotFound, schemas.ModelNotFound, schemas.ListingMismatch, schemas.BelowPromotionReserve, schemas.PromotionLocked, schemas.InvalidQuantity,
}

// market is the marketplace.
type market struct {
	w *world

	mu     sync.Mutex
	stock  map[model]int64
	calls  map[[2]int64]int
	lastAt time.Time
}

func newMarket(w *world) *market {
	return &market{w: w, stock: map[model]int64{}, calls: map[[2]int64]int{}}
}

// door is a process's channels.Channel.
type door struct {
	*market
	p *process
}

// turn counts an item's calls.
func (m *market) turn(shop, item int64) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.lastAt = time.Now()
	m.calls[[2]int64{shop, item}]++
	return m.calls[[2]int64{shop, item}]
}

func (m *market) shows(of model) int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.stock[of]
}

// quietSince returns when the market last received a call.
func (m *market) quietSince() time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.lastAt
}

func (m *market) apply(shop, item int64, lines []channels.Line) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, line := range lines {
		m.w.trace("  lands %d/%d/%d = %d", shop, item, line.ModelID, line.Qty)
		m.stock[model{shop, item, line.ModelID}] = line.Qty
	}
}

// MaxLines implements channels.Channel.
func (d door) MaxLines() int { return 50 }

// Ready implements channels.Channel: every shop has credentials.
func (d door) Ready(int64) (channels.Verdict, bool) { return channels.Verdict{}, true }

// Push implements channels.Channel.
func (d door) Push(ctx context.Context, call channels.Call) channels.Answer {
	if d.p.dead() {
		return unanswered(call)
	}
	d.w.ledger.began(d.p, call)
	defer d.w.ledger.ended(d.p, call)
	draw := d.w.dice.about("push", call.ShopID, call.ItemID, d.turn(call.ShopID, call.ItemID))
	begun := time.Now()
	d.p.gate()
	if d.p.dead() || ctx.Err() != nil || time.Since(begun) > 2*callTimeout {
		return unanswered(call) // abandoned before it was sent
	}
	f := d.shopFault(call.ShopID)
	if f == fine && !d.w.healed() {
		f = d.w.plan.market.draw(draw)
	}
	d.w.count(string(f))
	d.w.trace("  fate of %s %d/%d: %s", d.p.name, call.ShopID, call.ItemID, f)
	answer := d.meet(ctx, draw, f, call)
	d.p.gate()
	d.w.ledger.answered(d.p, call, answer)
	if d.w.defect == ClaimsSuccess && answer.Failure {
		answer.Verdicts = confirmed(call)
	}
	return answer
}

// shopFault returns the fate of every request while the shop has a fault.
func (d door) shopFault(shop int64) fate {
	switch {
	case d.w.during(shopDown, int(shop)):
		return outage
	case d.w.during(shopHeld, int(shop)):
		return fate(schemas.AuthorizationLost)
	case d.w.during(throttled, int(shop)):
		return rateLimit
	}
	return fine
}

// meet applies a request's fate and waits for the answer.
func (d door) meet(ctx context.Context, draw *rand.Rand, f fate, call channels.Call) channels.Answer {
	r := d.replyTo(draw, f, call)
	if len(r.applied) > 0 {
		time.AfterFunc(r.lands, func() { d.apply(call.ShopID, call.ItemID, r.applied) })
	}
	sleep(ctx, r.takes)
	if ctx.Err() != nil {
		return unanswered(call)
	}
	return r.answer
}

// reply is a fate in detail.
type reply struct {
	answer channels.Answer
	// applied are the lines that take effect after lands; takes is the time to the answer.
	applied      []channels.Line
	lands, takes time.Duration
}

func (d door) replyTo(draw *rand.Rand, f fate, call channels.Call) reply {
	r := reply{applied: call.Lines, answer: channels.Answer{Calls: 1, Verdicts: confirmed(call)}}
	r.takes = within(draw, time.Millisecond, pick(draw, 20*time.Millisecond, time.Second, 3*time.Second))
	r.lands = within(draw, 0, r.takes)
	late := within(draw, 0, latest)
	hold := within(draw, 0, 3*time.Second)
	one := draw.IntN(len(call.Lines))
	code := refusals[draw.IntN(len(refusals))]
	switch f {
	case fine:
	case replyLost, appliedLate, neverApplied:
		r.answer, r.takes = unanswered(call), callTimeout
	case outage, halfOutage:
		r.answer = channels.Answer{Calls: 1, Failure: true, Verdicts: all(call, channels.Verdict{Code: schemas.ChannelUnavailable})}
	case nonsense:
		r.answer.Verdicts = all(call, channels.Verdict{Code: schemas.UnknownFailure})
	case refusesOne:
		r.except(one, channels.Verdict{Outcome: channels.Refused, Code: code})
	case forgetsOne:
		r.except(one, channels.Verdict{Code: schemas.UnknownFailure})
	case wrongOne:
		if shown := d.shows(model{call.ShopID, call.ItemID, call.Lines[one].ModelID}); shown != call.Lines[one].Qty {
			r.except(one, channels.Verdict{Outcome: channels.Confirmed, Qty: shown})
		}
	case rateLimit:
		r.refused(call, channels.Verdict{Code: schemas.RateLimited, Scope: channels.ScopeShop, HoldUntil: time.Now().Add(hold)})
	case quota:
		r.refused(call, channels.Verdict{Code: schemas.DailyQuotaExhausted, Scope: channels.ScopeApp, HoldUntil: time.Now().Add(hold)})
	default:
		r.refused(call, channels.Verdict{Code: schemas.FailureCode(f), Scope: channels.ScopeShop})
	}
	switch f {
	case appliedLate:
		r.lands = late
	case neverApplied, outage:
		r.applied = nil
	}
	return r
}

// except gives one line another verdict and no effect.
func (r *reply) except(one int, v channels.Verdict) {
	r.answer.Verdicts[one] = v
	r.applied = slices.Delete(slices.Clone(r.applied), one, one+1)
}

func (r *reply) refused(call channels.Call, v channels.Verdict) {
	v.Outcome, v.Message = channels.Refused, "no"
	r.answer.Verdicts, r.applied = all(call, v), nil
}

func confirmed(call channels.Call) (verdicts []channels.Verdict) {
	for _, line := range call.Lines {
		verdicts = append(verdicts, channels.Verdict{Outcome: channels.Confirmed, Qty: line.Qty})
	}
	return verdicts
}

func all(call channels.Call, v channels.Verdict) []channels.Verdict {
	return slices.Repeat([]channels.Verdict{v}, len(call.Lines))
}

// unanswered returns the answer that a caller assumes for a request without an answer.
func unanswered(call channels.Call) channels.Answer {
	return channels.Answer{Calls: 1, Failure: true, Verdicts: all(call, channels.Verdict{Code: schemas.TimedOut})}
}

// Read implements channels.Channel.
func (d door) Read(ctx context.Context, shopID, itemID int64) ([]channels.ModelStock, channels.Verdict) {
	draw := d.w.dice.about("read", shopID, itemID, d.turn(shopID, itemID))
	d.p.gate()
	sleep(ctx, within(draw, 0, pick(draw, 100*time.Millisecond, 3*time.Second)))
	d.p.gate()
	if d.p.dead() || ctx.Err() != nil {
		return nil, channels.Verdict{Code: schemas.TimedOut}
	}
	switch f := d.shopFault(shopID); {
	case f == outage || !d.w.healed() && chance(draw, d.w.plan.market[outage]):
		return nil, channels.Verdict{Code: schemas.ChannelUnavailable}
	case f == rateLimit:
		return nil, channels.Verdict{Outcome: channels.Refused, Code: schemas.RateLimited, Scope: channels.ScopeShop}
	case f != fine:
		d.w.ledger.refusedShop(shopID, schemas.FailureCode(f))
		return nil, channels.Verdict{Outcome: channels.Refused, Code: schemas.FailureCode(f), Scope: channels.ScopeShop}
	}
	all := d.models(shopID, itemID)
	for i := range all {
		if d.w.defect == BelievesReads {
			all[i].Qty = d.w.ledger.lastSent(model{shopID, itemID, all[i].ModelID})
		}
	}
	d.w.ledger.read(shopID, itemID, all)
	return all, channels.Verdict{Outcome: channels.Confirmed}
}

func (m *market) models(shop, item int64) (all []channels.ModelStock) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for of, qty := range m.stock {
		if of.shop == shop && of.item == item {
			all = append(all, channels.ModelStock{ModelID: of.id, Qty: qty})
		}
	}
	return all
}
