package chart

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/yaml"
)

func TestManifestsDecodeStrictly(t *testing.T) {
	for name, values := range valueSets(t) {
		t.Run(name, func(t *testing.T) {
			seen := map[string]bool{}
			for _, o := range render(t, values) {
				if id := o.Kind + "/" + o.Name; seen[id] || o.Name == "" {
					t.Errorf("%s is there twice, or has no name", id)
				} else {
					seen[id] = true
				}
			}
		})
	}
}

// find returns the object of a kind and name in its Go type.
func find[T any](t *testing.T, objects []object, name string) *T {
	t.Helper()
	for _, o := range objects {
		if typed, ok := any(o.Typed).(*T); ok && o.Name == name {
			return typed
		}
	}
	t.Fatalf("there is no %T %s", new(T), name)
	return nil
}

func everything(t *testing.T) []object {
	t.Helper()
	return render(t, valueSets(t)["everything"])
}

// templates are the pod templates by component.
func templates(objects []object) map[string]corev1.PodTemplateSpec {
	all := map[string]corev1.PodTemplateSpec{}
	for _, o := range objects {
		switch typed := o.Typed.(type) {
		case *appsv1.Deployment:
			all[typed.Spec.Template.Labels["app.kubernetes.io/component"]] = typed.Spec.Template
		case *appsv1.StatefulSet:
			all[typed.Spec.Template.Labels["app.kubernetes.io/component"]] = typed.Spec.Template
		case *batchv1.Job:
			all["setup"] = typed.Spec.Template
		}
	}
	return all
}

func TestPodsAreConfined(t *testing.T) {
	for name, values := range valueSets(t) {
		for role, template := range templates(render(t, values)) {
			pod, container := template.Spec, template.Spec.Containers[0]
			s := container.SecurityContext
			ok := pod.SecurityContext != nil && *pod.SecurityContext.RunAsNonRoot && *pod.SecurityContext.RunAsUser != 0 &&
				pod.SecurityContext.SeccompProfile.Type == corev1.SeccompProfileTypeRuntimeDefault &&
				s != nil && *s.ReadOnlyRootFilesystem && !*s.AllowPrivilegeEscalation && slices.Equal(s.Capabilities.Drop, []corev1.Capability{"ALL"}) &&
				!*pod.AutomountServiceAccountToken && len(container.Resources.Limits) > 0 && len(container.Resources.Requests) > 0
			if !ok {
				t.Errorf("%s: the pod of %s is not confined", name, role)
			}
		}
	}
}

func environment(c corev1.Container) map[string]corev1.EnvVar {
	all := map[string]corev1.EnvVar{}
	for _, e := range c.Env {
		all[e.Name] = e
	}
	return all
}

func TestSecretsAreFilesAndEachRoleHasOnlyItsOwn(t *testing.T) {
	want := map[string][]string{
		"processor": {"kafka.sasl.password"},
		"sink":      {"clickhouse.password", "kafka.sasl.password"},
		"channels":  {"clickhouse.password", "kafka.sasl.password", "shopee.partner_key", "shopee.tokens_postgres", "shopee.webhook.key"},
		"console":   {"clickhouse.password", "console.token", "kafka.sasl.password", "shopee.partner_key", "shopee.tokens_postgres", "shopee.webhook.key"},
		"setup":     {"clickhouse.password", "kafka.sasl.password", "shopee.partner_key", "shopee.tokens_postgres", "shopee.webhook.key"},
	}
	pods := templates(everything(t))
	if len(pods) != len(want) {
		t.Fatalf("%d pod templates", len(pods))
	}
	for role, template := range pods {
		var keys []string
		for _, v := range template.Spec.Volumes {
			if v.Secret != nil && v.Name == "secrets" {
				for _, item := range v.Secret.Items {
					keys = append(keys, item.Key)
				}
			}
		}
		if slices.Sort(keys); !slices.Equal(keys, want[role]) {
			t.Errorf("%s has the secrets %v", role, keys)
		}
		env := environment(template.Spec.Containers[0])
		for _, key := range keys {
			name := "STOCKPUSH_" + strings.ToUpper(strings.ReplaceAll(key, ".", "_")) + "_FILE"
			if env[name].Value != "/etc/stockpush/secrets/"+key {
				t.Errorf("%s: %s is %q", role, name, env[name].Value)
			}
		}
	}
}

