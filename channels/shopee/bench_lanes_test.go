package shopee

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"stockpush/channels/channeltest"
	"stockpush/channels/shopee/api"
	"stockpush/channels/shopee/sandbox"
	"stockpush/channels/shopee/tokens"
	"stockpush/channels/worker"
	"stockpush/processor/stream/kafka"
	"stockpush/processor/stream/streamtest"
	"stockpush/schemas"
	"stockpush/schemas/schemastest"
)

const (
	benchShops = 4   // each in a partition of its own
	benchItems = 200 // of each shop in one round
	// benchPartitions are the records topic's, as it is made.
	benchPartitions = 12
)

// pushed counts finished commands: a producer that acknowledges at once. Their
// states, one a command, are the last that is written of them.
type pushed struct {
	states   string
	finished atomic.Int64
}

func (p *pushed) Produce(_ context.Context, r *kafka.Record, done func(error)) {
	if r.Topic == p.states {
		p.finished.Add(1)
	}
	done(nil)
}

// lanesOnTheNet is a stage with its client, without limits, and a sandbox behind a socket.
type lanesOnTheNet struct {
	client  *Client
	sandbox *sandbox.Sandbox
	pushed  *pushed
	deliver []func([]*kafka.Record)
	offset  int64
	// models is how many of each item wait.
	models int64
}

func newLanesOnTheNet(b *testing.B, models int64) *lanesOnTheNet {
	l := &lanesOnTheNet{models: models, pushed: &pushed{states: schemas.Topics("t").State()}}
	file := filepath.Join(b.TempDir(), "tokens.json")
	var err error
	l.sandbox, err = sandbox.New(sandbox.Config{TokensFile: file, Shops: benchShops, MaxCalls: 100})
	require.NoError(b, err)
	server := httptest.NewServer(l.sandbox)
	cfg := channeltest.Defaults()
	cfg.ShopRate, cfg.AppRate, cfg.ShopConcurrency, cfg.BatchLinger = 1e9, 1e9, benchClients/benchShops, 0
	pacer := cfg.Pacer()
	l.client, err = New(
		Config{BaseURL: server.URL, PartnerID: sandbox.DefaultPartnerID, PartnerKey: sandbox.DefaultPartnerKey, Timeout: 10 * time.Second},
		Deps{Tokens: tokens.NewFileStore(file, nil), Pace: pacer.Wait})
	require.NoError(b, err)
	stage, err := worker.New(cfg.Config, worker.Deps{
		Channel: l.client, Pacer: pacer, LogID: 1, Producer: l.pushed, DeadLetters: l.pushed, Topics: "t", RecordPartitions: benchPartitions, History: channeltest.History{},
		Logger: slog.New(slog.DiscardHandler), Metrics: worker.NewMetrics(prometheus.NewRegistry()),
	})
	require.NoError(b, err)
	var ended sync.WaitGroup
	for p := range int32(benchShops) {
		a, deliver := streamtest.NewAssignment(b.Context(), "t.commands", p)
		l.deliver = append(l.deliver, deliver)
		ended.Go(func() { require.NoError(b, stage.Run(b.Context(), a)) })
	}
	l.waitFor(b, benchShops) // each owner's claim is a message among the states
	b.Cleanup(func() {
		for _, deliver := range l.deliver {
			deliver(nil)
		}
		ended.Wait()
		l.client.Close()
		server.Close()
	})
	return l
}

// round lets every model of every item wait, as its commands come from Kafka.
func (l *lanesOnTheNet) round(qty int64) [][]*kafka.Record {
	var batches [][]*kafka.Record
	for item := range int64(benchItems) {
		for shop := range int64(benchShops) {
			batches = append(batches, l.batch(sandbox.FirstShopID+shop, item, qty))
		}
	}
	return batches
}

