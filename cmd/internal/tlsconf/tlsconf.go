// Package tlsconf connects over TLS with certificates from files, and reads them again when they
// change.
package tlsconf

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"net"
	"os"
	"sync"
	"time"

	"stockpush/cmd/internal/config"
)

// dialTimeout limits a connection with its handshake.
const dialTimeout = 10 * time.Second

// Dialer connects over TLS. It is safe for concurrent use.
type Dialer struct {
	name string
	keys config.TLS
	log  *slog.Logger

	mu sync.Mutex
	// using are the files of current, refused those that were found bad last.
	using, refused files
	current        *tls.Config
}

// New reads the files of a configuration; it returns nil if TLS is not enabled. name is the keys'
// prefix, for errors. A nil logger discards.
func New(name string, keys config.TLS, log *slog.Logger) (*Dialer, error) {
	if !keys.Enabled {
		return nil, nil
	}
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	d := &Dialer{name: name, keys: keys, log: log}
	using, err := d.read()
	if err != nil {
		return nil, err
	}
	d.using = using
	d.current, err = d.parse(using)
	return d, err
}

// DialContext connects with the files as they are now. If they changed and cannot be used, it
// connects with the earlier ones and logs an error, once for each change.
func (d *Dialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	dialer := tls.Dialer{Config: d.config()}
	return dialer.DialContext(ctx, network, address)
}

func (d *Dialer) config() *tls.Config {
	d.mu.Lock()
	defer d.mu.Unlock()
	now, err := d.read()
	if err == nil && now.equal(&d.using) {
		d.refused = files{}
		return d.current
	}
	var c *tls.Config
	if err == nil {
		c, err = d.parse(now)
	}
	switch {
	case err == nil:
		d.log.Info("certificates changed, new connections use them", "keys", d.name)
		d.current, d.using, d.refused = c, now, files{}
	case !d.refused.bad || !now.equal(&d.refused):
		d.log.Error("changed certificates cannot be used, the earlier ones stay", "keys", d.name, "error", err)
		now.bad = true
		d.refused = now
	}
	return d.current
}

// files are the contents of the files.
type files struct {
	ca, cert, key []byte
	bad           bool
}

func (f *files) equal(other *files) bool {
	return bytes.Equal(f.ca, other.ca) && bytes.Equal(f.cert, other.cert) && bytes.Equal(f.key, other.key)
}

func (d *Dialer) read() (f files, err error) {
	for _, of := range []struct {
		key, path string
		into      *[]byte
	}{{"ca_file", d.keys.CAFile, &f.ca}, {"cert_file", d.keys.CertFile, &f.cert}, {"key_file", d.keys.KeyFile, &f.key}} {
		if of.path == "" {
			continue
		}
		if *of.into, err = os.ReadFile(of.path); err != nil {
			return f, fmt.Errorf("%s.%s: %w", d.name, of.key, err)
		}
	}
	return f, nil
}

func (d *Dialer) parse(f files) (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: d.keys.ServerName}
	if d.keys.CAFile != "" {
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(f.ca) {
			return nil, fmt.Errorf("%s.ca_file: no PEM certificate in %s", d.name, d.keys.CAFile)
		}
	}
	if d.keys.CertFile != "" {
		pair, err := tls.X509KeyPair(f.cert, f.key)
		if err != nil {
			return nil, fmt.Errorf("%s.cert_file, %s.key_file: %w", d.name, d.name, err)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c, nil
}
