package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// printJSON prints a value as an indented JSON document.
func (a *app) printJSON(value any) error {
	raw, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(a.stdout, "%s\n", escapeUnprintable(raw))
	return err
}

// escapeUnprintable escapes unprintable characters of a JSON document, which could control the
// terminal. encoding/json does not escape those from U+007F on.
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

// unprintable ignores line feeds, which are the document's layout.
func unprintable(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }

// isTerminal reports whether a writer is a terminal.
func isTerminal(w io.Writer) bool {
	out, ok := w.(*os.File)
	return ok && term.IsTerminal(int(out.Fd()))
}

// newTable returns a table for the terminal.
func (a *app) newTable(header ...any) table.Writer {
	t := table.NewWriter()
	t.SetOutputMirror(a.stdout)
	t.SetStyle(table.StyleRounded)
	if len(header) > 0 {
		t.AppendHeader(header)
	}
	return t
}

// plain replaces unprintable characters and line feeds of foreign text by spaces, because they
// could control the terminal.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, s)
}

// progress shows on a terminal how much of a total is done; elsewhere it shows nothing. finish ends
// the line.
func (a *app) progress(what string, total int) (set func(int), finish func()) {
	if !isTerminal(a.stderr) {
		return func(int) {}, func() {}
	}
	bar := progressbar.NewOptions(total, progressbar.OptionSetWriter(a.stderr), progressbar.OptionShowCount(), progressbar.OptionSetDescription(what))
	set = func(n int) { _ = bar.Set(n) } // a failing progress bar does no harm
	return set, func() { _ = bar.Exit() }
}
