package config

import (
	"reflect"
	"slices"
)

// Changes are the keys whose values differ in a configuration that was read again.
type Changes struct {
	// Taken are the reloadable ones, NeedRestart the others.
	Taken, NeedRestart []string
}

// Take takes the reloadable keys of a configuration that was read again, and says what differs.
func (l *Loaded) Take(again *Loaded) Changes {
	changes := Changes{Taken: []string{}, NeedRestart: []string{}}
	for _, k := range keys {
		switch value := again.values[k.name]; {
		case reflect.DeepEqual(l.values[k.name], value):
		case slices.Contains(reloadable, k.name):
			l.values[k.name], l.origins[k.name] = value, again.origins[k.name]
			changes.Taken = append(changes.Taken, k.name)
		default:
			changes.NeedRestart = append(changes.NeedRestart, k.name)
		}
	}
	return changes
}
