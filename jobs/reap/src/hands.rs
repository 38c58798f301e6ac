//! The reap, done for real: records through the API server, uninstalls through helm.

use std::time::Duration;

use hotdesk_slots::requests::SavedRelease;
use hotdesk_slots::slot::Slot;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::Api;
use kube::api::PostParams;

use crate::act::Hands;
use crate::collect::releases::Holder;
use crate::collect::{Collector, Memory};
use crate::decide::{Evidence, Verdict};
use crate::helm::manifest::preserve;
use crate::helm::record::Record;
use crate::helm::release::{Driver, Release};
use crate::helm::{Helm, HelmError};
use crate::judged::write_judged;
use crate::report::uninstalling_patch;
use crate::undo::keeper::{Keeper, Reap};

/// The hands of one run.
pub struct RealHands<'a> {
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
    pub keeper: Keeper<'a>,
    /// Which reap this is.
    pub reap: Reap,
}

impl Hands for RealHands<'_> {
    async fn look(&mut self) -> (Verdict, Evidence) {
        let (verdict, evidence) = self.collector.verdict(&mut self.memory).await;
        self.seen = evidence.slot.as_ref().and_then(|slot| slot.as_ref().ok()).cloned();
        self.saved.clear();
        (verdict, evidence)
    }

    async fn preserve(&mut self, release: &Release) -> Result<Vec<String>, String> {
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
        noted.map_err(HelmError::NotRun)?;
        tracing::info!(release = release.name, revision = release.revision, "uninstalling");
        self.helm.uninstall(release, &self.reason).await
    }

    async fn remains(&mut self, release: &Release) -> Result<bool, String> {
        match release.driver {
            Driver::Secret => self.exists::<Secret>(release).await,
            Driver::ConfigMap => self.exists::<ConfigMap>(release).await,
        }
    }

    async fn wait(&mut self, how_long: Duration) {
        tokio::time::sleep(how_long).await;
    }
}

impl RealHands<'_> {
    fn api<K: Holder>(&self) -> Api<K> {
        Api::namespaced(self.collector.cluster.client.clone(), self.collector.slot)
    }

    async fn mark<K: Holder>(&mut self, release: &Release) -> Result<Vec<String>, String> {
        let (api, cluster) = (self.api::<K>(), self.collector.cluster);
        let mut holder = cluster.answer("its record cannot be read", api.get(&release.object)).await?;
        let mut record = Record::decode(holder.release().unwrap_or_default())
            .map_err(|e| format!("its record cannot be read: {e}"))?;
        let manifest = record.manifest().map_err(|e| format!("its record cannot be read: {e}"))?;
        let prospect = self.keeper.prospect(&release.name, &record).await?;
        if let Some(why) = &prospect.held {
            return Err(why.clone());
        }
        // As it is, before it is told what to preserve.
        let about = self.keeper.save(release, &holder, &prospect, &self.reap, (self.collector.now)()).await?;
        self.saved.push(about.told());
        let preserved = preserve(&manifest, &self.collector.args.preserve, &prospect.out_of_reach);
        let preserved = preserved.map_err(|e| e.to_string())?;
        if preserved.changed {
            let written = record.set_manifest(&preserved.manifest).and_then(|()| record.encode());
            holder.set_release(written.map_err(|e| e.to_string())?);
            // The object carries the version that was judged: whoever wrote it since then wins.
            holder.meta_mut().resource_version = Some(release.resource_version.clone());
            let what = "its record cannot be told what to preserve";
            cluster.answer(what, api.replace(&release.object, &PostParams::default(), &holder)).await?;
        }
        Ok(preserved.objects)
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
