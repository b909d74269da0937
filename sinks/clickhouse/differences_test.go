package clickhouse

import (
	"testing"

	"github.com/stretchr/testify/require"

	schema "stockpush/schemas/clickhouse"
)

func TestDifferenceOfAViewNamesItsColumns(t *testing.T) {
	o := schema.Object{Kind: schema.View, Name: "v", Select: "SELECT 1", Columns: []schema.Column{{Name: "a", Type: "UInt8"}, {Name: "b", Type: "String"}}}
	for _, c := range []struct {
		query   string
		columns map[string]foundColumn
		want    string
	}{
		{"SELECT 1", map[string]foundColumn{"a": {Type: "UInt64"}, "c": {Type: "String"}}, "definition of view v (column a is UInt64, not UInt8, column b is missing, column c is not ours)"},
		{"SELECT 2", map[string]foundColumn{"a": {Type: "UInt8"}, "b": {Type: "String"}}, "definition of view v (its query differs)"},
		{"SELECT 2", map[string]foundColumn{"p": {}, "q": {}, "r": {}, "s": {}},
			"definition of view v (column a is missing, column b is missing, column p is not ours, column q is not ours, column r is not ours, and 1 more)"},
	} {
		found := comparison{found: map[string]object{"v": {Query: c.query, columns: c.columns}}}.differences(o, "SELECT 1")
		require.Len(t, found, 1)
		require.Equal(t, c.want, found[0].What)
	}
}
