package config

import (
	"fmt"
	"math"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// check judges values of its key's kind. The zero check accepts every value.
type check struct {
	// accepts names the values that pass, for people; empty if the meaning of the key says it.
	accepts string
	// choices are the values of a key that has a few; they may be written in any case.
	choices []string
	// refuse returns what is wrong with a value, or an empty string.
	refuse func(any) string
}

// meant returns the choice that a text means, whatever its case; the value itself if none.
func (c check) meant(v any) any {
	text, isText := v.(string)
	at := slices.IndexFunc(c.choices, func(choice string) bool { return strings.EqualFold(choice, text) })
	if !isText || at < 0 {
		return v
	}
	return c.choices[at]
}

// of returns what is wrong with a value, or an empty string.
func (c check) of(v any) string {
	if c.refuse == nil {
		return ""
	}
	return c.refuse(v)
}

var (
	anything = check{}
	// replicationFactor also accepts -1, the broker's default.
	replicationFactor = check{"-1, or 1 to 100", nil, refuseReplicationFactor}
	positive          = check{"above 0", nil, refuseNotPositive}
	ratio             = check{"above 0, at most 1", nil, refuseNoRatio}
	notEmpty          = check{"not empty", nil, refuseEmpty}
	address           = check{"HOST:PORT", nil, refuseNoAddress}
	hostURL           = check{"http:// or https:// and a host", nil, refuseNoHostURL}
	postgresDSN       = check{"postgres://USER:PASSWORD@HOST/DATABASE, or key=value pairs", nil, refuseNoDSN}
	longToken         = check{fmt.Sprintf("at least %d characters", minTokenLength), nil, refuseShortToken}
	tokenURL          = check{"https:// URL, or http:// on a loopback address", nil, refuseOpenTokenURL}
	callbackURL       = check{"http:// or https:// URL", nil, refuseNoCallbackURL}
	traceURL          = check{"http:// or https:// URL", nil, refuseNoTraceURL}
	// Kafka allows 249 characters in a topic's name; stockpush adds up to 13.
	topicName   = named("1 to 200 of A-Z a-z 0-9 . _ -", regexp.MustCompile(`^[A-Za-z0-9._-]{1,200}$`))
	headerName  = named("an HTTP header's name", regexp.MustCompile("^[A-Za-z0-9!#$%&'*+.^_`|~-]*$"))
	clusterName = named("A-Z a-z 0-9 _ . - { }", regexp.MustCompile(`^[A-Za-z0-9_.{}-]*$`))
	// A path without the table's name would be the same for all tables.
	replicaPath  = named("/ and A-Z a-z 0-9 _ . - / { }, with {table}", regexp.MustCompile(`^/[A-Za-z0-9_.{}/-]*\{table\}[A-Za-z0-9_.{}/-]*$`))
	replicaName  = named("A-Z a-z 0-9 _ . - { }", regexp.MustCompile(`^[A-Za-z0-9_.{}-]+$`))
	databaseName = named("A-Z a-z 0-9 _, no digit first", regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,127}$`))
)

func within(low, high int64) check {
	return check{fmt.Sprintf("%d to %d", low, high), nil, func(v any) string {
		if n := v.(int64); n < low || n > high {
			return fmt.Sprintf("%d is not within %d to %d", n, low, high)
		}
		return ""
	}}
}

func refuseReplicationFactor(v any) string {
	if n := v.(int64); n != -1 && within(1, 100).of(v) != "" {
		return fmt.Sprintf("%d is neither -1, the broker's default, nor within 1 to 100", n)
	}
	return ""
}

func between(low, high time.Duration) check {
	return check{brief(low) + " to " + brief(high), nil, func(v any) string {
		if d := v.(time.Duration); d < low || d > high {
			return fmt.Sprintf("%v is not within %v to %v", d, low, high)
		}
		return ""
	}}
}

// brief writes a duration without units that are zero: 1h and not 1h0m0s.
func brief(d time.Duration) string {
	s := d.String()
	if minutes, ok := strings.CutSuffix(s, "m0s"); ok {
		s = minutes + "m"
	}
	if hours, ok := strings.CutSuffix(s, "h0m"); ok {
		s = hours + "h"
	}
	return s
}

func oneOf(words ...string) check {
	named := slices.DeleteFunc(slices.Clone(words), func(w string) bool { return w == "" })
	return check{strings.Join(named, ", "), words, func(v any) string {
		if !slices.Contains(words, v.(string)) {
			return fmt.Sprintf("%q is not one of %s", v, strings.Join(named, ", "))
		}
		return ""
	}}
}

func refuseNotPositive(v any) string {
	if f := v.(float64); !(f > 0) || math.IsInf(f, 1) {
		return fmt.Sprintf("%v is not greater than 0", f)
	}
	return ""
}

func refuseNoRatio(v any) string {
	if f := v.(float64); !(f > 0 && f <= 1) {
		return fmt.Sprintf("%v is not within (0, 1]", f)
	}
	return ""
}

func refuseEmpty(v any) string {
	list, isList := v.([]string)
	if v == "" || isList && (len(list) == 0 || slices.Contains(list, "")) {
		return "must not be empty"
	}
	return ""
}

func refuseNoAddress(v any) string {
	if _, port, err := net.SplitHostPort(v.(string)); err != nil || port == "" {
		return fmt.Sprintf("%q is not HOST:PORT", v)
	}
	return ""
}

func refuseNoHostURL(v any) string {
	u, err := url.Parse(v.(string))
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return "is not the http or https address of a host, without path, query and user"
	}
	return ""
}

// refuseNoDSN never quotes the value, which contains a password.
func refuseNoDSN(v any) string {
	dsn := string(v.(Secret))
	u, err := url.Parse(dsn)
	isURL := err == nil && u.Host != "" && (u.Scheme == "postgres" || u.Scheme == "postgresql")
	if dsn != "" && !isURL && (!strings.Contains(dsn, "=") || strings.Contains(dsn, "://")) {
		return "is neither postgres://USER:PASSWORD@HOST/DATABASE nor key=value pairs"
	}
	return ""
}

// minTokenLength is the minimum length of a token in characters; a shorter one can be guessed.
const minTokenLength = 16

// refuseShortToken never quotes the token.
func refuseShortToken(v any) string {
	if token := string(v.(Secret)); token != "" && utf8.RuneCountInString(token) < minTokenLength {
		return fmt.Sprintf("is shorter than %d characters", minTokenLength)
	}
	return ""
}

// refuseNoCallbackURL requires the exact value, because Shopee signs it.
func refuseNoCallbackURL(v any) string {
	u, err := url.Parse(v.(string))
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.Fragment != "" || u.User != nil || v != strings.TrimSpace(v.(string)) {
		return "is not an http or https address (give the one registered with Shopee)"
	}
	return ""
}

func refuseNoTraceURL(v any) string {
	u, err := url.Parse(v.(string))
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return "is not an http or https address without query and user"
	}
	return ""
}

// refuseOpenTokenURL keeps a client's secret from being sent in the clear.
func refuseOpenTokenURL(v any) string {
	u, err := url.Parse(v.(string))
	switch {
	case err != nil || u.Host == "" || u.User != nil:
		return "is not an https address"
	case u.Scheme == "http" && net.ParseIP(u.Hostname()).IsLoopback(), u.Scheme == "https":
		return ""
	}
	return "would send the secret in the clear (use https)"
}

// offOr accepts a key's zero value, which turns something off, besides what another check accepts.
func offOr(other check) check {
	return check{other.accepts, nil, func(v any) string {
		if v == "" || v == time.Duration(0) {
			return ""
		}
		return other.of(v)
	}}
}

func named(accepts string, pattern *regexp.Regexp) check {
	return check{accepts, nil, func(v any) string {
		if !pattern.MatchString(v.(string)) {
			return fmt.Sprintf("%q does not match %s", v, pattern)
		}
		return ""
	}}
}
