package main

import (
	"bytes"
	"fmt"
	"html"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"

	"stockpush/channels/shopee/sandbox"
	"stockpush/cmd/internal/embedded/embeddedtest"
	"stockpush/cmd/internal/programtest"
	"stockpush/processor/stream/kafka"
)

// indiscreet is a marketplace that repeats in its answers what it was sent, or breaks during a
// call.
type indiscreet struct {
	http.Handler
	mode  atomic.Pointer[string]
	calls atomic.Int64
}

// silence is an answer that never comes; an authorization waits long for one.
const silence = "no answer"

// The ways in which it repeats.
var indiscretions = map[string]func(w http.ResponseWriter, r *http.Request){
	"an error that quotes the request": func(w http.ResponseWriter, r *http.Request) {
		told := toldBy(r)
		_, _ = fmt.Fprintf(w, `{"error":"error_param","message":%q,"request_id":%q}`, told, r.URL.Query().Get("access_token"))
	},
	"a refused line that quotes the request": func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprintf(w, `{"error":"","request_id":"r","response":{"failure_list":[{"model_id":7,"failed_reason":%q}]}}`, toldBy(r))
	},
	"a page that quotes the request": func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusBadGateway)
		_, _ = fmt.Fprintf(w, "<html>%s</html>", toldBy(r))
	},
	"a redirection of the request": func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://127.0.0.1:1/?"+r.URL.RawQuery, http.StatusFound)
	},
	"a connection that is cut": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	"no answer":                func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body); <-r.Context().Done() },
	"bytes after the answer, which net/http logs": func(w http.ResponseWriter, r *http.Request) {
		hijack(w, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"+toldBy(r))
	},
	"an answer that is not HTTP's": func(w http.ResponseWriter, r *http.Request) { told := toldBy(r); hijack(w, told) },
}

func toldBy(r *http.Request) string {
	body, _ := io.ReadAll(r.Body) // what arrived
	return fmt.Sprintf("%s %s %v %v %s", r.Method, r.URL, r.URL.Query(), r.Header, body)
}

func hijack(w http.ResponseWriter, says string) {
	conn, _, err := w.(http.Hijacker).Hijack()
	if err == nil {
		_, _ = io.WriteString(conn, says)
		_ = conn.Close()
	}
}

func (i *indiscreet) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if misbehave := indiscretions[*i.mode.Load()]; misbehave != nil {
		i.calls.Add(1)
		misbehave(w, r)
		return
	}
	i.Handler.ServeHTTP(w, r)
}

func (i *indiscreet) becomes(mode string) { i.mode.Store(&mode) }

// confidant knows every secret, passes all of them to the program, and records the program's
// output.
type confidant struct {
	*surroundings
	t        *testing.T
	heard    heard
	secrets  secrets
	shopee   *indiscreet
	settings map[string]string
	// database is ClickHouse's HTTP address, which needs a password.
	database, databasePassword string
}

// expired is a shop whose access token must be refreshed at once.
const expired, talkative = 10002, 10003

