# shellcheck shell=bash
prepare_foreign_cluster() { die "not yet"; }
