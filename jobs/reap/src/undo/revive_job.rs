//! One run of `hotdesk-reap revive`: which releases, in which order, and what is said of each?

use std::time::Duration;

use hotdesk_slots::signals::bounded;
use hotdesk_slots::slot::Slot;
use hotdesk_slots::text::{human_time, list, sanitize_short, sentence};
use hotdesk_slots::undo::{ObjectRef, told_with};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde_json::json;

use super::restore::Restorer;
use super::restore_decision::{Step, judge};
use super::store::{Entry, Saved, Store};
use crate::api::Cluster;
use crate::args::Args;
use crate::collect::slots;
use crate::helm::release::Driver;
use crate::helm::{Helm, HelmError};
use crate::report::{Conclusion, Exit, write_status};
use crate::request::Under;

/// How often what is still being deleted is looked for again, and how long in between.
const LOOKS: usize = 20;
const BETWEEN_LOOKS: Duration = Duration::from_secs(3);

/// How often the Slot's status is written again when somebody else writes it at the same moment.
const ATTEMPTS: usize = 4;

/// What became of the releases.
#[derive(Debug, Default, PartialEq, Eq)]
struct Outcome {
    back: Vec<String>,
    there: Vec<(String, String)>,
    not: Vec<(String, String)>,
    /// What is other than before of those that are back.
    lost: Vec<String>,
}

/// Brings back what was reaped.
pub async fn revive(args: &Args, releases: &[String], now: fn() -> Timestamp) -> Conclusion {
    match attempt(args, releases, now).await {
        Ok(conclusion) => conclusion,
        Err(why) => Conclusion { exit: Exit::Error, message: format!("Nothing was brought back: {why}.") },
    }
}

async fn attempt(args: &Args, releases: &[String], now: fn() -> Timestamp) -> Result<Conclusion, String> {
    let slot = args.slot()?;
    let cluster = Cluster::connect(args).await.map_err(|error| format!("{error:#}"))?;
    let found = slots::own(&cluster, slot).await?;
    not_being_reaped(&found, slot, now())?;
    let under = args.request.entitled(&found, now())?;
    let store = Store::new(&cluster, &args.undo.saved_namespace, slot);
    let all = store.list().await?;
    if let Some(message) = done_before(&found, &all, releases, now()) {
        return Ok(Conclusion { exit: Exit::Fine, message });
    }
    let entries = chosen(&all, releases, under, slot)?;
    let mut saved = Vec::new();
    let mut result = Outcome::default();
    for entry in &entries {
        match store.read(entry).await {
            Ok(found) => saved.push(found),
            Err(why) => result.not.push((entry.about.release.clone(), why)),
        }
    }
    // As they were first installed: what was installed first may be what the others need.
    saved.sort_by_key(|saved| (saved.record.first_deployed().ok(), saved.entry.about.release.clone()));
    let helm = Helm::new(args, slot).map_err(|error| format!("{error:#}"))?;
    helm.version().await.map_err(|error: HelmError| error.to_string())?;
    let restorer = Restorer::new(&cluster, slot);
    let mut reviver = Reviver { cluster: &cluster, args, slot, now, store: &store, restorer, helm: &helm };
    for saved in &saved {
        reviver.one(saved, &mut result).await;
    }
    if !args.dry_run {
        reviver.note(&result).await;
    }
    Ok(result.conclusion(slot, args.dry_run))
}

/// What is said where nothing is left to bring back, for it was brought back before.
fn done_before(slot: &Slot, saved: &[Entry], releases: &[String], now: Timestamp) -> Option<String> {
    let last = slot.status.as_ref()?.last_reap.as_ref()?;
    let restored = last.restored_at.as_ref()?.0;
    let wanted = if releases.is_empty() { &last.releases } else { releases };
    let is_saved = |name: &String| saved.iter().any(|entry| entry.about.release == *name);
    if !wanted.iter().all(|name| last.releases.contains(name)) || wanted.iter().any(is_saved) {
        return None;
    }
    let by = last.restored_by.as_deref().map(|by| format!(" by {}", sanitize_short(by))).unwrap_or_default();
    let names: Vec<String> = wanted.iter().map(|name| sanitize_short(name)).collect();
    Some(format!(
        "{} came back {}{by} already: nothing is left to bring back.",
        list(&names),
        human_time(restored, now)
    ))
}

/// A reap that is under way would take away again what is brought back.
pub(super) fn not_being_reaped(found: &Slot, slot: &str, now: Timestamp) -> Result<(), String> {
    let reaping = found.status.as_ref().and_then(|status| status.reaping.as_ref());
    match reaping.and_then(|reaping| reaping.at_work_until(now)) {
        Some(until) => Err(format!(
            "{slot} is just being cleared, until {} at the latest: try again when that has ended",
            human_time(until, now)
        )),
        None => Ok(()),
    }
}

