// Package broker is the embedded broker: franz-go's Kafka-protocol server with data on disk. It is
// for one machine, demos and tests; production needs Apache Kafka.
//
// Differences from Apache Kafka:
//   - It advertises the address it listens on, so a wildcard address is refused.
//   - It keeps a producer's timestamp, even if the topic has LogAppendTime.
//   - It forgets the members of groups when it stops: see Config.Settle.
//   - It looks for expired records once an hour.
//   - A killed process loses nothing that was acknowledged; a power failure can lose the newest
//     records, as with Apache Kafka on one machine.
package broker

import (
	"fmt"
	"log/slog"
	"net"
	"os"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Config configures the embedded broker.
type Config struct {
	// Listen is HOST:PORT, which is also the advertised address. Port 0 selects a free port.
	Listen string
	// DataDir keeps topics, groups and offsets between runs. Empty keeps them in memory. Only one
	// broker may use a directory at a time.
	DataDir string
	// Settle is how long after a start with existing data no consumer group accepts members. The
	// broker has forgotten the earlier members. They notice at their next heartbeat, and until then
	// they work on partitions that may be assigned to others.
	Settle time.Duration
	// Logger receives warnings and errors; nil discards them.
	Logger *slog.Logger
}

// Broker is a running broker.
type Broker struct {
	cluster *kfake.Cluster
	alive   *keepAlive
}

// Start starts the broker and returns once it serves.
func Start(cfg Config) (*Broker, error) {
	options, err := cfg.options()
	if err != nil {
		return nil, fmt.Errorf("embedded broker: %w", err)
	}
	used := cfg.isUsed()
	cluster, err := kfake.NewCluster(options...)
	if err != nil {
		return nil, fmt.Errorf("embedded broker on %s (is another one running?): %w", cfg.Listen, err)
	}
	if cfg.Settle > 0 && used {
		settle(cluster, time.Now().Add(cfg.Settle))
	}
	watchStaticMembers(cluster)
	alive, err := newKeepAlive(cluster)
	if err != nil {
		cluster.Close()
		return nil, fmt.Errorf("embedded broker: %w", err)
	}
	return &Broker{cluster, alive}, nil
}

// settle rejects JoinGroup requests with CoordinatorLoadInProgress until a time.
func settle(cluster *kfake.Cluster, until time.Time) {
	cluster.ControlKey(int16(kmsg.JoinGroup), func(r kmsg.Request) (kmsg.Response, error, bool) {
		if time.Now().After(until) {
			return nil, nil, false // removes this control function
		}
		cluster.KeepControl()
		answer := r.ResponseKind().(*kmsg.JoinGroupResponse)
		answer.ErrorCode = kerr.CoordinatorLoadInProgress.Code
		return answer, nil, true
	})
}

func (cfg Config) options() ([]kfake.Opt, error) {
	port, err := listenPort(cfg.Listen)
	if err != nil {
		return nil, err
	}
	options := []kfake.Opt{
		kfake.NumBrokers(1),
		kfake.Ports(port),
		kfake.ListenFn(func(network, _ string) (net.Listener, error) { return net.Listen(network, cfg.Listen) }),
		// The default retention of 7 days would also apply to compacted topics.
		kfake.BrokerConfigs(map[string]string{"log.retention.ms": "-1"}),
	}
	if cfg.Logger != nil {
		options = append(options, kfake.WithLogger(logger{cfg.Logger}))
	}
	if cfg.DataDir == "" {
		return options, nil
	}
	if err := os.MkdirAll(cfg.DataDir, 0o700); err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	return append(options, kfake.DataDir(cfg.DataDir)), nil
}

// isUsed reports whether the data directory has data of an earlier run.
func (cfg Config) isUsed() bool {
	entries, err := os.ReadDir(cfg.DataDir)
	return err == nil && len(entries) > 0
}

// listenPort returns the port of an address that may be advertised.
func listenPort(address string) (int, error) {
	host, text, err := net.SplitHostPort(address)
	if err != nil {
		return 0, fmt.Errorf("listen address %q is not HOST:PORT: %w", address, err)
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		return 0, fmt.Errorf("listen address %q names no host, but it is also the advertised address: use 127.0.0.1", address)
	}
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return 0, fmt.Errorf("listen address %q has no port number: %w", address, err)
	}
	return int(port), nil
}

// Addr returns the broker's address.
func (b *Broker) Addr() string { return b.cluster.ListenAddrs()[0] }

// Close stops the broker after all data is on disk.
func (b *Broker) Close() {
	b.alive.close()
	b.cluster.Close()
}

// logger forwards warnings and errors.
type logger struct{ to *slog.Logger }

// Logf implements kfake.Logger.
func (l logger) Logf(level kfake.LogLevel, format string, args ...any) {
	switch level {
	case kfake.LogLevelError:
		l.to.Error("embedded broker: " + fmt.Sprintf(format, args...))
	case kfake.LogLevelWarn:
		l.to.Warn("embedded broker: " + fmt.Sprintf(format, args...))
	}
}
