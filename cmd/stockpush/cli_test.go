package main

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"stockpush/channels/shopee/sandbox"
	"stockpush/cmd/internal/config"
	"stockpush/cmd/internal/embedded/embeddedtest"
	"stockpush/cmd/internal/kafkaconn"
	"stockpush/cmd/internal/service"
	"stockpush/processor/stream"
	"stockpush/schemas"
)

// surroundings are the servers that a command is pointed at, and the file that does it.
type surroundings struct {
	t       testing.TB
	file    string
	broker  string
	sandbox *sandbox.Sandbox
	web     *httptest.Server
	store   string
}

func newSurroundings(t testing.TB) *surroundings { return newSurroundingsOf(t, 10) }

// newSurroundingsOf is surroundings with so many shops.
func newSurroundingsOf(t testing.TB, shops int) *surroundings {
	dir := t.TempDir()
	tokens := filepath.Join(dir, "tokens.json")
	shopee, err := sandbox.New(sandbox.Config{TokensFile: tokens, Shops: shops})
	require.NoError(t, err)
	s := &surroundings{
		t: t, file: filepath.Join(dir, "stockpush.yaml"), broker: embeddedtest.StartBroker(t).Addr(),
		sandbox: shopee, web: httptest.NewServer(shopee), store: embeddedtest.StartClickHouse(t).Addr(),
	}
	t.Cleanup(func() { s.web.Close(); shopee.Wait() })
	s.configure("")
	return s
}

func (s *surroundings) configure(more string) {
	text := fmt.Sprintf(`kafka: {brokers: [%q], partitions: 3}
clickhouse: {addr: %q}
ops: {listen: "127.0.0.1:0"}
console: {listen: "127.0.0.1:0"}
sinks: {batch_interval: 50ms}
shopee:
  base_url: %s
  partner_id: %d
  partner_key: %s
  tokens_file: %s
%s`, s.broker, s.store, s.web.URL, sandbox.DefaultPartnerID, sandbox.DefaultPartnerKey, filepath.Join(filepath.Dir(s.file), "tokens.json"), more)
	require.NoError(s.t, os.WriteFile(s.file, []byte(text), 0o600))
}

// stockpush runs a command to its end.
func (s *surroundings) stockpush(args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	code = run(append(args, "--config", s.file), &out, &errs)
	return code, out.String(), errs.String()
}

func (s *surroundings) setUp() {
	code, _, errs := s.stockpush("setup")
	require.Equal(s.t, 0, code, errs)
}

func TestSetupSaysWhatItChangedAndWhatIsMissing(t *testing.T) {
	s := newSurroundings(t)
	code, out, _ := s.stockpush("setup", "--check")
	require.Equal(t, 1, code)
	require.Contains(t, out, "missing or different: topic stockpush.events (3 partitions)")
	require.Contains(t, out, "missing or different: clickhouse schema 001_push_records")
	code, out, _ = s.stockpush("setup", "--check")
	require.Equal(t, 1, code, "checking changes nothing")
	require.Contains(t, out, "topic stockpush.events")
	code, out, _ = s.stockpush("setup")
	require.Equal(t, 0, code)
	require.Contains(t, out, "made: topic stockpush.events (3 partitions)")
	require.Contains(t, out, "made: events topic declared as log 1")
	for _, args := range [][]string{{"setup"}, {"setup", "--check"}} {
		code, out, _ = s.stockpush(args...)
		require.Equal(t, 0, code)
		require.Equal(t, "everything is set up\n", out)
	}
	code, _, errs := s.stockpush("setup", "--check", "--new-log")
	require.NotZero(t, code, errs)
}

func TestCheckTellsOfEachConnectionAndWhatToDo(t *testing.T) {
	s := newSurroundings(t)
	code, out, _ := s.stockpush("check")
	require.Equal(t, 1, code)
	require.Contains(t, out, "stockpush setup")
	s.setUp()
	code, out, _ = s.stockpush("check")
	require.Equal(t, 0, code, out)
	require.Equal(t, "ok      kafka\nok      clickhouse\nok      shopee\n", out)
	s.web.CloseClientConnections()
	s.web.Close()
	code, out, _ = s.stockpush("check")
	require.Equal(t, 1, code)
	require.Contains(t, out, "FAILED  shopee")
	require.Contains(t, out, string(schemas.ChannelUnavailable))
}

