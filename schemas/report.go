package schemas

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Report is what a worker tells beside records: the progress of a Pending push, the state of a
// shop, or what is known about a shop. It has exactly one of the three.
//
// Reports describe the present: of two about the same store SKU or shop the one with the higher
// version counts, and a lost one is repeated by the next change.
type Report struct {
	Shop Shop
	// StoreSKU belongs to Progress; it is empty otherwise.
	StoreSKU string
	Version  ReportVersion

	Progress *Progress
	Status   *ShopStatus
	Info     *ShopInfo
}

// ReportVersion orders reports. Epoch comes first.
type ReportVersion struct {
	// Epoch is the end of the partition's state log when the reporting worker restored it. A
	// later owner has a higher one, because an owner writes its claim before anything else.
	Epoch int64
	// At is when the report was made.
	At time.Time
}

// Key is the Kafka key: that of the store SKU, or "<channel>/<shop_id>".
func (r *Report) Key() string {
	if r.Progress != nil {
		return Key{Channel: r.Shop.Channel, ShopID: r.Shop.ID, StoreSKU: r.StoreSKU}.String()
	}
	return r.Shop.String()
}

// Progress is what happened so far to a push that is Pending.
type Progress struct {
	// Position is that of the push's event.
	Position Position
	// Attempts counts the calls that carried it, since its worker started.
	Attempts uint16
	// Code and Answer are those of the last answer.
	Code   FailureCode
	Answer string
	// Next is the earliest time of the next try.
	Next time.Time
}

// ShopState says what a shop's pushes wait for.
type ShopState uint8

// The states of a shop, by the number in which they are stored.
const (
	// ShopOK: pushes are sent.
	ShopOK ShopState = iota + 1
	// ShopPaused: stopped by configuration.
	ShopPaused
	// ShopHeld: the shop refuses every push until a probe passes.
	ShopHeld
	// ShopBreakerOpen: the circuit breaker is open or half-open.
	ShopBreakerOpen
	// ShopThrottled: the channel asked for fewer calls.
	ShopThrottled
	// ShopQuotaExhausted: the app's daily quota is used up.
	ShopQuotaExhausted
)

var shopStateNames = [...]string{
	ShopOK: "ok", ShopPaused: "paused", ShopHeld: "held", ShopBreakerOpen: "breaker_open", ShopThrottled: "throttled", ShopQuotaExhausted: "quota_exhausted",
}

// ShopStates lists all states.
func ShopStates() []ShopState {
	return []ShopState{ShopOK, ShopPaused, ShopHeld, ShopBreakerOpen, ShopThrottled, ShopQuotaExhausted}
}

// String is the state as SQL users see it; empty for an invalid one.
func (s ShopState) String() string {
	if s < ShopOK || s > ShopQuotaExhausted {
		return ""
	}
	return shopStateNames[s]
}

// ShopStatus is the state of a shop.
type ShopStatus struct {
	State ShopState
	// Since is when the state began.
	Since time.Time
	// Until is when the shop is tried again; zero if unknown.
	Until time.Time
	// Code and Message are of the answer that caused the state; empty if none did.
	Code    FailureCode
	Message string
}

// ShopInfo is what is known about a shop beside its state. Zero fields are unknown.
type ShopInfo struct {
	Name string
	// Nameless says that the shop has no name any more.
	Nameless            bool
	AuthorizationEndsAt time.Time
}

// ParseShop reads "<channel>/<shop_id>".
func ParseShop(text string) (Shop, error) {
	channel, number, _ := strings.Cut(text, "/")
	id, err := strconv.ParseInt(number, 10, 64)
	if err != nil || channel == "" {
		return Shop{}, fmt.Errorf("shop %q is not <channel>/<shop_id>", text)
	}
	return Shop{Channel: channel, ID: id}, nil
}
