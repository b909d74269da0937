package chart

import (
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"helm.sh/helm/v4/pkg/chart/common/util"
	"sigs.k8s.io/yaml"
)

// free are values whose keys are Kubernetes' or the program's.
var free = map[string]bool{
	"config": true, "podSecurityContext": true, "securityContext": true, "processor.resources": true, "channels.resources": true, "sink.resources": true,
	"console.resources": true, "setup.resources": true, "dashboards.labels": true,
}

func chartFile(t *testing.T, name string) map[string]any {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(chartDir, name))
	if err != nil {
		t.Fatal(err)
	}
	return parse(t, string(text))
}

// leaves lists the paths of values that the chart decides, with those values.
func leaves(tree map[string]any, path string) map[string]any {
	all := map[string]any{}
	for name, value := range tree {
		if below, ok := value.(map[string]any); ok && len(below) > 0 && !free[path+name] {
			maps.Copy(all, leaves(below, path+name+"."))
		} else {
			all[path+name] = value
		}
	}
	return all
}

// descriptions maps the paths of the schema to their descriptions.
func descriptions(schema map[string]any, path string) map[string]string {
	all := map[string]string{}
	properties, _ := schema["properties"].(map[string]any)
	for name, value := range properties {
		if key, ok := value.(map[string]any); ok {
			all[path+name], _ = key["description"].(string)
			maps.Copy(all, descriptions(key, path+name+"."))
		}
	}
	return all
}

func TestSchemaAndValuesHaveTheSameKeys(t *testing.T) {
	described, values := descriptions(chartFile(t, "values.schema.json"), ""), leaves(chartFile(t, "values.yaml"), "")
	for path := range values {
		if described[path] == "" {
			t.Errorf("the schema does not describe %s", path)
		}
	}
	for path := range described {
		_, isValue := values[path]
		isGroup := strings.Contains(strings.Join(keys(values), "\n")+"\n", path+".")
		if !isValue && !isGroup && path != "global" && !strings.HasPrefix(path, "config.") {
			t.Errorf("values.yaml does not have %s", path)
		}
	}
}

func keys(values map[string]any) (all []string) {
	for path := range values {
		all = append(all, path)
	}
	return all
}

// others are other values of those that do not accept any.
var others = map[string]any{
	"image.digest": "sha256:1111111111111111111111111111111111111111111111111111111111111111", "image.pullPolicy": "Always", "console.service.type": "NodePort",
	"serviceMonitor.interval": "30s", "prometheusRule.runbookURL": "https://changed.example.com/runbook", "autoscaling.kafkaVersion": "3.0.0",
	"secrets.keys": []any{"shopee.partner_key", "shopee.tokens_postgres", "console.token", "kafka.sasl.password"},
}

// changed returns another value.
func changed(path string, value any) any {
	if other, ok := others[path]; ok {
		return other
	}
	switch value := value.(type) {
	case bool:
		return !value
	case float64:
		return value + 1
	case string:
		return "changed"
	case []any:
		return append(value, map[string]any{"name": "changed", "mountPath": "/changed"})
	case map[string]any:
		return map[string]any{"changed": "changed"}
	}
	return nil
}

// TestEveryValueHasAnEffect changes each value alone, with few or with many features on.
func TestEveryValueHasAnEffect(t *testing.T) {
	defaults, sets := chartFile(t, "values.yaml"), []string{valueSets(t)["everything"], named}
	unchanged := map[string]map[string]string{}
	for _, set := range sets {
		unchanged[set] = files(t, set)
	}
	for path := range leaves(defaults, "") {
		has := func(set string) bool {
			value := leaves(util.CoalesceTables(parse(t, set), defaults), "")[path]
			if value == nil { // the set has values below it
				value = map[string]any{}
			}
			text, err := yaml.Marshal(nested(path, changed(path, value)))
			if err != nil {
				t.Fatal(err)
			}
			return !reflect.DeepEqual(unchanged[set], files(t, set, string(text)))
		}
		if !slices.ContainsFunc(sets, has) {
			t.Errorf("%s has no effect", path)
		}
	}
}

func files(t *testing.T, values ...string) map[string]string {
	t.Helper()
	all, err := manifests(t, values...)
	if err != nil {
		t.Fatalf("%v: %v", values[len(values)-1], err)
	}
	return all
}

// nested returns the values that have one at a path.
func nested(path string, value any) map[string]any {
	name, rest, below := strings.Cut(path, ".")
	if below {
		value = nested(rest, value)
	}
	return map[string]any{name: value}
}
