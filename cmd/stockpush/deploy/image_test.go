package deploy

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const root = "../../.."

// instruction is one of a Dockerfile.
type instruction struct{ name, rest string }

func dockerfile(t *testing.T) (all []instruction) {
	text, err := os.ReadFile("../Dockerfile")
	require.NoError(t, err)
	joined := strings.ReplaceAll(string(text), "\\\n", " ")
	for line := range strings.Lines(joined) {
		name, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		if name != "" && !strings.HasPrefix(name, "#") {
			all = append(all, instruction{name, strings.TrimSpace(rest)})
		}
	}
	require.NotEmpty(t, all)
	return all
}

// final returns the instructions of the last stage.
func final(all []instruction) []instruction {
	for i := len(all) - 1; ; i-- {
		if all[i].name == "FROM" {
			return all[i:]
		}
	}
}

func of(all []instruction, name string) (found []string) {
	for _, i := range all {
		if i.name == name {
			found = append(found, i.rest)
		}
	}
	return found
}

var (
	pinnedImage = regexp.MustCompile(`^[a-z0-9./-]+:\d+\.\d+\.\d+[a-z0-9.-]*@sha256:[0-9a-f]{64}$`)
	secretWord  = regexp.MustCompile(`(?i)password|secret|token|partner_key`)
)

func TestBaseImagesArePinned(t *testing.T) {
	arguments := map[string]string{}
	stages := []string{"scratch"}
	for _, i := range dockerfile(t) {
		switch i.name {
		case "ARG":
			name, value, _ := strings.Cut(i.rest, "=")
			arguments["${"+name+"}"] = value
		case "FROM":
			words := strings.Fields(i.rest)
			image := words[0]
			if value, ok := arguments[image]; ok {
				image = value
			}
			require.True(t, slices.Contains(stages, image) || pinnedImage.MatchString(image), "%s has no exact version and digest", image)
			if len(words) == 3 {
				stages = append(stages, words[2])
			}
		}
	}
}

func TestImageHasTheGoVersionOfTheModule(t *testing.T) {
	module, err := os.ReadFile(filepath.Join(root, "go.mod"))
	require.NoError(t, err)
	version := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindStringSubmatch(string(module))
	require.Len(t, version, 2)
	require.Contains(t, of(dockerfile(t), "ARG")[0], "golang:"+version[1]+".")
}

func TestImageRunsWithoutRightsAndWithoutAShell(t *testing.T) {
	all := dockerfile(t)
	last := final(all)
	require.Equal(t, "scratch", last[0].rest)
	require.Empty(t, of(last, "RUN"), "there is nothing that could run it")
	require.Empty(t, of(all, "ADD"), "COPY says what it does")
	user, group, _ := strings.Cut(of(last, "USER")[len(of(last, "USER"))-1], ":")
	for _, id := range []string{user, group} {
		n, err := strconv.Atoi(id)
		require.NoError(t, err, "Kubernetes' runAsNonRoot needs numbers")
		require.Positive(t, n)
	}
	health := of(last, "HEALTHCHECK")
	require.Len(t, health, 1)
	_, command, _ := strings.Cut(health[0], "CMD ")
	for name, text := range map[string]string{"HEALTHCHECK": command, "ENTRYPOINT": of(last, "ENTRYPOINT")[0], "CMD": of(last, "CMD")[0]} {
		var words []string
		require.NoError(t, json.Unmarshal([]byte(text), &words), "%s needs a shell: %s", name, text)
		require.NotEmpty(t, words)
	}
	for _, i := range all {
		if i.name == "ARG" || i.name == "ENV" || i.name == "LABEL" {
			require.NotRegexp(t, secretWord, i.rest, "it stays in the image")
		}
	}
}

// ignored applies .dockerignore as Docker does: the last pattern that matches a file, or a folder
// above it, decides.
func ignored(t *testing.T) func(path string) bool {
	text, err := os.ReadFile(filepath.Join(root, ".dockerignore"))
	require.NoError(t, err)
	type rule struct {
		pattern *regexp.Regexp
		keeps   bool
	}
	var rules []rule
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		pattern, keeps := strings.CutPrefix(line, "!")
		expression := strings.NewReplacer(`\*\*/`, "(.*/)?", `\*`, "[^/]*").Replace(regexp.QuoteMeta(pattern))
		rules = append(rules, rule{regexp.MustCompile("^" + expression + "(/.*)?$"), keeps})
	}
	return func(path string) bool {
		out := false
		for _, r := range rules {
			if r.pattern.MatchString(path) {
				out = !r.keeps
			}
		}
		return out
	}
}

func TestBuildContextHasWhatTheBuildNeedsAndNoMore(t *testing.T) {
	out := ignored(t)
	for _, path := range []string{".git/config", ".stockpush/npm/x", "bin/stockpush", "tokens.json", "stockpush.yaml", "cmd/lab/sim/sim.go", "cmd/stockpush/main_test.go",
		"cmd/stockpush/testdata/x", "README.md", "docker-compose.yml", "cmd/stockpush/deploy/doc.go"} {
		require.True(t, out(path), "%s goes to the builder", path)
	}
	list := exec.Command("go", "list", "-deps", "-tags", "static", "-f", `{{if not .Standard}}{{$d := .Dir}}{{if .Module.Main}}{{range .GoFiles}}{{$d}}/{{.}}
{{end}}{{range .EmbedFiles}}{{$d}}/{{.}}
{{end}}{{end}}{{end}}`, "./cmd/stockpush")
	list.Dir = root
	files, err := list.Output()
	require.NoError(t, err)
	top, err := filepath.Abs(root)
	require.NoError(t, err)
	needed := append(strings.Fields(string(files)), filepath.Join(top, "go.mod"), filepath.Join(top, "go.sum"), filepath.Join(top, "Makefile"))
	require.Greater(t, len(needed), 100)
	for _, file := range needed {
		path, err := filepath.Rel(top, file)
		require.NoError(t, err)
		require.False(t, out(filepath.ToSlash(path)), "%s is needed, and ignored", path)
	}
}
