package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"

	"stockpush/cmd/internal/embedded/embeddedtest"
	"stockpush/schemas"
)

// authority is a test's certificate authority.
type authority struct {
	t    *testing.T
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T, name string) *authority {
	a := &authority{t: t, dir: t.TempDir()}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	a.key = key
	a.cert = &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	a.write("ca.pem", "CERTIFICATE", a.sign(a.cert, &key.PublicKey))
	return a
}

func (a *authority) sign(template *x509.Certificate, key *ecdsa.PublicKey) []byte {
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, key, a.key)
	require.NoError(a.t, err)
	return der
}

func (a *authority) write(name, kind string, der []byte) string {
	path := filepath.Join(a.dir, name)
	require.NoError(a.t, os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600))
	return path
}

// issue writes a certificate for a server name, or for a client, to files.
func (a *authority) issue(name string) (certFile, keyFile string) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(a.t, err)
	der := a.sign(&x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}, &key.PublicKey)
	secret, err := x509.MarshalECPrivateKey(key)
	require.NoError(a.t, err)
	return a.write(name+".pem", "CERTIFICATE", der), a.write(name+".key", "EC PRIVATE KEY", secret)
}

// server returns a server's TLS configuration. clients, if not nil, is the authority of its
// clients' certificates.
func (a *authority) server(name string, clients *authority) *tls.Config {
	pair, err := tls.LoadX509KeyPair(a.issue(name))
	require.NoError(a.t, err)
	c := &tls.Config{Certificates: []tls.Certificate{pair}}
	if clients != nil {
		c.ClientAuth, c.ClientCAs = tls.RequireAndVerifyClientCert, x509.NewCertPool()
		text, err := os.ReadFile(filepath.Join(clients.dir, "ca.pem"))
		require.NoError(a.t, err)
		require.True(a.t, c.ClientCAs.AppendCertsFromPEM(text))
	}
	return c
}

func (a *authority) ca() string { return filepath.Join(a.dir, "ca.pem") }

const (
	serverName = "broker.internal"
	sesame     = "open-sesame-4711"
)

// edge is one way to connect, as configuration keys, with the expected output of `check`.
type edge struct {
	name string
	keys map[string]string
	// want is what the line of `check` contains; "ok" means success.
	want []string
}

// with changes some keys; an empty value removes the key.
func with(keys map[string]string, changes ...string) map[string]string {
	all := map[string]string{}
	for key, value := range keys {
		all[key] = value
	}
	for i := 0; i < len(changes); i += 2 {
		all[changes[i]] = changes[i+1]
	}
	return all
}

func flagsOf(keys map[string]string) (flags []string) {
	for key, value := range keys {
		if value != "" {
			flags = append(flags, "--"+key+"="+value)
		}
	}
	return flags
}

// checkEdges runs `check` for each and compares its line for one connection.
func (s *surroundings) checkEdges(t *testing.T, line string, edges []edge) {
	for _, e := range edges {
		t.Run(e.name, func(t *testing.T) {
			began := time.Now()
			_, out, errs := s.stockpush(append([]string{"check"}, flagsOf(e.keys)...)...)
			at := strings.Index(out, line)
			require.GreaterOrEqual(t, at, 0, out+errs)
			said := out[strings.LastIndex(out[:at], "\n")+1:]
			if end := strings.IndexByte(said, '\n'); end >= 0 {
				said = said[:end]
			}
			for _, want := range e.want {
				require.Contains(t, said, want, "after %v", time.Since(began))
			}
			require.NotContains(t, out+errs, sesame)
		})
	}
}

