package processor_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"stockpush/processor"
	"stockpush/processor/stream"
	"stockpush/schemas"
)

// A backlog's last events waited for longer than a window before they were read: another
// one would only make them later. What came meanwhile has its window.
func TestWhatWaitedInTheLogLeavesAsSoonAsAllOfItIsRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &bench{t: t, broker: &broker{}}
		log := stream.RunManual(t.Context(), stream.ManualConfig{
			Topic: topics.Events(), Alive: func() bool { return true }, Failed: func(err error) { t.Error(err) },
		}, b.processor(processor.Log{ID: 1, Partitions: 1, CommandPartitions: 1}, nil, nil))
		read := func(logEnd int64, events ...schemas.Event) (commands int) {
			require.NoError(t, log.Deliver(b.batch(events), logEnd))
			pause(20 * time.Millisecond)
			return len(b.broker.sent().commands)
		}
		read(4, event("a", 1)) // three more lie in the log
		pause(time.Second)
		require.Equal(t, 1, read(4, event("b", 1), event("b", 2)), "more is to be read: b's window is open")
		require.Equal(t, 3, read(5, event("c", 3), event("d", 3)), "b's and c's closed, d was not there a second ago")
		pause(970 * time.Millisecond)
		require.Len(t, b.broker.sent().commands, 3)
		pause(20 * time.Millisecond)
		require.Len(t, b.broker.sent().commands, 4)
		log.Drain(t.Context())
	})
}