func TestOnlyChannelsHaveStableNames(t *testing.T) {
	set := find[appsv1.StatefulSet](t, everything(t), "push-channels")
	service := find[corev1.Service](t, everything(t), set.Spec.ServiceName)
	if service.Spec.ClusterIP != corev1.ClusterIPNone {
		t.Error("the StatefulSet's Service has an address")
	}
	for values, want := range map[string]bool{"": true, "channels: {staticMembership: false}": false} {
		for role, template := range templates(render(t, named, values)) {
			id, ok := environment(template.Spec.Containers[0])["STOCKPUSH_KAFKA_INSTANCE_ID"]
			if ok != (want && role == "channels") || ok && id.ValueFrom.FieldRef.FieldPath != "metadata.name" {
				t.Errorf("%s: kafka.instance_id is %+v", role, id)
			}
		}
	}
}

func TestProbesAndPortsAreTheProgramsOwn(t *testing.T) {
	for role, template := range templates(everything(t)) {
		c := template.Spec.Containers[0]
		if role == "setup" {
			continue
		}
		if c.LivenessProbe.HTTPGet.Path != "/livez" || c.StartupProbe.HTTPGet.Path != "/livez" || c.ReadinessProbe.HTTPGet.Path != "/readyz" {
			t.Errorf("%s: wrong probes", role)
		}
		for _, p := range []*corev1.Probe{c.LivenessProbe, c.StartupProbe, c.ReadinessProbe} {
			if p.HTTPGet.Port.String() != "ops" {
				t.Errorf("%s: a probe asks %s", role, p.HTTPGet.Port.String())
			}
		}
		if grace := *template.Spec.TerminationGracePeriodSeconds; grace <= 30 {
			t.Errorf("%s: is killed after %d s, before it has drained", role, grace)
		}
	}
}

func TestSetupRunsBeforeEverythingElse(t *testing.T) {
	objects := everything(t)
	job := find[batchv1.Job](t, objects, "push-setup")
	config := find[corev1.ConfigMap](t, objects, "push-setup")
	for _, annotations := range []map[string]string{job.Annotations, config.Annotations} {
		if annotations["helm.sh/hook"] != "pre-install,pre-upgrade" {
			t.Errorf("hooks: %v", annotations)
		}
	}
	if config.Annotations["helm.sh/hook-weight"] >= job.Annotations["helm.sh/hook-weight"] {
		t.Error("the Job comes before its ConfigMap")
	}
	if used := job.Spec.Template.Spec.Volumes[0].ConfigMap.Name; used != config.Name {
		t.Errorf("the Job uses %s, which does not exist yet", used)
	}
	if account := job.Spec.Template.Spec.ServiceAccountName; account != "" {
		t.Errorf("the Job runs as %s, which does not exist yet", account)
	}
	if !strings.Contains(config.Data["stockpush.yaml"], "topic_prefix: shop") {
		t.Error(config.Data)
	}
}

