// Package chart draws charts as SVG that a stylesheet colours.
//
// It replaces the chart library's inline styles by classes: a page with a strict
// Content-Security-Policy applies no inline style, and one drawing must suit light and dark mode.
// Its functions are pure and safe for concurrent use.
package chart

import (
	"fmt"
	"html/template"
	"strings"
	"unicode/utf8"

	"github.com/go-analyze/charts"
)

// Series is one line, or the bars of one colour.
type Series struct {
	// Name is used in the legend and in the text alternative.
	Name string
	// Class is the CSS class of the marks: one of Tones.
	Class string
	// Values has one value for each label, or Missing.
	Values []float64
}

// Chart is the data of a chart.
type Chart struct {
	// Labels are the categories in order: hours or names.
	Labels []string
	Series []Series
	// Format formats a value for the axis. If nil, the value is written as it is.
	Format func(float64) string
}

// Missing returns the value of a missing point.
func Missing() float64 { return charts.GetNullValue() }

// IsMissing reports whether a value is Missing.
func IsMissing(v float64) bool { return v == charts.GetNullValue() }

// Sizes in the SVG's units. All charts have this width. Height applies to all but horizontal bars.
const (
	Width  = 480
	Height = 210
)

// barHeight is the height of one horizontal bar in the SVG's units.
const barHeight = 30

// Stacked draws vertical bars with the series stacked.
func Stacked(c Chart) (template.HTML, error) {
	p := c.painter(Height)
	opt := charts.NewBarChartOptionWithData(c.values())
	opt.StackSeries = charts.Ptr(true)
	opt.Theme, opt.Padding = c.theme(), padding
	opt.CategoryAxis = c.categories()
	opt.ValueAxis = c.axis()
	opt.BarMargin = charts.Ptr(0.2)
	opt.Legend.Show = charts.Ptr(false)
	return c.finish(p, p.BarChart(opt))
}

// Bars draws the first series as horizontal bars, the first label at the top.
func Bars(c Chart) (template.HTML, error) {
	p := c.painter(barHeight*len(c.Labels) + 2*barHeight)
	opt := charts.NewBarChartOptionWithData(reversed(c.values()))
	opt.Horizontal = true
	opt.Theme, opt.Padding = c.theme(), padding
	opt.CategoryAxis = c.categories()
	opt.CategoryAxis.Labels = withRoom(reversed([][]string{c.Labels})[0])
	opt.CategoryAxis.LabelCount = len(c.Labels)
	opt.ValueAxis = []charts.ValueAxisOption{{LabelFontStyle: labels, Min: charts.Ptr(0.0), Unit: 1, ValueFormatter: c.Format, SplitLineShow: charts.Ptr(true)}}
	opt.BarSize = 0.5
	opt.Legend.Show = charts.Ptr(false)
	return c.finish(p, p.BarChart(opt))
}

// withRoom appends spaces to labels, because a browser's letters are wider than those that the
// library measures.
func withRoom(names []string) []string {
	wide := make([]string, len(names))
	for i, name := range names {
		wide[i] = name + strings.Repeat("\u00a0", 1+utf8.RuneCountInString(name)/8)
	}
	return wide
}

// Lines draws each series as a line.
func Lines(c Chart) (template.HTML, error) {
	p := c.painter(Height)
	opt := charts.NewLineChartOptionWithData(c.values())
	opt.Theme, opt.Padding = c.theme(), padding
	opt.XAxis = c.categories()
	opt.YAxis = c.axis()
	opt.LineStrokeWidth = 2
	opt.Symbol = charts.Symbol{Shape: charts.SymbolDot}
	opt.Legend.Show = charts.Ptr(false)
	return c.finish(p, p.LineChart(opt))
}

var padding = charts.Box{Top: 12, Right: 12, Bottom: 4, Left: 4, IsSet: true}

// labels is the font size of an axis in points.
var labels = charts.FontStyle{FontSize: 9}

// maxLabels is how many labels fit below a chart, also on a phone, where letters are larger.
const maxLabels = 4

func (c Chart) painter(height int) *charts.Painter {
	return charts.NewPainter(charts.PainterOptions{OutputFormat: charts.ChartOutputSVG, Width: Width, Height: height})
}

func (c Chart) theme() charts.ColorPalette {
	colours := make([]charts.Color, len(c.Series))
	for i, s := range c.Series {
		colours[i] = colourOf(s.Class)
	}
	return charts.MakeTheme(charts.ThemeOption{
		AxisStrokeColor: colourOf(toneAxis), AxisSplitLineColor: colourOf(toneGrid), TextColor: colourOf(toneText),
		BackgroundColor: charts.ColorTransparent, SeriesColors: colours,
	})
}

func (c Chart) categories() charts.CategoryAxisOption {
	return charts.CategoryAxisOption{LabelFontStyle: labels, Labels: c.Labels, LabelCount: min(len(c.Labels), maxLabels), BoundaryGap: charts.Ptr(true)}
}

func (c Chart) axis() []charts.ValueAxisOption {
	return []charts.ValueAxisOption{{LabelFontStyle: labels, Min: charts.Ptr(0.0), ValueFormatter: c.Format, SplitLineShow: charts.Ptr(true), LabelCountAdjustment: -4}}
}

func (c Chart) values() [][]float64 {
	values := make([][]float64, len(c.Series))
	for i, s := range c.Series {
		values[i] = s.Values
	}
	return values
}

func (c Chart) finish(p *charts.Painter, err error) (template.HTML, error) {
	if err != nil {
		return "", fmt.Errorf("draw the chart: %w", err)
	}
	svg, err := p.Bytes()
	if err != nil {
		return "", fmt.Errorf("draw the chart: %w", err)
	}
	return classed(svg), nil
}

func reversed[T any](rows [][]T) [][]T {
	out := make([][]T, len(rows))
	for i, row := range rows {
		for j := len(row) - 1; j >= 0; j-- {
			out[i] = append(out[i], row[j])
		}
	}
	return out
}
