package schemas

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTextsStayValid(t *testing.T) {
	var shared texts
	var got, want []string
	for i := range 2000 {
		text := strings.Repeat(string(rune('a'+i%26)), i)
		memory := []byte(text)
		got, want = append(got, shared.of(memory)), append(want, text)
		clear(memory)
	}
	require.Equal(t, want, got)
}

func TestDecodersAllocateNothingForEachText(t *testing.T) {
	const messages = 100
	var d Decoder
	e := Event{}
	key, value := []byte("shopee/10021/A"), []byte(usualEvent)
	require.Less(t, testing.AllocsPerRun(10, func() {
		for range messages {
			require.NoError(t, d.Decode(&e, key, value))
		}
	}), messages/10.0)

	e.Position.LogID = 1
	record := SkippedBy(e, &e, e.OccurredAt)
	records := append(AppendRecordsHeader(nil, e.Key), bytes.Repeat(AppendRecord(nil, &record), messages)...)
	require.Less(t, testing.AllocsPerRun(10, func() {
		require.NoError(t, DecodeRecords(records, func(*Record) error { return nil }))
	}), messages/10.0)
}