/// The newest save of each release that is asked for; of none in particular, those of the last reap.
fn chosen(entries: &[Entry], releases: &[String], under: Under<'_>, slot: &str) -> Result<Vec<Entry>, String> {
    let all = entries.len();
    let entries: Vec<&Entry> = entries.iter().filter(|entry| under.admits(entry.about.claim_id.as_deref())).collect();
    if entries.is_empty() && all > 0 {
        return Err(format!(
            "what is saved in {slot} was cleared under another claim than yours: an administrator of hotdesk can bring it back"
        ));
    }
    let newest = |name: &str| {
        entries.iter().copied().filter(|entry| entry.about.release == name).max_by_key(|entry| entry.about.at)
    };
    let mut known: Vec<&str> = entries.iter().map(|entry| entry.about.release.as_str()).collect();
    known.sort_unstable();
    known.dedup();
    if known.is_empty() {
        return Err(format!(
            "nothing is saved in {slot}: nothing was reaped there lately, or it was brought back already. Install it \
             again with helm; what was kept of it is taken over"
        ));
    }
    if releases.is_empty() {
        let runs = last_runs(&entries);
        let last = known.iter().filter_map(|name| newest(name)).filter(|entry| runs.contains(&entry.about.run));
        return Ok(last.cloned().collect());
    }
    let missing: Vec<String> =
        releases.iter().filter(|name| newest(name).is_none()).map(|name| sanitize_short(name)).collect();
    if missing.is_empty() {
        let mut wanted: Vec<&String> = releases.iter().collect();
        wanted.sort();
        wanted.dedup();
        return Ok(wanted.into_iter().filter_map(|name| newest(name)).cloned().collect());
    }
    let known: Vec<String> = known.into_iter().map(sanitize_short).collect();
    Err(format!("{} is not saved in {slot}, or no longer; saved are: {}", list(&missing), list(&known)))
}

/// The last reap, and those before it that could not finish what they set out to do, and which it went on with: all that is one
/// undo.
fn last_runs(entries: &[&Entry]) -> Vec<Timestamp> {
    let mut runs: Vec<Timestamp> = entries.iter().map(|entry| entry.about.run).collect();
    runs.sort_unstable();
    runs.dedup();
    let of = |run: Timestamp| entries.iter().filter(move |entry| entry.about.run == run);
    let mut last: Vec<Timestamp> = Vec::new();
    for run in runs.into_iter().rev() {
        let left = |name: &String| !of(run).any(|entry| entry.about.release == *name);
        let set_out = of(run).flat_map(|entry| &entry.about.targets).filter(|name| left(name));
        let goes_on = |name: &String| last.iter().any(|later| of(*later).any(|entry| entry.about.release == *name));
        if !last.is_empty() && !set_out.into_iter().any(goes_on) {
            break;
        }
        last.push(run);
    }
    last
}

struct Reviver<'a> {
    cluster: &'a Cluster,
    args: &'a Args,
    slot: &'a str,
    now: fn() -> Timestamp,
    store: &'a Store<'a>,
    restorer: Restorer<'a>,
    helm: &'a Helm,
}

