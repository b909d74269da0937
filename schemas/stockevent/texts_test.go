package stockevent

import (
	"testing"

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
			require.NoError(t, d.DecodeMessage(&e, Message{Key: key, Value: value}))
		}
	}), messages/10.0)
}
