package docs

import (
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/stretchr/testify/require"
)

// minQueries is how many queries sql.md has at least.
const minQueries = 15

// Every query of sql.md is run on the example records, and shows what the document says.
func TestQueriesOfSQLShowTheirResults(t *testing.T) {
	conn := exampleRecords(t)
	queries := regexp.MustCompile("(?ms)^```sql\n(.*?)^```$").FindAllStringSubmatch(read(t, "sql.md"), -1)
	require.GreaterOrEqual(t, len(queries), minQueries)
	for i, query := range queries {
		rows := answer(t, conn, query[1])
		require.Greater(t, len(rows), 1, "no rows: %s", query[1])
		requireGenerated(t, "sql.md", fmt.Sprintf("result %d", i+1), table(rows))
	}
	requireGenerated(t, "sql.md", "columns", columnTables(t, conn))
}

// columnTables writes a table for each public table and view, from the comments in ClickHouse.
func columnTables(t *testing.T, conn driver.Conn) string {
	const internal = "NOT startsWith(comment, 'internal:')"
	var b strings.Builder
	for _, object := range answer(t, conn, "SELECT name, comment FROM system.tables WHERE database = 'stockpush' AND "+internal+" ORDER BY name")[1:] {
		columns := [][]string{{"column", "type", "meaning"}}
		query := "SELECT name, type, comment FROM system.columns WHERE database = 'stockpush' AND table = '" + object[0] + "' AND " + internal + " ORDER BY position"
		for _, c := range answer(t, conn, query)[1:] {
			columns = append(columns, []string{"`" + c[0] + "`", "`" + enumerated.ReplaceAllString(c[1], "${1}Enum8") + "`", c[2]})
		}
		if b.Len() > 0 {
			b.WriteString("\n")
		}
		fmt.Fprintf(&b, "### %s\n\n%s\n\n%s", object[0], wrapped(object[1]), table(columns))
	}
	return b.String()
}

// enumerated is the type of an enum, whose words are in other documents.
var enumerated = regexp.MustCompile(`^(LowCardinality\()?Enum8\(.*\)$`)

// wrapped is a text in lines of at most maxWidth.
func wrapped(text string) string {
	var b strings.Builder
	width := 0
	for _, word := range strings.Fields(text) {
		switch {
		case width > 0 && width+1+len(word) > maxWidth:
			b.WriteString("\n")
			width = 0
		case width > 0:
			b.WriteString(" ")
			width++
		}
		b.WriteString(word)
		width += len(word)
	}
	return b.String()
}

// answer is a query's result as text, with its columns' names first.
func answer(t *testing.T, conn driver.Conn, query string) [][]string {
	rows, err := conn.Query(t.Context(), query)
	require.NoError(t, err, query)
	defer func() { _ = rows.Close() }()
	all := [][]string{rows.Columns()}
	types := rows.ColumnTypes()
	for rows.Next() {
		values := make([]any, len(types))
		for i, c := range types {
			values[i] = reflect.New(c.ScanType()).Interface()
		}
		require.NoError(t, rows.Scan(values...))
		row := make([]string, len(types))
		for i, v := range values {
			row[i] = cell(reflect.ValueOf(v).Elem().Interface(), types[i].DatabaseTypeName())
		}
		all = append(all, row)
	}
	require.NoError(t, rows.Err())
	return all
}

// cell writes a value as ClickHouse would; days are those of the document.
func cell(value any, kind string) string {
	if v := reflect.ValueOf(value); v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return "NULL"
		}
		value = v.Elem().Interface()
	}
	at, isTime := value.(time.Time)
	switch {
	case !isTime:
		return fmt.Sprint(value)
	case kind == "Date":
		return shown(at).Format(time.DateOnly)
	}
	return shown(at).Format(time.DateTime)
}

// documentDay is the day on which the document's results were shown.
var documentDay = time.Date(2026, 11, 30, 0, 0, 0, 0, time.UTC)

func shown(at time.Time) time.Time { return documentDay.Add(at.Sub(midnight)) }

// midnight began the day of the test.
var midnight = time.Now().UTC().Truncate(24 * time.Hour)
