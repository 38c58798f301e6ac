//! Is the slot in use? Only `Idle` is ever reaped; no error, gap or surprise ever reads as `Idle`.
//!
//! The rows of the decision stand in [`decide`] and [`judge_traffic`] in the order in which they apply.

use globset::GlobSet;
use hotdesk_slots::slot::{Reaping, Slot, VerdictState};
use hotdesk_slots::text::{human_duration, human_time, list, sanitize_short};
use hotdesk_slots::window::Windows;
use jiff::{SignedDuration, Timestamp};

use crate::helm::release::{Phase, Release};
use crate::sessions::{self, Sessions};
use crate::work::{self, LONGEST_DEPLOY, Work};
use crate::{lapse, seen, times, veto};
use hotdesk_traffic::log::scan::CLOCK_TOLERANCE;
use hotdesk_traffic::observation::{self, Traffic, TrafficVerdict};

/// What was collected.
#[derive(Debug, Clone, Default)]
pub struct Evidence {
    /// The Slot, or why it cannot be read.
    pub slot: Option<Result<Slot, String>>,
    /// The newest record of every release, or why they cannot be read.
    pub releases: Option<Result<Vec<Release>, String>>,
    /// What is at work in it, or why that cannot be read.
    pub work: Option<Result<Work, String>>,
    /// Whether sessions and writes were noted.
    pub sessions: Option<Sessions>,
    /// What the traffic sources saw; none if they were not asked.
    pub traffic: Option<Traffic>,
}

/// What the operator has set.
#[derive(Debug, Clone)]
pub struct Rules {
    /// The idle windows.
    pub windows: Windows,
    /// For how long a session counts from its beginning, if that is longer than the window: somebody who sits at a
    /// breakpoint makes no request.
    pub session_grace: SignedDuration,
    /// For how long a running Job keeps the slot.
    pub job_grace: SignedDuration,
    /// How long a slot whose claim has lapsed may go unused.
    pub lapse_grace: SignedDuration,
    /// Releases that stay.
    pub keep: GlobSet,
    /// No entry at all, of any slot, is fine.
    pub silence_is_fine: bool,
    /// Digests of the settings of the sources: what the observing job saw with one of these counts.
    pub observed_with: Vec<String>,
}

/// A sign of use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Activity {
    /// When.
    pub time: Timestamp,
    /// What saw it.
    pub signal: &'static str,
    /// One line on what exactly.
    pub detail: String,
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Whether the slot is in use.
    pub state: VerdictState,
    /// Why, in one sentence.
    pub reason: String,
    /// The newest sign of use that this check found.
    pub activity: Option<Activity>,
    /// When the slot may be reaped at the earliest if nobody uses it (`times`).
    pub reap_at: Option<Timestamp>,
}

/// What the evidence so far comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// It is settled.
    Settled(Verdict),
    /// Everything but traffic says idle: the logs must be read.
    AskTraffic,
}

/// Judges a slot at a moment.
#[must_use]
pub fn decide(evidence: &Evidence, rules: &Rules, now: Timestamp) -> Decision {
    let unknown = |reason: &str| Decision::Settled(Verdict::unknown(reason));
    let slot = match &evidence.slot {
        Some(Ok(slot)) => slot,
        Some(Err(why)) => return unknown(why),
        None => return unknown("the Slot was not read"),
    };
    let releases = match &evidence.releases {
        Some(Ok(releases)) => releases,
        Some(Err(why)) => return unknown(why),
        None => return unknown("the releases were not read"),
    };
    let usual = rules;
    let rules = &Rules { windows: rules.windows_of(slot, now), ..rules.clone() };
    let activity = newest_activity(slot, releases);
    let early = kept_until(slot, now)
        .or_else(|| nothing_left(releases, rules))
        .or_else(|| under_way(slot, releases, rules, now))
        .or_else(|| deploy_alive(evidence, slot, releases, now))
        .or_else(|| from_the_future(activity.as_ref(), now))
        .or_else(|| to_be_cleared(evidence, slot, releases, rules, now))
        .or_else(|| in_use(activity, rules, now))
        .or_else(|| in_session(evidence, slot, rules, now))
        .or_else(|| at_work(evidence, slot, rules, now))
        .or_else(|| unreadable(releases))
        .or_else(|| Some(Verdict::active(seen::by_the_observer(slot, rules, now)?, now)));
    let verdict = match (early, &evidence.traffic) {
        (Some(verdict), _) => verdict,
        (None, None) => return Decision::AskTraffic,
        (None, Some(traffic)) => {
            let verdict = veto::of_pods(judge_traffic(traffic, rules, now), traffic.usage.as_ref(), now);
            let verdict = if_noted(verdict, evidence, sessions::window_start(rules, now), rules, now);
            tell_work(tell_lapse(verdict, slot, now), evidence)
        }
    };
    Decision::Settled(times::told(verdict, evidence, usual, SignedDuration::ZERO, now))
}

