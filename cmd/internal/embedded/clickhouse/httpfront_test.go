package clickhouse_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	driver "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/stretchr/testify/require"

	"stockpush/cmd/internal/embedded/clickhouse"
	"stockpush/cmd/internal/embedded/embeddedtest"
)

// asked is a request to the HTTP interface. Headers are pairs; "Host" sets the request's host.
type asked struct {
	query   string
	user    *url.Userinfo
	params  url.Values
	headers []string
}

func (a asked) of(t *testing.T, s *clickhouse.Server) (int, string, http.Header) {
	t.Helper()
	at := url.URL{Scheme: "http", Host: s.HTTPAddr(), Path: "/", RawQuery: a.params.Encode(), User: a.user}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, at.String(), strings.NewReader(a.query))
	require.NoError(t, err)
	for i := 0; i < len(a.headers); i += 2 {
		if a.headers[i] == "Host" {
			r.Host = a.headers[i+1]
		}
		r.Header.Set(a.headers[i], a.headers[i+1])
	}
	res, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return res.StatusCode, string(body), res.Header
}

// query sends a query with the password.
func query(t *testing.T, s *clickhouse.Server, sql string) (int, string) {
	t.Helper()
	status, body, _ := asked{query: sql, user: url.UserPassword("default", s.Password())}.of(t, s)
	return status, strings.TrimSpace(body)
}

func TestHTTPInterfaceRefusesWebPages(t *testing.T) {
	s := embeddedtest.StartClickHouse(t)
	knows := url.UserPassword("default", s.Password())
	for _, c := range []struct {
		status  int
		headers []string
	}{
		{http.StatusOK, nil},
		{http.StatusOK, []string{"Host", "localhost"}},
		{http.StatusOK, []string{"Host", "[::1]:8123", "Sec-Fetch-Site", "none"}},
		{http.StatusOK, []string{"Sec-Fetch-Site", "same-origin"}},
		{http.StatusForbidden, []string{"Sec-Fetch-Site", "cross-site"}},
		{http.StatusForbidden, []string{"Sec-Fetch-Site", "same-site"}},
		{http.StatusForbidden, []string{"Sec-Fetch-Site", "an unknown value"}},
		{http.StatusForbidden, []string{"Origin", "http://evil.example"}},
		{http.StatusForbidden, []string{"Origin", "null"}},
		{http.StatusForbidden, []string{"Origin", ""}},
		{http.StatusForbidden, []string{"Origin", "http://" + s.HTTPAddr()}},
		{http.StatusMisdirectedRequest, []string{"Host", "evil.example"}},
		{http.StatusMisdirectedRequest, []string{"Host", "127.0.0.1.evil.example:8123"}},
	} {
		status, body, header := asked{query: "SELECT 'told'", user: knows, headers: c.headers, params: url.Values{
			"add_http_cors_header": {"1"}, "http_response_headers": {"{'Access-Control-Allow-Origin': '*'}"},
		}}.of(t, s)
		require.Equal(t, c.status, status, "%v: %s", c.headers, body)
		require.Equal(t, status == http.StatusOK, strings.Contains(body, "told"), c.headers)
		for name := range header {
			require.NotContains(t, name, "Access-Control", c.headers)
		}
	}
	_, _, header := asked{user: knows, query: "SELECT 1 SETTINGS http_response_headers = '{''Access-Control-Allow-Origin'': ''*''}', add_http_cors_header = 1"}.of(t, s)
	require.Empty(t, header.Get("Access-Control-Allow-Origin"), "settings in a query do not add it")
}

