package api

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTheSignatureIsTheDocumentedOne(t *testing.T) {
	// HMAC-SHA256 of a well-known text, computed apart.
	require.Equal(t, "f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8",
		sign("key", "The quick brown fox jumps over the lazy dog"))
}