impl Rules {
    /// The windows by which this slot is judged.
    #[must_use]
    pub fn windows_of(&self, slot: &Slot, now: Timestamp) -> Windows {
        lapse::windows(slot, &self.windows, self.lapse_grace, now)
    }
}

/// The releases that would be uninstalled: those that are there, but for the ones to keep.
#[must_use]
pub fn targets(releases: &[Release], rules: &Rules) -> Vec<Release> {
    releases.iter().filter(|release| release.is_live() && !rules.keep.is_match(&release.name)).cloned().collect()
}

fn kept_until(slot: &Slot, now: Timestamp) -> Option<Verdict> {
    let until = slot.spec.keep_until.as_ref()?.0;
    let reason = || format!("somebody asked to keep it until {}", human_time(until, now));
    (until > now).then(|| Verdict { reap_at: Some(until), ..Verdict::kept(&reason()) })
}

fn nothing_left(releases: &[Release], rules: &Rules) -> Option<Verdict> {
    let kept: Vec<String> = releases.iter().filter(|r| r.is_live()).map(|r| sanitize_short(&r.name)).collect();
    let reason = || match kept.as_slice() {
        [] => "nothing to reap: there is no release".to_owned(),
        names => format!("nothing to reap: what is there stays ({})", list(names)),
    };
    targets(releases, rules).is_empty().then(|| Verdict::kept(&reason()))
}

/// A deploy or an uninstall by somebody, that is younger than the window.
fn under_way(slot: &Slot, releases: &[Release], rules: &Rules, now: Timestamp) -> Option<Verdict> {
    let (release, doing, since) = by_somebody(slot, releases).find(|(_, _, since)| is_within(*since, rules, now))?;
    let reason = format!(
        "release {} has been in the state {doing} since {}",
        sanitize_short(&release.name),
        human_time(since, now)
    );
    Some(Verdict { reap_at: Some(now), ..Verdict::kept(&reason) })
}

/// A deploy that is older than the window, and in which something still changes: helm waits for a hook, or for what it
/// has brought, and writes its record at the end.
fn deploy_alive(evidence: &Evidence, slot: &Slot, releases: &[Release], now: Timestamp) -> Option<Verdict> {
    let Some(Ok(work)) = &evidence.work else { return None };
    let pending = by_somebody(slot, releases).filter(|(_, doing, _)| *doing == Phase::Pending);
    let (release, _, since) = pending.max_by_key(|(_, _, since)| *since)?;
    let ends = since.checked_add(LONGEST_DEPLOY).ok().filter(|ends| *ends > now)?;
    let alive = work.of_a_deploy()?;
    Some(Verdict::kept(&format!(
        "a deploy of release {} is under way since {}: {alive}. It keeps the slot at most until {}",
        sanitize_short(&release.name),
        human_time(since, now),
        human_time(ends, now)
    )))
}

