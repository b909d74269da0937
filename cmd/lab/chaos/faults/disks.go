package faults

import (
	"fmt"
	"time"

	"stockpush/cmd/lab/chaos/cluster"
)

// BrokerDiskFull is the kind's name.
const BrokerDiskFull = "the broker's disk is full"

// disks are faults of full disks. Without the right to mount a small file system they do nothing.
var disks = []Kind{
	{"ClickHouse's disk is full", 2, func(d Draw) Fault {
		return full("ClickHouse", func(c *cluster.Cluster) *cluster.Disk { return c.ClickHouseDisk }, d)
	}},
	{BrokerDiskFull, 2, func(d Draw) Fault {
		return full("the broker", func(c *cluster.Cluster) *cluster.Disk { return c.BrokerDisk }, d)
	}},
}

func full(whose string, of func(*cluster.Cluster) *cluster.Disk, d Draw) Fault {
	lasts := d.between(time.Second, 6*time.Second)
	return Fault{
		What:  fmt.Sprintf("the disk of %s is full for %v", whose, lasts),
		Lasts: lasts,
		Begin: func(c *cluster.Cluster) error { return of(c).Fill() },
		End:   func(c *cluster.Cluster) error { return of(c).Free() },
	}
}
