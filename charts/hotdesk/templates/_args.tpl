{{/* The command lines. */}}

{{- define "hotdesk.webhookArgs" -}}
{{- $args := list -}}
{{- $args = append $args (printf "--mode=%s" .Values.mode) -}}
{{- range (.Values.breakGlass.groups | default (list "")) }}{{ $args = append $args (printf "--break-glass-group=%s" .) }}{{ end -}}
{{- range .Values.administrators.users }}{{ $args = append $args (printf "--administrator-user=%s" .) }}{{ end -}}
{{- range .Values.administrators.groups }}{{ $args = append $args (printf "--administrator-group=%s" .) }}{{ end -}}
{{- range .Values.machinery.users }}{{ $args = append $args (printf "--machinery-user=%s" .) }}{{ end -}}
{{- with include "hotdesk.syncUser" . -}}
{{- $args = append $args (printf "--sync-user=%s" .) -}}
{{- end -}}
{{- if .Values.webhook.noteSessions -}}
{{- $args = append $args (printf "--session-user=system:serviceaccount:%s:%s" .Release.Namespace (include "hotdesk.webhookName" .)) -}}
{{- end -}}
{{- with include "hotdesk.controllerUser" . }}{{ $args = append $args (printf "--controller-user=%s" .) }}{{ end -}}
{{- $args = append $args (printf "--restamper-user=%s" (include "hotdesk.restamperUser" .)) -}}
{{- if .Values.maxSlotsPerPerson -}}
{{- $args = append $args (printf "--max-slots-per-person=%d" (int .Values.maxSlotsPerPerson)) -}}
{{- $args = append $args (printf "--claims-config-map=%s" (include "hotdesk.claimsConfigMap" .)) -}}
{{- end -}}
{{- range .Values.trustedDeployers -}}
{{- $args = append $args (printf "--trusted-deployer=%s" (ternary . (toJson .) (kindIs "string" .))) -}}
{{- end -}}
{{- $args = append $args (printf "--token-secrets=%s" .Values.guard.tokenSecrets) -}}
{{- $args = concat $args (include "hotdesk.guardArgs" . | fromJsonArray) -}}
{{- range .Values.identity.stripPrefixes }}{{ $args = append $args (printf "--strip-prefix=%s" .) }}{{ end -}}
{{- range .Values.identity.extraKeys }}{{ $args = append $args (printf "--extra-key=%s" .) }}{{ end -}}
{{- if .Values.identity.people }}{{ $args = append $args "--people=/etc/hotdesk/people/people.json" }}{{ end -}}
{{- if .Values.identity.unicode }}{{ $args = append $args "--unicode-names" }}{{ end -}}
{{- $args = append $args (printf "--max-users=%d" (int .Values.identity.maxUsers)) -}}
{{- range .Values.identity.serviceAccounts }}{{ $args = append $args (printf "--claimant-account=%s" .) }}{{ end -}}
{{- with .Values.claimUrl }}{{ $args = append $args (printf "--claim-url=%s" .) }}{{ end -}}
{{- with .Values.webhook -}}
{{- $args = append $args (printf "--jobs-namespace=%s" $.Values.jobs.namespace) -}}
{{- $args = append $args (printf "--workers=%d" (int .workers)) -}}
{{- $args = append $args (printf "--max-review-bytes=%d" (int64 .maxReviewBytes)) -}}
{{- /* The values of an older chart, which --reuse-values brings, have none. */ -}}
{{- with .bodyBudgetBytes }}{{ $args = append $args (printf "--body-budget-bytes=%d" (int64 .)) }}{{ end -}}
{{- $args = append $args (printf "--tls-reload-interval=%s" .tlsReloadInterval) -}}
{{- $args = append $args (printf "--shutdown-delay=%ds" (int .shutdownDelaySeconds)) -}}
{{- $args = append $args (printf "--shutdown-timeout=%ds" (int .shutdownTimeoutSeconds)) -}}
{{- $args = append $args (printf "--log-format=%s" .logFormat) -}}
{{- $args = append $args (printf "--log-level=%s" .logLevel) -}}
{{- $args = concat $args .extraArgs -}}
{{- end -}}
{{- range $args }}
- {{ include "hotdesk.arg" . }}
{{- end }}
{{- end }}

{{/* With which version of the chart the guards for neighbours came to this installation. The webhook's account remembers it. */}}
{{- define "hotdesk.neighboursSince" -}}
{{- $found := lookup "v1" "ServiceAccount" .Release.Namespace (include "hotdesk.webhookName" .) -}}
{{- if $found }}{{ dig "metadata" "annotations" "hotdesk.dev/neighbours-since" .Chart.Version $found }}{{ else }}always{{ end -}}
{{- end }}

