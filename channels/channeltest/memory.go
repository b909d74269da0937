// Package channeltest is for tests of channels and of lanes: the suite that every
// channel must pass, and a small channel in memory that passes it. That one applies
// what it is sent unless a script says otherwise, and keeps account.
package channeltest

import (
	"context"
	"slices"
	"sync"
	"time"

	"stockpush/channels"
	"stockpush/schemas"
)

// Model names a model of an item of a shop.
type Model struct{ ShopID, ItemID, ModelID int64 }

// Memory is a channel whose marketplace is a map. It is safe for concurrent use.
type Memory struct {
	mu       sync.Mutex
	stock    map[Model]int64
	calls    []channels.Call
	inFlight map[[2]int64]int
	most     int
	reads    int
	// readDelay is how long a read is in flight before it reads the stock.
	readDelay time.Duration
	// strangers are shops without credentials.
	strangers map[int64]bool
	// banned are shops whose calls are refused.
	banned map[int64]bool
	script func(ctx context.Context, n int, call channels.Call) *channels.Answer
	next   Trouble
}

// NewMemory makes a channel. Script is asked before the n-th call, counted from
// 0; nil, or a nil answer of it, lets the call succeed.
func NewMemory(script func(ctx context.Context, n int, call channels.Call) *channels.Answer) *Memory {
	return &Memory{
		stock: map[Model]int64{}, inFlight: map[[2]int64]int{}, strangers: map[int64]bool{}, banned: map[int64]bool{}, script: script,
	}
}

// MaxLines is enough for tests to see full calls.
func (m *Memory) MaxLines() int { return 50 }

