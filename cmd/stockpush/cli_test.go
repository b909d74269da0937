package main

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"stockpush/channels/shopee/sandbox"
	"stockpush/cmd/internal/config"
	"stockpush/cmd/internal/kafkaconn"
	"stockpush/cmd/internal/programtest"
	"stockpush/cmd/internal/service"
	"stockpush/processor/stream/kafka"
	"stockpush/schemas"
	"stockpush/schemas/schemastest"
)

// surroundings are the servers that a command uses, and its configuration file.
type surroundings struct{ *programtest.Servers }

func newSurroundings(t testing.TB) *surroundings {
	return &surroundings{programtest.StartServers(t, programtest.Options{Shops: 10})}
}

// stockpush runs a command to its end.
func (s *surroundings) stockpush(args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	code = run(append(args, "--config", s.File), &out, &errs)
	return code, out.String(), errs.String()
}

func (s *surroundings) setUp() {
	code, _, errs := s.stockpush("setup")
	require.Equal(s.TB, 0, code, errs)
}

func TestSetupListsChangesAndDifferences(t *testing.T) {
	t.Parallel()
	s := newSurroundings(t)
	code, out, _ := s.stockpush("setup", "--check")
	require.Equal(t, 1, code)
	require.Contains(t, out, "missing or different: topic stockpush.events (3 partitions)")
	require.Contains(t, out, "missing or different: clickhouse table push_records")
	code, out, _ = s.stockpush("setup", "--check")
	require.Equal(t, 1, code, "checking changes nothing")
	require.Contains(t, out, "topic stockpush.events")
	code, out, _ = s.stockpush("setup")
	require.Equal(t, 0, code)
	require.Contains(t, out, "made: topic stockpush.events (3 partitions)")
	require.Contains(t, out, "made: declaration of the events topic as log 1")
	for _, args := range [][]string{{"setup"}, {"setup", "--check"}} {
		code, out, _ = s.stockpush(args...)
		require.Equal(t, 0, code)
		require.Equal(t, "everything is set up\n", out)
	}
}

func TestSetupGrantsOnlyPrints(t *testing.T) {
	s := &surroundings{&programtest.Servers{TB: t, File: filepath.Join(t.TempDir(), "stockpush.yaml")}} // no server runs
	require.NoError(t, os.WriteFile(s.File, []byte("clickhouse: {database: stock}\n"), 0o600))
	code, out, errs := s.stockpush("setup", "--grants", "analyst")
	require.Equal(t, 0, code, errs)
	require.Regexp(t, "^(GRANT SELECT ON `stock`\\.[a-z_]+ TO `analyst`;\n)+$", out)
	require.Contains(t, out, ".failed_push_records ")
	_, out, _ = s.stockpush("setup", "--grants", "analyst", "--clickhouse.cluster", "main")
	require.Regexp(t, "^(GRANT ON CLUSTER 'main' SELECT ON `stock`\\.[a-z_]+ TO `analyst`;\n)+$", out)
	for _, args := range [][]string{{"--grants", ""}, {"--grants", "x", "--check"}, {"--grants", "x", "--new-log"}, {"--check", "--new-log"}} {
		code, _, errs = s.stockpush(append([]string{"setup"}, args...)...)
		require.Equal(t, exitUsage, code, args)
		require.Contains(t, errs, args[0])
	}
}

func TestSetupThatKafkaRefusesSaysWhatToDoAndListsOnlyWhatItCreated(t *testing.T) {
	t.Parallel()
	s := newSurroundings(t)
	code, out, errs := s.stockpush("setup", "--kafka.replication_factor=3")
	require.Equal(t, exitFailed, code)
	require.Contains(t, errs, "set kafka.replication_factor")
	require.Empty(t, out, "nothing was created")
}

func TestCheckReportsEachConnectionWithAHint(t *testing.T) {
	t.Parallel()
	s := newSurroundings(t)
	code, out, _ := s.stockpush("check")
	require.Equal(t, 1, code)
	require.Contains(t, out, "stockpush setup")
	s.setUp()
	code, out, _ = s.stockpush("check")
	require.Equal(t, 0, code, out)
	require.Equal(t, "ok      kafka\nok      events      there are no events yet\nok      clickhouse\nok      shopee      10 of 10 shops ok\n", out)
	collector, _ := startCollector(t)
	code, out, _ = s.stockpush("check", "--tracing.endpoint", collector)
	require.Equal(t, 0, code, out)
	require.Contains(t, out, "ok      tracing\n")
	code, out, _ = s.stockpush("check", "--tracing.endpoint", s.Web.URL)
	require.Equal(t, 1, code)
	require.Contains(t, out, "FAILED  tracing")
	require.Contains(t, out, "see that tracing.endpoint is a collector's")
	s.Web.CloseClientConnections()
	s.Web.Close()
	code, out, _ = s.stockpush("check")
	require.Equal(t, 1, code)
	require.Contains(t, out, "FAILED  shopee")
	require.Contains(t, out, string(schemas.ChannelUnavailable))
}

