// Package broker is the embedded broker: franz-go's own Kafka-protocol server,
// kept on disk. It is for one machine, demos and tests; production is Apache Kafka.
package broker

import (
	"fmt"
	"log/slog"
	"net"
	"os"
	"strconv"

	"github.com/twmb/franz-go/pkg/kfake"
)

// Config sets the embedded broker.
type Config struct {
	// Listen is HOST:PORT; port 0 takes a free one.
	Listen string
	// DataDir keeps topics and offsets between runs; empty keeps them in memory.
	DataDir string
	Logger  *slog.Logger
}

// Broker is a running embedded broker.
type Broker struct{ cluster *kfake.Cluster }

// Start starts the broker and returns once it serves.
func Start(cfg Config) (*Broker, error) {
	_, text, err := net.SplitHostPort(cfg.Listen)
	if err != nil {
		return nil, fmt.Errorf("embedded broker: listen address: %w", err)
	}
	port, err := strconv.Atoi(text)
	if err != nil {
		return nil, fmt.Errorf("embedded broker: listen address: %w", err)
	}
	options := []kfake.Opt{kfake.NumBrokers(1), kfake.Ports(port), kfake.ListenFn(func(network, _ string) (net.Listener, error) {
		return net.Listen(network, cfg.Listen)
	})}
	if cfg.DataDir != "" {
		if err := os.MkdirAll(cfg.DataDir, 0o700); err != nil {
			return nil, fmt.Errorf("embedded broker: %w", err)
		}
		options = append(options, kfake.DataDir(cfg.DataDir))
	}
	cluster, err := kfake.NewCluster(options...)
	if err != nil {
		return nil, fmt.Errorf("embedded broker: %w", err)
	}
	return &Broker{cluster}, nil
}

// Addr is where it listens.
func (b *Broker) Addr() string { return b.cluster.ListenAddrs()[0] }

// Close ends the broker after what it has is on disk.
func (b *Broker) Close() { b.cluster.Close() }
