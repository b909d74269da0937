package checker

import (
	"fmt"
	"slices"
)

func skuKey(channel string, shop int64, sku string) string {
	return fmt.Sprintf("%s/%d/%s", channel, shop, sku)
}

const (
	pending      = "Pending"
	skipped      = "Skipped"
	failed       = "Failed"
	successfully = "Successfully"
)

// conservation: events and records correspond one to one.
func (c *check) conservation() {
	for i := range c.Records {
		r := &c.Records[i]
		c.report.ByStatus[r.Status]++
		if _, twice := c.recordOf[r.at()]; twice {
			c.violated(Conservation, "two records of %s at %d/%d", r.EventID, r.Partition, r.Offset)
		}
		c.recordOf[r.at()] = r
		if _, real := c.log.events[r.at()]; !real {
			c.violated(Conservation, "a record of no event: %s at %d/%d", r.EventID, r.Partition, r.Offset)
		}
	}
	for at, e := range c.log.events {
		switch r := c.recordOf[at]; {
		case r == nil:
			c.violated(Conservation, "no record of %v", e)
		case r.Status == pending:
			c.violated(Pending, "still Pending: %v", e)
		}
	}
}

// labels are the reasons' names in ClickHouse.
var labels = map[string]string{
	"sync_order": "Sync Order", "stock_in_manual": "Stock-In / Manual", "stock_in_return_scan": "Stock-In / Return-Scan",
	"stock_in_return_manual": "Stock-In / Return-Manual", "stock_in_transfer": "Stock-In / Transfer", "stock_in_purchase": "Stock-In / Purchase",
	"stock_out_manual": "Stock-Out / Manual", "stock_out_sale": "Stock-Out / Sale", "stock_out_transfer": "Stock-Out / Transfer",
	"void_order": "Void Order", "revert_voided_order": "Revert Voided Order", "change_mapping": "Add/Change Mapping Relationships",
	"change_warehouse": "Change Warehouse", "move_to_pack": "Move to [To Pack]", "refresh_inventory": "Refresh Inventory",
	"push_now": "Click Push Now/ Push Manually", "stock_count": "Stock Count",
}

// truth: a record repeats its event and has what its status requires.
func (c *check) truth() {
	applied := c.applied()
	for at, r := range c.recordOf {
		e := c.log.events[at]
		if e == nil {
			continue
		}
		if wrong := differs(r, e); wrong != "" {
			c.violated(Truth, "the record of %v has another %s", e, wrong)
		}
		switch r.Status {
		case successfully:
			c.trueSuccess(r, e, applied)
		case failed:
			c.trueFailure(r, e)
		case skipped:
			if r.AfterQty != nil || r.FailureCode != "" {
				c.violated(Truth, "the skipped %v has a quantity confirmed or a failure", e)
			}
		}
		if r.Status != pending && (r.FinishedAt.Before(r.TriggeredAt.Time) || r.FinishedAt.Before(r.QueuedAt.Time)) {
			c.violated(Truth, "%v was finished before it arrived", e)
		}
	}
}

func differs(r *Record, e *event) string {
	for column, same := range map[string]bool{
		"store_sku": r.key() == skuKey(e.Channel, e.ShopID, e.StoreSKU), "event_id": r.EventID == e.EventID, "merchant_sku": r.MerchantSKU == e.MerchantSKU,
		"target":   r.ItemID == e.ItemID && r.ModelID == e.ModelID && r.LocationID == e.LocationID,
		"retry_of": r.RetryOf == e.RetryOf, "repeats_offset": equal(r.RepeatsOffset, e.RepeatsOffset), "reason": r.Reason == labels[e.Reason],
		"quantity":     r.Available == e.Available && r.PromotionReserved == e.PromotionReserved && r.PushQty == e.qty(),
		"occurred_at":  r.OccurredAt.UnixMilli() == e.OccurredAt.UnixMilli(),
		"triggered_at": r.TriggeredAt.UnixMilli() == e.triggered.UnixMilli(),
	} {
		if !same {
			return column
		}
	}
	return ""
}

func equal[T comparable](a, b *T) bool { return a == b || a != nil && b != nil && *a == *b }

type sent struct {
	Model
	qty int64
}

// applied returns the quantities that Shopee ever applied to a model.
func (c *check) applied() map[sent]bool {
	all := map[sent]bool{}
	for _, call := range c.Calls {
		for _, line := range call.Lines {
			if line.Applied {
				all[sent{Model{call.ShopID, call.ItemID, line.ModelID}, line.Stock}] = true
			}
		}
	}
	return all
}

func (c *check) trueSuccess(r *Record, e *event, applied map[sent]bool) {
	switch {
	case c.Refusing[e.model()] != "":
		c.violated(Truth, "%v is Successfully, but Shopee refuses that model", e)
	case !applied[sent{e.model(), e.qty()}]:
		c.violated(Truth, "%v is Successfully, but Shopee never applied it", e)
	case r.AfterQty == nil || *r.AfterQty != e.qty() || r.Attempts < 1 || r.FailureCode != "":
		c.violated(Truth, "%v is Successfully without its quantity confirmed, without a try, or with a failure", e)
	case r.BeforeQty != nil && !c.wasConfirmed(e, *r.BeforeQty):
		c.violated(Truth, "the quantity %d before %v was never confirmed", *r.BeforeQty, e)
	}
}

// wasConfirmed reports whether this event or an older one of the store SKU ended as Successfully
// with a quantity. It may be this event: its worker died after the confirmation, and it was pushed
// again.
func (c *check) wasConfirmed(e *event, qty int64) bool {
	return slices.ContainsFunc(c.log.bySKU[skuKey(e.Channel, e.ShopID, e.StoreSKU)], func(older *event) bool {
		r := c.recordOf[older.at]
		return older.at.offset <= e.at.offset && r != nil && r.Status == successfully && r.PushQty == qty
	})
}

func (c *check) trueFailure(r *Record, e *event) {
	switch {
	case r.AfterQty != nil || r.FailureReason == "":
		c.violated(Truth, "the failed %v has a quantity confirmed, or no reason", e)
	case r.FailureCode != c.Refusing[e.model()] && !c.Refusals[r.FailureCode]:
		c.violated(Truth, "%v is Failed with %s (%s), which no injected fault explains", e, r.FailureCode, r.FailureReason)
	}
}

// superseded: a skipped event names what superseded it: a newer event or, for a repeat, news after
// what it repeats.
func (c *check) superseded() {
	for at, r := range c.recordOf {
		e := c.log.events[at]
		if e == nil || r.Status != skipped {
			if r.Status != pending && r.SupersededBy != "" {
				c.violated(Superseded, "%v is %s but has superseded_by", e, r.Status)
			}
			continue
		}
		if r.SupersededByOffset == nil {
			c.violated(Superseded, "%v is skipped without superseded_by", e)
			continue
		}
		by := c.log.events[position{at.partition, *r.SupersededByOffset}]
		switch {
		case by == nil || by.EventID != r.SupersededBy || by.StoreSKU != e.StoreSKU || by.ShopID != e.ShopID:
			c.violated(Superseded, "%v is superseded by %s, which is no event of its store SKU", e, r.SupersededBy)
		case by.at.offset > at.offset:
		case e.RepeatsOffset == nil || by.at.offset <= *e.RepeatsOffset || by.at.offset == at.offset:
			c.violated(Superseded, "%v is superseded by an older event, %v", e, by)
		}
	}
}
