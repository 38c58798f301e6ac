# shellcheck shell=bash
# What does a caller find under target/cluster/? Sourced; needs common.sh and binaries.sh.

PEOPLE=(alice bob carol)

link_clients() {
  local name
  mkdir -p "$OUT/bin"
  for name in "${CLIENT_PROGRAMS[@]}"; do
    ln -sfn "$BIN/$name" "$OUT/bin/$name"
  done
}

# put NAME: standard input becomes target/cluster/NAME, whole or not at all, readable by its owner only.
put() {
  (umask 077 && cat >"$OUT/.$1.part")
  mv "$OUT/.$1.part" "$OUT/$1"
}

write_outputs() {
  local name
  link_clients
  for name in admin "${PEOPLE[@]}" ci; do
    put "$name.kubeconfig" <"$PKI/$name.kubeconfig"
  done
  put issuer.pk8 <"$PKI/issuer.pk8"
  ln -sfn "$AUDIT_LOG" "$OUT/audit.log"
  put cluster.env <<ENV
HOTDESK_CLUSTER=own
HOTDESK_CLUSTER_NODE_IP=$NODE_IP
HOTDESK_CLUSTER_AUDIT_LOG=$AUDIT_LOG
ENV
  give_to_caller "$OUT" "$AUDIT_LOG"
}
