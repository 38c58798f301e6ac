{{/* The labels of an object. Takes [context, name]. */}}
{{- define "sixty.labels" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: {{ index . 1 }}
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
sixty/revision: {{ $root.Values.revision | quote }}
{{- end }}
