package stream

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"
)

// beats stands in for the client: it reports requests that were written and answered.
type beats struct{ *Stage }

func newBeats() beats {
	cfg := Config{SessionTimeout: 15 * time.Second}
	return beats{&Stage{cfg: cfg, membership: membershipOf(cfg)}}
}

// beat is a heartbeat that a broker answers after a while. The client does not report the answer.
func (b beats) beat(broker int32, took time.Duration) {
	b.membership.OnBrokerWrite(kgo.BrokerMetadata{NodeID: broker}, keyHeartbeat, 1, 0, 0, nil)
	time.Sleep(took)
	b.membership.OnBrokerE2E(kgo.BrokerMetadata{NodeID: broker}, keyHeartbeat, kgo.BrokerE2E{ReadWait: took})
}

func (b beats) join() {
	b.membership.OnBrokerE2E(kgo.BrokerMetadata{NodeID: 1}, keySyncGroup, kgo.BrokerE2E{})
	b.membership.joined("one")
}

func TestHeartbeatsKeepAMemberAlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBeats()
		require.False(t, b.recentHeartbeat())
		b.join()
		for range 100 {
			require.True(t, b.recentHeartbeat())
			b.beat(1, 10*time.Millisecond)
			time.Sleep(time.Second)
		}
	})
}

// A process that was stopped for a while was expelled. The answer that says so must not count as
// a heartbeat, nor must the answer of a broker that does not know the group.
func TestHeartbeatThatMayHaveBeenRefusedDoesNotCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBeats()
		b.join()
		b.beat(1, time.Millisecond)
		time.Sleep(20 * time.Second)
		b.beat(1, time.Millisecond)
		require.False(t, b.recentHeartbeat(), "it may have been refused")
		b.beat(1, time.Millisecond)
		require.False(t, b.recentHeartbeat(), "the broker did not know, and was asked again")
		b.beat(2, time.Millisecond)
		require.False(t, b.recentHeartbeat(), "and then another")
		b.join()
		require.True(t, b.recentHeartbeat())
	})
}

func TestHeartbeatCountsFromWhenItWasSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBeats()
		b.join()
		time.Sleep(time.Second)
		b.beat(1, 8*time.Second)
		b.beat(1, time.Millisecond)
		require.False(t, b.recentHeartbeat())
		b.membership.OnBrokerE2E(kgo.BrokerMetadata{}, keyHeartbeat, kgo.BrokerE2E{ReadErr: errors.New("cut")})
		require.False(t, b.recentHeartbeat())
	})
}

func TestStaticMemberWaitsForTwiceAsLongAsTheOneBeforeItActs(t *testing.T) {
	for session, takeover := range map[time.Duration]time.Duration{6 * time.Second: 2 * time.Second, 15 * time.Second: 2 * time.Second, time.Hour: 2 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			cfg := Config{SessionTimeout: session, InstanceID: "pod-0"}
			b := beats{&Stage{cfg: cfg, membership: membershipOf(cfg)}}
			synced := func(id string) time.Duration {
				b.membership.OnBrokerE2E(kgo.BrokerMetadata{NodeID: 1}, keySyncGroup, kgo.BrokerE2E{})
				time.Sleep(100 * time.Millisecond)
				return b.membership.joined(id)
			}
			require.Equal(t, takeover-100*time.Millisecond, synced("one"), "from when it joined")
			require.Zero(t, synced("one"), "the same member rejoined")
			require.NotZero(t, synced("two"), "Kafka had another member in between")
			time.Sleep(takeover/2 - 100*time.Millisecond - 1)
			require.True(t, b.recentHeartbeat())
			time.Sleep(time.Nanosecond)
			require.False(t, b.recentHeartbeat())
		})
	}
}
