package main

import (
	"fmt"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"stockpush/cmd/internal/programtest"
)

// composeService is a service of docker-compose.yml.
type composeService struct {
	Command     []string
	Environment map[string]string
}

func composeServices(t *testing.T) map[string]composeService {
	text, err := os.ReadFile("../../docker-compose.yml")
	require.NoError(t, err)
	var file struct {
		Services map[string]composeService
	}
	require.NoError(t, yaml.Unmarshal(text, &file))
	return file.Services
}

// kafkaProperties writes the properties that the image apache/kafka makes of its environment.
// places replaces paths and addresses of the container.
func kafkaProperties(t *testing.T, environment map[string]string, places *strings.Replacer) (file string) {
	name := strings.NewReplacer("___", "-", "__", "_", "_", ".")
	var text strings.Builder
	for _, key := range slices.Sorted(maps.Keys(environment)) {
		property, ok := strings.CutPrefix(key, "KAFKA_")
		require.True(t, ok, key)
		_, _ = fmt.Fprintf(&text, "%s=%s\n", name.Replace(strings.ToLower(property)), places.Replace(environment[key]))
	}
	file = filepath.Join(t.TempDir(), "server.properties")
	require.NoError(t, os.WriteFile(file, []byte(text.String()), 0o600))
	return file
}

func formatStorage(t *testing.T, properties string) {
	const anyID = "4L6g3nShT-eMCtK--X86sw"
	out, err := java(t, "kafka.tools.StorageTool", "format", "-t", anyID, "-c", properties).CombinedOutput()
	require.NoError(t, err, string(out))
}

// An Apache Kafka of this machine accepts the broker's configuration of the compose file, and
// stockpush logs in with the one of the profile secure.
func TestE2EComposeFileOnApacheKafka(t *testing.T) {
	java(t) // skip before anything is started
	services, dir := composeServices(t), t.TempDir()
	formatStorage(t, kafkaProperties(t, services["kafka"].Environment, strings.NewReplacer("/var/lib/kafka/data", filepath.Join(dir, "plain"))))

	certificates := exec.Command("sh", "-ec", strings.ReplaceAll(services["certificates"].Command[0], "/certificates", dir))
	out, err := certificates.CombinedOutput()
	require.NoError(t, err, string(out))
	address := freeAddr(t)
	_, port, err := net.SplitHostPort(address)
	require.NoError(t, err)
	control, internal := freeAddr(t), freeAddr(t)
	properties := kafkaProperties(t, services["kafka-secure"].Environment, strings.NewReplacer(
		"/certificates", dir, "/var/lib/kafka/data", filepath.Join(dir, "secure"),
		"//:29094", "//"+address, "localhost:29094", "localhost:"+port, "//:9094", "//"+freeAddr(t), "localhost:9092", internal, "localhost:9093", control))
	formatStorage(t, properties)
	broker := programtest.Start(t, "java", java(t, "kafka.Kafka", properties).Args[1:]...)

	for key, value := range services["stockpush-secure"].Environment {
		if strings.HasPrefix(key, "STOCKPUSH_KAFKA_") {
			t.Setenv(key, strings.ReplaceAll(value, "/certificates", dir))
		}
	}
	t.Setenv("STOCKPUSH_KAFKA_BROKERS", "localhost:"+port)
	s := newSurroundings(t)
	setUp := func() bool { code, _, _ := s.stockpush("setup"); return code == exitDone }
	require.Eventually(t, setUp, 2*time.Minute, 100*time.Millisecond, "%s", broker.Log())
	code, stdout, stderr := s.stockpush("check")
	require.Equal(t, exitDone, code, stdout+stderr)
	require.Contains(t, stdout, "ok      kafka")
	code, stdout, _ = s.stockpush("check", "--kafka.sasl.password=wrong")
	require.Equal(t, exitFailed, code)
	require.Contains(t, stdout, "FAILED  kafka")
}