func TestHTTPInterfaceNeedsThePassword(t *testing.T) {
	s := embeddedtest.StartClickHouse(t)
	const sql = "SELECT currentUser()"
	for name, a := range map[string]asked{
		"basic":                   {user: url.UserPassword("default", s.Password())},
		"headers":                 {headers: []string{"X-ClickHouse-User", "default", "X-ClickHouse-Key", s.Password()}},
		"a header, no user":       {headers: []string{"X-ClickHouse-Key", s.Password()}},
		"parameters":              {params: url.Values{"user": {"default"}, "password": {s.Password()}}},
		"a parameter and no user": {params: url.Values{"password": {s.Password()}}},
	} {
		a.query = sql
		status, body, _ := a.of(t, s)
		require.Equal(t, http.StatusOK, status, "%s: %s", name, body)
		require.Equal(t, "default\n", body)
	}
	for name, a := range map[string]asked{
		"nothing":                                {},
		"an empty password":                      {user: url.UserPassword("default", "")},
		"a wrong one":                            {user: url.UserPassword("default", s.Password()+"x")},
		"another user":                           {user: url.UserPassword("unknown", s.Password())},
		"no password in a parameter":             {params: url.Values{"user": {"default"}}},
		"a wrong one in a parameter":             {params: url.Values{"password": {"x"}}},
		"a wrong one in a header":                {headers: []string{"X-ClickHouse-Key", "x"}},
		"right parameters and a wrong header":    {params: url.Values{"password": {s.Password()}}, headers: []string{"X-ClickHouse-Key", "x"}},
		"right parameters and wrong basic words": {params: url.Values{"password": {s.Password()}}, user: url.UserPassword("default", "x")},
	} {
		a.query = sql
		status, body, header := a.of(t, s)
		require.Equal(t, http.StatusUnauthorized, status, name)
		require.Contains(t, body, "Code: 516.", name)
		require.NotContains(t, header.Get("WWW-Authenticate"), "Basic", "a browser does not ask for it")
	}
	res, err := http.Get("http://" + s.HTTPAddr() + "/ping")
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	require.Equal(t, http.StatusOK, res.StatusCode)
}

func TestEachDataDirectoryHasItsOwnPassword(t *testing.T) {
	dir := t.TempDir()
	first := embeddedtest.StartClickHouseIn(t, dir)
	require.Equal(t, filepath.Join(dir, "clickhouse-password"), first.PasswordFile())
	info, err := os.Stat(first.PasswordFile())
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode())
	text, err := os.ReadFile(first.PasswordFile())
	require.NoError(t, err)
	require.Equal(t, first.Password(), strings.TrimSpace(string(text)))
	require.GreaterOrEqual(t, len(first.Password()), 26)
	require.NoError(t, first.Close())
	require.NoError(t, os.Chmod(first.PasswordFile(), 0o644))
	second := embeddedtest.StartClickHouseIn(t, dir)
	require.Equal(t, first.Password(), second.Password())
	info, err = os.Stat(first.PasswordFile())
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode())
	require.NotEqual(t, second.Password(), embeddedtest.StartClickHouse(t).Password())
}

func TestQueriesOpenOnlyUserFiles(t *testing.T) {
	requireUserFilesOnly(t, clickhouse.Installation{})
}

func TestQueriesOfAnInstalledProgramOpenOnlyUserFiles(t *testing.T) {
	program := embeddedtest.InstalledProgram(t)
	require.NotEmpty(t, program.Binary)
	requireUserFilesOnly(t, program)
}

func requireUserFilesOnly(t *testing.T, engine clickhouse.Installation) {
	if err := clickhouse.Confinable(); err != nil {
		t.Skip(err)
	}
	dir := t.TempDir()
	outside := filepath.Join(dir, "outside.csv")
	require.NoError(t, os.WriteFile(outside, []byte("a secret\n"), 0o644))
	s := embeddedtest.Start(t, clickhouse.Config{DataDir: filepath.Join(dir, "data"), Installation: engine})
	files := filepath.Join(dir, "data", "user_files")
	require.NoError(t, os.WriteFile(filepath.Join(files, "own.csv"), []byte("mine\n"), 0o644))
	require.NoError(t, os.Symlink(outside, filepath.Join(files, "link.csv")))
	for _, path := range []string{outside, "../../outside.csv", "link.csv", s.PasswordFile(), "/etc/passwd", "/proc/1/environ", "/proc/self/root" + outside} {
		for _, sql := range []string{
			"SELECT * FROM file('%s', 'LineAsString')", "SELECT file('%s')", "SELECT * FROM url('file://%s', 'LineAsString')", "SELECT * FROM fileCluster('default', '%s', 'LineAsString')",
			"SELECT * FROM sqlite('%s', 't')", "INSERT INTO FUNCTION file('%s', 'CSV', 'a String') VALUES ('x')", "SELECT 1 INTO OUTFILE '%s' TRUNCATE",
		} {
			status, body := query(t, s, fmt.Sprintf(sql, path))
			require.NotEqual(t, http.StatusOK, status, "%s: %s", fmt.Sprintf(sql, path), body)
			require.NotContains(t, body, "secret")
		}
	}
	text, err := os.ReadFile(outside)
	require.NoError(t, err)
	require.Equal(t, "a secret\n", string(text), "and nothing is written")
	status, body := query(t, s, "SELECT * FROM file('own.csv', 'LineAsString')")
	require.Equal(t, http.StatusOK, status, body)
	require.Equal(t, "mine", body)
	status, body = query(t, s, "INSERT INTO FUNCTION file('made.csv', 'CSV', 'a Int8') VALUES (7)")
	require.Equal(t, http.StatusOK, status, body)
	require.FileExists(t, filepath.Join(files, "made.csv"))
	t.Setenv("STOCKPUSH_SHOPEE_PARTNER_KEY", "of-another-start")
	_, body = query(t, s, "SELECT file('/proc/self/environ')")
	require.NotContains(t, body, "PATH=", "the engine must not inherit our environment")
}

