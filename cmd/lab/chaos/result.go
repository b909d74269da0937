package main

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"time"

	"stockpush/cmd/lab/chaos/checker"
	"stockpush/cmd/lab/chaos/faults"
)

// result is the result of a seed.
type result struct {
	seed    uint64
	broker  string
	took    time.Duration
	healed  time.Duration
	plan    []faults.Planned
	report  *checker.Report
	err     error
	process []string
	kept    string
}

// failed records an error of the harness itself; nil is none.
func (r *result) failed(err error) *result {
	r.err = errors.Join(r.err, err)
	return r
}

func (r *result) clean() bool {
	return r.err == nil && len(r.process) == 0 && r.report != nil && len(r.report.Violations) == 0
}

// maxShown limits the violations that are printed; the first ones are the most useful.
const maxShown = 20

func (r *result) print() {
	verdict := "ok"
	if !r.clean() {
		verdict = "VIOLATED"
	}
	fmt.Printf("seed %d on %s: %s in %.0f s, quiet %.0f s after healing; %s\n", r.seed, r.broker, verdict, r.took.Seconds(), r.healed.Seconds(), r.totals())
	if r.clean() {
		return
	}
	fmt.Printf("  faults: %s\n", oneLine(r.kinds()))
	for _, said := range r.process {
		fmt.Printf("  process: %s\n", said)
	}
	if r.report != nil {
		for _, v := range r.report.Violations[:min(maxShown, len(r.report.Violations))] {
			fmt.Printf("  %v\n", v)
		}
		fmt.Printf("  %d violations in all\n", len(r.report.Violations))
	}
	if r.err != nil {
		fmt.Printf("  error: %v\n", r.err)
	}
	fmt.Printf("  logs: %s; again: make chaos SEED=%d\n", r.kept, r.seed)
}

func (r *result) totals() string {
	if r.report == nil {
		return "not checked"
	}
	s := r.report.ByStatus
	return fmt.Sprintf("%d events and %d bad ones, %d calls: %d Successfully, %d Skipped, %d Failed; %d zombie sends",
		r.report.Events, r.report.Bad, r.report.Calls, s["Successfully"], s["Skipped"], s["Failed"], r.report.Zombies)
}

// kinds returns the kinds of faults and how often each was injected.
func (r *result) kinds() []string {
	count := map[string]int{}
	for _, p := range r.plan {
		count[p.Kind]++
	}
	var all []string
	for _, kind := range slices.Sorted(maps.Keys(count)) {
		all = append(all, fmt.Sprintf("%s ×%d", kind, count[kind]))
	}
	return all
}

// appendTo appends the result to a file as a row of a Markdown table, unless path is empty.
func (r *result) appendTo(path string) (err error) {
	if path == "" {
		return nil
	}
	file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	verdict := "ok"
	if !r.clean() {
		verdict = "**violated**"
	}
	_, err = fmt.Fprintf(file, "| %d | %s | %s | %.0f s | %s | %s |\n", r.seed, r.broker, verdict, r.took.Seconds(), r.totals(), oneLine(r.kinds()))
	return err
}
