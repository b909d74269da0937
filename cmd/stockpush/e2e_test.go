package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockpush/channels/shopee/sandbox"
	"stockpush/cmd/internal/config"
	"stockpush/cmd/internal/embedded/embeddedtest"
	"stockpush/cmd/internal/kafkaconn"
	"stockpush/cmd/internal/programtest"
	"stockpush/cmd/internal/service"
	"stockpush/cmd/internal/setup"
	"stockpush/processor/stream/kafka"
	"stockpush/schemas"
	"stockpush/schemas/schemastest"
	"stockpush/schemas/stockevent"
	"stockpush/sinks/clickhouse"
)

func TestMain(m *testing.M) { embeddedtest.Main(m, programtest.Remove) }

// system is the running system: the broker (embedded, or at STOCKPUSH_TEST_KAFKA), the real
// ClickHouse, the sandbox and all roles.
type system struct {
	t        testing.TB
	cfg      config.Config
	sandbox  *sandbox.Sandbox
	store    *clickhouse.Store
	conn     kafka.Connection
	producer *kafka.ClusterProducer
	topics   schemas.Topics
	// console is the page's address, webhook the address for push messages.
	console, webhook string
	stop             func()
}

// prefix returns a topic prefix that separates test runs on one Kafka.
func prefix(t testing.TB) string {
	name := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, t.Name())
	return fmt.Sprintf("%s-%d", name, time.Now().UnixNano())
}

func newSystem(t testing.TB, change func(*config.Config)) *system {
	return newSandboxedSystem(t, sandbox.Config{}, change)
}

// newSandboxedSystem returns a system with another sandbox configuration.
func newSandboxedSystem(t testing.TB, shopee sandbox.Config, change func(*config.Config)) *system {
	s := &system{t: t}
	var err error
	brokers := os.Getenv("STOCKPUSH_TEST_KAFKA")
	if brokers == "" {
		brokers = embeddedtest.StartBroker(t).Addr()
	}
	server, database := embeddedtest.NewDatabase(t)
	tokens := filepath.Join(t.TempDir(), "tokens.json")
	shopee.TokensFile = tokens
	s.sandbox, err = sandbox.New(shopee)
	require.NoError(t, err)
	web := httptest.NewServer(s.sandbox)
	t.Cleanup(func() { web.Close(); s.sandbox.Wait() })
	loaded, err := config.Load(config.Source{})
	require.NoError(t, err)
	s.cfg = demoConfig(loaded.Config, demoAddresses{brokers, server.Addr(), server.Password(), web.URL, tokens})
	s.cfg.Kafka.TopicPrefix, s.cfg.Kafka.Partitions = prefix(t), 4
	s.cfg.ClickHouse.Database = database
	s.cfg.Processor.Window = 300 * time.Millisecond
	s.cfg.Ops.Listen, s.cfg.Console.Listen = "127.0.0.1:0", "127.0.0.1:0"
	s.cfg.Sinks.BatchInterval = 50 * time.Millisecond
	if change != nil {
		change(&s.cfg)
	}
	s.topics = schemas.Topics(s.cfg.Kafka.TopicPrefix)
	s.store, err = service.OpenStore(s.cfg.ClickHouse, nil, nil)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.store.Close()) })
	s.conn, err = kafkaconn.From(s.cfg.Kafka, nil)
	require.NoError(t, err)
	changes, err := setup.Apply(t.Context(), setup.Target{Kafka: s.cfg.Kafka, Connection: s.conn, Store: s.store}, setup.Options{})
	require.NoError(t, err)
	require.NotEmpty(t, changes)
	s.producer, err = kafka.NewProducer(s.conn, kafka.DefaultBatchBytes)
	require.NoError(t, err)
	t.Cleanup(s.producer.Close)
	s.start()
	return s
}

// start runs all roles and waits until they serve.
func (s *system) start() {
	ctx, cancel := context.WithCancel(context.Background())
	ready, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		running := service.Running{
			Roles: service.Roles(), Ready: func() { close(ready) },
			Console: func(url string) { s.console = url }, Webhook: func(address string) { s.webhook = address },
		}
		ended <- service.Run(ctx, s.cfg, running, slog.New(slog.DiscardHandler))
	}()
	s.stop = sync.OnceFunc(func() {
		cancel()
		require.NoError(s.t, <-ended)
	})
	s.t.Cleanup(s.stop)
	select {
	case <-ready:
	case err := <-ended:
		ended <- nil
		require.NoError(s.t, err)
	case <-time.After(60 * time.Second):
		require.Fail(s.t, "not ready within a minute")
	}
}

