package main

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"stockpush/cmd/internal/programtest"

	"github.com/stretchr/testify/require"
)

// java returns a command of the Apache Kafka whose jars are in STOCKPUSH_TEST_KAFKA_LIBS.
func java(t *testing.T, args ...string) *exec.Cmd {
	libs := os.Getenv("STOCKPUSH_TEST_KAFKA_LIBS")
	if libs == "" {
		t.Skip("set STOCKPUSH_TEST_KAFKA_LIBS to a folder with Apache Kafka's jars (.ci/kafka/install makes one)")
	}
	return exec.Command("java", append([]string{"-Xmx384m", "-cp", filepath.Join(libs, "*")}, args...)...)
}

// bundle writes a server's key and certificate to one file, as Kafka needs them.
func (a *authority) bundle(name string) string {
	certFile, keyFile := a.issue(name)
	cert, err := os.ReadFile(certFile)
	require.NoError(a.t, err)
	text, err := os.ReadFile(keyFile)
	require.NoError(a.t, err)
	block, _ := pem.Decode(text)
	key, err := x509.ParseECPrivateKey(block.Bytes)
	require.NoError(a.t, err)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(a.t, err)
	file := filepath.Join(a.dir, name+".bundle.pem")
	require.NoError(a.t, os.WriteFile(file, append(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), cert...), 0o600))
	return file
}

// startSecureKafka starts an Apache Kafka with SASL_SSL at the address, with the users plain
// (PLAIN), short and long (SCRAM). It accepts tokens of the issuer for kafkaAudience (OAUTHBEARER).
func startSecureKafka(t *testing.T, bundle string, issuer *tokenServer) (address string) {
	address = freeAddr(t)
	control, dir := freeAddr(t), t.TempDir()
	properties := filepath.Join(dir, "server.properties")
	require.NoError(t, os.WriteFile(properties, fmt.Appendf(nil, `process.roles=broker,controller
node.id=1
controller.quorum.voters=1@%[2]s
listeners=SASL_SSL://%[1]s,INTERNAL://%[5]s,CONTROLLER://%[2]s
advertised.listeners=SASL_SSL://%[1]s,INTERNAL://%[5]s
inter.broker.listener.name=INTERNAL
controller.listener.names=CONTROLLER
listener.security.protocol.map=SASL_SSL:SASL_SSL,INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT
sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER
listener.name.sasl_ssl.oauthbearer.sasl.jaas.config=org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required;
listener.name.sasl_ssl.oauthbearer.sasl.server.callback.handler.class=org.apache.kafka.common.security.oauthbearer.OAuthBearerValidatorCallbackHandler
sasl.oauthbearer.jwks.endpoint.url=%[7]s
sasl.oauthbearer.expected.issuer=%[8]s
sasl.oauthbearer.expected.audience=%[9]s
listener.name.sasl_ssl.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_plain="%[3]s";
listener.name.sasl_ssl.scram-sha-256.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
ssl.keystore.type=PEM
ssl.keystore.location=%[4]s
log.dirs=%[6]s
offsets.topic.replication.factor=1
offsets.topic.num.partitions=3
group.initial.rebalance.delay.ms=0
auto.create.topics.enable=false
`, address, control, sesame, bundle, freeAddr(t), filepath.Join(dir, "logs"), issuer.keysURL(), tokenIssuer, kafkaAudience), 0o600))
	id := kafkaID(t)
	out, err := java(t, "kafka.tools.StorageTool", "format", "-t", id, "-c", properties,
		"--add-scram", "SCRAM-SHA-256=[name=short,password="+sesame+"]", "--add-scram", "SCRAM-SHA-512=[name=long,password="+sesame+"]").CombinedOutput()
	require.NoError(t, err, string(out))
	broker := java(t, "-Dorg.apache.kafka.sasl.oauthbearer.allowed.urls="+issuer.keysURL(), "kafka.Kafka", properties)
	var log programtest.Log
	broker.Stdout, broker.Stderr = &log, &log
	require.NoError(t, broker.Start())
	t.Cleanup(func() {
		_ = broker.Process.Kill()
		_ = broker.Wait()
		if t.Failed() {
			t.Log(string(log.Bytes()))
		}
	})
	return address
}

func kafkaID(t *testing.T) string {
	id, err := java(t, "kafka.tools.StorageTool", "random-uuid").Output()
	require.NoError(t, err)
	words := bytes.Fields(id)
	return string(words[len(words)-1])
}

