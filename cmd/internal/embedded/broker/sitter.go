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

// Kafka gives up no member that waits for the answer to its JoinGroup. kfake does, when
// the others take longer to come than the member's session, and then never answers: the
// member waits for more than half a minute for nothing, and whatever else its connection
// asks waits behind that. So heartbeats are sent for whoever waits to join.

// sitter sends heartbeats for members that wait to join their group again.
type sitter struct {
	client *kgo.Client
	ctx    context.Context
	cancel context.CancelFunc
	work   sync.WaitGroup

	mu sync.Mutex
	// generations are those of the members' own last heartbeats.
	generations map[member]int32
}

type member struct{ group, id string }

func newSitter(cluster *kfake.Cluster) (*sitter, error) {
	client, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...))
	if err != nil {
		return nil, err
	}
	s := &sitter{client: client, generations: map[member]int32{}}
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

func (s *sitter) close() {
	s.cancel()
	s.work.Wait()
	s.client.Close()
}

func (s *sitter) heard(r kmsg.Request) {
	h := r.(*kmsg.HeartbeatRequest)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.generations[member{h.Group, h.MemberID}] = h.Generation
}

func (s *sitter) leaves(r kmsg.Request) {
	l := r.(*kmsg.LeaveGroupRequest)
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.generations, member{l.Group, l.MemberID})
	for _, m := range l.Members {
		delete(s.generations, member{l.Group, m.MemberID})
	}
}

// joins is told of each JoinGroup before the broker looks at it. Who joins for the
// first time has no session yet.
func (s *sitter) joins(r kmsg.Request) {
	j := r.(*kmsg.JoinGroupRequest)
	m := member{j.Group, j.MemberID}
	s.mu.Lock()
	generation, known := s.generations[m]
	s.mu.Unlock()
	if known && s.ctx.Err() == nil {
		s.work.Go(func() { s.sit(m, generation, time.Duration(j.SessionTimeoutMillis)*time.Millisecond/6) })
	}
}

// sit sends heartbeats as long as the group waits for its members.
func (s *sitter) sit(m member, generation int32, every time.Duration) {
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
