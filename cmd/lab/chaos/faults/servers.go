package faults

import (
	"fmt"
	"syscall"
	"time"

	"stockpush/cmd/lab/chaos/cluster"
)

// servers are faults of the broker's and ClickHouse's processes.
var servers = []Kind{
	{"kill the broker", 4, func(d Draw) Fault {
		return downtime("broker", broker, d.between(100*time.Millisecond, 3*time.Second))
	}},
	{"stop the broker", 2, func(d Draw) Fault { return frozen("broker", broker, d.between(time.Second, 5*time.Second)) }},
	{"kill ClickHouse", 3, func(d Draw) Fault {
		return downtime("clickhouse", clickhouse, d.between(100*time.Millisecond, 4*time.Second))
	}},
	{"ClickHouse is down for long", 2, func(d Draw) Fault {
		return downtime("clickhouse", clickhouse, d.between(8*time.Second, 14*time.Second))
	}},
	{"end ClickHouse", 1, endClickHouse},
}

// BrokerKills returns the kinds that kill the broker.
func BrokerKills() []Kind { return servers[:1] }

func broker(c *cluster.Cluster) *cluster.Process     { return c.Broker }
func clickhouse(c *cluster.Cluster) *cluster.Process { return c.ClickHouse }

func downtime(name string, of func(*cluster.Cluster) *cluster.Process, lasts time.Duration) Fault {
	return Fault{
		What:  fmt.Sprintf("kill -9 %s, away for %v", name, lasts),
		Lasts: lasts,
		Begin: func(c *cluster.Cluster) error { of(c).Kill(); return nil },
		End:   func(c *cluster.Cluster) error { return of(c).Start() },
	}
}

func frozen(name string, of func(*cluster.Cluster) *cluster.Process, lasts time.Duration) Fault {
	return Fault{
		What:  fmt.Sprintf("SIGSTOP %s for %v", name, lasts),
		Lasts: lasts,
		Begin: func(c *cluster.Cluster) error { of(c).Signal(syscall.SIGSTOP); return nil },
		End:   func(c *cluster.Cluster) error { of(c).Signal(syscall.SIGCONT); return nil },
	}
}

func endClickHouse(d Draw) Fault {
	lasts := d.between(100*time.Millisecond, 2*time.Second)
	return Fault{
		What:  fmt.Sprintf("SIGTERM clickhouse, away for %v", lasts),
		Lasts: lasts,
		Begin: func(c *cluster.Cluster) error { c.ClickHouse.Term(); return nil },
		End:   func(c *cluster.Cluster) error { return c.ClickHouse.Start() },
	}
}