func event(shop int64, sku string, n int) schemas.Event {
	return schemas.Event{
		EventID: fmt.Sprintf("%s-%d", sku, n), Reason: schemas.SyncOrder,
		Key:         schemas.Key{Channel: schemas.ChannelShopee, ShopID: shop, StoreSKU: sku},
		MerchantSKU: "M-" + sku, ItemID: 500, ModelID: 7, Available: int64(n), OccurredAt: time.Now().UTC().Truncate(time.Millisecond),
		RepeatsOffset: schemas.NoOffset,
	}
}

func (s *system) send(events ...schemas.Event) {
	s.t.Helper()
	for i := range events {
		s.sendRaw([]byte(events[i].Key.String()), stockevent.Encode(&events[i]))
	}
	require.NoError(s.t, s.producer.Flush(s.t.Context()))
}

func (s *system) sendRaw(key, value []byte) {
	r := &kafka.Record{Topic: s.topics.Events(), Partition: kafka.ByKey, Key: key, Value: value}
	s.producer.Produce(s.t.Context(), r, func(err error) { require.NoError(s.t, err) })
}

// one returns the single value of a query; {db} stands for the database.
func one[T any](s *system, query string) T {
	s.t.Helper()
	return embeddedtest.One[T](s.t, s.store.Conn(), s.ofDatabase(query))
}

func eventually[T comparable](s *system, want T, query string) {
	s.t.Helper()
	embeddedtest.Eventually(s.t, s.store.Conn(), want, s.ofDatabase(query))
}

func (s *system) ofDatabase(query string) string {
	return strings.ReplaceAll(query, "{db}", s.cfg.ClickHouse.Database)
}

func TestE2EOnlyTheNewestOf100EventsIsPushed(t *testing.T) {
	t.Parallel()
	s := newSystem(t, func(c *config.Config) { c.Processor.Window = time.Second })
	var events []schemas.Event
	for i := 1; i <= 100; i++ {
		events = append(events, event(10001, "TSHIRT/RED L", i))
	}
	s.send(events...)
	eventually(s, uint64(100), "SELECT count() FROM {db}.push_record_history WHERE status IN ('Successfully', 'Skipped')")
	calls := s.sandbox.Calls(10001)
	require.Len(t, calls, 1)
	require.Equal(t, []sandbox.Line{{ModelID: 7, Stock: 100, Applied: true}}, calls[0].Lines)
	require.Equal(t, uint64(99), one[uint64](s, "SELECT count() FROM {db}.push_record_history WHERE status = 'Skipped'"+
		" AND superseded_by_offset > event_offset AND superseded_by != '' AND queued_at IS NULL"))
	require.Equal(t, "Successfully TSHIRT/RED L-100 100 100", one[string](s,
		"SELECT concat(toString(status), ' ', event_id, ' ', toString(push_qty), ' ', toString(after_qty)) FROM {db}.push_record_history WHERE status != 'Skipped'"))
	eventually(s, uint64(100), "SELECT sum(records) FROM {db}.push_stats_hourly")
}

func TestE2ELatestHundredRecordsOfAStoreSKU(t *testing.T) {
	t.Parallel()
	s := newSystem(t, nil)
	for i := 1; i <= 250; i++ {
		e := event(10001, "busy", i)
		s.sendRaw([]byte(e.Key.String()), stockevent.Encode(&e))
	}
	require.NoError(t, s.producer.Flush(t.Context()))
	eventually(s, uint64(250), "SELECT count() FROM {db}.push_records FINAL WHERE status != 'Pending'")
	require.Equal(t, uint64(100), one[uint64](s, "SELECT count() FROM {db}.push_record_history"))
	require.Equal(t, "busy-151", one[string](s, "SELECT argMin(event_id, event_offset) FROM {db}.push_record_history"))
	require.NoError(t, s.store.Trim(t.Context()))
	require.LessOrEqual(t, one[uint64](s, "SELECT count() FROM {db}.push_records"), uint64(110))
	require.Equal(t, uint64(100), one[uint64](s, "SELECT count() FROM {db}.push_record_history"))
	eventually(s, uint64(250), "SELECT sum(records) FROM {db}.push_stats_hourly")
}

