{{- define "stockpush.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" }}
{{- end }}

{{- define "stockpush.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" }}
{{- else if contains (include "stockpush.name" .) .Release.Name }}
{{- .Release.Name | trunc 40 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "stockpush.name" .) | trunc 40 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "stockpush.selector" -}}
app.kubernetes.io/name: {{ include "stockpush.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "stockpush.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{ include "stockpush.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "stockpush.serviceAccount" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "stockpush.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "stockpush.image" -}}
{{- if .Values.image.digest }}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest }}
{{- else }}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) }}
{{- end }}
{{- end }}

{{- define "stockpush.topicPrefix" -}}
{{- dig "kafka" "topic_prefix" "stockpush" .Values.config }}
{{- end }}

{{/* The port of shopee.webhook.listen, or nothing. */}}
{{- define "stockpush.webhookPort" -}}
{{- dig "shopee" "webhook" "listen" "" .Values.config | trimPrefix ":" }}
{{- end }}

{{/* Fails with all that must be set for the pods to start. */}}
{{- define "stockpush.validate" -}}
{{- $problems := list }}
{{- if not .Values.secrets.existingSecret }}
{{- $problems = append $problems "secrets.existingSecret: name the Secret that has an entry for each of secrets.keys" }}
{{- end }}
{{- $needed := list "shopee.partner_key" "shopee.tokens_postgres" }}
{{- if .Values.console.enabled }}{{ $needed = append $needed "console.token" }}{{ end }}
{{- range $needed }}
{{- if not (has . $.Values.secrets.keys) }}
{{- $problems = append $problems (printf "secrets.keys: add %s, and an entry of that name to the Secret" .) }}
{{- end }}
{{- end }}
{{- if not .Values.config.shopee.partner_id }}
{{- $problems = append $problems "config.shopee.partner_id: set the app's id in Shopee's console" }}
{{- end }}
{{- if gt (int .Values.autoscaling.minReplicas) (int .Values.autoscaling.maxReplicas) }}
{{- $problems = append $problems "autoscaling.minReplicas: at most autoscaling.maxReplicas" }}
{{- end }}
{{- with $problems }}{{ fail (printf "the pods would not start:\n  %s" (join "\n  " .)) }}{{ end }}
{{- end }}

{{/* The sections of the configuration whose secrets a role needs: it gets no other. */}}
{{- define "stockpush.sections" -}}
{{- get (dict "processor" "kafka" "channels" "kafka shopee clickhouse" "sink" "kafka clickhouse" "console" "kafka shopee clickhouse console" "setup" "kafka shopee clickhouse") . }}
{{- end }}

{{/* The secret keys of a role, separated by spaces. */}}
{{- define "stockpush.secretKeys" -}}
{{- $sections := splitList " " (include "stockpush.sections" .role) }}
{{- $keys := list }}
{{- range .root.Values.secrets.keys }}
{{- if has (first (splitList "." .)) $sections }}{{ $keys = append $keys . }}{{ end }}
{{- end }}
{{- join " " $keys }}
{{- end }}

