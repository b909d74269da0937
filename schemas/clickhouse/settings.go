package clickhouse

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// exact are the settings with which our queries would mean something else, or silently show a
// part of their rows, if a user's profile had other values. Limits stay the profile's, but end a query
// with an error instead of cutting its result.
var exact = map[string]any{
	"aggregate_functions_null_for_empty":        0,
	"apply_deleted_mask":                        1,
	"empty_result_for_aggregation_by_empty_set": 0,
	"enable_global_with_statement":              1,
	"final":                                     0,
	"join_default_strictness":                   "ALL",
	"join_use_nulls":                            0,
	"prefer_column_name_to_alias":               0,
	"transform_null_in":                         0,
	"use_skip_indexes_if_final_exact_mode":      1,

	"group_by_overflow_mode":  "throw",
	"join_overflow_mode":      "throw",
	"read_overflow_mode":      "throw",
	"read_overflow_mode_leaf": "throw",
	"set_overflow_mode":       "throw",
	"sort_overflow_mode":      "throw",
}

// ExactSettings returns the settings that every query needs; the views have them too.
func ExactSettings() map[string]any { return maps.Clone(exact) }

// settingsClause returns exact as the SETTINGS clause of a query.
func settingsClause() string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(exact)) {
		value := exact[name]
		if text, ok := value.(string); ok {
			value = quote(text)
		}
		all = append(all, fmt.Sprintf("%s = %v", name, value))
	}
	return strings.Join(all, ", ")
}
