//! How is an idle slot reaped so that nobody who comes back during the reap loses anything?
//!
//! One release at a time. Before each attempt everything is looked at again, and [`next_step`] says
//! whether it still holds. Killed at any moment, the next run finishes: what was begun stands in the
//! Slot's status, and each step can be taken twice.

use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBuilder};
use hotdesk_slots::slot::{Slot, VerdictState};
use hotdesk_slots::text::sanitize_short;

use crate::decide::{Evidence, Verdict};
use crate::helm::HelmError;
use crate::helm::release::Release;

/// The wait before the second attempt; each further one is three times as long.
const FIRST_RETRY: Duration = Duration::from_secs(5);

/// The wait after a denial by a policy that has not seen the note of this reap yet, and the longest and the number of those
/// that follow: below five seconds in all.
const FIRST_POLICY_WAIT: Duration = Duration::from_millis(250);
const LONGEST_POLICY_WAIT: Duration = Duration::from_secs(1);
const POLICY_WAITS: usize = 6;

/// What `charts/hotdesk/templates/policy-reapers-releases.yaml` denies with.
const POLICY_WORDS: &str = "Slot says that it clears ";

/// What was decided, and on what.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The Slot as it was.
    pub slot: Slot,
    /// All releases as they were.
    pub releases: Vec<Release>,
    /// Those to uninstall.
    pub targets: Vec<Release>,
}

/// What may be done about one release right now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Uninstall it.
    Uninstall(Release),
    /// It is not there any more.
    Gone,
    /// Leave this one.
    Skip(String),
    /// Leave everything: the slot is not what was judged.
    Stop(String, VerdictState),
}

/// How far the uninstall of one release came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Progress {
    /// It is as it was judged.
    Untouched,
    /// Its record says what to preserve; nothing of the release has changed.
    Marked,
    /// helm began: some of its objects may be gone.
    Begun,
}

/// How far a reap came.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Releases that are gone, all that was to go of them.
    pub gone: Vec<String>,
    /// Those of them of which something else went wrong, such as a hook, and what.
    pub troubled: Vec<(String, String)>,
    /// Releases that are gone for helm, and what is there of their objects: helm drops the record also when it leaves an object,
    /// or one outlasts the wait, so no later run can find them.
    pub leftovers: Vec<(String, String)>,
    /// Releases that were left, and why.
    pub skipped: Vec<(String, String)>,
    /// Releases that could not be uninstalled.
    pub failed: Vec<Failed>,
    /// Why the reap ended early, if it did, and what the slot was then.
    pub stopped: Option<(String, VerdictState)>,
    /// Objects that were told to stay.
    pub preserved: Vec<String>,
    /// Releases that helm was to uninstall without their hooks, and why.
    pub without_hooks: Vec<(String, String)>,
}

/// What was found when a release was marked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Marked {
    /// The objects that will stay.
    pub stays: Vec<String>,
    /// Why its hooks do not run, if it has some and they do not.
    pub without_hooks: Option<String>,
}

/// A release that could not be uninstalled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failed {
    /// Its name.
    pub name: String,
    /// Its revision.
    pub revision: i64,
    /// True if helm began.
    pub begun: bool,
    /// True if nothing of it is gone all the same.
    pub whole: bool,
    /// True if the run was ended in the middle: no fault of the release.
    pub cut_short: bool,
    /// Why.
    pub why: String,
}

/// What is there of the objects of a release that were to go.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Left {
    /// How many were to go.
    pub all: usize,
    /// Those that are there, and why.
    pub there: Vec<String>,
    /// True if the release has hooks that run at an uninstall.
    pub hooks: bool,
}

/// What a reap does to the world; a test has its own.
#[expect(async_fn_in_trait, reason = "the futures are awaited where they are made, on one task")]
pub trait ClusterOps {
    /// Looks at everything again.
    async fn look(&mut self) -> (Verdict, Evidence);
    /// Marks what is to be preserved in the release's record.
    async fn preserve(&mut self, release: &Release) -> Result<Marked, String>;
    /// Runs helm once.
    async fn uninstall(&mut self, release: &Release) -> Result<(), HelmError>;
    /// True if the release's record is still there.
    async fn remains(&mut self, release: &Release) -> Result<bool, String>;
    /// What is there of what was to go.
    async fn left(&mut self, release: &Release) -> Result<Left, String>;
    /// Gives a record that stays what was left out of it, and ends hooks that run; `whole`: nothing of the release is gone.
    async fn put_back(&mut self, release: &Release, whole: bool);
    /// Waits, unless the run is asked to stop.
    async fn wait(&mut self, how_long: Duration);
    /// Why nothing more may be begun, if so.
    fn asked_to_stop(&self) -> Option<String>;
}

