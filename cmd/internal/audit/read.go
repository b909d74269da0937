package audit

import (
	"context"
	"errors"
	"fmt"
	"time"

	"stockpush/channels"
	"stockpush/schemas"
)

// How reading an item may end, beside with its stocks.
var (
	// errUnreadable: the item is not shown; its next push will say why.
	errUnreadable = errors.New("the item cannot be read")
	// errShopClosed: the shop refuses everything, or does not answer.
	errShopClosed = errors.New("the shop cannot be read")
	// ErrQuota: no shop answers before the next day.
	ErrQuota = errors.New("the app's daily quota is used up; it begins anew at 00:00 UTC+8")
)

// maxReads is how often an item is read that is not answered for.
const maxReads = 5

// read is what an item shows. A shop that asks to wait is waited for.
func (a *run) read(ctx context.Context, shop, item int64) ([]channels.ModelStock, error) {
	wait := a.Patience
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
	a.Logger.Warn("a shop does not answer, the rest of it is left unread", "shop_id", shop, "code", v.Code, "said", v.Message)
	return nil, errShopClosed
}

func (a *run) refused(shop int64, v channels.Verdict) error {
	if v.Scope == channels.ScopeModel {
		return errUnreadable
	}
	a.Logger.Warn("a shop refuses to be read, the rest of it is left unread", "shop_id", shop, "code", v.Code, "said", v.Message, "hint", v.Code.Hint())
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
