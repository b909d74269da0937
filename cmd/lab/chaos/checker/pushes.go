package checker

import (
	"cmp"
	"slices"
	"time"
)

// latest: each store SKU's newest standing event was pushed or refused, and no repeat won over
// news.
func (c *check) latest() {
	for key, events := range c.log.bySKU {
		e := standing(events)
		if e == nil {
			c.violated(Latest, "%s has no standing event", key)
			continue
		}
		r := c.recordOf[e.at]
		switch {
		case r == nil: // reported by conservation
		case r.Status == successfully && c.Stock[e.model()] != e.qty():
			c.violated(Latest, "Shopee shows %d instead of %v", c.Stock[e.model()], e)
		case r.Status == skipped:
			c.violated(Latest, "the newest %v is Skipped", e)
		}
		for _, other := range events {
			if r := c.recordOf[other.at]; other.loses && r != nil && r.Status != skipped && r.Status != pending {
				c.violated(Latest, "%v only repeats and must be skipped, but is %s", other, r.Status)
			}
		}
	}
}

// zombieGrace is how long after it is resumed a process may send what it had started to send.
const zombieGrace = 5 * time.Second

// wokeBefore reports whether the process of a call had just been resumed.
func (c *check) wokeBefore(call *Call) bool {
	return slices.ContainsFunc(c.Pauses, func(p Pause) bool {
		return p.Host == call.Host && !call.ReceivedAt.Before(p.To.Add(-100*time.Millisecond)) && call.ReceivedAt.Before(p.To.Add(zombieGrace))
	})
}

// order: in the order in which the calls arrived, the quantities of a store SKU never go back.
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

// flight: the calls of an item do not overlap, apart from abandoned calls and calls of a process
// that was stopped with a call in flight.
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

// givenUp returns when a call was over for its caller: answered, or timed out.
func (c *check) givenUp(call *Call) time.Time {
	// The request may have travelled for a moment.
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

// window: the commands of a store SKU, apart from repeats, were issued a window apart. A processor
// that was stopped may issue commands late that another one has issued.
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
			// ClickHouse's times are in milliseconds.
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
