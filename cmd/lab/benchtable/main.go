// Command benchtable prints the benchmarks' results beside their budgets and an earlier run's
// results.
//
//	benchtable [-short] [-apache-kafka] NOW [BEFORE]
//
// NOW and BEFORE are outputs of `go test -bench`. A row is the median of all runs in a file, with
// minimum and maximum. With -short it prints only rows with a budget, without the earlier run. With
// -apache-kafka the budgets are those on Apache Kafka, whose bare consumer is faster than the
// embedded broker's.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"golang.org/x/perf/benchfmt"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "benchtable:", err)
		os.Exit(1)
	}
}

func run(args []string, out io.Writer) error {
	flags := flag.NewFlagSet("benchtable", flag.ContinueOnError)
	short := flags.Bool("short", false, "print only rows that have a budget")
	apache := flags.Bool("apache-kafka", false, "the benchmarks ran on Apache Kafka")
	if err := flags.Parse(args); err != nil {
		return err
	}
	files := flags.Args()
	if len(files) < 1 || len(files) > 2 {
		return fmt.Errorf("usage: benchtable [-short] [-apache-kafka] NOW [BEFORE]")
	}
	now, err := read(files[0])
	if err != nil {
		return err
	}
	before := measured{}
	if len(files) == 2 {
		if before, err = read(files[1]); err != nil {
			return err
		}
	}
	if *short {
		renderShort(now, *apache, out)
	} else {
		render(now, before, *apache, out)
	}
	return nil
}

// metric identifies a reported value.
type metric struct{ benchmark, unit string }

// measured has the values of all runs.
type measured map[metric][]float64

func read(path string) (measured, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	all := measured{}
	reader := benchfmt.NewReader(file, path)
	for reader.Scan() {
		if r, ok := reader.Result().(*benchfmt.Result); ok {
			for _, v := range r.Values {
				unit, value := v.Unit, v.Value
				if v.OrigUnit != "" {
					unit, value = v.OrigUnit, v.OrigValue
				}
				m := metric{withoutProcs(r.Name.String()), unit}
				all[m] = append(all[m], value)
			}
		}
	}
	for _, values := range all {
		slices.Sort(values)
	}
	return all, reader.Err()
}

// withoutProcs removes the suffix -N, the number of processors.
func withoutProcs(name string) string {
	if at := strings.LastIndexByte(name, '-'); at > 0 && strings.Trim(name[at+1:], "0123456789") == "" {
		return name[:at]
	}
	return name
}

func newTable(out io.Writer, header ...any) table.Writer {
	t := table.NewWriter()
	t.SetOutputMirror(out)
	t.SetStyle(table.StyleRounded)
	t.AppendHeader(header)
	return t
}

func renderShort(now measured, apache bool, out io.Writer) {
	t := newTable(out, "what", "measured", "budget")
	for _, r := range rowsOn(apache) {
		values := now[r.metric]
		if len(values) == 0 || r.bounds == none {
			continue
		}
		cell := r.spread(values)
		if r.met(values) != "yes" {
			cell += "  NOT MET"
		}
		t.AppendRow(table.Row{strings.TrimSpace(r.what), cell, r.budget()})
	}
	t.Render()
}

func render(now, before measured, apache bool, out io.Writer) {
	t := newTable(out, "what", "measured", "runs", "budget", "met", "before")
	for _, r := range rowsOn(apache) {
		values := now[r.metric]
		if len(values) == 0 {
			continue
		}
		t.AppendRow(table.Row{r.what, r.spread(values), len(values), r.budget(), r.met(values), r.earlier(before[r.metric])})
	}
	t.Render()
}

func median(sorted []float64) float64 {
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}
