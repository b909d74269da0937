package rowcsv

import (
	"bytes"
	"encoding/csv"
	"testing"
	"time"

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

func TestCSVTimeThatDoesNotApplyIsEmpty(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 6_000_000, time.FixedZone("", 3600))
	type times struct {
		Known  *time.Time `json:"known"`
		Absent *time.Time `json:"absent"`
		At     time.Time  `json:"at"`
	}
	var out bytes.Buffer
	require.NoError(t, New[times](&out).Write([]times{{Known: &at, At: at}}))
	require.Equal(t, "known,absent,at\n2026-01-02T02:04:05.006Z,,2026-01-02T02:04:05.006Z\n", out.String())
}
