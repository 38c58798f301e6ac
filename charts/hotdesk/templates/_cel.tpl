{{/*
CEL that the webhook configurations and the policies share, so that they cannot drift apart.
Values enter CEL through toJson only: a JSON string or list is a CEL string or list, and cannot end early.
*/}}

{{/* The exact user names of cluster machinery, as a CEL list: files/machinery.txt and machinery.users. */}}
{{- define "hotdesk.cel.machineryNames" -}}
{{- $names := list -}}
{{- range .Files.Lines "files/machinery.txt" -}}
{{- $name := regexReplaceAll "#.*" . "" | trim -}}
{{- if $name }}{{ $names = append $names ($name | toJson) }}{{ end -}}
{{- end -}}
{{- range .Values.machinery.users }}{{ $names = append $names (. | toJson) }}{{ end -}}
[
  {{ $names | uniq | join ",\n  " }}
]
{{- end }}

{{/* True for cluster machinery. A kubelet's name and group are both the authenticator's. */}}
{{- define "hotdesk.cel.isMachinery" -}}
request.userInfo.username in {{ include "hotdesk.cel.machineryNames" . }} ||
request.userInfo.username.startsWith("system:node:") && {{ include "hotdesk.cel.inGroup" (list "system:nodes") }}
{{- end }}

{{/* True if the requester is in one of these groups. Takes a list. */}}
{{- define "hotdesk.cel.inGroup" -}}
(has(request.userInfo.groups) && request.userInfo.groups.exists(g, g in {{ . | toJson }}))
{{- end }}

{{/* True for break-glass groups and administrators. */}}
{{- define "hotdesk.cel.isAdministrator" -}}
request.userInfo.username in {{ .Values.administrators.users | toJson }} ||
{{ include "hotdesk.cel.inGroup" (concat .Values.breakGlass.groups .Values.administrators.groups | default list) }}
{{- end }}

{{/* What is gated, and what is left out: files/gated.yaml, as JSON. */}}
{{- define "hotdesk.gated" -}}
{{ .Files.Get "files/gated.yaml" | fromYaml | toJson }}
{{- end }}

{{/* One rule of that table, for a webhook or a policy. Takes [entry, operations, context]. */}}
{{- define "hotdesk.rule" -}}
{{- $rule := index (include "hotdesk.gated" (index . 2) | fromJson) (index . 0) -}}
- apiGroups: {{ $rule.groups | toJson }}
  apiVersions: {{ $rule.versions | toJson }}
  resources: {{ $rule.resources | toJson }}
  operations: {{ index . 1 | toJson }}
  scope: {{ $rule.scope | quote }}
{{- end }}

{{/* True for a request with the token of a pod that exists. An impersonated one has no such extra, and neither has one with a
     token that somebody made for an account alone. */}}
{{- define "hotdesk.cel.hasPodToken" -}}
has(request.userInfo.extra) && "authentication.kubernetes.io/pod-name" in request.userInfo.extra &&
request.userInfo.extra["authentication.kubernetes.io/pod-name"].exists(v, v != "")
{{- end }}

{{/* True for a service account of the request's own namespace, by its exact name. */}}
{{- define "hotdesk.cel.isOwnAccount" -}}
request.userInfo.username.startsWith("system:serviceaccount:" + request.namespace + ":") &&
request.userInfo.username.split(":").size() == 4 && !request.userInfo.username.endsWith(":")
{{- end }}

{{/* True for what a list of the table names, by group and resource. Takes [entries…, context]. */}}
{{- define "hotdesk.cel.isListed" -}}
{{- $gated := include "hotdesk.gated" (last .) | fromJson -}}
{{- $names := list -}}
{{- range initial . -}}
{{- range index $gated . }}{{ $names = append $names (printf "%s/%s" .group .resource) }}{{ end -}}
{{- end -}}
(request.resource.group + "/" + request.resource.resource) in {{ $names | toJson }}
{{- end }}

{{/*
A name as the webhook compares it: blanks of ASCII at its ends do not count. CEL's trim takes away every blank of Unicode,
and a name that differs by one is another's; so such a name stays as it is. Takes an expression.
*/}}
{{- define "hotdesk.cel.name" -}}
({{ . }}.matches("^[ -~]*$") ? {{ . }}.trim() : {{ . }}).lowerAscii()
{{- end }}

{{/* True for a Slot with a claim, whether or not it has lapsed. */}}
{{- define "hotdesk.cel.hasClaim" -}}
has(params.spec.claim) && dyn(params.spec.claim) != null
{{- end }}

