package checker

import (
	"cmp"
	"slices"
	"time"
)

// latest: of each store SKU the newest event that stands was pushed or refused,
// and what only repeats never won over news.
func (c *check) latest() {
	for key, events := range c.log.bySKU {
		e := standing(events)
		if e == nil {
			c.violated(Latest, "no event of %s stands", key)
			continue
		}
		r := c.recordOf[e.at]
		switch {
		case r == nil: // conservation has said so
		case r.Status == successfully && c.Stock[e.model()] != e.qty():
			c.violated(Latest, "Shopee shows %d instead of %v", c.Stock[e.model()], e)
		case r.Status == skipped:
			c.violated(Latest, "the newest %v is Skipped", e)
		}
		for _, other := range events {
			if r := c.recordOf[other.at]; other.loses && r != nil && r.Status != skipped && r.Status != pending {
				c.violated(Latest, "%v only repeats and lost, and yet it is %s", other, r.Status)
			}
		}
	}
}

// zombieGrace is how long after it woke a process may send what it had begun to.
const zombieGrace = 5 * time.Second

// wokeBefore says whether the process behind a call had just been stopped.
func (c *check) wokeBefore(call *Call) bool {
	return slices.ContainsFunc(c.Pauses, func(p Pause) bool {
		return p.Host == call.Host && !call.ReceivedAt.Before(p.To.Add(-100*time.Millisecond)) && call.ReceivedAt.Before(p.To.Add(zombieGrace))
	})
}

// order: in the order in which calls came, quantities of a store SKU never go back.
func (c *check) order() {
	slices.SortFunc(c.Calls, func(a, b Call) int { return cmp.Compare(a.Received, b.Received) })
	newest := map[string]int64{}
	for i := range c.Calls {
		call := &c.Calls[i]
		for _, line := range call.Lines {
			key := c.log.owner[Model{call.ShopID, call.ItemID, line.ModelID}]
			at, ok := rank(c.log.bySKU[key], line.Stock)
			switch last, sent := newest[key]; {
			case !ok:
				c.violated(Order, "call %d sent %d for %s, which no event brought", call.Received, line.Stock, key)
			case sent && at < last && c.wokeBefore(call):
				c.report.Zombies++
			case sent && at < last:
				c.violated(Order, "call %d (%s) sent the older quantity %d for %s (event %d after %d)", call.Received, call.Host, line.Stock, key, at, last)
			default:
				newest[key] = at
			}
		}
	}
}

// flight: calls of an item do not overlap, but for those that were given up by
// then, and those of a process that was stopped with a call on its way.
func (c *check) flight() {
	type item struct{ shop, item int64 }
	last := map[item]*Call{}
	for i := range c.Calls {
		call := &c.Calls[i]
		of := item{call.ShopID, call.ItemID}
		before := last[of]
		if before != nil && before.Fault != "late" && call.ReceivedAt.Before(c.givenUp(before)) && !c.stoppedIn(before) && !c.stoppedIn(call) {
			c.violated(Flight, "calls %d (%s) and %d (%s) of item %d are in flight together", before.Received, before.Host, call.Received, call.Host, call.ItemID)
		}
		last[of] = call
	}
}

// givenUp is when a call was over for who made it: answered, or not answered in time.
func (c *check) givenUp(call *Call) time.Time {
	// It may have been on its way to the sandbox for a moment.
	if timeout := call.ReceivedAt.Add(c.Timeout - 50*time.Millisecond); timeout.Before(call.AppliedAt) {
		return timeout
	}
	return call.AppliedAt
}

func (c *check) stoppedIn(call *Call) bool {
	return slices.ContainsFunc(c.Pauses, func(p Pause) bool {
		return p.Host == call.Host && p.From.Before(call.AppliedAt) && call.ReceivedAt.Before(p.To.Add(zombieGrace))
	})
}

// window: commands of a store SKU, but for those that only repeat, were issued a
// window apart. A processor that was stopped issues late what is another's by then.
func (c *check) window() {
	for _, events := range c.log.bySKU {
		var issued []time.Time
		for _, e := range events {
			if r := c.recordOf[e.at]; r != nil && e.RepeatsOffset == nil && r.QueuedAt.Unix() > 0 && !c.anyStopped(r.QueuedAt.Time) {
				issued = append(issued, r.QueuedAt.Time)
			}
		}
		slices.SortFunc(issued, time.Time.Compare)
		for i := 1; i < len(issued); i++ {
			// ClickHouse keeps milliseconds.
			if gap := issued[i].Sub(issued[i-1]); gap < c.Window-2*time.Millisecond {
				c.violated(Window, "two commands of %s within %v, at %v", events[0].StoreSKU, gap, issued[i])
			}
		}
	}
}

func (c *check) anyStopped(at time.Time) bool {
	return slices.ContainsFunc(c.Pauses, func(p Pause) bool {
		return at.After(p.From) && at.Before(p.To.Add(zombieGrace))
	})
}
