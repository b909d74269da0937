package broker_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"go.uber.org/goleak"

	"stockpush/cmd/internal/embedded/broker"
	"stockpush/schemas"
)

const serveArgument = "serve-a-broker"

// TestMain lets the test binary run as a broker that a test can kill.
func TestMain(m *testing.M) {
	if len(os.Args) == 4 && os.Args[1] == serveArgument {
		serve(os.Args[2], os.Args[3])
	}
	goleak.VerifyTestMain(m)
}

func serve(listen, dir string) {
	b, err := broker.Start(broker.Config{Listen: listen, DataDir: dir})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println(b.Addr())
	_, _ = bufio.NewReader(os.Stdin).ReadString('\n') // the test closes stdin when it ends
	os.Exit(0)
}

const topics = schemas.Topics("test")

func start(t *testing.T, listen, dir string) *broker.Broker {
	b, err := broker.Start(broker.Config{Listen: listen, DataDir: dir})
	require.NoError(t, err)
	t.Cleanup(b.Close)
	return b
}

func connect(t *testing.T, addr string) *kgo.Client {
	client, err := kgo.NewClient(kgo.SeedBrokers(addr), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerBatchMaxBytes(schemas.MaxDeadLetterBytes), kgo.ProducerBatchCompression(kgo.NoCompression()))
	require.NoError(t, err)
	t.Cleanup(client.Close)
	return client
}

func createTopics(t *testing.T, client *kgo.Client) {
	for _, spec := range topics.Specs(3) {
		configs := map[string]*string{}
		for name, value := range spec.Configs {
			configs[name] = &value
		}
		_, err := kadm.NewClient(client).CreateTopic(t.Context(), int32(spec.Partitions), 1, configs, spec.Name)
		require.NoError(t, err)
	}
}

func produce(t *testing.T, client *kgo.Client, r *kgo.Record) error {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	return client.ProduceSync(ctx, r).FirstErr()
}

// fill writes the data that must survive, and returns the topic's id.
func fill(t *testing.T, addr string) kadm.TopicID {
	client := connect(t, addr)
	createTopics(t, client)
	for i := range 100 {
		require.NoError(t, produce(t, client, &kgo.Record{Topic: topics.Events(), Partition: 2, Value: fmt.Append(nil, i)}))
	}
	offsets := kadm.Offsets{}
	offsets.Add(kadm.Offset{Topic: topics.Events(), Partition: 2, At: 42, LeaderEpoch: -1})
	require.NoError(t, kadm.NewClient(client).CommitAllOffsets(t.Context(), topics.ProcessorGroup(), offsets))
	id := topicID(t, client)
	client.Close()
	return id
}

func topicID(t *testing.T, client *kgo.Client) kadm.TopicID {
	details, err := kadm.NewClient(client).ListTopics(t.Context())
	require.NoError(t, err)
	return details[topics.Events()].ID
}

// requireFilled checks that everything that fill wrote exists.
func requireFilled(t *testing.T, addr string, id kadm.TopicID) {
	client := connect(t, addr)
	require.Equal(t, id, topicID(t, client))
	admin := kadm.NewClient(client)
	committed, err := admin.FetchOffsets(t.Context(), topics.ProcessorGroup())
	require.NoError(t, err)
	offset, ok := committed.Lookup(topics.Events(), 2)
	require.True(t, ok)
	require.Equal(t, int64(42), offset.At)
	require.Equal(t, hundred(), values(t, client, 100))
	require.NoError(t, produce(t, client, &kgo.Record{Topic: topics.Events(), Partition: 2, Value: []byte("next")}))
	require.Equal(t, "next", values(t, client, 101)[100])
}

func hundred() (all []string) {
	for i := range 100 {
		all = append(all, fmt.Sprint(i))
	}
	return all
}

// values reads the first n records of the partition that fill wrote.
func values(t *testing.T, client *kgo.Client, n int) (got []string) {
	client.AddConsumePartitions(map[string]map[int32]kgo.Offset{topics.Events(): {2: kgo.NewOffset().AtStart()}})
	defer client.PurgeTopicsFromConsuming(topics.Events())
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for len(got) < n {
		fetches := client.PollFetches(ctx)
		require.NoError(t, fetches.Err0())
		fetches.EachRecord(func(r *kgo.Record) { got = append(got, string(r.Value)) })
	}
	return got
}

func TestRestartOnTheSamePortKeepsEverything(t *testing.T) {
	dir := t.TempDir()
	first := start(t, "127.0.0.1:0", dir)
	addr := first.Addr()
	id := fill(t, addr)
	first.Close()
	second := start(t, addr, dir)
	require.Equal(t, addr, second.Addr())
	requireFilled(t, addr, id)
}

