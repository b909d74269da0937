// Package hint tells an operator which configuration keys to check when a connection fails.
//
// It judges errors by type and code, and adds nothing to errors it does not know.
package hint

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"

	"github.com/ClickHouse/ch-go"
	"github.com/ClickHouse/ch-go/proto"
	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"stockpush/cmd/internal/config"
)

// Kafka adds a hint to an error of Kafka.
func Kafka(c config.Kafka, err error) error {
	_, early := errors.AsType[*kgo.ErrFirstReadEOF](err)
	switch {
	case errors.Is(err, kerr.SaslAuthenticationFailed):
		return with(err, "kafka refuses the login: check kafka.sasl.mechanism, kafka.sasl.username and kafka.sasl.password")
	case errors.Is(err, kerr.TopicAuthorizationFailed), errors.Is(err, kerr.GroupAuthorizationFailed), errors.Is(err, kerr.ClusterAuthorizationFailed):
		return with(err, "the user lacks rights (docs/production.md lists those it needs)")
	case errors.Is(err, kerr.InvalidReplicationFactor):
		return with(err, "set kafka.replication_factor to the number of brokers or less")
	case early && !c.TLS.Enabled:
		return with(err, "does the broker require TLS (kafka.tls.enabled) or a login (kafka.sasl.mechanism)?")
	case (early || errors.Is(err, io.EOF)) && c.SASL.Mechanism != "":
		return with(err, "the broker closed the connection: check kafka.sasl.mechanism, kafka.sasl.username and kafka.sasl.password")
	}
	return encrypted("kafka", c.TLS.Enabled, err)
}

// ClickHouse adds a hint to an error of ClickHouse.
func ClickHouse(c config.ClickHouse, err error) error {
	if code, ok := exception(err); ok {
		switch code {
		case proto.ErrAuthenticationFailed, proto.ErrUnknownUser, proto.ErrWrongPassword:
			return with(err, "clickhouse refuses the login: check clickhouse.username and clickhouse.password")
		case proto.ErrAccessDenied:
			return with(err, "the user lacks rights (docs/production.md lists those it needs)")
		case proto.ErrUnknownDatabase, proto.ErrUnknownTable, proto.ErrNoSuchColumnInTable:
			return with(err, "run `stockpush setup` to create what is missing")
		}
		return err
	}
	if errors.Is(err, io.EOF) && !c.TLS.Enabled {
		return with(err, "the server closed the connection: does it require TLS (clickhouse.tls.enabled)?")
	}
	return encrypted("clickhouse", c.TLS.Enabled, err)
}

// exception returns the server's error code. Queries and inserts use different clients with
// different error types.
func exception(err error) (code proto.Error, ok bool) {
	if query, ok := errors.AsType[*clickhouse.Exception](err); ok {
		return proto.Error(query.Code), true
	}
	if insert, ok := errors.AsType[*ch.Exception](err); ok {
		return insert.Code, true
	}
	return 0, false
}

// encrypted adds a hint to errors between two TLS sides, or between one with and one without TLS.
func encrypted(name string, enabled bool, err error) error {
	_, unknown := errors.AsType[x509.UnknownAuthorityError](err)
	_, misnamed := errors.AsType[x509.HostnameError](err)
	_, invalid := errors.AsType[x509.CertificateInvalidError](err)
	_, plain := errors.AsType[tls.RecordHeaderError](err)
	operation, _ := errors.AsType[*net.OpError](err)
	var timeout net.Error
	switch {
	case unknown:
		return with(err, "the server's certificate is not signed by an authority in "+name+".tls.ca_file")
	case misnamed:
		return with(err, "the server's certificate has another name: check "+name+".tls.server_name")
	case invalid:
		return with(err, "the server's certificate is invalid or expired")
	case operation != nil && operation.Op == "remote error": // crypto/tls marks alerts of the other side like this
		return with(err, "the server refuses our certificate: check "+name+".tls.cert_file and "+name+".tls.key_file")
	case plain, enabled && errors.As(err, &timeout) && timeout.Timeout(), enabled && (errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET)):
		return with(err, "does the server speak TLS? check the address and "+name+".tls.enabled")
	}
	return err
}

func with(err error, hint string) error { return fmt.Errorf("%w (%s)", err, hint) }