{{/* What a guard for neighbours does where its value is empty: it warns in the version with which it came by an upgrade. */}}
{{- define "hotdesk.guardDefault" -}}
{{- ternary "warn" "deny" (eq (include "hotdesk.neighboursSince" .) .Chart.Version) -}}
{{- end }}

{{/* What one guard for neighbours does. Takes [value, context]. The values of an older chart, which --reuse-values brings, have none. */}}
{{- define "hotdesk.guard" -}}
{{- get (index . 1).Values.guard (index . 0) | default (include "hotdesk.guardDefault" (index . 1)) -}}
{{- end }}

{{/* The priority classes of hotdesk's pods, as a JSON list. The class that the chart makes is there also where they have another. */}}
{{- define "hotdesk.ownPriorityClasses" -}}
{{- $classes := list (include "hotdesk.priorityClass" .) (ternary (include "hotdesk.fullname" .) "" .Values.priorityClass.create) -}}
{{- $classes | compact | uniq | toJson -}}
{{- end }}

{{/* The flags of the guards for neighbours, as a JSON list. */}}
{{- define "hotdesk.guardArgs" -}}
{{- $args := list -}}
{{- range $value, $flag := dict "hosts" "hosts" "externalNames" "external-names" "externalIPs" "external-ips" "priorityClasses" "priority-classes" "endpointSlices" "endpoint-slices" -}}
{{- $args = append $args (printf "--guard-%s=%s" $flag (include "hotdesk.guard" (list $value $))) -}}
{{- end -}}
{{- range list .Release.Namespace .Values.jobs.namespace .Values.saved.namespace }}{{ $args = append $args (printf "--own-namespace=%s" .) }}{{ end -}}
{{- range include "hotdesk.ownPriorityClasses" . | fromJsonArray }}{{ $args = append $args (printf "--own-priority-class=%s" .) }}{{ end -}}
{{ $args | toJson }}
{{- end }}

{{- define "hotdesk.certsArgs" -}}
{{- $args := list -}}
{{- $args = append $args (printf "--namespace=%s" .Release.Namespace) -}}
{{- $args = append $args (printf "--mode=%s" .Values.certs.mode) -}}
{{- $args = append $args (printf "--path-secret=%s" (include "hotdesk.pathSecret" .)) -}}
{{- $args = append $args (printf "--tls-secret=%s" (include "hotdesk.tlsSecret" .)) -}}
{{- if eq .Values.certs.mode "cert-manager" -}}
{{- $args = append $args (printf "--issued-secret=%s" (include "hotdesk.issuedName" .)) -}}
{{- else -}}
{{- $args = append $args (printf "--ca-secret=%s" (include "hotdesk.caSecret" .)) -}}
{{- $args = append $args (printf "--leaf-lifetime=%s" .Values.certs.leafLifetime) -}}
{{- $args = append $args (printf "--ca-lifetime=%s" .Values.certs.caLifetime) -}}
{{- end -}}
{{- $args = append $args (printf "--service=%s" (include "hotdesk.webhookName" .)) -}}
{{- $args = append $args (printf "--mutating-configuration=%s" (include "hotdesk.fullname" .)) -}}
{{- $args = append $args (printf "--validating-configuration=%s" (include "hotdesk.fullname" .)) -}}
{{- /* With the gate switched off there are none. */ -}}
{{- if not .Values.gate.enabled }}{{ $args = append $args "--configurations-optional" }}{{ end -}}
{{- $args = append $args (printf "--log-format=%s" .Values.certs.logFormat) -}}
{{- range $args }}
- {{ include "hotdesk.arg" . }}
{{- end }}
{{- end }}

{{/* The pod of the certs job, as the Job of each upgrade and the daily CronJob run it. */}}
{{- define "hotdesk.certsPod" -}}
metadata:
  labels:
    {{- include "hotdesk.labels" (list "certs" .) | nindent 4 }}
