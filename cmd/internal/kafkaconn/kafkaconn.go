// Package kafkaconn turns the Kafka keys of the configuration into a kafka.Connection.
package kafkaconn

import (
	"fmt"
	"log/slog"

	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"stockpush/cmd/internal/config"
	"stockpush/cmd/internal/tlsconf"
	"stockpush/processor/stream/kafka"
	"stockpush/schemas"
)

// From returns the connection's settings. It does not connect.
func From(k config.Kafka, log *slog.Logger) (kafka.Connection, error) {
	encrypted, err := tlsconf.New("kafka.tls", k.TLS, log)
	if err != nil {
		return kafka.Connection{}, err
	}
	mechanism, err := mechanismOf(k.SASL)
	if err != nil {
		return kafka.Connection{}, err
	}
	events := schemas.Topics(k.TopicPrefix).Events()
	c := kafka.Connection{
		Brokers: k.Brokers, SASL: mechanism, Logger: log, ClientID: "stockpush",
		Partitioners: map[string]schemas.Partitioner{events: schemas.Partitioner(k.Partitioner)},
	}
	if encrypted != nil {
		c.Dial = encrypted.DialContext
	}
	return c, nil
}

func mechanismOf(s config.SASL) (sasl.Mechanism, error) {
	switch s.Mechanism {
	case "":
		return nil, nil
	case "PLAIN":
		return plain.Auth{User: s.Username, Pass: s.Password.Reveal()}.AsMechanism(), nil
	case "SCRAM-SHA-256":
		return scram.Auth{User: s.Username, Pass: s.Password.Reveal()}.AsSha256Mechanism(), nil
	case "SCRAM-SHA-512":
		return scram.Auth{User: s.Username, Pass: s.Password.Reveal()}.AsSha512Mechanism(), nil
	case "OAUTHBEARER":
		return bearer(s.OAuth), nil
	case "AWS_MSK_IAM":
		return awsIAM(), nil
	default:
		return nil, fmt.Errorf("kafka.sasl.mechanism: %q is unknown", s.Mechanism)
	}
}