/// A Job for whose result somebody waits. What cannot be read is not known to be none.
fn at_work(evidence: &Evidence, slot: &Slot, rules: &Rules, now: Timestamp) -> Option<Verdict> {
    match &evidence.work {
        Some(Ok(work)) => {
            let job = work.keeping(slot, rules.job_grace, now)?;
            Some(Verdict::kept(&work::told(job, rules.job_grace, now)))
        }
        Some(Err(why)) => Some(Verdict::unknown(why)),
        None => Some(Verdict::unknown("it was not read which Jobs run")),
    }
}

fn tell_work(verdict: Verdict, evidence: &Evidence) -> Verdict {
    let work = evidence.work.as_ref().and_then(|work| work.as_ref().ok());
    match work.and_then(Work::stopped).filter(|_| verdict.state == VerdictState::Idle) {
        Some(stopped) => Verdict { reason: format!("{}; {stopped}", verdict.reason), ..verdict },
        None => verdict,
    }
}

/// What somebody else than the reaper is deploying or uninstalling, and since when.
fn by_somebody<'a>(slot: &'a Slot, releases: &'a [Release]) -> impl Iterator<Item = (&'a Release, Phase, Timestamp)> {
    let reaping = slot.status.as_ref().and_then(|status| status.reaping.as_ref());
    let others = releases.iter().filter(move |release| !begun_by_us(release, reaping));
    others.filter_map(|release| release.under_way().map(|(doing, since)| (release, doing, since)))
}

/// Since when the newest deploy or uninstall by somebody is under way.
pub(crate) fn newest_under_way(slot: &Slot, releases: &[Release]) -> Option<Timestamp> {
    by_somebody(slot, releases).map(|(_, _, since)| since).max()
}

/// True for a release whose uninstall an earlier run of the reaper began and did not finish.
fn begun_by_us(release: &Release, reaping: Option<&Reaping>) -> bool {
    let listed =
        |reaping: &Reaping| reaping.releases.iter().any(|r| r.name == release.name && r.revision == release.revision);
    matches!(&release.state, Ok(state) if state.phase == Phase::Uninstalling) && reaping.is_some_and(listed)
}

/// The newest use that needs no log: deploys, sessions, claims.
pub(crate) fn newest_activity(slot: &Slot, releases: &[Release]) -> Option<Activity> {
    let deploys = releases.iter().filter_map(|release| {
        let state = release.state.as_ref().ok()?;
        let detail = format!("release {} was deployed (revision {})", sanitize_short(&release.name), release.revision);
        Some(Activity { time: state.last_deployed, signal: "deploy", detail })
    });
    let session = sessions::newest(slot);
    let claim =
        slot.claimed_at().map(|time| Activity { time, signal: "claim", detail: "the slot was claimed".to_owned() });
    deploys.chain(session).chain(claim).chain(write(slot)).max_by_key(|activity| activity.time)
}

/// The newest write of somebody who holds the slot, as the webhook noted it.
fn write(slot: &Slot) -> Option<Activity> {
    let write = slot.status.as_ref()?.last_write.as_ref()?;
    let detail = format!("{} {} {}", sanitize_short(&write.by), sanitize_short(&write.kind), sanitize_short(&write.on));
    Some(Activity { time: write.time.0, signal: "write", detail })
}

fn from_the_future(activity: Option<&Activity>, now: Timestamp) -> Option<Verdict> {
    let activity = activity.filter(|activity| activity.time.duration_since(now) > CLOCK_TOLERANCE)?;
    Some(Verdict::unknown(&format!(
        "{} at {}, which is in the future: check the clocks",
        activity.detail, activity.time
    )))
}

/// Its last holder gave it back to be cleared, and nothing has happened in it since.
fn to_be_cleared(
    evidence: &Evidence,
    slot: &Slot,
    releases: &[Release],
    rules: &Rules,
    now: Timestamp,
) -> Option<Verdict> {
    let asked = lapse::to_be_cleared(slot, now)?;
    let activity = newest_activity(slot, releases);
    let quiet = activity.is_none_or(|activity| activity.time < asked) && unreadable(releases).is_none();
    let reason =
        || format!("its last holder gave it back to be cleared, {} ago", human_duration(now.duration_since(asked)));
    let idle = || Verdict { state: VerdictState::Idle, reason: reason(), activity: None, reap_at: None };
    quiet.then(|| if_noted(idle(), evidence, asked, rules, now))
}

