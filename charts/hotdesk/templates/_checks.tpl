{{/* What the schema cannot say. */}}
{{- define "hotdesk.checks" -}}
{{- if not (concat .Values.breakGlass.groups .Values.administrators.users .Values.administrators.groups) }}
{{- fail "nobody could create a slot or change a claim: name somebody in breakGlass.groups, administrators.users or administrators.groups" }}
{{- end }}
{{- if .Values.sync.enabled }}
{{- if and .Values.sync.sheet.id .Values.sync.csv.configMap }}
{{- fail "sync has two sources: give either sync.sheet.id or sync.csv.configMap" }}
{{- end }}
{{- if not (or .Values.sync.sheet.id .Values.sync.csv.configMap) }}
{{- fail "sync.enabled needs a source: give sync.sheet.id or sync.csv.configMap" }}
{{- end }}
{{- end }}
{{- if ne 3 (list .Release.Namespace .Values.jobs.namespace .Values.saved.namespace | uniq | len) }}
{{- fail "jobs.namespace, saved.namespace and the release's own must be three: what runs in one may not reach into another" }}
{{- end }}
{{- if hasPrefix "kube-" .Release.Namespace }}
{{- fail (printf "do not install hotdesk in %s: use a namespace of its own, such as hotdesk" .Release.Namespace) }}
{{- end }}
{{- end }}
