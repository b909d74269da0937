package config

import "time"

// kind is the type of a key's value.
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
	check check
	// meaning is what the key does, for the configuration reference.
	meaning string
}

// reloadable are the keys that `run` reads again on SIGHUP.
var reloadable = []string{
	"shopee.paused_shops", "shopee.shop_rate", "shopee.app_rate", "shopee.partner_key", "shopee.webhook.key", "log.level", "log.kafka_level",
}

// keys are the contract's, in its order.
var keys = append(append([]key{
	{"kafka.brokers", texts, []string{"127.0.0.1:9092"}, notEmpty,
		"Brokers to connect to first; the others are found through them"},
	{"kafka.topic_prefix", text, "stockpush", topicName,
		"Prefix of every topic and consumer group"},
	{"kafka.partitions", whole, 12, within(1, 10_000),
		"Partitions of each topic that `setup` creates; `run` refuses topics with fewer"},
	{"kafka.replication_factor", whole, -1, replicationFactor,
		"Replicas of each topic that `setup` creates; -1 is the broker's `default.replication.factor`"},
	{"kafka.partitioner", text, "murmur2", oneOf("murmur2", "crc32", "fnv1a"),
		"How producers of the events topic choose a partition: `murmur2` (Java and others), `crc32` (librdkafka's default) or `fnv1a` (sarama's default)"},
	// Kafka's default limits are 6 s and 30 min.
	{"kafka.session_timeout", duration, 15 * time.Second, between(6*time.Second, 30*time.Minute),
		"How long a process may be silent before Kafka gives its partitions to other processes"},
	{"kafka.instance_id", text, "", offOr(topicName),
		"Name of this process, unique among all processes: one that restarts with its name gets its partitions back at once (static group membership); empty: none"},
	{"kafka.sasl.mechanism", text, "", oneOf("", "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER", "AWS_MSK_IAM"),
		"How to log in to Kafka; empty: no login"},
	{"kafka.sasl.username", text, "", anything,
		"User for PLAIN and SCRAM"},
	{"kafka.sasl.password", secret, "", anything,
		"Password for PLAIN and SCRAM"},
	{"kafka.sasl.oauth.token_url", text, "", offOr(tokenURL),
		"Where OAUTHBEARER gets tokens for client credentials; the system's authorities are trusted"},
	{"kafka.sasl.oauth.client_id", text, "", anything,
		"Client of `kafka.sasl.oauth.token_url`"},
	{"kafka.sasl.oauth.client_secret", secret, "", anything,
		"Secret of `kafka.sasl.oauth.client_id`"},
	{"kafka.sasl.oauth.scopes", texts, []string{}, anything,
		"Scopes to ask for; empty: the client's own"},
	{"processor.window", duration, time.Second, between(time.Millisecond, time.Hour),
		"How long events of a store SKU are collected before the newest one is pushed"},
	{"processor.catch_up_window", duration, 10 * time.Second, between(time.Millisecond, time.Hour),
		"The window while a partition has a backlog"},
	{"processor.quiet_period", duration, time.Duration(0), between(0, time.Hour),
		"A store SKU without events for this long is pushed before its window ends; 0: off; at most `processor.window`"},
	{"processor.max_buffered_skus", whole, 2_000_000, within(1, 1<<31),
		"Store SKUs that may have an open window in a process; at the limit it stops reading events"},
	{"channels.max_pending_age", duration, 24 * time.Hour, between(time.Second, 72*time.Hour),
		"A push that is older is tried once more and then fails"},
	{"shopee.base_url", text, "https://partner.shopeemobile.com", hostURL,
		"Shopee's host, without a path; [shopee.md](shopee.md) lists the hosts by region"},
	{"shopee.mode", text, "live", oneOf("live", "shadow"),
		"`shadow` does everything but changing stock on Shopee; [shopee.md](shopee.md#shadow-mode) says how to try it and how to end it"},
	{"shopee.partner_id", whole, 0, within(0, 1<<53),
		"The app's partner id, from Shopee's console"},
	{"shopee.partner_key", secret, "", anything,
		"The app's key, which signs every call"},
	{"shopee.tokens_file", text, "tokens.json", notEmpty,
		"File with the shops' token pairs, mode 0600, for the processes of one machine"},
	{"shopee.tokens_postgres", secret, "", postgresDSN,
		"PostgreSQL database with the token pairs, for several machines; replaces `shopee.tokens_file`"},
	{"shopee.timeout", duration, 10 * time.Second, between(time.Millisecond, 5*time.Minute),
		"How long a call may take; what happened to the request is unknown afterwards"},
	{"shopee.shop_rate", number, 5.0, positive,
		"Calls a second to one shop"},
	{"shopee.app_rate", number, 20.0, positive,
		"Calls a second of every kind to all shops of the app; each process takes the share of its partitions of the commands topic"},
	{"shopee.shop_concurrency", whole, 4, within(1, 1000),
		"Calls to one shop that may be in flight at once"},
	{"shopee.paused_shops", wholes, []int64{}, anything,
		"Shops that are not called: their events stay Pending, are compacted, and do not expire"},
	{"shopee.batch_linger", duration, 20 * time.Millisecond, between(0, time.Minute),
		"How long a push waits for other models of its item, to share a call"},
	{"shopee.probe_interval", duration, time.Minute, between(time.Second, time.Hour),
		"How often a held shop is probed"},
	{"shopee.confirm_after", duration, 10 * time.Second, between(0, time.Hour),
		"How long after a lost request the stock is read back"},
	{"shopee.breaker.failure_ratio", number, 0.5, ratio,
		"Share of failed calls of a shop that opens its circuit breaker"},
	{"shopee.breaker.min_calls", whole, 4, within(1, 1_000_000),
		"Calls within `shopee.breaker.window` before the share counts"},
	{"shopee.breaker.window", duration, 30 * time.Second, between(time.Millisecond, time.Hour),
		"How far back calls are counted"},
	{"shopee.breaker.consecutive_failures", whole, 10, within(1, 1_000_000),
		"Failed calls of a shop one after the other that open its circuit breaker at once"},
	{"shopee.breaker.open_for", duration, 10 * time.Second, between(time.Millisecond, time.Hour),
		"How long a breaker stays open before one call tries the shop"},
	{"shopee.promotion_retry", duration, time.Hour, offOr(between(time.Second, 30*24*time.Hour)),
		"Age at which a push that a promotion refused is pushed again; 0: never"},
	{"shopee.webhook.listen", text, "", offOr(address),
		"Address that receives Shopee's push messages; empty: off"},
	{"shopee.webhook.url", text, "", offOr(callbackURL),
		"The callback URL exactly as registered with Shopee, which signs it"},
	{"shopee.webhook.key", secret, "", anything,
		"The push partner key, if Shopee's console shows one; empty: `shopee.partner_key`"},
	{"clickhouse.addr", texts, []string{"127.0.0.1:9000"}, notEmpty,
		"Native interface of ClickHouse, or of each replica: the next one is used when one fails"},
	{"clickhouse.database", text, "stockpush", databaseName,
		"Database of all tables and views"},
	{"clickhouse.username", text, "default", anything,
		"ClickHouse user"},
	{"clickhouse.password", secret, "", anything,
		"Password of `clickhouse.username`"},
	{"clickhouse.cluster", text, "", clusterName,
		"Cluster of one shard on whose replicas `setup` creates replicated tables; empty: one server"},
	{"clickhouse.replica_path", text, "/clickhouse/tables/{shard}/{database}/{table}", replicaPath,
		"Path of a replicated table in the Keeper; the servers replace macros"},
	{"clickhouse.replica_name", text, "{replica}", replicaName,
		"Name of a replica in the Keeper; the servers replace macros"},
	{"sinks.batch_rows", whole, 100_000, within(1, 10_000_000),
		"Maximum rows of an insert"},
	{"sinks.batch_interval", duration, time.Second, between(time.Millisecond, time.Minute),
		"Maximum time that rows wait for an insert"},
	{"console.listen", text, "127.0.0.1:8080", address,
		"Address of the page and the API; without `console.token` only a loopback address"},
	{"console.token", secret, "", longToken,
		"Token that pages and API require; empty: none"},
	{"console.user_header", text, "", headerName,
		"Header in which a trusted proxy passes the signed-in user, who becomes `requested_by`; empty: none"},
	{"console.shop_names", text, "", anything,
		"Names of the shops: a CSV file of `shop_id,name`, read again when it changes, or `shopee` to ask Shopee; empty: none"},
	{"ops.listen", text, "127.0.0.1:8081", address,
		"Address of `/livez`, `/readyz` and `/metrics`; port 0: a free port"},
	{"ops.pprof", boolean, false, anything,
		"Whether `ops.listen` serves Go's profiles under `/debug/pprof/` too; they show memory, so keep the address private"},
	{"tracing.endpoint", text, "", offOr(traceURL),
		"OpenTelemetry collector that gets a span of each push whose event has a `traceparent`, by OTLP over HTTP; without a path `/v1/traces`; empty: off"},
	{"tracing.sample_ratio", number, 1.0, ratio,
		"Share of the traces sampled upstream that get their spans"},
	{"log.level", text, "info", oneOf("debug", "info", "warn", "error"),
		"Minimum level that is logged, the Kafka client's messages left out"},
	{"log.kafka_level", text, "warn", oneOf("debug", "info", "warn", "error"),
		"Minimum level of the Kafka client's messages"},
	{"log.format", text, "text", oneOf("text", "json"),
		"Format of the log; durations are text in both"},
}, tlsKeys("kafka.tls")...), tlsKeys("clickhouse.tls")...)

func tlsKeys(prefix string) []key {
	return []key{
		{prefix + ".enabled", boolean, false, anything,
			"Whether to connect over TLS"},
		{prefix + ".ca_file", text, "", anything,
			"PEM file of the authorities to trust; empty: the system's. New connections use a changed file"},
		{prefix + ".cert_file", text, "", anything,
			"PEM file of the client's certificate; needs `" + prefix + ".key_file`; empty: none. New connections use changed files"},
		{prefix + ".key_file", text, "", anything,
			"PEM file of the client's key"},
		{prefix + ".server_name", text, "", anything,
			"Name in the server's certificate; empty: the host of the address"},
	}
}
