package main

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var secretKeys = []string{
	"kafka.sasl.password", "clickhouse.password", "shopee.partner_key", "shopee.webhook.key", "console.token", "shopee.tokens_postgres",
}

// An error about a malformed secret does not repeat it.
func TestBadConfigurationRevealsNoSecret(t *testing.T) {
	c := newConfidant(t)
	for _, key := range secretKeys {
		word := c.secrets.word(key)
		parent, leaf := key[:strings.LastIndexByte(key, '.')], key[strings.LastIndexByte(key, '.')+1:]
		for _, text := range []string{
			key + ": [" + word + "]", key + ": {a: " + word + "}", key + ": {" + word + ": 1}", key + ": *" + word, key + ": &" + word, key + ": !!int " + word, key + ": " + word + "\n bad: indent",
			key + ": \"" + word, key + ": '" + word, key + ": " + word + ": x", parent + ": " + word, parent + ": [" + word + "]", parent + ": {" + leaf + "x: " + word + "}", key + ": |\n" + word,
			"\t" + key + ": " + word,
			key + ": " + word + "\nnonsense: 1\nprocessor.window: x",
		} {
			c.write(text)
			c.ask("config")
			require.Empty(t, c.heard.leaks(c.secrets), text)
		}
		c.write("nonsense: 1")
		c.ask("config", "--"+key+"="+word)
		c.ask("check", "--"+key, word, "--"+key+"x", "1")
		t.Setenv("STOCKPUSH_"+strings.ToUpper(strings.ReplaceAll(key, ".", "_")), word)
		c.ask("setup")
		require.NoError(t, os.Unsetenv("STOCKPUSH_"+strings.ToUpper(strings.ReplaceAll(key, ".", "_"))))
	}
	c.heard.requireSaid(t, "`config`", "bad configuration")
	c.heard.requireSaid(t, "`setup`", "nonsense")
	require.Empty(t, c.heard.leaks(c.secrets))
}

// An error about a refused secret, or a server that is down, does not repeat the secret.
func TestRefusedSecretIsNotRepeated(t *testing.T) {
	c := newConfidant(t)
	require.Equal(t, 0, c.ask("setup"))
	require.Equal(t, 0, c.ask("check"), string(c.heard.said["`check`"]))
	cases := map[string][]string{
		"Kafka's user":          {"--kafka.sasl.password", c.secrets.word("a wrong SASL password")},
		"Kafka's mechanism":     {"--kafka.sasl.mechanism", "SCRAM-SHA-512"},
		"ClickHouse's TLS":      {"--clickhouse.tls.enabled", "true"},
		"Shopee's signature":    {"--shopee.partner_key", c.secrets.word("a wrong partner key")},
		"Kafka is down":         {"--kafka.brokers", freeAddr(t)},
		"ClickHouse is down":    {"--clickhouse.addr", freeAddr(t)},
		"Shopee is down":        {"--shopee.base_url", "http://" + freeAddr(t)},
		"the tokens are a list": {"--shopee.tokens_file", c.broken("tokens-list", `["%s"]`)},
		"the tokens are cut":    {"--shopee.tokens_file", c.broken("tokens-cut", `{"shops":[{"shop_id":1,"access_token":"%s`)},
		"a token is a list":     {"--shopee.tokens_file", c.broken("tokens-token", `{"shops":[{"shop_id":1,"access_token":["%s"]}]}`)},
		"a token is a time":     {"--shopee.tokens_file", c.broken("tokens-time", `{"shops":[{"shop_id":1,"expires_at":"%s"}]}`)},
		"a token is a shop":     {"--shopee.tokens_file", c.broken("tokens-shop", `{"shops":[{"shop_id":"%s"}]}`)},
		"the tokens are a text": {"--shopee.tokens_file", c.broken("tokens-text", `%s`)},
	}
	for i, dsn := range []string{
		"postgres://u:%s@" + freeAddr(t) + "/db", "postgres://u:%s@127.0.0.1:x/db", "postgres://u:%s@[::1/db", "postgres://u:%s@127.0.0.1:1/db?sslmode=nonsense", "host=127.0.0.1 port=1 password=%s",
		"host=127.0.0.1 port=x password=%s", "password='%s", "postgres://u:%s", "postgres://u:%%zz%s@h/db", "%s",
	} {
		cases["PostgreSQL "+dsn] = []string{"--shopee.tokens_postgres", fmt.Sprintf(dsn, c.secrets.word(fmt.Sprint("a PostgreSQL password ", i)))}
	}
	c.runUntil("check kafka.sasl.mechanism", cases["Kafka's user"]...)
	for _, name := range slices.Sorted(maps.Keys(cases)) {
		if _, postgres := strings.CutPrefix(name, "PostgreSQL"); postgres {
			delete(c.settings, "shopee.tokens_file") // only one of the two may be set
			c.write()
		}
		require.NotZero(t, c.ask(append([]string{"check"}, cases[name]...)...), name)
		if strings.Contains(name, "token") || strings.Contains(name, "PostgreSQL") {
			c.ask(append([]string{"setup"}, cases[name]...)...)
			c.ask(append([]string{"audit", "--shop=10001"}, cases[name]...)...)
		}
	}
	c.heard.requireSaid(t, "`check`", "check kafka.sasl.mechanism")
	require.Empty(t, c.heard.leaks(c.secrets))
}

// runUntil runs the program until it has logged a text, then stops it.
func (c *confidant) runUntil(logged string, flags ...string) {
	p := c.Launch(flags...)
	p.EventuallyLogged(logged)
	p.Terminate()
	c.heard.note("`run`", string(p.Log()))
}

// broken writes an invalid tokens file that contains a token.
func (c *confidant) broken(name, text string) string {
	file := strings.ReplaceAll(c.File, "stockpush.yaml", name+".json")
	require.NoError(c.t, os.WriteFile(file, fmt.Appendf(nil, text, c.secrets.word("the token in "+name)), 0o600))
	return file
}
