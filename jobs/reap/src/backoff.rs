//! When is the uninstall of a release tried again that has failed?
//!
//! A hook that fails does so again, and each time it runs it may do something. So the pause grows, and then the release stays
//! until somebody deploys it again, or asks for a reap.

use std::cmp::Reverse;

use hotdesk_runtime::text::cut;
use hotdesk_slots::slot::FailedReap;
use hotdesk_slots::text::{human_time, sanitize_short};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::helm::release::Release;
use crate::reap::Outcome;

/// The pause after the first failure; each further one is twice as long. A little less than an hour: the hourly run that
/// follows begins less than an hour after this one has ended.
const FIRST_PAUSE: SignedDuration = SignedDuration::from_mins(55);

/// After so many failures it is not tried again by itself.
const MOST: u32 = 5;

/// The most releases whose failures are remembered, and the longest reason, in bytes.
const MAX_REMEMBERED: usize = 32;
const MAX_REASON: usize = 900;

/// Why a release is not tried now, if it is not; `asked`: somebody asked for this run.
#[must_use]
pub fn held(failures: &[FailedReap], release: &Release, asked: bool, now: Timestamp) -> Option<String> {
    let failed = of(failures, release).filter(|_| !asked)?;
    let (at, reason) = (human_time(failed.at.0, now), sanitize_short(&failed.reason));
    match &failed.retry_at {
        Some(retry) if retry.0 <= now => None,
        Some(retry) => Some(format!(
            "its uninstall failed {at}, and is tried again from {} on: {reason}",
            human_time(retry.0, now)
        )),
        None => Some(format!(
            "its uninstall failed {} times, the last time {at}: {reason}; fix that, and then `kubectl hotdesk reap` tries it again",
            failed.times
        )),
    }
}

/// Those that failed before come last: what takes long again must not keep the others waiting.
pub fn last(failures: &[FailedReap], targets: &mut [Release]) {
    targets.sort_by_key(|release| {
        of(failures, release).map_or(Reverse(u32::MAX), |failed| Reverse(u32::MAX - failed.times))
    });
}

/// What is remembered once a reap has ended.
#[must_use]
pub fn after(failures: &[FailedReap], outcome: &Outcome, releases: &[Release], now: Timestamp) -> Vec<FailedReap> {
    let is_over = |failed: &FailedReap| {
        let gone =
            outcome.gone.contains(&failed.release) || outcome.leftovers.iter().any(|(name, _)| *name == failed.release);
        let again = outcome.failed.iter().any(|new| new.name == failed.release);
        gone || again || !releases.iter().any(|release| is_of(failed, release))
    };
    let mut all: Vec<FailedReap> = failures.iter().filter(|failed| !is_over(failed)).cloned().collect();
    for failed in &outcome.failed {
        let before = failures.iter().find(|old| old.release == failed.name && old.revision == failed.revision);
        let times = before.map_or(1, |old| old.times.saturating_add(1));
        let pause = if failed.cut_short {
            SignedDuration::ZERO
        } else {
            FIRST_PAUSE.saturating_mul(1 << times.saturating_sub(1).min(8))
        };
        let retry_at = (times < MOST).then(|| Time(now.saturating_add(pause).unwrap_or(Timestamp::MAX)));
        let (release, reason) = (failed.name.clone(), cut(&failed.why, MAX_REASON));
        all.push(FailedReap { release, revision: failed.revision, times, at: Time(now), retry_at, reason });
    }
    all.sort_by_key(|failed| Reverse(failed.at.0));
    all.truncate(MAX_REMEMBERED);
    all
}

fn of<'a>(failures: &'a [FailedReap], release: &Release) -> Option<&'a FailedReap> {
    failures.iter().find(|failed| is_of(failed, release))
}

fn is_of(failed: &FailedReap, release: &Release) -> bool {
    failed.release == release.name && failed.revision == release.revision
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::helm::release::Driver;
    use crate::reap::Failed;

    fn now() -> Timestamp {
        "2026-11-23T15:00:00Z".parse().unwrap()
    }

    fn release(name: &str, revision: i64) -> Release {
        Release {
            driver: Driver::Secret,
            name: name.to_owned(),
            revision,
            object: String::new(),
            resource_version: String::new(),
            deployed_by: None,
            state: Err(String::new()),
        }
    }

    fn fails(name: &str) -> Outcome {
        let why = "helm failed: job web-before failed".to_owned();
        Outcome {
            failed: vec![Failed {
                name: name.to_owned(),
                revision: 1,
                begun: true,
                whole: true,
                cut_short: false,
                why,
            }],
            ..Outcome::default()
        }
    }

    #[test]
    fn u12_a_hook_that_fails_runs_again_after_a_growing_pause_and_then_when_somebody_asks() {
        let (mut failures, mut at, mut pauses) = (Vec::new(), now(), Vec::new());
        for _ in 0..MOST {
            assert_eq!(held(&failures, &release("web", 1), false, at), None);
            failures = after(&failures, &fails("web"), &[release("web", 1)], at);
            assert!(held(&failures, &release("web", 1), false, at).unwrap().contains("job web-before failed"));
            pauses.extend(failures[0].retry_at.as_ref().map(|retry| retry.0.duration_since(at).as_mins()));
            at = failures[0].retry_at.as_ref().map_or(at, |retry| retry.0);
        }
        assert_eq!(pauses, [55, 110, 220, 440]);
        let much_later = at + SignedDuration::from_hours(1000);
        let why = held(&failures, &release("web", 1), false, much_later).unwrap();
        assert!(why.starts_with("its uninstall failed 5 times") && why.contains("kubectl hotdesk reap"), "{why}");
        assert_eq!(held(&failures, &release("web", 1), true, at), None, "somebody asked");
        assert_eq!(held(&failures, &release("web", 2), false, at), None, "somebody deployed it again");
        assert_eq!(held(&failures, &release("api", 1), false, at), None);
    }

    #[test]
    fn what_a_run_left_that_was_ended_is_finished_by_the_next_one() {
        let mut ended = fails("web");
        ended.failed[0].cut_short = true;
        let failures = after(&[], &ended, &[release("web", 1)], now());
        assert_eq!((failures.len(), failures[0].times), (1, 1), "it is told all the same");
        assert_eq!(held(&failures, &release("web", 1), false, now()), None);
    }

    #[test]
    fn u13_what_failed_before_comes_last() {
        let failures = after(&[], &fails("web"), &[release("web", 1)], now());
        let mut targets = [release("web", 1), release("api", 1), release("db", 1)];
        last(&failures, &mut targets);
        assert_eq!(targets.map(|release| release.name), ["api", "db", "web"]);
    }

    #[test]
    fn what_is_gone_or_deployed_again_is_forgotten() {
        let failures = after(&[], &fails("web"), &[release("web", 1)], now());
        let remembered = |outcome: &Outcome, releases: &[Release]| after(&failures, outcome, releases, now()).len();
        assert_eq!(remembered(&Outcome::default(), &[release("web", 1)]), 1);
        assert_eq!(remembered(&Outcome::default(), &[release("web", 2)]), 0);
        let gone = Outcome { gone: vec!["web".to_owned()], ..Outcome::default() };
        assert_eq!(remembered(&gone, &[release("web", 1)]), 0);
    }
}
