use serde_json::json;

use super::*;
use crate::slot_validation::tests::{
    NOW, administrator, alices, allows, applied_by, denies, mark, marked, slot, with, write, write_at,
};

const ALICE: &str = "alice@example.com";

fn labelled(slot: Slot, key: &str, value: &str) -> Slot {
    with(slot, |slot| {
        slot.metadata.labels.get_or_insert_default().insert(key.to_owned(), value.to_owned());
    })
}

#[test]
fn a49_what_tools_read_is_the_administrators() {
    for key in [
        "helm.sh/resource-policy",
        "meta.helm.sh/release-name",
        "app.kubernetes.io/managed-by",
        "kubectl.kubernetes.io/restartedAt",
        "argocd.argoproj.io/tracking-id",
        "fluxcd.io/sync-checksum",
        "kustomize.toolkit.fluxcd.io/prune",
        "applyset.kubernetes.io/part-of",
        "kapp.k14s.io/app",
        "config.k8s.io/owning-inventory",
        "config.kubernetes.io/path",
        "pulumi.com/patchForce",
        "objectset.rio.cattle.io/applied",
        "banzaicloud.com/last-applied",
        "tanka.dev/environment",
        "configmanagement.gke.io/managed",
        "configsync.gke.io/resource-id",
        "addonmanager.kubernetes.io/mode",
        "addon.kops.k8s.io/name",
        "k0s.k0sproject.io/stack",
        "kluctl.io/discriminator",
        "qbec.io/application",
        "kubecfg.ksonnet.io/garbage-collect-tag",
        "cleanup.kyverno.io/ttl",
        "janitor/ttl",
        "k8s-ttl-controller.twin.sh/ttl",
        "app.kubernetes.io.example.com/x",
        "example.com/team",
    ] {
        for mark in [marked, labelled] {
            let (old, other) = (mark(alices(), key, "a"), mark(alices(), key, "b"));
            for (what, old, new) in
                [("adds", alices(), &old), ("changes", old.clone(), &other), ("takes", other.clone(), &alices())]
            {
                let because = format!("{key}\": only administrators can change it");
                denies(ALICE, &old, new, &because);
                assert!(write_at(NOW, "u", &administrator(), &old, new).is_ok(), "an administrator {what} {key}");
            }
            allows(ALICE, &old, &marked(old.clone(), "team", "x"));
        }
    }
    for own in ["team", "helm.sh", "example.com", "a_b"] {
        allows(ALICE, &alices(), &marked(labelled(alices(), own, "a"), own, "a"));
    }
}

/// An apply by a person would otherwise leave behind what the administrators' next apply takes for their own last one.
#[test]
fn a49_what_kubectl_notes_of_a_persons_apply_is_not_stored() {
    let forged = r#"{"spec":{"claim":{"users":["x"]}}}"#;
    let stored = write(ALICE, &alices(), &marked(alices(), LAST_APPLIED, forged)).unwrap();
    assert_eq!(mark(&stored, LAST_APPLIED), None);
    let claimed = write(ALICE, &slot(&[]), &marked(slot(&[ALICE]), LAST_APPLIED, forged)).unwrap();
    assert_eq!(mark(&claimed, LAST_APPLIED), None, "with a claim of their own");
    let administrators = marked(alices(), LAST_APPLIED, "{}");
    for (what, new) in [("another", marked(alices(), LAST_APPLIED, forged)), ("none", alices())] {
        let stored = write(ALICE, &administrators, &new).unwrap();
        assert_eq!(mark(&stored, LAST_APPLIED).as_deref(), Some("{}"), "{what}");
    }
    let by_an_administrator = marked(alices(), LAST_APPLIED, forged);
    let (stored, _) = write_at(NOW, "u", &administrator(), &administrators, &by_an_administrator).unwrap();
    assert_eq!(mark(&stored, LAST_APPLIED).as_deref(), Some(forged));
    denies("bob@example.com", &alices(), &by_an_administrator, "held by alice@example.com");
}

/// With so many labels and annotations, each of so many bytes.
fn filled(slot: Slot, labels: usize, annotations: usize, each: usize) -> Slot {
    let key = |i: usize| format!("k{i:03}");
    let slot = (0..labels).fold(slot, |slot, i| labelled(slot, &key(i), ""));
    (0..annotations).fold(slot, |slot, i| marked(slot, &key(i), &"x".repeat(each - 4)))
}

#[test]
fn a49_nobody_fills_a_slot_for_those_who_come_after_them() {
    let of = |labels, annotations, each| filled(alices(), labels, annotations, each);
    allows(ALICE, &alices(), &of(32, 32, 400));
    denies(ALICE, &alices(), &of(33, 0, 4), "metadata.labels: people write 32 labels of their own at most, not 33");
    denies(
        ALICE,
        &alices(),
        &of(0, 33, 4),
        "metadata.annotations: people write 32 annotations of their own at most, not 33",
    );
    allows(ALICE, &alices(), &of(0, 32, 512));
    let because = "metadata: people write 16384 bytes of labels and annotations of their own at most, not 16388";
    denies(ALICE, &alices(), &of(1, 32, 512), because);
    let full = of(40, 40, 600);
    for (what, new) in
        [("as it is", full.clone()), ("less", of(39, 40, 600)), ("shorter", of(40, 40, 599)), ("none", alices())]
    {
        assert!(write(ALICE, &full, &new).is_ok(), "{what}");
    }
    denies(ALICE, &full, &of(41, 40, 500), "metadata.labels: people write 32");
    denies(ALICE, &full, &of(40, 40, 601), "metadata: people write 16384 bytes");
    // What hotdesk and the administrators' tools write is nobody's.
    let tools = (0..40).fold(alices(), |slot, i| marked(slot, &format!("helm.sh/{i}"), "x"));
    allows(ALICE, &tools, &marked(tools.clone(), "team", "x"));
    assert!(write_at(NOW, "u", &administrator(), &alices(), &full).is_ok());
}

#[test]
fn the_next_holder_claims_a_slot_that_was_filled_before_there_was_a_bound() {
    let full = filled(slot(&[]), 40, 40, 600);
    allows(ALICE, &full, &filled(slot(&[ALICE]), 40, 40, 600));
}

#[test]
fn a49_no_crowd_of_field_managers_fills_a_slot() {
    let by =
        |count: usize| (0..count).fold(alices(), |slot, i| applied_by(slot, &format!("m{i}"), json!({"f:claim": {}})));
    allows(ALICE, &by(7), &by(8));
    denies(ALICE, &by(8), &by(9), "metadata.managedFields: people write 8 field managers that apply at most, not 9");
    allows(ALICE, &by(9), &by(9));
    allows(ALICE, &by(9), &by(2));
}
