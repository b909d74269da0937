package config

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"
)

func secretIn(t *testing.T, text string) string {
	file := filepath.Join(t.TempDir(), "secret")
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	return file
}

func TestEverySecretCanBeInAFile(t *testing.T) {
	for _, k := range keys {
		if k.kind != secret {
			continue
		}
		const word = "user=u password=hunter2hunter2" // one that is right for every secret
		name := variable(k.name) + "_FILE"
		l, err := Load(Source{Environ: []string{name + "=" + secretIn(t, word+"\n"), "STOCKPUSH_KAFKA_SASL_USERNAME=u"}})
		require.NoError(t, err, k.name)
		require.Equal(t, word, l.values[k.name].(Secret).Reveal())
		require.Contains(t, l.Rows(), Row{k.name, redacted, "environment " + name})
		require.Empty(t, l.Warnings)
	}
}

func TestOneNewlineIsCutFromASecretsFile(t *testing.T) {
	for text, want := range map[string]string{"a": "a", "a\n": "a", "a\n\n": "a\n", "a\r\n": "a", " a \n": " a ", "": ""} {
		l, err := Load(Source{Environ: []string{"STOCKPUSH_CLICKHOUSE_PASSWORD_FILE=" + secretIn(t, text)}})
		require.NoError(t, err)
		require.Equal(t, want, l.ClickHouse.Password.Reveal(), "%q", text)
	}
}

func TestASecretsFileIsReadStrictly(t *testing.T) {
	file := secretIn(t, "of-the-file")
	_, err := Load(Source{Environ: []string{"STOCKPUSH_CLICKHOUSE_PASSWORD_FILE=" + file, "STOCKPUSH_CLICKHOUSE_PASSWORD=of-the-variable"}})
	require.ErrorContains(t, err, "clickhouse.password")
	require.ErrorContains(t, err, "STOCKPUSH_CLICKHOUSE_PASSWORD_FILE are both set")
	require.NotContains(t, err.Error(), "of-the")
	for _, missing := range []string{filepath.Join(t.TempDir(), "none"), t.TempDir(), ""} {
		_, err = Load(Source{Environ: []string{"STOCKPUSH_CLICKHOUSE_PASSWORD_FILE=" + missing}})
		require.ErrorContains(t, err, "clickhouse.password (environment STOCKPUSH_CLICKHOUSE_PASSWORD_FILE)", missing)
	}
	l, err := Load(Source{Environ: []string{"STOCKPUSH_KAFKA_BROKERS_FILE=" + file}})
	require.NoError(t, err)
	require.Equal(t, []string{"unknown environment variable STOCKPUSH_KAFKA_BROKERS_FILE"}, l.Warnings, "it is no secret")
}

func TestASecretsFileHasTheEnvironmentsPlace(t *testing.T) {
	config := writeFile(t, "clickhouse: {password: of-the-yaml}\n")
	environ := []string{"STOCKPUSH_CLICKHOUSE_PASSWORD_FILE=" + secretIn(t, "of-the-file")}
	l, err := Load(Source{File: config, Environ: environ})
	require.NoError(t, err)
	require.Equal(t, "of-the-file", l.ClickHouse.Password.Reveal())
	flags := pflag.NewFlagSet("x", pflag.ContinueOnError)
	AddFlags(flags)
	require.NoError(t, flags.Parse([]string{"--clickhouse.password=of-the-flag"}))
	l, err = Load(Source{File: config, Environ: environ, Flags: flags})
	require.NoError(t, err)
	require.Equal(t, "of-the-flag", l.ClickHouse.Password.Reveal())
}
