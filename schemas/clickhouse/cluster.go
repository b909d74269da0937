package clickhouse

import (
	"regexp"
	"strings"
)

// Cluster is the cluster on whose replicas the objects are created. The zero value is one server
// without replication.
type Cluster struct {
	Name string
	// ReplicaPath and ReplicaName are the arguments of the Replicated engines: a table's path in the
	// Keeper and the replica's name there. {database} and {table} are replaced here, other macros by
	// each server.
	ReplicaPath, ReplicaName string
}

// Clause is what a statement needs after the name of its object; it is empty for one server.
func (c Cluster) Clause() string {
	if c.Name == "" {
		return ""
	}
	return " ON CLUSTER " + quote(c.Name)
}

var (
	// head is the beginning of a statement, up to the name of its object.
	head = regexp.MustCompile(`(?m)^CREATE (?:TABLE IF NOT EXISTS|MATERIALIZED VIEW IF NOT EXISTS|OR REPLACE VIEW) \S+`)
	// engine is the engine of a table with its arguments.
	engine = regexp.MustCompile(`(?m)^ENGINE = (\w*MergeTree)(?:\((.*)\))?$`)
)

// replicated returns the object as it is on the cluster.
func (c Cluster) replicated(o Object, database string) Object {
	if c.Name == "" {
		return o
	}
	o.Create = head.ReplaceAllStringFunc(o.Create, func(head string) string { return head + c.Clause() })
	if o.Kind != Table {
		return o
	}
	path := strings.NewReplacer("{database}", database, "{table}", o.Name).Replace(c.ReplicaPath)
	o.Create = engine.ReplaceAllStringFunc(o.Create, func(declaration string) string {
		m := engine.FindStringSubmatch(declaration)
		arguments := []string{quote(path), quote(c.ReplicaName)}
		if m[2] != "" {
			arguments = append(arguments, m[2])
		}
		return "ENGINE = Replicated" + m[1] + "(" + strings.Join(arguments, ", ") + ")"
	})
	return o
}
