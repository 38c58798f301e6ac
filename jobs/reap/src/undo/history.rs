//! Which revisions of a release has helm kept, which of them worked last, and of which may objects be there?
//!
//! An upgrade that failed leaves its objects beside those of the revision before it, which is the one that works. helm itself
//! uninstalls what the newest revision names, and no more.

use std::collections::BTreeMap;

use hotdesk_slots::keys;
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::{ListParams, PartialObjectMeta};
use kube::{Api, ResourceExt as _};

use crate::api::Cluster;
use crate::collect::releases::Holder;
use crate::helm::record::{Hook, Record};
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
    /// When the object was made: the API server notes that, and no later write of it changes it.
    pub created: Option<Timestamp>,
    /// True if it has an owner. helm gives none: a controller made it, of what somebody may have left.
    pub is_owned: bool,
    /// Who deployed it, as the webhook noted.
    pub deployed_by: Option<String>,
    /// The value of `data.release`.
    pub packed: Vec<u8>,
    /// Its phase, or why it cannot be read.
    pub phase: Result<Phase, String>,
    /// What it holds; none where that is not needed: ten records may take much memory.
    pub record: Option<Record>,
}

/// The revisions of one release, the newest first; never empty.
#[derive(Debug)]
pub struct History {
    /// The newest.
    pub newest: Revision,
    /// The others.
    pub older: Vec<Revision>,
    /// What helm reads as a record of the release, by its labels, and what is none by its name or what it says, or was not read.
    pub strays: Vec<Stray>,
}

/// An object that helm may take for the newest record, whatever hotdesk takes for it.
#[derive(Debug)]
pub struct Stray {
    /// Its name.
    pub object: String,
    /// When it was made; none where that says nothing.
    pub created: Option<Timestamp>,
}

impl Revision {
    /// Reads one.
    #[must_use]
    pub fn of<K: Holder>(release: &str, revision: i64, holder: &K) -> Self {
        let meta = holder.meta();
        let labels = meta.labels.clone().unwrap_or_default();
        let packed = holder.release().unwrap_or_default().to_vec();
        let read = Record::decode(&packed).and_then(|record| Ok((record.state(release, revision)?.phase, record)));
        let (phase, record) = match read {
            Ok((phase, record)) => (Ok(phase), Some(record)),
            Err(why) => (Err(why.to_string()), None),
        };
        Self {
            revision,
            object: meta.name.clone().unwrap_or_default(),
            uid: meta.uid.clone().unwrap_or_default(),
            labels: labels.into_iter().filter(|(key, _)| !keys::is_reserved(key)).collect(),
            created: meta.creation_timestamp.as_ref().map(|time| time.0),
            is_owned: is_owned(meta),
            deployed_by: meta.annotations.as_ref().and_then(|notes| notes.get(keys::DEPLOYED_BY)).cloned(),
            packed,
            phase,
            record,
        }
    }

    /// True if an uninstall runs something of it, or may.
    fn has_hooks(&self) -> bool {
        let hooks = self.record.as_ref().map(Record::hooks);
        hooks.is_none_or(|hooks| hooks.is_ok_and(|hooks| hooks.iter().any(Hook::is_of_an_uninstall)))
    }

    fn phase(&self) -> Option<Phase> {
        self.phase.as_ref().ok().copied()
    }
}

impl History {
    /// Reads the newest revision, and the others too if it did not work or has hooks, or if all are wanted.
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
        let mut history = Self { newest, older: Vec::new(), strays: Vec::new() };
        if !all && history.newest.phase() == Some(Phase::Deployed) && !history.newest.has_hooks() {
            return Ok(history);
        }
        let api: Api<K> = Api::namespaced(cluster.client.clone(), slot);
        let filter = ListParams::default().labels(&format!("owner=helm,name={}", release.name));
        let listed = cluster.all("its records cannot be listed", api.list_metadata(&filter)).await?;
        let prefix = format!("sh.helm.release.v1.{}.v", release.name);
        let revision = |object: &str| object.strip_prefix(&prefix)?.parse::<i64>().ok();
        let stray = |object: &str| Stray {
            object: object.to_owned(),
            created: listed.iter().find(|found| found.name_any() == object).and_then(created),
        };
        let names = listed.iter().map(kube::ResourceExt::name_any).filter(|name| *name != release.object);
        let (known, odd): (Vec<_>, Vec<_>) = names
            .map(|object| (revision(&object).filter(|revision| *revision < release.revision), object))
            .partition(|(revision, _)| revision.is_some());
        let mut older: Vec<(i64, String)> =
            known.into_iter().filter_map(|(revision, object)| Some((revision?, object))).collect();
        older.sort_by_key(|(revision, _)| std::cmp::Reverse(*revision));
        let unread = older.split_off(older.len().min(MAX_REVISIONS));
        history.strays = odd.iter().map(|(_, o)| o).chain(unread.iter().map(|(_, o)| o)).map(|o| stray(o)).collect();
        for (revision, object) in older {
            let holder = cluster.answer("a record of it cannot be read", api.get(&object)).await?;
            let mut found = Revision::of(&release.name, revision, &holder);
            if found.phase.is_err() {
                history.strays.push(stray(&object));
            }
            if history.all().any(|newer| newer.phase() == Some(Phase::Deployed)) {
                found.record = None;
            }
            history.older.push(found);
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
        let read = |revision: &Revision| match &revision.phase {
            Ok(_) => Ok(()),
            Err(why) => Err(format!("its record of revision {} cannot be read: {why}", revision.revision)),
        };
        self.all().take(depth).try_for_each(read)?;
        let live = self.all().take(depth);
        Ok(live.filter_map(|revision| Some((revision, revision.record.as_ref()?))).collect())
    }
}

fn created(found: &PartialObjectMeta<impl Holder>) -> Option<Timestamp> {
    // How old a controller's is says nothing.
    found.metadata.creation_timestamp.as_ref().map(|time| time.0).filter(|_| !is_owned(&found.metadata))
}

fn is_owned(metadata: &ObjectMeta) -> bool {
    metadata.owner_references.as_ref().is_some_and(|owners| !owners.is_empty())
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
