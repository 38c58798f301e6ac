//! Where is what was reaped kept? In Secrets of a namespace of hotdesk's own, which no holder of a slot can read.

use hotdesk_slots::keys;
use hotdesk_slots::undo::{About, SECRET_TYPE};
use k8s_openapi::api::core::v1::Secret;
use kube::api::{DeleteParams, ListParams, PostParams};
use kube::{Api, ResourceExt as _};

use super::history::worked;
use super::saved::{about, packed, to_secret};
use crate::api::Cluster;
use crate::helm::record::Record;
use crate::helm::release::Phase;

/// The saved releases of one slot. A reaper may only add to them.
pub struct Store<'a> {
    cluster: &'a Cluster,
    slot: &'a str,
    api: Api<Secret>,
}

/// A saved release, as its Secret's metadata tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The name of the Secret.
    pub secret: String,
    /// What is known of it.
    pub about: About,
}

/// A saved release, in full.
#[derive(Debug)]
pub struct Saved {
    /// The Secret, and what is known.
    pub entry: Entry,
    /// The revisions that were saved, the newest first; never empty.
    pub revisions: Vec<SavedRevision>,
    /// Which of them worked last.
    target: usize,
    /// What that one holds.
    pub record: Record,
}

/// One revision of a saved release.
#[derive(Debug)]
pub struct SavedRevision {
    /// What is known of it.
    pub about: About,
    /// The value of the record's `data.release`.
    pub packed: String,
    /// What it says of its release, if that can be read.
    pub phase: Option<Phase>,
}

impl SavedRevision {
    fn of(about: About, secret: &Secret) -> Result<Self, String> {
        let (packed, record) = packed(secret).map_err(|e| e.to_string())?;
        let phase = record.state(&about.release, about.revision).ok().map(|state| state.phase);
        Ok(Self { about, packed, phase })
    }
}

impl Saved {
    fn of(entry: Entry, revisions: Vec<SavedRevision>) -> Result<Self, String> {
        let phases: Vec<Option<Phase>> = revisions.iter().map(|revision| revision.phase).collect();
        let target = worked(&phases).unwrap_or(0);
        let packed = revisions.get(target).map(|revision| revision.packed.as_bytes()).unwrap_or_default();
        let record = Record::decode(packed).map_err(|e| format!("its saved record cannot be read: {e}"))?;
        Ok(Self { entry, revisions, target, record })
    }

    /// The revision that worked last: a revive rolls back to it.
    #[must_use]
    pub fn target(&self) -> &About {
        self.revisions.get(self.target).map_or(&self.entry.about, |revision| &revision.about)
    }

    /// Its phase.
    #[must_use]
    pub fn target_phase(&self) -> Option<Phase> {
        self.revisions.get(self.target).and_then(|revision| revision.phase)
    }

    /// One of the revisions.
    #[must_use]
    pub fn revision(&self, wanted: i64) -> Option<&SavedRevision> {
        self.revisions.iter().find(|revision| revision.about.revision == wanted)
    }
}

impl<'a> Store<'a> {
    /// Nothing is asked yet.
    #[must_use]
    pub fn new(cluster: &'a Cluster, namespace: &str, slot: &'a str) -> Self {
        Self { cluster, slot, api: Api::namespaced(cluster.client.clone(), namespace) }
    }

    /// Writes a release down. Where an earlier attempt has done so already, what that wrote stays: from then on the
    /// record may be another, and some of its objects gone.
    ///
    /// # Errors
    /// When it cannot be written: then it must not be reaped.
    pub async fn save(&self, name: &str, about: &About, packed: &[u8]) -> Result<(), String> {
        let what = "it cannot be saved, so it could not be brought back";
        let secret = to_secret(self.slot, name, about, packed).map_err(|e| format!("{what}: {e}"))?;
        let created = async {
            match self.api.create(&PostParams::default(), &secret).await {
                Err(kube::Error::Api(status)) if status.is_already_exists() => Ok(()),
                other => other.map(|_| ()),
            }
        };
        self.cluster.answer(what, created).await
    }

