package main

import (
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"
	"github.com/stretchr/testify/require"

	"stockpush/cmd/internal/metricstest"
)

// Every metric has the form that `promtool check metrics` wants.
func TestMetricsFollowPrometheusConventions(t *testing.T) {
	var families []*dto.MetricFamily
	for _, m := range metricstest.Registered(t) {
		families = append(families, family(m))
	}
	problems, err := promlint.NewWithMetricFamilies(families).Lint()
	require.NoError(t, err)
	require.Empty(t, problems)
}

// family is a metric as promlint takes it.
func family(m metricstest.Metric) *dto.MetricFamily {
	kind := dto.MetricType(dto.MetricType_value[strings.ToUpper(m.Type)])
	var labels []*dto.LabelPair
	for _, name := range m.Labels {
		labels = append(labels, &dto.LabelPair{Name: &name, Value: new(string)})
	}
	return &dto.MetricFamily{Name: &m.Name, Help: &m.Help, Type: &kind, Metric: []*dto.Metric{{Label: labels}}}
}
