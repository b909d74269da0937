package docs

import (
	"fmt"
	"strings"
	"testing"

	"stockpush/cmd/internal/metricstest"
)

// parts are the metrics' subsystems in the order of the flow, with what they measure.
var parts = [][2]string{
	{"build", "Build"}, {"stream", "Every stage"}, {"processor", "Processor"}, {"channels", "Channels"}, {"shopee", "Shopee client"},
	{"sink", "Sink"}, {"clickhouse", "ClickHouse client"}, {"promotions", "Promotions"}, {"webhook", "Shopee's push messages"}, {"console", "Console"},
}

func TestMetricsReferenceIsCurrent(t *testing.T) {
	requireGenerated(t, "metrics.md", "metrics", metricsTables(t, metricstest.Registered(t)))
}

func metricsTables(t *testing.T, metrics []metricstest.Metric) string {
	rows := map[string][][]string{}
	for _, m := range metrics {
		part, _, _ := strings.Cut(strings.TrimPrefix(m.Name, "stockpush_"), "_")
		rows[part] = append(rows[part], []string{"`" + m.Name + "`", m.Type, labels(m.Labels), m.Help})
	}
	var b strings.Builder
	for i, part := range parts {
		if i > 0 {
			b.WriteString("\n")
		}
		head := [][]string{{"metric", "type", "labels", "meaning"}}
		fmt.Fprintf(&b, "## %s\n\n%s", part[1], table(append(head, rows[part[0]]...)))
		delete(rows, part[0])
	}
	for part := range rows {
		t.Errorf("metrics of %q have no heading in metrics.md", part)
	}
	return b.String()
}

func labels(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return "`" + strings.Join(names, "`, `") + "`"
}
