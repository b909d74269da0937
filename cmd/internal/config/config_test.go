package config

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"
)

func writeFile(t *testing.T, yaml string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "stockpush.yaml")
	require.NoError(t, os.WriteFile(file, []byte(yaml), 0o600))
	return file
}

func TestDefaultsMatchTheContract(t *testing.T) {
	l, err := Load(Source{})
	require.NoError(t, err)
	require.Equal(t, "stockpush", l.Kafka.TopicPrefix)
	require.Equal(t, 12, l.Kafka.Partitions)
	require.Equal(t, -1, l.Kafka.ReplicationFactor, "the broker's default")
	require.Equal(t, time.Second, l.Processor.Window)
	require.Equal(t, 24*time.Hour, l.Channels.MaxPendingAge)
	require.Equal(t, 20*time.Millisecond, l.Shopee.BatchLinger)
	require.Equal(t, "127.0.0.1:8081", l.Ops.Listen)
	require.Empty(t, l.Warnings)
}

func TestPrecedenceIsFlagEnvironmentFileDefault(t *testing.T) {
	file := writeFile(t, "kafka: {partitions: 3, topic_prefix: a}\nprocessor: {window: 2s}\nshopee: {paused_shops: [1, 2]}\n")
	flags := pflag.NewFlagSet("x", pflag.ContinueOnError)
	AddFlags(flags)
	require.NoError(t, flags.Parse([]string{"--kafka.partitions=5"}))
	l, err := Load(Source{File: file, Flags: flags, Environ: []string{
		"STOCKPUSH_KAFKA_PARTITIONS=4", "STOCKPUSH_KAFKA_TOPIC_PREFIX=b", "STOCKPUSH_KAFKA_BROKERS=h1:1, h2:2",
	}})
	require.NoError(t, err)
	require.Equal(t, 5, l.Kafka.Partitions)
	require.Equal(t, "b", l.Kafka.TopicPrefix)
	require.Equal(t, []string{"h1:1", "h2:2"}, l.Kafka.Brokers)
	require.Equal(t, 2*time.Second, l.Processor.Window)
	require.Equal(t, []int64{1, 2}, l.Shopee.PausedShops)
	require.Contains(t, l.Rows(), Row{"kafka.partitions", "5", "flag --kafka.partitions"})
	require.Contains(t, l.Rows(), Row{"kafka.topic_prefix", "b", "environment STOCKPUSH_KAFKA_TOPIC_PREFIX"})
	require.Contains(t, l.Rows(), Row{"shopee.timeout", "10s", "default"})
}

func TestErrorNamesEveryBadKey(t *testing.T) {
	file := writeFile(t, "kafka: {partitions: many, sorcery: 1}\nlog: {level: loud}\nshopee: {timeout: 5}\nclickhouse: {cluster: 'c;', replica_path: /a}\n")
	_, err := Load(Source{File: file, Environ: []string{"STOCKPUSH_SHOPEE_BREAKER_FAILURE_RATIO=2"}})
	require.Error(t, err)
	for _, name := range []string{
		"kafka.partitions", "kafka.sorcery", "log.level", "shopee.timeout", "clickhouse.cluster", "clickhouse.replica_path", "shopee.breaker.failure_ratio",
	} {
		require.Contains(t, err.Error(), name)
	}
}

func TestReplicationFactorRange(t *testing.T) {
	for value, ok := range map[string]bool{"-1": true, "1": true, "3": true, "0": false, "-2": false, "101": false} {
		_, err := Load(Source{Environ: []string{"STOCKPUSH_KAFKA_REPLICATION_FACTOR=" + value}})
		require.Equal(t, ok, err == nil, value)
	}
}

func TestShopeeBaseURLIsAHostOnly(t *testing.T) {
	for address, ok := range map[string]bool{
		"https://partner.shopeemobile.com": true, "http://127.0.0.1:8090/": true, "partner.shopeemobile.com": false, "ftp://x.example": false, "https://": false,
		"https://x.example/api/v2": false, "https://x.example?a=1": false, "https://x.example#a": false, "https://u:p@x.example": false,
	} {
		_, err := Load(Source{Environ: []string{"STOCKPUSH_SHOPEE_BASE_URL=" + address}})
		require.Equal(t, ok, err == nil, address)
	}
}

func TestUnknownVariableIsAWarning(t *testing.T) {
	l, err := Load(Source{Environ: []string{"STOCKPUSH_KAFKA_BROKER=x", "STOCKPUSH_LIBCHDB=y", "STOCKPUSH_CLICKHOUSE_BIN=y", "HOME=z"}})
	require.NoError(t, err)
	require.Equal(t, []string{"unknown environment variable STOCKPUSH_KAFKA_BROKER"}, l.Warnings)
}

