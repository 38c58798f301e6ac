//! One pass: read, judge, plan, write, report. And then the next.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBuilder};
use hotdesk_sheet::people::people_apart;
use hotdesk_slots::ClaimView;
use hotdesk_slots::text::sanitize;
use jiff::Timestamp;

use crate::cluster::{Cluster, Listed, WriteError};
use crate::log::LoggedState;
use crate::metrics::{Metrics, Outcome};
use crate::plan::dry_run::dry_run;
use crate::plan::{Memory, Plan, SlotReport, holdings, name_of, plan};
use crate::rows::{Holding, Judged, Rules, judge};
use crate::scope::Scope;
use crate::source::{Reading, Source, SourceError};

mod claims;
mod stale;
mod write;

use claims::ClaimTimes;

/// How often a pass asks again before it gives up.
const RETRIES: usize = 3;

/// How long a server's own wish is respected within a pass; what is longer waits for the next.
const PATIENCE: Duration = Duration::from_secs(30);

/// The longest wait between two passes while the source answers with errors that may pass.
const MAX_WAIT: Duration = Duration::from_mins(2);

/// Writes at the same time.
const AT_ONCE: usize = 8;

/// A pass that meets a Slot which changed under it reads the Slots again so many times.
const ATTEMPTS: usize = 3;

/// What the operator decided.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Which slots the sheet is for.
    pub scope: Scope,
    /// How rows are judged.
    pub rules: Rules,
    /// People who go by several names, beside those of the source.
    pub people: Vec<Vec<String>>,
    /// How often the source is read.
    pub poll: Duration,
    /// The first wait after an error that may pass.
    pub retry_delay: Duration,
    /// How long the source may be unreadable before the Slots say so.
    pub stale_after: Duration,
    /// Clearing most claims at once is meant.
    pub confirmed: bool,
    /// Nothing is written.
    pub dry_run: bool,
    /// Where people edit the claims.
    pub claim_url: Option<String>,
}

/// The sync, and what it remembers between passes.
pub struct Sync {
    /// Where claims come from.
    pub source: Source,
    /// Where they go.
    pub cluster: Cluster,
    /// How.
    pub settings: Settings,
    /// The numbers.
    pub metrics: Arc<Metrics>,
    /// The time.
    pub clock: fn() -> Timestamp,
    /// The plan of a dry run.
    pub dry_run: String,
    started: Timestamp,
    memory: Memory,
    claim_times: ClaimTimes,
    said: LoggedState,
    told_stale: bool,
    told_unreadable: Option<String>,
}

/// How a pass ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PassOutcome {
    /// The Slots say what the sheet says; so many problems are left in the sheet.
    Done(usize),
    /// Most claims would go at once.
    HeldBack,
    /// The source cannot be read. True: it may pass.
    Unreadable(bool),
    /// The Slots cannot be read, or not all be written.
    Cluster,
}

impl Sync {
    /// A sync that has not begun.
    #[must_use]
    pub fn new(
        source: Source,
        cluster: Cluster,
        settings: Settings,
        metrics: Arc<Metrics>,
        clock: fn() -> Timestamp,
    ) -> Self {
        Self {
            source,
            cluster,
            settings,
            metrics,
            clock,
            dry_run: String::new(),
            started: clock(),
            memory: Memory::default(),
            claim_times: ClaimTimes::default(),
            said: LoggedState::default(),
            told_stale: false,
            told_unreadable: None,
        }
    }

    /// Passes, forever.
    pub async fn follow(&mut self) {
        let mut waits = waits_from(self.settings.poll);
        loop {
            let outcome = self.pass().await;
            let wait = match outcome {
                PassOutcome::Unreadable(true) => waits.next().unwrap_or(MAX_WAIT),
                _ => {
                    waits = waits_from(self.settings.poll);
                    self.settings.poll
                }
            };
            tokio::time::sleep(wait).await;
        }
    }

    /// One pass.
    pub async fn pass(&mut self) -> PassOutcome {
        let outcome = match self.read().await {
            Ok(reading) => self.bring(&reading).await,
            Err(error) => Err(error),
        };
        let outcome = match outcome {
            Ok(outcome) => outcome,
            Err(error) => self.say_unreadable(&error).await,
        };
        let counted = match outcome {
            PassOutcome::Done(_) => Outcome::Success,
            PassOutcome::HeldBack => Outcome::HeldBack,
            PassOutcome::Unreadable(_) => Outcome::Unreadable,
            PassOutcome::Cluster => Outcome::Cluster,
        };
        self.metrics.ended(counted, (self.clock)());
        outcome
    }

    async fn read(&self) -> Result<Reading, SourceError> {
        let delays = ExponentialBuilder::new().with_min_delay(self.settings.retry_delay).with_max_times(RETRIES);
        let mut delays = delays.with_jitter().build();
        loop {
            let error = match self.source.read(self.clock).await {
                Err(error) if error.is_transient() => error,
                other => return other,
            };
            let wished = error.retry_after().unwrap_or_default();
            let Some(delay) = delays.next().filter(|_| wished <= PATIENCE) else { return Err(error) };
            tracing::debug!("asking again: {}", sanitize(&error.to_string()));
            tokio::time::sleep(delay.max(wished)).await;
        }
    }

