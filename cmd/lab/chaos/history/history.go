// Package history generates and produces a run's upstream traffic: a list of stock events with bursts,
// repeats, changed mappings and bad input, each with its time.
//
// The same seed generates the same list; only the offsets that repeats name are known later. A store
// SKU has each quantity once, apart from repeats, so a push identifies its event.
package history

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"time"
)

// FirstShop is the sandbox's first shop.
const FirstShop = 10001

// Shape describes the size of a history.
type Shape struct {
	Seed  uint64
	Shops int
	// For is the duration, Rate the events per second apart from bursts.
	For  time.Duration
	Rate float64
}

// SKU is a store SKU with its item and model.
type SKU struct {
	Shop, Item, Model int64
	Store, Merchant   string
}

// Key returns its key in Kafka.
func (s *SKU) Key() string { return fmt.Sprintf("shopee/%d/%s", s.Shop, s.Store) }

// Step is one message to produce.
type Step struct {
	// At is the time since the start.
	At         time.Duration
	Key, Value string
	// Repeats is the step whose record this one repeats, -1 if none. Its offset replaces the
	// value's repeats_offset.
	Repeats int
	// Code is the error code of bad input; empty for a valid event.
	Code string
	// WrongPartition sends it to a partition to which its key does not belong.
	WrongPartition bool
}

// History is the list of steps.
type History struct {
	Steps []Step
	SKUs  []SKU
}

// The items of each shop: some with models, one without, and one that Shopee refuses.
const (
	items         = 3
	modelsPerItem = 4
	firstItem     = 500
	plainItem     = 800
	// RefusingItem has models for which Shopee refuses every push.
	RefusingItem = 900
)

// Refusing returns the models of RefusingItem and their failure codes, each with its own cause.
func Refusing() map[int64]string {
	return map[int64]string{LockedModel: "promotion_locked", MissingModel: "model_not_found", ReservedModel: "below_promotion_reserve"}
}

// The models of RefusingItem.
const (
	GoodModel     = 1
	LockedModel   = 2
	MissingModel  = 3
	ReservedModel = 4
)

func skus(shops int) []SKU {
	var all []SKU
	add := func(shop, item, model int64) {
		all = append(all, SKU{shop, item, model, fmt.Sprintf("SKU/%d-%d é", item, model), fmt.Sprintf("M-%d", item)})
	}
	for shop := int64(FirstShop); shop < FirstShop+int64(shops); shop++ {
		for item := int64(firstItem); item < firstItem+items; item++ {
			for model := int64(1); model <= modelsPerItem; model++ {
				add(shop, item, model)
			}
		}
		add(shop, plainItem, 0)
	}
	for model := int64(GoodModel); model <= ReservedModel; model++ {
		add(FirstShop, RefusingItem, model)
	}
	return all
}

// maker creates the steps.
type maker struct {
	Shape
	*History
	random *rand.Rand
	zipf   *rand.Zipf
	// made has the steps of each store SKU that brought news.
	made map[int][]int
}

// New returns a history.
func New(shape Shape) *History {
	random := rand.New(rand.NewPCG(shape.Seed, 1))
	m := &maker{Shape: shape, History: &History{SKUs: skus(shape.Shops)}, random: random, made: map[int][]int{}}
	// The hot store SKUs differ from seed to seed.
	random.Shuffle(len(m.SKUs), func(i, j int) { m.SKUs[i], m.SKUs[j] = m.SKUs[j], m.SKUs[i] })
	m.zipf = rand.NewZipf(random, 1.2, 4, uint64(len(m.SKUs)-1))
	for i := range m.SKUs { // each has at least one event
		m.news(i, time.Duration(i)*5*time.Millisecond)
	}
	step := time.Duration(float64(time.Second) / shape.Rate)
	nextBurst := time.Second
	for at := time.Second; at < shape.For; at += step {
		m.one(at)
		if at >= nextBurst {
			m.burst(at)
			nextBurst += time.Second + time.Duration(random.Int64N(int64(3*time.Second)))
		}
	}
	return m.History
}

