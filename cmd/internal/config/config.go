// Package config reads the program's configuration: defaults, a YAML file, the
// environment and flags, the later ones winning.
//
// It owns the contract's keys, where each value came from, and the one message
// that names every bad key. It is the only place that knows viper. It refuses to
// act on values: other packages get plain structs.
package config

import "time"

// Config is the effective configuration; CONTRACT.md section 8 has the keys.
type Config struct {
	Kafka      Kafka      `mapstructure:"kafka"`
	Processor  Processor  `mapstructure:"processor"`
	Channels   Channels   `mapstructure:"channels"`
	Shopee     Shopee     `mapstructure:"shopee"`
	ClickHouse ClickHouse `mapstructure:"clickhouse"`
	Sinks      Sinks      `mapstructure:"sinks"`
	Console    Console    `mapstructure:"console"`
	Ops        Ops        `mapstructure:"ops"`
	Log        Log        `mapstructure:"log"`
}

// Kafka is the cluster and how its topics are made.
type Kafka struct {
	Brokers           []string `mapstructure:"brokers"`
	TopicPrefix       string   `mapstructure:"topic_prefix"`
	Partitions        int      `mapstructure:"partitions"`
	ReplicationFactor int      `mapstructure:"replication_factor"`
	// SessionTimeout is how long a process may be silent before its partitions go to others.
	SessionTimeout time.Duration `mapstructure:"session_timeout"`
	TLS            TLS           `mapstructure:"tls"`
	SASL           SASL          `mapstructure:"sasl"`
}

// TLS is a client's side of TLS. Empty files mean the system's roots and no
// client certificate.
type TLS struct {
	Enabled    bool   `mapstructure:"enabled"`
	CAFile     string `mapstructure:"ca_file"`
	CertFile   string `mapstructure:"cert_file"`
	KeyFile    string `mapstructure:"key_file"`
	ServerName string `mapstructure:"server_name"`
}

// SASL is off while Mechanism is empty.
type SASL struct {
	Mechanism string `mapstructure:"mechanism"`
	Username  string `mapstructure:"username"`
	Password  Secret `mapstructure:"password"`
}

// Processor sets the compacting stage.
type Processor struct {
	Window          time.Duration `mapstructure:"window"`
	CatchUpWindow   time.Duration `mapstructure:"catch_up_window"`
	QuietPeriod     time.Duration `mapstructure:"quiet_period"`
	MaxBufferedSKUs int           `mapstructure:"max_buffered_skus"`
}

// Channels sets the pushing stage.
type Channels struct {
	MaxPendingAge time.Duration `mapstructure:"max_pending_age"`
}

// Shopee is the marketplace and how fast we may call it.
type Shopee struct {
	BaseURL         string        `mapstructure:"base_url"`
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
	// PromotionRetry is 0 for never.
	PromotionRetry time.Duration `mapstructure:"promotion_retry"`
	Webhook        Webhook       `mapstructure:"webhook"`
}

// Webhook receives Shopee's push messages; it is off while Listen is empty.
type Webhook struct {
	Listen string `mapstructure:"listen"`
	// URL is the callback URL as it is registered with Shopee.
	URL string `mapstructure:"url"`
	// Key signs the messages; empty is shopee.partner_key.
	Key Secret `mapstructure:"key"`
}

// Breaker is a shop's circuit breaker.
type Breaker struct {
	FailureRatio float64       `mapstructure:"failure_ratio"`
	MinCalls     int           `mapstructure:"min_calls"`
	Window       time.Duration `mapstructure:"window"`
	OpenFor      time.Duration `mapstructure:"open_for"`
}

// ClickHouse is where records go.
type ClickHouse struct {
	Addr     string `mapstructure:"addr"`
	Database string `mapstructure:"database"`
	Username string `mapstructure:"username"`
	Password Secret `mapstructure:"password"`
	Cluster  string `mapstructure:"cluster"`
	TLS      TLS    `mapstructure:"tls"`
}

// Sinks sets the batches that are inserted.
type Sinks struct {
	BatchRows     int           `mapstructure:"batch_rows"`
	BatchInterval time.Duration `mapstructure:"batch_interval"`
}

// Console is the Push Record page's server.
type Console struct {
	Listen string `mapstructure:"listen"`
	Token  Secret `mapstructure:"token"`
	// UserHeader is the header in which a trusted proxy names the signed-in user; empty is none.
	UserHeader string `mapstructure:"user_header"`
}

// Ops is the server of probes and metrics.
type Ops struct {
	Listen string `mapstructure:"listen"`
}

// Log sets the program's log.
type Log struct {
	Level  string `mapstructure:"level"`
	Format string `mapstructure:"format"`
}
