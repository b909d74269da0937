package docs

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"stockpush/cmd/internal/embedded/embeddedtest"
	"stockpush/processor/stream/kafka"
	"stockpush/schemas"
	"stockpush/schemas/schemastest"
)

func TestMain(m *testing.M) { embeddedtest.Main(m) }

func TestTablesOfEventsAreCurrent(t *testing.T) {
	reasons := [][]string{{"code", "slug", "label on the page and in SQL"}}
	for _, r := range schemas.Reasons() {
		reasons = append(reasons, []string{fmt.Sprint(uint8(r)), "`" + r.Slug() + "`", r.Label()})
	}
	requireGenerated(t, "events.md", "reasons", table(reasons))
	requireGenerated(t, "events.md", "error codes", table(errorCodes(t)))
	partitioners := [][]string{{"`kafka.partitioner`", "fits the default of these clients"}}
	for _, p := range schemas.Partitioners() {
		partitioners = append(partitioners, []string{"`" + p.String() + "`", p.Clients()})
	}
	requireGenerated(t, "events.md", "partitioners", table(partitioners))
}

// errorCodes are the constants of the error codes with their comments, which say what each means.
func errorCodes(t *testing.T) [][]string {
	code := regexp.MustCompile(`(?m)^\t// \w+: (.+)\n\tCode\w+ = "(\w+)"$`)
	file := read(t, filepath.Join(root, "schemas/deadletter.go"))
	rows := [][]string{{"code", "meaning"}}
	for _, found := range code.FindAllStringSubmatch(file, -1) {
		rows = append(rows, []string{"`" + found[2] + "`", found[1]})
	}
	constants := regexp.MustCompile(`(?m)^\tCode\w+ = `).FindAllString(file, -1)
	require.Len(t, schemas.BadEventCodes(), len(constants))
	require.Len(t, rows, len(constants)+1, "each constant has a comment of one line, which begins with its name")
	return rows
}

func TestFieldsOfEventsAreThoseOfTheSchema(t *testing.T) {
	var schema struct {
		Required   []string
		Properties map[string]any
	}
	require.NoError(t, json.Unmarshal([]byte(read(t, filepath.Join(root, "schemas/stock_event.schema.json"))), &schema))
	fields := regexp.MustCompile("(?m)^\\| `(\\w+)` \\| (?:string|integer) \\| (yes|no) \\|").FindAllStringSubmatch(read(t, "events.md"), -1)
	var required []string
	for _, field := range fields {
		require.Contains(t, schema.Properties, field[1])
		if field[2] == "yes" {
			required = append(required, field[1])
		}
	}
	require.Len(t, fields, len(schema.Properties))
	require.ElementsMatch(t, schema.Required, required)
}

// block returns the first block of code in a language.
func block(t *testing.T, file, language string) string {
	t.Helper()
	found := regexp.MustCompile("(?ms)^```" + language + "\n(.*?)^```$").FindStringSubmatch(read(t, file))
	require.NotNil(t, found, "%s has no block of %s", file, language)
	return found[1]
}

// The example must produce an event that is valid, with its key, in its key's partition.
func TestTheExampleInGoProducesAValidEvent(t *testing.T) {
	broker := embeddedtest.StartBroker(t)
	conn := kafka.Connection{Brokers: []string{broker.Addr()}}
	const partitions = 12
	require.NoError(t, kafka.CreateTopics(t.Context(), conn, schemas.Topics("stockpush").Specs(partitions)[:1], 1))
	program := filepath.Join(t.TempDir(), "main.go")
	require.NoError(t, os.WriteFile(program, []byte(block(t, "events.md", "go")), 0o600))
	run := exec.CommandContext(t.Context(), "go", "run", program, broker.Addr())
	out, err := run.CombinedOutput()
	require.NoError(t, err, string(out))
	var events []schemas.Event
	for p := range int32(partitions) {
		require.NoError(t, kafka.ReadPartition(t.Context(), conn, "stockpush.events", p, func(r *kafka.Record) error {
			e, err := schemastest.DecodeEvent(r.Key, r.Value)
			events = append(events, e)
			require.Equal(t, schemas.PartitionFor(r.Key, partitions), p)
			return err
		}))
	}
	require.Len(t, events, 1)
	require.Equal(t, "shopee/10001/MUG-BLUE", events[0].Key.String())
}
