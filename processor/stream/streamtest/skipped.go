package streamtest

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
)

// Skipped is how many positions of a topic were skipped, as the metric says.
func Skipped(t testing.TB, registry prometheus.Gatherer, topic string) int {
	families, err := registry.Gather()
	require.NoError(t, err)
	for _, family := range families {
		for _, m := range family.GetMetric() {
			if family.GetName() == "stockpush_stream_poison_total" && m.GetLabel()[0].GetValue() == topic {
				return int(m.GetCounter().GetValue())
			}
		}
	}
	require.Fail(t, "the series does not exist from the start")
	return -1
}
