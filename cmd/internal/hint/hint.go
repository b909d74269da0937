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
	"net/url"
	"syscall"

	"github.com/ClickHouse/ch-go"
	"github.com/ClickHouse/ch-go/proto"
	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/oauth2"

	"stockpush/cmd/internal/config"
)

// Kafka adds a hint to an error of Kafka.
func Kafka(c config.Kafka, err error) error {
	_, early := errors.AsType[*kgo.ErrFirstReadEOF](err)
	_, noToken := errors.AsType[*oauth2.RetrieveError](err)
	_, noAnswer := errors.AsType[*url.Error](err) // of a request for credentials, the only one over HTTP
	switch {
	case noToken:
		return with(err, "check kafka.sasl.oauth.token_url, client_id, client_secret and scopes")
	case noAnswer && c.SASL.Mechanism == "OAUTHBEARER":
		return with(err, "the token server cannot be reached, or its certificate is not trusted by this system: check kafka.sasl.oauth.token_url")
	case noAnswer && c.SASL.Mechanism == "AWS_MSK_IAM":
		return with(err, "the container's endpoint for credentials cannot be reached: check the task's role, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
	case errors.Is(err, kerr.SaslAuthenticationFailed):
		return with(err, "kafka refuses the login: check kafka.sasl.mechanism"+loginKeys(c.SASL.Mechanism))
	case errors.Is(err, kerr.UnsupportedSaslMechanism):
		return with(err, "the broker does not offer this login: check kafka.sasl.mechanism")
	case errors.Is(err, kerr.TopicAuthorizationFailed), errors.Is(err, kerr.GroupAuthorizationFailed), errors.Is(err, kerr.ClusterAuthorizationFailed):
		return with(err, "the user lacks rights (docs/production.md lists those it needs)")
	case errors.Is(err, kerr.InvalidReplicationFactor):
		return with(err, "set kafka.replication_factor to the number of brokers or less")
	case early && !c.TLS.Enabled:
		return with(err, "does the broker require TLS (kafka.tls.enabled) or a login (kafka.sasl.mechanism)?")
	case (early || errors.Is(err, io.EOF)) && c.SASL.Mechanism != "":
		return with(err, "the broker closed the connection: check kafka.sasl.mechanism"+loginKeys(c.SASL.Mechanism))
	}
	return encrypted("kafka", c.TLS.Enabled, err)
}

// loginKeys names what else decides about a login.
func loginKeys(mechanism string) string {
	switch mechanism {
	case "OAUTHBEARER":
		return ", kafka.sasl.oauth.client_id and scopes, and which issuer and audience the broker expects"
	case "AWS_MSK_IAM":
		return ", the AWS credentials, kafka-cluster:Connect in their policy, AWS_REGION if the brokers have names of your own, and the machine's clock"
	default:
		return ", kafka.sasl.username and kafka.sasl.password"
	}
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