// batch has the commands of an item's models, whose memory is one fetch's.
func (l *lanesOnTheNet) batch(shopID, item, qty int64) []*kafka.Record {
	const room = 512
	fetch, records := make([]byte, 0, room*l.models), make([]kafka.Record, l.models)
	batch := make([]*kafka.Record, 0, l.models)
	for model := range l.models {
		l.offset++
		e := schemas.Event{
			EventID: fmt.Sprintf("0190d3b2-7c1e-7a55-9d2f-%012d", l.offset), Reason: schemas.SyncOrder,
			Key:    schemas.Key{Channel: schemas.ChannelShopee, ShopID: shopID, StoreSKU: fmt.Sprintf("SKU-%d-%d", item, model)},
			ItemID: 1 + item, ModelID: 1 + model, Available: qty, RepeatsOffset: schemas.NoOffset, OccurredAt: time.Now(), TriggeredAt: time.Now(),
			Position: schemas.Position{LogID: 1, Offset: l.offset},
		}
		from := len(fetch)
		fetch = append(fetch, e.Key.String()...)
		key := fetch[from:len(fetch):len(fetch)]
		from = len(fetch)
		fetch = schemastest.AppendCommand(fetch, &schemas.Command{Event: e, QueuedAt: time.Now()})
		records[model] = kafka.Record{Topic: "t.commands", Offset: l.offset, Key: key, Value: fetch[from:len(fetch):len(fetch)]}
		batch = append(batch, &records[model])
	}
	return batch
}

// BenchmarkLanes is the whole stage without Kafka: commands in, records
// and states out, and between them the calls, beside the same signed calls by a
// bare net/http client that keeps its connections. Each model of a call is a
// command, a record and a state, which the bare client knows nothing of. It builds
// and signs the same body, and of the answer it reads the envelope: the verdicts
// of the models it does not look at, which a client that acts on them has to.
func BenchmarkLanes(b *testing.B) {
	for _, models := range []int64{1, maxLines} {
		b.Run(fmt.Sprintf("%d-models", models), func(b *testing.B) { benchLanes(b, models) })
	}
}

func benchLanes(b *testing.B, models int64) {
	l := newLanesOnTheNet(b, models)
	pair, err := l.client.tokens.Read(b.Context()).Of(sandbox.FirstShopID)
	require.NoError(b, err)
	bare := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: benchClients}}
	b.Cleanup(bare.CloseIdleConnections)
	var pushing, calling time.Duration
	calls := int64(0)
	// A process opens its connections and adds its store SKUs only once.
	l.timedRound(b, 0)
	l.timedBare(b, bare, pair)
	for b.Loop() {
		before := l.sandbox.Stats().Calls
		pushing += l.timedRound(b, int64(b.N))
		calls += l.sandbox.Stats().Calls - before
		calling += l.timedBare(b, bare, pair)
	}
	items := int64(b.N * benchItems * benchShops)
	require.Equal(b, items, calls, "one call for each item that is due")
	due := float64(items)
	b.ReportMetric(due/pushing.Seconds(), "pushes/s")
	b.ReportMetric(due/calling.Seconds(), "bare-calls/s")
	b.ReportMetric(calling.Seconds()/pushing.Seconds(), "ratio")
	b.ReportMetric(float64(calls)/due, "calls/item")
}

func (l *lanesOnTheNet) timedRound(b *testing.B, qty int64) time.Duration {
	batches := l.round(qty)
	want := l.pushed.finished.Load() + int64(len(batches))*l.models
	begun := time.Now()
	for i, batch := range batches {
		l.deliver[i%benchShops](batch)
	}
	l.waitFor(b, want)
	return time.Since(begun)
}

func (l *lanesOnTheNet) waitFor(b *testing.B, finished int64) {
	for l.pushed.finished.Load() < finished {
		require.NoError(b, b.Context().Err())
		time.Sleep(100 * time.Microsecond)
	}
}

func (l *lanesOnTheNet) timedBare(b *testing.B, bare *http.Client, pair tokens.Pair) time.Duration {
	var next atomic.Int64
	var failed atomic.Bool
	var all sync.WaitGroup
	begun := time.Now()
	for range benchClients {
		all.Go(func() {
			for item := next.Add(1); item <= benchItems*benchShops; item = next.Add(1) {
				if !bareCall(b, bare, l.client.api.URL(api.Request{Path: api.PathUpdateStock, ShopID: sandbox.FirstShopID, Token: pair.AccessToken}), encode(benchCall(item, l.models))) {
					failed.Store(true)
				}
			}
		})
	}
	all.Wait()
	require.False(b, failed.Load(), "a call failed")
	return time.Since(begun)
}