func TestConfigShowsWhereValuesCameFromAndNoSecret(t *testing.T) {
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
	s.configure("processor: {window: -1s}\nnonsense: 1\n")
	for _, command := range []string{"config", "run", "setup", "check", "simulate"} {
		code, _, errs := s.stockpush(command)
		require.Equal(t, 2, code, command)
		require.Contains(t, errs, "nonsense")
		require.Contains(t, errs, "processor.window")
		require.NotContains(t, errs, sandbox.DefaultPartnerKey)
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
		require.NoError(t, stream.ReadPartition(t.Context(), s.conn(), "stockpush.events", p, func(r *stream.Record) error {
			stored++
			_, err := schemas.DecodeEvent(r.Key, r.Value)
			return err
		}))
	}
	require.Equal(t, made, stored)
	code, _, errs = s.stockpush("simulate", "--rate", "-1")
	require.Equal(t, 2, code)
	require.Contains(t, errs, "--rate")
}

func (s *surroundings) conn() stream.Connection {
	return stream.Connection{Brokers: []string{s.broker}, ClientID: "test"}
}

func (s *surroundings) send(e schemas.Event) {
	p, err := stream.NewProducer(s.conn(), stream.DefaultBatchBytes)
	require.NoError(s.t, err)
	defer p.Close()
	r := &stream.Record{Topic: "stockpush.events", Partition: stream.ByKey, Key: []byte(e.Key.String()), Value: schemas.EncodeEvent(&e)}
	p.Produce(s.t.Context(), r, func(err error) { require.NoError(s.t, err) })
	require.NoError(s.t, p.Flush(s.t.Context()))
}

// binary is the program, built once for all tests that need a process.
var binary = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "stockpush-test-")
	if err != nil {
		return "", err
	}
	builtIn = dir
	path := filepath.Join(dir, "stockpush")
	out, err := exec.Command("go", "build", "-o", path, ".").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return path, nil
})

// builtIn is where binary built; empty if no test asked for it.
var builtIn string

func removeBinary() {
	if builtIn != "" {
		_ = os.RemoveAll(builtIn) // a folder left in the temporary ones harms nothing
	}
}

// serving is `stockpush run` as a process.
type serving struct {
	t   testing.TB
	cmd *exec.Cmd
	log *lockedBuffer
}

func (s *surroundings) serve(args ...string) *serving {
	path, err := binary()
	require.NoError(s.t, err)
	return s.serveWith(path, args...)
}

// serveWith is serve by another build of the program.
func (s *surroundings) serveWith(path string, args ...string) *serving {
	p := &serving{t: s.t, cmd: exec.Command(path, append([]string{"run", "--config", s.file}, args...)...), log: &lockedBuffer{}}
	p.cmd.Stderr = p.log
	require.NoError(s.t, p.cmd.Start())
	s.t.Cleanup(func() { _ = p.cmd.Process.Kill(); _ = p.cmd.Wait() })
	p.eventuallyLogged("msg=ready")
	return p
}

func (p *serving) eventuallyLogged(text string) {
	require.Eventually(p.t, func() bool { return bytes.Contains(p.log.bytes(), []byte(text)) }, 30*time.Second, 20*time.Millisecond, "%q is not in the log", text)
}

// terminate sends SIGTERM and wants exit code 0.
func (p *serving) terminate() {
	require.NoError(p.t, p.cmd.Process.Signal(syscall.SIGTERM))
	require.NoError(p.t, p.cmd.Wait(), string(p.log.bytes()))
}

type lockedBuffer struct {
	mu  sync.Mutex
	all []byte
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.all = append(b.all, p...)
	return len(p), nil
}

