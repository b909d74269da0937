package checker

import (
	"encoding/json"
	"fmt"
	"time"
)

// The tests' world is a small correct run: a store SKU with repeats, one that Shopee refuses, one
// that moved to another model, one with more records than are kept, and bad input.

var began = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

const shop = 10001

var refused = Model{shop, 900, 2}

type world struct {
	*Observation
	next map[int32]int64
}

// event appends an event to the log and returns its position.
func (w *world) event(partition int32, sku string, model Model, qty int64, repeats *int64) position {
	at := position{partition, w.next[partition]}
	reason, retryOf := "sync_order", ""
	if repeats != nil {
		reason, retryOf = "push_now", "some"
	}
	value, err := json.Marshal(event{
		EventID: fmt.Sprintf("e-%d-%d", at.partition, at.offset), Reason: reason, Channel: "shopee", ShopID: model.Shop, StoreSKU: sku, MerchantSKU: "M",
		ItemID: model.Item, ModelID: model.Model, Available: qty - 1, PromotionReserved: 1, OccurredAt: began, RetryOf: retryOf, RepeatsOffset: repeats,
	})
	if err != nil {
		panic(err)
	}
	w.message(partition, skuKey("shopee", model.Shop, sku), string(value))
	return at
}

func (w *world) message(partition int32, key, value string) {
	m := Message{Partition: partition, Offset: w.next[partition], Key: key, Value: value, At: began.Add(time.Duration(w.next[partition]) * time.Second)}
	w.next[partition]++
	w.Events, w.Acknowledged = append(w.Events, m), append(w.Acknowledged, m)
}

// call records that a process pushed a quantity.
func (w *world) call(model Model, qty int64, applied bool) {
	n := int64(len(w.Calls) + 1)
	at := began.Add(time.Duration(n) * time.Second)
	w.Calls = append(w.Calls, Call{
		Received: n, ReceivedAt: at, AppliedAt: at.Add(time.Millisecond), Host: "one", ShopID: model.Shop, ItemID: model.Item,
		Lines: []Line{{model.Model, qty, applied}},
	})
	if applied {
		w.Stock[model] = qty
	}
}

// record adds an event's record and its rows in all views except those of store SKUs.
func (w *world) record(at position, status string, by *position) {
	var e event
	var m Message
	for _, m = range w.Events {
		if m.Partition == at.partition && m.Offset == at.offset {
			break
		}
	}
	if err := json.Unmarshal([]byte(m.Value), &e); err != nil {
		panic(err)
	}
	queued := Time{m.At.Add(time.Second)}
	r := Record{
		Channel: e.Channel, ShopID: e.ShopID, StoreSKU: e.StoreSKU, MerchantSKU: e.MerchantSKU, ItemID: e.ItemID, ModelID: e.ModelID, EventID: e.EventID,
		RetryOf: e.RetryOf, RepeatsOffset: e.RepeatsOffset, Reason: labels[e.Reason], Status: status, Available: e.Available,
		PromotionReserved: e.PromotionReserved, PushQty: e.qty(), LogID: 1, Partition: at.partition, Offset: at.offset,
		OccurredAt: Time{e.OccurredAt}, TriggeredAt: Time{m.At}, QueuedAt: queued, FinishedAt: Time{queued.Add(time.Second)},
	}
	qty := r.PushQty
	switch status {
	case successfully:
		r.AfterQty, r.Attempts = &qty, 1
	case failed:
		r.FailureCode, r.FailureReason, r.Attempts = "promotion_locked", "locked", 1
		shown := r
		shown.Class, shown.Hint = "campaign", "wait"
		w.Failed, w.FailedRows = append(w.Failed, shown), append(w.FailedRows, r)
	case skipped:
		r.QueuedAt = Time{time.Unix(0, 0).UTC()}
		offset := by.offset
		r.SupersededBy, r.SupersededByOffset = fmt.Sprintf("e-%d-%d", by.partition, by.offset), &offset
	}
	w.Records, w.History = append(w.Records, r), append(w.History, r)
	w.Facts = append(w.Facts, Fact{at.partition, at.offset, status, r.FailureCode})
	w.count(&r)
}

