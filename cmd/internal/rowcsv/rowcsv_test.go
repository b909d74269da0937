package rowcsv

import (
	"bytes"
	"encoding/csv"
	"testing"

	"github.com/stretchr/testify/require"
)

type row struct {
	Text string `json:"text"`
	// Other is not empty, since a reader skips an empty line.
	Other string `json:"other"`
}

func TestCSVCellsAreNoFormulas(t *testing.T) {
	for text, want := range map[string]string{
		"=1+1": "'=1+1", "+1": "'+1", "-1": "'-1", "@a": "'@a", "\t=1": "'\t=1", "\r=1": "'\r=1", "\n=1": "'\n=1",
		"＝1+1": "'＝1+1", "＋1": "'＋1", "－1": "'－1", "＠a": "'＠a", "": "", "SKU-1": "SKU-1", "1=1": "1=1", "é": "é",
	} {
		var out bytes.Buffer
		require.NoError(t, New[row](&out).Write([]row{{text, "x"}}))
		rows, err := csv.NewReader(&out).ReadAll()
		require.NoError(t, err)
		require.Equal(t, []string{want, "x"}, rows[1])
	}
}