func TestKafkaOverTLSAndSASL(t *testing.T) {
	t.Parallel()
	ours, theirs := newAuthority(t, "ours"), newAuthority(t, "theirs")
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.TLS(ours.server(serverName, ours)), kfake.EnableSASL(),
		kfake.Superuser("PLAIN", "plain", sesame), kfake.Superuser("SCRAM-SHA-256", "short", sesame), kfake.Superuser("SCRAM-SHA-512", "long", sesame))
	require.NoError(t, err)
	t.Cleanup(cluster.Close)
	s := newSurroundings(t)
	cert, key := ours.issue("client")
	foreignCert, foreignKey := theirs.issue("client")
	right := map[string]string{
		"kafka.brokers": cluster.ListenAddrs()[0], "kafka.tls.enabled": "true", "kafka.tls.ca_file": ours.ca(), "kafka.tls.server_name": serverName,
		"kafka.tls.cert_file": cert, "kafka.tls.key_file": key,
		"kafka.sasl.mechanism": "SCRAM-SHA-256", "kafka.sasl.username": "short", "kafka.sasl.password": sesame,
	}
	code, _, errs := s.stockpush(append([]string{"setup"}, flagsOf(right)...)...)
	require.Equal(t, 0, code, errs)
	s.checkEdges(t, " kafka", []edge{
		{"SCRAM-SHA-256", right, []string{"ok"}},
		{"SCRAM-SHA-512", with(right, "kafka.sasl.mechanism", "SCRAM-SHA-512", "kafka.sasl.username", "long"), []string{"ok"}},
		{"PLAIN", with(right, "kafka.sasl.mechanism", "PLAIN", "kafka.sasl.username", "plain"), []string{"ok"}},
		{"a wrong password", with(right, "kafka.sasl.password", "wrong"), []string{"FAILED", "kafka.sasl.username", "kafka.sasl.password"}},
		{"an unknown user", with(right, "kafka.sasl.username", "unknown"), []string{"FAILED", "kafka.sasl.username"}},
		{"another authority than the server's", with(right, "kafka.tls.ca_file", theirs.ca()), []string{"FAILED", "kafka.tls.ca_file"}},
		{"the system's authorities", with(right, "kafka.tls.ca_file", ""), []string{"FAILED", "kafka.tls.ca_file"}},
		{"another name than the server's", with(right, "kafka.tls.server_name", "elsewhere.internal"), []string{"FAILED", "kafka.tls.server_name"}},
		{"no name, and the address is not in the certificate", with(right, "kafka.tls.server_name", ""), []string{"FAILED", "kafka.tls.server_name"}},
		{"no certificate of our own", with(right, "kafka.tls.cert_file", "", "kafka.tls.key_file", ""), []string{"FAILED", "kafka.tls.cert_file"}},
		{"a certificate of an authority unknown to the server", with(right, "kafka.tls.cert_file", foreignCert, "kafka.tls.key_file", foreignKey), []string{"FAILED", "kafka.tls.cert_file"}},
		{"no TLS", with(right, "kafka.tls.enabled", ""), []string{"FAILED", "kafka.tls.enabled"}},
		{"TLS to a server without it", with(right, "kafka.brokers", s.Kafka), []string{"FAILED", "kafka.tls.enabled"}},
		{"a missing file", with(right, "kafka.tls.ca_file", "nowhere.pem"), []string{"FAILED", "kafka.tls.ca_file", "nowhere.pem"}},
	})
}

// terminate is a TLS listener before a server without TLS.
func (a *authority) terminate(t *testing.T, to string, clients *authority) string {
	l, err := tls.Listen("tcp", "127.0.0.1:0", a.server(serverName, clients))
	require.NoError(t, err)
	var work sync.WaitGroup
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(func() { cancel(); require.NoError(t, l.Close()); work.Wait() })
	work.Go(func() {
		for {
			from, err := l.Accept()
			if err != nil {
				return
			}
			work.Go(func() { relay(ctx, from, to) })
		}
	})
	return l.Addr().String()
}

func relay(ctx context.Context, from net.Conn, address string) {
	defer func() { _ = from.Close() }()
	if err := from.(*tls.Conn).HandshakeContext(ctx); err != nil {
		return // one side rejects the other's certificate
	}
	to, err := net.Dial("tcp", address)
	if err != nil {
		return
	}
	stop := context.AfterFunc(ctx, func() { _ = from.Close(); _ = to.Close() })
	defer stop()
	var back sync.WaitGroup
	back.Go(func() { _, _ = io.Copy(from, to); _ = from.Close() })
	_, _ = io.Copy(to, from)
	_ = to.Close()
	back.Wait()
}

// The embedded ClickHouse supports no CREATE USER, but users in a file.
func TestClickHouseOverTLSWithAUser(t *testing.T) {
	t.Parallel()
	ours, theirs := newAuthority(t, "ours"), newAuthority(t, "theirs")
	s := newSurroundings(t)
	s.ClickHouse = embeddedtest.StartClickHouseFor(t, embeddedtest.User{Name: "keeper", Password: sesame}).Addr()
	cert, key := ours.issue("client")
	right := map[string]string{
		"clickhouse.addr": ours.terminate(t, s.ClickHouse, ours), "clickhouse.username": "keeper", "clickhouse.password": sesame,
		"clickhouse.tls.enabled": "true", "clickhouse.tls.ca_file": ours.ca(), "clickhouse.tls.server_name": serverName,
		"clickhouse.tls.cert_file": cert, "clickhouse.tls.key_file": key,
	}
	code, _, errs := s.stockpush(append([]string{"setup"}, flagsOf(right)...)...)
	require.Equal(t, 0, code, errs)
	s.checkEdges(t, " clickhouse", []edge{
		{"the right settings", right, []string{"ok"}},
		{"another authority than the server's", with(right, "clickhouse.tls.ca_file", theirs.ca()), []string{"FAILED", "clickhouse.tls.ca_file"}},
		{"another name than the server's", with(right, "clickhouse.tls.server_name", "elsewhere.internal"), []string{"FAILED", "clickhouse.tls.server_name"}},
		{"no certificate of our own", with(right, "clickhouse.tls.cert_file", "", "clickhouse.tls.key_file", ""), []string{"FAILED", "clickhouse.tls.cert_file"}},
		{"no TLS", with(right, "clickhouse.tls.enabled", ""), []string{"FAILED", "clickhouse.tls.enabled"}},
		{"TLS to a server without it", with(right, "clickhouse.addr", s.ClickHouse), []string{"FAILED", "clickhouse.tls.enabled"}},
	})
}

