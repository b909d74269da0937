package pages

import (
	"cmp"
	"context"
	"html/template"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"time"

	"stockpush/cmd/internal/console/pages/chart"
	"stockpush/cmd/internal/pushrecords"
	"stockpush/schemas"
)

// figure is a chart with its text alternative.
type figure struct {
	Title, Note string
	SVG         template.HTML `json:"-"`
	Chart       chart.Chart   `json:"-"`
	// Rows are the text alternative: a label, and a text for each series.
	Rows []figureRow
}

type figureRow struct {
	Label string
	Texts []string
}

// overviewData is the data of the overview.
type overviewData struct {
	Form                         form `json:"-"`
	Triggers, Pushed, Failed     uint64
	Skipped                      uint64
	Absorbed, SuccessRate        string
	P50, P99                     string
	Figures                      []figure
	FailingNow                   uint64
	Facets                       []facet
	FailingLink, Hours, Messages string
}

// defaultSince is the overview's default time range.
const defaultSince = "24h"

func (c *console) overview(r *http.Request) (view, error) {
	if r.Form.Get("since") == "" {
		r.Form.Set("since", defaultSince)
	}
	v := c.viewer(r)
	a, err := c.asked(r)
	if err != nil {
		return view{}, err
	}
	times := axisOf(a.filter, c.now())
	stats, err := c.stats(r.Context(), a.filter, times)
	if err != nil {
		return view{}, err
	}
	lists := asked{query: a.query, filter: a.filter, path: pathStoreSKUs}
	var failures listData
	if err := c.countFailures(r.Context(), lists, &failures); err != nil {
		return view{}, err
	}
	data := &overviewData{Form: a.form(v), FailingNow: failures.Failing, Facets: failures.Facets, FailingLink: failures.FailingLink}
	series := times.bucket(stats)
	data.total(v, series)
	if data.Figures, err = v.figures(series, failures.Facets); err != nil {
		return view{}, err
	}
	return view{Template: "overview", Tab: "overview", Title: v.T("title.overview"), Data: data, Live: true}, nil
}

func (d *overviewData) total(v *viewer, all []slot) {
	var sum slot
	for i := range all {
		sum.add(&all[i])
	}
	d.Pushed, d.Failed, d.Skipped = sum.n[schemas.Successfully.String()], sum.n[schemas.Failed.String()], sum.n[schemas.Skipped.String()]
	d.Triggers = d.Pushed + d.Failed + d.Skipped
	d.SuccessRate, d.Absorbed, d.P50, d.P99 = "–", "–", "–", "–"
	if pushes := d.Pushed + d.Failed; pushes > 0 {
		d.SuccessRate = strconv.FormatFloat(100*float64(d.Pushed)/float64(pushes), 'f', 1, 64) + " %"
		d.Absorbed = strconv.FormatFloat(float64(d.Triggers)/float64(pushes), 'f', 1, 64)
	}
	if sum.timed > 0 {
		d.P50, d.P99 = v.millis(sum.p50()), v.millis(sum.p99)
	}
}

// slot has the statistics of one point in time.
type slot struct {
	at    time.Time
	n     map[string]uint64
	timed uint64
	// weighted is the sum of the medians, weighted by their records; p99 is the maximum.
	weighted, p99 float64
}

func (s *slot) p50() float64 { return s.weighted / float64(s.timed) }

func (s *slot) add(o *slot) {
	if s.n == nil {
		s.n = map[string]uint64{}
	}
	for status, n := range o.n {
		s.n[status] += n
	}
	s.timed, s.weighted, s.p99 = s.timed+o.timed, s.weighted+o.weighted, max(s.p99, o.p99)
}

// axis is the time axis of the charts: its end, and the length of what the statistics count.
type axis struct {
	since, end time.Time
	step       time.Duration
	// most is how many points fit.
	most int
}

// axisOf returns the axis for a filter's period: an hour or less is counted by the minute.
func axisOf(f pushrecords.Filter, now time.Time) axis {
	end := now
	if !f.Until.IsZero() && f.Until.Before(now) {
		end = f.Until
	}
	if end.Sub(f.Since) <= time.Hour {
		return axis{f.Since, end, time.Minute, 61} // an hour touches 61 minutes
	}
	return axis{f.Since, end, time.Hour, 48}
}

// stats returns what the axis shows.
func (c *console) stats(ctx context.Context, f pushrecords.Filter, a axis) ([]pushrecords.Stat, error) {
	if a.step == time.Minute {
		return c.Reader.StatsByMinute(ctx, f)
	}
	return c.Reader.Stats(ctx, f)
}

// bucket sums statistics into the axis's slots. Empty slots are kept, so that a gap shows.
func (a axis) bucket(stats []pushrecords.Stat) []slot {
	if len(stats) == 0 {
		return nil
	}
	first := stats[0].At
	if a.since.After(first) || a.end.Sub(first) > 31*24*time.Hour {
		first = a.since.Truncate(a.step)
	}
	steps := max(1, int((a.end.Sub(first)+a.step-1)/a.step))
	each := (steps + a.most - 1) / a.most
	width := time.Duration(each) * a.step
	slots := make([]slot, (steps+each-1)/each)
	for i := range slots {
		slots[i] = slot{at: first.Add(time.Duration(i) * width), n: map[string]uint64{}}
	}
	for _, s := range stats {
		i := int(s.At.Sub(first) / width)
		if i < 0 || i >= len(slots) {
			continue
		}
		slots[i].n[s.Status] += s.Records
		if s.Status == schemas.Successfully.String() {
			slots[i].timed += s.Records
			slots[i].weighted += s.P50 * float64(s.Records)
			slots[i].p99 = max(slots[i].p99, s.P99)
		}
	}
	return slots
}

