// Package pacer spaces the calls that one process makes to a marketplace: each shop's at the
// shop's rate, all together at the process's share of the app's.
//
// It owns rates, their reduction after throttling, and the queue of those that wait for the
// app's rate. It knows neither pushes nor what a marketplace answers. A Pacer is safe for
// concurrent use; only Wait blocks.
package pacer

import (
	"container/list"
	"context"
	"errors"
	"sync"
	"time"

	"stockpush/channels/due"
)

const (
	// grace is how long an available call is reserved for the first in the queue before
	// the next may take it.
	grace = 5 * time.Millisecond
	// sameCause is the time within which throttling of two shops counts as the app's.
	sameCause = 2 * time.Second
	// defaultPause is how long calls stop where the marketplace named no time.
	defaultPause = time.Second
	// longHold is from when on a hold of the app is worth a log line.
	longHold = time.Minute
	// probeShare is the part of the app's rate that probes get together: one in so many calls.
	probeShare = 4
	// maxRecheck bounds the time until a waiting Turn should ask again.
	maxRecheck = 100 * time.Millisecond
)

// errNoCallInTime says that the rate limits allow no call before the context ends.
var errNoCallInTime = errors.New("the rate limits allow no call in time")

// Pacer allows the calls of an app one by one. Each shop has one place in the queue for the
// app's rate, so that a shop with one push never waits for another shop's thousands. A
// nested call, which a call needs to complete (a token refresh, a repeat), precedes that queue.
type Pacer struct {
	shopRate float64

	mu    sync.Mutex
	share share
	app   bucket
	// appCalls are the calls of all shops.
	appCalls window
	shops    map[int64]*shopPace
	// queue holds the turns that wait for the app's rate, nested those of nested calls.
	queue, nested *list.List
	entered       int64
	// nextProbe is the earliest time of the next probe.
	nextProbe time.Time
	// throttledShop was throttled last, at throttledAt.
	throttledShop int64
	throttledAt   time.Time
	// appThrottling held the app last.
	appThrottling Throttling
	// appHeld is closed, and replaced, when the app becomes held for long.
	appHeld chan struct{}
}

// shopPace is one shop's state in a Pacer, guarded by the Pacer's lock.
type shopPace struct {
	bucket
	// nested counts the shop's nested calls that wait; they precede its next push.
	nested int
	// throttling held the shop last.
	throttling Throttling
}

// Turn is a shop's place with a Pacer; the Pacer's lock guards it.
type Turn struct {
	shopID int64
	shop   *shopPace
	nested bool
	// place is its element in the queue; nil while it does not wait for the app's rate.
	place *list.Element
	// number rises in the order of entering the queue.
	number int64
	// probeAt is when the shop may be probed; zero if it did not ask.
	probeAt time.Time
}

// New makes the pacer of an app; rates are in calls a second. Without Share it has the whole rate.
func New(shopRate, appRate float64) *Pacer {
	return &Pacer{
		shopRate: shopRate, app: newBucket(appRate), share: share{rate: appRate, grants: map[*grant]struct{}{}},
		shops: map[int64]*shopPace{}, queue: list.New(), nested: list.New(), appHeld: make(chan struct{}),
	}
}

// SetRates changes the rates. One that throttling lowered continues to recover.
func (p *Pacer) SetRates(shopRate, appRate float64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.shopRate = shopRate
	p.share.rate = appRate
	p.reshare(time.Now())
	for _, s := range p.shops {
		s.setLimit(shopRate)
	}
}