// A client that disconnects in the middle of an answer or a request must neither crash the library
// nor leave its query running.
func TestDisconnectEndsTheQuery(t *testing.T) {
	s := embeddedtest.StartClickHouse(t)
	before := engines(t)
	basic := base64.StdEncoding.EncodeToString([]byte("default:" + s.Password()))
	for _, begin := range []string{
		"GET /?query=SELECT+number+FROM+system.numbers HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic " + basic + "\r\n\r\n",
		"POST /?query=INSERT+INTO+FUNCTION+null('a+Int8')+FORMAT+CSV HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nAuthorization: Basic " + basic + "\r\n\r\n100\r\n1\n2\n",
	} {
		for range 3 {
			c, err := net.Dial("tcp", s.HTTPAddr())
			require.NoError(t, err)
			_, err = io.WriteString(c, begin)
			require.NoError(t, err)
			if strings.HasPrefix(begin, "GET") {
				_, err = io.ReadFull(c, make([]byte, 10_000))
				require.NoError(t, err)
			}
			require.NoError(t, c.(*net.TCPConn).SetLinger(0)) // closing sends a reset
			require.NoError(t, c.Close())
		}
	}
	conn := open(t, s, nil)
	require.Eventually(t, func() bool {
		var n uint64
		require.NoError(t, conn.QueryRow(t.Context(), "SELECT count() FROM system.processes WHERE query LIKE '%system.numbers' OR query LIKE 'INSERT INTO FUNCTION%'").Scan(&n))
		return n == 0
	}, 30*time.Second, 100*time.Millisecond, "no query keeps running")
	require.Equal(t, before, engines(t))
}

func TestNativePasswordIsOptionalOnLoopback(t *testing.T) {
	s := embeddedtest.StartClickHouse(t)
	for password, want := range map[string]bool{"": true, s.Password(): true, "wrong": false} {
		conn, err := driver.Open(&driver.Options{Addr: []string{s.Addr()}, Auth: driver.Auth{Username: "default", Password: password}})
		require.NoError(t, err)
		err = conn.Ping(t.Context())
		require.Equal(t, want, err == nil, "%q: %v", password, err)
		require.NoError(t, conn.Close())
	}
}

func TestRemoteListenerNeedsAllowRemote(t *testing.T) {
	const here = "127.0.0.1:0"
	for listen, local := range map[string]bool{here: true, "localhost:0": true, "[::1]:0": true, "127.9.9.9:0": true, "0.0.0.0:0": false, ":0": false, "[::]:0": false, "10.1.2.3:0": false} {
		for _, c := range []clickhouse.Config{{Listen: listen, HTTPListen: here}, {Listen: here, HTTPListen: listen}} {
			if local {
				require.NoError(t, c.Check(), listen)
				continue
			}
			require.ErrorIs(t, c.Check(), clickhouse.ErrRemote, listen)
			_, err := clickhouse.Start(context.Background(), c)
			require.ErrorIs(t, err, clickhouse.ErrRemote)
			c.AllowRemote = true
			require.NoError(t, c.Check(), listen)
		}
	}
}
