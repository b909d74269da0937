// Package programtest runs the program in tests and benchmarks as users run it: as a process, with
// a configuration file and the servers that the file names.
//
// It imports only test helpers and the embedded servers; the product never imports it.
package programtest

import (
	"context"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"stockpush/channels/shopee/sandbox"
	"stockpush/cmd/internal/embedded/embeddedtest"
	"stockpush/processor/stream/kafka"
	"stockpush/schemas"
	"stockpush/schemas/stockevent"
)

// Options configure the servers.
type Options struct {
	// Shops is the number of authorized shops in the sandbox.
	Shops int
	// Kafka is the address of a running broker; empty starts an embedded one. On a running broker
	// the topics get their own prefix and are deleted at the end.
	Kafka string
}

// Servers are the servers that the program connects to, and its configuration file.
type Servers struct {
	TB      testing.TB
	File    string
	Kafka   string
	Topics  schemas.Topics
	Sandbox *sandbox.Sandbox
	Web     *httptest.Server
	// ClickHouse is the address of the native protocol.
	ClickHouse string
}

// StartServers starts the servers for one test and writes the configuration file.
func StartServers(t testing.TB, o Options) *Servers {
	t.Helper()
	dir := t.TempDir()
	shopee, err := sandbox.New(sandbox.Config{TokensFile: filepath.Join(dir, "tokens.json"), Shops: o.Shops})
	require.NoError(t, err)
	s := &Servers{
		TB: t, File: filepath.Join(dir, "stockpush.yaml"), Kafka: o.Kafka, Topics: "stockpush",
		Sandbox: shopee, Web: httptest.NewServer(shopee), ClickHouse: embeddedtest.StartClickHouse(t).Addr(),
	}
	t.Cleanup(func() { s.Web.Close(); shopee.Wait() })
	if s.Kafka == "" {
		s.Kafka = embeddedtest.StartBroker(t).Addr()
	} else {
		s.Topics = schemas.Topics(fmt.Sprintf("stockpush-%d", time.Now().UnixNano()))
		t.Cleanup(s.deleteTopics)
	}
	s.Configure("")
	return s
}

// Configure writes the configuration file. more is appended to the section of shopee.
func (s *Servers) Configure(more string) {
	text := fmt.Sprintf(`kafka: {brokers: [%q], topic_prefix: %q, partitions: 3}
clickhouse: {addr: %q}
ops: {listen: "127.0.0.1:0"}
console: {listen: "127.0.0.1:0"}
sinks: {batch_interval: 50ms}
shopee:
  base_url: %s
  partner_id: %d
  partner_key: %s
  tokens_file: %s
%s`, s.Kafka, s.Topics, s.ClickHouse, s.Web.URL, sandbox.DefaultPartnerID, sandbox.DefaultPartnerKey, filepath.Join(filepath.Dir(s.File), "tokens.json"), more)
	require.NoError(s.TB, os.WriteFile(s.File, []byte(text), 0o600))
}

// Conn returns a connection to Kafka.
func (s *Servers) Conn() kafka.Connection {
	return kafka.Connection{Brokers: []string{s.Kafka}, ClientID: "test"}
}

// Produce publishes n events and waits for Kafka's acknowledgements.
func (s *Servers) Produce(n int, next func() schemas.Event) {
	producer, err := kafka.NewProducer(s.Conn(), kafka.DefaultBatchBytes)
	require.NoError(s.TB, err)
	defer producer.Close()
	for range n {
		e := next()
		r := &kafka.Record{Topic: s.Topics.Events(), Partition: kafka.ByKey, Key: []byte(e.Key.String()), Value: stockevent.Encode(&e)}
		producer.Produce(s.TB.Context(), r, func(err error) { require.NoError(s.TB, err) })
	}
	require.NoError(s.TB, producer.Flush(s.TB.Context()))
}

// Launch starts `stockpush run` and returns at once.
func (s *Servers) Launch(args ...string) *Process {
	s.TB.Helper()
	return Start(s.TB, Build(s.TB), append([]string{"run", "--config", s.File}, args...)...)
}

// Serve starts `stockpush run` and waits until every role serves.
func (s *Servers) Serve(args ...string) *Process {
	s.TB.Helper()
	return s.ServeWith(Build(s.TB), args...)
}

// ServeWith is Serve with another build of the program.
func (s *Servers) ServeWith(path string, args ...string) *Process {
	s.TB.Helper()
	p := Start(s.TB, path, append([]string{"run", "--config", s.File}, args...)...)
	p.EventuallyLogged("msg=ready")
	return p
}

func (s *Servers) deleteTopics() {
	client, err := kgo.NewClient(s.Conn().Options()...)
	require.NoError(s.TB, err)
	defer client.Close()
	var names []string
	for _, spec := range s.Topics.Specs(1) {
		names = append(names, spec.Name)
	}
	// The test's context has ended by now.
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	_, err = kadm.NewClient(client).DeleteTopics(ctx, names...)
	require.NoError(s.TB, err)
}