func TestSelectorsFindTheirPods(t *testing.T) {
	objects := everything(t)
	pods := templates(objects)
	matching := func(selector *metav1.LabelSelector) (roles []string) {
		s, err := metav1.LabelSelectorAsSelector(selector)
		if err != nil {
			t.Fatal(err)
		}
		for role, template := range pods {
			if s.Matches(labels.Set(template.Labels)) {
				roles = append(roles, role)
			}
		}
		slices.Sort(roles)
		return roles
	}
	for _, role := range []string{"processor", "channels", "sink", "console"} {
		budget := find[policyv1.PodDisruptionBudget](t, objects, "push-"+role)
		if got := matching(budget.Spec.Selector); !slices.Equal(got, []string{role}) {
			t.Errorf("the PodDisruptionBudget of %s is of %v", role, got)
		}
		if budget.Spec.MinAvailable != nil || budget.Spec.MaxUnavailable.IntValue() != 1 {
			t.Errorf("the PodDisruptionBudget of %s blocks a drain when there is one replica", role)
		}
	}
	policy := find[networkingv1.NetworkPolicy](t, objects, "push")
	if got := matching(&policy.Spec.PodSelector); len(got) != len(pods) {
		t.Errorf("the NetworkPolicy is of %v", got)
	}
	console := find[networkingv1.NetworkPolicy](t, objects, "push-console")
	if got := matching(&console.Spec.PodSelector); !slices.Equal(got, []string{"console"}) || len(console.Spec.Ingress[0].From) != 1 {
		t.Errorf("the console's NetworkPolicy is of %v", got)
	}
	dns := policy.Spec.Egress[0].Ports
	if len(policy.Spec.Egress) != 2 || len(dns) != 2 || dns[0].Port.IntValue() != 53 {
		t.Errorf("outgoing: %+v", policy.Spec.Egress)
	}
}

func TestProcessorAndSinkScaleOnLagAndChannelsNever(t *testing.T) {
	objects := everything(t)
	targets := map[string]string{}
	for target, m := range triggers(t, objects) {
		targets[target] = m["consumerGroup"] + " " + m["topic"] + " " + m["bootstrapServers"] + " " + m["lagThreshold"]
		if r := find[appsv1.Deployment](t, objects, target).Spec.Replicas; r != nil {
			t.Errorf("%s has replicas, which would undo what KEDA does", target)
		}
	}
	want := map[string]string{
		"push-processor": "shop.processor shop.events kafka-1:9094,kafka-2:9094 50000",
		"push-sink":      "shop.sink shop.records kafka-1:9094,kafka-2:9094 200000",
	}
	for values, tls := range map[string]string{"": "", "config: {kafka: {tls: {enabled: true}}}": "enable", "{config: {kafka: {tls: {enabled: true}}}, autoscaling: {authenticationRef: a}}": ""} {
		for _, m := range triggers(t, render(t, named, "autoscaling: {enabled: true}", values)) {
			if m["tls"] != tls || m["version"] != "2.8.0" {
				t.Errorf("%s: KEDA talks to Kafka with %v", values, m)
			}
		}
	}
	if len(targets) != 2 || targets["push-processor"] != want["push-processor"] || targets["push-sink"] != want["push-sink"] {
		t.Error(targets)
	}
	if r := find[appsv1.StatefulSet](t, objects, "push-channels").Spec.Replicas; r == nil || *r != 2 {
		t.Error("channels have no fixed number of replicas")
	}
}

// triggers returns what KEDA asks Kafka for, by the object that it scales.
func triggers(t *testing.T, objects []object) map[string]map[string]string {
	t.Helper()
	all := map[string]map[string]string{}
	for _, o := range objects {
		if o.Kind != "ScaledObject" {
			continue
		}
		var scaled struct {
			Spec struct {
				ScaleTargetRef struct{ Name string }
				Triggers       []struct {
					Type     string
					Metadata map[string]string
				}
			}
		}
		if err := yaml.Unmarshal([]byte(o.Text), &scaled); err != nil {
			t.Fatal(err)
		}
		if len(scaled.Spec.Triggers) != 1 || scaled.Spec.Triggers[0].Type != "kafka" {
			t.Fatal(o.Text)
		}
		all[scaled.Spec.ScaleTargetRef.Name] = scaled.Spec.Triggers[0].Metadata
	}
	return all
}

