//! Where is what was reaped kept? In Secrets of a namespace of hotdesk's own, which no holder of a slot can read.

use hotdesk_slots::keys;
use hotdesk_slots::undo::{About, SECRET_TYPE};
use k8s_openapi::api::core::v1::Secret;
use kube::api::{DeleteParams, ListParams, PartialObjectMeta, PostParams};
use kube::{Api, ResourceExt as _};

use super::saved::{about, packed, to_secret};
use crate::api::Cluster;
use crate::helm::record::Record;

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
    /// The value of the record's `data.release`.
    pub packed: String,
    /// What that holds.
    pub record: Record,
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

    /// Every saved release of the slot that can be read; what cannot is said, and left out.
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
                Ok(about) if is_of(&found, self.slot) => entries.push(Entry { secret: name, about }),
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
        let secret = self.cluster.answer(what, self.api.get(&entry.secret)).await?;
        let (packed, record) = packed(&secret).map_err(|e| format!("{what}: {e}"))?;
        Ok(Saved { entry: entry.clone(), packed, record })
    }

    /// Removes one that is not needed any more.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub async fn forget(&self, entry: &Entry) -> Result<(), String> {
        let now = DeleteParams::default();
        let removed = self.api.delete(&entry.secret, &now);
        self.cluster.answer(&format!("{} cannot be removed", entry.secret), removed).await.map(|_| ())
    }
}

/// All saved releases.
pub(super) fn saves() -> ListParams {
    ListParams::default().fields(&format!("type={SECRET_TYPE}"))
}

/// A reaper may give what it saves its own slot's name alone: the name of the Secret says whose it is, not only a label.
fn is_of(found: &PartialObjectMeta<Secret>, slot: &str) -> bool {
    found.name_any().strip_prefix(slot).is_some_and(|rest| rest.starts_with('.'))
}
