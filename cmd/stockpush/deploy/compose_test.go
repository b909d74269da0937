package deploy

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"stockpush/cmd/internal/config"
	"stockpush/cmd/internal/programtest"
)

type service struct {
	Image       string
	Profiles    []string
	ReadOnly    bool     `yaml:"read_only"`
	CapDrop     []string `yaml:"cap_drop"`
	Environment map[string]string
	Command     []string
	Ports       []string
	Volumes     []string
	Healthcheck struct{ Test []string }
}

func compose(t *testing.T) map[string]service {
	text, err := os.ReadFile(filepath.Join(root, "docker-compose.yml"))
	require.NoError(t, err)
	var file struct{ Services map[string]service }
	require.NoError(t, yaml.Unmarshal(text, &file))
	require.NotEmpty(t, file.Services)
	return file.Services
}

func TestComposeSetsOnlyConfigurationKeysThatExist(t *testing.T) {
	found := 0
	for name, s := range compose(t) {
		if s.Image != "stockpush" {
			continue
		}
		found++
		var environ []string
		for key, value := range s.Environment {
			environ = append(environ, key+"="+value)
		}
		loaded, err := config.Load(config.Source{Environ: environ})
		require.NoError(t, err, name)
		require.Empty(t, loaded.Warnings, name)
		require.True(t, s.ReadOnly, "%s can write to its root file system", name)
		require.Equal(t, []string{"ALL"}, s.CapDrop, name)
		if len(s.Healthcheck.Test) > 0 {
			require.Equal(t, []string{"CMD", "/usr/bin/stockpush", "ready"}, s.Healthcheck.Test[:3], "the image has no other program")
		}
	}
	require.GreaterOrEqual(t, found, 6)
}

func TestComposeRunsTheKafkaOfCI(t *testing.T) {
	pom, err := os.ReadFile(filepath.Join(root, ".ci/kafka/pom.xml"))
	require.NoError(t, err)
	version := regexp.MustCompile(`<artifactId>kafka_2.13</artifactId>\s*<version>([^<]+)<`).FindStringSubmatch(string(pom))
	require.Len(t, version, 2)
	for _, name := range []string{"kafka", "kafka-secure"} {
		require.Equal(t, "apache/kafka:"+version[1], compose(t)[name].Image)
	}
}

func TestComposePublishesOnThisMachineOnly(t *testing.T) {
	published := 0
	for name, s := range compose(t) {
		for _, port := range s.Ports {
			require.True(t, strings.HasPrefix(port, "127.0.0.1:"), "%s publishes %s", name, port)
			published++
		}
	}
	require.Positive(t, published)
}

// A flag that does not exist is an error even beside --help.
func TestComposeGivesCommandsThatExist(t *testing.T) {
	program := programtest.Build(t)
	for name, s := range compose(t) {
		if s.Image == "stockpush" {
			out, err := exec.Command(program, append(s.Command, "--help")...).CombinedOutput()
			require.NoError(t, err, "%s: %s", name, out)
			require.Contains(t, string(out), "stockpush "+s.Command[0], name)
		}
	}
}

func TestComposeDemoHasTraffic(t *testing.T) {
	simulate := compose(t)["simulate"]
	require.Equal(t, []string{"demo"}, simulate.Profiles)
	require.Equal(t, "simulate", simulate.Command[0])
	require.NotContains(t, simulate.Command, "--for", "it ends")
}

// A client of this machine is sent from the published port to the address that Kafka advertises.
func TestComposeKafkaIsReachedFromThisMachine(t *testing.T) {
	for name, listener := range map[string]string{"kafka": "HOST", "kafka-secure": "SECUREHOST"} {
		kafka := compose(t)[name]
		require.Len(t, kafka.Ports, 1)
		words := strings.Split(kafka.Ports[0], ":")
		require.Contains(t, strings.Split(kafka.Environment["KAFKA_LISTENERS"], ","), listener+"://:"+words[2])
		require.Contains(t, strings.Split(kafka.Environment["KAFKA_ADVERTISED_LISTENERS"], ","), listener+"://localhost:"+words[1])
	}
}

func TestComposeDataSurvivesTheContainers(t *testing.T) {
	all := compose(t)
	for _, name := range []string{"kafka", "kafka-secure"} {
		require.Contains(t, all[name].Volumes, name+":"+all[name].Environment["KAFKA_LOG_DIRS"])
	}
	for _, name := range []string{"clickhouse", "clickhouse-1", "clickhouse-2"} {
		require.Contains(t, all[name].Volumes, name+":/var/lib/clickhouse")
	}
}
