# shellcheck shell=bash
# Which Debian packages does the cluster need, and how are they installed without starting a daemon?
# Sourced; needs common.sh.

CNI_BIN=/usr/lib/cni

# need COMMAND PACKAGE: notes the package if the command is missing. By command and not by package, so that
# a containerd or a compiler from elsewhere will do.
need() { [ -x "$(command -v "$1")" ] || MISSING_PACKAGES+=("$2"); }

install_packages() {
  MISSING_PACKAGES=()
  need containerd containerd
  need runc runc
  need iptables iptables
  need conntrack conntrack
  need ip iproute2
  need buildah buildah
  need openssl openssl
  need curl curl
  need nginx nginx
  need cc gcc
  [ -x "$CNI_BIN/ptp" ] || MISSING_PACKAGES+=(containernetworking-plugins)
  [ "${#MISSING_PACKAGES[@]}" -gt 0 ] || return 0
  command -v apt-get >/dev/null ||
    die "missing, and there is no apt-get to install it with: ${MISSING_PACKAGES[*]}"
  step "Installing ${MISSING_PACKAGES[*]} (about a minute)"
  apt_install "${MISSING_PACKAGES[@]}"
}

# Debian starts a package's daemon as it installs it, unless policy-rc.d says no.
apt_install() {
  local policy=/usr/sbin/policy-rc.d log=$LOGS/apt.log
  mkdir -p "$LOGS"
  (
    [ ! -e "$policy" ] || mv "$policy" "$policy.before-hotdesk"
    trap 'rm -f "$policy"; [ ! -e "$policy.before-hotdesk" ] || mv "$policy.before-hotdesk" "$policy"' EXIT
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
    export DEBIAN_FRONTEND=noninteractive
    apt-get update && apt-get install -y --no-install-recommends "$@"
  ) >"$log" 2>&1 </dev/null 9>&- || {
    tail -n 5 "$log" >&2
    die "installing $* failed (log: $log)"
  }
}
