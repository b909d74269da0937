// Package chart tests the Helm chart: Helm itself lints and renders it, and Kubernetes' own types
// decode the result.
package chart

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/common/util"
	"helm.sh/helm/v4/pkg/chart/v2/lint"
	"helm.sh/helm/v4/pkg/chart/v2/lint/support"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	"helm.sh/helm/v4/pkg/engine"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/yaml"
)

const chartDir = "../stockpush"

// object is one rendered manifest.
type object struct {
	File, Kind, Name string
	Text             string
	// Typed is nil for the kinds of operators, which Kubernetes does not know.
	Typed runtime.Object
}

// operators' kinds have no Go types in Kubernetes; their fields are checked by the tests.
var operators = []string{"monitoring.coreos.com", "keda.sh"}

var strict = serializer.NewCodecFactory(scheme.Scheme, serializer.EnableStrict).UniversalDeserializer()

// parse reads values as a values file has them.
func parse(t *testing.T, text string) map[string]any {
	t.Helper()
	values := map[string]any{}
	if err := yaml.UnmarshalStrict([]byte(text), &values); err != nil {
		t.Fatal(err)
	}
	return values
}

// render renders the chart and decodes every manifest strictly. Of several values the last ones win.
func render(t *testing.T, values ...string) []object {
	t.Helper()
	manifests, err := manifests(t, values...)
	if err != nil {
		t.Fatal(err)
	}
	var all []object
	for _, file := range slices.Sorted(maps.Keys(manifests)) {
		if strings.HasSuffix(file, "NOTES.txt") {
			continue
		}
		for _, text := range separator.Split(manifests[file], -1) {
			if strings.TrimSpace(text) != "" {
				all = append(all, decode(t, file, text))
			}
		}
	}
	return all
}

var separator = regexp.MustCompile(`(?m)^---\s*$`)

func manifests(t *testing.T, values ...string) (map[string]string, error) {
	t.Helper()
	chart, err := loader.Load(chartDir)
	if err != nil {
		t.Fatal(err)
	}
	given := map[string]any{}
	for _, text := range values {
		given = util.CoalesceTables(parse(t, text), given)
	}
	release := common.ReleaseOptions{Name: "shop", Namespace: "stock", IsInstall: true}
	all, err := util.ToRenderValues(chart, given, release, common.DefaultCapabilities)
	if err != nil {
		return nil, err
	}
	return engine.Render(chart, all)
}

func decode(t *testing.T, file, text string) object {
	t.Helper()
	var head struct {
		APIVersion string `json:"apiVersion"`
		Kind       string
		Metadata   struct{ Name string }
	}
	if err := yaml.Unmarshal([]byte(text), &head); err != nil {
		t.Fatalf("%s: %v\n%s", file, err, text)
	}
	o := object{File: file, Kind: head.Kind, Name: head.Metadata.Name, Text: text}
	group, err := schema.ParseGroupVersion(head.APIVersion)
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	if slices.Contains(operators, group.Group) {
		return o
	}
	if o.Typed, _, err = strict.Decode([]byte(text), nil, nil); err != nil {
		t.Fatalf("%s: %v\n%s", file, err, text)
	}
	return o
}

func TestHelmLintsTheChart(t *testing.T) {
	for name, values := range valueSets(t) {
		linter := lint.RunAll(chartDir, parse(t, values), "stock")
		for _, message := range linter.Messages {
			if message.Severity > support.InfoSev {
				t.Errorf("%s: %v", name, message)
			}
		}
	}
}
