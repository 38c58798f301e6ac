{{/* The names and labels that the objects of this chart share. */}}

{{- define "hotdesk.fullname" -}}
{{- .Values.fullnameOverride | default .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- end }}

{{- define "hotdesk.webhookName" -}}
{{ include "hotdesk.fullname" . }}-webhook
{{- end }}

{{- define "hotdesk.certsName" -}}
{{ include "hotdesk.fullname" . }}-certs
{{- end }}

{{- define "hotdesk.syncName" -}}
{{ include "hotdesk.fullname" . }}-sync
{{- end }}

{{/* The sync's user name, as the API server knows it; empty where there is no sync. */}}
{{- define "hotdesk.syncUser" -}}
{{- if .Values.sync.enabled }}system:serviceaccount:{{ .Release.Namespace }}:{{ include "hotdesk.syncName" . }}{{ end -}}
{{- end }}

{{- define "hotdesk.controllerName" -}}
{{ include "hotdesk.fullname" . }}-controller
{{- end }}

{{/* The controller's user name, as the API server knows it; empty where there is none. */}}
{{- define "hotdesk.controllerUser" -}}
{{- if .Values.controller.enabled }}system:serviceaccount:{{ .Release.Namespace }}:{{ include "hotdesk.controllerName" . }}{{ end -}}
{{- end }}

{{- define "hotdesk.restamperName" -}}
{{ include "hotdesk.fullname" . }}-restamper
{{- end }}

{{/* The restamper's user name, as the API server knows it. The account is held to what it needs also where no such program runs. */}}
{{- define "hotdesk.restamperUser" -}}
system:serviceaccount:{{ .Release.Namespace }}:{{ include "hotdesk.restamperName" . }}
{{- end }}

{{/* The controller's values, with what an installation from before still says under `access`, as JSON. */}}
{{- define "hotdesk.controllerValues" -}}
{{- mergeOverwrite (deepCopy .Values.controller) (omit (.Values.access | default dict) "enabled" "image") | toJson -}}
{{- end }}

{{/* Where all webhooks note the claims that they have just admitted. */}}
{{- define "hotdesk.claimsConfigMap" -}}
{{ include "hotdesk.fullname" . }}-claims
{{- end }}

{{- define "hotdesk.caSecret" -}}
{{ include "hotdesk.fullname" . }}-ca
{{- end }}

{{- define "hotdesk.tlsSecret" -}}
{{ include "hotdesk.fullname" . }}-webhook-tls
{{- end }}

{{/* What cert-manager issues, where it does: the Certificate and its Secret. */}}
{{- define "hotdesk.issuedName" -}}
{{ include "hotdesk.fullname" . }}-cert-manager
{{- end }}

{{/*
The availability, which is "continue" for the one upgrade from a chart of before the secret path: until its pods are new and the certs
job has published the path, calls of the API server come to nothing, and a holder would lose every write.
*/}}
{{- define "hotdesk.availability" -}}
{{- if eq .Values.availability "strict" -}}
{{- $found := lookup "admissionregistration.k8s.io/v1" "MutatingWebhookConfiguration" "" (include "hotdesk.fullname" .) -}}
{{- $paths := list -}}
{{- range dig "webhooks" list $found }}{{ $paths = append $paths (dig "clientConfig" "service" "path" "" .) }}{{ end -}}
{{- ternary "continue" "strict" (has "/mutate" $paths) -}}
{{- else -}}
{{ .Values.availability }}
{{- end -}}
{{- end }}

{{/* The path below which the webhook answers. */}}
{{- define "hotdesk.pathSecret" -}}
{{ include "hotdesk.fullname" . }}-webhook-path
{{- end }}

{{/*
True if the chart makes the Secret that the webhook mounts: unless one is there that is not this release's, which an older chart let
cert-manager make. The certs job makes that the release's own.
*/}}
{{- define "hotdesk.makesTlsSecret" -}}
{{- $found := lookup "v1" "Secret" .Release.Namespace (include "hotdesk.tlsSecret" .) -}}
{{- $annotations := dig "metadata" "annotations" dict $found -}}
{{- if or (not $found) (eq (get $annotations "meta.helm.sh/release-name") .Release.Name) }}true{{ end -}}
{{- end }}

{{/* Takes [component, context]. */}}
{{- define "hotdesk.selector" -}}
{{- $root := index . 1 -}}
app.kubernetes.io/name: {{ $root.Chart.Name }}
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/component: {{ index . 0 }}
{{- end }}

{{/* Takes [component, context]. */}}
{{- define "hotdesk.labels" -}}
{{- $root := index . 1 -}}
{{ include "hotdesk.selector" . }}
app.kubernetes.io/part-of: hotdesk
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" }}
{{- end }}

{{/* An image reference. Takes [the component's image value, context]. */}}
{{- define "hotdesk.image" -}}
{{- $image := index . 0 -}}
{{- $root := index . 1 -}}
{{- $tag := $image.tag | default $root.Values.image.tag | default $root.Chart.AppVersion -}}
{{- list $root.Values.image.registry $image.repository | compact | join "/" }}:{{ $tag }}
{{- end }}

{{/* One command line argument of a container, quoted. Kubernetes reads `$$` as `$` and expands `$(NAME)`. */}}
{{- define "hotdesk.arg" -}}
{{ . | replace "$" "$$" | toJson }}
{{- end }}

{{/* The security context of every container: no user, no rights, nothing to write to. */}}
{{- define "hotdesk.containerSecurity" -}}
allowPrivilegeEscalation: false
capabilities:
  drop: [ALL]
readOnlyRootFilesystem: true
{{- end }}

{{/* The security context of every pod. The images run as 65532; the group lets that user read mounted Secrets. */}}
{{- define "hotdesk.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{/* Where hotdesk's pods may go, where egress is restricted: the API server, the cluster's names, and what the operator adds. */}}
{{- define "hotdesk.egress" -}}
- ports:
    {{- range .Values.networkPolicy.apiServerPorts }}
    - {port: {{ . }}, protocol: TCP}
    {{- end }}
  {{- with .Values.networkPolicy.apiServerCIDRs }}
  to:
    {{- range . }}
    - ipBlock: {cidr: {{ . | quote }}}
    {{- end }}
  {{- end }}
- ports:
    - {port: 53, protocol: UDP}
    - {port: 53, protocol: TCP}
{{- with .Values.networkPolicy.egress.rules }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* The priority class of all that runs all the time; empty: the cluster's default. */}}
{{- define "hotdesk.priorityClass" -}}
{{- if .Values.webhook.priorityClassName -}}
{{ .Values.webhook.priorityClassName }}
{{- else if .Values.priorityClass.create -}}
{{ include "hotdesk.fullname" . }}
{{- end -}}
{{- end }}
