package bench

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"stockpush/cmd/internal/traffic"
	"stockpush/processor/stream/kafka"
	"stockpush/schemas"
	"stockpush/schemas/schemastest"
	"stockpush/schemas/stockevent"
)

// load is a kind of traffic for the pipeline.
type load struct {
	name                    string
	partitions, skus, shops int
	// even means that all store SKUs are equally frequent; otherwise their frequencies follow Zipf
	// 1.1.
	even bool
	// protobuf means that the events are in Protobuf; else they are in JSON.
	protobuf bool
}

var loads = []load{
	{name: "even", partitions: 12, skus: 100_000, shops: 200, even: true},
	{name: "protobuf", partitions: 12, skus: 100_000, shops: 200, even: true, protobuf: true},
	{name: "zipf-12-partitions", partitions: 12, skus: 1_000_000, shops: 2000},
	{name: "zipf-64-partitions", partitions: 64, skus: 1_000_000, shops: 2000},
}

// filled are the existing events topics, by broker and load.
var filled = map[[2]string]string{}

// removeLoads deletes the topics on a broker that is shared.
func removeLoads() {
	for at, topic := range filled {
		if at[0] != os.Getenv("STOCKPUSH_TEST_KAFKA") {
			continue
		}
		client, err := kgo.NewClient(kgo.SeedBrokers(at[0]))
		if err == nil {
			_, err = kadm.NewClient(client).DeleteTopic(context.Background(), topic)
			client.Close()
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "cannot delete the topic of a load:", topic, err)
		}
	}
}

// fill produces the load's events, once for all runs on one broker.
func (p *pipeline) fill(brokers string) {
	at := [2]string{brokers, p.load.name}
	if p.events = filled[at]; p.events != "" {
		return
	}
	topics := schemas.Topics(fmt.Sprintf("load-%d", time.Now().UnixNano()))
	require.NoError(p.b, kafka.CreateTopics(p.b.Context(), p.conn, topics.Specs(p.load.partitions)[:1], 1))
	p.events = topics.Events()
	p.produceEvents()
	p.readAll() // the first read of fresh memory is slow
	filled[at] = p.events
}

func (p *pipeline) produceEvents() {
	producer := p.producer()
	defer producer.Close()
	next := p.load.events()
	for range benchEvents {
		e := next()
		producer.Produce(p.b.Context(), p.message(&e), func(err error) { require.NoError(p.b, err) })
	}
	require.NoError(p.b, producer.Flush(p.b.Context()))
}

func (p *pipeline) message(e *schemas.Event) *kafka.Record {
	r := &kafka.Record{Topic: p.events, Partition: kafka.ByKey, Key: []byte(e.Key.String())}
	if p.load.protobuf {
		r.Value, r.Headers = schemastest.EncodeProtobuf(e), []kafka.Header{{Key: stockevent.HeaderContentType, Value: []byte("application/protobuf")}}
	} else {
		r.Value = stockevent.Encode(e)
	}
	return r
}

// events returns a function that returns the load's next event.
func (l load) events() func() schemas.Event {
	if !l.even {
		g := traffic.New(traffic.Shape{SKUs: l.skus, Shops: l.shops, Seed: 1})
		return func() schemas.Event { return g.Next(time.Now()) }
	}
	i, pad := 0, strings.Repeat("x", 20)
	return func() schemas.Event {
		sku := (i * 7919) % l.skus
		i++
		return schemas.Event{
			EventID: fmt.Sprintf("0190d3b2-7c1e-7a55-%015d", i), Reason: schemas.StockOutSale,
			Key:         schemas.Key{Channel: schemas.ChannelShopee, ShopID: int64(10001 + sku%l.shops), StoreSKU: fmt.Sprintf("SKU-%06d", sku)},
			MerchantSKU: "M-" + pad, ItemID: int64(1000 + sku), ModelID: 7, Available: int64(i % 1000), OccurredAt: time.Now(), RepeatsOffset: schemas.NoOffset,
		}
	}
}

// readAll consumes the events and discards them.
func (p *pipeline) readAll() int {
	client, err := kgo.NewClient(append(p.conn.Options(), kgo.ConsumeTopics(p.events), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))...)
	require.NoError(p.b, err)
	defer client.Close()
	read := 0
	for read < benchEvents {
		read += client.PollFetches(p.b.Context()).NumRecords()
	}
	return read
}

// begin creates the topics that the stages write; end removes them.
func (p *pipeline) begin() {
	p.topics = schemas.Topics(fmt.Sprintf("bench-%d", time.Now().UnixNano()))
	require.NoError(p.b, kafka.CreateTopics(p.b.Context(), p.conn, p.topics.Specs(p.load.partitions), 1))
}

func (p *pipeline) end() {
	client, err := kgo.NewClient(p.conn.Options()...)
	require.NoError(p.b, err)
	defer client.Close()
	var names []string
	for _, spec := range p.topics.Specs(p.load.partitions) {
		names = append(names, spec.Name)
	}
	_, err = kadm.NewClient(client).DeleteTopics(p.b.Context(), names...)
	require.NoError(p.b, err)
}
