//! One run of `hotdesk-reap purge`: what was kept and saved of releases that are gone, removed and told.

use hotdesk_slots::text::{list, sanitize_short};
use jiff::Timestamp;
use kube::api::Preconditions;

use super::marked;
use super::objects::Objects;
use super::purge::{Goes, Marked, Plan, Present, Wanted, plan};
use super::revive_job::{not_being_reaped, tell_what_is_saved};
use super::store::{Entry, Store};
use crate::api::Cluster;
use crate::args::Args;
use crate::collect::{releases, slots};
use crate::report::{Conclusion, Exit};
use crate::request::Under;

/// How many objects of a release are named at the end; the log names each.
const SHOWN: usize = 12;

/// What became of it.
#[derive(Debug, Default, PartialEq, Eq)]
struct Outcome {
    /// By release, what went.
    gone: Vec<String>,
    /// Sentences about what stays as it should.
    stays: Vec<String>,
    /// Sentences about what should have gone.
    failed: Vec<String>,
}

/// What went of one release.
#[derive(Debug, Default)]
struct Gone {
    objects: Vec<String>,
    saves: usize,
}

/// Removes what was kept and saved.
pub async fn purge(args: &Args, names: &[String], now: fn() -> Timestamp) -> Conclusion {
    match attempt(args, names, now).await {
        Ok(conclusion) => conclusion,
        Err(why) => Conclusion { exit: Exit::Error, message: format!("Nothing was purged: {why}.") },
    }
}

async fn attempt(args: &Args, names: &[String], now: fn() -> Timestamp) -> Result<Conclusion, String> {
    let slot = args.slot()?;
    let cluster = Cluster::connect(args).await.map_err(|error| format!("{error:#}"))?;
    let store = Store::new(&cluster, &args.undo.saved_namespace, slot);
    let objects = Objects::new(&cluster, slot);
    let mut purger = Purger { cluster: &cluster, args, slot, now, store: &store, objects };
    let under = purger.entitled().await?;
    let plan = purger.plan(names, under).await?;
    let mut outcome = Outcome { stays: plan.stays, ..Outcome::default() };
    for goes in &plan.goes {
        purger.one(goes, &mut outcome).await;
    }
    if !args.dry_run && plan.goes.iter().any(|goes| !goes.saves.is_empty()) {
        tell_what_is_saved(&cluster, slot, &store, now).await;
    }
    Ok(outcome.conclusion(slot, args.dry_run))
}

struct Purger<'a> {
    cluster: &'a Cluster,
    args: &'a Args,
    slot: &'a str,
    now: fn() -> Timestamp,
    store: &'a Store<'a>,
    objects: Objects<'a>,
}

impl<'a> Purger<'a> {
    /// For whom it is, if they still hold the slot and nothing is being cleared there.
    async fn entitled(&self) -> Result<Under<'a>, String> {
        let found = slots::own(self.cluster, self.slot).await?;
        not_being_reaped(&found, self.slot, (self.now)())?;
        self.args.request.entitled(&found, (self.now)())
    }

    async fn plan(&self, names: &[String], under: Under<'_>) -> Result<Plan, String> {
        let found = marked::find(self.cluster, self.slot).await?;
        let saves = self.store.list().await?;
        // Last: helm writes the record of a release before its objects.
        let installed = releases::names(self.cluster, self.slot).await?;
        if !found.unseen.is_empty() {
            let kinds: Vec<String> = found.unseen.iter().map(|kind| sanitize_short(kind)).collect();
            tracing::info!("not looked for, as the reviver may not list them: {}", list(&kinds));
        }
        let present = Present { installed: &installed, marked: &found.marked, saves: &saves };
        Ok(plan(&present, &Wanted { named: names, preserve: &self.args.preserve, under }))
    }

    async fn one(&mut self, goes: &Goes, outcome: &mut Outcome) {
        let release = sanitize_short(&goes.release);
        if let Err(why) = self.still_gone(goes).await {
            tracing::warn!(release, "{why}");
            outcome.failed.push(format!("{release} was left alone: {why}."));
            return;
        }
        let mut gone = Gone::default();
        for marked in &goes.objects {
            match self.remove(marked, &release).await {
                Ok(()) => gone.objects.push(marked.object.to_string()),
                Err(why) => outcome.failed.push(format!("Of {release}: {why}.")),
            }
        }
        for entry in &goes.saves {
            match self.forget(entry, &release).await {
                Ok(()) => gone.saves += 1,
                Err(why) => outcome.failed.push(format!("Of {release}: {why}.")),
            }
        }
        outcome.gone.extend(gone.told(&release));
    }

    /// It may have been installed since it was looked for, or the slot may have changed hands.
    async fn still_gone(&self, goes: &Goes) -> Result<(), String> {
        self.entitled().await?;
        let installed = releases::names(self.cluster, self.slot).await?.contains(&goes.release);
        if installed { Err("it has been installed since".to_owned()) } else { Ok(()) }
    }

    async fn remove(&mut self, marked: &Marked, release: &str) -> Result<(), String> {
        let object = &marked.object;
        if self.args.dry_run {
            tracing::info!(release, "would remove {object}");
            return Ok(());
        }
        let as_found = Preconditions { uid: marked.uid.clone(), resource_version: marked.resource_version.clone() };
        let removed = self.objects.delete(object, as_found).await;
        match &removed {
            Ok(true) => tracing::info!(release, "removed {object}"),
            Ok(false) => tracing::info!(release, "{object} is gone already"),
            Err(why) => tracing::error!(release, "{why}"),
        }
        removed.map(|_| ())
    }

    async fn forget(&self, entry: &Entry, release: &str) -> Result<(), String> {
        let revision = entry.about.revision;
        if self.args.dry_run {
            tracing::info!(release, revision, "would remove what is saved");
            return Ok(());
        }
        let removed = self.store.forget(entry).await;
        match &removed {
            Ok(()) => tracing::info!(release, revision, "removed what was saved"),
            Err(why) => tracing::error!(release, "{why}"),
        }
        removed
    }
}

