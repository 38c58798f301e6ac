//! The reap, done for real: records through the API server, uninstalls through helm.

use std::collections::BTreeMap;
use std::time::Duration;

use hotdesk_slots::requests::SavedRelease;
use hotdesk_slots::slot::{Slot, VerdictState};
use hotdesk_slots::undo::ObjectRef;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::Api;
use kube::api::PostParams;

use crate::collect::releases::Holder;
use crate::collect::{Collector, Memory};
use crate::decide::{Evidence, Verdict};
use crate::helm::manifest::{is_noted, noted};
use crate::helm::record::{Record, RecordError};
use crate::helm::release::{Driver, Phase, Release};
use crate::helm::{Helm, HelmError};
use crate::judged::write_judged;
use crate::reap::{ClusterOps, Left, Marked};
use crate::report::uninstalling_patch;
use crate::stop::{Heed, ended_by};
use crate::undo::former::no_hooks;
use crate::undo::history::History;
use crate::undo::hooks;
use crate::undo::saver::{Prepared, Reap, Saver};

/// The hands of one run.
pub struct KubeOps<'a> {
    /// Looks.
    pub collector: &'a Collector<'a>,
    /// Uninstalls.
    pub helm: &'a Helm,
    /// What was read before, and need not be read again.
    pub memory: Memory,
    /// Why, for helm's description of the uninstall.
    pub reason: String,
    /// The Slot as it was last looked at.
    pub seen: Option<Slot>,
    /// What was written down since then, of which the Slot's status does not tell yet.
    pub saved: Vec<SavedRelease>,
    /// Writes down what goes.
    pub saver: Saver<'a>,
    /// Which reap this is.
    pub reap: Reap,
    /// The release that is being uninstalled.
    pub at_work: AtWork,
    /// Whether this run is asked to stop.
    pub heed: Heed,
}

/// What is known of the release that is being uninstalled.
#[derive(Debug, Default)]
pub struct AtWork {
    /// Its name.
    release: String,
    /// What is to go.
    going: Vec<ObjectRef>,
    /// Its hooks that run at an uninstall.
    hooks: Vec<ObjectRef>,
    /// Its record as it was, its labels, and the manifest in it.
    record: String,
    labels: Option<BTreeMap<String, String>>,
    manifest: String,
    /// Why its hooks do not run, if so: as it was found first, for then this run and helm write the record themselves.
    no_hooks: Option<String>,
}

impl ClusterOps for KubeOps<'_> {
    async fn look(&mut self) -> (Verdict, Evidence) {
        let looked = self.heed.or(self.collector.verdict(&mut self.memory)).await;
        let (verdict, evidence) = looked.unwrap_or_else(|what| (unknown(ended_by(what)), Evidence::default()));
        self.seen = evidence.slot.as_ref().and_then(|slot| slot.as_ref().ok()).cloned();
        self.saved.clear();
        (verdict, evidence)
    }

    async fn preserve(&mut self, release: &Release) -> Result<Marked, String> {
        match release.driver {
            Driver::Secret => self.mark::<Secret>(release).await,
            Driver::ConfigMap => self.mark::<ConfigMap>(release).await,
        }
    }

    async fn uninstall(&mut self, release: &Release) -> Result<(), HelmError> {
        let now = (self.collector.now)();
        let unseen = || HelmError::NotRun("the Slot was not read".to_owned());
        let seen = self.seen.as_ref().ok_or_else(unseen)?;
        // What nobody is told of, nobody would bring back: without this note nothing is uninstalled.
        let begun = uninstalling_patch(seen, std::mem::take(&mut self.saved), now, self.helm.done_by(now));
        let noted = write_judged(self.collector.cluster, self.collector.slot, seen, begun).await;
        noted.map_err(|error| HelmError::NotRun(error.why()))?;
        let no_hooks =
            if self.at_work.release == release.name { self.at_work.no_hooks.as_deref() } else { Some("in doubt") };
        let how = no_hooks.map(|why| format!(" without hooks: {why}")).unwrap_or_default();
        tracing::info!(release = release.name, revision = release.revision, "uninstalling{how}");
        let uninstalled = self.heed.or(self.helm.uninstall(release, &self.reason, no_hooks.is_none())).await;
        uninstalled.unwrap_or_else(|what| Err(HelmError::Failed(format!("helm was ended: {}", ended_by(what)))))
    }

    async fn remains(&mut self, release: &Release) -> Result<bool, String> {
        match release.driver {
            Driver::Secret => self.exists::<Secret>(release).await,
            Driver::ConfigMap => self.exists::<ConfigMap>(release).await,
        }
    }

    async fn left(&mut self, release: &Release) -> Result<Left, String> {
        if self.at_work.release != release.name {
            return Err("it was not looked into".to_owned());
        }
        let there = self.saver.there(&self.at_work.going, &release.name).await?;
        Ok(Left { all: self.at_work.going.len(), there, hooks: !self.at_work.hooks.is_empty() })
    }

    async fn put_back(&mut self, release: &Release, whole: bool) {
        let given_back = match release.driver {
            Driver::Secret => self.give_back::<Secret>(release, whole).await,
            Driver::ConfigMap => self.give_back::<ConfigMap>(release, whole).await,
        };
        let ended = self.saver.end_hooks(&self.at_work.hooks).await;
        for why in [given_back, ended].into_iter().filter_map(Result::err) {
            tracing::warn!(release = release.name, "{why}");
        }
    }

    async fn wait(&mut self, how_long: Duration) {
        let _asked = self.heed.or(tokio::time::sleep(how_long)).await;
    }

    fn asked_to_stop(&self) -> Option<String> {
        self.heed.asked().map(ended_by)
    }
}

