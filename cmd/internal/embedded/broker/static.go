package broker

import (
	"sync"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Apache Kafka refuses a static member's leave if another process has joined with its instance id.
// kfake looks at the instance id alone, removes the other process, and never answers its JoinGroup.
// So this file refuses such a leave.

// staticMembers knows the member id of each instance id.
type staticMembers struct {
	mu sync.Mutex
	// ids are by group and instance id. An empty one is not known yet: a process has just joined.
	ids map[member]string
}

func watchStaticMembers(cluster *kfake.Cluster) {
	s := &staticMembers{ids: map[member]string{}}
	cluster.ControlKey(int16(kmsg.JoinGroup), func(r kmsg.Request) (kmsg.Response, error, bool) {
		if j := r.(*kmsg.JoinGroupRequest); j.InstanceID != nil && j.MemberID == "" {
			s.set(member{j.Group, *j.InstanceID}, "")
		}
		return nil, nil, false
	})
	cluster.ControlKey(int16(kmsg.SyncGroup), func(r kmsg.Request) (kmsg.Response, error, bool) {
		if j := r.(*kmsg.SyncGroupRequest); j.InstanceID != nil {
			s.set(member{j.Group, *j.InstanceID}, j.MemberID)
		}
		return nil, nil, false
	})
	cluster.ControlKey(int16(kmsg.LeaveGroup), func(r kmsg.Request) (kmsg.Response, error, bool) {
		l := r.(*kmsg.LeaveGroupRequest)
		if !s.fenced(l) {
			return nil, nil, false
		}
		cluster.KeepControl()
		return refuseLeave(l), nil, true
	})
}

func (s *staticMembers) set(of member, id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ids[of] = id
}

// fenced says whether a member leaves whose instance id belongs to another process.
func (s *staticMembers) fenced(l *kmsg.LeaveGroupRequest) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range l.Members {
		if m.InstanceID == nil || m.MemberID == "" {
			continue
		}
		if id, known := s.ids[member{l.Group, *m.InstanceID}]; known && id != m.MemberID {
			return true
		}
	}
	return false
}

func refuseLeave(l *kmsg.LeaveGroupRequest) *kmsg.LeaveGroupResponse {
	answer := l.ResponseKind().(*kmsg.LeaveGroupResponse)
	for _, m := range l.Members {
		refused := kmsg.NewLeaveGroupResponseMember()
		refused.MemberID, refused.InstanceID, refused.ErrorCode = m.MemberID, m.InstanceID, kerr.FencedInstanceID.Code
		answer.Members = append(answer.Members, refused)
	}
	return answer
}
