// Package chart draws charts as SVG that a stylesheet colours.
//
// It owns the shape of the console's charts and the translation of the chart
// library's inline styles into classes: a page with a strict
// Content-Security-Policy applies no inline style, and one drawing has to read
// well in light and in dark. It is pure; its functions are safe for concurrent use.
package chart

import (
	"fmt"
	"html/template"

	"github.com/go-analyze/charts"
)

// Series is one line, or one colour of the bars.
type Series struct {
	// Name is for the legend beside the chart and the text alternative.
	Name string
	// Class is the CSS class of what is drawn: one of Tones.
	Class string
	// Values has one value for each label; Missing where there is none.
	Values []float64
}

// Chart is what is drawn, and what its text alternative says.
type Chart struct {
	// Labels are the categories, in order: hours, or names.
	Labels []string
	Series []Series
	// Format writes a value for the axis; nil writes it as it is.
	Format func(float64) string
}

// Missing is the value of a point that does not exist.
func Missing() float64 { return charts.GetNullValue() }

// IsMissing says whether a value stands for no point.
func IsMissing(v float64) bool { return v == charts.GetNullValue() }

// Height of every chart but the horizontal bars, in the SVG's units; Width is that of all.
const (
	Width  = 480
	Height = 210
)

// barHeight is what one horizontal bar takes, in the SVG's units.
const barHeight = 30

// Stacked draws vertical bars, the series on top of each other.
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

// Bars draws the first series as horizontal bars, the first label on top.
func Bars(c Chart) (template.HTML, error) {
	p := c.painter(barHeight*len(c.Labels) + 2*barHeight)
	opt := charts.NewBarChartOptionWithData(reversed(c.values()))
	opt.Horizontal = true
	opt.Theme, opt.Padding = c.theme(), padding
	opt.CategoryAxis = c.categories()
	opt.CategoryAxis.Labels = reversed([][]string{c.Labels})[0]
	opt.CategoryAxis.LabelCount = len(c.Labels)
	opt.ValueAxis = []charts.ValueAxisOption{{LabelFontStyle: labels, Min: charts.Ptr(0.0), Unit: 1, ValueFormatter: c.Format, SplitLineShow: charts.Ptr(true)}}
	opt.BarSize = 0.5
	opt.Legend.Show = charts.Ptr(false)
	return c.finish(p, p.BarChart(opt))
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

// labels is the size of an axis's words, in points.
var labels = charts.FontStyle{FontSize: 9}

// maxLabels is how many labels fit beside each other under a chart.
const maxLabels = 5

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
