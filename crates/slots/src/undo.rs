//! What is written down of a reaped release, so that it can be brought back?
//!
//! The reaper writes it next to the release's record, and the reviver acts on it. Neither is where a holder can look: what
//! they may know stands in the Slot's status, as [`SavedRelease`].

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde::{Deserialize, Serialize};

use crate::requests::SavedRelease;
use crate::signals::bounded;
use crate::text::{sanitize_short, sentence};

/// The most saved releases that a Slot's status tells of.
pub const MAX_SAVED: usize = 50;

/// The most bytes that they may take there, as JSON: an object of the API server holds 1.5 MiB.
const MAX_SAVED_BYTES: usize = 192 * 1024;

/// The type of the Secrets that hold a reaped release.
pub const SECRET_TYPE: &str = "hotdesk.dev/reaped-release";
/// Label: the release's name.
pub const LABEL_RELEASE: &str = "reaped.hotdesk.dev/release";
/// Label of helm's record of a release that came back: its revision, where that was reaped without its hooks. So they do not
/// run later either; a newer revision is of who deploys it.
pub const LABEL_WITHOUT_HOOKS: &str = "reaped.hotdesk.dev/without-hooks";
/// Label: its revision.
pub const LABEL_REVISION: &str = "reaped.hotdesk.dev/revision";
/// Annotation: an [`About`], as JSON.
pub const ABOUT: &str = "reaped.hotdesk.dev/about";

/// What is known of a reaped release besides its record.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct About {
    /// The release's name.
    pub release: String,
    /// Its revision.
    pub revision: i64,
    /// `secret` or `configmap`: where helm kept its record.
    pub driver: String,
    /// The name of the object that held the record.
    pub object: String,
    /// The labels of that object, but for hotdesk's own.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// When it was saved.
    pub at: Timestamp,
    /// When the reap began that it was saved for: the releases of one reap have it in common.
    pub run: Timestamp,
    /// Until when it is kept.
    pub until: Timestamp,
    /// The claim under which it was reaped: nobody else's brings it back.
    #[serde(default, rename = "claimID", skip_serializing_if = "Option::is_none")]
    pub claim_id: Option<String>,
    /// Who held the slot then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Why it was reaped.
    #[serde(default)]
    pub reason: String,
    /// The objects that were told to stay.
    #[serde(default)]
    pub kept: Vec<ObjectRef>,
    /// Replicas that were other than the manifest says.
    #[serde(default)]
    pub replicas: Vec<Replicas>,
    /// What cannot be brought back.
    #[serde(default)]
    pub lost: Vec<String>,
    /// Who deployed it, as the webhook noted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployed_by: Option<String>,
    /// The releases that the reap set out to uninstall.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub targets: Vec<String>,
    /// The older revisions that were saved with this one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub earlier: Vec<EarlierRevision>,
    /// True if its hooks did not run: a former holder had deployed it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub without_hooks: bool,
    /// True for such an older revision: a revive finds it by the newest.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_earlier: bool,
}

/// An older revision of a saved release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EarlierRevision {
    /// Which.
    pub revision: i64,
    /// The Secret that it is saved in.
    pub secret: String,
}

/// How many replicas an object had.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Replicas {
    /// Which object.
    pub object: ObjectRef,
    /// How many.
    pub replicas: i64,
}

/// Which object.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ObjectRef {
    /// Group and version, as the manifest writes them.
    pub api_version: String,
    /// The kind.
    pub kind: String,
    /// The namespace, where the object names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// The name.
    pub name: String,
}

impl fmt::Display for ObjectRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.namespace {
            Some(namespace) => {
                write!(f, "{}/{}/{}", sanitize_short(&self.kind), sanitize_short(namespace), sanitize_short(&self.name))
            }
            None => write!(f, "{}/{}", sanitize_short(&self.kind), sanitize_short(&self.name)),
        }
    }
}

impl ObjectRef {
    /// The same, without a namespace that is the slot's own: one object then has one name, however a manifest writes it.
    #[must_use]
    pub fn within(mut self, slot: &str) -> Self {
        self.namespace = self.namespace.filter(|namespace| namespace != slot);
        self
    }
}

impl About {
    /// What a person should know before it is brought back, one line each. `owner` is who holds the slot now.
    #[must_use]
    pub fn reservations(&self, owner: Option<&str>) -> Vec<String> {
        let lost = self.lost.iter().map(|what| format!("not brought back: {}", sentence(what)));
        let whose = self.owner.as_deref().filter(|old| Some(*old) != owner);
        let whose = whose.map(|old| format!("it was reaped while {} held the slot", sanitize_short(old)));
        let hooks = self.without_hooks.then(|| {
            "its hooks do not run, now or later: it was deployed before those claimed the slot who held it last"
                .to_owned()
        });
        whose.into_iter().chain(hooks).chain(lost).collect()
    }

