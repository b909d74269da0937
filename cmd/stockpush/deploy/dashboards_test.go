package deploy

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/stretchr/testify/require"

	"stockpush/cmd/internal/metricstest"
)

// panel is as much of a Grafana panel as the tests read.
type panel struct {
	ID          int
	Type, Title string
	Description string
	GridPos     struct{ X, Y, W, H int }
	Datasource  struct{ UID string }
	FieldConfig struct{ Defaults struct{ Unit string } }
	Targets     []struct{ Expr, LegendFormat string }
}

type dashboard struct {
	UID, Title string
	Panels     []panel
	Templating struct {
		List []struct {
			Name, Type string
			AllValue   string
			// Query is a text for the data source, and an object for the others.
			Query any
		}
	}
}

func dashboards(t *testing.T) map[string]dashboard {
	files, err := filepath.Glob("grafana/*.json")
	require.NoError(t, err)
	require.Len(t, files, 2)
	all := map[string]dashboard{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		var d dashboard
		require.NoError(t, json.Unmarshal(text, &d), file)
		require.NotEmpty(t, d.Panels)
		all[file] = d
	}
	return all
}

// existing maps the names of all metrics to their labels.
func existing(t *testing.T) map[string][]string {
	all := map[string][]string{}
	for _, m := range metricstest.Registered(t) {
		all[m.Name] = m.Labels
		if m.Type == "histogram" {
			all[m.Name+"_bucket"] = append(slices.Clone(m.Labels), "le")
		}
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	families, err := registry.Gather()
	require.NoError(t, err)
	for _, f := range families {
		all[f.GetName()] = nil
	}
	return all
}

var (
	metricName = regexp.MustCompile(`\b(?:stockpush|process|go)_[a-z_]+`)
	usedLabels = regexp.MustCompile(`(?:by \(([a-z_, ]+)\)|([a-z_]+)=~?"|\{\{([a-z_]+)\}\})`)
)

// TestEveryPanelQueriesMetricsThatExist also checks the labels: a sum by one that a metric does not
// have is one line without a name.
func TestEveryPanelQueriesMetricsThatExist(t *testing.T) {
	exist, used := existing(t), map[string]bool{}
	for file, d := range dashboards(t) {
		for _, p := range d.Panels {
			for _, target := range p.Targets {
				at := fmt.Sprintf("%s, panel %q: %s", file, p.Title, target.Expr)
				names := metricName.FindAllString(target.Expr, -1)
				require.NotEmpty(t, names, at)
				for _, name := range names {
					labels, ok := exist[name]
					require.True(t, ok, "%s: there is no %s", at, name)
					used[strings.TrimSuffix(name, "_bucket")] = true
					requireLabels(t, append(labels, "instance", "job", "namespace"), target.Expr+" "+target.LegendFormat, at)
				}
			}
		}
	}
	for name := range exist {
		if strings.HasPrefix(name, "stockpush_stream_") && !strings.HasSuffix(name, "unresolved") {
			require.True(t, used[name], "no panel shows %s", name)
		}
	}
}

func requireLabels(t *testing.T, have []string, text, at string) {
	for _, words := range usedLabels.FindAllStringSubmatch(text, -1) {
		for label := range strings.SplitSeq(words[1]+words[2]+words[3], ",") {
			require.Contains(t, have, strings.TrimSpace(label), at)
		}
	}
}

func TestPanelsDoNotOverlapAndSayWhatTheyShow(t *testing.T) {
	for file, d := range dashboards(t) {
		taken, ids := map[[2]int]string{}, map[int]bool{}
		for _, p := range d.Panels {
			require.False(t, ids[p.ID], "%s: id %d twice", file, p.ID)
			ids[p.ID] = true
			if p.Type != "row" {
				require.NotEmpty(t, p.Description, "%s: %s has no description", file, p.Title)
				require.NotEmpty(t, p.FieldConfig.Defaults.Unit, "%s: %s has no unit", file, p.Title)
			}
			require.LessOrEqual(t, p.GridPos.X+p.GridPos.W, 24, p.Title)
			for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
				for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
					require.Empty(t, taken[[2]int{x, y}], "%s: %q is over %q", file, p.Title, taken[[2]int{x, y}])
					taken[[2]int{x, y}] = p.Title
				}
			}
		}
	}
}

// TestPanelQueriesAreValid lets Prometheus parse each query, as a recording rule.
func TestPanelQueriesAreValid(t *testing.T) {
	variables := strings.NewReplacer("$__rate_interval", "1m", "$job", "stockpush", "$namespace", ".*", "$instance", ".*")
	var rules strings.Builder
	rules.WriteString("groups:\n  - name: panels\n    rules:\n")
	for file, d := range dashboards(t) {
		for _, p := range d.Panels {
			for i, target := range p.Targets {
				_, _ = fmt.Fprintf(&rules, "      - {record: 'panel:%s_%d_%d', expr: %q}\n", strings.TrimSuffix(filepath.Base(file), ".json"), p.ID, i, variables.Replace(target.Expr))
			}
		}
	}
	file := filepath.Join(t.TempDir(), "panels.yml")
	require.NoError(t, os.WriteFile(file, []byte(rules.String()), 0o600))
	tool(t, "promtool", "check", "rules", file)
}

// selected is the part of a query that the variables of a dashboard decide.
const selected = `{job=~"$job",namespace=~"$namespace",instance=~"$instance"`

// TestVariablesSelectWhatEveryPanelShows also finds a fixed data source.
func TestVariablesSelectWhatEveryPanelShows(t *testing.T) {
	for file, d := range dashboards(t) {
		queries := map[string]any{}
		for _, v := range d.Templating.List {
			queries[v.Name] = v.Query
			require.True(t, v.Type == "datasource" || v.AllValue != "", "%s: all of %s", file, v.Name)
		}
		require.Equal(t, "prometheus", queries["datasource"])
		for _, label := range []string{"job", "namespace", "instance"} {
			require.Regexp(t, `label_values\(stockpush_stream_partitions.*, `+label+`\)`, queries[label], file)
		}
		for _, p := range d.Panels {
			for _, target := range p.Targets {
				require.Equal(t, "${datasource}", p.Datasource.UID, "%s: %s", file, p.Title)
				require.Len(t, metricName.FindAllString(target.Expr, -1), strings.Count(target.Expr, selected), "%s: %s: %s", file, p.Title, target.Expr)
			}
		}
	}
}
