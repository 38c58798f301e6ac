# shellcheck shell=bash
# What every script here shares: where things are, which numbers are used, and how they speak. Sourced, never run.

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
ROOT=$(cd "$HERE/../.." && pwd)

# State and cache live in one fixed place outside the tree, so that a later clone finds the cache
# and clears what a killed predecessor left running. Only root can run the cluster; others may still
# build the tools that a cluster of their own needs.
if [ "$(id -u)" = 0 ]; then
  CLUSTER_HOME=${HOTDESK_CLUSTER_HOME:-/var/lib/hotdesk-cluster}
else
  CLUSTER_HOME=${HOTDESK_CLUSTER_HOME:-${XDG_CACHE_HOME:-$HOME/.cache}/hotdesk-cluster}
fi
CACHE=$CLUSTER_HOME/cache
STATE=$CLUSTER_HOME/state
LOGS=$CLUSTER_HOME/logs
OUT=$ROOT/target/cluster

# Names and numbers of our own, so that nothing else on the machine is met by accident. The ports lie
# below the kernel's range for outgoing connections: a port from that range may be taken at any moment.
NODE_NAME=hotdesk
NODE_LINK=hotdesk-node
NODE_IP=10.213.96.1
POD_CIDR=10.213.64.0/20
POD_GATEWAY=10.213.64.1
SERVICE_CIDR=10.213.80.0/20
API_SERVICE_IP=10.213.80.1
CGROUP=hotdesk

API_PORT=26443
ETCD_PORT=26444
ETCD_PEER_PORT=26445
CONTROLLER_MANAGER_PORT=26446
SCHEDULER_PORT=26447
KUBELET_PORT=26448
KUBELET_HEALTH_PORT=26449
PROXY_HEALTH_PORT=26450
PROXY_METRICS_PORT=26451
ISSUER_PORT=26452
NODE_PORTS=26500-26999

CONTAINERD_SOCKET=$STATE/containerd.sock
USUAL_CONTAINERD_SOCKET=/run/containerd/containerd.sock
API_URL=https://$NODE_IP:$API_PORT
PAUSE_IMAGE=docker.io/hotdesk-test/pause:1

# What the caller named relative to where it stands; the scripts have changed their directory by now.
from_caller() { case $1 in '' | /*) echo "$1" ;; *) echo "$OLDPWD/$1" ;; esac }
HOTDESK_TEST_KUBECONFIG=$(from_caller "${HOTDESK_TEST_KUBECONFIG:-}")
HOTDESK_BIN_DIR=$(from_caller "${HOTDESK_BIN_DIR:-}")

step() { printf '==> %s\n' "$*"; }
note() { printf '    %s\n' "$*"; }
die() {
  printf 'tests/cluster: %s\n' "$*" >&2
  exit 1
}

need_root() {
  [ "$(id -u)" = 0 ] ||
    die "a Kubernetes node needs root: run this as root or with sudo (sudo env PATH=\"\$PATH\" tests/cluster/${0##*/}), or set HOTDESK_TEST_KUBECONFIG to the kubeconfig of a cluster of your own (kind, k3d)"
}

# lock NAME: one script at a time; the lock goes when the script ends, however it ends.
lock() {
  mkdir -p "$CLUSTER_HOME"
  exec 9>"$CLUSTER_HOME/$1.lock"
  flock -n 9 && return 0
  note "another tests/cluster script is at work; waiting for it (at most 30 minutes)"
  flock -w 1800 9 || die "still locked after 30 minutes: $CLUSTER_HOME/$1.lock (fuser shows who holds it)"
}

# wait_for SECONDS WHAT LOG COMMAND…: polls until the command succeeds; else shows the log's last lines.
wait_for() {
  local seconds=$1 what=$2 log=$3 deadline=$((SECONDS + $1))
  shift 3
  until "$@" >/dev/null 2>&1; do
    if [ "$SECONDS" -ge "$deadline" ]; then
      [ ! -r "$log" ] || tail -n 15 "$log" >&2
      die "$what: not after $seconds s (log: $log)"
    fi
    sleep 0.1
  done
}

# Files written as root under sudo belong to the user who ran sudo.
give_to_caller() {
  [ -z "${SUDO_UID:-}" ] || chown -R -h "$SUDO_UID:${SUDO_GID:-$SUDO_UID}" "$@"
}