func TestConfigShowsOriginsAndNoSecret(t *testing.T) {
	s := newSurroundings(t)
	t.Setenv("STOCKPUSH_PROCESSOR_WINDOW", "2s")
	code, out, _ := s.stockpush("config", "--channels.max_pending_age=3h")
	require.Equal(t, 0, code)
	require.Regexp(t, `processor\.window\s*│ 2s\s*│ .*STOCKPUSH_PROCESSOR_WINDOW`, out)
	require.Regexp(t, `channels\.max_pending_age\s*│ 3h`, out)
	require.Contains(t, out, "shopee.partner_key")
	require.NotContains(t, out, sandbox.DefaultPartnerKey)
}

func TestBadConfigurationNamesEveryBadKeyAndExits2(t *testing.T) {
	s := newSurroundings(t)
	s.Configure("processor: {window: -1s}\nnonsense: 1\n")
	for _, command := range []string{"config", "run", "setup", "check", "simulate"} {
		code, _, errs := s.stockpush(command)
		require.Equal(t, 2, code, command)
		require.Contains(t, errs, "nonsense")
		require.Contains(t, errs, "processor.window")
		require.NotContains(t, errs, sandbox.DefaultPartnerKey)
	}
}

func TestEveryCommandRejectsABadConfiguration(t *testing.T) {
	file := filepath.Join(t.TempDir(), "bad.yaml")
	require.NoError(t, os.WriteFile(file, []byte("kafka: {broker: x}\nretry: {limit: 1}\nlog: {level: loud}\n"), 0o600))
	commands := newRoot(io.Discard, io.Discard).Commands()
	require.NotEmpty(t, commands)
	for _, cmd := range commands {
		if cmd.Hidden {
			continue
		}
		for _, more := range [][]string{nil, {"--kafka.partitions=0"}} {
			var out, errs bytes.Buffer
			require.Equal(t, exitUsage, run(append([]string{cmd.Name(), "--config", file}, more...), &out, &errs), cmd.Name())
			require.Empty(t, out.String(), cmd.Name())
			for _, key := range append([]string{"kafka.broker", "retry.limit", "log.level"}, more...) {
				require.Contains(t, errs.String(), strings.TrimSuffix(strings.TrimPrefix(key, "--"), "=0"), cmd.Name())
			}
		}
	}
}

func TestSimulateProducesAtARate(t *testing.T) {
	s := newSurroundings(t)
	s.setUp()
	code, out, errs := s.stockpush("simulate", "--rate", "200", "--for", "500ms", "--burst", "20")
	require.Equal(t, 0, code, errs)
	var made, stored int
	_, err := fmt.Sscanf(out, "%d events produced", &made)
	require.NoError(t, err)
	require.GreaterOrEqual(t, made, 100)
	for p := range int32(3) {
		require.NoError(t, kafka.ReadPartition(t.Context(), s.Conn(), "stockpush.events", p, func(r *kafka.Record) error {
			stored++
			_, err := schemastest.DecodeEvent(r.Key, r.Value)
			return err
		}))
	}
	require.Equal(t, made, stored)
	code, _, errs = s.stockpush("simulate", "--rate", "-1")
	require.Equal(t, 2, code)
	require.Contains(t, errs, "--rate")
}

func (s *surroundings) send(e schemas.Event) {
	s.Produce(1, func() schemas.Event { return e })
}

// The program waits for Kafka. SIGTERM meanwhile is a normal shutdown.
func TestRunWaitsForKafkaAndStopsOnSIGTERM(t *testing.T) {
	t.Parallel()
	s := newSurroundings(t)
	s.setUp()
	s.Configure("kafka_is_elsewhere")
	addr := freeAddr(t)
	text, err := os.ReadFile(s.File)
	require.NoError(t, err)
	text = bytes.ReplaceAll(bytes.ReplaceAll(text, []byte(s.Kafka), []byte(addr)), []byte("kafka_is_elsewhere"), nil)
	require.NoError(t, os.WriteFile(s.File, text, 0o600))
	p := s.Launch()
	p.EventuallyLogged("kafka is unreachable, retrying")
	ops := regexp.MustCompile(`ops.listen=(\S+)`).FindSubmatch(p.Log())
	require.Len(t, ops, 2)
	for probe, want := range map[string]int{"livez": http.StatusOK, "readyz": http.StatusServiceUnavailable} {
		res, err := http.Get("http://" + string(ops[1]) + "/" + probe)
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		require.Equal(t, want, res.StatusCode, probe)
	}
	p.Terminate()
}

