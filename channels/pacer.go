package channels

import (
	"container/list"
	"context"
	"errors"
	"sync"
	"time"

	"stockpush/schemas"
)

const (
	// grace is how long a free call is kept for whom it belongs to, before it
	// goes to the next in line.
	grace = 5 * time.Millisecond
	// together is how soon after one another two shops must be throttled for it
	// to be taken as the app's fault.
	together = 2 * time.Second
	// throttlePause is how long calls stop where the marketplace gave no time.
	throttlePause = time.Second
	// longHold is from when on somebody should know that no shop is pushed.
	longHold = time.Minute
)

// errNoCallInTime says that the rate limits let no call through in time.
var errNoCallInTime = errors.New("the rate limits let no call through in time")

// Pacer gives out the calls of an app, one after the other: of each shop at its
// rate, of all together at the app's. Whoever waits for the app stands in a line
// in which each shop has one place, so that a shop with one push is never behind
// another one's thousands. A call within a call (a token refresh, a repeat) goes
// before that line. Rates fall when the marketplace throttles.
//
// It is for one app in one process, is safe for concurrent use, and blocks in
// Wait only.
type Pacer struct {
	shopRate float64

	mu    sync.Mutex
	app   bucket
	shops map[int64]*shopPace
	// line has the lanes that wait for the app, inner the calls within calls.
	line, inner *list.List
	entered     int64
	// throttled is the shop that was throttled last, at throttledAt.
	throttled   int64
	throttledAt time.Time
}

// shopPace is one shop's share of a Pacer, whose lock guards it.
type shopPace struct {
	bucket
	// inner counts its calls within calls that wait: they come before its next push.
	inner int
}

// turn is one place in line; the pacer's lock guards it.
type turn struct {
	shopID int64
	shop   *shopPace
	inner  bool
	// place is where it stands, nil while it does not wait for the app.
	place *list.Element
	// number rises in the order of entering.
	number int64
}

// NewPacer makes the pacer of an app with the configured rates.
func NewPacer(cfg Config) *Pacer {
	return &Pacer{shopRate: cfg.ShopRate, app: newBucket(cfg.AppRate), shops: map[int64]*shopPace{}, line: list.New(), inner: list.New()}
}

// Wait waits until a shop may make one more call within one that it was let
// make. It fails with the context, and at once if that ends too soon.
func (p *Pacer) Wait(ctx context.Context, shopID int64) error {
	t := p.turn(shopID)
	p.enterInner(t)
	defer p.leaveInner(t)
	for {
		ok, wake := p.take(t)
		if ok {
			return nil
		}
		if end, bounded := ctx.Deadline(); bounded && wake.After(end) {
			return errNoCallInTime
		}
		timer := time.NewTimer(time.Until(wake))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		}
	}
}

// turn makes a place for a shop, which stands nowhere yet.
func (p *Pacer) turn(shopID int64) *turn {
	p.mu.Lock()
	defer p.mu.Unlock()
	shop := p.shops[shopID]
	if shop == nil {
		shop = &shopPace{bucket: newBucket(p.shopRate)}
		p.shops[shopID] = shop
	}
	return &turn{shopID: shopID, shop: shop}
}

func (p *Pacer) enterInner(t *turn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	t.inner = true
	t.shop.inner++
}

func (p *Pacer) leaveInner(t *turn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	t.shop.inner--
	p.drop(t)
}

// take lets a call go out now, or says when to ask again. Whoever must wait for
// the app only keeps a place in line, until it takes a call or leaves.
func (p *Pacer) take(t *turn) (ok bool, wake time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now() // with the lock held it never goes back, so that spacing is exact
	if at := t.shop.readyAt(); at.After(now) {
		p.drop(t)
		return false, at
	}
	if t.shop.inner > 0 && !t.inner {
		p.drop(t)
		return false, now.Add(max(t.shop.interval(now), grace))
	}
	p.enter(t)
	if p.app.readyAt().After(now) || !p.isFirst(t, now) {
		return false, p.expected(t, now)
	}
	p.drop(t)
	t.shop.take(now)
	p.app.take(now)
	return true, time.Time{}
}

// leave gives up a place in line; it does nothing for who has none.
func (p *Pacer) leave(t *turn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.drop(t)
}

func (p *Pacer) lineOf(t *turn) *list.List {
	if t.inner {
		return p.inner
	}
	return p.line
}

func (p *Pacer) enter(t *turn) {
	if t.place == nil {
		p.entered++
		t.number, t.place = p.entered, p.lineOf(t).PushBack(t)
	}
}

func (p *Pacer) drop(t *turn) {
	if t.place != nil {
		p.lineOf(t).Remove(t.place)
		t.place = nil
	}
}

// isFirst says whether a free call is t's. Those before it that did not come for
// it in time lose their places.
func (p *Pacer) isFirst(t *turn, now time.Time) bool {
	for late := p.app.readyAt().Add(grace); ; late = late.Add(grace) {
		first := p.first()
		if first == t {
			return true
		}
		if now.Before(late) {
			return false
		}
		p.drop(first)
	}
}

func (p *Pacer) first() *turn {
	e := p.inner.Front()
	if e == nil {
		e = p.line.Front()
	}
	return e.Value.(*turn)
}

// expected is when a call may be t's: one interval for each before it, but soon
// enough to notice that some of them left.
func (p *Pacer) expected(t *turn, now time.Time) time.Time {
	before := t.number - p.lineOf(t).Front().Value.(*turn).number
	if !t.inner {
		before += int64(p.inner.Len())
	}
	wait := idlePoll
	if interval := p.app.interval(now); before == 0 || interval < idlePoll/time.Duration(before) {
		wait = time.Duration(before) * interval
	}
	return later(p.app.readyAt().Add(wait), now.Add(time.Millisecond))
}

// throttle takes up a refusal of a call that was one too many: it holds whom it
// is said of, and slows it down, but for a daily quota, which no rate explains.
// Two shops that are throttled at once are taken as the app. News says that the
// app is held for long and was not before.
func (p *Pacer) throttle(t *turn, v Verdict, now time.Time) (news bool) {
	until := v.HoldUntil
	if until.IsZero() {
		until = now.Add(throttlePause)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if v.Scope == ScopeApp {
		news = until.Sub(later(p.app.heldUntil, now)) > longHold
		p.app.hold(until)
	} else {
		t.shop.hold(until)
	}
	if v.Code == schemas.DailyQuotaExhausted {
		return news
	}
	others := p.throttled != 0 && p.throttled != t.shopID && now.Sub(p.throttledAt) < together
	if others || v.Scope == ScopeApp {
		p.app.cut(now)
	}
	if v.Scope != ScopeApp {
		t.shop.cut(now)
		p.throttled, p.throttledAt = t.shopID, now
	}
	return news
}

// paces is what a pacer looks like.
type paces struct {
	// appRate is in calls a second.
	appRate float64
	// appHeld is how long the app is still held.
	appHeld time.Duration
	// slowed are shops below their rate, after throttling.
	slowed int
}

func (p *Pacer) look(now time.Time) paces {
	p.mu.Lock()
	defer p.mu.Unlock()
	seen := paces{appRate: p.app.rate(now), appHeld: max(0, p.app.heldUntil.Sub(now))}
	for _, s := range p.shops {
		if s.rate(now) < s.limit {
			seen.slowed++
		}
	}
	return seen
}
