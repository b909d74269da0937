package broker

import (
	"context"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Apache Kafka never expires a member that waits for the answer to its JoinGroup. kfake does, if
// the other members take longer than the session to rejoin, and then never answers. The member
// waits more than half a minute without an answer, and every later request of its connection waits too.
// So this file sends heartbeats for members that wait to join.

// keepAlive sends heartbeats for members that wait to rejoin their group.
type keepAlive struct {
	client *kgo.Client
	ctx    context.Context
	cancel context.CancelFunc
	work   sync.WaitGroup

	mu sync.Mutex
	// generations are the generations in the members' latest heartbeats.
	generations map[member]int32
}

type member struct{ group, id string }

func newKeepAlive(cluster *kfake.Cluster) (*keepAlive, error) {
	client, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...))
	if err != nil {
		return nil, err
	}
	s := &keepAlive{client: client, generations: map[member]int32{}}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	watch := func(key kmsg.Key, see func(kmsg.Request)) {
		cluster.ControlKey(int16(key), func(r kmsg.Request) (kmsg.Response, error, bool) {
			see(r)
			return nil, nil, false
		})
	}
	watch(kmsg.Heartbeat, s.heard)
	watch(kmsg.JoinGroup, s.joins)
	watch(kmsg.LeaveGroup, s.leaves)
	return s, nil
}

func (s *keepAlive) close() {
	s.cancel()
	s.work.Wait()
	s.client.Close()
}

func (s *keepAlive) heard(r kmsg.Request) {
	h := r.(*kmsg.HeartbeatRequest)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.generations[member{h.Group, h.MemberID}] = h.Generation
}

func (s *keepAlive) leaves(r kmsg.Request) {
	l := r.(*kmsg.LeaveGroupRequest)
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.generations, member{l.Group, l.MemberID})
	for _, m := range l.Members {
		delete(s.generations, member{l.Group, m.MemberID})
	}
}

// joins observes each JoinGroup request. A member that joins for the first time has no session yet.
func (s *keepAlive) joins(r kmsg.Request) {
	j := r.(*kmsg.JoinGroupRequest)
	m := member{j.Group, j.MemberID}
	s.mu.Lock()
	generation, known := s.generations[m]
	s.mu.Unlock()
	if known && s.ctx.Err() == nil {
		s.work.Go(func() { s.beat(m, generation, time.Duration(j.SessionTimeoutMillis)*time.Millisecond/6) })
	}
}

// beat sends heartbeats for as long as the group waits for its other members.
func (s *keepAlive) beat(m member, generation int32, every time.Duration) {
	tick := time.NewTicker(max(every, time.Millisecond))
	defer tick.Stop()
	for {
		h := kmsg.NewPtrHeartbeatRequest()
		h.Group, h.MemberID, h.Generation = m.group, m.id, generation
		answer, err := h.RequestWith(s.ctx, s.client)
		if err != nil || answer.ErrorCode != kerr.RebalanceInProgress.Code {
			return
		}
		select {
		case <-s.ctx.Done():
			return
		case <-tick.C:
		}
	}
}
