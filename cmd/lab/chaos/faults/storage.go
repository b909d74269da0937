package faults

import (
	"fmt"
	"time"

	"stockpush/cmd/internal/faultproxy"

	"stockpush/cmd/lab/chaos/cluster"
)

// storage are faults of the connection to ClickHouse.
var storage = []Kind{
	{"ClickHouse refuses", 3, func(d Draw) Fault {
		return way("ClickHouse refuses", faultproxy.Mode{Refuse: true}, d.between(time.Second, 8*time.Second))
	}},
	{"ClickHouse hangs", 2, func(d Draw) Fault {
		return way("ClickHouse hangs", faultproxy.Mode{Hang: true}, d.between(time.Second, 6*time.Second))
	}},
	{"ClickHouse is slow", 2, func(d Draw) Fault {
		delay := d.between(50*time.Millisecond, 400*time.Millisecond)
		return way(fmt.Sprintf("ClickHouse takes %v more", delay), faultproxy.Mode{Delay: delay}, d.between(2*time.Second, 8*time.Second))
	}},
	{"cut after ClickHouse committed", 5, func(d Draw) Fault {
		return way("ClickHouse's answers to inserts are cut", faultproxy.Mode{CutInserts: 0.7}, d.between(2*time.Second, 8*time.Second))
	}},
}

func way(what string, mode faultproxy.Mode, lasts time.Duration) Fault {
	return Fault{
		What:  fmt.Sprintf("%s for %v", what, lasts),
		Lasts: lasts,
		Begin: func(c *cluster.Cluster) error { c.Store.Set(mode); return nil },
		End:   func(c *cluster.Cluster) error { c.Store.Set(faultproxy.Mode{}); return nil },
	}
}
