// Command go sends stock events with franz-go.
//
//	go run . 127.0.0.1:9092
package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"os"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kgo"
)

func main() {
	if err := send(os.Args[1], cmp.Or(os.Getenv("TOPIC"), "stockpush.events")); err != nil {
		log.Fatal(err)
	}
}

func send(brokers, topic string) error {
	// The default partitioner is murmur2, which is what kafka.partitioner expects by default. The
	// client is idempotent and waits for all in-sync replicas unless it is configured otherwise.
	client, err := kgo.NewClient(kgo.SeedBrokers(strings.Split(brokers, ",")...), kgo.DefaultProduceTopic(topic), kgo.RecordDeliveryTimeout(2*time.Minute))
	if err != nil {
		return err
	}
	defer client.Close()
	var events []*kgo.Record
	for i := 1; i <= 10; i++ {
		const shop = 10001
		sku := fmt.Sprintf("GO-%d", i)
		value, err := json.Marshal(map[string]any{
			"event_id": "go-" + uuid.NewString(), "reason": "stock_count", "channel": "shopee", "shop_id": shop, "store_sku": sku,
			"item_id": 604, "model_id": i, "available": 12, "occurred_at": time.Now().Format(time.RFC3339Nano),
		})
		if err != nil {
			return err
		}
		events = append(events, &kgo.Record{Key: fmt.Appendf(nil, "shopee/%d/%s", shop, sku), Value: value})
	}
	var failures []error
	for _, result := range client.ProduceSync(context.Background(), events...) {
		if result.Err != nil { // not stored: send the newest quantity again
			failures = append(failures, fmt.Errorf("%s was not stored: %w", result.Record.Key, result.Err))
		}
	}
	return errors.Join(failures...)
}
