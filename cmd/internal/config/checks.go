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

// A check says what is wrong with a value of its key's kind; empty is fine.

func within(low, high int64) func(any) string {
	return func(v any) string {
		if n := v.(int64); n < low || n > high {
			return fmt.Sprintf("%d is not within %d to %d", n, low, high)
		}
		return ""
	}
}

// replicationFactor takes -1, with which Kafka itself chooses.
func replicationFactor(v any) string {
	if n := v.(int64); n != -1 && within(1, 100)(v) != "" {
		return fmt.Sprintf("%d is neither -1, the broker's default, nor within 1 to 100", n)
	}
	return ""
}

func between(low, high time.Duration) func(any) string {
	return func(v any) string {
		if d := v.(time.Duration); d < low || d > high {
			return fmt.Sprintf("%v is not within %v to %v", d, low, high)
		}
		return ""
	}
}

func oneOf(words ...string) func(any) string {
	return func(v any) string {
		if !slices.Contains(words, v.(string)) {
			return fmt.Sprintf("%q is not one of %s", v, strings.Join(words, ", "))
		}
		return ""
	}
}

func positive(v any) string {
	if f := v.(float64); !(f > 0) || math.IsInf(f, 1) {
		return fmt.Sprintf("%v is not greater than 0", f)
	}
	return ""
}

func ratio(v any) string {
	if f := v.(float64); !(f > 0 && f <= 1) {
		return fmt.Sprintf("%v is not within (0, 1]", f)
	}
	return ""
}

func notEmpty(v any) string {
	list, isList := v.([]string)
	if v == "" || isList && (len(list) == 0 || slices.Contains(list, "")) {
		return "must not be empty"
	}
	return ""
}

func reserved(v any) string {
	if v != "" {
		return "is reserved for later; leave it out"
	}
	return ""
}

func address(v any) string {
	if _, port, err := net.SplitHostPort(v.(string)); err != nil || port == "" {
		return fmt.Sprintf("%q is not HOST:PORT", v)
	}
	return ""
}

func hostURL(v any) string {
	u, err := url.Parse(v.(string))
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.User != nil {
		return "is not the http or https address of a host, without path, query and user"
	}
	return ""
}

// postgresDSN quotes nothing: the password is part of it.
func postgresDSN(v any) string {
	dsn := string(v.(Secret))
	u, err := url.Parse(dsn)
	isURL := err == nil && u.Host != "" && (u.Scheme == "postgres" || u.Scheme == "postgresql")
	if dsn != "" && !isURL && (!strings.Contains(dsn, "=") || strings.Contains(dsn, "://")) {
		return "is neither postgres://USER:PASSWORD@HOST/DATABASE nor key=value pairs"
	}
	return ""
}

// minTokenLength is how short a token may be, in characters: a shorter one can be guessed.
const minTokenLength = 16

// longToken does not quote the token.
func longToken(v any) string {
	if token := string(v.(Secret)); token != "" && utf8.RuneCountInString(token) < minTokenLength {
		return fmt.Sprintf("is shorter than %d characters", minTokenLength)
	}
	return ""
}

// callbackURL is taken as it is: Shopee signs it, so that no character of it may change.
func callbackURL(v any) string {
	u, err := url.Parse(v.(string))
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.Fragment != "" || u.User != nil || v != strings.TrimSpace(v.(string)) {
		return "is not an http or https address as it is registered with Shopee"
	}
	return ""
}

// offOr lets a key's zero value, which turns something off, past another check.
func offOr(check func(any) string) func(any) string {
	return func(v any) string {
		if v == "" || v == time.Duration(0) {
			return ""
		}
		return check(v)
	}
}

func named(pattern *regexp.Regexp) func(any) string {
	return func(v any) string {
		if !pattern.MatchString(v.(string)) {
			return fmt.Sprintf("%q does not match %s", v, pattern)
		}
		return ""
	}
}

var (
	// A topic's name has at most 249 characters, and ours adds up to 13.
	topicName    = named(regexp.MustCompile(`^[A-Za-z0-9._-]{1,200}$`))
	headerName   = named(regexp.MustCompile("^[A-Za-z0-9!#$%&'*+.^_`|~-]*$"))
	databaseName = named(regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,127}$`))
)
