package config

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/go-viper/mapstructure/v2"
	"github.com/spf13/pflag"
	"github.com/spf13/viper"
)

const envPrefix = "STOCKPUSH_"

// Source is what Load reads besides the defaults.
type Source struct {
	// File is a YAML file; empty means none.
	File string
	// Environ has the format of os.Environ.
	Environ []string
	// Flags were added by AddFlags; nil means none.
	Flags *pflag.FlagSet
}

// Loaded is a configuration with the origin of each value.
type Loaded struct {
	Config
	// Warnings name unknown STOCKPUSH_ variables.
	Warnings []string
	values   map[string]any
	origins  map[string]string
}

// AddFlags adds a hidden flag for every key.
func AddFlags(flags *pflag.FlagSet) {
	for _, k := range keys {
		flags.String(k.name, "", "configuration key "+k.name)
		if err := flags.MarkHidden(k.name); err != nil {
			panic(err) // only for an unknown flag
		}
	}
}

// Load reads the configuration. Its error names every bad key, unknown keys of the file included.
// An unknown variable is only a warning.
func Load(s Source) (*Loaded, error) {
	v := viper.New()
	unknown, err := readFile(v, s.File)
	if err != nil {
		return nil, err
	}
	l := &Loaded{values: map[string]any{}, origins: map[string]string{}}
	env := environment(s.Environ)
	l.Warnings = unknownVariables(env)
	errs := unknown
	for _, k := range keys {
		raw, origin, err := find(k, v, env, s.Flags)
		var value any
		if err == nil {
			value, err = parse(k, raw)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s (%s): %w", k.name, origin, err))
			continue
		}
		l.values[k.name], l.origins[k.name] = value, origin
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return l, l.fill()
}

// quoted matches the parts of the file that YAML's errors repeat. They may be secrets: YAML reads a
// password that begins with an asterisk as an unknown anchor.
var quoted = regexp.MustCompile("'[^']*'|`[^`]*`")

// readFile lists the file's unknown keys as errors.
func readFile(v *viper.Viper, file string) (unknown []error, err error) {
	if file == "" {
		return nil, nil
	}
	v.SetConfigFile(file)
	v.SetConfigType("yaml")
	if err := v.ReadInConfig(); err != nil {
		return nil, fmt.Errorf("read the configuration: %s", quoted.ReplaceAllString(err.Error(), "…"))
	}
	for _, name := range v.AllKeys() {
		if !slices.ContainsFunc(keys, func(k key) bool { return k.name == name }) {
			unknown = append(unknown, fmt.Errorf("%s (%s): unknown key", shown(name), file))
		}
	}
	return unknown, nil
}

// shown is an unknown key without what is below a secret's: that may be the secret.
func shown(name string) string {
	for _, k := range keys {
		if k.kind == secret && strings.HasPrefix(name, k.name+".") {
			return k.name + ".…"
		}
	}
	return name
}

func environment(environ []string) map[string]string {
	env := map[string]string{}
	for _, entry := range environ {
		if name, value, ok := strings.Cut(entry, "="); ok && strings.HasPrefix(name, envPrefix) {
			env[name] = value
		}
	}
	return env
}

// ownVariables are STOCKPUSH_ variables that are not configuration keys.
var ownVariables = []string{"STOCKPUSH_LIBCHDB", "STOCKPUSH_CLICKHOUSE_BIN"}

func unknownVariables(env map[string]string) []string {
	known := slices.Clone(ownVariables)
	for _, k := range keys {
		known = append(known, variable(k.name))
		if k.kind == secret {
			known = append(known, variable(k.name)+fileSuffix)
		}
	}
	var warnings []string
	for _, name := range slices.Sorted(maps.Keys(env)) {
		if !slices.Contains(known, name) && !strings.HasPrefix(name, "STOCKPUSH_TEST_") {
			warnings = append(warnings, "unknown environment variable "+name)
		}
	}
	return warnings
}

func variable(name string) string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(name, ".", "_"))
}

