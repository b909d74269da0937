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

	mu       sync.Mutex
	last     time.Time
	answered request
	synced   time.Time
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

// joined is called when partitions were assigned: the last join succeeded.
func (m *membership) joined() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.answered = request{}
	if m.synced.After(m.last) {
		m.last = m.synced
	}
}

// recentHeartbeat says whether the last heartbeat is younger than half the session timeout.
func (s *Stage) recentHeartbeat() bool {
	s.membership.mu.Lock()
	defer s.membership.mu.Unlock()
	return time.Since(s.membership.last) < s.cfg.SessionTimeout/2
}
