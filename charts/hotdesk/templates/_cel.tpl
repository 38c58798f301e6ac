{{/*
CEL that the webhook configurations and the policies share, so that they cannot drift apart.
Values enter CEL through toJson only: a JSON string or list is a CEL string or list, and cannot end early.
*/}}

{{/* The exact user names of cluster machinery, as a CEL list: files/machinery.txt, machinery.users, and the sync. */}}
{{- define "hotdesk.cel.machineryNames" -}}
{{- $names := list -}}
{{- range .Files.Lines "files/machinery.txt" -}}
{{- $name := regexReplaceAll "#.*" . "" | trim -}}
{{- if $name }}{{ $names = append $names ($name | toJson) }}{{ end -}}
{{- end -}}
{{- range .Values.machinery.users }}{{ $names = append $names (. | toJson) }}{{ end -}}
{{- with include "hotdesk.syncUser" . }}{{ $names = append $names (. | toJson) }}{{ end -}}
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
{{ include "hotdesk.cel.inGroup" (concat .Values.breakGlass.groups .Values.administrators.groups) }}
{{- end }}

{{/*
True for a service account of the request's own namespace that shows a token. The role `edit` lets people impersonate
the service accounts of a namespace; an impersonated request has none of these extras. A pod's token ends with the pod,
and one that a person makes lasts an hour (policy-gate.yaml); the webhook, which has a clock, does not count the latter for
an hour after a hand-over.
*/}}
{{- define "hotdesk.cel.isOwnWorkload" -}}
request.userInfo.username.startsWith("system:serviceaccount:" + request.namespace + ":") &&
has(request.userInfo.extra) &&
["authentication.kubernetes.io/credential-id", "authentication.kubernetes.io/pod-name"].exists(k,
  k in request.userInfo.extra && request.userInfo.extra[k].exists(v, v != ""))
{{- end }}

{{/* True for what is written all the time and marks nothing: heartbeats, events, lists of endpoints. */}}
{{- define "hotdesk.cel.isChatter" -}}
request.resource.resource in ["endpoints", "endpointslices", "events", "leases"]
{{- end }}

{{/* The names of what the chart `slots` puts into each slot, as a CEL list. */}}
{{- define "hotdesk.fixtures" -}}
{{- list "hotdesk-access" "hotdesk-claim" "hotdesk-claimants" "hotdesk-edit" "hotdesk-view" "hotdesk-reaper" "hotdesk-observer" "hotdesk-reviver" | uniq | toJson -}}
{{- end }}

{{/* The matchConditions of the two gate entries. The first false one leaves the request out. */}}
{{- define "hotdesk.gateConditions" -}}
- name: not-machinery
  expression: |-
    !({{ include "hotdesk.cel.isMachinery" . | nindent 6 }}
    )
- name: not-a-slot
  expression: '!(request.resource.group == "hotdesk.dev" && request.resource.resource == "slots")'
- name: not-a-question
  expression: request.resource.group != "authorization.k8s.io"
- name: not-chatter-of-the-slots-own-workload
  expression: |-
    !({{ include "hotdesk.cel.isChatter" . }} &&
      {{- include "hotdesk.cel.isOwnWorkload" . | nindent 6 }}
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
!(request.?name.orValue("") in {{ include "hotdesk.fixtures" . }}) &&
has(params.spec.claim) && dyn(params.spec.claim) != null &&
request.userInfo.username.trim().lowerAscii() in params.spec.claim.users &&
(request.operation == "DELETE" ?
  oldObject != null && has(oldObject.metadata) &&
  !(oldObject.metadata.?name.orValue("") in {{ include "hotdesk.fixtures" . }}) &&
  (!has(oldObject.metadata.labels) || !("hotdesk.dev/for" in oldObject.metadata.labels)) :
  has(params.metadata.labels) && has(params.metadata.annotations) &&
  has(object.metadata) && has(object.metadata.labels) && has(object.metadata.annotations) &&
  !(object.metadata.?name.orValue("") in {{ include "hotdesk.fixtures" . }}) &&
  ["hotdesk.dev/slot", "hotdesk.dev/owner"].all(k,
    k in object.metadata.labels && object.metadata.labels[?k] == params.metadata.labels[?k]) &&
  ["hotdesk.dev/owner", "hotdesk.dev/claimants", "hotdesk.dev/purpose"].all(k,
    object.metadata.annotations[?k] == params.metadata.annotations[?k]) &&
  object.metadata.labels.all(k, !k.startsWith("hotdesk.dev/") || k in ["hotdesk.dev/slot", "hotdesk.dev/owner"]) &&
  object.metadata.annotations.all(k, !k.startsWith("hotdesk.dev/") ||
    k in ["hotdesk.dev/owner", "hotdesk.dev/claimants", "hotdesk.dev/purpose"]) &&
  (!has(object.spec) || type(dyn(object.spec)) == map && (
    !has(object.spec.template) || !has(object.spec.selector) ||
    type(dyn(object.spec.selector)) == map && !has(object.spec.selector.matchExpressions) &&
    object.spec.selector.all(k, !k.startsWith("hotdesk.dev/")) &&
    (!has(object.spec.selector.matchLabels) || type(dyn(object.spec.selector.matchLabels)) == map &&
      object.spec.selector.matchLabels.all(k, !k.startsWith("hotdesk.dev/"))))))
{{- end }}

{{/* The rules of everything: every namespaced resource and subresource. Takes the operations. */}}
{{- define "hotdesk.everything" -}}
- apiGroups: ["*"]
  apiVersions: ["*"]
  resources: ["*/*"]
  operations: {{ . | toJson }}
  scope: Namespaced
{{- end }}

{{/* The namespaces that are slots. */}}
{{- define "hotdesk.slotNamespaces" -}}
matchExpressions:
  - key: hotdesk.dev/slot
    operator: Exists
{{- end }}

{{/* The webhook's address for the API server. */}}
{{- define "hotdesk.clientConfig" -}}
# No caBundle and no path: the certs job publishes the path, it or cert-manager the caBundle, and an upgrade leaves both as they
# are. Until then the webhook answers nobody.
service:
  namespace: {{ .Release.Namespace }}
  name: {{ include "hotdesk.webhookName" . }}
  port: 443
{{- end }}

{{/* Where cert-manager is to write its CA. */}}
{{- define "hotdesk.injectAnnotations" -}}
{{- if eq .Values.certs.mode "cert-manager" }}
annotations:
  cert-manager.io/inject-ca-from: {{ .Release.Namespace }}/{{ include "hotdesk.webhookName" . }}
{{- end }}
{{- end }}