    /// Every saved release of the slot that can be read, by its newest revision; what cannot is said, and left out.
    ///
    /// # Errors
    /// When they cannot be listed.
    pub async fn list(&self) -> Result<Vec<Entry>, String> {
        let own = saves().labels(&format!("{}={}", keys::SLOT, self.slot));
        let found = self.cluster.all("the saved releases cannot be listed", self.api.list_metadata(&own)).await?;
        let mut entries = Vec::new();
        for found in found {
            let name = found.name_any();
            match about(&found.metadata) {
                Ok(about) if about.is_earlier => {}
                Ok(about) if is_of(&name, self.slot) => entries.push(Entry { secret: name, about }),
                Ok(_) => tracing::warn!("the saved release {name} is left out: its name is not this slot's"),
                Err(why) => tracing::warn!("the saved release {name} is left out: {why}"),
            }
        }
        Ok(entries)
    }

    /// One saved release in full.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn read(&self, entry: &Entry) -> Result<Saved, String> {
        let what = "its saved record cannot be read";
        let unreadable = |e: String| format!("{what}: {e}");
        let secret = self.cluster.answer(what, self.api.get(&entry.secret)).await?;
        let mut revisions = vec![SavedRevision::of(entry.about.clone(), &secret).map_err(unreadable)?];
        for earlier in entry.about.earlier.iter().filter(|earlier| is_of(&earlier.secret, self.slot)) {
            let Some(secret) = self.cluster.answer(what, self.api.get_opt(&earlier.secret)).await? else {
                tracing::warn!(
                    release = entry.about.release,
                    "its revision {} is not saved any more",
                    earlier.revision
                );
                continue;
            };
            let about = about(&secret.metadata).map_err(|e| unreadable(e.to_string()))?;
            revisions.push(SavedRevision::of(about, &secret).map_err(unreadable)?);
        }
        revisions.sort_by_key(|revision| std::cmp::Reverse(revision.about.revision));
        Saved::of(entry.clone(), revisions)
    }

    /// Removes one that is not needed any more, with its older revisions.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub async fn forget(&self, entry: &Entry) -> Result<(), String> {
        // It goes first: nothing then leads to the others, which expire if they cannot be removed.
        self.remove(&entry.secret).await?;
        for earlier in entry.about.earlier.iter().filter(|earlier| is_of(&earlier.secret, self.slot)) {
            self.remove(&earlier.secret).await?;
        }
        Ok(())
    }

    async fn remove(&self, secret: &str) -> Result<(), String> {
        let now = DeleteParams::default();
        let removed = async {
            match self.api.delete(secret, &now).await {
                Err(kube::Error::Api(status)) if status.is_not_found() => Ok(()),
                other => other.map(|_| ()),
            }
        };
        self.cluster.answer(&format!("{secret} cannot be removed"), removed).await
    }
}

/// All saved releases.
pub(super) fn saves() -> ListParams {
    ListParams::default().fields(&format!("type={SECRET_TYPE}"))
}

/// A reaper may give what it saves its own slot's name alone: the name of the Secret says whose it is, not only a label.
fn is_of(secret: &str, slot: &str) -> bool {
    secret.strip_prefix(slot).is_some_and(|rest| rest.starts_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::helm::release::Phase;
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use serde_json::json;

    fn revision(revision: i64, status: &str) -> SavedRevision {
        let info = json!({"status": status, "last_deployed": "2026-11-23T15:00:00Z"});
        let record = json!({"name": "web", "version": revision, "info": info, "manifest": format!("# {revision}\n")});
        let about = About { release: "web".to_owned(), revision, ..About::default() };
        let secret = to_secret("mew", "x", &about, STANDARD.encode(record.to_string()).as_bytes()).unwrap();
        SavedRevision::of(about, &secret).unwrap()
    }

    fn saved(revisions: Vec<SavedRevision>) -> Saved {
        let about = revisions[0].about.clone();
        Saved::of(Entry { secret: "x".to_owned(), about }, revisions).unwrap()
    }

    #[test]
    fn u08_the_newest_revision_that_worked_is_the_one_to_go_back_to() {
        let saved = saved(vec![revision(3, "failed"), revision(2, "deployed"), revision(1, "superseded")]);
        assert_eq!((saved.target().revision, saved.target_phase()), (2, Some(Phase::Deployed)));
        assert_eq!(saved.record.manifest().unwrap(), "# 2\n");
        assert_eq!((saved.entry.about.revision, saved.revisions.len()), (3, 3));
    }

    #[test]
    fn a_release_that_never_worked_goes_back_to_its_newest_revision() {
        let saved = saved(vec![revision(2, "failed"), revision(1, "failed")]);
        assert_eq!((saved.target().revision, saved.record.manifest().unwrap().as_str()), (2, "# 2\n"));
    }
}