func TestKilledBrokerLosesNothing(t *testing.T) {
	dir := t.TempDir()
	self, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.Command(self, serveArgument, "127.0.0.1:0", dir)
	stdin, err := cmd.StdinPipe()
	require.NoError(t, err)
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = stdin.Close() })
	line, err := bufio.NewReader(stdout).ReadString('\n')
	require.NoError(t, err)
	id := fill(t, strings.TrimSpace(line))
	require.NoError(t, cmd.Process.Kill())
	require.Error(t, cmd.Wait())
	requireFilled(t, start(t, "127.0.0.1:0", dir).Addr(), id)
}

// Earlier members work on until a heartbeat tells them that they are no members any more.
func TestBrokerWithExistingDataDelaysGroupJoins(t *testing.T) {
	dir := t.TempDir()
	first, err := broker.Start(broker.Config{Listen: "127.0.0.1:0", DataDir: dir})
	require.NoError(t, err)
	_, err = kadm.NewClient(connect(t, first.Addr())).CreateTopic(t.Context(), 1, 1, nil, "t")
	require.NoError(t, err)
	first.Close()
	const settle = 500 * time.Millisecond
	began := time.Now()
	second, err := broker.Start(broker.Config{Listen: "127.0.0.1:0", DataDir: dir, Settle: settle})
	require.NoError(t, err)
	t.Cleanup(second.Close)
	joined := make(chan time.Time, 10)
	member, err := kgo.NewClient(kgo.SeedBrokers(second.Addr()), kgo.ConsumerGroup("g"), kgo.ConsumeTopics("t"),
		kgo.OnPartitionsAssigned(func(context.Context, *kgo.Client, map[string][]int32) { joined <- time.Now() }))
	require.NoError(t, err)
	t.Cleanup(member.Close)
	require.Greater(t, (<-joined).Sub(began), settle)
}

// A member stays in the group and gets its answer, even if another one takes longer than a session
// to revoke its partitions.
func TestMemberWaitingToJoinIsNotRemoved(t *testing.T) {
	const session, slow = 6 * time.Second, 9 * time.Second // Kafka's minimum session is 6 s
	b := start(t, "127.0.0.1:0", "")
	createTopics(t, connect(t, b.Addr()))
	lost, release := make(chan string, 10), make(chan struct{})
	var joined sync.Map
	join := func(name string, revoked func()) *kgo.Client {
		member, err := kgo.NewClient(kgo.SeedBrokers(b.Addr()), kgo.ConsumerGroup("g"), kgo.ConsumeTopics(topics.Events()), kgo.Balancers(kgo.RangeBalancer()),
			kgo.SessionTimeout(session), kgo.HeartbeatInterval(100*time.Millisecond), kgo.RebalanceTimeout(time.Minute),
			kgo.OnPartitionsAssigned(func(context.Context, *kgo.Client, map[string][]int32) {
				n, _ := joined.LoadOrStore(name, new(atomic.Int64))
				n.(*atomic.Int64).Add(1)
			}),
			kgo.OnPartitionsRevoked(func(context.Context, *kgo.Client, map[string][]int32) { revoked() }),
			kgo.OnPartitionsLost(func(context.Context, *kgo.Client, map[string][]int32) { lost <- name }))
		require.NoError(t, err)
		return member
	}
	times := func(name string) int64 {
		n, ok := joined.Load(name)
		if !ok {
			return 0
		}
		return n.(*atomic.Int64).Load()
	}
	awaited := func(name string, n int64) {
		require.Eventually(t, func() bool { return times(name) >= n }, 30*time.Second, 10*time.Millisecond, "%s is not assigned", name)
	}
	waits := join("waits", func() {})
	defer waits.CloseAllowingRebalance()
	awaited("waits", 1)
	drains := join("drains", func() { <-release })
	defer drains.CloseAllowingRebalance()
	awaited("drains", 1)
	awaited("waits", 2)
	time.AfterFunc(slow, func() { close(release) })
	third := join("third", func() {})
	defer third.CloseAllowingRebalance()
	awaited("third", 1)
	awaited("waits", 3)
	require.Empty(t, lost)
}

// The older of two processes with one instance id leaves when it is fenced.
func TestFencedMemberDoesNotRemoveItsSuccessor(t *testing.T) {
	b := start(t, "127.0.0.1:0", "")
	createTopics(t, connect(t, b.Addr()))
	join := func() (*kgo.Client, string) {
		joined := make(chan struct{}, 10)
		client, err := kgo.NewClient(kgo.SeedBrokers(b.Addr()), kgo.ConsumerGroup("g"), kgo.InstanceID("pod-0"), kgo.ConsumeTopics(topics.Events()),
			kgo.OnPartitionsAssigned(func(context.Context, *kgo.Client, map[string][]int32) { joined <- struct{}{} }))
		require.NoError(t, err)
		t.Cleanup(client.CloseAllowingRebalance)
		<-joined
		id, _ := client.GroupMetadata()
		return client, id
	}
	leave := func(id string) error {
		r := kmsg.NewPtrLeaveGroupRequest()
		m := kmsg.NewLeaveGroupRequestMember()
		m.MemberID, m.InstanceID = id, kmsg.StringPtr("pod-0")
		r.Group, r.Members = "g", []kmsg.LeaveGroupRequestMember{m}
		answer, err := r.RequestWith(t.Context(), connect(t, b.Addr()))
		require.NoError(t, err)
		return kerr.ErrorForCode(answer.Members[0].ErrorCode)
	}
	_, older := join()
	_, newer := join()
	require.NotEqual(t, older, newer)
	for range 2 {
		require.ErrorIs(t, leave(older), kerr.FencedInstanceID)
	}
	require.NoError(t, leave(newer))
}

