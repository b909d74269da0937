package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/pflag"
)

// choice is a flag that takes one of a few values, in any case.
type choice struct {
	value   *string
	choices []string
}

// oneOf adds a flag to a command: its first choice is the default, and the usage lists all.
func oneOf(flags *pflag.FlagSet, value *string, name, usage string, choices ...string) {
	*value = choices[0]
	flags.Var(choice{value, choices}, name, usage+": "+strings.Join(choices, ", "))
}

// String returns the value.
func (c choice) String() string {
	if c.value == nil { // pflag asks a zero choice for the zero value
		return ""
	}
	return *c.value
}

// Type names the flag's type in the help.
func (c choice) Type() string { return "string" }

// Set refuses anything but a choice.
func (c choice) Set(text string) error {
	at := slices.IndexFunc(c.choices, func(choice string) bool { return strings.EqualFold(choice, text) })
	if at < 0 {
		return fmt.Errorf("it is not one of %s", strings.Join(c.choices, ", "))
	}
	*c.value = c.choices[at]
	return nil
}