/// Idle only if every session and write since then was noted.
fn if_noted(verdict: Verdict, evidence: &Evidence, since: Timestamp, rules: &Rules, now: Timestamp) -> Verdict {
    let idle = verdict.state == VerdictState::Idle;
    let why = idle.then(|| sessions::unnoted(evidence, since, rules, now)).flatten();
    why.map_or(verdict, |why| Verdict::unknown(&why))
}

fn tell_lapse(verdict: Verdict, slot: &Slot, now: Timestamp) -> Verdict {
    match lapse::lapsed_at(slot, now).filter(|_| verdict.state == VerdictState::Idle) {
        Some(lapsed) => {
            let reason = format!("its claim lapsed {}, and {}", human_time(lapsed, now), verdict.reason);
            Verdict { reason, ..verdict }
        }
        None => verdict,
    }
}

fn in_use(activity: Option<Activity>, rules: &Rules, now: Timestamp) -> Option<Verdict> {
    let activity = activity.filter(|activity| is_within(activity.time, rules, now))?;
    Some(Verdict::active(activity, now))
}

/// A session may last, and its end is seen only where its pod goes.
fn in_session(evidence: &Evidence, slot: &Slot, rules: &Rules, now: Timestamp) -> Option<Verdict> {
    let verdict = Verdict::active(sessions::open(evidence, slot, rules, now)?, now);
    let grace = human_duration(rules.session_grace);
    let reason = format!("{}, and a session, which may still be open, counts for {grace}", verdict.reason);
    Some(Verdict { reason, ..verdict })
}

fn unreadable(releases: &[Release]) -> Option<Verdict> {
    let (release, why) = releases.iter().find_map(|release| release.state.as_ref().err().map(|why| (release, why)))?;
    Some(Verdict::unknown(&format!(
        "the record {} of release {} cannot be read: {why}",
        sanitize_short(&release.object),
        sanitize_short(&release.name)
    )))
}

fn judge_traffic(traffic: &Traffic, rules: &Rules, now: Timestamp) -> Verdict {
    let window = rules.windows.at(now);
    match observation::judge(traffic, now.saturating_sub(window).unwrap_or(Timestamp::MIN), rules.silence_is_fine) {
        TrafficVerdict::Used(hit) => {
            Verdict::active(Activity { time: hit.time, signal: "traffic", detail: hit.detail() }, now)
        }
        TrafficVerdict::Inconclusive(why) => Verdict::unknown(&why),
        TrafficVerdict::Quiet(how) => {
            let reason = format!("no request, deploy, session or claim for {}; {how}", human_duration(window));
            Verdict { state: VerdictState::Idle, reason, activity: None, reap_at: None }
        }
    }
}

/// True if a moment is within the window. The moment exactly one window ago is.
pub(crate) fn is_within(moment: Timestamp, rules: &Rules, now: Timestamp) -> bool {
    now.duration_since(moment) <= rules.windows.at(now)
}

impl Verdict {
    /// The slot cannot be judged.
    #[must_use]
    pub fn unknown(reason: &str) -> Self {
        Self { state: VerdictState::Unknown, reason: reason.to_owned(), activity: None, reap_at: None }
    }

    pub(crate) fn kept(reason: &str) -> Self {
        Self { state: VerdictState::Kept, reason: reason.to_owned(), activity: None, reap_at: None }
    }

    fn active(activity: Activity, now: Timestamp) -> Self {
        let ago = human_duration(now.duration_since(activity.time));
        Self {
            state: VerdictState::Active,
            reason: format!("{}, {ago} ago", activity.detail),
            reap_at: Some(now),
            activity: Some(activity),
        }
    }
}

#[cfg(test)]
mod tests;
