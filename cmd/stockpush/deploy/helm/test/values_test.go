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
const named = "secrets: {existingSecret: stockpush}\n"

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
		"":                                  "secrets.existingSecret",
		named + "procesor: {replicas: 3}":   "procesor",
		named + "processor: {replicas: -1}": "replicas",
		named + "terminationGracePeriodSeconds: 30":  "terminationGracePeriodSeconds",
		named + "config: {shopee: {partner_key: k}}": "partner_key",
		named + "config: {ops: {listen: ':1'}}":      "listen",
		named + "image: {digest: latest}":            "digest",
		named + "prometheusRule: {runbookURL: wiki}": "runbookURL",
	} {
		_, err := manifests(t, values)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v does not name %s", values, err, want)
		}
	}
}
