package docs

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"stockpush/cmd/internal/config"
)

func TestConfigurationReferenceIsCurrent(t *testing.T) {
	requireGenerated(t, "configuration.md", "keys", configurationTables())
	var reloadable []string
	for _, key := range config.Reloadable() {
		reloadable = append(reloadable, "- `"+key+"`\n")
	}
	requireGenerated(t, "configuration.md", "reloadable", strings.Join(reloadable, ""))
}

func TestEveryKeyHasAMeaningAndAReloadableOneExists(t *testing.T) {
	entries := config.Reference()
	require.NotEmpty(t, entries)
	var reloadable []string
	for _, e := range entries {
		require.NotEmpty(t, e.Meaning, e.Key)
		require.NotEmpty(t, e.Type, e.Key)
		if e.Reloadable {
			reloadable = append(reloadable, e.Key)
		}
	}
	require.ElementsMatch(t, config.Reloadable(), reloadable)
}

// configurationTables writes a table for each section of the configuration.
func configurationTables() string {
	sections := map[string][][]string{}
	var order []string
	for _, e := range config.Reference() {
		section, _, _ := strings.Cut(e.Key, ".")
		if !slices.Contains(order, section) {
			order = append(order, section)
			sections[section] = [][]string{{"key", "meaning", "type", "default", "accepted", "reloadable"}}
		}
		sections[section] = append(sections[section], row(e))
	}
	var b strings.Builder
	for i, section := range order {
		if i > 0 {
			b.WriteString("\n")
		}
		fmt.Fprintf(&b, "### %s\n\n%s", section, table(sections[section]))
	}
	return b.String()
}

func row(e config.Entry) []string {
	reloadable := "no"
	if e.Reloadable {
		reloadable = "yes"
	}
	accepted, fallback := e.Accepts, "none"
	if accepted == "" {
		accepted = "any"
	}
	if e.Default != "" {
		fallback = "`" + e.Default + "`"
	}
	return []string{"`" + e.Key + "`", e.Meaning, e.Type, fallback, accepted, reloadable}
}
