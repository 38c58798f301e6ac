# shellcheck shell=bash
# What does a cluster leave on the machine, and how does all of it go? Used by `down`, and by `up` before it
# starts, for a predecessor that was killed. Sourced; needs common.sh, daemons.sh and network.sh.

clear_cluster() {
  refuse_other_home
  # The kubelet first, or it starts again what is stopped.
  stop kubelet kube-proxy
  stop kube-controller-manager kube-scheduler
  stop containerd
  kill_containers
  stop kube-apiserver etcd nginx
  unmount_state
  remove_cgroups
  remove_links
  remove_firewall
  restore_sysctls
  remove_files
}

# Every process of every pod is in our cgroup: no list of containers is needed, and none can be stale.
# Which hierarchies exist depends on the machine.
container_pids() {
  local procs
  for procs in /sys/fs/cgroup/"$CGROUP"/**/cgroup.procs /sys/fs/cgroup/*/"$CGROUP"/**/cgroup.procs; do
    cat "$procs" 2>/dev/null || true
  done | sort -u
}

kill_containers() {
  shopt -s globstar nullglob
  local pids deadline=$((SECONDS + 10))
  while :; do
    stop containerd-shim-runc-v2 containerd-shim
    pids=$(container_pids)
    [ -n "$pids" ] || break
    [ "$SECONDS" -lt "$deadline" ] || die "these processes of the test cluster's pods cannot be killed: ${pids//$'\n'/ }"
    # shellcheck disable=SC2086 # one word per pid
    kill -KILL $pids 2>/dev/null || true
    sleep 0.05
  done
  shopt -u globstar nullglob
}

unmount_state() {
  local point
  # Deepest first. Field 5 of mountinfo is the mount point, with blanks as octal escapes.
  awk -v prefix="$STATE/" 'index($5, prefix) == 1 { print length($5), $5 }' /proc/self/mountinfo |
    sort -rn | cut -d' ' -f2- | while IFS= read -r point; do
    point=$(printf '%b' "$point")
    umount "$point" 2>/dev/null || umount -l "$point" 2>/dev/null || note "cannot unmount $point"
  done
}

remove_cgroups() {
  local top try
  for top in /sys/fs/cgroup/"$CGROUP" /sys/fs/cgroup/*/"$CGROUP"; do
    [ -d "$top" ] || continue
    # The kernel lets go of a cgroup a moment after its last process.
    for try in 1 2 3 4 5 6 7 8 9 10; do
      find "$top" -depth -type d -exec rmdir {} + 2>/dev/null
      [ -d "$top" ] || break
      sleep 0.1
    done
    [ ! -d "$top" ] || note "cannot remove the cgroup $top after $try tries"
  done
}

remove_files() {
  local task note link
  # Shims and runc keep sockets and notes outside the state directory, under names that only these know.
  for task in "$STATE"/containerd/run/io.containerd.runtime.v2.task/k8s.io/*/; do
    [ ! -r "$task/address" ] || rm -f "$(sed 's|^unix://||' "$task/address")"
    rm -rf "/run/containerd/runc/k8s.io/$(basename "$task")"
  done
  for note in /var/lib/cni/results/*; do
    ! grep -qs "$STATE/" "$note" || rm -f "$note"
  done
  for link in "$USUAL_CONTAINERD_SOCKET" /var/log/containers/*; do
    case $(readlink "$link" || true) in "$STATE"/*) rm -f "$link" ;; esac
  done
  # The kubelet makes these wherever its own directories are; no other kubelet runs here.
  rm -f /var/lib/kubelet/device-plugins/kubelet_internal_checkpoint /var/lib/kubelet/device-plugins/kubelet.sock
  rmdir /var/lib/kubelet/device-plugins /var/lib/kubelet /var/log/containers 2>/dev/null || true
  # Whatever is still mounted below is not ours to delete.
  rm -rf --one-file-system "$STATE"
}