{{/* True for a claim that has lapsed: there is no clock here, so the controller writes down which `until` has passed. It may
     spell the same second otherwise. Only where there is a claim. */}}
{{- define "hotdesk.cel.isLapsed" -}}
has(params.spec.claim.until) && dyn(params.spec.claim.until) != null &&
has(params.status) && has(params.status.lapsedUntil) && dyn(params.status.lapsedUntil) != null &&
int(timestamp(string(params.spec.claim.until))) == int(timestamp(string(params.status.lapsedUntil)))
{{- end }}

{{/* True for a claim that trusts what runs in the slot: it says so, or it is from before claims could say so (it has no id) and
     the slot is enforced. Only where there is a claim. */}}
{{- define "hotdesk.cel.trustsWorkloads" -}}
(has(params.spec.claim.trustWorkloads) && params.spec.claim.trustWorkloads ||
  !(has(params.metadata.annotations) && "hotdesk.dev/claim-id" in params.metadata.annotations) &&
  (has(params.spec.mode) && dyn(params.spec.mode) in ["enforce", "warn", "audit"]
    ? params.spec.mode : {{ .Values.mode | toJson }}) == "enforce")
{{- end }}

{{/* A text that people wrote, in quotes that it cannot end: what looks like a double quote becomes an apostrophe. */}}
{{- define "hotdesk.cel.quoted" -}}
"\"" + {{ . }}.split("").map(c, c in
  ["\"", "\u02ba", "\u02dd", "\u02ee", "\u02f6", "\u05f2", "\u05f4", "\u1cd3",
   "\u201c", "\u201d", "\u201e", "\u201f", "\u2033", "\u2036", "\u275d", "\u275e", "\u3003", "\u301d", "\u301e", "\u301f", "\uff02"]
  ? "'" : c).join("") + "\""
{{- end }}

{{/* The names of what the chart `slots` puts into each slot, as a JSON list. */}}
{{- define "hotdesk.fixtureNames" -}}
{{- $names := list -}}
{{- range (include "hotdesk.gated" . | fromJson).fixtures }}{{ $names = concat $names .names }}{{ end -}}
{{- $names | uniq | sortAlpha | toJson -}}
{{- end }}

{{/* True if one of the variable `subjectNames` is a fixture's, by group, resource and name. */}}
{{- define "hotdesk.cel.isFixture" -}}
{{- $rows := list -}}
{{- range (include "hotdesk.gated" . | fromJson).fixtures -}}
{{- $rows = append $rows (printf "request.resource.group == %s && request.resource.resource in %s && variables.subjectNames.exists(n, n in %s)" (.group | toJson) (.resources | toJson) (.names | toJson)) -}}
{{- end -}}
{{ $rows | join " ||\n" }}
{{- end }}

{{/* The values of a field of an object, as a CEL list: `a.b` is one or none, `a[].b` one for each element. Takes [object, field]. */}}
{{- define "hotdesk.cel.values" -}}
{{- $parts := splitList "[]" (index . 1) -}}
{{- $head := printf "%s.?%s" (index . 0) (first $parts | replace "." ".?") -}}
{{- if eq (len $parts) 1 -}}
[{{ $head }}.orValue({})]
{{- else if eq (last $parts) "" -}}
{{ $head }}.orValue([])
{{- else -}}
{{ $head }}.orValue([]).map(v, v{{ last $parts | replace "." ".?" }}.orValue({}))
{{- end -}}
{{- end }}

{{/*
The API server's accounting of CEL's cost searches, at every step of a macro, all that the steps before it left: a macro's time
grows with the square of what it walks over, and 60,000 labels took 30 s. So what is walked over is counted first: this many
labels or annotations of an object, and this many volumes, claims, keys of a template or of a selector.
*/}}
{{- define "hotdesk.cel.manyMarks" -}}1000{{- end }}
{{- define "hotdesk.cel.many" -}}200{{- end }}

{{/* The list itself that a field walks over, before anything is taken from its elements. Takes [object, field]. */}}
{{- define "hotdesk.cel.list" -}}
{{- $parts := splitList "[]" (index . 1) -}}
{{ index . 0 }}.?{{ first $parts | replace "." ".?" }}.orValue([])
{{- end }}

{{/* True if a field has few enough elements. Takes [object, field]. */}}
{{- define "hotdesk.cel.isShort" -}}
{{- if contains "[]" (index . 1) -}}
size({{ include "hotdesk.cel.list" . }}) <= {{ include "hotdesk.cel.many" nil }}
{{- else -}}
true
{{- end -}}
{{- end }}

