// Package metricstest lists the metrics that the program registers, for tests of what names them.
package metricstest

import (
	"log/slog"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"stockpush/channels/shopee"
	"stockpush/channels/shopee/tokens"
	"stockpush/channels/shopee/webhook"
	"stockpush/channels/worker"
	"stockpush/cmd/internal/console"
	"stockpush/cmd/internal/ops"
	"stockpush/cmd/internal/promotions"
	"stockpush/cmd/internal/version"
	"stockpush/processor"
	"stockpush/processor/stream"
	"stockpush/processor/stream/kafka"
	"stockpush/sinks"
	"stockpush/sinks/clickhouse"
)

// Metric is one registered metric.
type Metric struct {
	Name, Type, Help string
	Labels           []string
}

// Registered lists every metric of the program by name, without those of Go and of the process.
func Registered(t testing.TB) []Metric {
	r := &recorder{Registry: prometheus.NewRegistry(), types: map[string]string{}}
	registerAll(t, r)
	families, err := r.Gather()
	require.NoError(t, err)
	for _, f := range families {
		r.types[f.GetName()] = strings.ToLower(f.GetType().String())
	}
	var metrics []Metric
	for _, d := range descriptions(r.Registry) {
		m := metricOf(d)
		if !strings.HasPrefix(m.Name, "stockpush_") {
			continue // of a library that serves them
		}
		m.Type = r.types[m.Name]
		require.NotEmpty(t, m.Type, "the type of %s", m.Name)
		metrics = append(metrics, m)
	}
	slices.SortFunc(metrics, func(a, b Metric) int { return strings.Compare(a.Name, b.Name) })
	return metrics
}

// registerAll makes every part of the program that has metrics.
func registerAll(t testing.TB, r *recorder) {
	quiet := slog.New(slog.DiscardHandler)
	version.Register(r)
	processor.NewMetrics(r)
	worker.NewMetrics(r)
	sinks.NewMetrics(r)
	clickhouse.NewMetrics(r)
	promotions.NewMetrics(r)
	kafka.NewDeadLetters(nil, "t", nil, r)
	console.NewHandler(console.Config{}, console.Deps{Probes: ops.Probes{Registry: r.Registry}, Logger: quiet})
	webhook.New(webhook.Config{}, webhook.Deps{Registerer: r})
	_, err := shopee.New(
		shopee.Config{BaseURL: "http://x", PartnerID: 1, PartnerKey: "k", Timeout: time.Minute},
		shopee.Deps{Tokens: tokens.NewFileStore("none", nil), Registerer: r})
	require.NoError(t, err)
	_, err = stream.New(stream.Config{Group: "g", Topics: []string{"t"}}, stream.Deps{
		Connection: kafka.Connection{Brokers: []string{"127.0.0.1:1"}}, Logger: quiet, Registerer: r,
	})
	require.NoError(t, err)
}

// recorder remembers the types of metrics with labels, which a registry shows only once they count.
type recorder struct {
	*prometheus.Registry
	types map[string]string
}

func (r *recorder) MustRegister(collectors ...prometheus.Collector) {
	for _, c := range collectors {
		r.record(c)
	}
	r.Registry.MustRegister(collectors...)
}

func (r *recorder) Register(c prometheus.Collector) error {
	r.record(c)
	return r.Registry.Register(c)
}

func (r *recorder) record(c prometheus.Collector) {
	var kind string
	switch c.(type) {
	case *prometheus.CounterVec:
		kind = "counter"
	case *prometheus.GaugeVec:
		kind = "gauge"
	case *prometheus.HistogramVec:
		kind = "histogram"
	default:
		return
	}
	for _, d := range descriptions(c) {
		r.types[metricOf(d).Name] = kind
	}
}

func descriptions(c prometheus.Collector) []*prometheus.Desc {
	found := make(chan *prometheus.Desc, 1000)
	c.Describe(found)
	close(found)
	var all []*prometheus.Desc
	for d := range found {
		all = append(all, d)
	}
	return all
}

// described are the parts of a description, which has no other way to tell them.
var described = regexp.MustCompile(`fqName: "(\w+)", help: "(.*)", unit: ".*", constLabels: \{(.*?)\}, variableLabels: \{(.*?)\}`)

func metricOf(d *prometheus.Desc) Metric {
	parts := described.FindStringSubmatch(d.String())
	var labels []string
	for _, label := range strings.Split(parts[3]+","+parts[4], ",") {
		if name, _, _ := strings.Cut(label, "="); name != "" {
			labels = append(labels, name)
		}
	}
	return Metric{Name: parts[1], Help: parts[2], Labels: labels}
}
