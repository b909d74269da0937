package shopee

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"stockpush/channels/channeltest"
	"stockpush/channels/shopee/sandbox"
	"stockpush/channels/shopee/tokens"
	"stockpush/channels/worker"
	"stockpush/processor/stream"
	"stockpush/processor/stream/kafka"
	"stockpush/processor/stream/streamtest"
	"stockpush/schemas"
	"stockpush/schemas/schemastest"
	"stockpush/schemas/wire"
)

// syncBuffer is written by a log while a test reads it.
type syncBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// direct brings requests to a server without a network, so that time may be a bubble's.
type direct struct {
	channeltest.Times
	server http.Handler
}

func (d *direct) RoundTrip(r *http.Request) (res *http.Response, err error) {
	shopID, _ := strconv.ParseInt(r.URL.Query().Get("shop_id"), 10, 64)
	if shopID == 0 && r.Body != nil {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		var asks struct {
			ShopID int64 `json:"shop_id"`
		}
		if err := json.Unmarshal(body, &asks); err != nil {
			return nil, err
		}
		shopID, r.Body = asks.ShopID, io.NopCloser(bytes.NewReader(body))
	}
	d.Add(shopID)
	answer := httptest.NewRecorder()
	defer func() {
		if recover() != nil {
			res, err = nil, errors.New("the connection was cut")
		}
	}()
	d.server.ServeHTTP(answer, r)
	return answer.Result(), nil
}

// lanes are a stage, a client and a sandbox in a bubble, without a broker.
type lanes struct {
	*direct
	t       *testing.T
	sandbox *sandbox.Sandbox
	client  *Client
	stage   *worker.Handler
	logged  *syncBuffer
	deliver func([]*kafka.Record)
	offset  int64
	mu      sync.Mutex
	records map[string]schemas.Record
	finish  func()
}

func newLanes(t *testing.T, shopee sandbox.Config, cfg channeltest.Settings) *lanes {
	file := filepath.Join(t.TempDir(), "tokens.json")
	shopee.TokensFile = file
	s, err := sandbox.New(shopee)
	require.NoError(t, err)
	l := &lanes{t: t, sandbox: s, direct: &direct{server: s}, records: map[string]schemas.Record{}}
	pacer := cfg.Pacer()
	l.logged = &syncBuffer{}
	logger := slog.New(slog.NewTextHandler(l.logged, nil))
	c, err := New(
		Config{BaseURL: "http://sandbox", PartnerID: sandbox.DefaultPartnerID, PartnerKey: sandbox.DefaultPartnerKey, Timeout: 10 * time.Second},
		Deps{Tokens: tokens.NewFileStore(file, nil), Pace: pacer.Wait, Logger: logger})
	require.NoError(t, err)
	c.api.HTTP.Transport = l.direct
	l.client = c
	stage, err := worker.New(cfg.Config, worker.Deps{
		Channel: c, Pacer: pacer, LogID: 1, Producer: l, DeadLetters: l, Topics: "t", RecordPartitions: 1, History: channeltest.History{},
		Logger: logger, Metrics: worker.NewMetrics(prometheus.NewRegistry()),
	})
	require.NoError(t, err)
	l.stage = stage
	var a *stream.Assignment
	a, l.deliver = streamtest.NewAssignment(t.Context(), "t.commands", 0)
	ended := make(chan error, 1)
	go func() { ended <- stage.Run(t.Context(), a) }()
	l.finish = func() {
		l.deliver(nil)
		require.NoError(t, <-ended)
		c.Close()
	}
	return l
}

// watch tells the stage of changed tokens until finish.
func (l *lanes) watch() {
	ctx, stop := context.WithCancel(l.t.Context())
	var watching sync.WaitGroup
	watching.Go(func() { _ = tokens.Watch(ctx, l.client.tokens, l.stage.CredentialsChanged) })
	finish := l.finish
	l.finish = func() {
		stop()
		watching.Wait()
		finish()
	}
}

// Produce keeps the best record of each event and acknowledges at once.
func (l *lanes) Produce(_ context.Context, r *kafka.Record, done func(error)) {
	if r.Topic == schemas.Topics("t").Records() {
		l.mu.Lock()
		_ = wire.DecodeRecords(bytes.Clone(r.Value), func(rec *schemas.Record) error {
			if rec.Status >= l.records[rec.EventID].Status {
				l.records[rec.EventID] = *rec
			}
			return nil
		})
		l.mu.Unlock()
	}
	done(nil)
}

// push delivers the command to push a quantity of a model.
func (l *lanes) push(e schemas.Event) string {
	l.offset++
	e.EventID, e.Position = fmt.Sprintf("e-%d", l.offset), schemas.Position{LogID: 1, Offset: l.offset}
	e.Key.Channel, e.Key.StoreSKU = schemas.ChannelShopee, fmt.Sprintf("%d-%d", e.ItemID, e.ModelID)
	if e.Reason == 0 {
		e.Reason, e.RepeatsOffset = schemas.SyncOrder, schemas.NoOffset
	}
	value := schemastest.AppendCommand(nil, &schemas.Command{Event: e, QueuedAt: time.Now()})
	l.deliver([]*kafka.Record{{Topic: "t.commands", Offset: l.offset, Key: []byte(e.Key.String()), Value: value}})
	return e.EventID
}

