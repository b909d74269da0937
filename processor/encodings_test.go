package processor_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"stockpush/processor/stream/kafka"
	"stockpush/schemas"
	"stockpush/schemas/schemastest"
	"stockpush/schemas/stockevent"
)

func TestEventsInEveryEncodingAreTakenAndBadOnesKeepTheirHeaders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, nil)
		inJSON, inProtobuf := event("json", 1), event("protobuf", 2)
		key, value := []byte(inProtobuf.Key.String()), schemastest.EncodeProtobuf(&inProtobuf)
		taken := b.message(key, value)
		taken.Headers = []kafka.Header{{Key: "content-type", Value: []byte("text/plain")}, {Key: "content-type", Value: []byte("application/protobuf")}}
		bad := b.message(key, value)
		bad.Headers = []kafka.Header{{Key: "content-type", Value: []byte("text/plain")}, {Key: "error-code", Value: []byte("theirs")}, {Key: "traceparent", Value: []byte("00-1-2-3")}}
		b.deliver([]*kafka.Record{taken, bad, b.message([]byte(inJSON.Key.String()), stockevent.Encode(&inJSON))})
		pause(2 * time.Second)
		sent := b.broker.sent()
		require.Len(t, sent.commands, 2)
		require.Equal(t, inProtobuf.EventID, sent.commands[0].EventID)
		require.Len(t, sent.letters, 1)
		var letter schemas.DeadLetter
		kept := map[string]string{}
		for _, h := range sent.letters[0].Headers {
			require.NoError(t, letter.TakeHeader(h.Key, string(h.Value)))
			if !schemas.IsDeadLetterHeader(h.Key) {
				kept[h.Key] = string(h.Value)
			}
		}
		require.Equal(t, schemas.CodeUnsupportedContentType, letter.Code)
		require.True(t, bad.Timestamp.Truncate(time.Millisecond).Equal(letter.SourceTime))
		require.Equal(t, map[string]string{"content-type": "text/plain", "traceparent": "00-1-2-3"}, kept)
		require.Equal(t, value, sent.letters[0].Value)
		b.finish()
	})
}
