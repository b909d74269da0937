package stream

import (
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// membership remembers when the group last took us for a member. The client tells
// that a request was answered, not what the answer was: a heartbeat of somebody who
// was expelled, say after he was stopped for a while, is answered too. But the
// client sends another one only if the last was not refused. So a heartbeat counts
// from the next one on, and the time is that of the request, to be on the safe side.
type membership struct {
	// interval is the time between heartbeats.
	interval time.Duration

	mu       sync.Mutex
	last     time.Time
	answered request
	synced   time.Time
}

// request is one that was answered, by a broker.
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

// OnBrokerWrite is called by the client when a request was written. A heartbeat
// that follows soon, or to another broker, is the same one again: the first broker
// may have said that it does not know the group.
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

// joined says that the last join succeeded: partitions were assigned.
func (m *membership) joined() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.answered = request{}
	if m.synced.After(m.last) {
		m.last = m.synced
	}
}

// heard says whether the group took us for a member within half the session timeout.
func (s *Stage) recentHeartbeat() bool {
	s.membership.mu.Lock()
	defer s.membership.mu.Unlock()
	return time.Since(s.membership.last) < s.cfg.SessionTimeout/2
}
