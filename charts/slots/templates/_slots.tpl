{{/* What the objects of every slot share. */}}

{{/* Takes [component, context]. */}}
{{- define "slots.labels" -}}
{{- $root := index . 1 -}}
app.kubernetes.io/name: {{ $root.Chart.Name }}
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/component: {{ index . 0 }}
app.kubernetes.io/part-of: hotdesk
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" }}
{{- end }}

{{/* The same, for what stands outside of its slot. Takes [component, slot, context]. */}}
{{- define "slots.labelsOf" -}}
{{ include "slots.labels" (list (index . 0) (index . 2)) }}
hotdesk.dev/slot: {{ index . 1 }}
{{- end }}

{{/* The names of the roles that all reapers, and all revivers, have in common. */}}
{{- define "slots.reaperName" -}}
{{ .Release.Name }}-reaper
{{- end }}

{{- define "slots.reviverName" -}}
{{ .Release.Name }}-reviver
{{- end }}

{{/*
The name of a slot's CronJob. Kubernetes lets it have 52 characters, and a slot's name may have 63: a longer one is cut, and
a hash tells it from others that begin in the same way. Takes [prefix, slot].
*/}}
{{- define "slots.cronJobName" -}}
{{- $name := printf "%s-%s" (index . 0) (index . 1) -}}
{{- if gt (len $name) 52 -}}
{{- $name = printf "%s-%s" (trunc 43 $name | trimSuffix "-") (index . 1 | sha256sum | trunc 8) -}}
{{- end -}}
{{ $name }}
{{- end }}

{{/*
The reaper's values for one slot, as JSON: those of the slot before those of all, one level deep. (merge would leave out
`false` and empty lists.) Takes [slot, context].
*/}}
{{- define "slots.reaper" -}}
{{- $slot := index . 0 -}}
{{- $reaper := deepCopy (index . 1).Values.reaper -}}
{{- range $key, $value := ($slot.reaper | default dict) -}}
{{- if and (kindIs "map" $value) (kindIs "map" (index $reaper $key)) -}}
{{- range $inner, $v := $value }}{{ $_ := set (index $reaper $key) $inner $v }}{{ end -}}
{{- else -}}
{{- $_ := set $reaper $key $value -}}
{{- end -}}
{{- end -}}
{{ toJson $reaper }}
{{- end }}

{{/* The namespaces of the sources of one type, as JSON. Takes [the reaper's values, type]. */}}
{{- define "slots.places" -}}
{{- $reaper := index . 0 -}}
{{- $type := index . 1 -}}
{{- $found := list -}}
{{- range $reaper.sources -}}
{{- if eq .type $type }}{{ $found = append $found (.namespace | default $reaper.ingress.namespace) }}{{ end -}}
{{- end -}}
{{ $found | uniq | toJson }}
{{- end }}

{{/* Stops at what the schema cannot say. */}}
{{- define "slots.checks" -}}
{{- $seen := dict -}}
{{- if eq .Values.jobs.namespace .Values.saved.namespace }}
{{- fail "jobs.namespace and saved.namespace must be two: what runs in the one may not read the other" }}
{{- end -}}
{{- range .Values.slots -}}
{{- if hasKey $seen .name }}{{ fail (printf "slots: %s is there twice" .name) }}{{ end -}}
{{- $_ := set $seen .name true -}}
{{- if has .name (list $.Release.Namespace $.Values.jobs.namespace $.Values.saved.namespace) }}
{{- fail (printf "slots: %s is a namespace of hotdesk itself, which it must not gate: give the slot another name" .name) }}
{{- end -}}
{{- $reaper := include "slots.reaper" (list . $) | fromJson -}}
{{- if and $reaper.enabled (eq $reaper.podUsage.from "prometheus") (not $reaper.podUsage.prometheus.url) }}
{{- fail (printf "slots: %s: reaper.podUsage.prometheus.url says where the Prometheus is" .name) }}
{{- end -}}
{{- $windows := list $reaper.window $reaper.lapseGrace }}{{ range $reaper.officeHours }}{{ $windows = append $windows .window }}{{ end -}}
{{- range $windows }}
{{- if and $reaper.enabled (not $reaper.trial) (regexMatch "^([0-9]+ms|0*[1-5]?[0-9]s|0+[mh])$" .) }}
{{- fail "reaper.window, reaper.lapseGrace and the windows of reaper.officeHours must be 1m or longer, or people lose slots that they use: for a trial, set reaper.trial=true" }}
{{- end -}}
{{- end -}}
{{- $places := concat (include "slots.places" (list $reaper "ingress-logs") | fromJsonArray) (include "slots.places" (list $reaper "ingress-metrics") | fromJsonArray) -}}
{{- if and $reaper.enabled (has .name $places) }}
{{- fail (printf "slots: %s is the namespace of the ingress controller; a slot is cleared when nobody uses it" .name) }}
{{- end -}}
{{- end -}}
{{- end }}

