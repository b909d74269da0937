package kafka

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/plugin/kslog"

	"stockpush/schemas"
)

// Record is a Kafka message.
type Record = kgo.Record

// Header is a header of a Kafka message.
type Header = kgo.RecordHeader

// Connection says how to reach the cluster.
type Connection struct {
	// Brokers are HOST:PORT seeds.
	Brokers []string
	// Dial connects to HOST:PORT, for example over TLS. Nil connects in plain text.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// SASL is nil for none.
	SASL sasl.Mechanism
	// ClientID names us in the brokers' logs.
	ClientID string
	Logger   *slog.Logger
	// Partitioners say by topic how a key's partition is chosen. A topic without one has Murmur2.
	Partitioners map[string]schemas.Partitioner
	// Unreadable is called for offsets that a read of a topic skips because they cannot be
	// read. Nil logs them.
	Unreadable func(of Span, cause error)
	// Extra is appended to the client's options; tests use it.
	Extra []kgo.Opt
}

// Options are the client options of the connection.
func (c Connection) Options() []kgo.Opt {
	options := []kgo.Opt{kgo.SeedBrokers(c.Brokers...), kgo.ClientID(c.ClientID)}
	if c.Logger != nil {
		options = append(options, kgo.WithLogger(kslog.New(c.Logger.With("component", "kafka"))))
	}
	if c.Dial != nil {
		options = append(options, kgo.Dialer(c.Dial))
	}
	if c.SASL != nil {
		options = append(options, kgo.SASL(c.SASL))
	}
	return append(options, c.Extra...)
}

// Unreachable says whether an error may be temporary: a network error, one that brokers return
// while they start, or one of the client while the cluster's metadata changes.
func Unreachable(err error) bool {
	if errors.Is(err, kerr.UnknownTopicOrPartition) || errors.Is(err, ErrNoTopic) {
		return false
	}
	_, network := errors.AsType[net.Error](err)
	return network || errors.Is(err, io.EOF) || kerr.IsRetriable(err) || kgo.IsRetryableBrokerErr(err) || errors.Is(err, errUnknownBroker())
}

// errUnknownBroker is the client's error for a broker that the cluster's metadata does not name, as
// while it restarts. The client does not export it, but returns it for a number that no broker has.
var errUnknownBroker = sync.OnceValue(func() error {
	client, err := kgo.NewClient()
	if err != nil {
		return err
	}
	defer client.Close()
	_, err = client.Broker(-1).Request(context.Background(), kmsg.NewPtrMetadataRequest())
	return err
})

// maxRetryInterval is the longest time between two tries.
const maxRetryInterval = 5 * time.Second

// Retry repeats do with backoff while the cluster is unreachable, until ctx ends. It returns any
// other error at once. A nil logger logs nothing.
func Retry[T any](ctx context.Context, log *slog.Logger, do func() (T, error)) (T, error) {
	pace := backoff.NewExponentialBackOff()
	pace.MaxInterval = maxRetryInterval
	return backoff.Retry(ctx, func() (T, error) {
		value, err := do()
		if err != nil && !Unreachable(err) {
			err = backoff.Permanent(err)
		}
		return value, err
	}, backoff.WithBackOff(pace), backoff.WithMaxElapsedTime(0), backoff.WithNotify(func(err error, wait time.Duration) {
		if log != nil {
			log.Warn("kafka is unreachable, retrying (check kafka.brokers)", "wait", wait, "error", err)
		}
	}))
}
