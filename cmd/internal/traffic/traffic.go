// Package traffic generates stock events for simulations and the demo.
//
// It is pure: the caller has the clock, the pace and the producer. The same seed generates the same
// events. A Generator is not safe for concurrent use.
package traffic

import (
	"fmt"
	"math/rand/v2"
	"time"

	"stockpush/schemas"
)

// FirstShopID is the sandbox's first shop; the others follow.
const FirstShopID = 10001

// modelsPerItem is how many store SKUs are models of one item.
const modelsPerItem = 5

// Shape describes the traffic.
type Shape struct {
	// SKUs is the number of store SKUs, spread evenly over the shops.
	SKUs int
	// Shops is the number of shops.
	Shops int
	// Seed makes the traffic repeatable.
	Seed uint64
}

// Generator generates events.
type Generator struct {
	shape  Shape
	random *rand.Rand
	zipf   *rand.Zipf
	stock  []int64
	made   uint64
}

// New returns a generator. Counts below 1 mean 1.
func New(shape Shape) *Generator {
	shape.SKUs, shape.Shops = max(shape.SKUs, 1), max(shape.Shops, 1)
	random := rand.New(rand.NewPCG(shape.Seed, 17))
	stock := make([]int64, shape.SKUs)
	for i := range stock {
		stock[i] = 20 + random.Int64N(200)
	}
	return &Generator{shape: shape, random: random, zipf: rand.NewZipf(random, 1.1, 1, uint64(shape.SKUs-1)), stock: stock}
}

// Next returns one event. A few store SKUs are hot, as in a real shop. Reasons rotate, so that any
// 17 consecutive events use all.
func (g *Generator) Next(now time.Time) schemas.Event {
	return g.event(int(g.zipf.Uint64()), now)
}

// Burst returns n consecutive events of one store SKU.
func (g *Generator) Burst(n int, now time.Time) []schemas.Event {
	sku := g.random.IntN(g.shape.SKUs)
	events := make([]schemas.Event, n)
	for i := range events {
		events[i] = g.event(sku, now)
	}
	return events
}

func (g *Generator) event(sku int, now time.Time) schemas.Event {
	reason := schemas.Reasons()[g.made%uint64(len(schemas.Reasons()))]
	g.made++
	g.stock[sku] = max(0, g.stock[sku]+g.change(reason))
	shop := sku % g.shape.Shops
	inShop := sku / g.shape.Shops
	return schemas.Event{
		EventID:           fmt.Sprintf("sim-%x-%d", g.shape.Seed, g.made),
		Reason:            reason,
		Key:               schemas.Key{Channel: schemas.ChannelShopee, ShopID: int64(FirstShopID + shop), StoreSKU: fmt.Sprintf("SKU-%06d", sku)},
		MerchantSKU:       fmt.Sprintf("M-%06d", inShop),
		ItemID:            int64(1_000_000 + inShop/modelsPerItem),
		ModelID:           int64(1 + inShop%modelsPerItem),
		Available:         g.stock[sku],
		PromotionReserved: int64(sku % 3),
		OccurredAt:        now,
		RepeatsOffset:     schemas.NoOffset,
	}
}

// change returns a typical stock change of a reason, in units.
func (g *Generator) change(r schemas.Reason) int64 {
	switch r {
	case schemas.SyncOrder, schemas.StockOutManual, schemas.StockOutSale, schemas.StockOutTransfer, schemas.RevertVoidedOrder:
		return -1 - g.random.Int64N(3)
	case schemas.StockInManual, schemas.StockInPurchase, schemas.StockInTransfer:
		return 1 + g.random.Int64N(20)
	case schemas.StockInReturnScan, schemas.StockInReturnManual, schemas.VoidOrder:
		return 1
	case schemas.StockCount:
		return g.random.Int64N(11) - 5
	default:
		return 0
	}
}
