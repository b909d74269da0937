package tlsconf_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockpush/cmd/internal/config"
	"stockpush/cmd/internal/tlsconf"
)

// identity is a self-signed certificate for 127.0.0.1, its own authority.
type identity struct{ cert, key []byte }

func newIdentity(t *testing.T, name string) identity {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	secret, err := x509.MarshalECPrivateKey(key)
	require.NoError(t, err)
	return identity{
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: secret}),
	}
}

// server answers each connection with the name in its client's certificate.
type server struct {
	net.Listener
	identity atomic.Pointer[tls.Certificate]
}

func newServer(t *testing.T) *server {
	s := &server{}
	var err error
	s.Listener, err = tls.Listen("tcp", "127.0.0.1:0", &tls.Config{
		ClientAuth:     tls.RequireAnyClientCert,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return s.identity.Load(), nil },
	})
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	go func() { // until it is closed
		for {
			conn, err := s.Accept()
			if err != nil {
				return
			}
			c := conn.(*tls.Conn)
			if c.Handshake() == nil {
				_, _ = io.WriteString(c, c.ConnectionState().PeerCertificates[0].Subject.CommonName)
			}
			_ = c.Close()
		}
	}()
	return s
}

func (s *server) has(t *testing.T, i identity) {
	pair, err := tls.X509KeyPair(i.cert, i.key)
	require.NoError(t, err)
	s.identity.Store(&pair)
}

func TestNewConnectionsUseChangedCertificates(t *testing.T) {
	dir := t.TempDir()
	keys := config.TLS{Enabled: true, CAFile: filepath.Join(dir, "ca"), CertFile: filepath.Join(dir, "cert"), KeyFile: filepath.Join(dir, "key")}
	write := func(file string, content []byte) { require.NoError(t, os.WriteFile(file, content, 0o600)) }
	first, second, alice, bob := newIdentity(t, "first"), newIdentity(t, "second"), newIdentity(t, "alice"), newIdentity(t, "bob")
	write(keys.CAFile, first.cert)
	write(keys.CertFile, alice.cert)
	write(keys.KeyFile, alice.key)
	s := newServer(t)
	s.has(t, first)
	var log bytes.Buffer
	d, err := tlsconf.New("kafka.tls", keys, slog.New(slog.NewTextHandler(&log, nil)))
	require.NoError(t, err)
	seen := func() (string, error) {
		conn, err := d.DialContext(t.Context(), "tcp", s.Addr().String())
		if err != nil {
			return "", err
		}
		name, err := io.ReadAll(conn)
		_ = conn.Close()
		return string(name), err
	}
	sees := func(want string) {
		t.Helper()
		name, err := seen()
		require.NoError(t, err)
		require.Equal(t, want, name)
	}
	sees("alice")

	write(keys.CertFile, bob.cert)
	sees("alice") // the key is still alice's
	sees("alice")
	require.Equal(t, 1, strings.Count(log.String(), "level=ERROR"), "one for each change")
	require.NoError(t, os.Remove(keys.KeyFile))
	sees("alice")
	require.Equal(t, 2, strings.Count(log.String(), "level=ERROR"), log.String())
	require.Contains(t, log.String(), "kafka.tls.key_file")
	write(keys.KeyFile, bob.key)
	sees("bob")
	require.Contains(t, log.String(), "certificates changed")

	s.has(t, second)
	_, err = seen()
	require.ErrorAs(t, err, new(x509.UnknownAuthorityError))
	write(keys.CAFile, second.cert)
	sees("bob")
	s.has(t, first)
	_, err = seen()
	require.ErrorAs(t, err, new(x509.UnknownAuthorityError), "the earlier authority is no longer trusted")
	require.Equal(t, 2, strings.Count(log.String(), "level=ERROR"), log.String())
}

func TestFilesMustBeGoodAtTheStart(t *testing.T) {
	file := filepath.Join(t.TempDir(), "ca")
	require.NoError(t, os.WriteFile(file, []byte("no certificate"), 0o600))
	_, err := tlsconf.New("kafka.tls", config.TLS{Enabled: true, CAFile: file}, nil)
	require.ErrorContains(t, err, "kafka.tls.ca_file")
	_, err = tlsconf.New("kafka.tls", config.TLS{Enabled: true, CAFile: file + "x"}, nil)
	require.ErrorIs(t, err, os.ErrNotExist)
	d, err := tlsconf.New("kafka.tls", config.TLS{CAFile: file}, nil)
	require.NoError(t, err)
	require.Nil(t, d, "TLS is off")
}
