package config

// Secret is a value that is redacted wherever it is printed or encoded; only whether it is set
// shows.
type Secret string

const redacted = "[redacted]"

// String returns "[redacted]", or the empty string if no secret is set.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return redacted
}

// GoString redacts %#v.
func (s Secret) GoString() string { return s.String() }

// MarshalText redacts encodings.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Reveal returns the secret.
func (s Secret) Reveal() string { return string(s) }