func TestBrokerAdvertisesItsListenAddress(t *testing.T) {
	b := start(t, "127.0.0.1:0", "")
	brokers, err := kadm.NewClient(connect(t, b.Addr())).ListBrokers(t.Context())
	require.NoError(t, err)
	require.Len(t, brokers, 1)
	require.Equal(t, b.Addr(), fmt.Sprintf("%s:%d", brokers[0].Host, brokers[0].Port))
}

func TestUnknownTopicsAreNotCreated(t *testing.T) {
	client, err := kgo.NewClient(kgo.SeedBrokers(start(t, "127.0.0.1:0", "").Addr()),
		kgo.AllowAutoTopicCreation(), kgo.UnknownTopicRetries(0))
	require.NoError(t, err)
	t.Cleanup(client.Close)
	require.ErrorIs(t, produce(t, client, &kgo.Record{Topic: "unknown-topic"}), kerr.UnknownTopicOrPartition)
}

func TestMaxMessageBytesOfATopicIsHonoured(t *testing.T) {
	client := connect(t, start(t, "127.0.0.1:0", "").Addr())
	createTopics(t, client)
	big := make([]byte, 2<<20)
	require.NoError(t, produce(t, client, &kgo.Record{Topic: topics.DeadLetters(), Value: big}))
	require.ErrorIs(t, produce(t, client, &kgo.Record{Topic: topics.Events(), Value: big}), kerr.MessageTooLarge)
}

// Compacted topics have no retention by age; others do.
func TestCompactedTopicsHaveNoRetention(t *testing.T) {
	client := connect(t, start(t, "127.0.0.1:0", "").Addr())
	admin := kadm.NewClient(client)
	often := "20" // milliseconds between checks for expired records
	_, err := admin.AlterBrokerConfigs(t.Context(), []kadm.AlterConfig{{Name: "log.cleaner.backoff.ms", Value: &often}}, 0)
	require.NoError(t, err)
	createTopics(t, client)
	lastMonth := time.Now().Add(-30 * 24 * time.Hour)
	for _, topic := range []string{topics.State(), topics.Commands()} { // in this order: one check sees both
		require.NoError(t, produce(t, client, &kgo.Record{Topic: topic, Timestamp: lastMonth, Key: []byte("k"), Value: []byte("v")}))
	}
	require.Eventually(t, func() bool { return startOffset(t, admin, topics.Commands()) == 1 }, 10*time.Second, 10*time.Millisecond)
	require.Zero(t, startOffset(t, admin, topics.State()))
}

func startOffset(t *testing.T, admin *kadm.Client, topic string) int64 {
	all, err := admin.ListStartOffsets(t.Context(), topic)
	require.NoError(t, err)
	first, ok := all.Lookup(topic, 0)
	require.True(t, ok)
	return first.Offset
}

// The server keeps the producer's timestamp where Apache Kafka would set its own. If this test
// fails, the server has changed: update the package's doc.
func TestLogAppendTimeIsNotHonouredYet(t *testing.T) {
	client := connect(t, start(t, "127.0.0.1:0", "").Addr())
	createTopics(t, client)
	old := time.UnixMilli(1_000_000_000_000)
	require.NoError(t, produce(t, client, &kgo.Record{Topic: topics.Events(), Partition: 2, Timestamp: old, Value: []byte("x")}))
	client.AddConsumePartitions(map[string]map[int32]kgo.Offset{topics.Events(): {2: kgo.NewOffset().AtStart()}})
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	records := client.PollFetches(ctx).Records()
	require.Len(t, records, 1)
	require.True(t, old.Equal(records[0].Timestamp))
}

func TestBadAddressErrorsHaveAHint(t *testing.T) {
	for _, address := range []string{"", "9092", "127.0.0.1:kafka", "127.0.0.1:70000", ":9092", "0.0.0.0:9092", "[::]:9092"} {
		_, err := broker.Start(broker.Config{Listen: address})
		require.ErrorContains(t, err, "listen address", address)
	}
	taken := start(t, "127.0.0.1:0", "")
	_, err := broker.Start(broker.Config{Listen: taken.Addr()})
	require.ErrorContains(t, err, "is another one running?")
}
