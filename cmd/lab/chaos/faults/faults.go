// Package faults has the kinds of faults for a run, and draws a plan of them.
//
// To add a kind: add a file with a function that draws its parameters from the random source, and a
// line in Kinds. A kind's draws depend on nothing else, so a seed always produces the same plan.
package faults

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"stockpush/cmd/lab/chaos/cluster"
)

// Fault is one fault with its parameters.
type Fault struct {
	// What describes it in the plan.
	What string
	// Begin starts it, End reverts it after Lasts. Either may be nil.
	Begin func(c *cluster.Cluster) error
	End   func(c *cluster.Cluster) error
	Lasts time.Duration
}

// Draw is the source of a kind's parameters.
type Draw struct {
	*rand.Rand
	// Instances is the number of instances at the start; FirstShop and Shops tell which shops
	// exist.
	Instances int
	FirstShop int64
	Shops     int
}

// between draws a duration.
func (d Draw) between(low, high time.Duration) time.Duration {
	return low + time.Duration(d.Int64N(int64(high-low))).Truncate(10*time.Millisecond)
}

// instance draws one of the initial instances.
func (d Draw) instance() int { return d.IntN(d.Instances) }

func (d Draw) shop() int64 { return d.FirstShop + int64(d.IntN(d.Shops)) }

// Kind is a kind of fault.
type Kind struct {
	Name string
	// Weight is how often it is drawn, relative to the others.
	Weight int
	Draw   func(d Draw) Fault
}

// Kinds returns all kinds; those of static members only if members are static.
func Kinds(staticMembers bool) []Kind {
	all := slices.Concat(instances, servers, storage, disks, shopee)
	if staticMembers {
		all = append(all, static...)
	}
	return all
}

// Planned is a fault with its start time since the start of the run.
type Planned struct {
	At   time.Duration
	Kind string
	Fault
}

func (p Planned) String() string { return fmt.Sprintf("%6.2fs %s", p.At.Seconds(), p.What) }

// Plan draws n faults within a time; they also end within it.
func Plan(d Draw, kinds []Kind, n int, within time.Duration) []Planned {
	total := 0
	for _, k := range kinds {
		total += k.Weight
	}
	var plan []Planned
	for range n {
		at := d.between(time.Second, within-time.Second)
		draw := d.IntN(total)
		i := 0
		for ; draw >= kinds[i].Weight; i++ {
			draw -= kinds[i].Weight
		}
		fault := kinds[i].Draw(d)
		at = max(time.Second, min(at, within-fault.Lasts))
		plan = append(plan, Planned{at, kinds[i].Name, fault})
	}
	slices.SortStableFunc(plan, func(a, b Planned) int { return cmp.Compare(a.At, b.At) })
	return plan
}

// Run executes a plan. It reports what happens to tell.
func Run(ctx context.Context, c *cluster.Cluster, plan []Planned, tell func(string)) error {
	started := time.Now()
	var all sync.WaitGroup
	errs := make([]error, len(plan))
	for i, p := range plan {
		all.Go(func() {
			if !wait(ctx, time.Until(started.Add(p.At))) {
				return
			}
			tell(p.String())
			errs[i] = p.carryOut(ctx, c)
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

func (p Planned) carryOut(ctx context.Context, c *cluster.Cluster) error {
	if err := p.Begin(c); err != nil {
		return fmt.Errorf("%s: %w", p.What, err)
	}
	wait(ctx, p.Lasts) // what has begun must be reverted in any case
	if p.End == nil {
		return nil
	}
	if err := p.End(c); err != nil {
		return fmt.Errorf("the end of %s: %w", p.What, err)
	}
	return nil
}

func wait(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}
