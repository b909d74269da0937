package checker

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// position is an event's position; within a partition the offset is the order.
type position struct {
	partition int32
	offset    int64
}

// event is a valid stock event.
type event struct {
	EventID           string    `json:"event_id"`
	Reason            string    `json:"reason"`
	Channel           string    `json:"channel"`
	ShopID            int64     `json:"shop_id"`
	StoreSKU          string    `json:"store_sku"`
	MerchantSKU       string    `json:"merchant_sku"`
	ItemID            int64     `json:"item_id"`
	ModelID           int64     `json:"model_id"`
	LocationID        string    `json:"location_id"`
	Available         int64     `json:"available"`
	PromotionReserved int64     `json:"promotion_reserved"`
	OccurredAt        time.Time `json:"occurred_at"`
	RetryOf           string    `json:"retry_of"`
	RepeatsOffset     *int64    `json:"repeats_offset"`

	at        position
	triggered time.Time
	// loses reports that the event only repeats, and news came in between.
	loses bool
}

func (e *event) qty() int64 { return max(e.Available, 0) + e.PromotionReserved }

func (e *event) model() Model { return Model{e.ShopID, e.ItemID, e.ModelID} }

func (e *event) String() string {
	return fmt.Sprintf("%s (%s, %d/%d, quantity %d)", e.EventID, e.StoreSKU, e.at.partition, e.at.offset, e.qty())
}

// eventLog is the content of the events topic.
type eventLog struct {
	events map[position]*event
	bad    map[position]Message
	// bySKU has the events of each store SKU in their order.
	bySKU map[string][]*event
	// owner is the store SKU that a model belongs to.
	owner map[Model]string
}

func (c *check) readLog() *eventLog {
	l := &eventLog{events: map[position]*event{}, bad: map[position]Message{}, bySKU: map[string][]*event{}, owner: map[Model]string{}}
	for _, m := range c.Events {
		at := position{m.Partition, m.Offset}
		if _, bad := c.Bad[BadKey(m.Key, m.Value)]; bad {
			l.bad[at] = m
			continue
		}
		e := &event{at: at, triggered: m.At}
		if err := json.Unmarshal([]byte(m.Value), e); err != nil {
			c.violated(Log, "the message at %d/%d was not produced: %q", m.Partition, m.Offset, m.Value)
			continue
		}
		l.events[at] = e
		l.bySKU[m.Key] = append(l.bySKU[m.Key], e)
		l.owner[e.model()] = m.Key
	}
	for _, events := range l.bySKU {
		slices.SortFunc(events, func(a, b *event) int { return cmp.Compare(a.at.offset, b.at.offset) })
		findLosers(events)
	}
	c.report.Events, c.report.Bad = len(l.events), len(l.bad)
	return l
}

// findLosers applies the rule of repeating events: one loses if an event that did not itself lose
// lies between what it repeats and itself.
func findLosers(events []*event) {
	for i, e := range events {
		if e.RepeatsOffset == nil {
			continue
		}
		e.loses = slices.ContainsFunc(events[:i], func(other *event) bool {
			return other.at.offset > *e.RepeatsOffset && !other.loses
		})
	}
}

// standing returns the event of a store SKU that must be shown in the end.
func standing(events []*event) *event {
	for _, e := range slices.Backward(events) {
		if !e.loses {
			return e
		}
	}
	return nil
}

// rank orders the quantities of a store SKU: it is the offset of the event that brought the
// quantity. A history uses each quantity once, apart from repeats.
func rank(events []*event, qty int64) (offset int64, ok bool) {
	for _, e := range events {
		if e.RepeatsOffset == nil && e.qty() == qty {
			return e.at.offset, true
		}
	}
	return 0, false
}

// acknowledged: what the broker acknowledged is at the acknowledged offset.
func (c *check) acknowledged() {
	there := map[position]Message{}
	for _, m := range c.Events {
		there[position{m.Partition, m.Offset}] = m
	}
	for _, m := range c.Acknowledged {
		if got, ok := there[position{m.Partition, m.Offset}]; !ok || got.Key != m.Key || got.Value != m.Value {
			c.violated(Log, "the event acknowledged at %d/%d is missing: %q", m.Partition, m.Offset, m.Value)
		}
	}
}
