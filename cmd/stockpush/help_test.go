package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"

	"stockpush/cmd/internal/config"
)

// shownCommands are the commands that help lists, and the program itself.
func shownCommands() []*cobra.Command {
	root := newRoot(io.Discard, io.Discard)
	shown := []*cobra.Command{root}
	for _, cmd := range root.Commands() {
		if !cmd.Hidden {
			shown = append(shown, cmd)
		}
	}
	return shown
}

func TestEveryCommandsHelpHasAnExampleThatParses(t *testing.T) {
	require.Greater(t, len(shownCommands()), 10)
	for _, cmd := range shownCommands() {
		var out, errs bytes.Buffer
		require.Equal(t, exitDone, run(append(path(cmd), "--help"), &out, &errs), errs.String())
		require.Contains(t, out.String(), "Examples:", cmd.Name())
		examples := 0
		for _, line := range strings.Split(cmd.Example, "\n") {
			line = strings.TrimSpace(line)
			if strings.HasPrefix(line, "#") {
				continue
			}
			requireParses(t, cmd, line)
			examples++
		}
		require.Positive(t, examples, cmd.Name())
	}
}

// path is how a command is called, without the program's name.
func path(cmd *cobra.Command) []string { return strings.Fields(cmd.CommandPath())[1:] }

// requireParses fails if an example is of another command, or has a flag that does not exist.
func requireParses(t *testing.T, of *cobra.Command, line string) {
	t.Helper()
	_, call, found := strings.Cut(" "+line, " stockpush ")
	require.True(t, found, line)
	cmd, args, err := newRoot(io.Discard, io.Discard).Find(strings.Fields(call))
	require.NoError(t, err, line)
	if of.HasParent() {
		require.Equal(t, of.CommandPath(), cmd.CommandPath(), line)
	}
	require.NoError(t, cmd.ParseFlags(args), line)
	require.NoError(t, cmd.Args(cmd, cmd.Flags().Args()), line)
}

func TestHelpOfRunNamesWhatAHangupReads(t *testing.T) {
	var out, errs bytes.Buffer
	require.Equal(t, exitDone, run([]string{"run", "--help"}, &out, &errs))
	require.NotEmpty(t, config.Reloadable())
	for _, key := range config.Reloadable() {
		require.Contains(t, out.String(), key)
	}
}

func TestErrorsOfUsageSayWhatToDo(t *testing.T) {
	for call, hint := range map[string]string{
		"nonsense":                             "`stockpush --help`",
		"run --sorcery":                        "`stockpush run --help`",
		"run more":                             "`stockpush run --help`",
		"records --limit=x":                    "`stockpush records --help`",
		"records --limit=-1":                   "0 is all",
		"records --shop=1 --store-sku=":        "leave the flag out",
		"records --view=history --shop=1":      "exactly one --store-sku",
		"records --view=all":                   "store-skus, merchant-skus",
		"records --output=xml":                 "table, json, csv",
		"records --status=Done":                "Successfully",
		"retry --event-id=":                    "leave the flag out",
		"retry --failure-code=nope":            "promotion_locked",
		"retry --reason=sale":                  "stock_out_sale",
		"retry --since=yesterday":              "24h",
		"audit --fix=below":                    "above, all",
		"audit --rate=-1":                      "must not be negative",
		"authorize --code=c":                   "--shop-id",
		"run --roles=cook":                     "processor,channels,sink,console",
		"run --kafka.brokers=":                 "must not be empty",
		"run --console.listen=0.0.0.0:80":      "set console.token",
		"clickhouse --listen=0.0.0.0:0":        "--allow-remote",
		"simulate --rate=-1":                   "--rate",
		"check --config=/nowhere/to/be/found":  "read the configuration",
		"setup --check --new-log":              "--new-log",
		"config --processor.window=1":          "500ms, 10s or 24h",
		"config --kafka.partitions=0":          "1 to 10000",
		"config --shopee.base_url=shopee.com/": "http or https",
	} {
		var out, errs bytes.Buffer
		code := run(strings.Fields(call), &out, &errs)
		require.Equal(t, exitUsage, code, "%s: %s", call, errs.String())
		require.Contains(t, errs.String(), hint, call)
	}
}

// Commands that documents name exist, with the flags that they are given.
func TestCommandsOfDocumentsParse(t *testing.T) {
	span := regexp.MustCompile("(?:`|bin/|\\n   ?)stockpush ([a-z]+(?: [^`\\n|>;]+)?)")
	placeholder := regexp.MustCompile(`^(?:[A-Z]+|…)$`)
	named := 0
	for _, file := range documents(t) {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, found := range span.FindAllStringSubmatch(string(text), -1) {
			words := strings.Fields(strings.Trim(found[1], "\\ "))
			for i, word := range words {
				if placeholder.MatchString(word) {
					words[i] = "1"
				}
			}
			cmd, args, err := newRoot(io.Discard, io.Discard).Find(words)
			require.NoError(t, err, "%s: stockpush %s", file, found[1])
			require.NoError(t, cmd.ParseFlags(args), "%s: stockpush %s", file, found[1])
			named++
		}
	}
	require.Greater(t, named, 30)
}

// documents lists what users and operators read.
func documents(t *testing.T) []string {
	files := []string{"../../README.md", "../../.github/CONTRIBUTING.md", "deploy/README.md"}
	pages, err := filepath.Glob("docs/*.md")
	require.NoError(t, err)
	return append(files, pages...)
}
