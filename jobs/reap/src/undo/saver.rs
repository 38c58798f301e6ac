//! What would go with each release, and is it written down before it does?

use hotdesk_slots::slot::Slot;
use hotdesk_slots::text::{list, sanitize_short};
use hotdesk_slots::undo::{About, EarlierRevision, ObjectRef, Replicas};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::api::{DynamicObject, Preconditions};
use kube::{Api, ResourceExt as _};
use serde_json::Value;

use super::former::no_hooks;
use super::history::{History, Revision};
use super::hooks;
use super::objects::{Objects, Owner, owner};
use super::owned;
use super::saved::secret_name;
use super::store::Store;
use super::uninstall_impact::{Reach, Settings, UninstallImpact, impact};
use crate::api::Cluster;
use crate::args::Args;
use crate::collect::releases::Holder;
use crate::helm::manifest::{ManifestError, is_noted, joined, objects, reference, survives, without};
use crate::helm::record::{Hook, Record};
use crate::helm::release::{Driver, Release};

/// The most bytes that a Secret or ConfigMap holds, less what helm adds to a record when it uninstalls or rolls back.
const MAX_RECORD: usize = 1_048_576 - 8 * 1024;

/// Looks after the releases of one slot.
pub struct Saver<'a> {
    cluster: &'a Cluster,
    args: &'a Args,
    slot: &'a str,
    objects: Objects<'a>,
}

/// Of which reap.
#[derive(Debug, Clone)]
pub struct Reap {
    /// When it began.
    pub run: Timestamp,
    /// Why.
    pub reason: String,
    /// The releases that it set out to uninstall.
    pub targets: Vec<String>,
    /// Who holds the slot.
    pub owner: Option<String>,
    /// The id of their claim.
    pub claim_id: Option<String>,
}

/// What an uninstall of a release means, and what helm gets for it.
#[derive(Debug)]
pub struct Prepared {
    /// What goes and what stays.
    pub impact: UninstallImpact,
    /// The manifest for helm; none where the release's own will do.
    pub manifest: Option<String>,
    /// Why helm must not run its hooks, if so.
    pub no_hooks: Option<String>,
}

impl<'a> Saver<'a> {
    /// Nothing is asked yet.
    #[must_use]
    pub fn new(cluster: &'a Cluster, args: &'a Args, slot: &'a str) -> Self {
        Self { cluster, args, slot, objects: Objects::new(cluster, slot) }
    }

    /// What an uninstall of each of these would mean. A release that cannot be read stays.
    pub async fn impacts(&mut self, slot: &Slot, releases: &[Release], now: Timestamp) -> Vec<UninstallImpact> {
        let mut all = Vec::new();
        for release in releases {
            let read = match release.driver {
                Driver::Secret => self.read::<Secret>(release).await,
                Driver::ConfigMap => self.read::<ConfigMap>(release).await,
            };
            let found = match read {
                Ok(history) => {
                    let no_hooks = no_hooks(slot, &history, now);
                    self.prepare(&release.name, &history, no_hooks).await.map(|prepared| prepared.impact)
                }
                Err(why) => Err(why),
            };
            all.push(found.unwrap_or_else(UninstallImpact::unreadable));
        }
        all
    }

    async fn read<K: Holder>(&self, release: &Release) -> Result<History, String> {
        let api: Api<K> = Api::namespaced(self.cluster.client.clone(), self.slot);
        let newest = self.cluster.answer("its record cannot be read", api.get(&release.object)).await?;
        History::read(self.cluster, self.slot, release, &newest, false).await
    }