/// Whether a release may be uninstalled, by what is seen right now.
#[must_use]
pub fn next_step(plan: &Plan, target: &Release, progress: Progress, verdict: &Verdict, now: &Evidence) -> Step {
    let (Some(Ok(slot)), Some(Ok(releases))) = (&now.slot, &now.releases) else {
        return Step::Stop(verdict.reason.clone(), VerdictState::Unknown);
    };
    if let Some(change) = changed_hands(&plan.slot, slot).or_else(|| deployed_meanwhile(plan, releases)) {
        return Step::Stop(change, VerdictState::Active);
    }
    let Some(found) = releases.iter().find(|release| is_same(release, target)) else { return Step::Gone };
    if verdict.state != VerdictState::Idle {
        return Step::Stop(verdict.reason.clone(), verdict.state);
    }
    // From then on this run and helm change the record themselves.
    if progress == Progress::Untouched && found.resource_version != target.resource_version {
        return Step::Skip("its record has changed".to_owned());
    }
    Step::Uninstall(found.clone())
}

fn is_same(a: &Release, b: &Release) -> bool {
    a.driver == b.driver && a.name == b.name
}

fn changed_hands(before: &Slot, now: &Slot) -> Option<String> {
    let status = |slot: &Slot| slot.status.clone().unwrap_or_default();
    let (old, new) = (status(before), status(now));
    [
        (before.metadata.uid != now.metadata.uid, "the Slot has been created again"),
        (
            before.spec.claim != now.spec.claim || before.claimed_at() != now.claimed_at(),
            "the slot's claim has changed",
        ),
        (before.claim_id() != now.claim_id(), "the slot's claim has changed hands"),
        (before.spec.keep_until != now.spec.keep_until, "somebody has asked to keep the slot"),
        (before.spec.clear_after != now.spec.clear_after, "the wish to have the slot cleared has changed"),
        (old.last_session != new.last_session, "somebody has begun a session in the slot"),
    ]
    .into_iter()
    .find_map(|(changed, text)| changed.then(|| text.to_owned()))
}

fn deployed_meanwhile(plan: &Plan, releases: &[Release]) -> Option<String> {
    let known =
        |release: &Release| plan.releases.iter().any(|old| is_same(old, release) && old.revision == release.revision);
    let new = releases.iter().find(|release| !known(release))?;
    Some(format!("release {} has been deployed since (revision {})", sanitize_short(&new.name), new.revision))
}

/// Uninstalls the releases of a plan.
pub async fn reap(ops: &mut impl ClusterOps, plan: &Plan, retries: usize, pause: Duration) -> Outcome {
    let mut outcome = Outcome::default();
    for (index, target) in plan.targets.iter().enumerate() {
        if index > 0 {
            ops.wait(pause).await;
        }
        if let Some(why) = ops.asked_to_stop() {
            outcome.stopped = Some((why, VerdictState::Unknown));
            break;
        }
        one(ops, plan, target, retries, &mut outcome).await;
        if outcome.stopped.is_some() {
            break;
        }
    }
    outcome
}

async fn one(ops: &mut impl ClusterOps, plan: &Plan, target: &Release, retries: usize, outcome: &mut Outcome) {
    let waits = ExponentialBuilder::new().with_min_delay(FIRST_RETRY).with_factor(3.0).with_jitter();
    let mut waits = waits.with_max_times(retries).build();
    let lags = ExponentialBuilder::new().with_min_delay(FIRST_POLICY_WAIT).with_max_delay(LONGEST_POLICY_WAIT);
    let mut lags = lags.with_max_times(POLICY_WAITS).build();
    let (mut progress, mut said) = (Progress::Untouched, String::new());
    loop {
        let (verdict, evidence) = ops.look().await;
        let found = match next_step(plan, target, progress, &verdict, &evidence) {
            Step::Uninstall(found) => found,
            Step::Gone if progress == Progress::Begun => return outcome.gone(ops, target, Some(said)).await,
            Step::Gone => return outcome.skip(target, "somebody else has uninstalled it"),
            Step::Skip(why) => return outcome.skip(target, &why),
            Step::Stop(why, state) => return outcome.stop(ops, target, progress, why, state).await,
        };
        said = match attempt(ops, &found, &mut progress, outcome).await {
            Ok(()) => return outcome.gone(ops, target, None).await,
            Err(why) => why,
        };
        if ops.asked_to_stop().is_some() {
            return outcome.give_up(ops, target, progress, said).await;
        }
        // Everything is looked at again also after the shortest wait: somebody may come back while the policy lags.
        let lag = if is_policy_behind(&said) { lags.next() } else { None };
        let again = progress != Progress::Begun || !is_a_hooks_fault(ops, target).await;
        let Some(wait) = lag.or_else(|| waits.next().filter(|_| again)) else {
            return outcome.give_up(ops, target, progress, said).await;
        };
        tracing::warn!(release = target.name, "{said}; looking again in {} s", wait.as_secs_f32().ceil());
        ops.wait(wait).await;
    }
}