// fromDefault is the origin of an unset value.
const fromDefault = "default"

// find is the value that wins, and where it came from.
func find(k key, file *viper.Viper, env map[string]string, flags *pflag.FlagSet) (raw any, origin string, err error) {
	if flags != nil {
		if f := flags.Lookup(k.name); f != nil && f.Changed {
			return f.Value.String(), "flag --" + k.name, nil
		}
	}
	if value, from, err := fromEnvironment(k, env); from != "" {
		return value, "environment " + from, err
	}
	if file.IsSet(k.name) {
		return file.Get(k.name), "file " + file.ConfigFileUsed(), nil
	}
	return k.value, fromDefault, nil
}

func (l *Loaded) fill() error {
	tree := viper.New()
	for name, value := range l.values {
		tree.Set(name, value)
	}
	strict := func(d *mapstructure.DecoderConfig) { d.ErrorUnused, d.ErrorUnset = true, true }
	if err := tree.Unmarshal(&l.Config, strict); err != nil {
		return fmt.Errorf("configuration keys and fields differ: %w", err)
	}
	return l.checkTogether()
}

// checkTogether has the rules that no single key can say.
func (l *Loaded) checkTogether() error {
	var errs []error
	if l.Processor.QuietPeriod > l.Processor.Window {
		errs = append(errs, fmt.Errorf("processor.quiet_period: %v is longer than processor.window", l.Processor.QuietPeriod))
	}
	errs = append(errs, l.Kafka.SASL.incomplete())
	if l.Shopee.TokensPostgres != "" && l.origins["shopee.tokens_file"] != fromDefault {
		errs = append(errs, errors.New("shopee.tokens_file, shopee.tokens_postgres: tokens are kept in one of them; set one"))
	}
	if w := l.Shopee.Webhook; w.Listen != "" && (w.URL == "" || w.Key == "" && l.Shopee.PartnerKey == "") {
		errs = append(errs, errors.New("shopee.webhook.listen: needs shopee.webhook.url (the one registered with Shopee) and shopee.webhook.key or shopee.partner_key"))
	}
	for name, t := range map[string]TLS{"kafka.tls": l.Kafka.TLS, "clickhouse.tls": l.ClickHouse.TLS} {
		if (t.CertFile == "") != (t.KeyFile == "") {
			errs = append(errs, fmt.Errorf("%s.cert_file, %s.key_file: one needs the other", name, name))
		}
	}
	return errors.Join(errs...)
}

// incomplete names the keys that the mechanism needs and that are not set.
func (s SASL) incomplete() error {
	switch s.Mechanism {
	case "", "AWS_MSK_IAM": // whose credentials are in AWS's own variables
		return nil
	case "OAUTHBEARER":
		if s.OAuth.TokenURL == "" || s.OAuth.ClientID == "" || s.OAuth.ClientSecret == "" {
			return errors.New("kafka.sasl.oauth.token_url, kafka.sasl.oauth.client_id, kafka.sasl.oauth.client_secret: OAUTHBEARER needs all of them")
		}
	default:
		if s.Username == "" || s.Password == "" {
			return errors.New("kafka.sasl.username, kafka.sasl.password: kafka.sasl.mechanism needs both")
		}
	}
	return nil
}

// Row is a key for the `config` command; secrets are redacted.
type Row struct{ Key, Value, Origin string }

// Rows lists the effective configuration in the contract's order.
func (l *Loaded) Rows() []Row {
	rows := make([]Row, len(keys))
	for i, k := range keys {
		rows[i] = Row{k.name, show(l.values[k.name]), l.origins[k.name]}
	}
	return rows
}

// FromOS is the source of a command: file, the process's environment, flags.
func FromOS(file string, flags *pflag.FlagSet) Source {
	return Source{File: file, Environ: os.Environ(), Flags: flags}
}
