package chart

import (
	"html/template"
	"regexp"
	"strings"

	"github.com/go-analyze/charts"
)

// Tones of what is not data.
const (
	toneText = "text"
	toneAxis = "axis"
	toneGrid = "grid"
)

// tones are the classes of drawn elements. Each has a fake colour in the library's palette, which
// classed replaces.
var tones = []string{toneText, toneAxis, toneGrid, "ok", "failed", "pending", "skipped", "accent", "second"}

func colourOf(tone string) charts.Color {
	for i, t := range tones {
		if t == tone {
			return charts.ColorRGB(1, 2, uint8(i))
		}
	}
	return charts.ColorBlack
}

var (
	style     = regexp.MustCompile(` style="([^"]*)"`)
	toneMatch = regexp.MustCompile(`^rgba?\(1,2,(\d)[,)]`)
	opening   = regexp.MustCompile(`^<svg [^>]*viewBox="([^"]*)"[^>]*>`)
)

// classed replaces every inline style by a class (for a tone's colour) and presentation attributes
// (for sizes), which no policy blocks. The library has escaped the text inside.
func classed(svg []byte) template.HTML {
	text := style.ReplaceAllStringFunc(string(svg), func(s string) string {
		return attributes(style.FindStringSubmatch(s)[1])
	})
	text = opening.ReplaceAllString(text, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="$1" aria-hidden="true" focusable="false" class="chart">`)
	return template.HTML(text) //nolint:gosec // made by the chart library, which escapes its labels
}

func attributes(declarations string) string {
	var classes []string
	var out strings.Builder
	for declaration := range strings.SplitSeq(declarations, ";") {
		name, value, _ := strings.Cut(declaration, ":")
		if tone := toneMatch.FindStringSubmatch(value); tone != nil {
			classes = append(classes, name+"-"+tones[tone[1][0]-'0'])
			continue
		}
		switch {
		case name == "stroke-width" || name == "font-size" || value == "none":
			out.WriteString(" " + name + `="` + value + `"`)
		case name == "fill": // transparent, or no known colour
			out.WriteString(` fill="none"`)
		}
	}
	if len(classes) > 0 {
		out.WriteString(` class="` + strings.Join(classes, " ") + `"`)
	}
	return out.String()
}
