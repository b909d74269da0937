package clickhouse

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
)

func TestEveryObjectHasComments(t *testing.T) {
	objects, err := Objects("d")
	require.NoError(t, err)
	require.Len(t, objects, 29)
	internal := map[string]bool{}
	for _, o := range objects {
		require.NotEmpty(t, o.Columns, o.Name)
		internal[o.Name] = strings.HasPrefix(o.Comment, "internal: ")
		for _, c := range o.Columns {
			require.Equal(t, internal[o.Name], strings.HasPrefix(c.Comment, "internal: "), "%s.%s: the columns of an internal object are internal", o.Name, c.Name)
		}
	}
	for _, public := range []string{
		"push_records", "push_record_history", "store_sku_push_status", "merchant_sku_push_status", "failed_push_records", "push_stats_hourly", "push_stats_daily",
		"store_sku_push_stats_daily", "rejected_events", "shop_push_status", "audit_findings",
	} {
		require.Contains(t, internal, public)
		require.False(t, internal[public], public)
		delete(internal, public)
	}
	for name, is := range internal {
		require.True(t, is, name)
	}
}

func TestGrantsNameThePublicViewsAndQuoteTheGrantee(t *testing.T) {
	grants, err := Cluster{}.Grants("d", "o`neil\\")
	require.NoError(t, err)
	require.Contains(t, grants, "GRANT SELECT ON `d`.failed_push_records TO `o\\`neil\\\\`")
	for _, g := range grants {
		require.NotContains(t, g, "standings", "an internal view")
		require.NotContains(t, g, "`d`.push_records ", "a table")
	}
}

const table = "-- why\nCREATE TABLE IF NOT EXISTS {{.Database}}.t\n(\n    a UInt8 COMMENT 'A.'%s\n)\nENGINE = MergeTree\nORDER BY a\nCOMMENT 'The table.';\n"

func TestLaterFileReplacesAnEarlierOne(t *testing.T) {
	view := "CREATE OR REPLACE VIEW {{.Database}}.v\n(\n    a UInt8 COMMENT 'A.'\n)\nDEFINER = CURRENT_USER SQL SECURITY DEFINER\nAS\nSELECT a FROM {{.Database}}.t\nCOMMENT 'The view.';\n"
	objects, err := objectsOf(fstest.MapFS{
		"001_t.sql": {Data: fmt.Appendf(nil, table, "")},
		"002_v.sql": {Data: []byte(view)},
		"003_t.sql": {Data: fmt.Appendf(nil, table, ",\n    b Tuple(x UInt8, y Enum8('a )' = 1)) DEFAULT (1, 'a )') COMMENT 'B.' CODEC(LZ4),\n    INDEX i a TYPE minmax")},
	}, "d")
	require.NoError(t, err)
	require.Len(t, objects, 2)
	require.Equal(t, []string{"t", "v"}, []string{objects[0].Name, objects[1].Name}, "each after those that it reads")
	require.Equal(t, []string{"a", "b"}, objects[0].ColumnNames())
	require.Equal(t, "Tuple(x UInt8, y Enum8('a )' = 1))", objects[0].Columns[1].Type)
	require.Equal(t, View, objects[1].Kind)
	require.Equal(t, "SELECT a FROM `d`.t", strings.TrimSpace(objects[1].Select))
}

func TestMalformedFileIsRefused(t *testing.T) {
	for _, sql := range []string{
		"ALTER TABLE t DROP COLUMN a",
		fmt.Sprintf(table, ",\n    b UInt8"),
		strings.Replace(fmt.Sprintf(table, ""), " IF NOT EXISTS", "", 1),
		strings.Replace(fmt.Sprintf(table, ""), "COMMENT 'The table.'", "", 1),
		strings.Replace(fmt.Sprintf(table, ""), "{{.Database}}", "{{.Databse}}", 1),
		"CREATE OR REPLACE VIEW {{.Database}}.v\n(\n    a UInt8 COMMENT 'A.'\n)\nAS\nSELECT 1 AS a\nCOMMENT 'A public view without a definer.';\n",
	} {
		_, err := objectsOf(fstest.MapFS{"001_t.sql": {Data: []byte(sql)}}, "d")
		require.Error(t, err, sql)
	}
}

// releasedFile lists the released files in the format of sha256sum. A release adds its files:
// `sha256sum *.sql > released.sha256` here. It is empty until 0.1.0.
const releasedFile = "released.sha256"

func TestReleasedFilesNeverChange(t *testing.T) {
	sums, err := os.ReadFile(releasedFile)
	require.NoError(t, err)
	require.NoError(t, checkReleased(files, string(sums)))
}

func TestChangedReleasedFileIsFound(t *testing.T) {
	released := fstest.MapFS{"001_a.sql": {Data: []byte("a")}, "002_b.sql": {Data: []byte("b")}}
	sums := ""
	for _, name := range []string{"001_a.sql", "002_b.sql"} {
		sums += fmt.Sprintf("%x  %s\n", sha256.Sum256(released[name].Data), name)
	}
	with := func(name, text string) fs.FS {
		files := fstest.MapFS{"001_a.sql": released["001_a.sql"], "002_b.sql": released["002_b.sql"]}
		if files[name] = (&fstest.MapFile{Data: []byte(text)}); text == "" {
			delete(files, name)
		}
		return files
	}
	require.NoError(t, checkReleased(released, ""))
	require.NoError(t, checkReleased(released, sums))
	require.NoError(t, checkReleased(with("003_a.sql", "new"), sums))
	require.ErrorContains(t, checkReleased(with("001_a.sql", "changed"), sums), "001_a.sql")
	require.ErrorContains(t, checkReleased(with("002_b.sql", ""), sums), "002_b.sql")
	require.ErrorContains(t, checkReleased(with("001_c.sql", "between"), sums), "001_c.sql")
}

// checkReleased returns an error that names a released file that was changed, or a new file that
// precedes released ones.
func checkReleased(files fs.FS, sums string) error {
	released, last := map[string]string{}, ""
	for line := range strings.Lines(sums) {
		var sum, name string
		if _, err := fmt.Sscan(line, &sum, &name); err != nil {
			return fmt.Errorf("%s: %q: %w", releasedFile, line, err)
		}
		released[name], last = sum, max(last, name)
	}
	for name, sum := range released {
		text, err := fs.ReadFile(files, name)
		if got := sha256.Sum256(text); err != nil || hex.EncodeToString(got[:]) != sum {
			return fmt.Errorf("%s was released and never changes: a later file has to replace the object", name)
		}
	}
	names, err := fs.Glob(files, "*.sql")
	if err != nil {
		return err
	}
	for _, name := range names {
		if _, ok := released[name]; !ok && name < last {
			return fmt.Errorf("%s comes before released files: give it a later number", name)
		}
	}
	return nil
}