func (l *lanes) record(eventID string) schemas.Record {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.records[eventID]
}

func (l *lanes) count(status schemas.Status) (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, r := range l.records {
		if r.Status == status {
			n++
		}
	}
	return n
}

// Tokens that are revoked and lost replies bring refreshes, repeats and reads
// (two calls each, for an item without models) on top of pushes.
func TestCallsOfEveryKindKeepToTheLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const shops = 20
		cfg := channeltest.Defaults()
		l := newLanes(t, sandbox.Config{Shops: shops}, cfg)
		sent := 0
		for second := range int64(60) {
			if second%10 == 0 {
				require.NoError(t, l.sandbox.AddFault(sandbox.Fault{Kind: "expire_token"}))
			}
			require.NoError(t, l.sandbox.AddFault(sandbox.Fault{Kind: "lost_reply", Times: 1}))
			for shop := range int64(shops) {
				l.push(schemas.Event{Key: schemas.Key{ShopID: sandbox.FirstShopID + shop}, ItemID: 1 + second%20, Available: second})
				sent++
			}
			time.Sleep(time.Second)
		}
		time.Sleep(5 * time.Minute)
		require.Equal(t, sent, l.count(schemas.Successfully)+l.count(schemas.Skipped))
		require.LessOrEqual(t, l.MostIn(time.Second), int(cfg.AppRate)+1)
		require.Greater(t, channeltest.Most(l.All()[:1000], 10*time.Second), int(9*cfg.AppRate), "the rate is made use of")
		for shop := range int64(shops) {
			require.LessOrEqual(t, channeltest.Most(l.Of(sandbox.FirstShopID+shop), time.Second), int(cfg.ShopRate)+1)
			for _, s := range l.sandbox.Stock(sandbox.FirstShopID + shop) {
				require.Equal(t, 40+s.ItemID-1, s.Stock, "shop %d item %d", shop, s.ItemID)
			}
		}
		l.finish()
	})
}

func TestATokenThatEndsEvery2SecondsUnderLoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const shops, seconds = 10, 120
		cfg := channeltest.Defaults()
		cfg.ShopRate, cfg.AppRate = 50, 500
		l := newLanes(t, sandbox.Config{Shops: shops, TokenLife: 2 * time.Second}, cfg)
		for i := range int64(seconds * 4) {
			for shop := range int64(shops) {
				for item := range int64(5) {
					l.push(schemas.Event{Key: schemas.Key{ShopID: sandbox.FirstShopID + shop}, ItemID: 1 + item, Available: i})
				}
			}
			time.Sleep(time.Second / 4)
		}
		time.Sleep(time.Minute)
		require.EqualValues(t, l.offset, l.count(schemas.Successfully)+l.count(schemas.Skipped), "no event is lost")
		require.Greater(t, l.count(schemas.Successfully), seconds*shops*5)
		for shop := range int64(shops) {
			require.InDelta(t, seconds/1.5, len(l.sandbox.Refreshes(sandbox.FirstShopID+shop)), seconds/1.5/4, "one for each expiry, a quarter of its life ahead")
			for _, s := range l.sandbox.Stock(sandbox.FirstShopID + shop) {
				require.EqualValues(t, seconds*4-1, s.Stock)
			}
		}
		require.Zero(t, l.sandbox.Stats().RefusedRefreshes, "no refresh token is spent twice")
		l.finish()
	})
}

// consent lets the app into a shop again, as `stockpush authorize` does.
func (l *lanes) consent(code string) {
	require.NoError(l.t, l.client.Exchange(l.t.Context(), code, sandbox.FirstShopID))
}

func TestRetriesOneSecondAfterANewConsentSucceed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const items, models = 100, 50
		l := newLanes(t, sandbox.Config{Shops: 2}, channeltest.Defaults())
		l.watch()
		shop := schemas.Key{ShopID: sandbox.FirstShopID}
		require.NoError(t, l.sandbox.AddFault(sandbox.Fault{ShopID: shop.ShopID, Kind: "unlink"}))
		for n := range int64(items * models) {
			l.push(schemas.Event{Key: shop, ItemID: 1 + n/models, ModelID: 1 + n%models, Available: n})
		}
		time.Sleep(30 * time.Second)
		require.Equal(t, items*models, l.count(schemas.Failed), "they fail at once, so that they are seen")
		require.LessOrEqual(t, len(l.Of(shop.ShopID)), 3, "without a flood of calls")
		l.consent("again")
		time.Sleep(time.Second)
		failed := l.offset
		for n := range int64(items * models) {
			l.push(schemas.Event{
				Key: shop, ItemID: 1 + n/models, ModelID: 1 + n%models, Available: n,
				Reason: schemas.PushNow, RepeatsOffset: n + 1, RetryOf: fmt.Sprintf("e-%d", n+1),
			})
		}
		time.Sleep(5 * time.Minute)
		require.Equal(t, items*models, l.count(schemas.Successfully))
		require.EqualValues(t, failed, l.count(schemas.Failed))
		require.EqualValues(t, items, l.sandbox.Stats().Calls, "50 models a call, and none twice")
		require.Equal(t, 1, strings.Count(l.logged.String(), "msg=\"shop held\""))
		require.Equal(t, 1, strings.Count(l.logged.String(), "shop no longer held"))
		l.finish()
	})
}
