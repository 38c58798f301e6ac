use super::*;
use crate::guard::tests::{NOW, administrator, alices, allows, denies, mark, marked, slot, with, write, write_at};

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
    ] {
        for mark in [marked, labelled] {
            let (old, other) = (mark(alices(), key, "a"), mark(alices(), key, "b"));
            for (what, old, new) in
                [("adds", alices(), &old), ("changes", old.clone(), &other), ("takes", other.clone(), &alices())]
            {
                let because = format!("{key}\": only administrators change it");
                denies(ALICE, &old, new, &because);
                assert!(write_at(NOW, "u", &administrator(), &old, new).is_ok(), "an administrator {what} {key}");
            }
            allows(ALICE, &old, &marked(old.clone(), "team", "x"));
        }
    }
    for own in ["team", "example.com/helm.sh", "helm.sh", "nothelm.sh/x", "app.kubernetes.io.example.com/x"] {
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
