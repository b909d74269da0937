package config

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// For any file and variable the configuration is either valid as a whole or refused.
func FuzzLoad(f *testing.F) {
	f.Add("shopee:\n  partner_key: x\n", "kafka.brokers", "a:1,b:2")
	f.Add("shopee: {partner_key: x", "processor.window", "1s")
	f.Add("clickhouse: {password: [x]}\nkafka: {sasl: x}", "console.token", "x")
	f.Add("x", "shopee.shop_rate", "NaN")
	f.Add("kafka: {sasl: {password: &a x}}\nx: *b\n", "kafka.partitions", "1e3")
	f.Add("- x", "shopee.shop_concurrency", "0x10")
	file := filepath.Join(f.TempDir(), "stockpush.yaml")
	f.Fuzz(func(t *testing.T, text, name, value string) {
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
		loaded, err := Load(Source{File: file, Environ: []string{variable(name) + "=" + value}})
		if err != nil {
			return
		}
		for _, k := range keys {
			require.Empty(t, k.check.of(loaded.values[k.name]), k.name)
		}
	})
}

// An error in a file never quotes the secrets in the file.
func TestFileErrorQuotesNoSecret(t *testing.T) {
	const hidden = "hunter2-4711"
	for _, text := range []string{
		hidden, "- " + hidden, "shopee: {partner_key: " + hidden, "shopee:\n  partner_key: " + hidden + "\n bad: indent", "shopee:\n\tpartner_key: " + hidden,
		"shopee: {partner_key: [" + hidden + "]}", "shopee: {partner_key: {a: " + hidden + "}}", "kafka: {sasl: " + hidden + "}", "shopee: partner_key: " + hidden,
		"clickhouse: {password: !!int " + hidden + "}", "clickhouse: {password: *" + hidden + "}", "shopee: {partner_key: a, partner_key: " + hidden + "}",
	} {
		file := filepath.Join(t.TempDir(), "stockpush.yaml")
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
		_, err := Load(Source{File: file})
		if err != nil {
			require.NotContains(t, err.Error(), hidden[:4], text)
		}
	}
}
