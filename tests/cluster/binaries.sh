# shellcheck shell=bash
# Which programs does a cluster consist of, and how are they built? From tools/go.mod, into the cache,
# once per set of versions. Sourced; needs common.sh.

command -v go >/dev/null ||
  die "the Go toolchain is not on PATH (https://go.dev/dl; under sudo: sudo env PATH=\"\$PATH\" tests/cluster/up)"

# version_of MODULE: as go.mod names it.
version_of() { awk -v module="$1" '$1 == module { print $2; exit }' "$HERE/tools/go.mod"; }

KUBERNETES_VERSION=$(version_of k8s.io/kubernetes)
HELM4_VERSION=$(version_of helm.sh/helm/v4)
HELM3_VERSION=$(version_of helm.sh/helm/v3)

# One directory per content of go.mod, go.sum and the toolchain: a change of any version builds all of them again.
BIN=$CACHE/bin-$(cd "$HERE/tools" && cat go.mod go.sum <(go env GOVERSION) | sha256sum | cut -c1-16)

CLUSTER_PROGRAMS=(kube-apiserver kube-controller-manager kube-scheduler kubelet kube-proxy etcd)
CLIENT_PROGRAMS=(kubectl helm helm3)

# -w -s drop debug data; the version is what the API server reports and helm's kubeVersion checks read.
kubernetes_ldflags() {
  local version=$KUBERNETES_VERSION package flags="-s -w"
  local major=${version#v} minor=${version#v*.}
  for package in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
    flags+=" -X $package.gitVersion=$version -X $package.gitMajor=${major%%.*} -X $package.gitMinor=${minor%%.*}"
    flags+=" -X $package.gitTreeState=clean"
  done
  echo "$flags"
}

# build_go NAME PACKAGE LDFLAGS: one static binary, moved into place only when it is whole.
build_go() {
  local name=$1 package=$2 ldflags=$3 started=$SECONDS
  printf '    %-24s ' "$name"
  (cd "$HERE/tools" && CGO_ENABLED=0 go build -trimpath -ldflags "$ldflags" -o "$BIN/.$name.part" "$package") ||
    die "building $package failed; the Go toolchain must reach the Go module proxy (go env GOPROXY)"
  mv "$BIN/.$name.part" "$BIN/$name"
  echo "$((SECONDS - started)) s"
}

build_program() {
  case $1 in
    etcd) build_go etcd go.etcd.io/etcd/server/v3 "-s -w" ;;
    helm) build_go helm helm.sh/helm/v4/cmd/helm "-s -w -X helm.sh/helm/v4/internal/version.version=$HELM4_VERSION" ;;
    helm3) build_go helm3 helm.sh/helm/v3/cmd/helm "-s -w -X helm.sh/helm/v3/internal/version.version=$HELM3_VERSION" ;;
    *) build_go "$1" "k8s.io/kubernetes/cmd/$1" "$(kubernetes_ldflags)" ;;
  esac
}

# build_binaries NAME…: those of the named programs that the cache does not have yet.
build_binaries() {
  local name missing=()
  for name in "$@"; do
    [ -x "$BIN/$name" ] || missing+=("$name")
  done
  [ "${#missing[@]}" -gt 0 ] || return 0
  step "Building ${missing[*]} (Kubernetes $KUBERNETES_VERSION, helm $HELM4_VERSION and $HELM3_VERSION; all of them take 7 to 10 minutes on 2 cores, once per version)"
  mkdir -p "$BIN"
  for name in "${missing[@]}"; do
    build_program "$name"
  done
}