func freeAddr(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	return l.Addr().String()
}

func TestSIGHUPReloadsPausedShopsRatesAndLevels(t *testing.T) {
	t.Parallel()
	s := newSurroundings(t)
	s.setUp()
	s.Configure("  paused_shops: [10001]\n")
	p := s.Serve()
	s.send(event(10001, "paused", 5))
	s.send(event(10002, "running", 6))
	shows := func(shop int64) func() bool { return func() bool { return len(s.Sandbox.Calls(shop)) == 1 } }
	require.Eventually(t, shows(10002), 30*time.Second, 20*time.Millisecond)
	require.Empty(t, s.Sandbox.Calls(10001))
	s.Configure("nonsense: 1\n")
	require.NoError(t, p.Cmd.Process.Signal(syscall.SIGHUP))
	p.EventuallyLogged("configuration not reloaded")
	require.Empty(t, s.Sandbox.Calls(10001))
	s.Configure("  paused_shops: []\n  shop_rate: 7\n  shop_concurrency: 3\nlog:\n  kafka_level: debug\n")
	require.NoError(t, p.Cmd.Process.Signal(syscall.SIGHUP))
	p.EventuallyLogged(`msg="configuration reloaded" taken="[shopee.shop_rate shopee.paused_shops log.kafka_level]" needs_restart=[shopee.shop_concurrency]`)
	require.Eventually(t, shows(10001), 30*time.Second, 20*time.Millisecond)
	p.EventuallyLogged("level=DEBUG")
	p.Terminate()
	last := bytes.Split(bytes.TrimSpace(p.Log()), []byte("\n"))
	require.Contains(t, string(last[len(last)-1]), `msg="stopped, everything drained" after=`)
}

func TestSIGHUPReloadsThePartnerKey(t *testing.T) {
	t.Parallel()
	s := newSurroundings(t)
	s.setUp()
	right, err := os.ReadFile(s.File)
	require.NoError(t, err)
	wrong := strings.ReplaceAll(string(right), sandbox.DefaultPartnerKey, "expired-key")
	require.NoError(t, os.WriteFile(s.File, []byte(wrong), 0o600))
	p := s.Serve()
	s.send(event(10001, "x", 5))
	p.EventuallyLogged("shop held")
	require.NoError(t, os.WriteFile(s.File, right, 0o600))
	require.NoError(t, p.Cmd.Process.Signal(syscall.SIGHUP))
	p.EventuallyLogged("shopee.partner_key changed")
	p.EventuallyLogged("shop no longer held") // at once: the probe interval is a minute
	s.send(event(10001, "x", 6))
	pushed := func(c sandbox.Call) bool { return len(c.Lines) == 1 && c.Lines[0].Stock == 6 && c.Lines[0].Applied }
	require.Eventually(t, func() bool { return slices.ContainsFunc(s.Sandbox.Calls(10001), pushed) }, 30*time.Second, 20*time.Millisecond)
	require.NotContains(t, string(p.Log()), sandbox.DefaultPartnerKey)
	p.Terminate()
}

// remakeEvents deletes and recreates the events topic.
func (s *surroundings) remakeEvents(partitions int) {
	client, err := kgo.NewClient(s.Conn().Options()...)
	require.NoError(s.TB, err)
	defer client.Close()
	_, err = kadm.NewClient(client).DeleteTopic(s.TB.Context(), "stockpush.events")
	require.NoError(s.TB, err)
	specs := schemas.Topics("stockpush").Specs(partitions)
	require.NoError(s.TB, kafka.CreateTopics(s.TB.Context(), s.Conn(), specs[:1], 1))
}

// system returns a view of these servers from outside, which produces events.
func (s *surroundings) system() *system {
	loaded, err := config.Load(config.Source{File: s.File})
	require.NoError(s.TB, err)
	v := &system{t: s.TB, cfg: loaded.Config, sandbox: s.Sandbox, topics: schemas.Topics(loaded.Kafka.TopicPrefix)}
	v.conn, err = kafkaconn.From(v.cfg.Kafka, nil)
	require.NoError(s.TB, err)
	v.store, err = service.OpenStore(v.cfg.ClickHouse, nil, nil)
	require.NoError(s.TB, err)
	s.TB.Cleanup(func() { require.NoError(s.TB, v.store.Close()) })
	v.producer, err = kafka.NewProducer(v.conn, kafka.DefaultBatchBytes)
	require.NoError(s.TB, err)
	s.TB.Cleanup(v.producer.Close)
	return v
}
