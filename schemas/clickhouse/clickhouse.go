// Package clickhouse has the ClickHouse schema as numbered SQL files.
//
// It owns the text of the tables and views that SQL users rely on. It refuses
// to talk to a server. A file, once released, is never changed: another follows it.
//
// push_records is ordered by store SKU and then by age, so a store SKU's history
// is one range of the key; partitions are by the event's own week, so rows of one
// record never lie in two. Three more tables are fed by its inserts, so that no
// list reads it:
//
//   - push_record_facts, a narrow row for each row, by time and never trimmed:
//     statistics, and what is Pending now.
//   - store_sku_states, a row for each store SKU: its newest record and its newest
//     outcome. The page's list looks in its narrow columns, and beside it in what is
//     Pending, for the store SKUs of a page, and then reads store_sku_standings by their keys.
//   - failed_push_record_rows, the failures that no success has resolved.
//
// All of them come out the same whatever was written twice, by two writers, or
// in whatever order: each keeps a maximum, by status rank of a record or by position
// and rank of a store SKU. They rely on one thing: triggered_at does not
// fall as a store SKU's position grows, as Kafka's LogAppendTime does not.
package clickhouse

import (
	"embed"
	"fmt"
	"io/fs"
	"strings"
	"text/template"

	"stockpush/schemas"
)

//go:embed *.sql
var files embed.FS

// Migration is one numbered step.
type Migration struct {
	// Name is the file's, and the step's identity.
	Name string
	// SQL is one statement.
	SQL string
}

// Migrations are all steps for a database, in order.
func Migrations(database string) ([]Migration, error) {
	names, err := fs.Glob(files, "*.sql")
	if err != nil {
		return nil, err
	}
	values := map[string]string{"Database": "`" + database + "`", "Name": database, "Rank": Rank, "FloorHint": "'" + sqlQuote.Replace(schemas.FloorHint) + "'"}
	for _, code := range schemas.FailureCodes() {
		values["Codes"] = joinQuoted(values["Codes"], string(code))
		values["Classes"] = joinQuoted(values["Classes"], string(code.Class()))
		values["Hints"] = joinQuoted(values["Hints"], code.Hint())
	}
	steps := make([]Migration, len(names))
	for i, name := range names {
		t, err := template.ParseFS(files, name)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		var sql strings.Builder
		if err := t.Execute(&sql, values); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		steps[i] = Migration{Name: name, SQL: sql.String()}
	}
	return steps, nil
}

// Rank is the SQL of a record's rank: its position and then its status, as one number.
const Rank = "bitShiftLeft(toUInt128(log_id), 67) + bitShiftLeft(toUInt128(event_offset), 3) + toUInt8(status)"

var sqlQuote = strings.NewReplacer(`\`, `\\`, `'`, `\'`)

func joinQuoted(list, text string) string {
	quoted := "'" + sqlQuote.Replace(text) + "'"
	if list == "" {
		return quoted
	}
	return list + ", " + quoted
}
