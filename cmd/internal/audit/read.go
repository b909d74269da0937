package audit

import (
	"context"
	"errors"
	"fmt"
	"time"

	"stockpush/channels"
	"stockpush/schemas"
)

// Results of reading an item.
var (
	// errUnreadable: the item is not shown. Its next push will report why.
	errUnreadable = errors.New("the item cannot be read")
	// errShopClosed: the shop refuses every read or does not answer.
	errShopClosed = errors.New("the shop cannot be read")
	// ErrQuota: no shop can be read until the next day.
	ErrQuota = errors.New("the app's daily quota is used up; it resets at 00:00 UTC+8")
)

// maxReads is how often an unanswered read is repeated.
const maxReads = 5

// read returns the stocks of an item. It waits while the shop throttles.
func (a *run) read(ctx context.Context, shop, item int64) ([]channels.ModelStock, error) {
	wait := a.FirstWait
	if wait == 0 {
		wait = time.Second
	}
	var v channels.Verdict
	for range maxReads {
		if err := a.Pace(ctx, shop); err != nil {
			return nil, err
		}
		var stocks []channels.ModelStock
		if stocks, v = a.Channel.Read(ctx, shop, item); v.Outcome == channels.Confirmed {
			return stocks, nil
		}
		switch class := v.Code.Class(); {
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case v.Code == schemas.DailyQuotaExhausted:
			return nil, fmt.Errorf("%w: %s", ErrQuota, v.Message)
		case class != schemas.ClassThrottle && class != schemas.ClassInfrastructure:
			return nil, a.refused(shop, v)
		}
		if err := pause(ctx, max(wait, time.Until(v.HoldUntil))); err != nil {
			return nil, err
		}
		wait *= 2
	}
	a.Logger.Warn("shop does not answer, skipping it", "shop_id", shop, "code", v.Code, "message", v.Message)
	return nil, errShopClosed
}

func (a *run) refused(shop int64, v channels.Verdict) error {
	if v.Scope == channels.ScopeModel {
		return errUnreadable
	}
	a.Logger.Warn("shop refuses reads, skipping it", "shop_id", shop, "code", v.Code, "message", v.Message, "hint", v.Code.Remedy())
	return errShopClosed
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