// seconds writes milliseconds for an axis, where words have no room.
func seconds(ms float64) string { return decimal(ms/1000) + " s" }

func (v *viewer) millis(ms float64) string {
	return v.long(time.Duration(ms * float64(time.Millisecond)))
}

func whole(v float64) string { return countText(int64(v)) }

func (v *viewer) figures(slots []slot, codes []facet) ([]figure, error) {
	if len(slots) == 0 {
		return nil, nil
	}
	made := []struct {
		figure figure
		draw   func(chart.Chart) (template.HTML, error)
	}{
		{figure{Title: v.T("figure.outcomes"), Note: v.T("figure.outcomes.note", "Zone", v.zone), Chart: v.outcomes(slots)}, chart.Stacked},
		{figure{Title: v.T("figure.times"), Note: v.T("figure.times.note"), Chart: v.times(slots)}, chart.Lines},
		{figure{Title: v.T("figure.absorbed"), Note: v.T("figure.absorbed.note"), Chart: v.absorbed(slots)}, chart.Lines},
		{figure{Title: v.T("figure.reasons"), Note: v.T("figure.reasons.note"), Chart: v.reasons(codes)}, chart.Bars},
	}
	var all []figure
	for _, m := range made {
		if len(m.figure.Chart.Labels) == 0 {
			continue
		}
		svg, err := m.draw(m.figure.Chart)
		if err != nil {
			return nil, err
		}
		m.figure.SVG = svg
		m.figure.write()
		all = append(all, m.figure)
	}
	return all, nil
}

// write fills the text alternative. Empty slots are left out.
func (f *figure) write() {
	for i, label := range f.Chart.Labels {
		row := figureRow{Label: label}
		anything := false
		for _, s := range f.Chart.Series {
			text := "–"
			if !chart.IsMissing(s.Values[i]) {
				text = f.Chart.Format(s.Values[i])
				anything = anything || s.Values[i] != 0
			}
			row.Texts = append(row.Texts, text)
		}
		if anything {
			f.Rows = append(f.Rows, row)
		}
	}
}

func (v *viewer) labels(slots []slot) []string {
	layout := "15:04"
	if len(slots) > 1 {
		switch span := slots[len(slots)-1].at.Sub(slots[0].at); {
		case span > 4*24*time.Hour:
			layout = v.T("layout.day")
		case span > 26*time.Hour:
			layout = "2/1 15h"
		}
	}
	all := make([]string, len(slots))
	for i := range slots {
		all[i] = slots[i].at.In(v.zone).Format(layout)
	}
	return all
}

func values(slots []slot, of func(*slot) float64) []float64 {
	all := make([]float64, len(slots))
	for i := range slots {
		all[i] = of(&slots[i])
	}
	return all
}

func ofStatus(s schemas.Status) func(*slot) float64 {
	return func(t *slot) float64 { return float64(t.n[s.String()]) }
}

func (v *viewer) outcomes(slots []slot) chart.Chart {
	return chart.Chart{Labels: v.labels(slots), Format: whole, Series: []chart.Series{
		{Name: v.status("Successfully"), Class: "ok", Values: values(slots, ofStatus(schemas.Successfully))},
		{Name: v.status("Failed"), Class: "failed", Values: values(slots, ofStatus(schemas.Failed))},
	}}
}

func timed(of func(*slot) float64) func(*slot) float64 {
	return func(s *slot) float64 {
		if s.timed == 0 {
			return chart.Missing()
		}
		return of(s)
	}
}

func (v *viewer) times(slots []slot) chart.Chart {
	return chart.Chart{Labels: v.labels(slots), Format: seconds, Series: []chart.Series{
		{Name: "p50", Class: "accent", Values: values(slots, timed((*slot).p50))},
		{Name: "p99", Class: "second", Values: values(slots, timed(func(s *slot) float64 { return s.p99 }))},
	}}
}

func (v *viewer) absorbed(slots []slot) chart.Chart {
	return chart.Chart{
		Labels: v.labels(slots), Format: func(v float64) string { return strconv.FormatFloat(v, 'f', 1, 64) },
		Series: []chart.Series{{Name: v.T("figure.absorbed.series"), Class: "accent", Values: values(slots, func(s *slot) float64 {
			pushes := s.n[schemas.Successfully.String()] + s.n[schemas.Failed.String()]
			if pushes == 0 {
				return chart.Missing()
			}
			return float64(pushes+s.n[schemas.Skipped.String()]) / float64(pushes)
		})}},
	}
}

// maxReasons is how many codes the chart names; the list beside it has all.
const maxReasons = 6

func (v *viewer) reasons(codes []facet) chart.Chart {
	most := map[string]float64{}
	for _, f := range codes {
		most[v.code(f.Code)] = float64(f.N)
	}
	names := slices.SortedFunc(maps.Keys(most), func(a, b string) int { return cmp.Or(cmp.Compare(most[b], most[a]), cmp.Compare(a, b)) })
	names = names[:min(len(names), maxReasons)]
	series := chart.Series{Name: v.T("figure.reasons.series"), Class: "failed"}
	for _, name := range names {
		series.Values = append(series.Values, most[name])
	}
	return chart.Chart{Labels: names, Format: whole, Series: []chart.Series{series}}
}
