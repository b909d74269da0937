package stockevent

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockpush/schemas"
)

func TestDecodersAllocateNothingForEachText(t *testing.T) {
	const messages = 100
	var d Decoder
	e := schemas.Event{}
	key, value := []byte("shopee/10021/A"), []byte(usualEvent)
	require.Less(t, testing.AllocsPerRun(10, func() {
		for range messages {
			require.NoError(t, d.Decode(&e, key, value))
		}
	}), messages/10.0)
}

// Times of the same second are read as parseTime reads them.
func TestTimesAgreeWithParseTime(t *testing.T) {
	var shared times
	const second = "2026-11-24T08:15:30"
	for range 2 {
		for _, text := range []string{
			second + "Z", second + ".5Z", second + ".123456789Z", second + ".000000001Z", second + "+08:00", second + ".5-07:00", "2026-11-24T08:15:31.25Z",
			second, second + ".Z", second + ".1234567891Z", second + ",5Z", second + ".5", second + ".a5Z", second + "5Z", second + "z", second + "Zz", second + ".5Z ", "", "x",
		} {
			var got, want time.Time
			ok := parseTime(&want, []byte(text))
			require.Equal(t, ok, shared.parse(&got, []byte(text)), text)
			if ok {
				require.Equal(t, want, got, text)
			}
			require.True(t, shared.parse(&got, []byte(second+"Z")))
		}
	}
}
