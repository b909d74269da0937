package clickhouse

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	schema "stockpush/schemas/clickhouse"
)

// Difference is a part of the schema that is missing or not as expected.
type Difference struct {
	// Kind is what differs, as a noun that can be counted: "view", "view definition".
	Kind string
	What string
	// Repair are idempotent statements that repair it, in order. It is empty if a repair would lose
	// data.
	Repair []string
	// perReplica is set if the statements change only the replica that executes them.
	perReplica bool
}

// Summary names the first few differences.
func Summary(all []Difference) string {
	names := make([]string, len(all))
	for i, d := range all {
		names[i] = d.What
	}
	return firstFew(names)
}

// firstFew lists the first few of several texts.
func firstFew(texts []string) string {
	const named = 5
	if more := len(texts) - named; more > 0 {
		texts = append(slices.Clone(texts[:named]), fmt.Sprintf("and %d more", more))
	}
	return strings.Join(texts, ", ")
}

// Differences compares the database's objects with the expected schema.
func (s *Store) Differences(ctx context.Context) ([]Difference, error) {
	if err := s.CheckVersion(ctx); err != nil {
		return nil, err
	}
	return s.differences(ctx)
}

// differences does not ask for versions.
func (s *Store) differences(ctx context.Context) ([]Difference, error) {
	wanted, err := schema.ObjectsOn(s.cluster, s.database)
	if err != nil {
		return nil, err
	}
	found, err := s.objects(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the schema: %w", err)
	}
	shown, err := s.formatted(ctx, wanted)
	if err != nil {
		return nil, fmt.Errorf("read the schema: %w", err)
	}
	c := comparison{repairs{s.database, s.cluster}, wanted, found}
	var all []Difference
	for i, o := range wanted {
		all = append(all, c.differences(o, shown[i])...)
	}
	return all, nil
}

// object is a table or view as the server describes it.
type object struct {
	Name    string `ch:"name"`
	Engine  string `ch:"engine_full"`
	Query   string `ch:"as_select"`
	Comment string `ch:"comment"`
	columns map[string]foundColumn
}

type foundColumn struct {
	Table   string `ch:"table"`
	Name    string `ch:"name"`
	Type    string `ch:"type"`
	Comment string `ch:"comment"`
}

// objects returns the database's objects by name.
func (s *Store) objects(ctx context.Context) (map[string]object, error) {
	var tables []object
	if err := s.conn.Select(ctx, &tables, "SELECT name, engine_full, as_select, comment FROM system.tables WHERE database = ?", s.database); err != nil {
		return nil, err
	}
	var columns []foundColumn
	if err := s.conn.Select(ctx, &columns, "SELECT table, name, type, comment FROM system.columns WHERE database = ?", s.database); err != nil {
		return nil, err
	}
	found := map[string]object{}
	for _, o := range tables {
		o.columns = map[string]foundColumn{}
		found[o.Name] = o
	}
	for _, c := range columns {
		if o, ok := found[c.Table]; ok { // the table may have been created after the tables were read
			o.columns[c.Name] = c
		}
	}
	return found, nil
}

// formatted returns each view's query, and each table's whole statement, as the server formats it.
func (s *Store) formatted(ctx context.Context, objects []schema.Object) (shown []string, err error) {
	texts := make([]string, len(objects))
	for i, o := range objects {
		if texts[i] = o.Select; o.Kind == schema.Table {
			texts[i] = o.Create
		}
	}
	err = s.conn.QueryRow(ctx, "SELECT arrayMap(text -> formatQuerySingleLine(text), ?)", texts).Scan(&shown)
	return shown, err
}

// comparison compares the expected objects with those found.
type comparison struct {
	repairs
	wanted []schema.Object
	found  map[string]object
}

// differences compares one object; shown is its query or statement as the server formats it.
func (c comparison) differences(o schema.Object, shown string) []Difference {
	found, ok := c.found[o.Name]
	switch {
	case !ok:
		return []Difference{{string(o.Kind), fmt.Sprintf("%s %s", o.Kind, o.Name), append(c.unfill(o), c.create(o)...), false}}
	case o.Kind == schema.Table:
		return c.table(o, found, shown)
	case len(columnDifferences(o, found)) > 0:
		return c.definition(o, firstFew(columnDifferences(o, found)))
	case found.Query != shown:
		return c.definition(o, "its query differs")
	case o.Kind == schema.Feed && found.Comment != o.Comment:
		return []Difference{{"table content", "content of table " + o.Target, append([]string{c.columnComments(o)}, c.fill(o)...), false}}
	default:
		return c.comments(o, found)
	}
}

// unfill marks the feed of a missing table, so that the feed fills the new one.
func (c comparison) unfill(table schema.Object) (statements []string) {
	for _, o := range c.wanted {
		if _, ok := c.found[o.Name]; ok && o.Target == table.Name {
			statements = append(statements, c.comment(o, unfilled))
		}
	}
	return statements
}

func (c comparison) definition(o schema.Object, why string) []Difference {
	return []Difference{{string(o.Kind) + " definition", fmt.Sprintf("definition of %s %s (%s)", o.Kind, o.Name, why), c.redefine(o), false}}
}

func (c comparison) table(o schema.Object, found object, shown string) (all []Difference) {
	if is := engineOf(found.Engine); is != engineOf(shown) {
		all = append(all, Difference{"table engine", fmt.Sprintf("engine, keys or TTL of table %s, which are %s", o.Name, is), nil, false})
	}
	for i, column := range o.Columns {
		switch is, ok := found.columns[column.Name]; {
		case !ok:
			all = append(all, Difference{"column", fmt.Sprintf("column %s of table %s", column.Name, o.Name), []string{c.addColumn(o, i)}, false})
		case is.Type != column.Type:
			all = append(all, Difference{"column type", fmt.Sprintf("type of column %s of table %s, which is %s", column.Name, o.Name, is.Type), nil, false})
		}
	}
	if len(all) > 0 {
		return all
	}
	return c.comments(o, found)
}

func (c comparison) comments(o schema.Object, found object) []Difference {
	differ := func(column schema.Column) bool { return found.columns[column.Name].Comment != column.Comment }
	if found.Comment == o.Comment && !slices.ContainsFunc(o.Columns, differ) {
		return nil
	}
	return []Difference{{string(o.Kind) + " comment", fmt.Sprintf("comments of %s %s", o.Kind, o.Name), c.recomment(o), o.Kind == schema.Table}}
}

// columnDifferences says how a view's columns differ.
func columnDifferences(o schema.Object, found object) (all []string) {
	known := map[string]bool{}
	for _, column := range o.Columns {
		known[column.Name] = true
		switch is, ok := found.columns[column.Name]; {
		case !ok:
			all = append(all, "column "+column.Name+" is missing")
		case is.Type != column.Type:
			all = append(all, fmt.Sprintf("column %s is %s, not %s", column.Name, is.Type, column.Type))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(found.columns)) {
		if !known[name] {
			all = append(all, "column "+name+" is not ours")
		}
	}
	return all
}

// engineOf extracts the engine, keys and TTL from a table's statement. Settings are the operator's
// choice.
func engineOf(statement string) string {
	if _, after, ok := strings.Cut(statement, " ENGINE = "); ok {
		statement = after
	}
	for _, end := range []string{" SETTINGS ", " COMMENT '"} {
		statement, _, _ = strings.Cut(statement, end)
	}
	return statement
}