    /// What the uninstall of a release means, and what helm gets for it. `no_hooks` says why its hooks do not run, if so.
    ///
    /// # Errors
    /// When a record of it cannot be read.
    pub async fn prepare(
        &mut self,
        release: &str,
        history: &History,
        no_hooks: Option<String>,
    ) -> Result<Prepared, String> {
        let live = history.live()?;
        let manifests = manifests(&live)?;
        let found = match self.union(&manifests) {
            Ok(found) => found,
            Err(why) => {
                return Ok(Prepared { impact: UninstallImpact::kept(why.to_string()), manifest: None, no_hooks });
            }
        };
        let hooks = live.first().map(|(_, newest)| newest.hooks()).transpose();
        let mut hooks = hooks.map_err(|e| format!("its record cannot be read: {e}"))?.unwrap_or_default();
        let without_hooks = no_hooks.clone().filter(|_| hooks.iter().any(Hook::is_of_an_uninstall));
        if no_hooks.is_some() {
            hooks.clear();
        }
        let goes = found.iter().filter(|(_, object)| !survives(object, &self.args.preserve));
        let references: Vec<ObjectRef> = goes.map(|(found, _)| found.clone()).collect();
        let reach = self.objects.reach(&references, release).await;
        let settings = Settings { preserve: &self.args.preserve, cluster_scoped: self.args.undo.cluster_scoped };
        let unasked = || Reach::Unknown("an object of it was not asked for".to_owned());
        let mut impact = impact(&found, &hooks, settings, |object| reach.get(object).cloned().unwrap_or_else(unasked));
        let going: Vec<ObjectRef> = references.into_iter().filter(|object| !impact.kept.contains(object)).collect();
        impact.lost.extend(owned::lost(&mut self.objects, &going, &impact.lost).await?);
        let hooks = hooks::problem(&mut self.objects, self.slot, &hooks).await?;
        let impact = UninstallImpact { without_hooks, ..impact.or_held(hooks) };
        Ok(match for_helm(&manifests, &impact.kept, self.slot) {
            Ok(manifest) => {
                let manifest = manifests.first().filter(|own| **own != manifest).map(|_| manifest);
                let large = too_large(&live, manifest.as_deref())?;
                Prepared { impact: impact.or_held(large), manifest, no_hooks }
            }
            Err(why) => Prepared { impact: impact.or_held(Some(why.to_string())), manifest: None, no_hooks },
        })
    }

    /// The objects of all these manifests, each once.
    fn union(&self, manifests: &[String]) -> Result<Vec<(ObjectRef, Value)>, ManifestError> {
        let mut all: Vec<(ObjectRef, Value)> = Vec::new();
        for manifest in manifests {
            for object in objects(manifest)? {
                let found = reference(&object).within(self.slot);
                if !all.iter().any(|(known, _)| *known == found) {
                    all.push((found, object));
                }
            }
        }
        Ok(all)
    }

    /// Writes a release down as it is, every revision of it, and says what is known of it. A record that lacks documents was
    /// written down before it lost them.
    ///
    /// # Errors
    /// When that fails: then it must not be reaped.
    pub async fn save(
        &mut self,
        release: &Release,
        history: &History,
        (impact, without_hooks): (&UninstallImpact, bool),
        reap: &Reap,
        now: Timestamp,
    ) -> Result<Option<About>, String> {
        let record = history.newest.record.as_ref().ok_or("its record cannot be read")?;
        if is_noted(&record.manifest().map_err(|e| e.to_string())?) {
            return Ok(None);
        }
        let store = Store::new(self.cluster, &self.args.undo.saved_namespace, self.slot);
        let about = |revision: &Revision| About {
            release: release.name.clone(),
            revision: revision.revision,
            driver: release.driver.as_str().to_owned(),
            object: revision.object.clone(),
            labels: revision.labels.clone(),
            deployed_by: revision.deployed_by.clone(),
            at: now,
            run: reap.run,
            until: now.saturating_add(self.args.undo.revive_for).unwrap_or(Timestamp::MAX),
            claim_id: reap.claim_id.clone(),
            owner: reap.owner.clone(),
            reason: reap.reason.clone(),
            targets: reap.targets.clone(),
            without_hooks,
            ..About::default()
        };
        // The newest last: where it is saved, the others are.
        let mut earlier = Vec::new();
        for revision in &history.older {
            let about = About { is_earlier: true, ..about(revision) };
            let secret = secret_name(self.slot, &about, &revision.uid);
            store.save(&secret, &about, &revision.packed).await?;
            earlier.push(EarlierRevision { revision: revision.revision, secret });
        }
        let about = About {
            kept: impact.kept.clone(),
            replicas: self.replicas(history, impact).await?,
            lost: impact.lost.clone(),
            earlier,
            ..about(&history.newest)
        };
        let name = secret_name(self.slot, &about, &history.newest.uid);
        store.save(&name, &about, &history.newest.packed).await?;
        Ok(Some(about))
    }

