// Package embeddedtest starts the real embedded servers in tests.
package embeddedtest

import (
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"stockpush/cmd/internal/embedded/broker"
	"stockpush/cmd/internal/embedded/clickhouse"
	"stockpush/cmd/internal/embedded/embeddedtest/oldenginetest"
)

const (
	engineVariable = "STOCKPUSH_TEST_ENGINE"
	// oldEngine is the value of engineVariable for an engine without listeners.
	oldEngine = "old"
	// oldVariable names the folder in which a version of the Python package chdb is installed. The
	// tests then run on that version of ClickHouse.
	oldVariable = "STOCKPUSH_TEST_CHDB"
	// engineConfigVariable names the engine's configuration file. Without it there is one user
	// without a password.
	engineConfigVariable = "STOCKPUSH_TEST_ENGINE_CONFIG"
)

// Main is the TestMain of packages that start ClickHouse: the test binary also runs as the engine
// process. After the tests it calls the cleanups.
func Main(m *testing.M, after ...func()) {
	if os.Getenv(engineVariable) != "" {
		args := os.Args[1:]
		if file := os.Getenv(engineConfigVariable); file != "" {
			args = append(args, "--config-file", file)
		}
		run := clickhouse.RunEngine
		if os.Getenv(engineVariable) == oldEngine {
			run = oldenginetest.Run
		}
		if err := run(args); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	code := m.Run()
	for _, clean := range append(after, shared.close) {
		clean()
	}
	os.Exit(code)
}

// StartClickHouse starts a ClickHouse with an empty data directory.
func StartClickHouse(t testing.TB) *clickhouse.Server {
	t.Helper()
	return StartClickHouseIn(t, t.TempDir())
}

// StartClickHouseIn starts a ClickHouse on a data directory.
func StartClickHouseIn(t testing.TB, dir string) *clickhouse.Server {
	t.Helper()
	return Start(t, clickhouse.Config{DataDir: dir})
}

// Start starts a ClickHouse and fills in the rest of its configuration.
func Start(t testing.TB, c clickhouse.Config) *clickhouse.Server {
	t.Helper()
	server := start(t, c)
	t.Cleanup(func() { require.NoError(t, server.Close()) })
	return server
}

// start returns a server that outlives the test.
func start(t testing.TB, c clickhouse.Config) *clickhouse.Server {
	t.Helper()
	engine := "1"
	if old := os.Getenv(oldVariable); old != "" {
		c.Installation, engine = clickhouse.Installation{Library: old}, oldEngine
		c.Environment = append(c.Environment, "PATH="+os.Getenv("PATH"))
	} else if c.Installation == (clickhouse.Installation{}) {
		found, err := clickhouse.FindIn(t.Context(), filepath.Join(root(t), ".stockpush"))
		require.NoError(t, err)
		c.Installation = found
	}
	self, err := os.Executable()
	require.NoError(t, err)
	c.Environment = append(c.Environment, engineVariable+"="+engine)
	if c.Listen == "" {
		c.Listen, c.HTTPListen = "127.0.0.1:0", "127.0.0.1:0"
	}
	c.Engine, c.Logger = []string{self}, slog.New(slog.DiscardHandler)
	server, err := clickhouse.Start(t.Context(), c)
	require.NoError(t, err)
	return server
}

// User is a ClickHouse user for tests.
type User struct {
	Name, Password string
	// Grants have the form "SELECT ON system.*". If empty, all rights are granted.
	Grants []string
	// Profile has the settings of the user's own profile.
	Profile map[string]string
}

// StartClickHouseFor starts a ClickHouse with these users and the one without a password, as which
// the embedded server connects.
func StartClickHouseFor(t testing.TB, users ...User) *clickhouse.Server {
	t.Helper()
	return startConfigured(t, users, "")
}

// StartReplica starts a ClickHouse that has a Keeper, at HOST and PORT, and macros for the shard and
// the replica. The library cannot exchange data with other replicas, so replicated tables are
// read-only.
func StartReplica(t testing.TB, host, port, replica string) *clickhouse.Server {
	t.Helper()
	return startConfigured(t, nil, fmt.Sprintf("<zookeeper><node><host>%s</host><port>%s</port></node></zookeeper>"+
		"<macros><shard>01</shard><replica>%s</replica></macros>", host, port, replica))
}

// startConfigured starts a ClickHouse with users and further elements of its configuration.
func startConfigured(t testing.TB, users []User, more string) *clickhouse.Server {
	t.Helper()
	dataDir := t.TempDir()
	config := writeConfig(t, filepath.Join(dataDir, "user_files"), users, more) // a folder that the engine can read
	return Start(t, clickhouse.Config{DataDir: dataDir, OwnUsers: true, Environment: []string{engineConfigVariable + "=" + config}})
}

func writeConfig(t testing.TB, dir string, users []User, more string) (configFile string) {
	t.Helper()
	const user = "<%[1]s><password>%[2]s</password><networks><ip>::/0</ip></networks><profile>%[1]s</profile><quota>default</quota>%[3]s</%[1]s>"
	all, profiles := fmt.Sprintf(user, "default", "", ""), "<default/>"
	for _, u := range users {
		grants := ""
		for _, g := range u.Grants {
			grants += "<query>GRANT " + g + "</query>"
		}
		if grants != "" {
			grants = "<grants>" + grants + "</grants>"
		}
		all += fmt.Sprintf(user, u.Name, u.Password, grants)
		profiles += "<" + u.Name + ">"
		for name, value := range u.Profile {
			profiles += "<" + name + ">" + value + "</" + name + ">"
		}
		profiles += "</" + u.Name + ">"
	}
	require.NoError(t, os.MkdirAll(dir, 0o700))
	text := "<clickhouse><profiles>" + profiles + "</profiles><quotas><default/></quotas><users>" + all + "</users></clickhouse>"
	require.NoError(t, os.WriteFile(filepath.Join(dir, "users.xml"), []byte(text), 0o600))
	configFile = filepath.Join(dir, "config.xml")
	text = "<clickhouse><users_config>" + filepath.Join(dir, "users.xml") + "</users_config>" + more + "</clickhouse>"
	require.NoError(t, os.WriteFile(configFile, []byte(text), 0o600))
	return configFile
}

// StartBroker starts an in-memory broker.
func StartBroker(t testing.TB) *broker.Broker {
	t.Helper()
	b, err := broker.Start(broker.Config{Listen: "127.0.0.1:0"})
	require.NoError(t, err)
	t.Cleanup(b.Close)
	return b
}

// root returns the folder of go.mod.
func root(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	require.NoError(t, err)
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		parent := filepath.Dir(dir)
		require.NotEqual(t, parent, dir, "go.mod not found")
		dir = parent
	}
}

// InstalledProgram is an installation that has no library but a program, which runs the
// machine's library.
func InstalledProgram(t testing.TB) clickhouse.Installation {
	t.Helper()
	installed := filepath.Join(root(t), ".stockpush")
	found, err := clickhouse.FindIn(t.Context(), installed)
	require.NoError(t, err)
	if found.Library == "" {
		return found // a real one
	}
	dir, err := os.MkdirTemp(filepath.Dir(found.Library), "launcher-") // a link needs the same file system
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	program := filepath.Join(dir, "clickhouse")
	out, err := exec.Command("go", "build", "-o", program, "stockpush/cmd/internal/embedded/embeddedtest/launcher").CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.NoError(t, os.Link(found.Library, filepath.Join(dir, "libchdb.so")))
	t.Setenv(clickhouse.BinaryVariable, program)
	found, err = clickhouse.FindIn(t.Context(), installed)
	require.NoError(t, err)
	return found
}
