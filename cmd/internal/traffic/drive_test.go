package traffic

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"stockpush/schemas"
)

func TestDriveEndsSoonAfterItsContextIfNothingSettles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		var unsettled []func(error)
		began := time.Now()
		stored, err := Drive(ctx, New(Shape{SKUs: 1, Shops: 1}), Pace{Rate: 10, For: 30 * time.Second}, func(_ context.Context, _ schemas.Event, settled func(error)) {
			if unsettled = append(unsettled, settled); len(unsettled) == 1 {
				settled(nil)
			}
		})
		require.ErrorIs(t, err, ErrUnsettled)
		require.Equal(t, 1, stored)
		require.Equal(t, time.Minute+settleLimit, time.Since(began))
		for _, settled := range unsettled[1:] {
			settled(errors.New("closed"))
		}
	})
}

func TestDriveEndsWhileASendWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		began := time.Now()
		stored, err := Drive(ctx, New(Shape{SKUs: 1, Shops: 1}), Pace{Rate: 10}, func(ctx context.Context, _ schemas.Event, settled func(error)) {
			<-ctx.Done() // no room for unacknowledged events
			settled(ctx.Err())
		})
		require.NoError(t, err)
		require.Zero(t, stored)
		require.Equal(t, time.Minute, time.Since(began))
	})
}

func TestDriveReportsARefusedEvent(t *testing.T) {
	refused := errors.New("refused")
	synctest.Test(t, func(t *testing.T) {
		stored, err := Drive(t.Context(), New(Shape{SKUs: 1, Shops: 1}), Pace{Rate: 10, For: time.Second}, func(_ context.Context, _ schemas.Event, settled func(error)) {
			settled(refused)
		})
		require.ErrorIs(t, err, refused)
		require.Zero(t, stored)
	})
}
