package chart

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestMain silences Helm, which logs each of the chart's links to the rules and dashboards.
func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.DiscardHandler))
	os.Exit(m.Run())
}

// named is what every installation must say.
const named = "secrets: {existingSecret: stockpush}\nconfig: {shopee: {partner_id: 2001234}}\n"

// valueSets are the values for which the chart is linted and rendered, by name.
func valueSets(t *testing.T) map[string]string {
	t.Helper()
	sets := map[string]string{"the least": named}
	files, err := filepath.Glob("testdata/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal("no value sets: ", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		sets[strings.TrimSuffix(filepath.Base(file), ".yaml")] = string(text)
	}
	return sets
}

func TestValuesThatCannotWorkAreRefused(t *testing.T) {
	for values, want := range map[string]string{
		"procesor: {replicas: 3}":                      "procesor",
		"processor: {replicas: -1}":                    "replicas",
		"terminationGracePeriodSeconds: 30":            "terminationGracePeriodSeconds",
		"config: {shopee: {partner_key: k}}":           "partner_key",
		"config: {shopee: {tokens_file: tokens.json}}": "tokens_file",
		"config: {shopee: {webhook: {listen: 'a:1'}}}": "listen",
		"config: {kafka: {brokers: []}}":               "brokers",
		"config: {ops: {listen: ':1'}}":                "listen",
		"image: {digest: latest}":                      "digest",
		"prometheusRule: {runbookURL: wiki}":           "runbookURL",
		"autoscaling: {kafkaVersion: '4'}":             "kafkaVersion",
		"autoscaling: {minReplicas: 9}":                "autoscaling.minReplicas: at most autoscaling.maxReplicas",
		"secrets: {keys: [shopee.partner_key]}":        "secrets.keys: add shopee.tokens_postgres",
		"secrets: {keys: [shopee.tokens_postgres]}":    "secrets.keys: add shopee.partner_key",
		"secrets: {keys: [clickhouse.password]}":       "secrets.keys: add console.token",
		"config: {shopee: {partner_id: 0}}":            "config.shopee.partner_id: set",
	} {
		_, err := manifests(t, named, values)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v does not name %s", values, err, want)
		}
	}
}

// The chart's own values are refused with one message that says all that is missing.
func TestWhatMustBeSetIsSaidAtOnce(t *testing.T) {
	_, err := manifests(t)
	for _, want := range []string{"secrets.existingSecret: name the Secret", "config.shopee.partner_id: set the app's id"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not say %q", err, want)
		}
	}
}
