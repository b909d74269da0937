package clickhouse

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Kind is the kind of an object.
type Kind string

// The values of Kind.
const (
	Table Kind = "table"
	// Feed is a materialized view: it copies inserts of one table into another.
	Feed Kind = "materialized view"
	View Kind = "view"
)

// Object is the expected table or view.
type Object struct {
	Name string
	Kind Kind
	// Create is the whole, idempotent statement.
	Create  string
	Columns []Column
	// Target is the table that a feed fills.
	Target string
	// Select is the query of a feed or view.
	Select  string
	Comment string
}

// Column is a column of an object.
type Column struct {
	Name, Type, Comment string
	// Declaration is the column's declaration in a statement.
	Declaration string
}

// Internal reports whether an object is not for SQL users.
func (o Object) Internal() bool { return strings.HasPrefix(o.Comment, "internal:") }

// ColumnNames returns the names of the object's columns in order.
func (o Object) ColumnNames() []string {
	names := make([]string, len(o.Columns))
	for i, c := range o.Columns {
		names[i] = c.Name
	}
	return names
}

var (
	// statement is the common form of the files: head, columns, query or engine, comment.
	statement = regexp.MustCompile(`(?s)^(?:--[^\n]*\n)*CREATE (TABLE IF NOT EXISTS|MATERIALIZED VIEW IF NOT EXISTS|OR REPLACE VIEW) \S+\.(\w+)(?: TO \S+\.(\w+))?` +
		`\n\(\n(.*?)\n\)\n(DEFINER = CURRENT_USER SQL SECURITY DEFINER\n)?(ENGINE|AS)\b(.*)\nCOMMENT '([^'\\]+)';\n$`)
	column = regexp.MustCompile(`^    ((\w+) (.+) COMMENT '([^'\\]+)'(?: CODEC\(.+\))?),?$`)
	index  = regexp.MustCompile(`^    INDEX `)
)

var kinds = map[string]Kind{"TABLE IF NOT EXISTS": Table, "MATERIALIZED VIEW IF NOT EXISTS": Feed, "OR REPLACE VIEW": View}

var errForm = errors.New("not a statement in the form of the other files")

func readObject(sql string) (Object, error) {
	m := statement.FindStringSubmatch(sql)
	if m == nil {
		return Object{}, errForm
	}
	o := Object{Name: m[2], Kind: kinds[m[1]], Create: sql, Target: m[3], Comment: m[8]}
	if (o.Kind == Table) != (m[6] == "ENGINE") || (o.Kind == Feed) != (o.Target != "") {
		return Object{}, errForm
	}
	// A user who may read a public view reads it with the rights of the user who created it.
	if public := o.Kind == View && !o.Internal(); public != (m[5] != "") {
		return Object{}, fmt.Errorf("%w: public views, and only these, have a definer", errForm)
	}
	if o.Kind != Table {
		o.Select = m[7]
	}
	for line := range strings.SplitSeq(m[4], "\n") {
		if index.MatchString(line) {
			continue
		}
		c := column.FindStringSubmatch(line)
		if c == nil {
			return Object{}, fmt.Errorf("%w: %q is not a column with a comment", errForm, line)
		}
		o.Columns = append(o.Columns, Column{Name: c[2], Type: typeOf(c[3]), Comment: c[4], Declaration: c[1]})
	}
	return o, nil
}

// typeOf returns a column's type without its default and codec.
func typeOf(declaration string) string {
	depth, quoted := 0, false
	for i, r := range declaration {
		switch {
		case r == '\'':
			quoted = !quoted
		case quoted:
		case r == '(':
			depth++
		case r == ')':
			depth--
		case r == ' ' && depth == 0:
			return declaration[:i]
		}
	}
	return declaration
}

// replaceOrAppend makes a later file of an object replace an earlier one.
func replaceOrAppend(objects []Object, o Object) []Object {
	objects = slices.DeleteFunc(objects, func(other Object) bool { return other.Name == o.Name })
	return append(objects, o)
}

// inOrder sorts objects so that each follows those that its statement names.
func inOrder(objects []Object, database string) []Object {
	byName := map[string]Object{}
	for _, o := range objects {
		byName[o.Name] = o
	}
	named := regexp.MustCompile("`" + database + "`\\.(\\w+)")
	var ordered []Object
	var place func(Object)
	place = func(o Object) {
		if _, ok := byName[o.Name]; !ok {
			return
		}
		delete(byName, o.Name)
		for _, m := range named.FindAllStringSubmatch(o.Create, -1) {
			place(byName[m[1]])
		}
		ordered = append(ordered, o)
	}
	for _, o := range objects {
		place(o)
	}
	return ordered
}