/// True if helm came no further than a hook: what that does takes as long at once, and fails again. The other releases wait.
async fn is_a_hooks_fault(ops: &mut impl ClusterOps, release: &Release) -> bool {
    ops.left(release).await.is_ok_and(|left| left.hooks && left.there.len() == left.all)
}

/// True if the API server's policy denied a write because it has not seen yet which releases the Slot's status says are being
/// cleared: it learns that by a watch, some milliseconds after it is written.
fn is_policy_behind(why: &str) -> bool {
    why.contains(POLICY_WORDS)
}

/// One attempt: mark, uninstall, and see that the release is gone.
async fn attempt(
    ops: &mut impl ClusterOps,
    release: &Release,
    progress: &mut Progress,
    outcome: &mut Outcome,
) -> Result<(), String> {
    let preserved = ops.preserve(release).await?;
    outcome.note_preserved(preserved.stays);
    let unheard = !outcome.without_hooks.iter().any(|(name, _)| *name == release.name);
    let why = preserved.without_hooks.filter(|_| unheard);
    outcome.without_hooks.extend(why.map(|why| (release.name.clone(), why)));
    *progress = (*progress).max(Progress::Marked);
    match ops.uninstall(release).await {
        Err(HelmError::NotRun(why)) => return Err(why),
        Err(HelmError::Failed(why)) => {
            *progress = Progress::Begun;
            return Err(why);
        }
        Ok(()) => *progress = Progress::Begun,
    }
    match ops.remains(release).await {
        Ok(false) => Ok(()),
        Ok(true) => Err("helm said that it is uninstalled, and its record is still there".to_owned()),
        Err(why) => Err(why),
    }
}

impl Outcome {
    /// True if something was begun and is not finished, or went wrong.
    #[must_use]
    pub fn is_unfinished(&self) -> bool {
        !self.failed.is_empty() || !self.leftovers.is_empty() || !self.troubled.is_empty()
    }

    /// True if nothing of any release is gone.
    #[must_use]
    pub fn is_untouched(&self) -> bool {
        self.gone.is_empty() && self.leftovers.is_empty() && self.failed.iter().all(|failed| failed.whole)
    }

    /// Its record is gone: helm says so also where objects are there.
    async fn gone(&mut self, ops: &mut impl ClusterOps, release: &Release, said: Option<String>) {
        let name = release.name.clone();
        let because = |said: Option<String>| said.map(|said| format!(" ({said})")).unwrap_or_default();
        match ops.left(release).await {
            Ok(left) if left.there.is_empty() => {
                self.gone.push(name.clone());
                self.troubled.extend(said.map(|said| (name, said)));
            }
            Ok(left) => self.leftovers.push((name, format!("{}{}", left.there.join("; "), because(said)))),
            Err(why) => {
                self.leftovers.push((name, format!("what is there of it is not known: {why}{}", because(said))));
            }
        }
    }

    async fn give_up(&mut self, ops: &mut impl ClusterOps, release: &Release, progress: Progress, said: String) {
        match ops.remains(release).await {
            Ok(false) if progress == Progress::Begun => self.gone(ops, release, Some(said)).await,
            _ => self.fail(ops, release, progress, &said).await,
        }
    }

    fn skip(&mut self, release: &Release, why: &str) {
        self.skipped.push((release.name.clone(), why.to_owned()));
    }

    async fn stop(
        &mut self,
        ops: &mut impl ClusterOps,
        release: &Release,
        progress: Progress,
        why: String,
        state: VerdictState,
    ) {
        if progress == Progress::Begun {
            self.fail(ops, release, progress, &why).await;
        } else if progress == Progress::Marked {
            ops.put_back(release, true).await;
        }
        self.stopped = Some((why, state));
    }

    async fn fail(&mut self, ops: &mut impl ClusterOps, release: &Release, progress: Progress, why: &str) {
        let begun = progress == Progress::Begun;
        let (mut whole, mut why) = (!begun, why.to_owned());
        if begun {
            match ops.left(release).await {
                Ok(left) if left.there.len() == left.all => whole = true,
                Ok(left) => {
                    why = format!(
                        "{} of its {} objects are gone; {why}",
                        left.all.saturating_sub(left.there.len()),
                        left.all
                    );
                }
                Err(unknown) => why = format!("{why}; what is there of it is not known: {unknown}"),
            }
        }
        if progress != Progress::Untouched {
            ops.put_back(release, whole).await;
        }
        let (name, revision, cut_short) = (release.name.clone(), release.revision, ops.asked_to_stop().is_some());
        self.failed.push(Failed { name, revision, begun, whole, cut_short, why });
    }

    fn note_preserved(&mut self, objects: Vec<String>) {
        for object in objects {
            if !self.preserved.contains(&object) {
                self.preserved.push(object);
            }
        }
    }
}

#[cfg(test)]
mod tests;
