package chart

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
)

// build builds the program that the chart runs.
func build(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "stockpush")
	cmd := exec.Command("go", "build", "-trimpath", "-tags", "static", "-o", program, "./cmd/stockpush")
	cmd.Dir = "../../../../.."
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return program
}

// placed returns a text whose paths in a container are in a folder here.
func placed(text, dir string) string { return strings.ReplaceAll(text, "/etc/stockpush", dir) }

// place writes the files of a pod's ConfigMap and Secret.
func place(t *testing.T, dir string, pod corev1.PodSpec, objects []object) {
	t.Helper()
	write := func(path, text string) {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, v := range pod.Volumes {
		switch {
		case v.Name == "config":
			for name, text := range find[corev1.ConfigMap](t, objects, v.ConfigMap.Name).Data {
				write(filepath.Join(dir, "config", name), placed(text, dir))
			}
		case v.Name == "secrets":
			for _, item := range v.Secret.Items {
				value := "a-secret-of-16-characters"
				if item.Key == "shopee.tokens_postgres" {
					value = "postgres://u:p@postgres/tokens"
				}
				write(filepath.Join(dir, "secrets", item.Path), value+"\n")
			}
		}
	}
}

// TestTheProgramAcceptsWhatEachPodGivesIt runs each pod's command, with --help, and reads its
// configuration: file, variables and secrets.
func TestTheProgramAcceptsWhatEachPodGivesIt(t *testing.T) {
	program := build(t)
	for name, values := range valueSets(t) {
		objects := render(t, values)
		for role, template := range templates(objects) {
			dir, container := t.TempDir(), template.Spec.Containers[0]
			place(t, dir, template.Spec, objects)
			var environment []string
			for _, e := range container.Env {
				if e.ValueFrom != nil {
					e.Value = "shop-stockpush-channels-0"
				}
				environment = append(environment, e.Name+"="+placed(e.Value, dir))
			}
			run := func(args ...string) string {
				cmd := exec.Command(program, args...)
				cmd.Env = environment
				out, err := cmd.CombinedOutput()
				if err != nil || strings.Contains(string(out), "unknown environment variable") {
					t.Errorf("%s: %s: %v: %v: %s", name, role, args, err, out)
				}
				return string(out)
			}
			args := strings.Split(placed(strings.Join(container.Args, "\n"), dir), "\n")
			run(append(args, "--help")...)
			out := run("config", "--config", args[slices.Index(args, "--config")+1])
			if !strings.Contains(out, "STOCKPUSH_OPS_LISTEN") {
				t.Errorf("%s: %s: the configuration was not read: %s", name, role, out)
			}
		}
	}
}
