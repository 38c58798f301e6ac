//! The cluster's own machinery, and what only resembles it.

use super::*;

#[test]
fn machinery_is_let_in_by_its_exact_name_whatever_the_slot() {
    for name in [
        "system:apiserver",
        "system:kube-controller-manager",
        "system:kube-scheduler",
        "system:serviceaccount:kube-system:replicaset-controller",
        "system:serviceaccount:kube-system:generic-garbage-collector",
        "system:serviceaccount:cert-manager:cert-manager",
    ] {
        allows(Role::Machinery, by(name));
        allows(Role::Machinery, by(name).free());
        allows(Role::Machinery, by(name).seeing(View::NotSynced));
        allows(Role::Machinery, by(name).seeing(View::Missing));
    }
}

#[test]
fn what_only_resembles_machinery_is_denied() {
    for name in [
        "system:apiserver2",
        "xsystem:apiserver",
        "System:apiserver",
        " system:apiserver",
        "system:apiserver ",
        "system:kube-scheduler\n",
        "system:kube-something",
        "system:serviceaccount:kube-system:default",
        "system:serviceaccount:kube-system:replicaset-controller2",
        "system:serviceaccount:kube-system:replicaset",
        "system:serviceaccount:pikachu2:replicaset-controller",
        "system:serviceaccount:cert-manager:cert-manager-cainjector",
        "system:serviceaccount:kube-system",
        "",
    ] {
        denies(Reason::Held, by(name).groups(&["system:serviceaccounts", "system:serviceaccounts:kube-system"]));
    }
}

#[test]
fn a_node_is_one_by_name_and_group_together() {
    allows(Role::Machinery, by("system:node:worker-1").groups(&["system:nodes", "system:authenticated"]));
    denies(Reason::Held, by("system:node:worker-1").groups(&["system:authenticated"]));
    denies(Reason::Held, by("system:node:worker-1").groups(&["system:nodes2"]));
    denies(Reason::Held, by("bob@example.com").groups(&["system:nodes"]));
    denies(Reason::Held, by("system:nodes:worker-1").groups(&["system:nodes"]));
}