// A real Kafka with TLS and users: from setup to a record, and what is refused.
func TestE2EApacheKafkaOverTLSAndSASL(t *testing.T) {
	java(t) // skip before anything is started
	ours, theirs := newAuthority(t, "ours"), newAuthority(t, "theirs")
	s := newSurroundings(t)
	issuer := startTokenServer(t)
	s.Kafka = startSecureKafka(t, ours.bundle(serverName), issuer)
	right := map[string]string{
		"kafka.brokers": s.Kafka, "kafka.tls.enabled": "true", "kafka.tls.ca_file": ours.ca(), "kafka.tls.server_name": serverName,
		"kafka.sasl.mechanism": "SCRAM-SHA-512", "kafka.sasl.username": "long", "kafka.sasl.password": sesame,
	}
	s.Configure(fmt.Sprintf("kafka.tls: {enabled: true, ca_file: %q, server_name: %s}\nkafka.sasl: {mechanism: SCRAM-SHA-512, username: long, password: %s}\n", ours.ca(), serverName, sesame))
	require.Eventually(t, func() bool { code, _, _ := s.stockpush("setup"); return code == exitDone }, 2*time.Minute, 100*time.Millisecond, "Kafka does not start")
	bearer := with(right, "kafka.sasl.mechanism", "OAUTHBEARER", "kafka.sasl.oauth.token_url", issuer.tokenURL(), "kafka.sasl.oauth.client_id", "stockpush",
		"kafka.sasl.oauth.client_secret", sesame, "kafka.sasl.oauth.scopes", kafkaScope)
	s.checkEdges(t, " kafka", []edge{
		{"OAUTHBEARER", bearer, []string{"ok"}},
		{"a wrong client secret", with(bearer, "kafka.sasl.oauth.client_secret", "wrong"), []string{"FAILED", "401 Unauthorized", "client_secret"}},
		{"a token for another audience", with(bearer, "kafka.sasl.oauth.scopes", "read"), []string{"FAILED", "kafka.sasl.oauth.client_id and scopes"}},
		{"a token that another server signed", with(bearer, "kafka.sasl.oauth.token_url", startTokenServer(t).tokenURL()), []string{"FAILED", "kafka refuses the login"}},
		{"no token server", with(bearer, "kafka.sasl.oauth.token_url", "http://127.0.0.1:1/token"), []string{"FAILED", "kafka.sasl.oauth.token_url"}},
		{"a mechanism that the broker does not have", with(right, "kafka.sasl.mechanism", "AWS_MSK_IAM"), []string{"FAILED", "does not offer this login"}},
		{"SCRAM-SHA-512", right, []string{"ok"}},
		{"SCRAM-SHA-256", with(right, "kafka.sasl.mechanism", "SCRAM-SHA-256", "kafka.sasl.username", "short"), []string{"ok"}},
		{"PLAIN", with(right, "kafka.sasl.mechanism", "PLAIN", "kafka.sasl.username", "plain"), []string{"ok"}},
		{"a wrong password by SCRAM", with(right, "kafka.sasl.password", "wrong"), []string{"FAILED", "kafka.sasl.username", "kafka.sasl.password"}},
		{"a wrong password by PLAIN", with(right, "kafka.sasl.mechanism", "PLAIN", "kafka.sasl.username", "plain", "kafka.sasl.password", "wrong"), []string{"FAILED", "kafka.sasl.password"}},
		{"a user of another mechanism", with(right, "kafka.sasl.username", "short"), []string{"FAILED", "kafka.sasl.mechanism"}},
		{"another authority than the server's", with(right, "kafka.tls.ca_file", theirs.ca()), []string{"FAILED", "kafka.tls.ca_file"}},
		{"another name than the server's", with(right, "kafka.tls.server_name", "elsewhere.internal"), []string{"FAILED", "kafka.tls.server_name"}},
		{"no TLS", with(right, "kafka.tls.enabled", "false"), []string{"FAILED", "plaintext connection speaking to a tls endpoint"}},
	})
	code, out, errs := s.stockpush("run", "--kafka.sasl.password=wrong")
	require.Equal(t, exitFailed, code)
	require.Contains(t, errs, "check kafka.sasl.mechanism, kafka.sasl.username and kafka.sasl.password")
	require.NotContains(t, out+errs, sesame)
	view := s.system()
	p := s.Serve()
	view.send(event(10001, "over-tls", 5))
	eventually(view, "Successfully", "SELECT any(toString(status)) FROM {db}.push_record_history WHERE event_id = 'over-tls-5' AND status != 'Pending'")
	p.Terminate()
	require.NotContains(t, string(p.Log()), sesame)
}
