package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"stockpush/cmd/internal/pushrecords"
)

// Several pages print as one document, the one that the API would answer.
func TestJSONOfSeveralPagesIsOneDocument(t *testing.T) {
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

const moving = "a\x1b[2J\x07\u009b31m\u202eb\x7f" // clears the screen, beeps, colours, reverses

func TestOutputCannotControlTheTerminal(t *testing.T) {
	list := pushrecords.List[pushrecords.Count]{Items: []pushrecords.Count{{Value: moving, N: 1}}}
	out, end := pty(t)
	p, err := newPrinter(&app{stdout: out}, "csv", shown[pushrecords.Count]{})
	require.NoError(t, err)
	require.NoError(t, p.page(list, true))
	require.Equal(t, "value,n\r\na [2J  31m b ,1\r\n", end())

	var file bytes.Buffer
	p, err = newPrinter(&app{stdout: &file}, "csv", shown[pushrecords.Count]{})
	require.NoError(t, err)
	require.NoError(t, p.page(list, true))
	require.Contains(t, file.String(), moving, "a file has what there is")

	file.Reset()
	p, err = newPrinter(&app{stdout: &file}, "json", shown[pushrecords.Count]{})
	require.NoError(t, err)
	require.NoError(t, p.page(list, true))
	require.False(t, strings.ContainsFunc(file.String(), unprintable))
	var got pushrecords.List[pushrecords.Count]
	require.NoError(t, json.Unmarshal(file.Bytes(), &got))
	require.Equal(t, list, got)
}
