package deploy

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockpush/cmd/internal/embedded/embeddedtest"
	"stockpush/cmd/internal/programtest"
	"stockpush/cmd/internal/traffic"
	"stockpush/schemas"
)

const alertsFile = "../alerts.yml"

func TestMain(m *testing.M) { embeddedtest.Main(m, programtest.Remove) }

// tool runs a program of Prometheus.
func tool(t *testing.T, name string, args ...string) {
	t.Helper()
	needs(t, name)
	out, err := exec.Command(name, args...).CombinedOutput()
	require.NoError(t, err, "%s %s\n%s", name, strings.Join(args, " "), out)
}

// needs skips the test where a program is not installed. CI installs it.
func needs(t *testing.T, name string) {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		t.Skipf("%s is not installed (apt-get install prometheus prometheus-alertmanager)", name)
	}
}

func TestAlertsFireOnTheirSeries(t *testing.T) {
	tool(t, "promtool", "test", "rules", "prometheus/alerts_test.yml")
}

func TestExamplesOfPrometheusAndAlertmanagerAreValid(t *testing.T) {
	tool(t, "promtool", "check", "config", "prometheus/prometheus.yml")
	tool(t, "amtool", "check-config", "prometheus/alertmanager.yml")
}

var alertName = regexp.MustCompile(`(?m)^ +- alert: (\w+)$`)

func alertNames(t *testing.T) (names []string) {
	text, err := os.ReadFile(alertsFile)
	require.NoError(t, err)
	for _, words := range alertName.FindAllStringSubmatch(string(text), -1) {
		names = append(names, words[1])
	}
	require.NotEmpty(t, names)
	return names
}

func TestEveryAlertIsTested(t *testing.T) {
	tests, err := os.ReadFile("prometheus/alerts_test.yml")
	require.NoError(t, err)
	for _, name := range alertNames(t) {
		require.Contains(t, string(tests), "alertname: "+name+"\n        exp_alerts:\n          - exp_labels", name)
	}
}

// minutes is how long the last sample of the healthy run stays: longer than any alert waits.
const minutes = 90

func TestNoAlertFiresOnAHealthyRun(t *testing.T) {
	needs(t, "promtool")
	samples := healthyRun(t)
	var input strings.Builder
	rules, err := filepath.Abs(alertsFile)
	require.NoError(t, err)
	_, _ = fmt.Fprintf(&input, "rule_files: [%q]\nevaluation_interval: 1m\ntests:\n  - interval: 1m\n    input_series:\n", rules)
	for _, series := range slices.Sorted(maps.Keys(samples[len(samples)-1])) {
		values := ""
		for _, sample := range samples {
			if value, ok := sample[series]; ok {
				values += fmt.Sprintf("%g ", value)
			} else {
				values += "_ "
			}
		}
		last := samples[len(samples)-1][series]
		_, _ = fmt.Fprintf(&input, "      - {series: '%s', values: '%s%gx%d'}\n", scraped(series), values, last, minutes)
	}
	input.WriteString("      - {series: 'up{instance=\"a\",job=\"stockpush\"}', values: '1x100'}\n    alert_rule_test:\n")
	for at := 1; at <= minutes; at++ {
		for _, name := range alertNames(t) {
			_, _ = fmt.Fprintf(&input, "      - {eval_time: %dm, alertname: %s, exp_alerts: []}\n", at, name)
		}
	}
	file := filepath.Join(t.TempDir(), "healthy_test.yml")
	require.NoError(t, os.WriteFile(file, []byte(input.String()), 0o600))
	tool(t, "promtool", "test", "rules", file)
}

// scraped adds the labels that Prometheus adds to a series.
func scraped(series string) string {
	name, labels, _ := strings.Cut(strings.TrimSuffix(series, "}"), "{")
	if labels != "" {
		labels += ","
	}
	return name + "{" + labels + `instance="a",job="stockpush"}`
}

// healthyRun returns what /metrics showed before, while and after events were pushed.
func healthyRun(t *testing.T) (samples []map[string]float64) {
	const events, rounds = 200, 3
	servers := programtest.StartServers(t, programtest.Options{Shops: 3})
	require.NoError(t, programtest.Start(t, programtest.Build(t), "setup", "--config", servers.File).Cmd.Wait())
	process := servers.Serve()
	samples = append(samples, process.Metrics())
	generator := traffic.New(traffic.Shape{SKUs: 50, Shops: 3, Seed: 1})
	for range rounds {
		servers.Produce(events, func() schemas.Event { return generator.Next(time.Now()) })
		samples = append(samples, process.Metrics())
	}
	process.AwaitMetric("stockpush_processor_events_total", rounds*events)
	for _, name := range []string{"stockpush_processor_waiting", "stockpush_channels_waiting", "stockpush_stream_unresolved", "stockpush_stream_lag"} {
		done := func() bool { return process.Metric(name) == 0 }
		require.Eventually(t, done, time.Minute, 100*time.Millisecond, "%s does not come to 0", name)
	}
	require.Positive(t, process.Metric("stockpush_channels_outcomes_total"))
	return append(samples, process.Metrics())
}