func TestE2EFiftyModelsAreOneCallWithAVerdictEach(t *testing.T) {
	t.Parallel()
	s := newSystem(t, nil)
	item := sandbox.Item{ShopID: 10002, ItemID: 500}
	for m := int64(1); m <= 50; m++ {
		described := sandbox.Model{ModelID: m, Locked: m == 3, Stock: 1}
		if m == 2 {
			described.Reserved = 1000
		}
		if m != 1 {
			item.Models = append(item.Models, described)
		}
	}
	require.NoError(t, s.sandbox.Describe(item))
	var events []schemas.Event
	for m := 1; m <= 50; m++ {
		e := event(10002, fmt.Sprintf("model-%02d", m), 5)
		e.ModelID = int64(m)
		events = append(events, e)
	}
	s.send(events...)
	eventually(s, uint64(50), "SELECT count() FROM {db}.push_record_history WHERE status IN ('Successfully', 'Failed')")
	require.Len(t, s.sandbox.Calls(10002), 1)
	require.Equal(t, uint64(47), one[uint64](s, "SELECT count() FROM {db}.push_record_history WHERE status = 'Successfully' AND after_qty = 5"))
	eventually(s, "model-01 model_not_found,model-02 below_promotion_reserve,model-03 promotion_locked",
		"SELECT arrayStringConcat(arraySort(groupArray(concat(store_sku, ' ', failure_code))), ',') FROM {db}.failed_push_records WHERE hint != '' AND failure_class != '' AND failure_reason != ''")
	require.Equal(t, "1000 Shopee reserves 1000.", one[string](s,
		"SELECT concat(toString(assumeNotNull(promotion_floor)), extract(hint, ' Shopee reserves [0-9]+.')) FROM {db}.failed_push_records WHERE promotion_floor IS NOT NULL"))
}

func TestE2EEveryReasonAndTheQuantityRule(t *testing.T) {
	t.Parallel()
	s := newSystem(t, nil)
	for _, reason := range schemas.Reasons() {
		e := event(10003, "reason-"+reason.Slug(), 10)
		e.Reason, e.ModelID = reason, int64(reason)
		e.PromotionReserved = int64(reason)
		if reason == schemas.StockCount {
			e.Available = -4
		}
		s.send(e)
	}
	eventually(s, uint64(17), "SELECT count() FROM {db}.push_record_history WHERE status = 'Successfully'")
	for _, reason := range schemas.Reasons() {
		where := " FROM {db}.push_record_history WHERE store_sku = 'reason-" + reason.Slug() + "'"
		require.Equal(t, reason.Label(), one[string](s, "SELECT toString(reason)"+where))
		require.Equal(t, int8(reason), one[int8](s, "SELECT CAST(reason, 'Int8')"+where))
		want := int64(10 + reason)
		if reason == schemas.StockCount {
			want = int64(reason)
		}
		require.Equal(t, want, one[int64](s, "SELECT push_qty"+where))
	}
	require.Equal(t, int64(-4), one[int64](s, "SELECT available FROM {db}.push_record_history WHERE store_sku = 'reason-stock_count'"))
}

func TestE2EBadEventsAreRejectedWithoutStalling(t *testing.T) {
	t.Parallel()
	s := newSystem(t, nil)
	bad := schemastest.BadEvents()
	require.GreaterOrEqual(t, len(bad), 40)
	for i, b := range bad {
		s.sendRaw([]byte(b.Key), []byte(b.Value))
		e := event(10004, fmt.Sprintf("good-%d", i), i)
		e.ModelID = int64(i + 1)
		s.sendRaw([]byte(e.Key.String()), stockevent.Encode(&e))
	}
	wrong := event(10004, "elsewhere", 1)
	key := []byte(wrong.Key.String())
	partition := (schemas.PartitionFor(key, s.cfg.Kafka.Partitions) + 1) % int32(s.cfg.Kafka.Partitions)
	s.producer.Produce(t.Context(), &kafka.Record{Topic: s.topics.Events(), Partition: partition, Key: key, Value: stockevent.Encode(&wrong)}, func(err error) { require.NoError(t, err) })
	require.NoError(t, s.producer.Flush(t.Context()))
	eventually(s, uint64(len(bad)), "SELECT count() FROM {db}.push_record_history WHERE status = 'Successfully'")
	eventually(s, uint64(len(bad)+1), "SELECT count() FROM {db}.rejected_events")
	for _, b := range bad {
		if b.Value == "" {
			continue
		}
		query := fmt.Sprintf("SELECT any(error_code) FROM {db}.rejected_events WHERE value = unhex('%x') AND key = unhex('%x')", b.Value, b.Key)
		require.Equal(t, b.Code, one[string](s, query), b.Name)
	}
	require.Equal(t, uint64(1), one[uint64](s, "SELECT count() FROM {db}.rejected_events WHERE error_code = 'wrong_partition'"))
	letters := 0
	for p := range int32(s.cfg.Kafka.Partitions) {
		require.NoError(t, kafka.ReadPartition(t.Context(), s.conn, s.topics.DeadLetters(), p, func(*kafka.Record) error { letters++; return nil }))
	}
	require.Equal(t, len(bad)+1, letters)
}

