// Package clickhouse has the ClickHouse schema as numbered SQL files.
//
// It owns the text of the tables and views that SQL users rely on. It refuses to
// talk to a server. A file creates one object, complete with its columns, settings
// and comments, and may be run again. From version 0.1.0 on a released file never
// changes (released.sha256 lists them): an object changes by a later file, which
// replaces the earlier one.
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

// Objects are the tables and views of a database, each after those that it reads.
func Objects(database string) ([]Object, error) { return objectsOf(files, database) }

func objectsOf(files fs.FS, database string) ([]Object, error) {
	names, err := fs.Glob(files, "*.sql")
	if err != nil {
		return nil, err
	}
	values := templateValues(database)
	var objects []Object
	for _, name := range names {
		sql, err := render(files, name, values)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		o, err := readObject(sql)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		objects = replaceOrAppend(objects, o)
	}
	return inOrder(objects, database), nil
}

func render(files fs.FS, name string, values map[string]string) (string, error) {
	t, err := template.ParseFS(files, name)
	if err != nil {
		return "", err
	}
	var sql strings.Builder
	err = t.Option("missingkey=error").Execute(&sql, values)
	return sql.String(), err
}

// templateValues are what the files take from elsewhere.
func templateValues(database string) map[string]string {
	values := map[string]string{
		"Database": "`" + database + "`", "Name": database, "Rank": Rank, "FloorHint": quote(schemas.FloorHint), "Settings": settingsClause(),
		"Reason": enum(schemas.Reasons(), schemas.Reason.Label),
		"Status": enum([]schemas.Status{schemas.Pending, schemas.Skipped, schemas.Failed, schemas.Successfully}, schemas.Status.String),
	}
	var codes, classes, hints []string
	for _, code := range schemas.FailureCodes() {
		codes = append(codes, quote(string(code)))
		classes = append(classes, quote(string(code.Class())))
		hints = append(hints, quote(code.Hint()))
	}
	values["Codes"], values["Classes"], values["Hints"] = strings.Join(codes, ", "), strings.Join(classes, ", "), strings.Join(hints, ", ")
	return values
}

// Rank is the SQL of a record's rank: its position and then its status, as one number.
const Rank = "bitShiftLeft(toUInt128(log_id), 67) + bitShiftLeft(toUInt128(event_offset), 3) + toUInt8(status)"

// enum is the type of an Enum8 whose names are labels.
func enum[T ~uint8](values []T, label func(T) string) string {
	words := make([]string, len(values))
	for i, v := range values {
		words[i] = fmt.Sprintf("%s = %d", quote(label(v)), v)
	}
	return "Enum8(" + strings.Join(words, ", ") + ")"
}

var sqlQuote = strings.NewReplacer(`\`, `\\`, `'`, `\'`)

func quote(text string) string { return "'" + sqlQuote.Replace(text) + "'" }
