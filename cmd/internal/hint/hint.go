// Package hint tells an operator which configuration keys to look at when a
// connection fails.
//
// It judges errors by their types and codes, and refuses to judge what it does not know.
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

// Kafka adds to an error of Kafka's what to look at.
func Kafka(c config.Kafka, err error) error {
	_, early := errors.AsType[*kgo.ErrFirstReadEOF](err)
	switch {
	case errors.Is(err, kerr.SaslAuthenticationFailed):
		return with(err, "kafka refuses the user: check kafka.sasl.mechanism, kafka.sasl.username and kafka.sasl.password")
	case errors.Is(err, kerr.TopicAuthorizationFailed), errors.Is(err, kerr.GroupAuthorizationFailed), errors.Is(err, kerr.ClusterAuthorizationFailed):
		return with(err, "the user has not all rights that are needed")
	case early && !c.TLS.Enabled:
		return with(err, "does the broker want TLS (kafka.tls.enabled) or a user (kafka.sasl.mechanism)?")
	case (early || errors.Is(err, io.EOF)) && c.SASL.Mechanism != "":
		return with(err, "the broker hung up: check kafka.sasl.mechanism, kafka.sasl.username and kafka.sasl.password")
	}
	return encrypted("kafka", c.TLS.Enabled, err)
}

// ClickHouse adds to an error of ClickHouse's what to look at.
func ClickHouse(c config.ClickHouse, err error) error {
	if code, ok := exception(err); ok {
		switch code {
		case proto.ErrAuthenticationFailed, proto.ErrUnknownUser, proto.ErrWrongPassword:
			return with(err, "clickhouse refuses the user: check clickhouse.username and clickhouse.password")
		case proto.ErrAccessDenied:
			return with(err, "the user has not all rights that are needed")
		case proto.ErrUnknownDatabase, proto.ErrUnknownTable, proto.ErrNoSuchColumnInTable:
			return with(err, "`stockpush setup` makes what is missing")
		}
		return err
	}
	if errors.Is(err, io.EOF) && !c.TLS.Enabled {
		return with(err, "the server hung up: does it want TLS (clickhouse.tls.enabled)?")
	}
	return encrypted("clickhouse", c.TLS.Enabled, err)
}

// exception is the code of what the server refused: a query, or an insert, which has another client.
func exception(err error) (code proto.Error, ok bool) {
	if query, ok := errors.AsType[*clickhouse.Exception](err); ok {
		return proto.Error(query.Code), true
	}
	if insert, ok := errors.AsType[*ch.Exception](err); ok {
		return insert.Code, true
	}
	return 0, false
}

// encrypted is for what goes wrong between two TLS sides, or one and none.
func encrypted(name string, enabled bool, err error) error {
	_, unknown := errors.AsType[x509.UnknownAuthorityError](err)
	_, misnamed := errors.AsType[x509.HostnameError](err)
	_, invalid := errors.AsType[x509.CertificateInvalidError](err)
	_, plain := errors.AsType[tls.RecordHeaderError](err)
	operation, _ := errors.AsType[*net.OpError](err)
	var timeout net.Error
	switch {
	case unknown:
		return with(err, "the server's certificate is of no authority in "+name+".tls.ca_file")
	case misnamed:
		return with(err, "the server's certificate has another name: check "+name+".tls.server_name")
	case invalid:
		return with(err, "the server's certificate is not valid, or not any more")
	case operation != nil && operation.Op == "remote error": // how crypto/tls marks the other side's alerts
		return with(err, "the server refuses our certificate: check "+name+".tls.cert_file and "+name+".tls.key_file")
	case plain, enabled && errors.As(err, &timeout) && timeout.Timeout(), enabled && (errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET)):
		return with(err, "does the server speak TLS? check the address and "+name+".tls.enabled")
	}
	return err
}

func with(err error, hint string) error { return fmt.Errorf("%w (%s)", err, hint) }
