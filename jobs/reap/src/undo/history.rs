//! Which revisions of a release has helm kept, which of them worked last, and of which may objects be there?
//!
//! An upgrade that failed leaves its objects beside those of the revision before it, which is the one that works. helm itself
//! uninstalls what the newest revision names, and no more.

use std::collections::BTreeMap;

use hotdesk_slots::keys;
use kube::api::ListParams;
use kube::{Api, ResourceExt as _};

use crate::api::Cluster;
use crate::collect::releases::Holder;
use crate::helm::record::Record;
use crate::helm::release::{Phase, Release};

/// The most revisions that are read, the newest first; helm keeps ten.
const MAX_REVISIONS: usize = 20;

/// One revision, as its object holds it.
#[derive(Debug)]
pub struct Revision {
    /// Which.
    pub revision: i64,
    /// The name of the object.
    pub object: String,
    /// What tells two installations of one name apart.
    pub uid: String,
    /// The object's labels, but for hotdesk's own.
    pub labels: BTreeMap<String, String>,
    /// Who deployed it, as the webhook noted.
    pub deployed_by: Option<String>,
    /// The value of `data.release`.
    pub packed: Vec<u8>,
    /// What it holds, or why that cannot be read.
    pub read: Result<(Phase, Record), String>,
}

/// The revisions of one release, the newest first; never empty.
#[derive(Debug)]
pub struct History {
    /// The newest.
    pub newest: Revision,
    /// The others.
    pub older: Vec<Revision>,
}

impl Revision {
    /// Reads one.
    #[must_use]
    pub fn of<K: Holder>(release: &str, revision: i64, holder: &K) -> Self {
        let meta = holder.meta();
        let labels = meta.labels.clone().unwrap_or_default();
        let packed = holder.release().unwrap_or_default().to_vec();
        let read = Record::decode(&packed).and_then(|record| Ok((record.state(release, revision)?.phase, record)));
        Self {
            revision,
            object: meta.name.clone().unwrap_or_default(),
            uid: meta.uid.clone().unwrap_or_default(),
            labels: labels.into_iter().filter(|(key, _)| !keys::is_reserved(key)).collect(),
            deployed_by: meta.annotations.as_ref().and_then(|notes| notes.get(keys::DEPLOYED_BY)).cloned(),
            packed,
            read: read.map_err(|e| e.to_string()),
        }
    }

    fn phase(&self) -> Option<Phase> {
        self.read.as_ref().ok().map(|(phase, _)| *phase)
    }
}

impl History {
    /// Reads the newest revision, and the others too if it did not work, or if all are wanted.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn read<K: Holder>(
        cluster: &Cluster,
        slot: &str,
        release: &Release,
        newest: &K,
        all: bool,
    ) -> Result<Self, String> {
        let newest = Revision::of(&release.name, release.revision, newest);
        let mut history = Self { newest, older: Vec::new() };
        if !all && history.newest.phase() == Some(Phase::Deployed) {
            return Ok(history);
        }
        let api: Api<K> = Api::namespaced(cluster.client.clone(), slot);
        let filter = ListParams::default().labels(&format!("owner=helm,name={}", release.name));
        let listed = cluster.all("its records cannot be listed", api.list_metadata(&filter)).await?;
        let prefix = format!("sh.helm.release.v1.{}.v", release.name);
        let revision = |object: &str| object.strip_prefix(&prefix)?.parse::<i64>().ok();
        let mut older: Vec<(i64, String)> =
            listed.iter().filter_map(|found| Some((revision(&found.name_any())?, found.name_any()))).collect();
        older.retain(|(revision, _)| *revision < release.revision);
        older.sort_by_key(|(revision, _)| std::cmp::Reverse(*revision));
        older.truncate(MAX_REVISIONS);
        for (revision, object) in older {
            let holder = cluster.answer("a record of it cannot be read", api.get(&object)).await?;
            history.older.push(Revision::of(&release.name, revision, &holder));
        }
        Ok(history)
    }

    /// All, the newest first.
    pub fn all(&self) -> impl Iterator<Item = &Revision> {
        std::iter::once(&self.newest).chain(&self.older)
    }

    /// The revisions whose objects may be there, the newest first: down to the one that worked last.
    ///
    /// # Errors
    /// When one of them cannot be read.
    pub fn live(&self) -> Result<Vec<(&Revision, &Record)>, String> {
        let phases: Vec<Option<Phase>> = self.all().map(Revision::phase).collect();
        let depth = worked(&phases).map_or(phases.len(), |at| at + 1);
        let read = |revision: &Revision| match &revision.read {
            Ok(_) => Ok(()),
            Err(why) => Err(format!("its record of revision {} cannot be read: {why}", revision.revision)),
        };
        self.all().take(depth).try_for_each(read)?;
        let live = self.all().take(depth);
        Ok(live.filter_map(|revision| Some((revision, &revision.read.as_ref().ok()?.1))).collect())
    }
}

/// Which of these, the newest first, worked last. What helm was about to uninstall had worked, unless an older one still does.
#[must_use]
pub fn worked(phases: &[Option<Phase>]) -> Option<usize> {
    let newest = |wanted: Phase| phases.iter().position(|phase| *phase == Some(wanted));
    newest(Phase::Deployed).or_else(|| newest(Phase::Uninstalling)).or_else(|| newest(Phase::Superseded))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_that_worked_is_found_behind_those_that_did_not() {
        use Phase::{Deployed, Failed, Pending, Superseded, Uninstalling};
        for (phases, expected) in [
            (vec![Some(Deployed), Some(Superseded)], Some(0)),
            (vec![Some(Failed), Some(Deployed), Some(Superseded)], Some(1)),
            (vec![Some(Pending), None, Some(Deployed)], Some(2)),
            (vec![Some(Uninstalling), Some(Superseded)], Some(0)),
            (vec![Some(Uninstalling), Some(Deployed)], Some(1)),
            (vec![Some(Failed), Some(Superseded)], Some(1)),
            (vec![Some(Failed), Some(Failed)], None),
            (vec![None], None),
        ] {
            assert_eq!(worked(&phases), expected, "{phases:?}");
        }
    }
}
