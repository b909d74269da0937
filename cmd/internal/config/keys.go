package config

import "time"

// kind is how a key's value is read.
type kind uint8

const (
	text kind = iota
	secret
	texts
	whole
	wholes
	number
	duration
	boolean
)

// key is one configuration key with its default.
type key struct {
	name  string
	kind  kind
	value any
	check func(any) string
}

// keys are the contract's, in its order.
var keys = append(append([]key{
	{"kafka.brokers", texts, []string{"127.0.0.1:9092"}, notEmpty},
	{"kafka.topic_prefix", text, "stockpush", topicName},
	{"kafka.partitions", whole, 12, within(1, 10_000)},
	{"kafka.replication_factor", whole, -1, replicationFactor},
	// Kafka itself takes 6 s to 30 min unless it is configured otherwise.
	{"kafka.session_timeout", duration, 45 * time.Second, between(6*time.Second, 30*time.Minute)},
	{"kafka.sasl.mechanism", text, "", oneOf("", "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")},
	{"kafka.sasl.username", text, "", nil},
	{"kafka.sasl.password", secret, "", nil},
	{"processor.window", duration, time.Second, between(time.Millisecond, time.Hour)},
	{"processor.catch_up_window", duration, 10 * time.Second, between(time.Millisecond, time.Hour)},
	{"processor.quiet_period", duration, time.Duration(0), between(0, time.Hour)},
	{"processor.max_buffered_skus", whole, 2_000_000, within(1, 1<<31)},
	{"channels.max_pending_age", duration, 24 * time.Hour, between(time.Second, 72*time.Hour)},
	{"shopee.base_url", text, "https://partner.shopeemobile.com", hostURL},
	{"shopee.partner_id", whole, 0, within(0, 1<<53)},
	{"shopee.partner_key", secret, "", nil},
	{"shopee.tokens_file", text, "tokens.json", notEmpty},
	{"shopee.tokens_postgres", secret, "", postgresDSN},
	{"shopee.timeout", duration, 10 * time.Second, between(time.Millisecond, 5*time.Minute)},
	{"shopee.shop_rate", number, 5.0, positive},
	{"shopee.app_rate", number, 20.0, positive},
	{"shopee.shop_concurrency", whole, 4, within(1, 1000)},
	{"shopee.paused_shops", wholes, []int64{}, nil},
	{"shopee.batch_linger", duration, 20 * time.Millisecond, between(0, time.Minute)},
	{"shopee.probe_interval", duration, time.Minute, between(time.Second, time.Hour)},
	{"shopee.confirm_after", duration, 10 * time.Second, between(0, time.Hour)},
	{"shopee.breaker.failure_ratio", number, 0.5, ratio},
	{"shopee.breaker.min_calls", whole, 4, within(1, 1_000_000)},
	{"shopee.breaker.window", duration, 30 * time.Second, between(time.Millisecond, time.Hour)},
	{"shopee.breaker.open_for", duration, 10 * time.Second, between(time.Millisecond, time.Hour)},
	{"shopee.promotion_retry", duration, time.Hour, offOr(between(time.Second, 30*24*time.Hour))},
	{"shopee.webhook.listen", text, "", offOr(address)},
	{"shopee.webhook.url", text, "", offOr(callbackURL)},
	{"shopee.webhook.key", secret, "", nil},
	{"clickhouse.addr", text, "127.0.0.1:9000", notEmpty},
	{"clickhouse.database", text, "stockpush", databaseName},
	{"clickhouse.username", text, "default", nil},
	{"clickhouse.password", secret, "", nil},
	{"clickhouse.cluster", text, "", reserved},
	{"sinks.batch_rows", whole, 100_000, within(1, 10_000_000)},
	{"sinks.batch_interval", duration, time.Second, between(time.Millisecond, time.Minute)},
	{"console.listen", text, "127.0.0.1:8080", address},
	{"console.token", secret, "", longToken},
	{"console.user_header", text, "", headerName},
	{"ops.listen", text, "127.0.0.1:8081", address},
	{"log.level", text, "info", oneOf("debug", "info", "warn", "error")},
	{"log.format", text, "text", oneOf("text", "json")},
}, tlsKeys("kafka.tls")...), tlsKeys("clickhouse.tls")...)

func tlsKeys(prefix string) []key {
	return []key{
		{prefix + ".enabled", boolean, false, nil},
		{prefix + ".ca_file", text, "", nil},
		{prefix + ".cert_file", text, "", nil},
		{prefix + ".key_file", text, "", nil},
		{prefix + ".server_name", text, "", nil},
	}
}