    /// Judges what was read and writes what follows. An error means: it says nothing that can be trusted.
    async fn bring(&mut self, reading: &Reading) -> Result<PassOutcome, SourceError> {
        let mut outcome = PassOutcome::Cluster;
        for _attempt in 0..ATTEMPTS {
            let listed = match self.slots().await {
                Ok(listed) => listed,
                Err(error) => {
                    tracing::error!("{error}");
                    return Ok(PassOutcome::Cluster);
                }
            };
            let now = (self.clock)();
            let judged = self.judged(reading, &listed, now).map_err(SourceError::Permanent)?;
            self.readable_again();
            let plan = plan(&judged, &listed.slots, &self.memory, self.settings.confirmed, now);
            let conflict;
            (outcome, conflict) = self.carry_out(&judged, plan, listed).await;
            if !conflict {
                break;
            }
        }
        Ok(outcome)
    }

    /// What the rows come to, against all Slots that there are.
    fn judged(&self, reading: &Reading, listed: &Listed, now: Timestamp) -> Result<Judged, String> {
        let holders = listed.claims.iter().filter(|(_, claim)| claim.state_at(now).held().is_some());
        let holders: Vec<(&str, &ClaimView)> = holders.map(|(slot, claim)| (slot.as_str(), claim)).collect();
        let (people, joined) = people_apart(reading.people.as_ref(), &self.settings.people, &holders)
            .map_err(|problems| problems.join("; "))?;
        let mut judged = judge(&reading.slots, &known(listed, now), &people, &self.settings.rules, now)
            .map_err(|error| format!("the sheet cannot be used: {error}"))?;
        judged.refuse_hosts_of_others(&listed.hosts);
        judged.problems.extend(joined);
        Ok(judged)
    }

    /// The Slots that the sheet is for, and the names of the others.
    async fn slots(&self) -> Result<Listed, WriteError> {
        let mut listed = self.cluster.slots().await?;
        let scope = &self.settings.scope;
        let unreadable = listed.unreadable.iter().map(|(slot, _)| slot.as_str());
        let all = listed.slots.iter().map(name_of).chain(unreadable);
        listed.beyond = all.filter(|slot| !scope.holds(slot)).map(str::to_owned).collect();
        listed.slots.retain(|slot| scope.holds(name_of(slot)));
        listed.unreadable.retain(|(slot, _)| scope.holds(slot));
        Ok(listed)
    }

    async fn carry_out(&mut self, judged: &Judged, plan: Plan, listed: Listed) -> (PassOutcome, bool) {
        let follows = plan.slot_reports.values().filter(|slot_report| **slot_report == SlotReport::Follows).count();
        self.metrics.judged(judged.rows, follows, &plan);
        for (slot, what) in &listed.unreadable {
            tracing::error!("the Slot of {} cannot be read: {what}", sanitize(slot));
        }
        if self.settings.dry_run {
            self.dry_run = dry_run(&plan, &listed.slots, judged.rows);
            return (outcome(&plan, false), false);
        }
        let general_news = self.said.plan(&plan);
        if let Some(news) = general_news {
            self.tell_all("RowRefused", &news).await;
        }
        let settled = self.write(&plan, listed.slots).await;
        let conflict = settled.iter().any(|settled| settled.failed == Some(WriteError::Conflict));
        let failed = settled.iter().any(|settled| settled.failed.is_some());
        self.report(&plan, &settled).await;
        (outcome(&plan, failed), conflict)
    }
}

/// How long to wait after each pass that met an error which may pass: longer each time, up to a limit.
fn waits_from(poll: Duration) -> impl Iterator<Item = Duration> {
    let waits = ExponentialBuilder::new().with_min_delay(poll).with_max_delay(MAX_WAIT.max(poll));
    waits.without_max_times().build()
}

/// A Slot that cannot be read is there all the same: its row is not a mistake.
fn known(listed: &Listed, now: Timestamp) -> BTreeMap<String, Holding> {
    let mut known = holdings(&listed.slots, now);
    known.extend(listed.unreadable.iter().map(|(slot, _)| (slot.clone(), Holding::Nobody)));
    known.extend(listed.beyond.iter().map(|slot| (slot.clone(), Holding::Beyond)));
    known
}

fn outcome(plan: &Plan, failed: bool) -> PassOutcome {
    match plan.held_back {
        Some(_) => PassOutcome::HeldBack,
        None if failed => PassOutcome::Cluster,
        None => PassOutcome::Done(plan.problems.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_in_trouble_is_asked_less_and_less_often_and_never_given_up() {
        let seconds = |poll: u64| -> Vec<u64> {
            waits_from(Duration::from_secs(poll)).skip(1).take(100).map(|wait| wait.as_secs()).collect()
        };
        assert_eq!(seconds(15)[..4], [30, 60, 120, 120]);
        assert_eq!((seconds(15)[99], seconds(600)[99]), (120, 600));
    }
}
