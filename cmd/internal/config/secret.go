package config

// Secret is a value that never shows: however it is printed or encoded, only
// that it is set can be seen.
type Secret string

const redacted = "[redacted]"

// String is "[redacted]", or empty where no secret is set.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return redacted
}

// GoString keeps %#v from showing it.
func (s Secret) GoString() string { return s.String() }

// MarshalText keeps encoders from showing it.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Reveal is the secret itself.
func (s Secret) Reveal() string { return string(s) }
