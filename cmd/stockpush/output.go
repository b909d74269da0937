package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// checkOutput refuses a kind of output that a command does not have.
func checkOutput(output string, kinds ...string) error {
	if !slices.Contains(kinds, output) {
		return &usageError{fmt.Errorf("--output: %q is not one of %s", output, strings.Join(kinds, ", "))}
	}
	return nil
}

// printJSON writes a value as one indented JSON document.
func (a *app) printJSON(value any) error {
	raw, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(a.stdout, "%s\n", escapeUnprintable(raw))
	return err
}

// escapeUnprintable writes a JSON document's characters that do not print, and so
// may move a terminal's cursor, as JSON's own escapes: encoding/json leaves those
// from U+007F on as they are.
func escapeUnprintable(document []byte) []byte {
	if !bytes.ContainsFunc(document, unprintable) {
		return document
	}
	var b []byte
	for _, r := range string(document) {
		if !unprintable(r) {
			b = utf8.AppendRune(b, r)
			continue
		}
		for _, unit := range utf16.AppendRune(nil, r) {
			b = fmt.Appendf(b, `\u%04x`, unit)
		}
	}
	return b
}

// unprintable is false for line ends, which in a document are the layout's.
func unprintable(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }

// isTerminal reports whether what is written goes to a terminal.
func isTerminal(w io.Writer) bool {
	out, ok := w.(*os.File)
	return ok && term.IsTerminal(int(out.Fd()))
}

// newTable is a table for the terminal.
func (a *app) newTable(header ...any) table.Writer {
	t := table.NewWriter()
	t.SetOutputMirror(a.stdout)
	t.SetStyle(table.StyleRounded)
	if len(header) > 0 {
		t.AppendHeader(header)
	}
	return t
}

// plain keeps others' words from moving the terminal's cursor: each character
// that does not print, line ends too, becomes a space.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, s)
}

// progress shows on a terminal how many of a total are done; elsewhere it shows
// nothing. Finish leaves the last state on a line of its own.
func (a *app) progress(what string, total int) (set func(int), finish func()) {
	if !isTerminal(a.stderr) {
		return func(int) {}, func() {}
	}
	bar := progressbar.NewOptions(total, progressbar.OptionSetWriter(a.stderr), progressbar.OptionShowCount(), progressbar.OptionSetDescription(what))
	set = func(n int) { _ = bar.Set(n) } // a bar that cannot be drawn harms nothing
	return set, func() { _ = bar.Exit() }
}
