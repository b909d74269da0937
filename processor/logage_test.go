package processor_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"stockpush/schemas"
)

// A backlog's last events waited for longer than a window before they were read: another
// one would only make them later. What came meanwhile has its window.
func TestWhatWaitedInTheLogLeavesAsSoonAsAllOfItIsRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBacklog(t, nil)
		b.behind.Store(0)
		read := func(more int64, events ...schemas.Event) (commands int) {
			b.read(more, events...)
			return len(b.broker.sent().commands)
		}
		read(3, event("a", 1)) // three more lie in the log
		pause(time.Second)
		require.Equal(t, 1, read(1, event("b", 1), event("b", 2)), "more is to be read: b's window is open")
		require.Equal(t, 3, read(0, event("c", 3), event("d", 3)), "b's and c's closed, d was not there a second ago")
		pause(970 * time.Millisecond)
		require.Len(t, b.broker.sent().commands, 3)
		pause(20 * time.Millisecond)
		require.Len(t, b.broker.sent().commands, 4)
		b.log.Drain(t.Context())
	})
}
