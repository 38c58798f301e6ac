# shellcheck shell=bash
# How is a daemon started so that it outlives this script, and how are exactly our own found again?
# Sourced; needs common.sh.

# start NAME COMMAND…: a session of its own, no input, output to a log, and none of the caller's files:
# a caller that waits for the end of a pipe must not wait for the cluster.
start() {
  local name=$1 fd
  shift
  mkdir -p "$STATE/run" "$LOGS"
  (
    for fd in /proc/self/fd/*; do
      fd=${fd##*/}
      [ "$fd" -le 2 ] || eval "exec $fd>&-"
    done
    cd /
    exec setsid "$@" </dev/null >"$LOGS/$name.log" 2>&1
  ) &
  echo $! >"$STATE/run/$name.pid"
}

# is_ours PID: one of the cluster's daemons or a containerd shim, with an argument below our state directory.
# Judged by what the process is and not by its number, which may belong to somebody else by now; and not by
# its program alone, for others may run a kube-apiserver or a containerd too.
is_ours() {
  local exe words word
  exe=$(readlink "/proc/$1/exe" 2>/dev/null) || return 1
  case ${exe% (deleted)} in
    */etcd | */kube-apiserver | */kube-controller-manager | */kube-scheduler | */kubelet | */kube-proxy) ;;
    */containerd | */containerd-shim* | */nginx) ;;
    *) return 1 ;;
  esac
  mapfile -d '' words 2>/dev/null <"/proc/$1/cmdline" || return 1
  for word in "${words[@]}"; do
    case ${word#--*=} in "$STATE"/*) return 0 ;; esac
  done
  return 1
}

# our_pids NAME…: the pids of our processes with these program names, of any user.
our_pids() {
  local pid program name
  for pid in /proc/[0-9]*; do
    pid=${pid#/proc/}
    { IFS= read -r -d '' program <"/proc/$pid/cmdline"; } 2>/dev/null || continue
    for name in "$@"; do
      if [ "${program##*/}" = "$name" ] && is_ours "$pid"; then echo "$pid"; fi
    done
  done
}

# stop NAME…: asks, waits three seconds, then kills.
stop() {
  local pids deadline=$((SECONDS + 3))
  pids=$(our_pids "$@")
  [ -n "$pids" ] || return 0
  # shellcheck disable=SC2086 # one word per pid
  kill $pids 2>/dev/null || true
  while [ -n "$(our_pids "$@")" ]; do
    if [ "$SECONDS" -ge "$deadline" ]; then
      # shellcheck disable=SC2046 # one word per pid
      kill -KILL $(our_pids "$@") 2>/dev/null || true
    fi
    sleep 0.05
  done
}

# alive NAME: the daemon that the pid file names runs, and is ours.
alive() {
  local pid
  pid=$(cat "$STATE/run/$1.pid" 2>/dev/null) && is_ours "$pid"
}