func newConfidant(t *testing.T) *confidant {
	c := &confidant{t: t, secrets: secrets{}}
	sasl, password := c.secrets.word("kafka.sasl.password"), c.secrets.word("clickhouse.password")
	broker, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.EnableSASL(), kfake.Superuser("PLAIN", "stockpush", sasl))
	require.NoError(t, err)
	t.Cleanup(broker.Close)
	store := embeddedtest.StartClickHouseFor(t, embeddedtest.User{Name: "keeper", Password: password})
	dir := t.TempDir()
	tokens := c.tokens(filepath.Join(dir, "tokens.json"))
	fake, err := sandbox.New(sandbox.Config{TokensFile: tokens, PartnerKey: c.secrets.word("shopee.partner_key")})
	require.NoError(t, err)
	c.shopee = &indiscreet{Handler: fake}
	c.shopee.becomes("")
	web := httptest.NewUnstartedServer(c.shopee)
	web.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	web.Start()
	t.Cleanup(func() { web.CloseClientConnections(); web.Close(); fake.Wait() })
	c.database, c.databasePassword = "http://"+store.HTTPAddr(), store.Password()
	c.surroundings = &surroundings{&programtest.Servers{
		TB: t, File: filepath.Join(dir, "stockpush.yaml"), Kafka: broker.ListenAddrs()[0], Topics: "stockpush", Sandbox: fake, Web: web, ClickHouse: store.Addr(),
	}}
	c.settings = map[string]string{
		"kafka.brokers": c.Kafka, "kafka.partitions": "3", "kafka.sasl.mechanism": "PLAIN", "kafka.sasl.username": "stockpush", "kafka.sasl.password": sasl,
		"clickhouse.addr": c.ClickHouse, "clickhouse.username": "keeper", "clickhouse.password": password, "sinks.batch_interval": "50ms", "processor.window": "100ms",
		"shopee.base_url": web.URL, "shopee.partner_id": strconv.Itoa(sandbox.DefaultPartnerID), "shopee.partner_key": c.secrets["shopee.partner_key"],
		"shopee.tokens_file": tokens, "shopee.timeout": "300ms", "shopee.shop_rate": "50", "shopee.app_rate": "200", "shopee.confirm_after": "500ms", "shopee.breaker.open_for": "1s",
		"shopee.probe_interval": "1s",
		"shopee.webhook.listen": "127.0.0.1:0", "shopee.webhook.url": "https://seller.example/push", "shopee.webhook.key": c.secrets.word("shopee.webhook.key"),
		"console.listen": "127.0.0.1:0", "console.token": c.secrets.word("console.token"), "ops.listen": "127.0.0.1:0", "log.level": "debug",
	}
	c.write()
	return c
}

// tokens writes the tokens file.
func (c *confidant) tokens(file string) string {
	var shops []string
	for shop, ends := range map[int]time.Time{10001: time.Now().Add(time.Hour), expired: time.Now().Add(-time.Hour), talkative: time.Now().Add(time.Hour)} {
		shops = append(shops, fmt.Sprintf(`{"shop_id":%d,"access_token":%q,"refresh_token":%q,"expires_at":%q}`, shop,
			c.secrets.word(fmt.Sprint("access token of ", shop)), c.secrets.word(fmt.Sprint("refresh token of ", shop)), ends.UTC().Format(time.RFC3339)))
	}
	require.NoError(c.t, os.WriteFile(file, []byte(`{"shops":[`+strings.Join(shops, ",")+`]}`), 0o600))
	return file
}

// newTokens adds the tokens of refreshes.
func (c *confidant) newTokens() {
	raw, err := os.ReadFile(c.settings["shopee.tokens_file"])
	require.NoError(c.t, err)
	for i, token := range regexp.MustCompile(`"(?:access|refresh)-[^"]*"`).FindAll(raw, -1) {
		c.secrets[fmt.Sprint("refreshed token ", i)] = strings.Trim(string(token), `"`)
	}
	require.Contains(c.t, fmt.Sprint(slices.Collect(maps.Values(c.secrets))), "access-"+strconv.Itoa(expired))
}

// write writes the configuration file, with some keys changed and some text added.
func (c *confidant) write(more ...string) {
	var text strings.Builder
	for _, key := range slices.Sorted(maps.Keys(c.settings)) {
		if !strings.HasPrefix(strings.Join(more, ""), key+":") {
			_, _ = fmt.Fprintf(&text, "%s: %q\n", key, c.settings[key])
		}
	}
	require.NoError(c.t, os.WriteFile(c.File, []byte(text.String()+strings.Join(more, "\n")), 0o600))
}

// ask runs a command and records its output.
func (c *confidant) ask(args ...string) (code int) {
	code, out, errs := c.stockpush(args...)
	c.heard.note("`"+args[0]+"`", out, errs)
	return code
}