    /// As the Slot's status tells of it.
    #[must_use]
    pub fn told(&self) -> SavedRelease {
        SavedRelease {
            release: self.release.clone(),
            revision: self.revision,
            at: Time(self.at),
            run: Time(self.run),
            until: Time(self.until),
            claim_id: self.claim_id.clone(),
            owner: self.owner.clone(),
            kept: bounded(self.kept.iter().map(ToString::to_string).collect()),
            lost: bounded(self.lost.iter().map(|what| sanitize_short(what)).collect()),
        }
    }
}

/// What a Slot's status tells once more releases have been saved: the newest, none of which is over. What an earlier
/// attempt of the same reap told of a release stays, for what it saved stays as well.
#[must_use]
pub fn told_with(before: &[SavedRelease], more: Vec<SavedRelease>, now: Timestamp) -> Vec<SavedRelease> {
    let mut all = before.to_vec();
    let same = |a: &SavedRelease, b: &SavedRelease| {
        (&a.release, a.revision, &a.claim_id, &a.run) == (&b.release, b.revision, &b.claim_id, &b.run)
    };
    for new in more {
        if !all.iter().any(|old| same(old, &new)) {
            all.push(new);
        }
    }
    all.retain(|saved| saved.until.0 > now);
    all.sort_by_key(|saved| std::cmp::Reverse(saved.at.0));
    all.truncate(MAX_SAVED);
    let mut bytes = 0;
    for saved in &mut all {
        bytes += serde_json::to_string(saved).map_or(0, |text| text.len());
        if bytes > MAX_SAVED_BYTES {
            (saved.kept, saved.lost) = (Vec::new(), Vec::new());
        }
    }
    all.sort_by_key(|saved| saved.at.0);
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::SignedDuration;

    #[test]
    fn what_is_lost_and_whose_it_was_is_said_beforehand() {
        let owner = Some("bob@example.com".to_owned());
        let about = About { owner, lost: vec!["the data of PersistentVolumeClaim/a".to_owned()], ..About::default() };
        let lost = "not brought back: the data of PersistentVolumeClaim/a";
        assert_eq!(about.reservations(Some("bob@example.com")), [lost]);
        assert_eq!(about.reservations(Some("eve")), ["it was reaped while bob@example.com held the slot", lost]);
        let fields =
            format!("what kubectl-set changed: {0}, {0} and {0}", "spec.template.spec.containers[app].resources");
        let edited = About { lost: vec![fields.clone()], ..about.clone() };
        assert_eq!(edited.reservations(Some("bob@example.com")), [format!("not brought back: {fields}")], "in full");
        let hookless = About { without_hooks: true, ..about };
        assert!(hookless.reservations(Some("bob@example.com"))[0].starts_with("its hooks do not run"));
    }

    fn hour(hour: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_hours(hour)
    }

    /// Saved in this hour, by the reap of that hour, and kept for ten.
    fn saved(release: &str, at: i64, run: i64) -> SavedRelease {
        let times = About { at: hour(at), run: hour(run), until: hour(at + 10), ..About::default() };
        About { release: release.to_owned(), revision: 1, claim_id: Some("c1".to_owned()), ..times }.told()
    }

    fn names(saved: &[SavedRelease]) -> Vec<(&str, i64)> {
        saved.iter().map(|saved| (saved.release.as_str(), saved.at.0.as_second() / 3600)).collect()
    }

    #[test]
    fn a_status_tells_of_what_is_still_kept_and_once_of_what_one_reap_saved_twice() {
        let before = [saved("over", 1, 1), saved("web", 5, 5), saved("api", 5, 5)];
        let told = told_with(&before, vec![saved("web", 7, 5), saved("api", 7, 7)], hour(11));
        assert_eq!(names(&told), [("web", 5), ("api", 5), ("api", 7)]);
    }

    #[test]
    fn a_status_stays_small_whatever_was_saved() {
        let many = (0..80).map(|at| saved("web", at, at));
        let told = told_with(&[], many.collect(), hour(0));
        assert_eq!((told.len(), told.first().map(|saved| saved.at.0)), (MAX_SAVED, Some(hour(30))));

        let object = |i: usize| ObjectRef {
            kind: "k".repeat(500),
            name: format!("{i}{}", "n".repeat(500)),
            ..ObjectRef::default()
        };
        let large = |at: i64| {
            let about = About { at: hour(at), run: hour(at), until: hour(999), ..About::default() };
            About { kept: (0..90).map(object).collect(), lost: vec!["\u{1F600}".repeat(999); 90], ..about }.told()
        };
        assert!(large(0).kept.iter().all(|text| text.chars().count() <= 512), "the field holds no more");
        assert!(large(0).lost.iter().all(|text| text.chars().count() <= 1024), "the field holds no more");
        let told = told_with(&[], (0..60).map(large).collect(), hour(0));
        let bytes = serde_json::to_string(&told).unwrap().len();
        assert!(bytes < MAX_SAVED_BYTES + 64 * 1024, "{bytes}");
        assert!(told.last().is_some_and(|newest| !newest.kept.is_empty()), "the newest is told in full");
    }
}
