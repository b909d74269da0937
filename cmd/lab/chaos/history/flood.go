package history

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Flood is very many events of many store SKUs.
type Flood struct {
	Events, SKUs, Shops int
}

// Produce produces all events as fast as Kafka accepts them.
func (f Flood) Produce(ctx context.Context, broker, topic string) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(broker), kgo.DefaultProduceTopic(topic), kgo.RecordPartitioner(kgo.StickyKeyPartitioner(nil)),
		kgo.MaxBufferedRecords(50_000), kgo.ProducerBatchCompression(kgo.SnappyCompression()))
	if err != nil {
		return err
	}
	defer client.Close()
	var mu sync.Mutex
	var failure error
	for i := range f.Events {
		key, value := f.event(i)
		client.Produce(ctx, &kgo.Record{Key: key, Value: value}, func(_ *kgo.Record, err error) {
			if err != nil {
				mu.Lock()
				failure = err
				mu.Unlock()
			}
		})
	}
	if err := client.Flush(ctx); err != nil {
		return err
	}
	mu.Lock()
	defer mu.Unlock()
	return failure
}

// event rotates through the store SKUs; 50 of them share an item.
func (f Flood) event(i int) (key, value []byte) {
	sku := i % f.SKUs
	shop := FirstShop + sku%f.Shops
	inShop := sku / f.Shops
	key = fmt.Appendf(nil, "shopee/%d/SKU-%07d", shop, sku)
	value = fmt.Appendf(nil, `{"event_id":"f-%d","reason":"sync_order","channel":"shopee","shop_id":%d,"store_sku":"SKU-%07d","merchant_sku":"M-%d",`+
		`"item_id":%d,"model_id":%d,"available":%d,"occurred_at":%q}`,
		i, shop, sku, inShop, 1000+inShop/50, 1+inShop%50, 1+i/f.SKUs, time.Unix(1_790_000_000, 0).UTC().Format(time.RFC3339))
	return key, value
}
