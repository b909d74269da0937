package faults

import (
	"fmt"
	"time"

	"stockpush/cmd/lab/chaos/cluster"
)

// shopee are faults of the marketplace, for one shop or for all.
var shopee = []Kind{
	{"Shopee: outage of a shop", 3, func(d Draw) Fault { return lasting(d, "outage", d.between(time.Second, 8*time.Second)) }},
	{"Shopee: hang", 2, func(d Draw) Fault { return lasting(d, "hang", d.between(time.Second, 5*time.Second)) }},
	{"Shopee: throttle", 2, func(d Draw) Fault { return lasting(d, "throttle", d.between(time.Second, 4*time.Second)) }},
	{"Shopee: slow", 2, func(d Draw) Fault {
		return calls(d, "latency", 1+d.IntN(20), d.between(100*time.Millisecond, 3*time.Second))
	}},
	{"Shopee: lost reply", 4, func(d Draw) Fault { return calls(d, "lost_reply", 1+d.IntN(10), 0) }},
	{"Shopee: lands late", 4, func(d Draw) Fault { return calls(d, "late", 1+d.IntN(5), d.between(100*time.Millisecond, MaxLate)) }},
	{"Shopee: token expires", 3, func(d Draw) Fault { return calls(d, "expire_token", 0, 0) }},
	{"Shopee: refuses", 2, refuse},
}

// MaxLate is the maximum delay of a late call. It is less than the time until the read-back.
const MaxLate = cluster.ConfirmAfter - 500*time.Millisecond

// RefusedCode is the failure code that the fault "refuses" causes.
const RefusedCode = "item_not_found"

// lasting is a fault of every call for a while.
func lasting(d Draw, kind string, lasts time.Duration) Fault {
	fault := cluster.Fault{Shop: d.shop(), Kind: kind}
	return Fault{
		What:  fmt.Sprintf("%s of shop %d for %v", kind, fault.Shop, lasts),
		Lasts: lasts,
		Begin: func(c *cluster.Cluster) error { return c.AddFault(fault) },
		End:   func(c *cluster.Cluster) error { return c.RemoveFault(fault) },
	}
}

// calls is a fault of the next few calls.
func calls(d Draw, kind string, times int, delay time.Duration) Fault {
	shop := d.shop()
	return Fault{
		What: fmt.Sprintf("%s of shop %d, %d times, %v", kind, shop, times, delay),
		Begin: func(c *cluster.Cluster) error {
			return c.AddFault(cluster.Fault{Shop: shop, Kind: kind, Times: times, DelayMS: int(delay.Milliseconds())})
		},
	}
}

func refuse(d Draw) Fault {
	shop, times := d.shop(), 1+d.IntN(5)
	return Fault{
		What: fmt.Sprintf("shop %d refuses %d calls", shop, times),
		Begin: func(c *cluster.Cluster) error {
			return c.AddFault(cluster.Fault{Shop: shop, Kind: "error", Times: times, Code: "error_item_not_found", Message: "Product not found."})
		},
	}
}