fn unknown(reason: String) -> Verdict {
    Verdict { state: VerdictState::Unknown, reason, activity: None, reap_at: None }
}

impl KubeOps<'_> {
    fn api<K: Holder>(&self) -> Api<K> {
        Api::namespaced(self.collector.cluster.client.clone(), self.collector.slot)
    }

    async fn mark<K: Holder>(&mut self, release: &Release) -> Result<Marked, String> {
        let (api, cluster, slot) = (self.api::<K>(), self.collector.cluster, self.collector.slot);
        let mut holder = cluster.answer("its record cannot be read", api.get(&release.object)).await?;
        let history = History::read(cluster, slot, release, &holder, true).await?;
        let seen = self.seen.as_ref().ok_or("the Slot was not read")?;
        let no_hooks = no_hooks(seen, &history, (self.collector.now)());
        let Prepared { impact, manifest, no_hooks } = self.saver.prepare(&release.name, &history, no_hooks).await?;
        if let Some(why) = &impact.held {
            return Err(why.clone());
        }
        // As it is, before anything is left out.
        let goes = (&impact, no_hooks.is_some());
        let about = self.saver.save(release, &history, goes, &self.reap, (self.collector.now)()).await?;
        self.saved.extend(about.map(|about| about.told()));
        let record = history.newest.record.as_ref().ok_or("its record cannot be read")?;
        let unwritable = |e: RecordError| format!("its record cannot be written: {e}");
        if self.at_work.release != release.name {
            let goes = impact.objects.iter().filter(|object| !impact.kept.contains(object)).cloned().collect();
            self.at_work = AtWork {
                release: release.name.clone(),
                going: self.saver.existing(goes).await?,
                hooks: if no_hooks.is_some() {
                    vec![]
                } else {
                    hooks::objects_of(&record.hooks().unwrap_or_default(), slot)
                },
                labels: holder.meta().labels.clone(),
                record: String::from_utf8_lossy(&history.newest.packed).into_owned(),
                manifest: record.manifest().map_err(unwritable)?,
                no_hooks,
            };
        }
        if let Some(manifest) = manifest {
            let cut = record.with_manifest(&noted(&manifest)).and_then(|record| record.encode());
            holder.set_release(cut.map_err(unwritable)?);
            // The object carries the version that was judged: what was written since then wins.
            holder.meta_mut().resource_version = Some(release.resource_version.clone());
            let what = "documents cannot be left out of its record";
            cluster.answer(what, api.replace(&release.object, &PostParams::default(), &holder)).await?;
        }
        let stays = impact.kept.iter().map(ToString::to_string).collect();
        Ok(Marked { stays, without_hooks: impact.without_hooks })
    }

    /// Puts the record back as it was, if nothing of the release is gone: helm calls it uninstalled from its first hook on. Else
    /// what helm has noted stays, and only the manifest is whole again.
    async fn give_back<K: Holder>(&mut self, release: &Release, whole: bool) -> Result<(), String> {
        if self.at_work.release != release.name {
            return Ok(());
        }
        let (api, cluster, what) = (self.api::<K>(), self.collector.cluster, "its record cannot be put back");
        let Some(mut holder) = cluster.answer(what, api.get_opt(&release.object)).await? else { return Ok(()) };
        let found = Record::decode(holder.release().unwrap_or_default()).map_err(|e| format!("{what}: {e}"))?;
        let lacks = is_noted(&found.manifest().unwrap_or_default());
        let state = found.state(&release.name, release.revision);
        let begun = lacks || state.is_ok_and(|state| state.phase == Phase::Uninstalling);
        let back = match (whole, lacks) {
            (true, _) if begun => {
                holder.meta_mut().labels.clone_from(&self.at_work.labels);
                self.at_work.record.clone()
            }
            (false, true) => {
                let back = found.with_manifest(&self.at_work.manifest).and_then(|record| record.encode());
                back.map_err(|e| format!("{what}: {e}"))?
            }
            _ => return Ok(()),
        };
        holder.set_release(back);
        cluster.answer(what, api.replace(&release.object, &PostParams::default(), &holder)).await.map(|_| ())
    }

    async fn exists<K: Holder>(&self, release: &Release) -> Result<bool, String> {
        let api = self.api::<K>();
        let found = self
            .collector
            .cluster
            .answer("its record cannot be looked for", api.get_metadata_opt(&release.object))
            .await?;
        Ok(found.is_some())
    }
}
