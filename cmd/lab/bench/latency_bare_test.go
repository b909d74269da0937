package bench

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"stockpush/cmd/internal/embedded/embeddedtest"
	"stockpush/processor/stream/kafka"
	"stockpush/schemas"
)

// measureBareLatency measures the way of a single event without stockpush: a message that waits for
// a window, another that waits for a linger, and a call. Nothing is decided or stored, so this is
// the cost of the broker, its client and the machine.
func measureBareLatency(b *testing.B) {
	conn := kafka.Connection{Brokers: []string{embeddedtest.StartBroker(b).Addr()}, ClientID: "bench"}
	specs := []schemas.TopicSpec{{Name: "bare.events", Partitions: 12}, {Name: "bare.commands", Partitions: 12}}
	require.NoError(b, kafka.CreateTopics(b.Context(), conn, specs, 1))
	producer, err := kafka.NewProducer(conn, kafka.DefaultBatchBytes)
	require.NoError(b, err)
	defer producer.Close()
	arrived := make(chan probe, latencyProbes)
	web := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { arrived <- probe{r.URL.Path[1:], time.Now()} }))
	defer web.Close()
	send := func(topic, key string) {
		producer.Produce(context.Background(), &kafka.Record{Topic: topic, Partition: kafka.ByKey, Key: []byte(key)}, func(error) {})
	}
	ctx, cancel := context.WithCancel(b.Context())
	var consumers sync.WaitGroup
	defer consumers.Wait()
	defer cancel()
	consumers.Go(func() {
		forward(ctx, b, conn, specs[0].Name, latencyWindow, func(key string) { send(specs[1].Name, key) })
	})
	consumers.Go(func() {
		forward(ctx, b, conn, specs[1].Name, latencyLinger, func(key string) {
			if res, err := http.Post(web.URL+"/"+key, "", nil); err == nil {
				_ = res.Body.Close()
			}
		})
	})
	for b.Loop() {
		waits := probeBare(func(key string) { send(specs[0].Name, key) }, arrived)
		b.ReportMetric(waits[len(waits)/2].Seconds()*1000, "p50-ms")
	}
}

// probe is where and when a message arrived.
type probe struct {
	key string
	at  time.Time
}

// forward sends each message of a topic on after a delay.
func forward(ctx context.Context, b *testing.B, conn kafka.Connection, topic string, wait time.Duration, onward func(key string)) {
	client, err := kgo.NewClient(append(conn.Options(), kgo.ConsumeTopics(topic))...)
	require.NoError(b, err)
	defer client.Close()
	for ctx.Err() == nil {
		client.PollFetches(ctx).EachRecord(func(r *kgo.Record) { time.AfterFunc(wait, func() { onward(string(r.Key)) }) })
	}
}

func probeBare(send func(key string), arrived <-chan probe) []time.Duration {
	sent := map[string]time.Time{}
	for i := range latencyProbes {
		key := fmt.Sprintf("%d-%d", i, time.Now().UnixNano())
		sent[key] = time.Now()
		send(key)
		<-time.After(latencyGap)
	}
	var waits []time.Duration
	for range latencyProbes {
		p := <-arrived
		waits = append(waits, p.at.Sub(sent[p.key])-latencyWindow-latencyLinger)
	}
	slices.Sort(waits)
	return waits
}
