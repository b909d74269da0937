package stream

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

type handlerFunc func(ctx context.Context, a *Assignment) error

func (f handlerFunc) Run(ctx context.Context, a *Assignment) error { return f(ctx, a) }

func manual(t *testing.T, h handlerFunc) (m *Manual, failed chan error) {
	failed = make(chan error, 1)
	return RunManual(t.Context(), ManualConfig{Topic: "in", Alive: func() bool { return true }, Failed: func(err error) { failed <- err }}, h), failed
}

// A producer answers what is cut off with an error, which the handler may pass on.
func TestTheErrorOfAHandlerThatWasCutOffIsNoFailure(t *testing.T) {
	m, failed := manual(t, func(ctx context.Context, _ *Assignment) error {
		<-ctx.Done()
		return errors.New("produce: context canceled")
	})
	m.Drop()
	require.Empty(t, failed)
}

// A handler that never ends holds up neither its stage's rebalances nor its end.
func TestAHandlerThatIgnoresItsEndIsNotWaitedForForEver(t *testing.T) {
	for name, end := range map[string]func(context.Context, *Manual){
		"dropped": func(_ context.Context, m *Manual) { m.Drop() },
		"drained": func(ctx context.Context, m *Manual) {
			ctx, cancel := context.WithTimeout(ctx, time.Second)
			defer cancel()
			m.Drain(ctx)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				release := make(chan struct{})
				m, failed := manual(t, func(context.Context, *Assignment) error { <-release; return nil })
				end(t.Context(), m)
				require.ErrorIs(t, <-failed, ErrStuck)
				require.False(t, m.Alive())
				close(release)
				<-m.done
			})
		})
	}
}

func TestAHandlerThatEndsByItselfFails(t *testing.T) {
	m, failed := manual(t, func(context.Context, *Assignment) error { return errors.New("broken") })
	select {
	case err := <-failed:
		require.ErrorContains(t, err, "broken")
	case <-time.After(30 * time.Second):
		require.Fail(t, "nobody was told")
	}
	m.Drop()
}

// Whoever takes a batch in time is not paused; whoever does not is, until there is room.
func TestAPartitionIsPausedWhenItsHandlerHasEnoughForLong(t *testing.T) {
	for name, tt := range map[string]struct {
		takes  time.Duration
		paused int32
	}{"a busy one": {roomPatience / 2, 0}, "a stuck one": {time.Minute, 1}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m, _ := manual(t, func(_ context.Context, a *Assignment) error {
					for range a.Batches() {
						time.Sleep(tt.takes)
					}
					return nil
				})
				var paused, resumed atomic.Int32
				m.pause, m.resume = func() { paused.Add(1) }, func() { resumed.Add(1) }
				for offset := range int64(10) {
					require.NoError(t, m.push(fetchOf([]*Record{{Offset: offset}}, 10)))
					makeRoom(t.Context(), []*owner{m.owner})
				}
				require.Equal(t, tt.paused, paused.Load())
				require.Zero(t, resumed.Load())
				time.Sleep(time.Hour)
				require.Equal(t, tt.paused, resumed.Load())
				m.Drain(t.Context())
			})
		})
	}
}

// A batch is released when its handler has received the next one, and not before.
func TestBatchIsValidUntilTheNextIsReceived(t *testing.T) {
	receive, received := make(chan struct{}), make(chan []*Record)
	m, _ := manual(t, func(_ context.Context, a *Assignment) error {
		for range receive {
			received <- <-a.Batches()
		}
		return nil
	})
	released := make(chan []*Record, 3)
	m.release = func(batch []*Record) { released <- batch }
	for offset := range int64(2) {
		require.NoError(t, m.push(fetchOf(records(offset), 2)))
	}
	receive <- struct{}{}
	first := <-received
	require.Empty(t, <-released, "there was none before")
	require.Empty(t, released, "the next one waits")
	receive <- struct{}{}
	<-received
	require.Equal(t, first, <-released)
	close(receive)
	m.Drop()
}