    /// Those of these that are there.
    ///
    /// # Errors
    /// When one of them cannot be read.
    pub async fn existing(&mut self, objects: Vec<ObjectRef>) -> Result<Vec<ObjectRef>, String> {
        let mut found = Vec::new();
        for object in objects {
            if self.objects.get(&object).await?.is_some() {
                found.push(object);
            }
        }
        Ok(found)
    }

    /// Which of these are there, and why.
    ///
    /// # Errors
    /// When one of them cannot be read.
    pub async fn there(&mut self, objects: &[ObjectRef], release: &str) -> Result<Vec<String>, String> {
        let mut there = Vec::new();
        for object in objects {
            let found = self.objects.get(object).await?;
            there.extend(found.map(|found| format!("{object} is there: {}", why_there(&found, release, self.slot))));
        }
        Ok(there)
    }

    /// Removes hooks that run on when nobody waits for them any more; one that has ended says why in its log.
    ///
    /// # Errors
    /// When one cannot be removed.
    pub async fn end_hooks(&mut self, hooks: &[ObjectRef]) -> Result<(), String> {
        for hook in hooks {
            let Some(found) = self.objects.get(hook).await? else { continue };
            let at = |pointer: &str| found.data.pointer(pointer);
            let is_job_at_work = at("/status/active").and_then(Value::as_i64).is_some_and(|active| active > 0);
            let phase = at("/status/phase").and_then(Value::as_str);
            if found.annotations().contains_key("helm.sh/hook")
                && (is_job_at_work || matches!(phase, Some("Running" | "Pending")))
            {
                let only = Preconditions { uid: found.uid(), resource_version: None };
                self.objects.delete(hook, only).await?;
                tracing::info!("{hook} is removed: it ran on after its uninstall was given up");
            }
        }
        Ok(())
    }

    /// How many replicas everything has that goes and has any: somebody, or an autoscaler, may have set them without the manifest.
    async fn replicas(&mut self, history: &History, impact: &UninstallImpact) -> Result<Vec<Replicas>, String> {
        let mut all = Vec::new();
        let written = self.union(&manifests(&history.live()?)?).map_err(|e| e.to_string())?;
        for (object, _) in written {
            if impact.kept.contains(&object) {
                continue;
            }
            let live = self.objects.get(&object).await?;
            let is = live.and_then(|live| live.data.pointer("/spec/replicas").and_then(Value::as_i64));
            all.extend(is.map(|replicas| Replicas { object, replicas }));
        }
        Ok(all)
    }
}

/// Why an object outlives its release.
fn why_there(found: &DynamicObject, release: &str, slot: &str) -> String {
    let finalizers: Vec<String> = found.finalizers().iter().map(|finalizer| sanitize_short(finalizer)).collect();
    match owner(found, release, slot) {
        _ if found.metadata.deletion_timestamp.is_some() && !finalizers.is_empty() => {
            format!("it is being deleted, and waits for its finalizer {}", list(&finalizers))
        }
        _ if found.metadata.deletion_timestamp.is_some() => "it is being deleted".to_owned(),
        Owner::Other(whose) => format!("it {whose}"),
        Owner::Release => "helm left it".to_owned(),
    }
}

/// The manifests of these revisions. One that lacks documents was given all that was to go.
fn manifests(live: &[(&Revision, &Record)]) -> Result<Vec<String>, String> {
    let mut all = Vec::new();
    for (_, record) in live {
        all.push(record.manifest().map_err(|e| format!("its record cannot be read: {e}"))?);
        if all.first().is_some_and(|newest| is_noted(newest)) {
            break;
        }
    }
    Ok(all)
}

/// What helm gets: the newest manifest, and what it lacks of the others, without what stays.
fn for_helm(manifests: &[String], kept: &[ObjectRef], slot: &str) -> Result<String, ManifestError> {
    let mut parts = Vec::new();
    let mut known = kept.to_vec();
    for manifest in manifests {
        parts.push(without(manifest, |object| known.contains(&reference(object).within(slot)))?);
        known.extend(objects(manifest)?.iter().map(|object| reference(object).within(slot)));
    }
    Ok(match parts.split_first() {
        Some((newest, older)) => joined(newest, older),
        None => String::new(),
    })
}