func (m *maker) one(at time.Duration) {
	sku := int(m.zipf.Uint64())
	switch draw := m.random.IntN(100); {
	case draw < 5:
		m.repeat(sku, at)
	case draw < 8:
		m.bad(sku, at)
	case draw < 9 && m.SKUs[sku].Item < plainItem:
		m.SKUs[sku].Model += 100 // the mapping changed
		m.news(sku, at)
	default:
		m.news(sku, at)
	}
}

// burst adds many events of one store SKU within a moment, some of them repeats.
func (m *maker) burst(at time.Duration) {
	sku := m.random.IntN(len(m.SKUs))
	for i := range 20 + m.random.IntN(100) {
		m.news(sku, at+time.Duration(i)*time.Millisecond/2)
	}
	if m.random.IntN(2) == 0 {
		m.repeat(sku, at+60*time.Millisecond)
	}
}

type body struct {
	EventID           string `json:"event_id"`
	Reason            string `json:"reason"`
	Channel           string `json:"channel"`
	ShopID            int64  `json:"shop_id"`
	StoreSKU          string `json:"store_sku"`
	MerchantSKU       string `json:"merchant_sku"`
	ItemID            int64  `json:"item_id"`
	ModelID           int64  `json:"model_id,omitempty"`
	Available         int64  `json:"available"`
	PromotionReserved int64  `json:"promotion_reserved,omitempty"`
	OccurredAt        string `json:"occurred_at"`
	RetryOf           string `json:"retry_of,omitempty"`
	RepeatsOffset     *int64 `json:"repeats_offset,omitempty"`
}

func (m *maker) body(sku int, at time.Duration) body {
	s := &m.SKUs[sku]
	return body{
		EventID: fmt.Sprintf("c%x-%d", m.Seed, len(m.Steps)), Reason: reasons[m.random.IntN(len(reasons))], Channel: "shopee", ShopID: s.Shop,
		StoreSKU: s.Store, MerchantSKU: s.Merchant, ItemID: s.Item, ModelID: s.Model,
		OccurredAt: time.Unix(1_790_000_000, 0).Add(at).UTC().Format(time.RFC3339Nano),
	}
}

// quantities never uses a quantity twice for a store SKU, however it is composed.
func (m *maker) quantities(sku int, b *body) {
	qty := int64(10 + len(m.made[sku]))
	switch m.random.IntN(10) {
	case 0:
		b.Available, b.PromotionReserved = -3, qty
	case 1, 2:
		b.Available, b.PromotionReserved = qty-4, 4
	default:
		b.Available = qty
	}
}

func (m *maker) news(sku int, at time.Duration) {
	b := m.body(sku, at)
	m.quantities(sku, &b)
	m.made[sku] = append(m.made[sku], len(m.Steps))
	m.add(Step{At: at, Key: m.SKUs[sku].Key(), Value: encode(b), Repeats: -1})
}

// repeat repeats the newest news or older news; the latter must lose.
func (m *maker) repeat(sku int, at time.Duration) {
	news := m.made[sku]
	of := news[len(news)-1]
	if m.random.IntN(3) == 0 {
		of = news[m.random.IntN(len(news))]
	}
	var repeated body
	if err := json.Unmarshal([]byte(m.Steps[of].Value), &repeated); err != nil {
		panic(err) // our own JSON
	}
	b := m.body(sku, at)
	b.Reason = "refresh_inventory"
	if m.random.IntN(2) == 0 {
		b.Reason, b.RetryOf = "push_now", repeated.EventID
	}
	b.Available, b.PromotionReserved, b.ItemID, b.ModelID = repeated.Available, repeated.PromotionReserved, repeated.ItemID, repeated.ModelID
	m.add(Step{At: at, Key: m.SKUs[sku].Key(), Value: encode(b), Repeats: of})
}

// repeating returns a step's value with the repeated offset.
func repeating(value string, offset int64) string {
	var b body
	if err := json.Unmarshal([]byte(value), &b); err != nil {
		panic(err) // our own JSON
	}
	b.RepeatsOffset = &offset
	return encode(b)
}

func (m *maker) add(s Step) { m.Steps = append(m.Steps, s) }

func encode(b body) string {
	raw, err := json.Marshal(b)
	if err != nil {
		panic(err) // a struct of texts and numbers
	}
	return string(raw)
}
