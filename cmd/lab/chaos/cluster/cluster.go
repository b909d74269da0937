// Package cluster runs the real program as several processes: broker, ClickHouse, sandbox and
// instances of `run`, connected through fault proxies.
//
// It owns the processes and their folders. The plan decides when to inject faults. The package
// imports nothing of the product.
package cluster

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"stockpush/cmd/internal/faultproxy"
)

// Config describes the cluster.
type Config struct {
	// Binary is the program, Library the embedded ClickHouse's library.
	Binary, Library string
	// Dir is an empty folder for data and logs.
	Dir string
	// KafkaLibs is the folder of Apache Kafka's jars; empty selects the embedded broker.
	KafkaLibs string
	// Layout has the roles of each instance.
	Layout []string
	// Static makes the instances static members of their consumer groups.
	Static bool
	Shops  int
	// DiskMegabytes is the size of the broker's disk; ClickHouse's is twice as large. 0 uses the
	// machine's disk.
	DiskMegabytes int
	// Settings are additional flags of the instances.
	Settings []string
}

// Settings of the processes. They are short, so that much happens within a minute.
const (
	Window       = 300 * time.Millisecond
	ConfirmAfter = 2 * time.Second
	Timeout      = 2 * time.Second
	// SessionTimeout is Kafka's minimum.
	SessionTimeout = 6 * time.Second
	Prefix         = "chaos"
	Database       = "stockpush"
	// PartnerKey is a secret that must appear in no log.
	PartnerKey = "a-partner-key-that-is-secret"
)

// Cluster is the system under test.
type Cluster struct {
	cfg Config
	dir string
	// Kafka is the broker's address; ClickHouseHTTP and SandboxURL are URLs.
	Kafka, ClickHouseHTTP, SandboxURL string

	Broker, ClickHouse, Sandbox *Process
	// Store is the proxy between the instances and ClickHouse.
	Store                      *faultproxy.Proxy
	BrokerDisk, ClickHouseDisk *Disk

	native, tokens string
	mu             sync.Mutex
	instances      []*Instance
}

// New prepares a cluster. It starts nothing.
func New(cfg Config) (c *Cluster, err error) {
	c = &Cluster{
		cfg: cfg, dir: cfg.Dir, Kafka: freeAddr(), native: freeAddr(), tokens: filepath.Join(cfg.Dir, "tokens.json"),
		ClickHouseHTTP: "http://" + freeAddr(), SandboxURL: "http://" + freeAddr(),
	}
	if c.BrokerDisk, err = NewDisk(filepath.Join(c.dir, "broker"), cfg.DiskMegabytes); err != nil {
		return nil, err
	}
	if c.ClickHouseDisk, err = NewDisk(filepath.Join(c.dir, "clickhouse"), 2*cfg.DiskMegabytes); err != nil {
		return nil, err
	}
	if c.Store, err = faultproxy.New(c.native); err != nil {
		return nil, err
	}
	c.ClickHouse = c.program("clickhouse", "clickhouse", "--listen="+c.native, "--http="+strings.TrimPrefix(c.ClickHouseHTTP, "http://"), "--data-dir="+c.ClickHouseDisk.Dir)
	c.Sandbox = c.program("sandbox", "sandbox", "--listen="+strings.TrimPrefix(c.SandboxURL, "http://"), "--tokens-file="+c.tokens,
		"--partner-key="+PartnerKey, fmt.Sprintf("--shops=%d", cfg.Shops))
	if cfg.KafkaLibs != "" {
		c.Broker, err = c.newKafka(cfg.KafkaLibs)
		return c, err
	}
	c.Broker = c.program("broker", "broker", "--listen="+c.Kafka, "--data-dir="+filepath.Join(c.BrokerDisk.Dir, "data"))
	return c, nil
}

// program returns a process of the program that prints when it is ready.
func (c *Cluster) program(name string, args ...string) *Process {
	return c.process(name, "ready", func() *exec.Cmd {
		cmd := exec.Command(c.cfg.Binary, args...)
		cmd.Env = append(os.Environ(), "STOCKPUSH_LIBCHDB="+c.cfg.Library)
		cmd.Dir = c.dir
		return cmd
	})
}

func (c *Cluster) process(name, ready string, command func() *exec.Cmd) *Process {
	return &Process{Name: name, command: command, ready: ready, log: filepath.Join(c.dir, name+".log")}
}

