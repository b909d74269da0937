package main

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"stockpush/cmd/internal/metricstest"
)

type alert struct {
	Alert, Expr string
	Annotations struct {
		Summary, Description string
		RunbookURL           string `yaml:"runbook_url"`
	}
}

func alerts(t *testing.T) []alert {
	text, err := os.ReadFile("alerts.yml")
	require.NoError(t, err)
	var file struct {
		Groups []struct{ Rules []alert }
	}
	require.NoError(t, yaml.Unmarshal(text, &file))
	require.Len(t, file.Groups, 1)
	require.NotEmpty(t, file.Groups[0].Rules)
	return file.Groups[0].Rules
}

func TestEveryAlertIsInTheRunbook(t *testing.T) {
	runbook, err := os.ReadFile("docs/runbook.md")
	require.NoError(t, err)
	var headings []string
	for _, heading := range regexp.MustCompile(`(?m)^## (\w+)$`).FindAllStringSubmatch(string(runbook), -1) {
		headings = append(headings, heading[1])
	}
	var names []string
	for _, a := range alerts(t) {
		names = append(names, a.Alert)
		require.Equal(t, "https://runbooks.example.com/stockpush/runbook.md#"+strings.ToLower(a.Alert), a.Annotations.RunbookURL)
		require.NotEmpty(t, a.Annotations.Summary)
		require.NotEmpty(t, a.Annotations.Description, a.Alert)
	}
	require.Equal(t, names, headings)
}

func TestEveryAlertUsesExistingMetrics(t *testing.T) {
	exist := map[string]bool{}
	for _, m := range metricstest.Registered(t) {
		exist[m.Name] = true
	}
	runbook, err := os.ReadFile("docs/runbook.md")
	require.NoError(t, err)
	text := string(runbook)
	for _, a := range alerts(t) {
		text += a.Expr
	}
	names := regexp.MustCompile(`stockpush_(stream|processor|channels|shopee|sink|webhook|promotions)_\w+`).FindAllString(text, -1)
	require.Greater(t, len(names), 10)
	for _, name := range names {
		require.True(t, exist[name], name)
	}
}

// TestEveryAlertKeepsTheNamespace lets an operator route the alerts of several installations.
func TestEveryAlertKeepsTheNamespace(t *testing.T) {
	without := regexp.MustCompile(`\b(?:sum|min|max|count) ?\(`)
	grouping := regexp.MustCompile(`\b(?:by|on) \(([^)]*)\)`)
	for _, a := range alerts(t) {
		require.NotRegexp(t, without, a.Expr, a.Alert)
		for _, labels := range grouping.FindAllStringSubmatch(a.Expr, -1) {
			require.Equal(t, "namespace", strings.Split(labels[1], ",")[0], a.Alert)
		}
	}
}