impl Gone {
    /// `web (ConfigMap/settings and one save)`.
    fn told(&self, release: &str) -> Option<String> {
        let more = self.objects.len().saturating_sub(SHOWN);
        let mut parts: Vec<String> = self.objects.iter().take(SHOWN).cloned().collect();
        parts.extend((more > 0).then(|| format!("{more} more objects")));
        parts.extend(match self.saves {
            0 => None,
            1 => Some("what was saved of it".to_owned()),
            several => Some(format!("what was saved of it {several} times")),
        });
        (!parts.is_empty()).then(|| format!("{release} ({})", list(&parts)))
    }
}

impl Outcome {
    fn conclusion(&self, slot: &str, dry_run: bool) -> Conclusion {
        let (done, dry) = if dry_run { ("Would be removed", "Dry run: ") } else { ("Removed", "") };
        let mut parts = Vec::new();
        if !self.gone.is_empty() {
            parts.push(format!("{done} from {slot}: {}.", list(&self.gone)));
        } else if self.failed.is_empty() {
            parts.push(format!("Nothing is removed from {slot}: nothing was kept or saved there that may go."));
        }
        parts.extend(self.stays.iter().chain(&self.failed).cloned());
        if !self.failed.is_empty() {
            parts.push("Run it again when the reason is gone.".to_owned());
        }
        let exit = if self.failed.is_empty() { Exit::Fine } else { Exit::Unfinished };
        Conclusion { exit, message: format!("{dry}{}", parts.join(" ")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_went_what_stays_and_what_failed_is_said() {
        let gone = Gone { objects: vec!["ConfigMap/settings".to_owned(), "Secret/key".to_owned()], saves: 1 };
        let told = gone.told("web").unwrap();
        assert_eq!(told, "web (ConfigMap/settings, Secret/key and what was saved of it)");
        let fine = Outcome { gone: vec![told], stays: vec!["api is installed.".to_owned()], ..Outcome::default() };
        assert_eq!(
            fine.conclusion("mew", false),
            Conclusion {
                exit: Exit::Fine,
                message: "Removed from mew: web (ConfigMap/settings, Secret/key and what was saved of it). api is \
                          installed."
                    .to_owned()
            }
        );
        assert!(fine.conclusion("mew", true).message.starts_with("Dry run: Would be removed from mew: web ("));
        let failed =
            Outcome { failed: vec!["Of web: Secret/key cannot be removed: forbidden (403).".to_owned()], ..fine };
        let conclusion = failed.conclusion("mew", false);
        assert_eq!(conclusion.exit, Exit::Unfinished);
        assert!(
            conclusion.message.ends_with(
                "Of web: Secret/key cannot be removed: forbidden (403). Run it again when the reason is gone."
            ),
            "{conclusion:?}"
        );
        let nothing = Outcome::default().conclusion("mew", false);
        assert_eq!(nothing.message, "Nothing is removed from mew: nothing was kept or saved there that may go.");
    }

    #[test]
    fn of_many_objects_the_first_are_named() {
        let objects: Vec<String> = (0..15).map(|i| format!("ConfigMap/c{i}")).collect();
        let told = Gone { objects, saves: 2 }.told("web").unwrap();
        assert!(told.ends_with("ConfigMap/c11, 3 more objects and what was saved of it 2 times)"), "{told}");
        assert_eq!(Gone::default().told("web"), None);
    }
}
