package cluster

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"stockpush/cmd/internal/faultproxy"
)

// Instance is a process of `run`.
type Instance struct {
	*Process
	Roles string
	// id is its kafka.instance_id if members are static.
	id string
	// shopee is its own proxy to the sandbox, which identifies its calls.
	shopee *faultproxy.Proxy
	// permanent instances run again after healing; others only join for a while.
	permanent bool

	mu     sync.Mutex
	since  time.Time
	pauses []Pause
}

// Pause is a time in which an instance was stopped.
type Pause struct {
	Host     string
	From, To time.Time
}

// Join starts an instance with comma-separated roles.
func (c *Cluster) Join(roles string) (*Instance, error) {
	return c.join(roles, "")
}

// Duplicate starts an instance with the roles and the instance id of another. It is not restarted
// when it exits.
func (c *Cluster) Duplicate(of *Instance) (*Instance, error) { return c.join(of.Roles, of.id) }

// join starts an instance. If members are static, its id is duplicates, or a new one if that is
// empty.
func (c *Cluster) join(roles, duplicates string) (*Instance, error) {
	proxy, err := faultproxy.New(strings.TrimPrefix(c.SandboxURL, "http://"))
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	n := len(c.instances)
	i := &Instance{Roles: roles, shopee: proxy, permanent: n < len(c.cfg.Layout)}
	name := fmt.Sprintf("run-%d", n+1)
	args := append([]string{"run", "--roles=" + roles}, c.settings(c.Store.Addr(), "http://"+proxy.Addr())...)
	if c.cfg.Static {
		i.id = cmp.Or(duplicates, name)
		args = append(args, "--kafka.instance_id="+i.id)
	}
	i.Process = c.program(name, args...)
	i.ready, i.again = "msg=ready", duplicates == ""
	c.instances = append(c.instances, i)
	c.mu.Unlock()
	return i, i.Start()
}

// Instances returns all instances that ever joined, in that order.
func (c *Cluster) Instances() []*Instance {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.instances)
}

// Stop stops the instance like an overloaded machine; Resume resumes it.
func (i *Instance) Stop() {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.since.IsZero() && i.Signal(syscall.SIGSTOP) {
		i.since = time.Now()
	}
}

// Resume resumes a stopped instance.
func (i *Instance) Resume() {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.since.IsZero() {
		return
	}
	i.pauses = append(i.pauses, Pause{i.shopee.Addr(), i.since, time.Now()})
	i.since = time.Time{}
	i.Signal(syscall.SIGCONT)
}

// Term resumes a stopped instance first, because it could not exit otherwise.
func (i *Instance) Term() {
	i.Resume()
	i.Process.Term()
}

// Pauses returns the times in which instances were stopped for longer than members act without a
// heartbeat: half their session, and less if they are static.
func (c *Cluster) Pauses() []Pause {
	var all []Pause
	limit := SessionTimeout / 2
	if c.cfg.Static {
		limit = SessionTimeout / 6
	}
	for _, i := range c.Instances() {
		i.mu.Lock()
		for _, p := range i.pauses {
			if p.To.Sub(p.From) >= limit {
				all = append(all, p)
			}
		}
		i.mu.Unlock()
	}
	return all
}
