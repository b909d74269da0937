package main

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"stockpush/cmd/internal/pushrecords"
)

// What is printed page by page is one document, the one that the API would answer.
func TestTheJSONOfSeveralPagesIsOneDocument(t *testing.T) {
	counts := []pushrecords.Count{{Value: "a\u2028<", N: 1}, {Value: `"`, N: 2}, {Value: "c", N: 3}}
	for n := range len(counts) + 1 {
		var out bytes.Buffer
		p, err := newPrinter(&app{stdout: &out}, "json", shown[pushrecords.Count]{})
		require.NoError(t, err)
		for i := range n {
			require.NoError(t, p.page(pushrecords.List[pushrecords.Count]{Items: counts[i : i+1], NextCursor: "between"}, false))
		}
		require.NoError(t, p.page(pushrecords.List[pushrecords.Count]{Items: []pushrecords.Count{}, NextCursor: "next"}, true))
		want, err := json.MarshalIndent(pushrecords.List[pushrecords.Count]{Items: append([]pushrecords.Count{}, counts[:n]...), NextCursor: "next"}, "", "  ")
		require.NoError(t, err)
		require.Equal(t, string(want)+"\n", out.String())
	}
}
