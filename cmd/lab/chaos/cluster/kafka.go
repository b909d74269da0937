package cluster

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// clusterID has Kafka's format: 16 bytes in base64.
const clusterID = "Y2hhb3Mtc3RvY2twdXNoIQ"

// newKafka returns an Apache Kafka from the jars in libs: one broker that is also the controller.
func (c *Cluster) newKafka(libs string) (*Process, error) {
	properties := filepath.Join(c.dir, "server.properties")
	text := fmt.Sprintf(`process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:%[2]d
listeners=PLAINTEXT://%[1]s,CONTROLLER://127.0.0.1:%[2]d
advertised.listeners=PLAINTEXT://%[1]s
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs=%[3]s
offsets.topic.replication.factor=1
offsets.topic.num.partitions=3
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
auto.create.topics.enable=false
# After a crash the controller, which is the same process, first gives its broker's last life up.
broker.session.timeout.ms=2000
broker.heartbeat.interval.ms=500
`, c.Kafka, freePort(), filepath.Join(c.BrokerDisk.Dir, "kafka"))
	if err := os.WriteFile(properties, []byte(text), 0o600); err != nil {
		return nil, err
	}
	java := func(args ...string) *exec.Cmd {
		// Without the second compiler it starts faster.
		return exec.Command("java", append([]string{"-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", filepath.Join(libs, "*")}, args...)...)
	}
	if out, err := java("kafka.tools.StorageTool", "format", "-t", clusterID, "-c", properties).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("apache kafka (in %s): format: %w: %s", libs, err, out)
	}
	broker := c.process("broker", "", func() *exec.Cmd { return java("kafka.Kafka", properties) })
	broker.again = true      // it exits when its disk is full
	broker.listens = c.Kafka // it prints nothing without a logger's configuration
	return broker, nil
}