spec:
  serviceAccountName: {{ include "hotdesk.certsName" . }}
  automountServiceAccountToken: true
  enableServiceLinks: false
  restartPolicy: Never
  {{- with .Values.image.pullSecrets }}
  imagePullSecrets:
    {{- range . }}
    - name: {{ . | quote }}
    {{- end }}
  {{- end }}
  securityContext:
    {{- include "hotdesk.podSecurity" . | nindent 4 }}
  containers:
    - name: certs
      image: {{ include "hotdesk.image" (list .Values.certs.image .) | quote }}
      imagePullPolicy: {{ .Values.image.pullPolicy }}
      args:
        {{- include "hotdesk.certsArgs" . | trim | nindent 8 }}
      terminationMessagePolicy: FallbackToLogsOnError
      securityContext:
        {{- include "hotdesk.containerSecurity" . | nindent 8 }}
      resources:
        {{- toYaml .Values.certs.resources | nindent 8 }}
  {{- with .Values.certs.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.certs.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}

{{/* The sync's settings, as environment variables. */}}
{{- define "hotdesk.syncEnv" -}}
{{- $env := dict -}}
{{- with .Values.sync -}}
{{- if .sheet.id -}}
{{- $_ := set $env "HOTDESK_SHEET" .sheet.id -}}
{{- with .sheet.tab }}{{ $_ := set $env "HOTDESK_TAB" . }}{{ end -}}
{{- with .sheet.peopleTab }}{{ $_ := set $env "HOTDESK_PEOPLE_TAB" . }}{{ end -}}
{{- if .sheet.keySecret.name }}{{ $_ := set $env "HOTDESK_GOOGLE_KEY" "/etc/hotdesk/google/key.json" }}{{ end -}}
{{- else -}}
{{- $_ := set $env "HOTDESK_CSV" (printf "/etc/hotdesk/csv/%s" .csv.key) -}}
{{- with .csv.peopleKey }}{{ $_ := set $env "HOTDESK_PEOPLE_CSV" (printf "/etc/hotdesk/csv/%s" .) }}{{ end -}}
{{- end -}}
{{- with .slots }}{{ $_ := set $env "HOTDESK_SLOTS" (join "," .) }}{{ end -}}
{{- $_ := set $env "HOTDESK_POLL" .poll -}}
{{- $_ := set $env "HOTDESK_STALE_AFTER" .staleAfter -}}
{{- with .maxClaims | default $.Values.maxSlotsPerPerson }}{{ $_ := set $env "HOTDESK_MAX_CLAIMS" (. | int | toString) }}{{ end -}}
{{- $_ := set $env "HOTDESK_TIME_ZONE" .timeZone -}}
{{- $_ := set $env "HOTDESK_LOG_FORMAT" .logFormat -}}
{{- $_ := set $env "HOTDESK_LOG_LEVEL" .logLevel -}}
{{- end -}}
{{- if .Values.identity.people }}{{ $_ := set $env "HOTDESK_PEOPLE" "/etc/hotdesk/people/people.json" }}{{ end -}}
{{- /* The names that the webhook accepts: what the sheet says, the API accepts. */ -}}
{{- if .Values.identity.unicode }}{{ $_ := set $env "HOTDESK_UNICODE_NAMES" "true" }}{{ end -}}
{{- $_ := set $env "HOTDESK_MAX_USERS" (.Values.identity.maxUsers | int | toString) -}}
{{- $accounts := .Values.identity.serviceAccounts -}}
{{- range .Values.trustedDeployers }}{{ $accounts = append $accounts (kindIs "map" . | ternary (get (kindIs "map" . | ternary . dict) "user") .) }}{{ end -}}
{{- with $accounts }}{{ $_ := set $env "HOTDESK_CLAIMANT_ACCOUNT" (join "\n" .) }}{{ end -}}
{{- with .Values.claimUrl }}{{ $_ := set $env "HOTDESK_CLAIM_URL" . }}{{ end -}}
{{- range $name, $value := $env }}
- {name: {{ $name }}, value: {{ include "hotdesk.arg" $value }}}
{{- end }}
{{- end }}

{{/* The controller's settings, as environment variables. */}}
{{- define "hotdesk.controllerEnv" -}}
- {name: HOTDESK_JOBS_NAMESPACE, value: {{ include "hotdesk.arg" .Values.jobs.namespace }}}
{{- with include "hotdesk.controllerValues" . | fromJson }}
- {name: HOTDESK_SUBJECT_PREFIX, value: {{ include "hotdesk.arg" (join "," .subjectPrefixes) }}}
- {name: HOTDESK_LOG_FORMAT, value: {{ include "hotdesk.arg" .logFormat }}}
- {name: HOTDESK_LOG_LEVEL, value: {{ include "hotdesk.arg" .logLevel }}}
{{- end }}
{{- end }}

{{/* The restamper's settings, as environment variables. */}}
{{- define "hotdesk.restamperEnv" -}}
{{- with .Values.restamper }}
- {name: HOTDESK_RESTAMP_INTERVAL, value: {{ include "hotdesk.arg" .interval }}}
- {name: HOTDESK_LOG_FORMAT, value: {{ include "hotdesk.arg" .logFormat }}}
- {name: HOTDESK_LOG_LEVEL, value: {{ include "hotdesk.arg" .logLevel }}}
{{- end }}
{{- end }}