impl Reviver<'_> {
    async fn one(&mut self, saved: &Saved, result: &mut Outcome) {
        let name = saved.entry.about.release.clone();
        for line in saved.entry.about.reservations(None).iter().filter(|line| line.starts_with("not ")) {
            tracing::warn!(release = name, "{line}");
        }
        match self.entitled_step(saved).await {
            Ok(Step::Restore { untouched, .. }) if self.args.dry_run => {
                tracing::info!(release = name, "would come back{}", left_alone(&untouched));
                result.lost.extend(saved.entry.about.lost.clone());
                result.back.push(name);
            }
            Ok(Step::Restore { untouched, stale }) => self.restore(saved, &untouched, &stale, result).await,
            Ok(Step::Done { why, .. }) if self.args.dry_run => result.there.push((name, why)),
            Ok(Step::Done { why, untouched, ours }) => {
                let finished = if ours { self.restorer.finish(saved, &untouched).await } else { Ok(()) };
                match finished {
                    Ok(()) => {
                        self.settle(saved).await;
                        result.there.push((name, why));
                    }
                    Err(why) => result.not.push((name, why)),
                }
            }
            Ok(Step::Wait(why) | Step::Leave(why)) | Err(why) => result.not.push((name, why)),
        }
    }

    /// What is to be done, if the person who asked for it still holds the slot: one release may take minutes.
    async fn entitled_step(&mut self, saved: &Saved) -> Result<Step, String> {
        let step = self.step(saved).await?;
        let found = slots::own(self.cluster, self.slot).await?;
        let under = self.args.request.entitled(&found, (self.now)())?;
        if under.admits(saved.entry.about.claim_id.as_deref()) {
            Ok(step)
        } else {
            Err("it was cleared under another claim".to_owned())
        }
    }

    /// What is to be done, once nothing is on its way out any more.
    async fn step(&mut self, saved: &Saved) -> Result<Step, String> {
        let about = &saved.entry.about;
        let first = saved.record.first_deployed().map_err(|e| format!("its saved record cannot be read: {e}"))?;
        let mut looks = 1;
        loop {
            let objects = self.restorer.look(saved).await?;
            let step = judge(first, saved.target().revision, &self.restorer.present(saved).await?, &objects);
            let Step::Wait(why) = &step else { return Ok(step) };
            if looks == LOOKS || self.args.dry_run {
                return Ok(step);
            }
            tracing::info!(release = about.release, "{why}");
            looks += 1;
            tokio::time::sleep(BETWEEN_LOOKS).await;
        }
    }

    async fn restore(
        &mut self,
        saved: &Saved,
        untouched: &[ObjectRef],
        stale: &[(Driver, String)],
        result: &mut Outcome,
    ) {
        let about = saved.target();
        tracing::info!(release = about.release, revision = about.revision, "bringing it back{}", left_alone(untouched));
        match self.restorer.restore(saved, untouched, stale, self.helm).await {
            Ok(()) => {
                tracing::info!(release = about.release, "it is back");
                self.settle(saved).await;
                result.lost.extend(saved.entry.about.lost.clone());
                result.back.push(about.release.clone());
            }
            Err(why) => {
                tracing::error!(release = about.release, "{why}");
                result.not.push((about.release.clone(), why));
            }
        }
    }

    /// Has the Slot's status tell that the last reap was undone, once all of it is back.
    async fn note(&self, result: &Outcome) {
        for attempt in 1..=ATTEMPTS {
            match self.note_once(result).await {
                Ok(()) => return,
                Err(why) if attempt == ATTEMPTS => tracing::warn!("{why}"),
                Err(_) => {}
            }
        }
    }

    async fn note_once(&self, result: &Outcome) -> Result<(), String> {
        let found = slots::own(self.cluster, self.slot).await?;
        let Some(last) = found.status.as_ref().and_then(|status| status.last_reap.as_ref()) else { return Ok(()) };
        let is_back = |name: &String| result.back.contains(name) || result.there.iter().any(|(there, _)| there == name);
        if last.restored_at.is_some() || !last.releases.iter().all(is_back) {
            return Ok(());
        }
        let restored = json!({"restoredAt": Time((self.now)()), "restoredBy": self.args.request.by(&found)});
        let metadata = json!({"resourceVersion": found.metadata.resource_version});
        write_status(self.cluster, self.slot, &json!({"metadata": metadata, "status": {"lastReap": restored}})).await
    }

    /// It is back, and needs no copy. What is left over of it expires by itself.
    async fn settle(&self, saved: &Saved) {
        if let Err(why) = self.store.forget(&saved.entry).await {
            tracing::warn!("{why}");
        }
        tell_what_is_saved(self.cluster, self.slot, self.store, self.now).await;
    }
}

/// Has the Slot's status tell of what is still saved.
pub(super) async fn tell_what_is_saved(cluster: &Cluster, slot: &str, store: &Store<'_>, now: fn() -> Timestamp) {
    for attempt in 1..=ATTEMPTS {
        match tell(cluster, slot, store, now()).await {
            Ok(()) => return,
            Err(why) if attempt == ATTEMPTS => tracing::warn!("{why}"),
            Err(_) => {}
        }
    }
}

/// The same, if the Slot is as it was just read.
async fn tell(cluster: &Cluster, slot: &str, store: &Store<'_>, now: Timestamp) -> Result<(), String> {
    let found = slots::own(cluster, slot).await?;
    let left = store.list().await?.iter().map(|entry| entry.about.told()).collect();
    let metadata = json!({"resourceVersion": found.metadata.resource_version});
    let status = json!({"saved": told_with(&[], left, now)});
    write_status(cluster, slot, &json!({"metadata": metadata, "status": status})).await
}

fn left_alone(untouched: &[ObjectRef]) -> String {
    let names: Vec<String> = untouched.iter().map(ToString::to_string).collect();
    if names.is_empty() { String::new() } else { format!("; what was kept stays as it is: {}", list(&names)) }
}

impl Outcome {
    fn conclusion(&self, slot: &str, dry_run: bool) -> Conclusion {
        let plain_names = |names: &[String]| list(&names.iter().map(|name| sanitize_short(name)).collect::<Vec<_>>());
        let mut parts = Vec::new();
        if !self.back.is_empty() {
            let what = if dry_run { "Would come back" } else { "Back" };
            parts.push(format!("{what} in {slot}: {}.", plain_names(&self.back)));
        }
        if !self.lost.is_empty() {
            let lost: Vec<String> = bounded(self.lost.clone()).iter().map(|what| sentence(what)).collect();
            parts.push(format!("Not as before: {}.", lost.join("; ")));
        }
        parts.extend(self.there.iter().map(|(name, why)| format!("{}: {why}.", sanitize_short(name))));
        parts.extend(self.not.iter().map(|(name, why)| format!("{} is not back: {why}.", sanitize_short(name))));
        if !self.not.is_empty() && !dry_run {
            parts.push("What is not back stays saved: run it again when the reason is gone.".to_owned());
        }
        let exit = if self.not.is_empty() { Exit::Fine } else { Exit::Unfinished };
        let dry = if dry_run { "Dry run: " } else { "" };
        Conclusion { exit, message: format!("{dry}{}", parts.join(" ")) }
    }
}

#[cfg(test)]
mod tests;
