# shellcheck shell=bash
# Which certificates and kubeconfigs does the cluster use? Made with openssl at each fresh start; one CA for
# all. Sourced; needs common.sh.

PKI=$STATE/pki

new_key() { openssl ecparam -name prime256v1 -genkey -noout -out "$1"; }

make_ca() {
  new_key "$PKI/ca.key"
  openssl req -x509 -new -key "$PKI/ca.key" -sha256 -days 3650 -subj "/CN=hotdesk-test-cluster" \
    -addext "basicConstraints=critical,CA:TRUE" -addext "keyUsage=critical,keyCertSign,cRLSign,digitalSignature" \
    -out "$PKI/ca.crt"
}

# make_cert NAME SUBJECT USAGE [SAN]: signed by the CA; the serial is random, so no file is shared.
make_cert() {
  local name=$1 subject=$2 usage=$3 san=${4:-}
  new_key "$PKI/$name.key"
  openssl req -new -key "$PKI/$name.key" -subj "$subject" |
    openssl x509 -req -CA "$PKI/ca.crt" -CAkey "$PKI/ca.key" -sha256 -days 3650 \
      -set_serial "0x$(openssl rand -hex 16)" -out "$PKI/$name.crt" \
      -extfile <(
        echo "keyUsage=critical,digitalSignature"
        echo "extendedKeyUsage=$usage"
        [ -z "$san" ] || echo "subjectAltName=$san"
      ) 2>/dev/null
}

make_certificates() {
  umask 077
  mkdir -p "$PKI"
  make_ca
  local san="DNS:localhost,DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,DNS:kubernetes.default.svc.cluster.local"
  make_cert apiserver /CN=kube-apiserver serverAuth "$san,IP:127.0.0.1,IP:$NODE_IP,IP:$API_SERVICE_IP"
  make_cert apiserver-kubelet-client /O=system:masters/CN=kube-apiserver-kubelet-client clientAuth
  make_cert etcd /CN=etcd serverAuth,clientAuth "DNS:localhost,IP:127.0.0.1"
  make_cert etcd-client /CN=kube-apiserver clientAuth
  make_cert kubelet-server "/CN=$NODE_NAME" serverAuth "DNS:$NODE_NAME,IP:$NODE_IP"
  make_cert kubelet "/O=system:nodes/CN=system:node:$NODE_NAME" clientAuth
  make_cert controller-manager /CN=system:kube-controller-manager clientAuth
  make_cert scheduler /CN=system:kube-scheduler clientAuth
  make_cert proxy /CN=system:kube-proxy clientAuth
  make_cert admin /O=system:masters/CN=kubernetes-admin clientAuth
  make_cert alice /O=developers/CN=alice@example.com clientAuth
  make_cert bob /O=developers/CN=bob@example.com clientAuth
  make_cert carol /O=developers/CN=carol@example.com clientAuth
  make_cert ci /O=ci/CN=ci@example.com clientAuth
  openssl genrsa -out "$PKI/service-accounts.key" 2048 2>/dev/null
  local name
  for name in kubelet controller-manager scheduler proxy admin alice bob carol ci; do
    our_kubeconfig "$name" >"$PKI/$name.kubeconfig"
  done
  umask 022
}

base64_line() { base64 <"$1" | tr -d '\n'; }

# our_kubeconfig NAME: with everything embedded, so that it works from any directory.
our_kubeconfig() {
  kubeconfig "$1" \
    "{\"server\": \"$API_URL\", \"certificate-authority-data\": \"$(base64_line "$PKI/ca.crt")\"}" \
    "$(base64_line "$PKI/$1.crt")" "$(base64_line "$PKI/$1.key")"
}

# kubeconfig USER CLUSTER CERTIFICATE KEY: the cluster as JSON, certificate and key in base64.
kubeconfig() {
  cat <<YAML
apiVersion: v1
kind: Config
clusters:
- name: hotdesk
  cluster: $2
users:
- name: $1
  user:
    client-certificate-data: $3
    client-key-data: $4
contexts:
- name: $1
  context: {cluster: hotdesk, user: $1}
current-context: $1
YAML
}
