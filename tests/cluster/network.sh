# shellcheck shell=bash
# Which links, routes, sysctls and packet filter chains does a node need, and how do they go again?
# Sourced; needs common.sh, daemons.sh and packages.sh.
#
# Pods are joined to the host by `ptp` (one veth pair each, routed) and not by a bridge: between two pods
# on one bridge a Service's translation works only with br_netfilter, which not every machine has.

# What the kubelet and the CNI plugins change on the host; `restore_sysctls` puts the former values back.
HOST_SYSCTLS=(net.ipv4.ip_forward vm.overcommit_memory kernel.panic kernel.panic_on_oops
  kernel.keys.root_maxkeys kernel.keys.root_maxbytes)

save_sysctls() {
  [ -e "$CLUSTER_HOME/sysctls.before" ] || sysctl -e "${HOST_SYSCTLS[@]}" >"$CLUSTER_HOME/sysctls.before" 2>/dev/null || true
}

restore_sysctls() {
  [ -e "$CLUSTER_HOME/sysctls.before" ] || return 0
  sysctl -q -e -p "$CLUSTER_HOME/sysctls.before" >/dev/null 2>&1 || true
  rm -f "$CLUSTER_HOME/sysctls.before"
}

# The node's address must not be loopback, and must not depend on the machine's own network: a bridge that
# nothing is attached to carries it. The route lets the host reach Services even without a default route.
add_links() {
  save_sysctls
  sysctl -q -w net.ipv4.ip_forward=1
  ip link add "$NODE_LINK" type bridge
  ip address add "$NODE_IP/32" dev "$NODE_LINK"
  ip link set "$NODE_LINK" up
  ip route add "$SERVICE_CIDR" dev "$NODE_LINK" src "$NODE_IP"
  masquerade -A
}

# masquerade -A|-D|-C: what leaves the pods' network does so under the host's address.
masquerade() {
  iptables -w -t nat "$1" POSTROUTING -s "$POD_CIDR" ! -d "$POD_CIDR" \
    -m comment --comment "hotdesk test cluster" -j MASQUERADE
}

write_cni_config() {
  mkdir -p "$STATE/cni/net.d"
  cat >"$STATE/cni/net.d/10-hotdesk.conflist" <<JSON
{
  "cniVersion": "0.4.0",
  "name": "hotdesk",
  "plugins": [
    {
      "type": "ptp",
      "ipMasq": false,
      "ipam": {
        "type": "host-local",
        "dataDir": "$STATE/cni/addresses",
        "ranges": [[{"subnet": "$POD_CIDR", "gateway": "$POD_GATEWAY"}]],
        "routes": [{"dst": "0.0.0.0/0"}]
      }
    },
    {"type": "portmap", "capabilities": {"portMappings": true}, "snat": true}
  ]
}
JSON
}

remove_links() {
  local link
  # A pod's end of its veth pair goes with its network namespace, and the host's end with it; what is left
  # here outlived that.
  for link in $(ip -o -4 address show 2>/dev/null | awk -v gw="$POD_GATEWAY/" 'index($4, gw) == 1 { print $2 }'); do
    ip link delete "$link" 2>/dev/null || true
  done
  ip link delete "$NODE_LINK" 2>/dev/null || true
}

# remove_chains IPTABLES: drops every chain of kube-proxy, kubelet and portmap, and every rule that jumps to
# one. Each table in one transaction that leaves everybody else's rules alone.
remove_chains() {
  local table dump chains script
  command -v "$1" >/dev/null || return 0
  for table in nat filter mangle; do
    dump=$("$1" -w -t "$table" -S 2>/dev/null) || continue
    chains=$(awk '$1 == "-N" && $2 ~ /^(KUBE-|CNI-)/ { print $2 }' <<<"$dump")
    [ -n "$chains" ] || continue
    script=$(
      echo "*$table"
      sed 's/^/:/; s/$/ - [0:0]/' <<<"$chains"
      sed -nE '/^-A (KUBE-|CNI-)/d; s/^-A (.* -j (KUBE-|CNI-))/-D \1/p' <<<"$dump"
      sed 's/^/-X /' <<<"$chains"
      echo COMMIT
    )
    "$1-restore" -w --noflush <<<"$script" ||
      note "could not remove the $1 chains of table $table; look at: $1 -t $table -S"
  done
}

# neighbour: another Kubernetes in this network namespace, whose packet filter chains have the same names.
neighbour() {
  local pid comm
  for pid in /proc/[0-9]*; do
    pid=${pid#/proc/}
    { read -r comm <"/proc/$pid/comm"; } 2>/dev/null || continue
    case $comm in kubelet | kube-proxy | k3s | k3s-server | k3s-agent | k0s | microk8s*) ;; *) continue ;; esac
    [ "$(readlink "/proc/$pid/ns/net" 2>/dev/null)" = "$(readlink /proc/self/ns/net)" ] || continue
    is_ours "$pid" || echo "$comm, pid $pid"
  done
}

# The links and cgroups have fixed names, so clearing would hit a test cluster of another HOTDESK_CLUSTER_HOME.
refuse_other_home() {
  local found
  found=$(neighbour | sed -nE 's/^kubelet, pid //p')
  [ -n "$found" ] || return 0
  ! tr '\0' '\n' <"/proc/${found%%$'\n'*}/cmdline" 2>/dev/null | grep -qx -- "--hostname-override=$NODE_NAME" ||
    die "the test cluster that runs (kubelet, pid $found) was started with another HOTDESK_CLUSTER_HOME; set that, and try again"
}

refuse_neighbours() {
  local found
  found=$(neighbour)
  [ -z "$found" ] ||
    die "another Kubernetes runs on this machine (${found//$'\n'/; }), and would share its packet filter rules with the test cluster: stop it, or use it by HOTDESK_TEST_KUBECONFIG"
}

remove_firewall() {
  while masquerade -D 2>/dev/null; do :; done
  if [ -n "$(neighbour)" ]; then
    note "the KUBE-* packet filter chains stay: another Kubernetes on this machine uses them"
    return 0
  fi
  remove_chains iptables
  remove_chains ip6tables
}
