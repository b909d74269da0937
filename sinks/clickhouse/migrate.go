package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2"

	schema "stockpush/schemas/clickhouse"
)

// maxRounds limits how often Migrate compares again after a repair. One repair can reveal another.
const maxRounds = 5

// ErrOtherSchema reports an object that differs in a way that cannot be repaired without losing
// data.
var ErrOtherSchema = errors.New("cannot be changed without losing data: it was made by hand or by a version before 0.1.0 " +
	"(drop it, or name another clickhouse.database, and run `stockpush setup`)")

// Migrate creates what is missing, repairs what differs, and returns what it repaired. It may be
// interrupted, repeated, and run by several processes at once.
func (s *Store) Migrate(ctx context.Context) (done []Difference, err error) {
	if err := s.CheckVersion(ctx); err != nil {
		return nil, err
	}
	if err := s.conn.Exec(ctx, "CREATE DATABASE IF NOT EXISTS `"+s.database+"`"+s.cluster.Clause()); err != nil {
		return nil, fmt.Errorf("create the database: %w", err)
	}
	for range maxRounds {
		differences, err := s.differences(ctx)
		if err != nil || len(differences) == 0 {
			return done, err
		}
		for _, d := range differences {
			if err := s.repair(ctx, d); err != nil {
				return done, fmt.Errorf("clickhouse %s: %w", d.What, err)
			}
			done = append(done, d)
		}
	}
	return done, errors.New("the schema differs again after it was repaired: is another version's setup running?")
}

func (s *Store) repair(ctx context.Context, d Difference) error {
	if d.Repair == nil {
		return ErrOtherSchema
	}
	// Filling a feed reads all records.
	ctx = clickhouse.Context(ctx, clickhouse.WithSettings(clickhouse.Settings{"max_execution_time": 0}))
	for _, sql := range d.Repair {
		if err := s.execute(ctx, sql, d.perReplica); err != nil {
			return err
		}
	}
	return nil
}

// execute executes a statement at the server in use or, if perReplica is set on a cluster, at every
// address.
func (s *Store) execute(ctx context.Context, sql string, perReplica bool) error {
	if !perReplica || s.cluster.Name == "" {
		return s.conn.Exec(ctx, sql)
	}
	var errs []error
	for _, at := range s.servers.all {
		errs = append(errs, at.queries.Exec(ctx, sql))
	}
	return errors.Join(errs...)
}

// unfilled is the comment of a feed until its target contains what was inserted earlier.
const unfilled = "internal: its target is not filled yet, `stockpush setup` continues"

// repairs are idempotent statements that repair objects of one database.
type repairs struct {
	database string
	cluster  schema.Cluster
}

func (r repairs) name(object string) string { return "`" + r.database + "`." + object }

// create creates an object. A feed gets its comment when its target is filled.
func (r repairs) create(o schema.Object) []string {
	if o.Kind != schema.Feed {
		return []string{o.Create}
	}
	create := strings.TrimSuffix(o.Create, "COMMENT '"+o.Comment+"';\n") + "COMMENT '" + unfilled + "'"
	return append([]string{create}, r.fill(o)...)
}

// fill inserts into a feed's target what was inserted before the feed existed or had this query.
// Rows that the target already has stay one row.
func (r repairs) fill(feed schema.Object) []string {
	return []string{
		"INSERT INTO " + r.name(feed.Target) + " (" + strings.Join(feed.ColumnNames(), ", ") + ") " + feed.Select,
		r.comment(feed, feed.Comment),
	}
}

// alter begins a statement that changes an object. ON CLUSTER executes it on one replica of a
// replicated table, which is enough for columns. Comments of tables are not replicated.
func (r repairs) alter(o schema.Object) string {
	return "ALTER TABLE " + r.name(o.Name) + r.cluster.Clause()
}

// alterComments begins a statement that changes comments.
func (r repairs) alterComments(o schema.Object) string {
	if o.Kind == schema.Table {
		return "ALTER TABLE " + r.name(o.Name)
	}
	return r.alter(o)
}

func (r repairs) comment(o schema.Object, comment string) string {
	return r.alterComments(o) + " MODIFY COMMENT '" + comment + "'"
}

func (r repairs) columnComments(o schema.Object) string {
	comments := make([]string, len(o.Columns))
	for i, c := range o.Columns {
		comments[i] = "COMMENT COLUMN " + c.Name + " '" + c.Comment + "'"
	}
	return r.alterComments(o) + " " + strings.Join(comments, ", ")
}

// addColumn adds a missing column at its place.
func (r repairs) addColumn(o schema.Object, i int) string {
	place := " FIRST"
	if i > 0 {
		place = " AFTER " + o.Columns[i-1].Name
	}
	return r.alter(o) + " ADD COLUMN IF NOT EXISTS " + o.Columns[i].Declaration + place
}

// redefine changes a feed's query in place, so that no insert bypasses it, and marks its target as
// unfilled.
func (r repairs) redefine(o schema.Object) []string {
	if o.Kind == schema.View {
		return []string{o.Create}
	}
	return []string{r.comment(o, unfilled), r.alter(o) + " MODIFY QUERY " + o.Select}
}

func (r repairs) recomment(o schema.Object) []string {
	if o.Kind == schema.View {
		return []string{o.Create}
	}
	return []string{r.columnComments(o), r.comment(o, o.Comment)}
}
