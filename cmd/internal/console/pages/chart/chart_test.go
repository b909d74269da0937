package chart_test

import (
	"encoding/xml"
	"errors"
	"html/template"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"stockpush/cmd/internal/console/pages/chart"
)

func sample() chart.Chart {
	return chart.Chart{
		Labels: []string{"08:00", "<script>", "10:00"},
		Series: []chart.Series{{Name: "Successfully", Class: "ok", Values: []float64{3, 4, 5}}, {Name: "Failed", Class: "failed", Values: []float64{1, 0, 2}}},
	}
}

func TestChartsHaveClassesAndNoInlineStyle(t *testing.T) {
	for name, draw := range map[string]func(chart.Chart) (template.HTML, error){"stacked": chart.Stacked, "bars": chart.Bars, "lines": chart.Lines} {
		t.Run(name, func(t *testing.T) {
			svg, err := draw(sample())
			require.NoError(t, err)
			text := string(svg)
			require.NotContains(t, text, "style=")
			require.NotContains(t, text, "rgb")
			require.NotContains(t, text, "<script")
			require.Contains(t, text, "&lt;script&gt;")
			require.Contains(t, text, `fill-text`)
			require.Contains(t, text, `-ok`)
			require.Contains(t, text, `-failed`)
			wellFormed(t, text)
		})
	}
}

func TestAChartOfOnePointAndOfNoneIsDrawn(t *testing.T) {
	one := chart.Chart{Labels: []string{"08:00"}, Series: []chart.Series{{Class: "ok", Values: []float64{chart.Missing()}}}}
	for _, draw := range []func(chart.Chart) (template.HTML, error){chart.Stacked, chart.Bars, chart.Lines} {
		svg, err := draw(one)
		require.NoError(t, err)
		wellFormed(t, string(svg))
	}
}

func wellFormed(t *testing.T, text string) {
	t.Helper()
	decoder := xml.NewDecoder(strings.NewReader(text))
	for {
		_, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return
		}
		require.NoError(t, err, text)
	}
}
