// Package clickhouse has the ClickHouse schema as numbered SQL files.
//
// It has no connection to a server. A file creates one object with its columns, settings and
// comments, and is idempotent. From version 0.1.0 on a released file never changes (released.sha256
// lists them): a later file replaces the object.
//
// push_records is ordered by store SKU and then by age, so the history of a store SKU is one range of
// the key. It is partitioned by the event's week, so all rows of a record are in one partition. Its
// inserts feed three more tables, so that no list reads it:
//
//   - push_record_facts has a narrow row for each row, ordered by time and never trimmed. Statistics
//     count it, and it lists the Pending records.
//   - store_sku_states has a row for each store SKU: its newest record and its newest outcome. The
//     list page finds the store SKUs of a page in its narrow columns and among the Pending records,
//     and then reads store_sku_standings by key.
//   - failed_push_record_rows has the failures that no success has resolved.
//
// Their content is the same after repeated writes, by several writers, in any order: each keeps a
// maximum, by the rank of a record's status or of a store SKU's position. This requires that
// triggered_at does not fall as a store SKU's position grows, as with Kafka's LogAppendTime.
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

// Objects returns the tables and views of a database on one server, each after those that it reads.
func Objects(database string) ([]Object, error) { return objectsOf(files, database) }

// ObjectsOn returns the tables and views of a database on a cluster, each after those that it reads.
func ObjectsOn(cluster Cluster, database string) ([]Object, error) {
	objects, err := objectsOf(files, database)
	for i, o := range objects {
		objects[i] = cluster.replicated(o, database)
	}
	return objects, err
}

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

// templateValues are the values of the files' templates.
func templateValues(database string) map[string]string {
	values := map[string]string{
		"Database": "`" + database + "`", "Name": database, "Rank": Rank, "FloorHint": quote(schemas.FloorHint), "Settings": settingsClause(),
		"Reason":    enum(schemas.Reasons(), schemas.Reason.Label),
		"ShopOK":    "CAST(1, " + quote(enum(schemas.ShopStates(), schemas.ShopState.String)) + ")",
		"ShopState": enum(schemas.ShopStates(), schemas.ShopState.String),
		"Status":    enum(schemas.Statuses(), schemas.Status.String),
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

// enum returns an Enum8 type whose names are labels.
func enum[T ~uint8](values []T, label func(T) string) string {
	words := make([]string, len(values))
	for i, v := range values {
		words[i] = fmt.Sprintf("%s = %d", quote(label(v)), v)
	}
	return "Enum8(" + strings.Join(words, ", ") + ")"
}

var sqlQuote = strings.NewReplacer(`\`, `\\`, `'`, `\'`)

func quote(text string) string { return "'" + sqlQuote.Replace(text) + "'" }