{{/*
What the observing job reads, as a JSON list of sources: those of all slots that are logs of a controller. Empty if there is no such
job. (The values of an older chart, which --reuse-values brings, have none.) Takes the context.
*/}}
{{- define "slots.observed" -}}
{{- $found := list -}}
{{- if and .Values.observer .Values.observer.enabled -}}
{{- range .Values.reaper.sources }}{{ if eq .type "ingress-logs" }}{{ $found = append $found . }}{{ end }}{{ end -}}
{{- if not $found }}
{{- fail "observer.enabled: the observing job reads sources of the type ingress-logs only, and reaper.sources has none: leave it off" }}
{{- end -}}
{{- end -}}
{{ toJson $found }}
{{- end }}

{{/* The name of what lets the observing job read. */}}
{{- define "slots.observerName" -}}
{{ .Release.Name }}-observer
{{- end }}

{{/* The subjects of a RoleBinding. Takes viewers or editors. */}}
{{- define "slots.subjects" -}}
{{- range .groups }}
- {apiGroup: rbac.authorization.k8s.io, kind: Group, name: {{ . | quote }}}
{{- end }}
{{- range .users }}
- {apiGroup: rbac.authorization.k8s.io, kind: User, name: {{ . | quote }}}
{{- end }}
{{- end }}

{{/* Who looks into every slot: the viewers, and where access follows the claim the editors too. As JSON. */}}
{{- define "slots.viewers" -}}
{{- $groups := .Values.viewers.groups -}}
{{- $users := .Values.viewers.users -}}
{{- if eq .Values.access "follow-claim" -}}
{{- $groups = concat $groups .Values.editors.groups -}}
{{- $users = concat $users .Values.editors.users -}}
{{- end -}}
{{ dict "groups" (uniq $groups) "users" (uniq $users) | toJson }}
{{- end }}

{{/* One setting of the reaper. Kubernetes reads `$$` as `$` and expands `$(NAME)`. Takes [name, value]. */}}
{{- define "slots.env" -}}
- name: {{ index . 0 }}
  value: {{ index . 1 | toString | replace "$" "$$" | toJson }}
{{- end }}

{{/* When a slot's job runs: as it is said, but each slot at minutes of its own that follow from its name, where that is left
     open (nothing said, or every so many minutes). All at once would ask much of the API server and of the ingress
     controller's node. Takes [slot, schedule]. */}}
{{- define "slots.schedule" -}}
{{- $hash := adler32sum (index . 0) | int64 -}}
{{- $said := index . 1 -}}
{{- $every := regexFind "^\\*/[1-9][0-9]? " $said | trimPrefix "*/" | trim -}}
{{- if not $said -}}
{{ printf "%d * * * *" (mod $hash 60) }}
{{- else if $every -}}
{{ printf "%d-59/%s%s" (mod $hash (int64 $every)) $every (trimPrefix (printf "*/%s" $every) $said) }}
{{- else -}}
{{ $said }}
{{- end -}}
{{- end }}

{{/* The account that asks the kubelets. */}}
{{- define "slots.podUsageName" -}}
{{ .Release.Name }}-pod-usage
{{- end }}

{{/* The slots whose reapers ask the kubelets, as a JSON list of names. */}}
{{- define "slots.askKubelets" -}}
{{- $names := list -}}
{{- range .Values.slots -}}
{{- $reaper := include "slots.reaper" (list . $) | fromJson -}}
{{- if and $reaper.enabled (eq $reaper.podUsage.from "kubelets") }}{{ $names = append $names .name }}{{ end -}}
{{- end -}}
{{ $names | toJson }}
{{- end }}

{{/* What a reaper asks of the pods' usage, as JSON; nothing where that is off. Takes [the reaper's values, context]. */}}
{{- define "slots.podUsage" -}}
{{- $root := index . 1 -}}
{{- with (index . 0).podUsage -}}
{{- $asked := pick . "from" "bytes" "cores" -}}
{{- if eq .from "kubelets" -}}
{{- $account := printf "%s/%s" $root.Values.jobs.namespace (include "slots.podUsageName" $root) -}}
{{ merge (dict "account" $account "kubelet" .kubelet) $asked | toJson }}
{{- else if .from -}}
{{ set $asked "prometheus" .prometheus | toJson }}
{{- end -}}
{{- end -}}
{{- end }}

{{/* The webhooks that are told, as JSON; the address in a Secret is a mounted file. Takes the reaper's values. */}}
{{- define "slots.notify" -}}
{{- $targets := list -}}
{{- range $i, $target := .notify -}}
{{- $known := pick $target "name" "format" "on" "url" "template" -}}
{{- if $target.secret -}}
{{- $known = set $known "urlFile" (printf "/etc/hotdesk/notify/%d/url" $i) -}}
{{- end -}}
{{- $targets = append $targets $known -}}
{{- end -}}
{{ $targets | toJson }}
{{- end }}