{{/* The templates of an object: a CEL list of {at, large, new, old}, each of the latter the list of what is at that field. What is
     large is not looked at, and what an object had too much of counts as nothing. */}}
{{- define "hotdesk.cel.templates" -}}
{{- $rows := list -}}
{{- range (include "hotdesk.gated" . | fromJson).templates -}}
{{- $new := include "hotdesk.cel.values" (list "dyn(object)" .field) -}}
{{- $old := include "hotdesk.cel.values" (list "dyn(oldObject)" .field) -}}
{{- $isShort := include "hotdesk.cel.isShort" (list "dyn(object)" .field) -}}
{{- $wasShort := include "hotdesk.cel.isShort" (list "dyn(oldObject)" .field) -}}
{{- $isSmall := printf "%s && %s.map(t, size(t.?metadata.?labels.orValue({})) + size(t.?metadata.?annotations.orValue({}))).sum() <= %s" $isShort $new (include "hotdesk.cel.many" nil) -}}
{{- $rows = append $rows (printf "(variables.kind in %s ? [%s ? {\"at\": dyn(%s), \"large\": dyn(false), \"new\": dyn(%s), \"old\": dyn(oldObject != null && %s ? %s : [])} : {\"at\": dyn(%s), \"large\": dyn(true), \"new\": dyn([]), \"old\": dyn([])}] : [])" (.kinds | toJson) $isSmall (.field | toJson) $new $wasShort $old (.field | toJson)) -}}
{{- end -}}
{{ $rows | join " +\n" }}
{{- end }}

{{/* The priority classes of a pod, or of the pods that a controller makes of an object: a CEL list. Takes [object, context]. */}}
{{- define "hotdesk.cel.priorityClasses" -}}
{{- $object := index . 0 -}}
{{- $rows := list (printf "(variables.kind == \"/Pod\" ? [string(%s.?spec.?priorityClassName.orValue(\"\"))] : [])" $object) -}}
{{- range (include "hotdesk.gated" (index . 1) | fromJson).templates -}}
{{- if regexMatch "(^|[.])template$" .field -}}
{{- $rows = append $rows (printf "(variables.kind in %s ? [string(%s.?%s.?spec.?priorityClassName.orValue(\"\"))] : [])" (.kinds | toJson) $object (.field | replace "." ".?")) -}}
{{- end -}}
{{- end -}}
{{ $rows | join " +\n" }}
{{- end }}

{{/* True for an object of which no controller would copy a key of hotdesk's. Most kinds have no templates. Of a list, ten elements
     with ten keys of a kind each are the most, and of a template a hundred: never more than `many` in all, as the policy counts. */}}
{{- define "hotdesk.cel.hasCleanTemplates" -}}
{{- $kinds := list -}}
{{- $rows := list -}}
{{- range (include "hotdesk.gated" . | fromJson).templates -}}
{{- $kinds = concat $kinds .kinds | uniq -}}
{{- $values := include "hotdesk.cel.values" (list "dyn(object)" .field) -}}
{{- $isList := contains "[]" .field -}}
{{- $isShort := ternary (printf "size(%s) <= 10" (include "hotdesk.cel.list" (list "dyn(object)" .field))) "true" $isList -}}
{{- $rows = append $rows (printf "(!((request.kind.group + \"/\" + request.kind.kind) in %s) || %s && %s.all(t, [\"labels\", \"annotations\"].all(m, size(t.?metadata[?m].orValue({})) <= %d && t.?metadata[?m].orValue({}).all(k, !k.startsWith(\"hotdesk.dev/\")))))" (.kinds | toJson) $isShort $values (ternary 10 100 $isList)) -}}
{{- end -}}
(!((request.kind.group + "/" + request.kind.kind) in {{ $kinds | toJson }}) ||
{{ $rows | join " &&\n" }})
{{- end }}

{{/* The trusted deployers, as JSON: who knows people, and the slots and the people of each. Entries of one user add up. A bare
     name, as it was before there were entries, knows people. */}}
{{- define "hotdesk.deployers" -}}
{{- $knowing := list -}}
{{- $slots := dict -}}
{{- $people := dict -}}
{{- range .Values.trustedDeployers -}}
{{- $entry := ternary (dict "user" . "authenticatesPeople" true) . (kindIs "string" .) -}}
{{- if $entry.authenticatesPeople }}{{ $knowing = append $knowing $entry.user }}{{ end -}}
{{- $_ := set $slots $entry.user (concat (get $slots $entry.user | default list) ($entry.slots | default list) | default list) -}}
{{- $_ := set $people $entry.user (concat (get $people $entry.user | default list) ($entry.people | default list) | default list) -}}
{{- end -}}
{{ dict "knowing" $knowing "slots" $slots "people" $people | toJson }}
{{- end }}

{{/* The matchConditions that the gate's webhooks and its policy share. The first false one leaves the request out. */}}
{{- define "hotdesk.sharedConditions" -}}
- name: not-machinery
  expression: |-
    !({{ include "hotdesk.cel.isMachinery" . | nindent 6 }}
    )
- name: not-a-slot
  expression: '!(request.resource.group == "hotdesk.dev" && request.resource.resource == "slots")'