/// Why a release stays whose records leave helm no room, if they do.
fn too_large(live: &[(&Revision, &Record)], manifest: Option<&str>) -> Result<Option<String>, String> {
    let size: usize = live.iter().map(|(revision, _)| revision.packed.len()).sum();
    let Some((_, newest)) = live.first().filter(|_| size > MAX_RECORD / 2) else { return Ok(None) };
    let written = |record: &Record, manifest: &str| record.with_manifest(manifest).and_then(|record| record.encode());
    let size = match manifest {
        Some(manifest) => written(newest, manifest).map_err(|e| format!("its record cannot be written: {e}"))?.len(),
        None => live.first().map_or(0, |(revision, _)| revision.packed.len()),
    };
    Ok((size > MAX_RECORD).then(|| {
        format!(
            "its record takes {size} bytes, and one that helm could bring back takes {MAX_RECORD} at the most: make its chart \
             smaller, or uninstall it with helm"
        )
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(manifest: &str) -> Vec<String> {
        objects(manifest).unwrap().iter().map(|object| reference(object).to_string()).collect()
    }

    #[test]
    fn u09_what_an_upgrade_that_failed_left_goes_with_what_it_was_to_replace() {
        let old = include_str!("../../tests/data/undo/u09-renamed.v1.yaml").to_owned();
        let new = include_str!("../../tests/data/undo/u09-renamed.v2.yaml").to_owned();
        let both = for_helm(&[new.clone(), old.clone()], &[], "mew").unwrap();
        assert_eq!(shown(&both), ["Deployment/new", "HorizontalPodAutoscaler/new", "Deployment/old"]);
        assert!(both.starts_with(&new) && both.ends_with(&old), "byte by byte");
    }

    #[test]
    fn u08_what_two_revisions_name_helm_gets_once() {
        let one = include_str!("../../tests/data/undo/u08-failed-upgrade.v1.yaml").to_owned();
        let two = include_str!("../../tests/data/undo/u08-failed-upgrade.v2.yaml").to_owned();
        assert_eq!(for_helm(&[two.clone(), one], &[], "mew").unwrap(), two);
    }

    #[test]
    fn u17_a_namesake_in_another_namespace_is_another_object() {
        let template = include_str!("../../tests/data/undo/u17-other-namespace.yaml").to_owned();
        let shared = ObjectRef { namespace: Some("shared".to_owned()), ..reference(&objects(&template).unwrap()[0]) };
        assert_eq!(shared.to_string(), "Service/shared/web");
        let left = for_helm(std::slice::from_ref(&template), &[shared], "mew").unwrap();
        assert_eq!(shown(&left), ["Service/web"]);
        assert!(template.starts_with(&left), "byte by byte");
        let own = template.replace("namespace: shared", "namespace: mew");
        assert_eq!(
            objects(&own).unwrap().iter().map(|object| reference(object).within("mew").to_string()).collect::<Vec<_>>(),
            ["Service/web", "Service/web"]
        );
    }

    #[test]
    fn u10_a_record_that_leaves_helm_no_room_keeps_its_release_and_says_so() {
        use base64::Engine as _;
        // Nothing of it can be compressed.
        let mut state = 88_172_645_463_325_252_u64;
        let noise: String = (0..1_000_000)
            .map(|_| {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                char::from(b'!' + u8::try_from(state % 90).unwrap())
            })
            .filter(|c| !['"', '\\'].contains(c))
            .collect();
        let record = |size: usize| {
            let json = serde_json::json!({"name": "web", "version": 1, "manifest": "kind: Service\n", "chart": &noise[..size],
                "info": {"status": "deployed", "last_deployed": "2026-11-23T15:00:00Z"}});
            base64::engine::general_purpose::STANDARD.encode(json.to_string())
        };
        let judge = |size: usize| {
            let secret = Secret {
                data: Some([("release".to_owned(), k8s_openapi::ByteString(record(size).into_bytes()))].into()),
                ..Secret::default()
            };
            let revision = Revision::of("web", 1, &secret);
            too_large(&[(&revision, revision.record.as_ref().unwrap())], None).unwrap()
        };
        assert_eq!(judge(700_000), None);
        let why = judge(785_000).unwrap();
        assert!(why.contains("and one that helm could bring back takes 1040384 at the most"), "{why}");
    }
}