func TestSecretsAreRedacted(t *testing.T) {
	const word = "hunter2hunter2hunter2"
	l, err := Load(Source{Environ: []string{"STOCKPUSH_SHOPEE_PARTNER_KEY=" + word, "STOCKPUSH_CONSOLE_TOKEN=" + word}})
	require.NoError(t, err)
	require.Equal(t, word, l.Shopee.PartnerKey.Reveal())
	require.NotContains(t, fmt.Sprintf("%v %+v %#v %s", l.Config, l.Config, l.Config, l.Rows()), word)
}

func TestRulesAcrossKeys(t *testing.T) {
	_, err := Load(Source{Environ: []string{
		"STOCKPUSH_SHOPEE_WEBHOOK_LISTEN=:8443", "STOCKPUSH_PROCESSOR_QUIET_PERIOD=2s", "STOCKPUSH_KAFKA_SASL_MECHANISM=PLAIN", "STOCKPUSH_CLICKHOUSE_TLS_CERT_FILE=c.pem",
	}})
	require.ErrorContains(t, err, "processor.quiet_period")
	require.ErrorContains(t, err, "kafka.sasl.username")
	require.ErrorContains(t, err, "shopee.webhook.url")
	require.ErrorContains(t, err, "clickhouse.tls.key_file")
}

func TestEachSASLMechanismNeedsItsKeys(t *testing.T) {
	const mechanism, oauth = "STOCKPUSH_KAFKA_SASL_MECHANISM=", "STOCKPUSH_KAFKA_SASL_OAUTH_"
	_, err := Load(Source{Environ: []string{mechanism + "AWS_MSK_IAM"}})
	require.NoError(t, err)
	bearer := []string{mechanism + "OAUTHBEARER", oauth + "CLIENT_ID=c", oauth + "CLIENT_SECRET=hunter2"}
	_, err = Load(Source{Environ: bearer})
	require.ErrorContains(t, err, "kafka.sasl.oauth.token_url")
	for address, ok := range map[string]bool{
		"https://login.example/token": true, "http://127.0.0.1:8080/token": true, "http://login.example/token": false, "login.example": false, "https://u:hunter2@login.example": false,
	} {
		l, err := Load(Source{Environ: append(bearer, oauth+"TOKEN_URL="+address, oauth+"SCOPES=kafka,push")})
		if !ok {
			require.ErrorContains(t, err, "kafka.sasl.oauth.token_url", address)
			continue
		}
		require.NoError(t, err, address)
		require.Equal(t, []string{"kafka", "push"}, l.Kafka.SASL.OAuth.Scopes)
		require.NotContains(t, fmt.Sprintf("%v %+v %#v %s", l.Config, l.Config, l.Config, l.Rows()), "hunter2")
	}
}

func TestWebhookAndPromotionRetry(t *testing.T) {
	const callback = "https://seller.example/shopee/push?from=shopee"
	l, err := Load(Source{Environ: []string{
		"STOCKPUSH_SHOPEE_WEBHOOK_LISTEN=127.0.0.1:0", "STOCKPUSH_SHOPEE_WEBHOOK_URL=" + callback, "STOCKPUSH_SHOPEE_WEBHOOK_KEY=hunter2", "STOCKPUSH_SHOPEE_PROMOTION_RETRY=0",
	}})
	require.NoError(t, err)
	require.Equal(t, callback, l.Shopee.Webhook.URL)
	require.Zero(t, l.Shopee.PromotionRetry)
	require.NotContains(t, fmt.Sprintf("%v %+v %#v %s", l.Config, l.Config, l.Config, l.Rows()), "hunter2")
	l, err = Load(Source{})
	require.NoError(t, err)
	require.Equal(t, time.Hour, l.Shopee.PromotionRetry)
	for variable, bad := range map[string]string{
		"SHOPEE_WEBHOOK_LISTEN": "8443", "SHOPEE_WEBHOOK_URL": "seller.example/push", "SHOPEE_PROMOTION_RETRY": "10ms",
	} {
		_, err = Load(Source{Environ: []string{"STOCKPUSH_" + variable + "=" + bad}})
		require.ErrorContains(t, err, strings.ReplaceAll(strings.ToLower(variable), "webhook_", "webhook.")[7:])
	}
}

func TestShortConsoleTokenIsRefused(t *testing.T) {
	for token, ok := range map[string]bool{"": true, "fifteen-letters": false, "sixteen-letters!": true, "ééééééééééééééé": false} {
		_, err := Load(Source{Environ: []string{"STOCKPUSH_CONSOLE_TOKEN=" + token}})
		if ok {
			require.NoError(t, err, token)
			continue
		}
		require.ErrorContains(t, err, "is shorter than 16 characters")
		require.ErrorContains(t, err, "console.token")
		require.NotContains(t, err.Error(), token)
	}
}

func TestUserHeaderIsAHeaderName(t *testing.T) {
	for name, ok := range map[string]bool{"": true, "X-Forwarded-User": true, "X User": false, "X:User": false, "Ü": false} {
		_, err := Load(Source{Environ: []string{"STOCKPUSH_CONSOLE_USER_HEADER=" + name}})
		require.Equal(t, ok, err == nil, "%q: %v", name, err)
	}
}
