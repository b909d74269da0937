package queries

import (
	"fmt"
	"slices"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
)

// The targets of every list and history, and of the statistics' 95th percentile.
const (
	targetMedian = 100 * time.Millisecond
	targetP95    = 300 * time.Millisecond
)

// answers are the times of a question in a state.
type answers struct {
	question
	state       string
	median, p95 time.Duration
}

func (a answers) missed() bool { return a.median >= targetMedian || a.p95 >= targetP95 }

// String returns "median / p95" in ms, with a mark if it misses the target.
func (a answers) String() string {
	mark := ""
	if a.missed() {
		mark = " !"
	}
	return fmt.Sprintf("%.0f / %.0f%s", millis(a.median), millis(a.p95), mark)
}

// column returns the list, and whether it is about later pages.
func (q question) column() string {
	if q.later {
		return q.list + ", later pages"
	}
	return q.list
}

// row returns the filter.
func (q question) row() string {
	if q.filter == "" {
		return "no filter"
	}
	return q.filter
}

// answersTable returns a state's table, with a row per filter and a column per list.
func answersTable(state string, all []answers) string {
	var columns, rows []string
	cells := map[[2]string]string{}
	missed := 0
	for _, a := range all {
		if a.state != state {
			continue
		}
		if !slices.Contains(columns, a.column()) {
			columns = append(columns, a.column())
		}
		if !slices.Contains(rows, a.row()) {
			rows = append(rows, a.row())
		}
		cells[[2]string{a.row(), a.column()}] = a.String()
		if a.missed() {
			missed++
		}
	}
	if len(rows) == 0 {
		return ""
	}
	t := table.NewWriter()
	t.SetStyle(table.StyleLight)
	t.SetTitle("%s: median / 95th percentile in ms; %d of %d are not below %d / %d (!)", state, missed, len(cells), targetMedian.Milliseconds(), targetP95.Milliseconds())
	header := table.Row{""}
	for _, c := range columns {
		header = append(header, c)
	}
	t.AppendHeader(header)
	for _, r := range rows {
		line := table.Row{r}
		for _, c := range columns {
			line = append(line, cells[[2]string{r, c}])
		}
		t.AppendRow(line)
	}
	return t.Render()
}
