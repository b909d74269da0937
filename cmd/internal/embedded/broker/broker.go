// Package broker is the embedded broker: franz-go's own Kafka-protocol server,
// kept on disk. It is for one machine, demos and tests; production is Apache Kafka.
//
// It differs from Apache Kafka in ways that users of it should know:
//   - it advertises the address it listens on, so a wildcard address is refused;
//   - it keeps the time that a producer gives a record, also where the topic
//     asks for LogAppendTime;
//   - it forgets the members of its groups when it ends: see Config.Settle;
//   - it looks for records past their retention once an hour;
//   - a killed process loses nothing that was acknowledged; a power cut can
//     lose the newest records, as with Apache Kafka on one machine.
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

// Config sets the embedded broker.
type Config struct {
	// Listen is HOST:PORT, which clients are told too; port 0 takes a free one.
	Listen string
	// DataDir keeps topics, groups and offsets between runs; empty keeps them
	// only while the broker runs. One broker at a time may use it.
	DataDir string
	// Settle is how long after a start with old data no consumer group takes members. The
	// broker forgets who they were, and they learn of it at their next heartbeat
	// only: until then they work on partitions that others were given already.
	Settle time.Duration
	// Logger gets warnings and errors; nil drops them.
	Logger *slog.Logger
}

// Broker is a running embedded broker.
type Broker struct {
	cluster *kfake.Cluster
	sitter  *sitter
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
	sitter, err := newSitter(cluster)
	if err != nil {
		cluster.Close()
		return nil, fmt.Errorf("embedded broker: %w", err)
	}
	return &Broker{cluster, sitter}, nil
}

// settle answers whoever wants to join a group before a time that the group is being loaded.
func settle(cluster *kfake.Cluster, until time.Time) {
	cluster.ControlKey(int16(kmsg.JoinGroup), func(r kmsg.Request) (kmsg.Response, error, bool) {
		if time.Now().After(until) {
			return nil, nil, false // for good: the control is not kept
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
		// The default retention, 7 days, would also be applied to compacted topics.
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

// isUsed says whether the data directory has an earlier broker's data.
func (cfg Config) isUsed() bool {
	entries, err := os.ReadDir(cfg.DataDir)
	return err == nil && len(entries) > 0
}

// listenPort is the port of an address that clients can be told.
func listenPort(address string) (int, error) {
	host, text, err := net.SplitHostPort(address)
	if err != nil {
		return 0, fmt.Errorf("listen address %q is not HOST:PORT: %w", address, err)
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		return 0, fmt.Errorf("listen address %q names no host, and clients are told this address: use 127.0.0.1", address)
	}
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return 0, fmt.Errorf("listen address %q has no port number: %w", address, err)
	}
	return int(port), nil
}

// Addr is where it listens.
func (b *Broker) Addr() string { return b.cluster.ListenAddrs()[0] }

// Close ends the broker after what it has is on disk.
func (b *Broker) Close() {
	b.sitter.close()
	b.cluster.Close()
}

// logger passes on what an operator should see.
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
