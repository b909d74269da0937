package protobuf

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTextsStayValid(t *testing.T) {
	var shared Texts
	var got, want []string
	for i := range 2000 {
		text := strings.Repeat(string(rune('a'+i%26)), i)
		memory := []byte(text)
		got, want = append(got, shared.Of(memory)), append(want, text)
		clear(memory)
	}
	require.Equal(t, want, got)
}