func TestE2ERestartRepeatsAndLosesNothing(t *testing.T) {
	t.Parallel()
	s := newSystem(t, nil)
	for i := range 20 {
		e := event(10005, fmt.Sprintf("sku-%d", i), i)
		e.ModelID = int64(i + 1)
		s.send(e)
	}
	eventually(s, uint64(20), "SELECT count() FROM {db}.push_record_history WHERE status = 'Successfully'")
	calls := len(s.sandbox.Calls(10005))
	s.stop()
	e := event(10005, "sku-0", 77)
	e.ModelID = 1
	s.send(e)
	s.start()
	eventually(s, uint64(21), "SELECT count() FROM {db}.push_record_history WHERE status = 'Successfully'")
	require.Len(t, s.sandbox.Calls(10005), calls+1)
	require.Equal(t, int64(0), one[int64](s, "SELECT assumeNotNull(before_qty) FROM {db}.push_record_history WHERE event_id = 'sku-0-77'"))
}

func TestE2EOnlyTheNewestIsPushedAfterAnOutage(t *testing.T) {
	t.Parallel()
	s := newSystem(t, func(c *config.Config) { c.Shopee.Breaker.OpenFor = time.Second })
	require.NoError(t, s.sandbox.AddFault(sandbox.Fault{ShopID: 10006, Kind: "outage"}))
	s.send(event(10006, "down", 1))
	eventually(s, uint64(1), "SELECT count() FROM {db}.push_record_history WHERE status = 'Pending'")
	s.send(event(10006, "down", 2))
	eventually(s, "down-2", "SELECT superseded_by FROM {db}.push_record_history WHERE event_id = 'down-1'")
	s.sandbox.RemoveFaults(0, "")
	eventually(s, "Successfully", "SELECT toString(status) FROM {db}.push_record_history WHERE event_id = 'down-2'")
	require.Equal(t, []sandbox.Stock{{ItemID: 500, ModelID: 7, Stock: 2}}, s.sandbox.Stock(10006))
}

func TestE2EExpiredAccessTokenIsRefreshed(t *testing.T) {
	t.Parallel()
	s := newSystem(t, nil)
	require.NoError(t, s.sandbox.AddFault(sandbox.Fault{ShopID: 10007, Kind: "expire_token"}))
	s.send(event(10007, "x", 3))
	eventually(s, "Successfully", "SELECT any(toString(status)) FROM {db}.push_record_history WHERE event_id = 'x-3'")
}

// pushes waits until a push succeeds: a process that was just assigned its partitions first waits
// until the calls of their last owner are past.
func (s *system) pushes() {
	s.send(event(10001, "first", 1))
	eventually(s, "Successfully", "SELECT any(toString(status)) FROM {db}.push_record_history WHERE event_id = 'first-1'")
}

func TestE2ELostReplyIsPushedAgainAndReadBack(t *testing.T) {
	t.Parallel()
	s := newSystem(t, nil)
	s.pushes()
	require.NoError(t, s.sandbox.AddFault(sandbox.Fault{ShopID: 10008, Kind: "late", Times: 1, DelayMS: 800}))
	s.send(event(10008, "x", 3))
	eventually(s, uint64(1), "SELECT count() FROM {db}.push_record_history WHERE status = 'Pending'")
	s.send(event(10008, "x", 9))
	eventually(s, "Successfully", "SELECT any(toString(status)) FROM {db}.push_record_history WHERE event_id = 'x-9'")
	require.Eventually(t, func() bool {
		calls := s.sandbox.Calls(10008)
		applied := false
		for _, c := range calls {
			applied = applied || c.Lines[0].Stock == 3
		}
		return applied && s.sandbox.Stock(10008)[0].Stock == 9
	}, 20*time.Second, 50*time.Millisecond)
}
