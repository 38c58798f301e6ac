# shellcheck shell=bash
# How are containerd, the kubelet and kube-proxy started? Sourced; needs common.sh, daemons.sh, binaries.sh,
# packages.sh and pki.sh.

# The kubelet serves only a container's newest log file, so this is also how much of a log can be read.
CONTAINER_LOG_MAX_SIZE=${HOTDESK_TEST_CONTAINER_LOG_MAX_SIZE:-10Mi}

# Overlay mounts fail on some file systems (inside a container, for one); plain copies always work.
snapshotter() {
  local probe=$STATE/overlay-probe
  mkdir -p "$probe"/{lower,upper,work,merged}
  if mount -t overlay overlay -o "lowerdir=$probe/lower,upperdir=$probe/upper,workdir=$probe/work" "$probe/merged" 2>/dev/null; then
    umount "$probe/merged"
    echo overlayfs
  else
    echo native
  fi
  rm -rf --one-file-system "$probe"
}

write_containerd_config() {
  # restrict_oom_score_adj: without CAP_SYS_RESOURCE a container cannot lower its score, and runc then fails.
  cat >"$STATE/containerd.toml" <<TOML
version = 2
root = "$STATE/containerd/root"
state = "$STATE/containerd/run"

[grpc]
  address = "$CONTAINERD_SOCKET"

[plugins."io.containerd.internal.v1.opt"]
  path = "$STATE/containerd/opt"

[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "$PAUSE_IMAGE"
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "$(snapshotter)"
    default_runtime_name = "runc"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "$CNI_BIN"
    conf_dir = "$STATE/cni/net.d"
TOML
}

ctr_images() { ctr --address "$CONTAINERD_SOCKET" -n k8s.io "$@"; }

start_containerd() {
  mkdir -p "$STATE"
  write_containerd_config
  write_cni_config
  start containerd "$(command -v containerd)" --config "$STATE/containerd.toml"
  wait_for 60 "containerd answers" "$LOGS/containerd.log" ctr_images version
}

# All pods live below one cgroup of ours, so that a later start finds every process of a killed predecessor.
make_cgroups() {
  local hierarchy
  if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
    mkdir -p "/sys/fs/cgroup/$CGROUP"
    local controller
    for controller in $(cat /sys/fs/cgroup/cgroup.controllers); do
      echo "+$controller" >/sys/fs/cgroup/cgroup.subtree_control 2>/dev/null || true
      echo "+$controller" >"/sys/fs/cgroup/$CGROUP/cgroup.subtree_control" 2>/dev/null || true
    done
    return 0
  fi
  for hierarchy in /sys/fs/cgroup/*/; do
    [ -e "$hierarchy/cgroup.procs" ] && [ ! -e "$hierarchy/cgroup.controllers" ] || continue
    [ ! -L "${hierarchy%/}" ] || continue
    mkdir -p "$hierarchy/$CGROUP"
    # A new cpuset has no processors and no memory, and nothing can run in it.
    if [ -e "$hierarchy/cpuset.cpus" ]; then
      cat "$hierarchy/cpuset.cpus" >"$hierarchy/$CGROUP/cpuset.cpus"
      cat "$hierarchy/cpuset.mems" >"$hierarchy/$CGROUP/cpuset.mems"
    fi
  done
}

write_kubelet_config() {
  # Watch, and a short syncFrequency: a mounted Secret changes within seconds, not minutes.
  # There is no DNS in this cluster. A pod's own loopback address refuses each query at once; with no address
  # the kubelet complains about every pod, and with any other a look-up takes seconds to fail.
  # The eviction and image limits are absolute: a nearly full disk of a developer's machine is not an emergency,
  # and an image that was imported cannot be pulled again.
  cat >"$STATE/kubelet.yaml" <<YAML
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: $NODE_IP
port: $KUBELET_PORT
healthzBindAddress: 127.0.0.1
healthzPort: $KUBELET_HEALTH_PORT
authentication:
  anonymous: {enabled: false}
  webhook: {enabled: true}
  x509: {clientCAFile: $PKI/ca.crt}
authorization: {mode: Webhook}
tlsCertFile: $PKI/kubelet-server.crt
tlsPrivateKeyFile: $PKI/kubelet-server.key
containerRuntimeEndpoint: unix://$CONTAINERD_SOCKET
cgroupDriver: cgroupfs
cgroupRoot: /$CGROUP
failCgroupV1: false
failSwapOn: false
clusterDNS: [127.0.0.1]
clusterDomain: cluster.local
podLogsDir: $STATE/pod-logs
volumePluginDir: $STATE/volume-plugins
syncFrequency: 2s
configMapAndSecretChangeDetectionStrategy: Watch
nodeStatusUpdateFrequency: 10s
containerLogMaxSize: $CONTAINER_LOG_MAX_SIZE
containerLogMonitorInterval: 3s
imageGCHighThresholdPercent: 100
imageGCLowThresholdPercent: 99
evictionHard: {memory.available: 100Mi, nodefs.available: 500Mi, imagefs.available: 500Mi}
volumeStatsAggPeriod: -1s
maxPods: 200
YAML
}

# The kubelet's cAdvisor counts what pods receive, and asks containerd which pod a cgroup is. It looks for the socket in its
# usual place only. Whatever is there already stays: that is another containerd's.
link_containerd_socket() {
  if [ -e "$USUAL_CONTAINERD_SOCKET" ] || [ -L "$USUAL_CONTAINERD_SOCKET" ]; then
    note "$USUAL_CONTAINERD_SOCKET is another containerd's, so the kubelet does not count what pods receive"
    return 0
  fi
  mkdir -p "${USUAL_CONTAINERD_SOCKET%/*}"
  ln -s "$CONTAINERD_SOCKET" "$USUAL_CONTAINERD_SOCKET"
}

start_kubelet() {
  write_kubelet_config
  link_containerd_socket
  make_cgroups
  start kubelet "$BIN/kubelet" --config="$STATE/kubelet.yaml" --kubeconfig="$PKI/kubelet.kubeconfig" \
    --root-dir="$STATE/kubelet" --hostname-override="$NODE_NAME" --node-ip="$NODE_IP"
}

start_proxy() {
  # The connection table belongs to the machine, so its limits stay as they are.
  cat >"$STATE/kube-proxy.yaml" <<YAML
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
mode: iptables
hostnameOverride: $NODE_NAME
clientConnection: {kubeconfig: $PKI/proxy.kubeconfig}
clusterCIDR: $POD_CIDR
healthzBindAddress: 127.0.0.1:$PROXY_HEALTH_PORT
metricsBindAddress: 127.0.0.1:$PROXY_METRICS_PORT
nodePortAddresses: [$NODE_IP/32]
iptables: {localhostNodePorts: false, minSyncPeriod: 100ms}
conntrack: {maxPerCore: 0, min: 0, tcpEstablishedTimeout: 0s, tcpCloseWaitTimeout: 0s}
YAML
  start kube-proxy "$BIN/kube-proxy" --config="$STATE/kube-proxy.yaml"
}

node_ready() {
  [ "$(kubectl_admin get node "$NODE_NAME" -o 'jsonpath={.status.conditions[?(@.type=="Ready")].status}')" = True ]
}

proxy_ready() { curl -sf --max-time 2 --noproxy '*' "http://127.0.0.1:$PROXY_HEALTH_PORT/healthz"; }

start_node() {
  start_kubelet
  start_proxy
  wait_for 60 "the node is ready" "$LOGS/kubelet.log" node_ready
  wait_for 60 "kube-proxy is healthy" "$LOGS/kube-proxy.log" proxy_ready
}
