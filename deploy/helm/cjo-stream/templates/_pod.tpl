{{- define "cjo.name" -}}
{{ printf "%s-%s" .root.Release.Name .stage | trunc 52 | trimSuffix "-" }}
{{- end }}

{{- define "cjo.labels" -}}
app.kubernetes.io/name: cjo-stream
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .stage }}
{{- end }}

{{/* The name of this installation in metrics; it may be the value of a Kubernetes label, too. */}}
{{- define "cjo.installation" -}}
{{ .Values.installation | default (printf "%s.%s" .Release.Namespace .Release.Name | trunc 63 | trimSuffix "-") }}
{{- end }}

{{- define "cjo.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{/* The variables of a process: settings, and the tenant key's file. */}}
{{- define "cjo.environment" -}}
envFrom:
  - configMapRef: {name: {{ .root.Release.Name }}-settings}
  {{- with .access.environmentSecretName | default .root.Values.environmentSecretName }}
  - secretRef: {name: {{ . }}}
  {{- end }}
env:
  {{- range $name, $value := .access.settings }}
  - {name: {{ $name }}, value: {{ $value | quote }}}
  {{- end }}
  - {name: CJO_TENANT_KEY_FILE, value: /run/secrets/cjo-stream/tenant-key}
  - name: CJO_SLOT
    valueFrom: {fieldRef: {fieldPath: metadata.name}}
{{- end }}

{{/* How probes ask: they do not check the certificate. */}}
{{- define "cjo.scheme" -}}
{{ if .Values.metrics.tls.secretName }}, scheme: HTTPS{{ end }}
{{- end }}

{{/* What the processes of the stages have more than the jobs: the access to their metrics. */}}
{{- define "cjo.metrics" -}}
{{- if .Values.metrics.login.secretName }}
- name: CJO_METRICS_USERNAME
  valueFrom: {secretKeyRef: {name: {{ .Values.metrics.login.secretName }}, key: username}}
- {name: CJO_METRICS_PASSWORD_FILE, value: /run/secrets/metrics-login/password}
{{- end }}
{{- if .Values.metrics.tls.secretName }}
- {name: CJO_METRICS_TLS_CERT, value: /run/secrets/metrics-tls/tls.crt}
- {name: CJO_METRICS_TLS_KEY, value: /run/secrets/metrics-tls/tls.key}
{{- end }}
{{- end }}

{{- define "cjo.security" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
{{- end }}

{{- define "cjo.podSecurity" -}}
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: {type: RuntimeDefault}
{{- end }}

{{/* One stage: a StatefulSet, so that a process keeps its name, its slot and its volume. */}}
{{- define "cjo.stage" -}}
{{- $it := index .root.Values .stage }}
{{- $_ := set . "access" $it.access }}
apiVersion: apps/v1
kind: StatefulSet
metadata:
  name: {{ include "cjo.name" . }}
  labels: {{- include "cjo.labels" . | nindent 4 }}
spec:
  serviceName: {{ include "cjo.name" . }}
  {{- if not (and (eq .stage "worker") .root.Values.autoscaling.enabled) }}
  replicas: {{ $it.replicas | default 1 }}
  {{- end }}
  podManagementPolicy: Parallel
  selector:
    matchLabels: {{- include "cjo.labels" . | nindent 6 }}
  template:
    metadata:
      labels: {{- include "cjo.labels" . | nindent 8 }}
      annotations:
        checksum/settings: {{ toJson (list .root.Values.settings .access) | sha256sum }}
        {{- with .root.Values.podAnnotations }}{{ toYaml . | nindent 8 }}{{ end }}
    spec:
      serviceAccountName: {{ .root.Release.Name }}-cjo-stream
      automountServiceAccountToken: false
      enableServiceLinks: false
      terminationGracePeriodSeconds: {{ $it.terminationGracePeriodSeconds }}
      {{- include "cjo.podSecurity" . | nindent 6 }}
      {{- with .root.Values.imagePullSecrets }}
      imagePullSecrets: {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with $it.nodeSelector }}
      nodeSelector: {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with $it.tolerations }}
      tolerations: {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with $it.affinity }}
      affinity: {{- toYaml . | nindent 8 }}
      {{- end }}
      topologySpreadConstraints:
        - maxSkew: 1
          topologyKey: kubernetes.io/hostname
          whenUnsatisfiable: ScheduleAnyway
          labelSelector:
            matchLabels: {{- include "cjo.labels" . | nindent 14 }}
      containers:
        - name: {{ .stage }}
          image: {{ include "cjo.image" .root }}
          imagePullPolicy: {{ .root.Values.image.pullPolicy }}
          args: {{ toJson .args }}
          {{- include "cjo.environment" . | nindent 10 }}
            {{- include "cjo.metrics" .root | nindent 12 }}
          {{- include "cjo.security" . | nindent 10 }}
          ports:
            - {name: metrics, containerPort: 9464}
          startupProbe:
            httpGet: {path: /healthz, port: metrics{{ include "cjo.scheme" .root }}}
            periodSeconds: 5
            failureThreshold: 60
          livenessProbe:
            httpGet: {path: /healthz, port: metrics{{ include "cjo.scheme" .root }}}
            periodSeconds: 10
            timeoutSeconds: 5
            failureThreshold: 6
          readinessProbe:
            httpGet: {path: /readyz, port: metrics{{ include "cjo.scheme" .root }}}
            periodSeconds: 10
            timeoutSeconds: 5
          resources: {{- toYaml $it.resources | nindent 12 }}
          volumeMounts:
            - {name: state, mountPath: /var/lib/cjo-stream}
            - {name: tmp, mountPath: /tmp}
            - {name: secrets, mountPath: /run/secrets/cjo-stream, readOnly: true}
            {{- if .root.Values.metrics.login.secretName }}
            - {name: metrics-login, mountPath: /run/secrets/metrics-login, readOnly: true}
            {{- end }}
            {{- if .root.Values.metrics.tls.secretName }}
            - {name: metrics-tls, mountPath: /run/secrets/metrics-tls, readOnly: true}
            {{- end }}
            {{- if eq .stage "webhook" }}
            - {name: endpoints, mountPath: /etc/cjo-webhooks, readOnly: true}
            {{- end }}
      volumes:
        - name: tmp
          emptyDir: {}
        - name: secrets
          secret:
            secretName: {{ .access.secretName | default .root.Values.secretName }}
            defaultMode: 0440
        {{- with .root.Values.metrics.login.secretName }}
        - name: metrics-login
          secret:
            secretName: {{ . }}
            items: [{key: password, path: password}]
            defaultMode: 0440
        {{- end }}
        {{- with .root.Values.metrics.tls.secretName }}
        - name: metrics-tls
          secret:
            secretName: {{ . }}
            items: [{key: tls.crt, path: tls.crt}, {key: tls.key, path: tls.key}]
            defaultMode: 0440
        {{- end }}
        {{- if eq .stage "webhook" }}
        - name: endpoints
          secret:
            secretName: {{ required "webhook.secretName: name the Secret with webhooks.yaml and the files of secrets" $it.secretName }}
            defaultMode: 0440
        {{- end }}
  volumeClaimTemplates:
    - metadata:
        name: state
      spec:
        accessModes: [ReadWriteOnce]
        {{- with $it.storage.className }}
        storageClassName: {{ . }}
        {{- end }}
        resources: {requests: {storage: {{ $it.storage.size }}}}
---
apiVersion: v1
kind: Service
metadata:
  name: {{ include "cjo.name" . }}
  labels: {{- include "cjo.labels" . | nindent 4 }}
spec:
  clusterIP: None
  publishNotReadyAddresses: true
  selector: {{- include "cjo.labels" . | nindent 4 }}
  ports:
    - {name: metrics, port: 9464, targetPort: metrics}
{{- with $it.disruptionBudget }}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ include "cjo.name" $ }}
  labels: {{- include "cjo.labels" $ | nindent 4 }}
spec:
  maxUnavailable: {{ .maxUnavailable }}
  selector:
    matchLabels: {{- include "cjo.labels" $ | nindent 6 }}
{{- end }}
{{- end }}