// Wait waits until a shop may make a nested call. It fails when the context ends, and at once if
// the context's deadline is too soon, or if there is one and the process has no share.
func (p *Pacer) Wait(ctx context.Context, shopID int64) error {
	t := p.Turn(shopID)
	p.enterNested(t)
	defer p.leaveNested(t)
	for {
		ok, wake := p.takeNested(t)
		if ok {
			return nil
		}
		if end, bounded := ctx.Deadline(); bounded && (wake.After(end) || !p.hasShare()) {
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

// Turn makes a turn for a shop, which does not wait yet.
func (p *Pacer) Turn(shopID int64) *Turn {
	p.mu.Lock()
	defer p.mu.Unlock()
	shop := p.shops[shopID]
	if shop == nil {
		shop = &shopPace{bucket: newBucket(p.shopRate)}
		p.shops[shopID] = shop
	}
	return &Turn{shopID: shopID, shop: shop}
}

func (p *Pacer) enterNested(t *Turn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	t.nested = true
	t.shop.nested++
}

func (p *Pacer) leaveNested(t *Turn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	t.shop.nested--
	p.dequeue(t)
}

// takeNested is Take for a call whose answer is not reported.
func (p *Pacer) takeNested(t *Turn) (ok bool, at time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if ok, at = p.take(t); ok {
		p.appCalls.forget()
	}
	return ok, at
}

// Take allows a call, which starts at a time to report with Answered. Otherwise at is when to ask
// again. A turn that waits for the app's rate keeps its place in the queue until it takes a call or
// leaves.
func (p *Pacer) Take(t *Turn) (ok bool, at time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.take(t)
}

// Answered reports that the call which started at a time has ended. Until then it may still arrive.
func (p *Pacer) Answered(started time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.appCalls.answer(started, time.Now())
}

func (p *Pacer) take(t *Turn) (ok bool, at time.Time) {
	now := time.Now() // under the lock it never goes back, so that spacing is exact
	if recheck, allowed := p.grow(now); !allowed {
		p.dequeue(t)
		return false, recheck
	}
	if at := t.shop.readyAt(); at.After(now) {
		p.dequeue(t)
		return false, at
	}
	if t.shop.nested > 0 && !t.nested {
		p.dequeue(t)
		return false, now.Add(max(t.shop.interval(now), grace))
	}
	p.enqueue(t)
	if p.appReadyAt(now).After(now) || !p.isNext(t, now) {
		return false, p.expectedAt(t, now)
	}
	p.dequeue(t)
	t.probeAt = time.Time{}
	t.shop.take(now)
	p.app.take(now)
	p.appCalls.start(p.share.calls(), now)
	return true, now
}

// appReadyAt is the earliest time of the app's next call, as far as is known now.
func (p *Pacer) appReadyAt(now time.Time) time.Time {
	return due.Later(p.app.readyAt(), p.appCalls.readyAt(p.share.calls(), now))
}

// ProbeAt is when a call may ask to be taken that only finds out whether its shop takes calls
// again. Each turn keeps its time until it takes a call. The times are spaced, so that many
// shops that take no calls leave most of the app's rate to the others.
func (p *Pacer) ProbeAt(t *Turn) time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if recheck, allowed := p.grow(now); !allowed {
		return recheck // there is no rate to space probes by
	}
	if t.probeAt.IsZero() {
		t.probeAt = due.Later(p.nextProbe, now)
		p.nextProbe = t.probeAt.Add(probeShare * p.app.interval(now))
	}
	return t.probeAt
}

// Leave gives up a place in the queue; a turn without one is left as it is.
func (p *Pacer) Leave(t *Turn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.dequeue(t)
}

func (p *Pacer) queueOf(t *Turn) *list.List {
	if t.nested {
		return p.nested
	}
	return p.queue
}

func (p *Pacer) enqueue(t *Turn) {
	if t.place == nil {
		p.entered++
		t.number, t.place = p.entered, p.queueOf(t).PushBack(t)
	}
}

func (p *Pacer) dequeue(t *Turn) {
	if t.place != nil {
		p.queueOf(t).Remove(t.place)
		t.place = nil
	}
}

// isNext says whether an available call is t's. Turns before it that did not take theirs
// within grace lose their places.
func (p *Pacer) isNext(t *Turn, now time.Time) bool {
	for late := p.appReadyAt(now).Add(grace); ; late = late.Add(grace) {
		first := p.first()
		if first == t {
			return true
		}
		if now.Before(late) {
			return false
		}
		p.dequeue(first)
	}
}

func (p *Pacer) first() *Turn {
	e := p.nested.Front()
	if e == nil {
		e = p.queue.Front()
	}
	return e.Value.(*Turn)
}

// expectedAt estimates when a call is t's: one interval for each turn before it, but soon
// enough to notice that some of them left.
func (p *Pacer) expectedAt(t *Turn, now time.Time) time.Time {
	before := t.number - p.queueOf(t).Front().Value.(*Turn).number
	if !t.nested {
		before += int64(p.nested.Len())
	}
	wait := maxRecheck
	if interval := p.app.interval(now); before == 0 || interval < maxRecheck/time.Duration(before) {
		wait = time.Duration(before) * interval
	}
	return due.Later(p.appReadyAt(now).Add(wait), now.Add(time.Millisecond))
}

// Throttling is a marketplace's answer that a call was one too many.
type Throttling struct {
	// Until is when calls are accepted again; zero if the marketplace named no time.
	Until time.Time
	// App says that it applies to the whole app, not to the shop alone.
	App bool
	// Quota says that a quota was used up, which a lower rate would not have prevented.
	Quota bool
	// Message is what the marketplace said, for operators.
	Message string
}

// Throttle holds the shop or the app and lowers its rate. Throttling of two shops within
// two seconds counts as the app's. held says that the app is held for long and was not before.
func (p *Pacer) Throttle(t *Turn, by Throttling, now time.Time) (held bool) {
	until := by.Until
	if until.IsZero() {
		until = now.Add(defaultPause)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if by.App {
		held = until.Sub(due.Later(p.app.heldUntil, now)) > longHold
		p.app.hold(until)
		p.appThrottling = by
		if held {
			close(p.appHeld)
			p.appHeld = make(chan struct{})
		}
	} else {
		t.shop.hold(until)
		t.shop.throttling = by
	}
	if !by.Quota {
		p.cut(t, by.App, now)
	}
	return held
}

// AppHeld returns a channel that is closed the next time that the app becomes held for long.
func (p *Pacer) AppHeld() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.appHeld
}

// cut lowers the rates that a throttled call of t exceeded.
func (p *Pacer) cut(t *Turn, app bool, now time.Time) {
	othersToo := p.throttledShop != 0 && p.throttledShop != t.shopID && now.Sub(p.throttledAt) < sameCause
	if app || othersToo {
		p.app.cut(now)
	}
	if !app {
		t.shop.cut(now)
		p.throttledShop, p.throttledAt = t.shopID, now
	}
}

// Limit returns what throttled a shop, or its app, and still limits it; false if nothing does.
// Until is zero once calls are allowed again at a lower rate.
func (p *Pacer) Limit(t *Turn, now time.Time) (by Throttling, limited bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.app.heldUntil.After(now):
		by, by.Until = p.appThrottling, p.app.heldUntil
	case t.shop.heldUntil.After(now):
		by, by.Until = t.shop.throttling, t.shop.heldUntil
	case t.shop.rate(now) < t.shop.limit:
		by, by.Until = t.shop.throttling, time.Time{}
	default:
		return by, false
	}
	return by, true
}

// Snapshot is a Pacer's state at one moment.
type Snapshot struct {
	// AppRate is in calls a second; AppShare is the process's part of the configured rate.
	AppRate, AppShare float64
	// AppHeld is how long the app is still held.
	AppHeld time.Duration
	// SlowedShops are the shops below their rate after throttling.
	SlowedShops int
}

// Look returns the state now.
func (p *Pacer) Look(now time.Time) Snapshot {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.grow(now)
	seen := Snapshot{AppRate: p.app.rate(now), AppShare: p.share.part(), AppHeld: max(0, p.app.heldUntil.Sub(now))}
	for _, s := range p.shops {
		if s.rate(now) < s.limit {
			seen.SlowedShops++
		}
	}
	return seen
}