{{/* What the pods of every role and of setup share: dict "root" $ "role" NAME "config" CONFIGMAP "args" LIST "values" VALUES. */}}
{{- define "stockpush.podSpec" -}}
{{- $root := .root }}
{{- $v := .root.Values }}
{{- $keys := without (splitList " " (include "stockpush.secretKeys" .)) "" }}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with $v.imagePullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $v.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
securityContext: {{- toYaml $v.podSecurityContext | nindent 2 }}
containers:
  - name: stockpush
    image: {{ include "stockpush.image" $root | quote }}
    imagePullPolicy: {{ $v.image.pullPolicy }}
    args: {{- toYaml .args | nindent 6 }}
    securityContext: {{- toYaml $v.securityContext | nindent 6 }}
    resources: {{- toYaml .values.resources | nindent 6 }}
    env:
      - {name: STOCKPUSH_OPS_LISTEN, value: ":8081"}
      {{- if eq .role "console" }}
      - {name: STOCKPUSH_CONSOLE_LISTEN, value: ":8080"}
      {{- else if include "stockpush.webhookPort" $root }}
      # Only the console receives the webhook, and other roles do not have its key.
      - {name: STOCKPUSH_SHOPEE_WEBHOOK_LISTEN, value: ""}
      {{- end }}
      {{- if and (eq .role "channels") $v.channels.staticMembership }}
      - name: STOCKPUSH_KAFKA_INSTANCE_ID
        valueFrom: {fieldRef: {fieldPath: metadata.name}}
      {{- end }}
      {{- range $keys }}
      - {name: STOCKPUSH_{{ . | replace "." "_" | upper }}_FILE, value: /etc/stockpush/secrets/{{ . }}}
      {{- end }}
      {{- with $v.extraEnv }}
      {{- toYaml . | nindent 6 }}
      {{- end }}
    {{- if ne .role "setup" }}
    ports:
      - {name: ops, containerPort: 8081}
      {{- if eq .role "console" }}
      - {name: http, containerPort: 8080}
      {{- with include "stockpush.webhookPort" $root }}
      - {name: webhook, containerPort: {{ . }}}
      {{- end }}
      {{- end }}
    startupProbe:
      httpGet: {path: /livez, port: ops}
      periodSeconds: 2
      failureThreshold: 60
    livenessProbe:
      httpGet: {path: /livez, port: ops}
      periodSeconds: 10
      timeoutSeconds: 5
      failureThreshold: 6
    readinessProbe:
      httpGet: {path: /readyz, port: ops}
      periodSeconds: 5
      timeoutSeconds: 3
    {{- end }}
    volumeMounts:
      - {name: config, mountPath: /etc/stockpush/config, readOnly: true}
      {{- if $keys }}
      - {name: secrets, mountPath: /etc/stockpush/secrets, readOnly: true}
      {{- end }}
      {{- if $v.tls.existingSecret }}
      - {name: tls, mountPath: /etc/stockpush/tls, readOnly: true}
      {{- end }}
      {{- with $v.extraVolumeMounts }}
      {{- toYaml . | nindent 6 }}
      {{- end }}
volumes:
  - name: config
    configMap: {name: {{ .config }}}
  {{- if $keys }}
  - name: secrets
    secret:
      secretName: {{ $v.secrets.existingSecret }}
      defaultMode: 0440
      items:
        {{- range $keys }}
        - {key: {{ . }}, path: {{ . }}}
        {{- end }}
  {{- end }}
  {{- if $v.tls.existingSecret }}
  - name: tls
    secret: {secretName: {{ $v.tls.existingSecret }}, defaultMode: 0440}
  {{- end }}
  {{- with $v.extraVolumes }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with $v.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $v.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $v.affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* The pod template of a role: dict "root" $ "role" NAME "values" VALUES. */}}
{{- define "stockpush.podTemplate" -}}
{{- $root := .root }}
metadata:
  annotations:
    checksum/config: {{ toYaml $root.Values.config | sha256sum }}
    {{- with $root.Values.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  labels:
    {{- include "stockpush.labels" $root | nindent 4 }}
    app.kubernetes.io/component: {{ .role }}
    {{- with $root.Values.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  serviceAccountName: {{ include "stockpush.serviceAccount" $root }}
  terminationGracePeriodSeconds: {{ $root.Values.terminationGracePeriodSeconds }}
  topologySpreadConstraints:
    - maxSkew: 1
      topologyKey: kubernetes.io/hostname
      whenUnsatisfiable: ScheduleAnyway
      labelSelector:
        matchLabels:
          {{- include "stockpush.selector" $root | nindent 10 }}
          app.kubernetes.io/component: {{ .role }}
  {{- $args := list "run" "--config" "/etc/stockpush/config/stockpush.yaml" "--roles" .role }}
  {{- include "stockpush.podSpec" (dict "root" $root "role" .role "values" .values "args" $args "config" (include "stockpush.fullname" $root)) | nindent 2 }}
{{- end }}
