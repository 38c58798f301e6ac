# shellcheck shell=bash
# How does a cluster that somebody else runs (kind, k3d) get the people of the tests? Through its own
# certificates API, with nothing but the kubeconfig of an administrator. Sourced; needs common.sh, binaries.sh,
# pki.sh and outputs.sh.

foreign() { "$BIN/kubectl" --kubeconfig="$OUT/admin.kubeconfig" "$@"; }

prepare_foreign_cluster() {
  [ -r "$HOTDESK_TEST_KUBECONFIG" ] || die "HOTDESK_TEST_KUBECONFIG: cannot read $HOTDESK_TEST_KUBECONFIG"
  command -v openssl >/dev/null || die "openssl is not on PATH; it makes the keys of the test's people"
  build_binaries "${CLIENT_PROGRAMS[@]}"
  link_clients
  # Flattened: files that it names relative to itself would not be found from here.
  "$BIN/kubectl" --kubeconfig="$HOTDESK_TEST_KUBECONFIG" config view --raw --minify --flatten | put admin.kubeconfig ||
    die "HOTDESK_TEST_KUBECONFIG: $HOTDESK_TEST_KUBECONFIG has no current context that can be used"
  step "Preparing the cluster at $(foreign config view -o 'jsonpath={.clusters[0].cluster.server}')"
  foreign get --raw /readyz >/dev/null || die "that cluster does not answer; see above"
  foreign apply -f rbac.yaml >/dev/null || die "these rights are for an administrator to give, and HOTDESK_TEST_KUBECONFIG is none"
  local name
  for name in "${PEOPLE[@]}"; do make_person "$name" developers; done
  make_person ci ci
  rm -f "$OUT/audit.log" "$OUT/issuer.pk8"
  echo "HOTDESK_CLUSTER=foreign" | put cluster.env
  give_to_caller "$OUT"
}

# make_person NAME GROUP: unless NAME.kubeconfig from an earlier run still speaks for that person there.
make_person() {
  local name=$1 group=$2 work certificate request=hotdesk-test-$1
  [ "$(who "$name")" != "$name@example.com $group" ] || return 0
  work=$(mktemp -d)
  openssl ecparam -name prime256v1 -genkey -noout -out "$work/key"
  openssl req -new -key "$work/key" -subj "/O=$group/CN=$name@example.com" -out "$work/csr"
  foreign delete csr "$request" --ignore-not-found >/dev/null
  foreign create -f - >/dev/null <<YAML
apiVersion: certificates.k8s.io/v1
kind: CertificateSigningRequest
metadata: {name: $request}
spec:
  signerName: kubernetes.io/kube-apiserver-client
  usages: [client auth]
  request: $(base64_line "$work/csr")
YAML
  foreign certificate approve "$request" >/dev/null
  foreign wait "csr/$request" --for='jsonpath={.status.certificate}' --timeout=60s >/dev/null ||
    die "that cluster approved the certificate of $name but did not sign it: has its controller manager a signing key?"
  certificate=$(foreign get csr "$request" -o 'jsonpath={.status.certificate}')
  kubeconfig "$name" "$(foreign config view --raw -o 'jsonpath={.clusters[0].cluster}')" \
    "$certificate" "$(base64_line "$work/key")" | put "$name.kubeconfig"
  foreign delete csr "$request" >/dev/null
  rm -rf "$work"
  note "$name@example.com ($group)"
}

# who NAME: whom the cluster takes NAME.kubeconfig for; nothing if it does not.
who() {
  [ -e "$OUT/$1.kubeconfig" ] || return 0
  # A kubeconfig of another cluster may point at one that is gone, and must not be asked.
  [ "$(server_of "$1")" = "$(server_of admin)" ] || return 0
  "$BIN/kubectl" --kubeconfig="$OUT/$1.kubeconfig" --request-timeout=5s auth whoami \
    -o 'jsonpath={.status.userInfo.username} {.status.userInfo.groups[0]}' 2>/dev/null || true
}

server_of() { "$BIN/kubectl" --kubeconfig="$OUT/$1.kubeconfig" config view -o 'jsonpath={.clusters[0].cluster.server}'; }
