package clickhouse

import (
	"crypto/sha256"
	"crypto/subtle"
	"log/slog"
	"net/http"
	"net/http/httputil"
	"strings"
	"sync/atomic"
	"time"

	"stockpush/cmd/internal/liblog"
	"stockpush/cmd/internal/webserver"
)

// userName is the only user.
const userName = "default"

// httpFront is the public HTTP interface: a reverse proxy to the engine's. Any web page can make a
// browser send requests to this machine. So the front answers only requests for a loopback Host
// that do not come from another site's page and that have the password. It forwards no credentials:
// the engine's user has no password, and the engine's address is secret.
type httpFront struct {
	proxy    *httputil.ReverseProxy
	password string
	// anyHost accepts any Host, for a server that other machines may use.
	anyHost bool
	// target is the engine's HOST:PORT; empty while there is no engine.
	target atomic.Pointer[string]
}

func newHTTPFront(password string, anyHost bool, log *slog.Logger) *httpFront {
	f := &httpFront{password: password, anyHost: anyHost}
	f.connect("")
	f.proxy = &httputil.ReverseProxy{
		Rewrite:        f.rewrite,
		ModifyResponse: strip,
		Transport:      engineTransport(),
		FlushInterval:  -1, // stream long answers and progress
		ErrorLog:       liblog.New(log),
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) {
			http.Error(w, "the embedded ClickHouse exited before it answered and is being restarted", http.StatusBadGateway)
		},
	}
	return f
}

// connect sets the engine's address. Empty refuses requests.
func (f *httpFront) connect(target string) { f.target.Store(&target) }

// pingPath reports whether the engine serves. It needs no password and takes no parameters.
const pingPath = "/ping"

// Time limits. A request may be a bulk insert, an answer a whole table.
const (
	bulkTimeout    = time.Hour
	maxURLBytes    = 1 << 20
	retryAfterText = "1"
)

// server returns the front's HTTP server.
func (f *httpFront) server(log *slog.Logger) *http.Server {
	s := webserver.New(f, log)
	s.ReadTimeout, s.WriteTimeout, s.MaxHeaderBytes = bulkTimeout, bulkTimeout, maxURLBytes
	return s
}

// ServeHTTP refuses cross-site requests and requests without the password, and forwards the others.
func (f *httpFront) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case !f.anyHost && !webserver.IsLoopbackHost(r.Host):
		http.Error(w, "the embedded ClickHouse answers to localhost and loopback addresses only", http.StatusMisdirectedRequest)
	case fromAPage(r):
		http.Error(w, "the embedded ClickHouse does not answer to web pages", http.StatusForbidden)
	case *f.target.Load() == "":
		w.Header().Set("Retry-After", retryAfterText)
		http.Error(w, "the embedded ClickHouse is starting", http.StatusServiceUnavailable)
	case r.URL.Path != pingPath && !f.knows(r):
		w.Header().Set("WWW-Authenticate", `X-ClickHouse-Key realm="stockpush"`) // browsers ignore this scheme and show no dialog
		http.Error(w, "Code: 516. DB::Exception: Authentication failed: the user is "+userName+", and the password is in "+passwordFile+" in the data directory. (AUTHENTICATION_FAILED)",
			http.StatusUnauthorized)
	default:
		f.proxy.ServeHTTP(w, r)
	}
}

// fromAPage reports whether a web page made a browser send the request.
func fromAPage(r *http.Request) bool {
	site := r.Header.Get("Sec-Fetch-Site")
	return len(r.Header.Values("Origin")) > 0 || site != "" && site != "none" && site != "same-origin"
}

// knows reports whether a request has the user and password in any place where ClickHouse accepts
// them.
func (f *httpFront) knows(r *http.Request) bool {
	query := r.URL.Query()
	user, password, ok := r.BasicAuth()
	switch {
	case ok:
	case r.Header.Get("X-ClickHouse-Key") != "":
		user, password = r.Header.Get("X-ClickHouse-User"), r.Header.Get("X-ClickHouse-Key")
	default:
		user, password = query.Get("user"), query.Get("password")
	}
	return (user == "" || user == userName) && same(password, f.password)
}

// same compares in constant time, for any lengths.
func same(given, own string) bool {
	a, b := sha256.Sum256([]byte(given)), sha256.Sum256([]byte(own))
	return subtle.ConstantTimeCompare(a[:], b[:]) == 1
}

// Parameters and headers that are not forwarded: credentials, which were checked here, and settings
// that would let other sites read an answer.
var (
	droppedParameters = []string{"user", "password", "add_http_cors_header", "http_response_headers"}
	droppedHeaders    = []string{"Authorization", "Cookie", "X-ClickHouse-User", "X-ClickHouse-Key", "X-ClickHouse-SSL-Certificate-Auth"}
)

func (f *httpFront) rewrite(r *httputil.ProxyRequest) {
	r.Out.URL.Scheme, r.Out.URL.Host = "http", *f.target.Load()
	r.Out.Host = r.Out.URL.Host
	query := r.In.URL.Query()
	for _, name := range droppedParameters {
		query.Del(name)
	}
	if r.In.URL.Path != pingPath && !query.Has(cancelSetting) {
		query.Set(cancelSetting, "1")
	}
	r.Out.URL.RawQuery = query.Encode()
	for _, name := range droppedHeaders {
		r.Out.Header.Del(name)
	}
}

// cancelSetting ends a query whose client has disconnected. Otherwise the query would run until it
// has sent all its rows.
const cancelSetting = "cancel_http_readonly_queries_on_client_close"

// strip prevents other sites from reading or embedding an answer, whatever settings the query has.
func strip(r *http.Response) error {
	for name := range r.Header {
		if strings.HasPrefix(name, "Access-Control-") {
			r.Header.Del(name)
		}
	}
	r.Header.Set("Cross-Origin-Resource-Policy", "same-origin")
	r.Header.Set("X-Content-Type-Options", "nosniff")
	return nil
}
