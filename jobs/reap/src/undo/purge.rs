//! What was kept and saved of releases that are gone, and which of it does a purge remove?
//!
//! A purge removes what a reap leaves behind, and nothing else: objects that carry helm's marks of a release of which there is
//! no record, and the saves of that release. What gives rights or sets limits stays. A release of which there is more than a
//! reap leaves may be installed by somebody who keeps helm's records elsewhere, and stays as a whole.

use std::collections::BTreeSet;

use hotdesk_slots::text::sanitize_short;
use hotdesk_slots::undo::ObjectRef;
use serde_json::json;

use super::store::Entry;
use crate::helm::manifest::survives;
use crate::request::Under;

/// What gives rights or sets limits, by group and kind: it is taken from nobody. A policy says the same.
const PROTECTED: [(&str, &str); 3] = [("", "ServiceAccount"), ("", "ResourceQuota"), ("", "LimitRange")];
const PROTECTED_GROUPS: [&str; 2] = ["rbac.authorization.k8s.io", "hotdesk.dev"];

/// An object that helm marked as a release's.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Marked {
    /// Which object.
    pub object: ObjectRef,
    /// The release.
    pub release: String,
    /// Its `helm.sh/resource-policy`, if it has one.
    pub policy: Option<String>,
    /// What tells it from another of its name.
    pub uid: Option<String>,
    /// As which it was found.
    pub resource_version: Option<String>,
}

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// Of these releases; of all, if none is named.
    pub named: &'a [String],
    /// The kinds that a reap keeps.
    pub preserve: &'a [String],
    /// Who asks.
    pub under: Under<'a>,
}

/// What is there.
#[derive(Debug, Clone, Copy)]
pub struct Present<'a> {
    /// The releases that have a record of any kind. It is read after the rest.
    pub installed: &'a BTreeSet<String>,
    /// What carries helm's marks.
    pub marked: &'a [Marked],
    /// What is saved.
    pub saves: &'a [Entry],
}

/// What goes of one release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Goes {
    /// The release.
    pub release: String,
    /// Its objects.
    pub objects: Vec<Marked>,
    /// Its saves.
    pub saves: Vec<Entry>,
}

/// What a purge does.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// What goes, by release.
    pub goes: Vec<Goes>,
    /// What stays although it was asked for, one sentence each.
    pub stays: Vec<String>,
}

/// True for what no purge removes.
#[must_use]
pub fn is_protected(object: &ObjectRef) -> bool {
    let group = group(object);
    PROTECTED_GROUPS.contains(&group) || PROTECTED.contains(&(group, &object.kind))
}

/// Says what goes and what stays.
#[must_use]
pub fn plan(present: &Present<'_>, wanted: &Wanted<'_>) -> Plan {
    let marked = present.marked.iter().map(|marked| marked.release.as_str());
    let saved = present.saves.iter().map(|entry| entry.about.release.as_str());
    let known: BTreeSet<&str> = marked.chain(saved).collect();
    let named: BTreeSet<&str> = wanted.named.iter().map(String::as_str).collect();
    let mut plan = Plan::default();
    for release in if named.is_empty() { &known } else { &named } {
        let shown = sanitize_short(release);
        if present.installed.contains(*release) {
            // Nobody asked for what is in use, unless they named it.
            plan.stays.extend(named.contains(release).then(|| format!("{shown} is installed, so all of it stays.")));
        } else if !known.contains(release) {
            plan.stays.push(format!("Nothing of {shown} is kept or saved."));
        } else {
            let (goes, stays) = of_release(release, present, wanted);
            plan.goes.extend(goes);
            plan.stays.extend(stays);
        }
    }
    plan
}

/// What goes of a release that has no record, and why the rest stays.
fn of_release(release: &str, present: &Present<'_>, wanted: &Wanted<'_>) -> (Option<Goes>, Vec<String>) {
    let all: Vec<&Marked> = present.marked.iter().filter(|marked| marked.release == release).collect();
    let saves: Vec<&Entry> = present.saves.iter().filter(|entry| entry.about.release == release).collect();
    let shown = sanitize_short(release);
    if let Some(more) = all.iter().find(|marked| !is_left_by_a_reap(marked, &saves, wanted.preserve)) {
        let why = format!(
            "All of {shown} stays, for {} is there, which a reap does not leave: it may be installed, with its records \
             elsewhere.",
            more.object
        );
        return (None, vec![why]);
    }
    let (protected, objects): (Vec<&Marked>, Vec<&Marked>) =
        all.into_iter().partition(|marked| is_protected(&marked.object));
    let (own, others): (Vec<&Entry>, Vec<&Entry>) =
        saves.into_iter().partition(|entry| wanted.under.admits(entry.about.claim_id.as_deref()));
    let mut stays: Vec<String> = protected
        .into_iter()
        .map(|marked| format!("{} of {shown} stays: it gives rights or sets limits.", marked.object))
        .collect();
    stays.extend(others.into_iter().map(|entry| {
        format!(
            "What is saved of revision {} of {shown} stays: it was cleared under another claim, so an administrator purges it.",
            entry.about.revision
        )
    }));
    let mut objects: Vec<Marked> = objects.into_iter().cloned().collect();
    objects.sort_by(|a, b| (&a.object.kind, &a.object.name).cmp(&(&b.object.kind, &b.object.name)));
    let goes = Goes { release: release.to_owned(), objects, saves: own.into_iter().cloned().collect() };
    ((!goes.objects.is_empty() || !goes.saves.is_empty()).then_some(goes), stays)
}

/// True for what the reaper keeps of a release that it uninstalls, by the same rules, or has kept of this one.
fn is_left_by_a_reap(marked: &Marked, saves: &[&Entry], preserve: &[String]) -> bool {
    let ObjectRef { api_version, kind, name, .. } = &marked.object;
    let annotations =
        marked.policy.as_ref().map_or_else(|| json!({}), |policy| json!({"helm.sh/resource-policy": policy}));
    let written =
        json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": name, "annotations": annotations}});
    let same = |kept: &ObjectRef| group(kept) == group(&marked.object) && kept.kind == *kind && kept.name == *name;
    is_protected(&marked.object)
        || survives(&written, preserve)
        || saves.iter().any(|entry| entry.about.kept.iter().any(same))
}

fn group(object: &ObjectRef) -> &str {
    object.api_version.split_once('/').map_or("", |(group, _)| group)
}

#[cfg(test)]
mod tests;
