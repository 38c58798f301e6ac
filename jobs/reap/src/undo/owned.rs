//! Which volumes go with what a release holds, though its manifest does not name them?
//!
//! An operator makes claims for an object of its kind, and Kubernetes removes them with their owner.

use std::collections::BTreeMap;

use hotdesk_slots::undo::ObjectRef;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;

use super::objects::Objects;

/// The most steps from a claim to the object that goes.
const MAX_STEPS: usize = 8;

/// The owners' own owners, by the uid of each; none for an owner that is gone.
type Above = BTreeMap<String, Option<Vec<OwnerReference>>>;

/// What is lost with these objects, one line for each claim; without what is told already.
///
/// # Errors
/// When the claims or their owners cannot be read.
pub(super) async fn lost(
    objects: &mut Objects<'_>,
    going: &[ObjectRef],
    told: &[String],
) -> Result<Vec<String>, String> {
    if going.is_empty() {
        return Ok(Vec::new());
    }
    let claims = objects.claims().await?;
    let mut above = Above::new();
    let mut open: Vec<OwnerReference> = claims.iter().flat_map(|(_, owners)| owners.clone()).collect();
    while let Some(owner) = open.pop() {
        if going.iter().any(|object| is(object, &owner)) || above.contains_key(&owner.uid) {
            continue;
        }
        let found = objects.owners_of(&owner).await?;
        open.extend(found.iter().flatten().cloned());
        above.insert(owner.uid, found);
    }
    Ok(claims.iter().filter_map(|(claim, owners)| loss(claim, owners, &above, going, told)).collect())
}

fn loss(
    claim: &ObjectRef,
    owners: &[OwnerReference],
    above: &Above,
    going: &[ObjectRef],
    told: &[String],
) -> Option<String> {
    let by = taken_by(owners, above, going, MAX_STEPS)?;
    let line = format!("the data of {claim}");
    // Those of pods, and those that a StatefulSet says it deletes, are told by their sort.
    let of_pods = owners.iter().all(|owner| ["Pod", "StatefulSet"].contains(&owner.kind.as_str()));
    let is_known = told.contains(&line) || (of_pods && is_told(told, by));
    (!is_known).then(|| format!("{line}, which goes with {by}"))
}

fn is_told(told: &[String], object: &ObjectRef) -> bool {
    let name = object.to_string();
    told.iter().any(|line| line.starts_with("the data of the ") && line.split([' ', ',']).any(|word| word == name))
}

/// The object that takes along what has these owners: Kubernetes removes it once all of them are gone.
fn taken_by<'g>(
    owners: &[OwnerReference],
    above: &Above,
    going: &'g [ObjectRef],
    steps: usize,
) -> Option<&'g ObjectRef> {
    let mut by = None;
    for owner in owners {
        let taken = match (going.iter().find(|object| is(object, owner)), above.get(&owner.uid)) {
            (Some(object), _) => object,
            (None, Some(None)) => continue,
            (None, Some(Some(owners))) => taken_by(owners, above, going, steps.checked_sub(1)?)?,
            (None, None) => return None,
        };
        by = by.or(Some(taken));
    }
    by
}

/// An object may be known in several versions of its group.
fn is(object: &ObjectRef, owner: &OwnerReference) -> bool {
    let group = |version: &str| version.split_once('/').map_or("", |(group, _)| group).to_owned();
    object.kind == owner.kind && object.name == owner.name && group(&object.api_version) == group(&owner.api_version)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(api_version: &str, kind: &str, name: &str) -> ObjectRef {
        ObjectRef { api_version: api_version.to_owned(), kind: kind.to_owned(), namespace: None, name: name.to_owned() }
    }

    /// `Cluster/db`, of a group of its own unless it is a Pod or of `apps`.
    fn owner(shown: &str) -> OwnerReference {
        let (kind, name) = shown.split_once('/').unwrap();
        let api_version = match kind {
            "Pod" => "v1",
            "StatefulSet" | "ReplicaSet" | "Deployment" => "apps/v1",
            _ => "db.example.com/v1",
        };
        OwnerReference {
            api_version: api_version.to_owned(),
            kind: kind.to_owned(),
            name: name.to_owned(),
            uid: shown.to_owned(),
            ..OwnerReference::default()
        }
    }

    /// `Cluster/db` and `Deployment/web` go; `Pool/db` is the Cluster's, `Pod/web-1` the Deployment's, `Other/x` stays, and
    /// `Gone/x` is gone.
    #[track_caller]
    fn check(owners: &[&str], told: &[&str], expected: Option<&str>) {
        let owners: Vec<OwnerReference> = owners.iter().map(|shown| owner(shown)).collect();
        let going = [object("db.example.com/v1beta1", "Cluster", "db"), object("apps/v1", "Deployment", "web")];
        let owned = |of: &str, by: &[&str]| (of.to_owned(), Some(by.iter().map(|shown| owner(shown)).collect()));
        let above: Above = [
            owned("Pool/db", &["Cluster/db"]),
            owned("Pod/web-1", &["ReplicaSet/web-1"]),
            owned("ReplicaSet/web-1", &["Deployment/web"]),
            owned("Other/x", &[]),
            owned("Ring/x", &["Ring/x"]),
            ("Gone/x".to_owned(), None),
        ]
        .into();
        let told: Vec<String> = told.iter().map(|line| (*line).to_owned()).collect();
        let found = loss(&object("v1", "PersistentVolumeClaim", "c"), &owners, &above, &going, &told);
        let expected = expected.map(|by| format!("the data of PersistentVolumeClaim/c, which goes with {by}"));
        assert_eq!(found, expected, "{owners:?}");
    }

    #[test]
    fn a_claim_goes_with_the_last_of_its_owners_over_any_steps() {
        check(&["Cluster/db"], &[], Some("Cluster/db"));
        check(&["Pool/db"], &[], Some("Cluster/db"));
        check(&["Pod/web-1"], &[], Some("Deployment/web"));
        check(&["Cluster/db", "Gone/x"], &[], Some("Cluster/db"));
        check(&["Cluster/db", "Deployment/web"], &[], Some("Cluster/db"));
        for stays in
            [&[] as &[&str], &["Cluster/other"], &["Other/x"], &["Cluster/db", "Other/x"], &["Gone/x"], &["Ring/x"]]
        {
            check(stays, &[], None);
        }
    }

    #[test]
    fn what_is_told_is_not_told_twice() {
        check(&["Cluster/db"], &["the data of PersistentVolumeClaim/c"], None);
        let of_pods = |name: &str| format!("the data of the ephemeral volume data of the pods of {name}");
        check(&["Pod/web-1"], &[&of_pods("Deployment/web")], None);
        check(&["Pod/web-1"], &[&of_pods("Deployment/web-2")], Some("Deployment/web"));
        check(&["Deployment/web"], &[&of_pods("Deployment/web")], Some("Deployment/web"));
    }
}
