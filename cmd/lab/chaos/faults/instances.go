package faults

import (
	"fmt"
	"time"

	"stockpush/cmd/lab/chaos/cluster"
)

// instances are faults of `run` processes.
var instances = []Kind{
	{"kill a run", 5, killInstance},
	{"end a run", 4, endInstance},
	{"stop a run longer than its session", 4, zombie},
	{"stop a run for a moment", 2, stopInstance},
	{"another run joins and leaves", 4, visitor},
}

// static are faults of `run` processes that are static members of their groups.
var static = []Kind{
	{UsedTwice, 4, usedTwice},
}

// UsedTwice is the kind's name.
const UsedTwice = "an instance id is used twice"

// usedTwice starts a second process with an instance's id. The older one is fenced, exits and is
// restarted; then it is the second one's turn, which ends with that.
func usedTwice(d Draw) Fault {
	n := d.instance()
	return Fault{
		What: fmt.Sprintf("another run with the instance id of run-%d", n+1),
		Begin: func(c *cluster.Cluster) error {
			_, err := c.Duplicate(c.Instances()[n])
			return err
		},
	}
}

// died is an instance that exits in some way and comes back later.
func died(d Draw, how string, end func(*cluster.Instance), away time.Duration) Fault {
	n := d.instance()
	return Fault{
		What:  fmt.Sprintf("%s run-%d, away for %v", how, n+1, away),
		Lasts: away,
		Begin: func(c *cluster.Cluster) error { end(c.Instances()[n]); return nil },
		End:   func(c *cluster.Cluster) error { return c.Instances()[n].Start() },
	}
}

func killInstance(d Draw) Fault {
	return died(d, "kill -9", func(i *cluster.Instance) { i.Kill() }, d.between(0, 5*time.Second))
}

func endInstance(d Draw) Fault {
	return died(d, "SIGTERM", (*cluster.Instance).Term, d.between(0, 3*time.Second))
}

// zombie stops an instance for so long that its partitions are reassigned. The new owners may or
// may not finish its read-backs before it resumes.
func zombie(d Draw) Fault {
	return stopped(d, d.between(cluster.SessionTimeout+500*time.Millisecond, cluster.SessionTimeout+4*time.Second))
}

func stopInstance(d Draw) Fault { return stopped(d, d.between(time.Second, 5*time.Second)) }

func stopped(d Draw, lasts time.Duration) Fault {
	n := d.instance()
	return Fault{
		What:  fmt.Sprintf("SIGSTOP run-%d for %v", n+1, lasts),
		Lasts: lasts,
		Begin: func(c *cluster.Cluster) error { c.Instances()[n].Stop(); return nil },
		End:   func(c *cluster.Cluster) error { c.Instances()[n].Resume(); return nil },
	}
}

// visitor is an instance that joins for a while and then exits or is killed.
func visitor(d Draw) Fault {
	roles := []string{"processor,channels,sink", "processor", "channels", "sink", "channels,sink"}[d.IntN(5)]
	lasts, killed := d.between(2*time.Second, 9*time.Second), d.IntN(2) == 0
	var guest *cluster.Instance
	return Fault{
		What:  fmt.Sprintf("another run of %s for %v, killed: %v", roles, lasts, killed),
		Lasts: lasts,
		Begin: func(c *cluster.Cluster) (err error) { guest, err = c.Join(roles); return err },
		End: func(*cluster.Cluster) error {
			if killed {
				guest.Kill()
			} else {
				guest.Term()
			}
			return nil
		},
	}
}