- name: not-a-question
  expression: '!(request.resource.group == "authorization.k8s.io" && request.resource.resource == "localsubjectaccessreviews")'
{{- end }}

{{/* The matchConditions of the gate's webhooks. Whether the claim trusts what runs, the policy says. */}}
{{- define "hotdesk.gateConditions" -}}
{{ include "hotdesk.sharedConditions" . }}
- name: not-a-heartbeat-of-the-slots-own-pods
  expression: |-
    !({{ include "hotdesk.cel.isListed" (list "heartbeats" .) }} &&
      {{- include "hotdesk.cel.isOwnAccount" . | nindent 6 }} &&
      {{- include "hotdesk.cel.hasPodToken" . | nindent 6 }}
    )
{{- end }}

{{/*
True for nearly every write that is as it should be: a user of the claim, by the very name, writes a whole object that
carries the claim's marks and no other, or deletes one. The policy need not judge it any further, which spares two thirds of
what the policy costs; whatever is less plain (a group, an alias, a deployer's label, a release record, a fixture's name) takes
the long way. It must never be true where the policy would say no, so it asks for more than the policy does.
*/}}
{{- define "hotdesk.cel.isPlainlyRight" -}}
request.operation in ["CREATE", "UPDATE", "DELETE"] && request.?subResource.orValue("") == "" &&
!(request.?name.orValue("") in {{ include "hotdesk.fixtureNames" . }}) &&
{{ include "hotdesk.cel.hasClaim" . }} &&
!({{ include "hotdesk.cel.isLapsed" . | nindent 2 }}) &&
{{ include "hotdesk.cel.name" "request.userInfo.username" }} in params.spec.claim.users &&
(request.operation == "DELETE" ?
  oldObject != null && has(oldObject.metadata) &&
  !(oldObject.metadata.?name.orValue("") in {{ include "hotdesk.fixtureNames" . }}) &&
  (!has(oldObject.metadata.labels) || !("hotdesk.dev/for" in oldObject.metadata.labels)) :
  has(params.metadata.labels) && has(params.metadata.annotations) &&
  has(object.metadata) && has(object.metadata.labels) && has(object.metadata.annotations) &&
  size(object.metadata.labels) <= {{ include "hotdesk.cel.many" . }} &&
  size(object.metadata.annotations) <= {{ include "hotdesk.cel.many" . }} &&
  !(object.metadata.?name.orValue("") in {{ include "hotdesk.fixtureNames" . }}) &&
  ["hotdesk.dev/slot", "hotdesk.dev/owner"].all(k,
    k in object.metadata.labels && object.metadata.labels[?k] == params.metadata.labels[?k]) &&
  ["hotdesk.dev/owner", "hotdesk.dev/claimants", "hotdesk.dev/purpose"].all(k,
    object.metadata.annotations[?k] == params.metadata.annotations[?k]) &&
  object.metadata.labels.all(k, !k.startsWith("hotdesk.dev/") || k in ["hotdesk.dev/slot", "hotdesk.dev/owner"]) &&
  object.metadata.annotations.all(k, !k.startsWith("hotdesk.dev/") ||
    k in ["hotdesk.dev/owner", "hotdesk.dev/claimants", "hotdesk.dev/purpose"]) &&
  (!has(object.type) || dyn(object.type) != "kubernetes.io/service-account-token") &&
  {{- include "hotdesk.cel.hasCleanTemplates" . | nindent 2 }} &&
  (!has(object.spec) || type(dyn(object.spec)) == map && (
    !has(object.spec.template) || !has(object.spec.selector) ||
    type(dyn(object.spec.selector)) == map && !has(object.spec.selector.matchExpressions) &&
    size(object.spec.selector) <= {{ include "hotdesk.cel.many" . }} &&
    object.spec.selector.all(k, !k.startsWith("hotdesk.dev/")) &&
    (!has(object.spec.selector.matchLabels) || type(dyn(object.spec.selector.matchLabels)) == map &&
      size(object.spec.selector.matchLabels) <= {{ include "hotdesk.cel.many" . }} &&
      object.spec.selector.matchLabels.all(k, !k.startsWith("hotdesk.dev/"))))))
{{- end }}

{{/* The namespaces that are slots. */}}
{{- define "hotdesk.slotNamespaces" -}}
matchExpressions:
  - key: hotdesk.dev/slot
    operator: Exists
{{- end }}

{{/* The webhook's address for the API server. */}}
{{- define "hotdesk.clientConfig" -}}
# No caBundle and no path: the certs job publishes both, and an upgrade leaves them as they are. Until then the webhook answers nobody.
service:
  namespace: {{ .Release.Namespace }}
  name: {{ include "hotdesk.webhookName" . }}
  port: 443
{{- end }}