// count adds a record to the statistics. All records have the same duration.
func (w *world) count(r *Record) {
	took := float64(r.FinishedAt.Sub(r.TriggeredAt.Time).Milliseconds())
	for i := range w.Stats {
		if s := &w.Stats[i]; s.Reason == r.Reason && s.Status == r.Status {
			s.Records++
			return
		}
	}
	w.Stats = append(w.Stats, Stat{Time{r.TriggeredAt.Truncate(time.Hour)}, r.ShopID, r.Reason, r.Status, r.FailureCode, 1, took, took})
}

// stands adds the last record to both views of store SKUs.
func (w *world) stands(merchant string) {
	r := w.Records[len(w.Records)-1]
	row := SKUStatus{
		Channel: r.Channel, ShopID: r.ShopID, StoreSKU: r.StoreSKU, MerchantSKU: merchant, PushQty: r.PushQty, Status: r.Status, Reason: r.Reason,
		FailureCode: r.FailureCode, FailureReason: r.FailureReason, TriggeredAt: r.TriggeredAt, FinishedAt: r.FinishedAt,
		Available: r.Available, PromotionReserved: r.PromotionReserved,
	}
	w.StoreSKUs, w.MerchantSKUs = append(w.StoreSKUs, row), append(w.MerchantSKUs, row)
}

// clean returns a new world.
func clean() *Observation {
	w := &world{&Observation{
		Window: time.Second, Timeout: 2 * time.Second, Bad: map[string]string{BadKey("k", "{"): "not_json"}, Refusing: map[Model]string{refused: "promotion_locked"},
		Stock: map[Model]int64{},
	}, map[int32]int64{}}
	w.repeats()
	w.bad()
	w.refused()
	w.moved()
	w.many()
	return w.Observation
}

// repeats adds news, superseded news, a standing repeat, news, and a losing repeat.
func (w *world) repeats() {
	model := Model{shop, 1, 1}
	a := w.event(0, "A", model, 10, nil)
	b := w.event(0, "A", model, 11, nil)
	c := w.event(0, "A", model, 11, &b.offset)
	d := w.event(0, "A", model, 12, nil)
	e := w.event(0, "A", model, 11, &b.offset)
	w.record(a, skipped, &b)
	w.record(b, successfully, nil)
	w.record(c, successfully, nil)
	w.record(e, skipped, &d)
	w.record(d, successfully, nil)
	w.call(model, 11, true)
	w.call(model, 11, true)
	w.call(model, 12, true)
	w.stands("M")
}

func (w *world) bad() {
	at := w.next[1]
	w.message(1, "k", "{")
	w.DeadLetters = append(w.DeadLetters, Message{
		Key: "k", Value: "{", Headers: map[string]string{"error-code": "not_json", "source-partition": "1", "source-offset": fmt.Sprint(at)},
	})
	w.RejectedEvents = append(w.RejectedEvents, RejectedEvent{"events", 1, at, "not_json", "k", "{"})
}

func (w *world) refused() {
	w.record(w.event(1, "refused", refused, 20, nil), failed, nil)
	w.call(refused, 20, false)
	w.stands("M")
}

func (w *world) moved() {
	from, to := Model{shop, 1, 5}, Model{shop, 1, 105}
	w.record(w.event(2, "moved", from, 30, nil), successfully, nil)
	w.call(from, 30, true)
	w.record(w.event(2, "moved", to, 31, nil), successfully, nil)
	w.call(to, 31, true)
	w.stands("M")
}

// many adds 103 events of one window; the history shows the latest 100.
func (w *world) many() {
	model := Model{shop, 2, 1}
	var all []position
	for i := range int64(103) {
		all = append(all, w.event(3, "many", model, 40+i, nil))
	}
	before := len(w.History)
	for _, at := range all[:102] {
		w.record(at, skipped, &all[102])
	}
	w.record(all[102], successfully, nil)
	w.call(model, 142, true)
	w.stands("M")
	w.History = append(w.History[:before:before], w.History[before+3:]...)
}