func TestTheConsoleReceivesTheWebhook(t *testing.T) {
	objects := everything(t)
	for role, template := range templates(objects) {
		ports := map[string]int32{}
		for _, p := range template.Spec.Containers[0].Ports {
			ports[p.Name] = p.ContainerPort
		}
		if want := map[bool]int32{true: 8444}[role == "console"]; ports["webhook"] != want {
			t.Errorf("%s has the ports %v", role, ports)
		}
	}
	ports := find[corev1.Service](t, objects, "push-console").Spec.Ports
	if len(ports) != 2 || ports[1].Name != "webhook" || ports[1].Port != 8444 || ports[1].TargetPort.String() != "webhook" {
		t.Errorf("the Service has the ports %+v", ports)
	}
	rule := find[networkingv1.NetworkPolicy](t, objects, "push-console").Spec.Ingress[1]
	if rule.Ports[0].Port.IntValue() != 8444 || rule.From[0].PodSelector.MatchLabels["app"] != "gateway" {
		t.Errorf("the NetworkPolicy has %+v", rule)
	}
	for _, o := range render(t, named) {
		if strings.Contains(o.Text, "webhook") {
			t.Errorf("%s has a webhook without shopee.webhook.listen", o.Name)
		}
	}
}

func TestEveryPodHasTheExtraVolumes(t *testing.T) {
	for role, template := range templates(everything(t)) {
		volume := func(v corev1.Volume) bool { return v.Name == "names" && v.ConfigMap.Name == "shop-names" }
		mount := func(m corev1.VolumeMount) bool { return m.Name == "names" && m.MountPath == "/etc/stockpush/names" }
		if !slices.ContainsFunc(template.Spec.Volumes, volume) || !slices.ContainsFunc(template.Spec.Containers[0].VolumeMounts, mount) {
			t.Errorf("%s lacks the volume", role)
		}
	}
}

func TestSetupUsesAnAccountThatExists(t *testing.T) {
	job := find[batchv1.Job](t, render(t, named, "serviceAccount: {create: false, name: pusher}"), "shop-stockpush-setup")
	if account := job.Spec.Template.Spec.ServiceAccountName; account != "pusher" {
		t.Errorf("the Job runs as %s", account)
	}
}

func TestRulesAndDashboardsAreTheFilesThemselves(t *testing.T) {
	objects := everything(t)
	var rules, monitor string
	for _, o := range objects {
		switch o.Kind {
		case "PrometheusRule":
			rules = o.Text
		case "ServiceMonitor":
			monitor = o.Text
		}
	}
	file, err := os.ReadFile("../../../alerts.yml")
	if err != nil {
		t.Fatal(err)
	}
	alerts := regexp.MustCompile(`alert: \w+`)
	if got, want := alerts.FindAllString(rules, -1), alerts.FindAllString(string(file), -1); !slices.Equal(got, want) || len(got) == 0 {
		t.Errorf("alerts: %v", got)
	}
	if strings.Contains(rules, "runbooks.example.com") || !strings.Contains(rules, "https://wiki.example.com/runbook#stockpushdown") {
		t.Error("the runbook's address is not the one of the values")
	}
	if !strings.Contains(monitor, "{targetLabel: job, replacement: stockpush}") {
		t.Error("the alerting rules would not find the job")
	}
	for _, name := range []string{"overview", "stages"} {
		want, err := os.ReadFile("../../grafana/" + name + ".json")
		if err != nil {
			t.Fatal(err)
		}
		if got := find[corev1.ConfigMap](t, objects, "push-dashboard-"+name).Data["stockpush-"+name+".json"]; strings.TrimSpace(got) != strings.TrimSpace(string(want)) {
			t.Errorf("the dashboard %s is another one", name)
		}
	}
}

// limitRow is a row of production.md's table of what a container needs.
var limitRow = regexp.MustCompile("(?m)^\\| `(\\w+)` \\| (\\d+) ([MG]iB) \\|")

func TestLimitsOfMemoryAreAtLeastThoseOfTheDocument(t *testing.T) {
	text, err := os.ReadFile("../../../docs/production.md")
	if err != nil {
		t.Fatal(err)
	}
	pods := templates(everything(t))
	rows := limitRow.FindAllStringSubmatch(string(text), -1)
	if len(rows) != 4 {
		t.Fatalf("%d roles in the document", len(rows))
	}
	for _, row := range rows {
		need := resource.MustParse(row[2] + strings.TrimSuffix(row[3], "B"))
		if limit := pods[row[1]].Spec.Containers[0].Resources.Limits.Memory(); limit.Cmp(need) < 0 {
			t.Errorf("%s may use %v, and needs %v", row[1], limit, &need)
		}
	}
}
