package main

import (
	"log/slog"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"stockpush/channels/shopee"
	"stockpush/channels/shopee/webhook"
	"stockpush/channels/worker"
	"stockpush/cmd/internal/promotions"
	"stockpush/processor"
	"stockpush/processor/stream"
	"stockpush/sinks"
)

type alert struct {
	Alert, Expr string
	Annotations struct{ Summary, Runbook string }
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

func TestEveryAlertHasItsPlaceInTheRunbook(t *testing.T) {
	runbook, err := os.ReadFile("RUNBOOK.md")
	require.NoError(t, err)
	var headings []string
	for _, heading := range regexp.MustCompile(`(?m)^## (\w+)$`).FindAllStringSubmatch(string(runbook), -1) {
		headings = append(headings, heading[1])
	}
	var names []string
	for _, a := range alerts(t) {
		names = append(names, a.Alert)
		require.Equal(t, "RUNBOOK.md#"+strings.ToLower(a.Alert), a.Annotations.Runbook)
		require.NotEmpty(t, a.Annotations.Summary)
	}
	require.Equal(t, names, headings)
}

func TestEveryAlertAsksForMetricsThatExist(t *testing.T) {
	registry := prometheus.NewRegistry()
	processor.NewMetrics(registry)
	worker.NewMetrics(registry)
	sinks.NewMetrics(registry)
	promotions.NewMetrics(registry)
	_, err := webhook.New(webhook.Config{}, webhook.Deps{Registerer: registry})
	require.NoError(t, err)
	_, err = shopee.New(shopee.Config{BaseURL: "http://x", PartnerID: 1, PartnerKey: "k", Timeout: time.Minute}, shopee.Deps{Tokens: shopee.NewFileStore("none", nil), Registerer: registry})
	require.NoError(t, err)
	_, err = stream.New(stream.Config{Group: "g", Topics: []string{"t"}}, stream.Deps{
		Connection: stream.Connection{Brokers: []string{"127.0.0.1:1"}}, Logger: slog.New(slog.DiscardHandler), Registerer: registry,
	})
	require.NoError(t, err)
	stream.NewDeadLetters(nil, "t", nil, registry)
	described := make(chan *prometheus.Desc, 1000)
	registry.Describe(described)
	close(described)
	exist := map[string]bool{}
	for d := range described {
		exist[regexp.MustCompile(`fqName: "(\w+)"`).FindStringSubmatch(d.String())[1]] = true
	}
	runbook, err := os.ReadFile("RUNBOOK.md")
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