// Push applies a call, or answers as the script says.
func (m *Memory) Push(ctx context.Context, call channels.Call) channels.Answer {
	if v, ready := m.Ready(call.ShopID); !ready {
		return channels.Answer{Verdicts: All(call, v, false).Verdicts}
	}
	n, banned := m.enter(call)
	defer m.leave(call)
	if banned {
		return *All(call, ban, false)
	}
	if m.script != nil {
		if a := m.script(ctx, n, call); a != nil {
			return *a
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if a := m.troubled(ctx, call); a != nil {
		return *a
	}
	return m.apply(call)
}

// apply does what a call asks; m.mu is held.
func (m *Memory) apply(call channels.Call) channels.Answer {
	a := channels.Answer{Calls: 1}
	for _, line := range call.Lines {
		m.stock[Model{call.ShopID, call.ItemID, line.ModelID}] = line.Qty
		a.Verdicts = append(a.Verdicts, channels.Verdict{Outcome: channels.Confirmed, Qty: line.Qty})
	}
	return a
}

// troubled is the answer to a call that runs into trouble; nil for none. m.mu is held.
func (m *Memory) troubled(ctx context.Context, call channels.Call) *channels.Answer {
	if ctx.Err() != nil {
		return All(call, channels.Verdict{Code: schemas.TimedOut}, true)
	}
	if !call.MayGo() {
		return &channels.Answer{Verdicts: All(call, channels.Verdict{Outcome: channels.Refused, Code: schemas.ChannelUnavailable}, false).Verdicts}
	}
	trouble := m.next
	if trouble != Deauthorized {
		m.next = ""
	}
	switch trouble {
	case Outage:
		return All(call, channels.Verdict{Code: schemas.ChannelUnavailable}, true)
	case Throttled:
		return All(call, channels.Verdict{Outcome: channels.Refused, Code: schemas.RateLimited, Scope: channels.ScopeShop}, false)
	case LostReply:
		m.apply(call)
		return All(call, channels.Verdict{Code: schemas.TimedOut}, true)
	case Garbage:
		m.apply(call)
		return All(call, channels.Verdict{Code: schemas.ChannelUnavailable}, true)
	case Deauthorized:
		return All(call, channels.Verdict{Outcome: channels.Refused, Code: schemas.AuthorizationLost, Scope: channels.ScopeShop}, false)
	}
	return nil
}

// The hands of the conformance suite.

// Channel is the memory itself.
func (m *Memory) Channel() channels.Channel { return m }

// Shop is any shop.
func (m *Memory) Shop() int64 { return 1 }

// Stranger is a shop without credentials.
func (m *Memory) Stranger() int64 {
	m.DropCredentials(2)
	return 2
}

// Shows is what a model of Shop shows.
func (m *Memory) Shows(itemID, modelID int64) int64 {
	return m.Stock(Model{m.Shop(), itemID, modelID})
}

// Next makes the next call run into trouble.
func (m *Memory) Next(t Trouble) { m.set(func() { m.next = t }) }

// All is the answer that gives every line of a call one verdict.
func All(call channels.Call, v channels.Verdict, failure bool) *channels.Answer {
	return &channels.Answer{Calls: 1, Failure: failure, Verdicts: slices.Repeat([]channels.Verdict{v}, len(call.Lines))}
}

func (m *Memory) enter(call channels.Call) (n int, banned bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.calls = append(m.calls, call)
	item := [2]int64{call.ShopID, call.ItemID}
	m.inFlight[item]++
	m.most = max(m.most, m.inFlight[item])
	return len(m.calls) - 1, m.banned[call.ShopID]
}

func (m *Memory) leave(call channels.Call) {
	m.set(func() { m.inFlight[[2]int64{call.ShopID, call.ItemID}]-- })
}

// Ready is false for a shop without credentials.
func (m *Memory) Ready(shopID int64) (channels.Verdict, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.strangers[shopID] {
		return channels.Verdict{Outcome: channels.Refused, Code: schemas.AuthorizationLost, Scope: channels.ScopeShop, Message: "no credentials"}, false
	}
	return channels.Verdict{}, true
}

// Read shows an item's models.
func (m *Memory) Read(_ context.Context, shopID, itemID int64) ([]channels.ModelStock, channels.Verdict) {
	if v, ready := m.Ready(shopID); !ready {
		return nil, v
	}
	time.Sleep(get(m, func() time.Duration { return m.readDelay }))
	m.mu.Lock()
	defer m.mu.Unlock()
	m.reads++
	if m.banned[shopID] {
		return nil, ban
	}
	if m.next == Outage {
		m.next = ""
		return nil, channels.Verdict{Code: schemas.ChannelUnavailable}
	}
	var all []channels.ModelStock
	for model, qty := range m.stock {
		if model.ShopID == shopID && model.ItemID == itemID {
			all = append(all, channels.ModelStock{ModelID: model.ModelID, Qty: qty})
		}
	}
	return all, channels.Verdict{Outcome: channels.Confirmed}
}

// ban is the verdict of a banned shop.
var ban = channels.Verdict{Outcome: channels.Refused, Code: schemas.ShopRestricted, Scope: channels.ScopeShop, Message: "banned"}

// set changes what the marketplace has.
func (m *Memory) set(change func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	change()
}

// get returns a value of the marketplace.
func get[T any](m *Memory, value func() T) T {
	m.mu.Lock()
	defer m.mu.Unlock()
	return value()
}

// Ban lets every call of a shop be refused from now on, or no longer.
func (m *Memory) Ban(shopID int64, banned bool) { m.set(func() { m.banned[shopID] = banned }) }

// GiveCredentials gives a shop credentials after DropCredentials.
func (m *Memory) GiveCredentials(shopID int64) { m.set(func() { delete(m.strangers, shopID) }) }

// DropCredentials takes a shop's credentials away. Until then every shop has some.
func (m *Memory) DropCredentials(shopID int64) { m.set(func() { m.strangers[shopID] = true }) }

// DelayReads lets every read look so long after it was asked.
func (m *Memory) DelayReads(by time.Duration) { m.set(func() { m.readDelay = by }) }

// Set changes what a model shows, as a request that lands late does.
func (m *Memory) Set(model Model, qty int64) { m.set(func() { m.stock[model] = qty }) }

// Reads is how many reads there were.
func (m *Memory) Reads() int { return get(m, func() int { return m.reads }) }

// Stock is what a model shows.
func (m *Memory) Stock(model Model) int64 { return get(m, func() int64 { return m.stock[model] }) }

// Calls lists the calls so far.
func (m *Memory) Calls() []channels.Call {
	return get(m, func() []channels.Call { return slices.Clone(m.calls) })
}

// MostPerItem is the most calls of one item that were in flight at once.
func (m *Memory) MostPerItem() int { return get(m, func() int { return m.most }) }

// Authorized is the part of a channel whose shops all have credentials.
type Authorized struct{}

// Ready is true for every shop.
func (Authorized) Ready(int64) (channels.Verdict, bool) { return channels.Verdict{}, true }
