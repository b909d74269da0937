package setup_test

import (
	"strings"
	"testing"

	driver "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/stretchr/testify/require"

	"stockpush/cmd/internal/embedded/embeddedtest"
	"stockpush/schemas"
	schema "stockpush/schemas/clickhouse"
)

// accessDenied is ClickHouse's error code for a missing grant.
const accessDenied = 497

// The printed grants let a user read the public views, which show all their rows, and nothing else.
func TestAnalystReadsThePublicViewsAndNothingElse(t *testing.T) {
	const analyst = "analyst"
	statements, err := schema.Cluster{}.Grants("d", analyst)
	require.NoError(t, err)
	user := embeddedtest.User{Name: analyst}
	for _, s := range statements { // the test server's users are in a file that has grants without a grantee
		grant, grantee, _ := strings.Cut(strings.TrimPrefix(s, "GRANT "), " TO ")
		require.Equal(t, "`"+analyst+"`", grantee)
		user.Grants = append(user.Grants, grant)
	}
	addr := embeddedtest.StartClickHouseFor(t, user).Addr()
	s := openStore(t, addr, "d")
	_, err = s.Migrate(t.Context())
	require.NoError(t, err)
	insert(t, s, record("a", 1, schemas.Failed), record("b", 1, schemas.Pending), record("b", 2, schemas.Skipped), record("c", 1, schemas.Successfully))
	objects, err := schema.Objects("d")
	require.NoError(t, err)
	queries, conn, owner := readingAll(t), connectAs(t, addr, analyst), connectAs(t, addr, "default")
	for _, o := range objects {
		rows, err := answerOf(t, conn, queries[o.Name])
		if o.Kind != schema.View || o.Internal() {
			requireDenied(t, err, o.Name)
			continue
		}
		require.NoError(t, err, o.Name)
		all, err := answerOf(t, owner, queries[o.Name])
		require.NoError(t, err, o.Name)
		require.Equal(t, all, rows, o.Name)
	}
	for _, sql := range []string{"SELECT * FROM system.parts", "INSERT INTO d.push_records (channel) VALUES ('x')", "DROP VIEW d.push_record_history", "CREATE TABLE d.mine (a UInt8) ENGINE = Memory"} {
		requireDenied(t, conn.Exec(t.Context(), sql), sql)
	}
}

func requireDenied(t *testing.T, err error, what string) {
	t.Helper()
	refused := new(driver.Exception)
	require.ErrorAs(t, err, &refused, what)
	require.EqualValues(t, accessDenied, refused.Code, what)
}
