package config

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cast"
)

// parse converts a raw value of any source to its key's kind and checks it. Its error never
// contains the value of a secret.
func parse(k key, raw any) (any, error) {
	value, err := convert(k.kind, raw)
	if err != nil {
		return nil, err
	}
	value = k.check.meant(value)
	if wrong := k.check.of(value); wrong != "" {
		return nil, errors.New(wrong)
	}
	return value, nil
}

func convert(to kind, raw any) (any, error) {
	switch to {
	case secret:
		s, err := cast.ToStringE(raw)
		if err != nil {
			return nil, fmt.Errorf("is not a string")
		}
		return Secret(s), nil
	case texts:
		return list(raw, func(s string) (string, error) { return s, nil })
	case wholes:
		return list(raw, func(s string) (int64, error) { return orError[int64](s, "a whole number")(cast.ToInt64E(s)) })
	case whole:
		if f, isFloat := raw.(float64); isFloat && f != float64(int64(f)) {
			return nil, fmt.Errorf("%v is not a whole number", raw)
		}
		return orError[int64](raw, "a whole number")(cast.ToInt64E(raw))
	case number:
		return orError[float64](raw, "a number")(cast.ToFloat64E(raw))
	case boolean:
		return orError[bool](raw, "true or false")(cast.ToBoolE(raw))
	case duration:
		return parseDuration(raw)
	default:
		return orError[string](raw, "a string")(cast.ToStringE(raw))
	}
}

func orError[T any](raw any, what string) func(T, error) (T, error) {
	return func(v T, err error) (T, error) {
		if err != nil {
			return v, fmt.Errorf("%v is not %s", raw, what)
		}
		return v, nil
	}
}

// list reads a YAML list or a comma-separated string. An empty string is an empty list.
func list[T any](raw any, item func(string) (T, error)) ([]T, error) {
	var words []string
	if s, isText := raw.(string); isText {
		if strings.TrimSpace(s) != "" {
			words = strings.Split(s, ",")
		}
	} else {
		var err error
		if words, err = cast.ToStringSliceE(raw); err != nil {
			return nil, fmt.Errorf("%v is not a list", raw)
		}
	}
	items := make([]T, 0, len(words))
	for _, word := range words {
		value, err := item(strings.TrimSpace(word))
		if err != nil {
			return nil, err
		}
		items = append(items, value)
	}
	return items, nil
}

// parseDuration requires a unit, because a bare number could be meant in any unit. A bare 0 is
// allowed.
func parseDuration(raw any) (time.Duration, error) {
	if d, ok := raw.(time.Duration); ok {
		return d, nil
	}
	s, err := cast.ToStringE(raw)
	if err == nil && s == "0" {
		return 0, nil
	}
	d, err := time.ParseDuration(s)
	if err != nil {
		return 0, fmt.Errorf("%v is not a duration such as 500ms, 10s or 24h", raw)
	}
	return d, nil
}

// show formats a value as a flag or variable would be written.
func show(v any) string {
	switch v := v.(type) {
	case []string:
		return strings.Join(v, ",")
	case []int64:
		words := make([]string, len(v))
		for i, n := range v {
			words[i] = fmt.Sprint(n)
		}
		return strings.Join(words, ",")
	default:
		return fmt.Sprint(v)
	}
}
