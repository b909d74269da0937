package main

import (
	"bytes"
	"io"
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
