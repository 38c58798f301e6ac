//! One run of `hotdesk-reap observe`: who is seen using which slot, read once for all slots?
//!
//! It writes `status.evidence` and nothing else, and says only that somebody was there. A slot's own run then need not read; of
//! a slot that was not seen it reads as if there were no observing job. So a part of a log that cannot be read, or was rotated
//! away, makes nobody idle, and the end of each log is enough.

pub mod args;
mod logs;
mod names;
pub mod plan;
pub mod settings;

use std::sync::Arc;
use std::time::Duration;

use hotdesk_runtime::text::cut;
use hotdesk_slots::evidence::{MAX_DETAIL, SeenUse, SourceEvidence};
use hotdesk_slots::text::list;
use hotdesk_traffic::attribute::{Directory, Neighbours};
use hotdesk_traffic::log::sightings::{Lookout, Sightings};
use hotdesk_traffic::sources::{IngressLogs, Source};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde_json::json;

use self::args::Observe;
use self::names::KnownSlot;
use crate::api::Cluster;
use crate::args::{Args, Patterns};
use crate::report::{Conclusion, Exit, write_status};

/// How long all logs together may take.
const LOOK_LIMIT: Duration = Duration::from_secs(15 * 60);

/// Reads each source once, and writes to each Slot who was seen using it.
pub async fn observe(args: &Args, how: &Observe, patterns: &Patterns, now: fn() -> Timestamp) -> Conclusion {
    let sources = match readable(&patterns.sources) {
        Ok(sources) => sources,
        Err(message) => return Conclusion { exit: Exit::Usage, message },
    };
    let attempt = async {
        let cluster = Cluster::connect(args).await.map_err(|error| format!("{error:#}"))?;
        cluster.check_clock(now).await?;
        let mut run = Run { cluster: &cluster, args, how, patterns, now, problems: Vec::new() };
        run.all(&sources).await
    };
    attempt.await.unwrap_or_else(|why| Conclusion {
        exit: Exit::Unknown,
        message: format!("No evidence was written: {why}. Each slot's own run reads for itself."),
    })
}

/// The sources, if all of them are logs of a controller's pods.
fn readable(sources: &[Source]) -> Result<Vec<(&str, &IngressLogs)>, String> {
    let (mut logs, mut others) = (Vec::new(), Vec::new());
    for source in sources {
        match source.observed() {
            Some(found) => logs.push((source.name.as_str(), found)),
            None => others.push(source.name.as_str()),
        }
    }
    if others.is_empty() {
        return Ok(logs);
    }
    Err(format!(
        "--sources: the observing job reads sources of the type ingress-logs only: leave {} to the slots' own reapers",
        list(&others)
    ))
}

struct Run<'a> {
    cluster: &'a Cluster,
    args: &'a Args,
    how: &'a Observe,
    patterns: &'a Patterns,
    now: fn() -> Timestamp,
    problems: Vec<String>,
}

/// What one source showed.
struct Shown<'a> {
    source: &'a str,
    settings: String,
    sightings: Sightings,
    at: Timestamp,
}

impl Run<'_> {
    async fn all(&mut self, sources: &[(&str, &IngressLogs)]) -> Result<Conclusion, String> {
        let slots = names::all(self.cluster, &mut self.problems).await?;
        let all: Vec<_> = slots.iter().map(|slot| slot.neighbour.clone()).collect();
        let neighbours = Arc::new(Neighbours::of(&all, &self.args.other_namespaces));
        let known = slots.iter().map(|slot| (slot.neighbour.namespace.as_str(), &slot.known));
        let directory = Directory::new(known, &neighbours);
        let mut shown = Vec::new();
        for (source, logs) in sources {
            shown.push(self.look(source, logs, &directory).await);
        }
        let written = self.write(&slots, &shown).await;
        Ok(self.conclusion(slots.len(), &shown, written))
    }

    async fn look<'s>(&mut self, source: &'s str, logs: &IngressLogs, directory: &Directory) -> Shown<'s> {
        let now = (self.now)();
        let lookout = Lookout {
            directory,
            format: logs.format.clone(),
            since: now.saturating_sub(self.how.reach).unwrap_or(Timestamp::MIN),
            now,
            ignore_agents: self.patterns.agents.clone(),
            ignore_paths: self.patterns.paths.clone(),
        };
        let mut sightings = Sightings::default();
        let reading = logs::read(self.cluster, &logs.place, &lookout, &mut sightings);
        let problems = tokio::time::timeout(LOOK_LIMIT, reading)
            .await
            .unwrap_or_else(|_| vec![format!("its logs took longer than {} min", LOOK_LIMIT.as_secs() / 60)]);
        self.problems.extend(problems.into_iter().map(|why| format!("{source}: {why}")));
        Shown { source, settings: settings::of(logs, self.args), sightings, at: (self.now)() }
    }

    /// Writes to each Slot what is news, and gives back to how many.
    async fn write(&mut self, slots: &[KnownSlot], shown: &[Shown<'_>]) -> usize {
        let sources: Vec<&str> = shown.iter().map(|shown| shown.source).collect();
        let mut written = 0;
        for (at, slot) in slots.iter().enumerate() {
            let seen: Vec<SourceEvidence> = shown.iter().filter_map(|shown| shown.of(at)).collect();
            let Some(next) = plan::next(&slot.evidence, &seen, &sources, self.how.evidence_step) else { continue };
            if self.args.dry_run {
                written += 1;
                continue;
            }
            let (slot, patch) = (&slot.neighbour.namespace, json!({"status": {"evidence": next}}));
            match write_status(self.cluster, slot, &patch).await {
                Ok(()) => written += 1,
                Err(why) => self.problems.push(format!("{slot}: {why}")),
            }
        }
        written
    }

    fn conclusion(&self, slots: usize, shown: &[Shown<'_>], written: usize) -> Conclusion {
        for why in &self.problems {
            tracing::warn!("{why}");
        }
        let lines: u64 = shown.iter().map(|shown| shown.sightings.lines).sum();
        let used = (0..slots).filter(|at| shown.iter().any(|shown| shown.sightings.of(*at).is_some())).count();
        let wrote = if self.args.dry_run { "Would write evidence to" } else { "Wrote evidence to" };
        let message =
            format!("Slots seen in use: {used} of {slots}, in log lines: {lines}. {wrote} {written} of them.");
        let Some(first) = self.problems.first() else { return Conclusion { exit: Exit::Fine, message } };
        let more = match self.problems.len() {
            1 => String::new(),
            count => format!(" (and {} more: see the log)", count - 1),
        };
        let left = "What was not seen, each slot's own run reads for itself";
        Conclusion { exit: Exit::Unknown, message: format!("{message} Not all could be done: {first}{more}. {left}.") }
    }
}

impl Shown<'_> {
    /// What it shows of one slot.
    fn of(&self, at: usize) -> Option<SourceEvidence> {
        let hit = self.sightings.of(at)?;
        // Clocks differ, and what a status says was seen lies in the past.
        let last_use = SeenUse { time: Time(hit.time.min(self.at)), detail: cut(&hit.detail(), MAX_DETAIL) };
        let (source, settings) = (self.source.to_owned(), self.settings.clone());
        Some(SourceEvidence { source, settings, at: Time(self.at), last_use })
    }
}
