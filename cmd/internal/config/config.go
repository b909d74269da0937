// Package config reads the program's configuration. In rising precedence its sources are defaults,
// a YAML file, the environment and flags.
//
// It owns the keys, the origin of each value, and one error message that names every bad key. No
// other package uses viper. Other packages get plain structs.
package config

import "time"

// Config is the effective configuration. docs/configuration.md of the command lists the keys.
type Config struct {
	Kafka      Kafka      `mapstructure:"kafka"`
	Processor  Processor  `mapstructure:"processor"`
	Channels   Channels   `mapstructure:"channels"`
	Shopee     Shopee     `mapstructure:"shopee"`
	ClickHouse ClickHouse `mapstructure:"clickhouse"`
	Sinks      Sinks      `mapstructure:"sinks"`
	Console    Console    `mapstructure:"console"`
	Ops        Ops        `mapstructure:"ops"`
	Tracing    Tracing    `mapstructure:"tracing"`
	Log        Log        `mapstructure:"log"`
}

// Kafka describes the cluster and how its topics are created.
type Kafka struct {
	Brokers           []string `mapstructure:"brokers"`
	TopicPrefix       string   `mapstructure:"topic_prefix"`
	Partitions        int      `mapstructure:"partitions"`
	ReplicationFactor int      `mapstructure:"replication_factor"`
	// Partitioner is how producers of the events topic choose a key's partition.
	Partitioner string `mapstructure:"partitioner"`
	// SessionTimeout is how long a process may be silent before the group reassigns its partitions.
	SessionTimeout time.Duration `mapstructure:"session_timeout"`
	// InstanceID makes the process a static member of its consumer groups.
	InstanceID string `mapstructure:"instance_id"`
	TLS        TLS    `mapstructure:"tls"`
	SASL       SASL   `mapstructure:"sasl"`
}

// TLS configures a TLS client. Without files it uses the system's roots and no client certificate.
type TLS struct {
	Enabled    bool   `mapstructure:"enabled"`
	CAFile     string `mapstructure:"ca_file"`
	CertFile   string `mapstructure:"cert_file"`
	KeyFile    string `mapstructure:"key_file"`
	ServerName string `mapstructure:"server_name"`
}

// SASL configures authentication. An empty Mechanism disables it.
type SASL struct {
	Mechanism string `mapstructure:"mechanism"`
	Username  string `mapstructure:"username"`
	Password  Secret `mapstructure:"password"`
	OAuth     OAuth  `mapstructure:"oauth"`
}

// OAuth configures OAUTHBEARER with client credentials.
type OAuth struct {
	TokenURL     string   `mapstructure:"token_url"`
	ClientID     string   `mapstructure:"client_id"`
	ClientSecret Secret   `mapstructure:"client_secret"`
	Scopes       []string `mapstructure:"scopes"`
}

// Processor configures the compacting stage.
type Processor struct {
	Window          time.Duration `mapstructure:"window"`
	CatchUpWindow   time.Duration `mapstructure:"catch_up_window"`
	QuietPeriod     time.Duration `mapstructure:"quiet_period"`
	MaxBufferedSKUs int           `mapstructure:"max_buffered_skus"`
}

// Channels configures the pushing stage.
type Channels struct {
	MaxPendingAge time.Duration `mapstructure:"max_pending_age"`
}

// Shopee configures the marketplace and its rate limits.
type Shopee struct {
	BaseURL string `mapstructure:"base_url"`
	// Mode is live or shadow.
	Mode            string        `mapstructure:"mode"`
	PartnerID       int64         `mapstructure:"partner_id"`
	PartnerKey      Secret        `mapstructure:"partner_key"`
	TokensFile      string        `mapstructure:"tokens_file"`
	TokensPostgres  Secret        `mapstructure:"tokens_postgres"`
	Timeout         time.Duration `mapstructure:"timeout"`
	ShopRate        float64       `mapstructure:"shop_rate"`
	AppRate         float64       `mapstructure:"app_rate"`
	ShopConcurrency int           `mapstructure:"shop_concurrency"`
	PausedShops     []int64       `mapstructure:"paused_shops"`
	BatchLinger     time.Duration `mapstructure:"batch_linger"`
	ProbeInterval   time.Duration `mapstructure:"probe_interval"`
	ConfirmAfter    time.Duration `mapstructure:"confirm_after"`
	Breaker         Breaker       `mapstructure:"breaker"`
	// PromotionRetry 0 disables the retry.
	PromotionRetry time.Duration `mapstructure:"promotion_retry"`
	Webhook        Webhook       `mapstructure:"webhook"`
}

// Shadow says that stock on Shopee must not be changed.
func (s Shopee) Shadow() bool { return s.Mode == "shadow" }

// Webhook receives Shopee's push messages. An empty Listen disables it.
type Webhook struct {
	Listen string `mapstructure:"listen"`
	// URL is the callback URL that is registered with Shopee.
	URL string `mapstructure:"url"`
	// Key signs the messages. If empty, shopee.partner_key does.
	Key Secret `mapstructure:"key"`
}

// Breaker configures each shop's circuit breaker.
type Breaker struct {
	FailureRatio float64       `mapstructure:"failure_ratio"`
	MinCalls     int           `mapstructure:"min_calls"`
	Window       time.Duration `mapstructure:"window"`
	Consecutive  int           `mapstructure:"consecutive_failures"`
	OpenFor      time.Duration `mapstructure:"open_for"`
}

// ClickHouse is the store of records.
type ClickHouse struct {
	Addr     []string `mapstructure:"addr"`
	Database string   `mapstructure:"database"`
	Username string   `mapstructure:"username"`
	Password Secret   `mapstructure:"password"`
	// Cluster is the cluster whose replicas Addr are; empty means one server.
	Cluster     string `mapstructure:"cluster"`
	ReplicaPath string `mapstructure:"replica_path"`
	ReplicaName string `mapstructure:"replica_name"`
	TLS         TLS    `mapstructure:"tls"`
}

// Sinks limits the batches that are inserted.
type Sinks struct {
	BatchRows     int           `mapstructure:"batch_rows"`
	BatchInterval time.Duration `mapstructure:"batch_interval"`
}

// Console configures the web console.
type Console struct {
	Listen string `mapstructure:"listen"`
	Token  Secret `mapstructure:"token"`
	// UserHeader is the header in which a trusted proxy names the signed-in user. Empty means none.
	UserHeader string `mapstructure:"user_header"`
	// ShopNames is a file of shop_id,name, or NamesFromShopee. Empty means no names.
	ShopNames string `mapstructure:"shop_names"`
}

// NamesFromShopee is the value of console.shop_names that asks Shopee.
const NamesFromShopee = "shopee"

// Ops configures the server of probes and metrics.
type Ops struct {
	Listen string `mapstructure:"listen"`
	// Pprof serves profiles too.
	Pprof bool `mapstructure:"pprof"`
}

// Tracing configures the export of spans. An empty Endpoint disables it.
type Tracing struct {
	Endpoint    string  `mapstructure:"endpoint"`
	SampleRatio float64 `mapstructure:"sample_ratio"`
}

// Log configures the program's log.
type Log struct {
	Level string `mapstructure:"level"`
	// KafkaLevel is the Kafka client's.
	KafkaLevel string `mapstructure:"kafka_level"`
	Format     string `mapstructure:"format"`
}
