package stream

import (
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// membership remembers the last successful heartbeat. The client reports that a request was
// answered, not the answer: a heartbeat of an expelled member is answered too. But the client
// sends another heartbeat only if the last one was not refused. So a heartbeat counts when the
// next one is sent, with the time of its request.
type membership struct {
	// interval is the time between heartbeats.
	interval time.Duration
	// actsFor is how long a member may act after its last successful heartbeat.
	actsFor time.Duration
	// takeover is how long a new static member waits before it acts; 0 for a dynamic member.
	takeover time.Duration

	mu       sync.Mutex
	last     time.Time
	answered request
	synced   time.Time
	// id is the member id that Kafka gave; a new one means that a static member was replaced.
	id string
}

// maxTakeover bounds how long a static member waits after it joined.
const maxTakeover = 2 * time.Second

// membershipOf returns the times of a member.
//
// A dynamic member's partitions go to others when its session has ended, so it acts for half of
// the session. A static member's go at once to a process with the same instance id, while the one
// before may still run and know nothing of it. So the new member waits for takeover, and each acts
// for half of that time only. Its heartbeats are more frequent, to notice sooner.
func membershipOf(cfg Config) membership {
	if cfg.InstanceID == "" {
		return membership{interval: cfg.SessionTimeout / 15, actsFor: cfg.SessionTimeout / 2}
	}
	takeover := min(cfg.SessionTimeout/3, maxTakeover)
	return membership{interval: takeover / 10, actsFor: takeover / 2, takeover: takeover}
}

// request is an answered request.
type request struct {
	broker int32
	at     time.Time
}

// The keys of Kafka's requests that keep a membership alive.
const (
	keyHeartbeat = 12
	keySyncGroup = 14
)

// OnBrokerE2E is called by the client after each request.
func (m *membership) OnBrokerE2E(broker kgo.BrokerMetadata, key int16, e2e kgo.BrokerE2E) {
	if e2e.Err() != nil {
		return
	}
	sent := time.Now().Add(-e2e.DurationE2E())
	m.mu.Lock()
	defer m.mu.Unlock()
	switch key {
	case keyHeartbeat:
		m.answered = request{broker.NodeID, sent}
	case keySyncGroup:
		m.synced = sent
	}
}

// OnBrokerWrite is called by the client when a request was written. A heartbeat that follows
// soon, or to another broker, is a retry: the first broker may not have known the group.
func (m *membership) OnBrokerWrite(broker kgo.BrokerMetadata, key int16, _ int, _, _ time.Duration, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if key != keyHeartbeat || err != nil || m.answered.at.IsZero() {
		return
	}
	if m.answered.broker == broker.NodeID && time.Since(m.answered.at) >= m.interval*3/4 && m.answered.at.After(m.last) {
		m.last = m.answered.at
	}
	m.answered = request{}
}

// joined is called when partitions were assigned to a member: the last join succeeded. It returns
// how long the member must wait until it acts.
func (m *membership) joined(id string) (wait time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.answered = request{}
	if m.synced.After(m.last) {
		m.last = m.synced
	}
	if id != m.id {
		wait = m.takeover - time.Since(m.synced)
	}
	m.id = id
	return max(0, wait)
}

// recentHeartbeat says whether the last heartbeat is recent enough for the member to act.
func (s *Stage) recentHeartbeat() bool {
	s.membership.mu.Lock()
	defer s.membership.mu.Unlock()
	return time.Since(s.membership.last) < s.membership.actsFor
}
