package config

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Entry is one key of the configuration reference, as text.
type Entry struct {
	Key, Type, Default, Accepts, Meaning string
	// Reloadable says whether `run` reads the key again on SIGHUP.
	Reloadable bool
}

// Reference lists every key in the contract's order, with the keys of TLS at the end.
func Reference() []Entry {
	entries := make([]Entry, len(keys))
	for i, k := range keys {
		entries[i] = Entry{
			Key: k.name, Type: k.kind.String(), Default: written(k.value), Accepts: k.check.accepts, Meaning: k.meaning,
			Reloadable: slices.Contains(reloadable, k.name),
		}
	}
	return entries
}

// Reloadable lists the keys that `run` reads again on SIGHUP.
func Reloadable() []string { return slices.Clone(reloadable) }

// written is a default as a file, a variable or a flag would have it.
func written(value any) string {
	switch v := value.(type) {
	case time.Duration:
		return brief(v)
	case []string:
		return strings.Join(v, ",")
	case []int64:
		return strings.Trim(fmt.Sprint(v), "[]")
	}
	return fmt.Sprint(value)
}

// String names the kind for people.
func (k kind) String() string {
	return [...]string{"text", "secret", "list of texts", "whole number", "list of whole numbers", "number", "duration", "true or false"}[k]
}