// Start starts everything and returns once it serves.
func (c *Cluster) Start(ctx context.Context) error {
	for _, p := range c.servers() {
		if err := p.Start(); err != nil {
			return err
		}
	}
	for _, p := range c.servers() {
		if err := p.Await(); err != nil {
			return err
		}
	}
	if err := c.setup(ctx); err != nil {
		return err
	}
	for _, roles := range c.cfg.Layout {
		if _, err := c.Join(roles); err != nil {
			return err
		}
	}
	for _, i := range c.Instances() {
		if err := i.Await(); err != nil {
			return err
		}
	}
	return nil
}

// setup creates topics and tables. Apache Kafka listens for a while before it serves.
func (c *Cluster) setup(ctx context.Context) error {
	for deadline := time.Now().Add(startTimeout); ; {
		setup := exec.CommandContext(ctx, c.cfg.Binary, append([]string{"setup"}, c.settings(c.native, c.SandboxURL)...)...)
		out, err := setup.CombinedOutput()
		if err == nil {
			return nil
		}
		if c.cfg.KafkaLibs == "" || time.Now().After(deadline) {
			return fmt.Errorf("setup: %w: %s", err, out)
		}
	}
}

// ClickHouseURL returns the URL of ClickHouse's HTTP protocol with user and password, which the
// embedded server creates on its first start.
func (c *Cluster) ClickHouseURL() (string, error) {
	password, err := os.ReadFile(filepath.Join(c.ClickHouseDisk.Dir, "clickhouse-password"))
	if err != nil {
		return "", err
	}
	at := url.URL{Scheme: "http", User: url.UserPassword("default", strings.TrimSpace(string(password))), Host: strings.TrimPrefix(c.ClickHouseHTTP, "http://")}
	return at.String(), nil
}

func (c *Cluster) servers() []*Process { return []*Process{c.Broker, c.ClickHouse, c.Sandbox} }

// settings returns the flags of a process that uses all servers.
func (c *Cluster) settings(clickhouse, shopee string) []string {
	return append([]string{
		"--kafka.brokers=" + c.Kafka, "--kafka.topic_prefix=" + Prefix, "--kafka.partitions=6", "--kafka.session_timeout=" + SessionTimeout.String(),
		"--clickhouse.addr=" + clickhouse, "--clickhouse.database=" + Database, "--processor.window=" + Window.String(), "--sinks.batch_interval=100ms",
		"--shopee.base_url=" + shopee, "--shopee.partner_id=1000001", "--shopee.partner_key=" + PartnerKey, "--shopee.tokens_file=" + c.tokens,
		"--shopee.timeout=" + Timeout.String(), "--shopee.shop_rate=60", "--shopee.app_rate=200", "--shopee.confirm_after=" + ConfirmAfter.String(),
		"--shopee.breaker.open_for=1s", "--shopee.probe_interval=1s", "--ops.listen=127.0.0.1:0",
	}, c.cfg.Settings...)
}

// Heal starts every process and removes every fault.
func (c *Cluster) Heal() error {
	c.Store.Set(faultproxy.Mode{})
	errs := []error{c.BrokerDisk.Free(), c.ClickHouseDisk.Free(), c.ClearFaults()}
	for _, p := range c.servers() {
		errs = append(errs, p.Start())
	}
	for _, i := range c.Instances() {
		i.Resume()
		if i.permanent {
			errs = append(errs, i.Start())
		}
	}
	return errors.Join(errs...)
}

// End shuts down the instances, then the servers.
func (c *Cluster) End() {
	var all sync.WaitGroup
	for _, i := range c.Instances() {
		all.Go(i.Term)
	}
	all.Wait()
	for _, p := range c.servers() {
		all.Go(p.Kill)
	}
	all.Wait()
}

// Close kills what still runs and unmounts the file systems.
func (c *Cluster) Close() error {
	for _, i := range c.Instances() {
		i.Kill()
		i.shopee.Close()
	}
	for _, p := range c.servers() {
		p.Kill()
	}
	c.Store.Close()
	return errors.Join(c.BrokerDisk.Close(), c.ClickHouseDisk.Close())
}

// Deaths returns the unexpected exits of processes.
func (c *Cluster) Deaths() []string {
	var all []string
	for _, p := range c.servers() {
		all = append(all, p.Deaths()...)
	}
	for _, i := range c.Instances() {
		all = append(all, i.Deaths()...)
	}
	return all
}

// freeAddr returns an address whose port is free.
func freeAddr() string { return fmt.Sprintf("127.0.0.1:%d", freePort()) }

// freePort returns a port below the range of outgoing connections: a server that is down for a
// while must find its port free again.
func freePort() int {
	for {
		port := 15_000 + rand.IntN(17_000)
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			_ = l.Close()
			return port
		}
	}
}