func (b *lockedBuffer) bytes() []byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	return bytes.Clone(b.all)
}

// A Kafka that is not there yet is waited for; SIGTERM meanwhile is an end like any other.
func TestRunWaitsForKafkaAndEndsWhenTold(t *testing.T) {
	s := newSurroundings(t)
	s.setUp()
	s.configure("kafka_is_elsewhere")
	addr := freeAddr(t)
	text, err := os.ReadFile(s.file)
	require.NoError(t, err)
	text = bytes.ReplaceAll(bytes.ReplaceAll(text, []byte(s.broker), []byte(addr)), []byte("kafka_is_elsewhere"), nil)
	require.NoError(t, os.WriteFile(s.file, text, 0o600))
	path, err := binary()
	require.NoError(t, err)
	p := &serving{t: t, cmd: exec.Command(path, "run", "--config", s.file), log: &lockedBuffer{}}
	p.cmd.Stderr = p.log
	require.NoError(t, p.cmd.Start())
	t.Cleanup(func() { _ = p.cmd.Process.Kill() })
	p.eventuallyLogged("kafka cannot be reached, waiting for it")
	ops := regexp.MustCompile(`ops.listen=(\S+)`).FindSubmatch(p.log.bytes())
	require.Len(t, ops, 2)
	for probe, want := range map[string]int{"livez": http.StatusOK, "readyz": http.StatusServiceUnavailable} {
		res, err := http.Get("http://" + string(ops[1]) + "/" + probe)
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		require.Equal(t, want, res.StatusCode, probe)
	}
	p.terminate()
}

func freeAddr(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	return l.Addr().String()
}

func TestAHangupReadsThePausedShopsAgain(t *testing.T) {
	s := newSurroundings(t)
	s.setUp()
	s.configure("  paused_shops: [10001]\n")
	p := s.serve()
	s.send(event(10001, "paused", 5))
	s.send(event(10002, "running", 6))
	shows := func(shop int64) func() bool { return func() bool { return len(s.sandbox.Calls(shop)) == 1 } }
	require.Eventually(t, shows(10002), 30*time.Second, 20*time.Millisecond)
	require.Empty(t, s.sandbox.Calls(10001))
	s.configure("nonsense: 1\n")
	require.NoError(t, p.cmd.Process.Signal(syscall.SIGHUP))
	p.eventuallyLogged("the configuration stays as it was")
	s.configure("  paused_shops: []\n")
	require.NoError(t, p.cmd.Process.Signal(syscall.SIGHUP))
	require.Eventually(t, shows(10001), 30*time.Second, 20*time.Millisecond)
	p.terminate()
}

// remakeEvents deletes the events topic and makes it anew.
func (s *surroundings) remakeEvents(partitions int) {
	client, err := kgo.NewClient(s.conn().Options()...)
	require.NoError(s.t, err)
	defer client.Close()
	_, err = kadm.NewClient(client).DeleteTopic(s.t.Context(), "stockpush.events")
	require.NoError(s.t, err)
	specs := schemas.Topics("stockpush").Specs(partitions)
	require.NoError(s.t, stream.CreateTopics(s.t.Context(), s.conn(), specs[:1], 1))
}

// system is what looks at these surroundings from outside, and produces events.
func (s *surroundings) system() *system {
	loaded, err := config.Load(config.Source{File: s.file})
	require.NoError(s.t, err)
	v := &system{t: s.t, cfg: loaded.Config, sandbox: s.sandbox, topics: schemas.Topics(loaded.Kafka.TopicPrefix)}
	v.conn, err = kafkaconn.From(v.cfg.Kafka, nil)
	require.NoError(s.t, err)
	v.store, err = service.OpenStore(v.cfg.ClickHouse)
	require.NoError(s.t, err)
	s.t.Cleanup(func() { require.NoError(s.t, v.store.Close()) })
	v.producer, err = stream.NewProducer(v.conn, stream.DefaultBatchBytes)
	require.NoError(s.t, err)
	s.t.Cleanup(v.producer.Close)
	return v
}
