//! Where is what was reaped kept, and for how long? In Secrets of the slot itself.

use hotdesk_slots::undo::{About, SECRET_TYPE};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Secret;
use kube::api::{DeleteParams, ListParams, PartialObjectMeta, PostParams, Preconditions};
use kube::{Api, ResourceExt as _};

use super::saved::{about, is_over, joined, packed, to_secret};
use crate::api::Cluster;
use crate::record::Record;

/// The saved releases of one slot.
pub struct Store<'a> {
    cluster: &'a Cluster,
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
    pub fn new(cluster: &'a Cluster, slot: &str) -> Self {
        Self { cluster, api: Api::namespaced(cluster.client.clone(), slot) }
    }

    /// Writes a release down. A former attempt to reap the same revision has done so already, and from then on its record
    /// may be another: what that attempt wrote stays, and only what is known besides is renewed.
    ///
    /// # Errors
    /// When it cannot be written: then it must not be reaped.
    pub async fn save(&self, name: &str, about: About, packed: &[u8]) -> Result<(), String> {
        let what = "it cannot be saved, so it could not be brought back";
        let found = self.cluster.answer(what, self.api.get_opt(name)).await?;
        let Some(mut found) = found else {
            let secret = to_secret(name, &about, packed).map_err(|e| format!("{what}: {e}"))?;
            return self.cluster.answer(what, self.api.create(&PostParams::default(), &secret)).await.map(|_| ());
        };
        let before = super::saved::about(&found.metadata).map_err(|e| format!("{what}: {e}"))?;
        let renewed = to_secret(name, &joined(before, about), b"").map_err(|e| format!("{what}: {e}"))?;
        found.annotations_mut().extend(renewed.metadata.annotations.unwrap_or_default());
        self.cluster.answer(what, self.api.replace(name, &PostParams::default(), &found)).await.map(|_| ())
    }

    /// Every saved release that can be read; what cannot is said, and left out.
    ///
    /// # Errors
    /// When they cannot be listed.
    pub async fn list(&self) -> Result<Vec<Entry>, String> {
        let mut entries = Vec::new();
        for found in self.metadata().await? {
            match about(&found.metadata) {
                Ok(about) => entries.push(Entry { secret: found.name_any(), about }),
                Err(why) => tracing::warn!("the saved release {} is left out: {why}", found.name_any()),
            }
        }
        Ok(entries)
    }

    async fn metadata(&self) -> Result<Vec<PartialObjectMeta<Secret>>, String> {
        let filter = ListParams::default().fields(&format!("type={SECRET_TYPE}"));
        self.cluster.all("the saved releases cannot be listed", self.api.list_metadata(&filter)).await
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

    /// Removes what is older than it is kept for.
    ///
    /// # Errors
    /// When they cannot be listed or removed; what can be is.
    pub async fn prune(&self, keep: SignedDuration, now: Timestamp) -> Result<usize, String> {
        let mut removed = 0;
        let mut problem = None;
        for found in self.metadata().await?.into_iter().filter(|found| is_over(&found.metadata, keep, now)) {
            // One that was renewed since it was listed stays.
            let seen = Preconditions { resource_version: found.resource_version(), uid: found.uid() };
            let only = DeleteParams { preconditions: Some(seen), ..DeleteParams::default() };
            let name = found.name_any();
            match self.cluster.answer(&format!("{name} cannot be removed"), self.api.delete(&name, &only)).await {
                Ok(_) => removed += 1,
                Err(why) => problem = Some(why),
            }
        }
        problem.map_or(Ok(removed), Err)
    }
}
