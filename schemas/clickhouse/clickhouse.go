// Package clickhouse has the ClickHouse schema as numbered SQL files.
//
// It owns the text of the tables and views that SQL users rely on. It refuses
// to talk to a server. A file, once released, is never changed: another follows it.
//
// push_records is ordered by store SKU and then by age, so a store SKU's history
// is one range of the key. Every view reads it with FINAL, which is exact
// whatever was written twice; partitions are by the event's own week, so rows
// of one record never lie in two.
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
	values := map[string]string{"Database": "`" + database + "`"}
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

var sqlQuote = strings.NewReplacer(`\`, `\\`, `'`, `\'`)

func joinQuoted(list, text string) string {
	quoted := "'" + sqlQuote.Replace(text) + "'"
	if list == "" {
		return quoted
	}
	return list + ", " + quoted
}