// Refusals of ClickHouse come with a hint. The embedded engine crashes when it refuses a login, so
// each case has its own.
func TestClickHouseRefusalsHaveAHint(t *testing.T) {
	t.Parallel()
	const look, rights = "check clickhouse.username and clickhouse.password", "the user lacks rights"
	s := newSurroundings(t)
	for name, c := range map[string]struct{ command, user, password, advice string }{
		"a wrong password":        {"check", "guest", "wrong", look},
		"no password":             {"check", "guest", "", look},
		"an unknown user":         {"check", "unknown", sesame, look},
		"a wrong password, setup": {"setup", "guest", "wrong", look},
		"a missing right":         {"setup", "guest", sesame, rights},
		"a table without a right": {"check", "guest", sesame, "stockpush setup"},
	} {
		t.Run(name, func(t *testing.T) {
			s.ClickHouse = embeddedtest.StartClickHouseFor(t, embeddedtest.User{Name: "guest", Password: sesame, Grants: []string{"SELECT ON system.*"}}).Addr()
			code, out, errs := s.stockpush(c.command, "--clickhouse.addr="+s.ClickHouse, "--clickhouse.username="+c.user, "--clickhouse.password="+c.password)
			require.Equal(t, exitFailed, code)
			require.Contains(t, out+errs, c.advice)
			require.NotContains(t, out+errs, sesame)
		})
	}
}

// If ClickHouse fails while the program serves, records wait, and the log says why.
func TestLogSaysWhyRecordsWait(t *testing.T) {
	t.Parallel()
	s := newSurroundings(t)
	s.ClickHouse = embeddedtest.StartClickHouseFor(t, embeddedtest.User{Name: "guest", Password: sesame, Grants: []string{"SELECT ON *.*"}}).Addr()
	s.Configure("clickhouse.username: guest\nclickhouse.password: " + sesame + "\n")
	code, out, _ := s.stockpush("setup")
	require.Equal(t, exitFailed, code)
	require.Contains(t, out, "topic stockpush.events")
	p := s.Serve()
	s.send(schemas.Event{
		EventID: "waits", Reason: schemas.SyncOrder, Key: schemas.Key{Channel: schemas.ChannelShopee, ShopID: 10001, StoreSKU: "s"},
		ItemID: 1, Available: 5, RepeatsOffset: schemas.NoOffset, OccurredAt: time.Now(), TriggeredAt: time.Now(),
	})
	p.EventuallyLogged("run `stockpush setup` to create what is missing")
	require.NotContains(t, string(p.Log()), sesame)
}

// The whole system works over encrypted and authenticated connections, with a ClickHouse user who
// has rights on the database only.
func TestEverythingRunsOverTLSAndSASL(t *testing.T) {
	t.Parallel()
	ours := newAuthority(t, "ours")
	broker, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.TLS(ours.server(serverName, nil)), kfake.EnableSASL(), kfake.Superuser("SCRAM-SHA-512", "long", sesame))
	require.NoError(t, err)
	t.Cleanup(broker.Close)
	s := newSurroundings(t)
	keeper := embeddedtest.User{Name: "keeper", Password: sesame, Grants: []string{"ALL ON stockpush.*", "TABLE ENGINE ON *", "SELECT ON system.parts"}}
	s.Kafka, s.ClickHouse = broker.ListenAddrs()[0], ours.terminate(t, embeddedtest.StartClickHouseFor(t, keeper).Addr(), nil)
	s.Configure(fmt.Sprintf(`kafka.tls: {enabled: true, ca_file: %[1]q, server_name: %[2]s}
kafka.sasl: {mechanism: SCRAM-SHA-512, username: long, password: %[3]s}
clickhouse.tls: {enabled: true, ca_file: %[1]q, server_name: %[2]s}
clickhouse.username: keeper
clickhouse.password: %[3]s
`, ours.ca(), serverName, sesame))
	s.setUp()
	view := s.system()
	p := s.Serve()
	view.send(event(10001, "over-tls", 5))
	eventually(view, "Successfully", "SELECT any(toString(status)) FROM {db}.push_record_history WHERE event_id = 'over-tls-5' AND status != 'Pending'")
	p.Terminate()
	require.NotContains(t, string(p.Log()), sesame)
}