// start runs the program until it serves, and finds its addresses.
func (c *confidant) start() (p *programtest.Process, at map[string]string) {
	p = c.Serve()
	at = map[string]string{}
	for _, m := range regexp.MustCompile(`(ops|console|shopee\.webhook)\.listen=(\S+)`).FindAllSubmatch(p.Log(), -1) {
		at[string(m[1])] = "http://" + string(m[2])
	}
	require.Len(c.t, at, 3)
	return p, at
}

// request records the whole answer and returns its body.
func (c *confidant) request(where, method, address, body string, header ...string) string {
	q, err := http.NewRequestWithContext(c.t.Context(), method, address, strings.NewReader(body))
	require.NoError(c.t, err)
	for i := 0; i < len(header); i += 2 {
		q.Header.Set(header[i], header[i+1])
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Do(q)
	require.NoError(c.t, err)
	dump, err := httputil.DumpResponse(res, true)
	require.NoError(c.t, errorsOf(err, res.Body.Close()))
	c.heard.note(where, string(dump))
	_, content, _ := bytes.Cut(dump, []byte("\r\n\r\n"))
	return string(content)
}

func errorsOf(all ...error) error {
	for _, err := range all {
		if err != nil {
			return err
		}
	}
	return nil
}

// browse opens every page that links lead to, with and without the token.
func (c *confidant) browse(console string) {
	const most = 60
	link := regexp.MustCompile(`href="(/[^"#]*)"`)
	ahead, seen := []string{"/push-records"}, map[string]bool{}
	for len(ahead) > 0 && len(seen) < most {
		path := ahead[0]
		ahead = ahead[1:]
		if seen[path] {
			continue
		}
		seen[path] = true
		page := c.request("a page", http.MethodGet, console+path, "", "Authorization", "Bearer "+c.settings["console.token"])
		c.request("a page without a token", http.MethodGet, console+path, "")
		for _, m := range link.FindAllStringSubmatch(page, -1) {
			ahead = append(ahead, html.UnescapeString(m[1]))
		}
	}
	for _, path := range []string{"store-skus", "merchant-skus", "failures", "rejected-events", "failure-codes", "stats", "store-skus/shopee/10001/first/records", "openapi.yaml", "nothing", "retries"} {
		c.request("the API", http.MethodGet, console+"/api/v1/"+path, "", "Authorization", "Bearer "+c.settings["console.token"])
		c.request("the API without a token", http.MethodGet, console+"/api/v1/"+path, "", "Authorization", "Bearer wrong")
	}
	for _, token := range []string{c.settings["console.token"], c.settings["shopee.partner_key"]} {
		c.request("the login", http.MethodPost, console+"/login", url.Values{"token": {token}, "next": {"/push-records"}}.Encode(), "Content-Type", "application/x-www-form-urlencoded")
	}
}

// storage records every message in Kafka and every row in ClickHouse.
func (c *confidant) storage(s *system) {
	for _, spec := range s.topics.Specs(3) {
		for p := range int32(spec.Partitions) {
			require.NoError(c.t, kafka.ReadPartition(c.t.Context(), s.conn, spec.Name, p, func(r *kafka.Record) error {
				c.heard.note("topic "+spec.Name, string(r.Key), string(r.Value), fmt.Sprintf("%q", r.Headers))
				return nil
			}))
		}
	}
	query := func(sql string) string {
		return c.request("ClickHouse", http.MethodPost, c.database, sql, "X-ClickHouse-Key", c.databasePassword)
	}
	for _, table := range strings.Fields(query("SELECT name FROM system.tables WHERE database = 'stockpush' AND engine != 'MaterializedView' FORMAT TSV")) {
		query("SELECT * FROM stockpush." + table + " FORMAT JSONEachRow")
	}
}

// No command, request or fault makes the program reveal a secret.
func TestNoSecretIsRevealed(t *testing.T) {
	c := newConfidant(t)
	require.Equal(t, 0, c.ask("setup"))
	p, at := c.start()
	s := c.system()
	c.endureIndiscretion(s)
	c.storage(s)
	c.receive(at["shopee.webhook"])
	c.browse(at["console"])
	for _, path := range []string{"/livez", "/readyz", "/metrics", "/debug/pprof/", "/debug/vars", "/"} {
		c.request("the ops server", http.MethodGet, at["ops"]+path, "")
	}
	c.command()
	c.write("shopee.partner_key: [" + c.settings["shopee.partner_key"] + "]\n")
	require.NoError(t, p.Cmd.Process.Signal(syscall.SIGHUP))
	p.EventuallyLogged("configuration not reloaded")
	require.NoError(t, p.Cmd.Process.Signal(syscall.SIGQUIT)) // Go's crash report: every stack
	require.Error(t, p.Cmd.Wait())
	c.heard.note("`run`", string(p.Log()))
	c.newTokens()
	for where, text := range map[string]string{
		"`run`": "goroutine ", "`config`": "[redacted]", "`check`": "ok      kafka", "`records`": "first", "a page": "first", "the API": "first", "the ops server": "stockpush_",
		"ClickHouse": "first", "topic stockpush.events": "first", "topic stockpush.records": "first", "topic stockpush.state": "first", "topic stockpush.dead-letters": "not_json", "the webhook": "401",
	} {
		c.heard.requireSaid(t, where, text)
	}
	require.Empty(t, c.heard.leaks(c.secrets))
}

// endureIndiscretion pushes while the marketplace repeats what it is sent.
func (c *confidant) endureIndiscretion(s *system) {
	s.send(event(10001, "first", 5), event(expired, "first", 6))
	s.sendRaw([]byte("shopee/10001/first"), []byte("{"))
	eventually(s, uint64(2), "SELECT count() FROM {db}.push_record_history WHERE status = 'Successfully'")
	eventually(s, uint64(1), "SELECT count() FROM {db}.rejected_events")
	n := 100
	for _, mode := range slices.Sorted(maps.Keys(indiscretions)) {
		before := c.shopee.calls.Load()
		c.shopee.becomes(mode)
		for shop := range int64(2) {
			e := event(10001+2*shop, "told "+mode, n)
			e.ItemID = int64(n)
			s.send(e)
		}
		n++
		require.Eventually(c.t, func() bool { return c.shopee.calls.Load() >= before+2 }, 30*time.Second, 10*time.Millisecond, mode)
		c.ask("check")
		if mode != silence {
			require.Equal(c.t, exitFailed, c.ask("authorize", "--code", c.secrets.word("consent code: "+mode), "--shop-id", strconv.Itoa(talkative)), mode)
		}
	}
	c.shopee.becomes("")
	eventually(s, uint64(0), "SELECT countIf(status = 'Pending') FROM {db}.push_record_history")
}

// receive sends signed and unsigned messages to the webhook.
func (c *confidant) receive(address string) {
	body := `{"data":{"item_id":5,"action":"promo_end"},"shop_id":10001,"code":7}`
	for _, key := range []string{"", c.settings["shopee.webhook.key"], c.settings["shopee.partner_key"]} {
		c.request("the webhook", http.MethodPost, address, body, "Authorization", key)
	}
	c.request("the webhook", http.MethodGet, address, "")
}

// command runs every command that prints something.
func (c *confidant) command() {
	for _, args := range [][]string{
		{"config"}, {"check"}, {"setup"}, {"setup", "--check"}, {"records"}, {"records", "--view=failures", "--output=json"}, {"records", "--view=rejected-events", "--output=csv"},
		{"retry", "--dry-run"}, {"retry", "--yes", "--output=json"}, {"audit", "--shop=10001"}, {"audit", "--output=json"},
		{"authorize"}, {"simulate", "--rate=50", "--for=200ms"}, {"version"}, {"run", "--help"},
	} {
		c.ask(args...)
	}
}