{{/* The Secrets that the reapers need, as a JSON list of names. Takes the reaper's values. */}}
{{- define "slots.secrets" -}}
{{- $names := concat .secrets .image.pullSecrets -}}
{{- range .notify }}{{ with .secret }}{{ $names = append $names .name }}{{ end }}{{ end -}}
{{ $names | uniq | sortAlpha | toJson }}
{{- end }}

{{/*
The settings of the reaper, as its variables: a Job that is made of the CronJob can change one. Takes [the reaper's values,
slot, context].
*/}}
{{- define "slots.reaperEnv" -}}
{{- $root := index . 2 -}}
{{ include "slots.env" (list "HOTDESK_NAMESPACE" (index . 1)) }}
{{ include "slots.env" (list "HOTDESK_SAVED_NAMESPACE" $root.Values.saved.namespace) }}
{{ include "slots.env" (list "HOTDESK_JOBS_NAMESPACE" $root.Values.jobs.namespace) }}
{{- with index . 0 }}
{{ include "slots.env" (list "HOTDESK_SOURCES" (toJson .sources)) }}
{{ include "slots.env" (list "HOTDESK_POD_USAGE" (include "slots.podUsage" (list . $root) | trim)) }}
{{ include "slots.env" (list "HOTDESK_INGRESS_NAMESPACE" .ingress.namespace) }}
{{ include "slots.env" (list "HOTDESK_INGRESS_SELECTOR" .ingress.selector) }}
{{ include "slots.env" (list "HOTDESK_INGRESS_CONTAINER" .ingress.container) }}
{{ include "slots.env" (list "HOTDESK_INGRESS_CLASS" (join "," .ingress.classes)) }}
{{ include "slots.env" (list "HOTDESK_INGRESS_LOG_FORMAT" .ingress.logFormat) }}
{{ include "slots.env" (list "HOTDESK_OTHER_NAMESPACES" (join "," .otherNamespaces)) }}
{{ include "slots.env" (list "HOTDESK_WINDOW" .window) }}
{{ include "slots.env" (list "HOTDESK_TRIAL" .trial) }}
{{ include "slots.env" (list "HOTDESK_SESSION_GRACE" .sessionGrace) }}
{{ include "slots.env" (list "HOTDESK_IGNORE_UNNOTED_SESSIONS" .ignoreUnnotedSessions) }}
{{ include "slots.env" (list "HOTDESK_JOB_GRACE" .jobGrace) }}
{{ include "slots.env" (list "HOTDESK_LAPSE_GRACE" .lapseGrace) }}
{{ include "slots.env" (list "HOTDESK_OFFICE_HOURS" (toJson .officeHours)) }}
{{ include "slots.env" (list "HOTDESK_LOOK_BACK" .lookBack) }}
{{ include "slots.env" (list "HOTDESK_SILENCE_IS_FINE" .silenceIsFine) }}
{{ include "slots.env" (list "HOTDESK_IGNORE_DIRECT_TRAFFIC" .ignoreDirectTraffic) }}
{{ include "slots.env" (list "HOTDESK_MAX_UNPARSED" .maxUnparsed) }}
{{ include "slots.env" (list "HOTDESK_IGNORE_USER_AGENT" (join "," .ignoreUserAgents)) }}
{{ include "slots.env" (list "HOTDESK_IGNORE_PATH" (join "," .ignorePaths)) }}
{{ include "slots.env" (list "HOTDESK_KEEP" (join "," .keep)) }}
{{ include "slots.env" (list "HOTDESK_PRESERVE" (join "," .preserve)) }}
{{ include "slots.env" (list "HOTDESK_CLUSTER_SCOPED" .clusterScoped) }}
{{ include "slots.env" (list "HOTDESK_REVIVE_FOR" .revive.for) }}
{{ include "slots.env" (list "HOTDESK_REVIVE_TIMEOUT" .revive.timeout) }}
{{ include "slots.env" (list "HOTDESK_NOTICE" .notice) }}
{{ include "slots.env" (list "HOTDESK_NOTIFY" (include "slots.notify" . | trim)) }}
{{ include "slots.env" (list "HOTDESK_BLIND_FOR" .blindFor) }}
{{ include "slots.env" (list "HOTDESK_KEPT_FOR" .keptFor) }}
{{ include "slots.env" (list "HOTDESK_PAUSE" .pause) }}
{{ include "slots.env" (list "HOTDESK_UNINSTALL_TIMEOUT" .uninstallTimeout) }}
{{ include "slots.env" (list "HOTDESK_RETRIES" (int .retries)) }}
{{ include "slots.env" (list "HOTDESK_DRY_RUN" .dryRun) }}
{{ include "slots.env" (list "HOTDESK_LOG_FORMAT" .logFormat) }}
{{ include "slots.env" (list "HOTDESK_LOG_LEVEL" .logLevel) }}
# helm keeps its caches under the home directory.
- {name: HOME, value: /tmp}
{{- end }}
{{- end }}
