package service

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"stockpush/channels/pacer"
	"stockpush/processor/stream"
	"stockpush/processor/stream/streamtest"
)

type handlerFunc func(ctx context.Context, a *stream.Assignment) error

func (f handlerFunc) Run(ctx context.Context, a *stream.Assignment) error { return f(ctx, a) }

func TestProcessHasTheShareOfItsPartitions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pace := pacer.New(5, 20)
		pace.Share(4)
		share := func() float64 { return pace.Look(time.Now()).AppShare }
		drained := make(chan struct{})
		handler := paced{handlerFunc(func(_ context.Context, a *stream.Assignment) error {
			for range a.Batches() {
			}
			if a.Partition() == 0 {
				<-drained
			}
			return nil
		}), pace}
		var owned []*streamtest.Partition
		for n := range int32(2) {
			owned = append(owned, streamtest.Run(t.Context(), stream.OwnerConfig{
				Topic: "commands", Partition: n, Alive: func() bool { return true }, Failed: func(err error) { t.Error(err) },
			}, handler))
		}
		require.Zero(t, share())
		time.Sleep(2 * time.Second)
		require.InDelta(t, 0.5, share(), 1e-9)
		owned[1].Drain(t.Context())
		require.InDelta(t, 0.25, share(), 1e-9)
		go owned[0].Drain(t.Context())
		synctest.Wait()
		require.InDelta(t, 0.25, share(), 1e-9, "it may call until it is drained")
		close(drained)
		synctest.Wait()
		require.Zero(t, share())
	})
}
