//! Who is told what, and does a reap wait for the notice that people were given of it?
//!
//! People are told once and then once a day. What was told stands in the Slot's status. Whether telling works decides
//! nothing: a notice counts from the moment at which it was due.

pub mod args;

use hotdesk_notify::{Notification, NotificationKind};
use hotdesk_slots::slot::{Lasting, Notice, Slot, Told, VerdictState};
use hotdesk_slots::text::human_time;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

/// What lasts is told again after so long.
const AGAIN: SignedDuration = SignedDuration::from_hours(24);

/// What the operator has set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoticePolicy {
    /// How long before a reap people are told; zero: not at all.
    pub notice: SignedDuration,
    /// How long a slot must be in doubt before people are told.
    pub blind_for: SignedDuration,
    /// How long a slot must be kept before people are told.
    pub kept_for: SignedDuration,
}

/// What was found out about a slot, as far as people are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    /// The verdict.
    pub state: VerdictState,
    /// Its holder gave it back to be cleared: nobody is left to be given notice.
    pub on_request: bool,
    /// Somebody asked to keep it, for some time yet.
    pub kept: bool,
    /// Notice that is given now ends then: the window may be longer by that time.
    pub notice_ends: Timestamp,
}

/// What is to be done about it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DueNotices {
    /// What people are told now.
    pub tell: Vec<NotificationKind>,
    /// What they have been told then.
    pub told: Told,
    /// The reap waits until then.
    pub wait: Option<Timestamp>,
}

/// What people are told after a check, and whether a reap waits.
#[must_use]
pub fn due(before: &Told, found: Found, policy: NoticePolicy, now: Timestamp) -> DueNotices {
    let mut notices = DueNotices { tell: Vec::new(), told: Told::default(), wait: None };
    match found.state {
        VerdictState::Idle if found.on_request || policy.notice.is_zero() => {}
        VerdictState::Idle => {
            let given = before.notice.clone().unwrap_or_else(|| {
                notices.tell.push(NotificationKind::Notice);
                Notice { at: Time(now), reap_at: Time(found.notice_ends) }
            });
            notices.wait = (given.reap_at.0 > now).then_some(given.reap_at.0);
            notices.told.notice = Some(given);
        }
        VerdictState::Unknown => {
            let (blind, tell) = lasting(before.blind.as_ref(), policy.blind_for, now);
            notices.tell.extend(tell.then_some(NotificationKind::Blind));
            notices.told.blind = Some(blind);
        }
        VerdictState::Kept if found.kept => {
            let (kept, tell) = lasting(before.kept.as_ref(), policy.kept_for, now);
            notices.tell.extend(tell.then_some(NotificationKind::Kept));
            notices.told.kept = Some(kept);
        }
        VerdictState::Kept | VerdictState::Active => {}
    }
    notices
}

/// What happened, as it is told to people.
#[must_use]
pub fn notification(
    kind: NotificationKind,
    slot: &Slot,
    (releases, lost): (&[String], &[String]),
    reason: &str,
    told: &Told,
    now: Timestamp,
) -> Notification {
    let claim = slot.spec.claim.clone().unwrap_or_default();
    let since = match kind {
        NotificationKind::Blind => told.blind.as_ref().map(|blind| blind.since.0),
        NotificationKind::Kept => told.kept.as_ref().map(|kept| kept.since.0),
        NotificationKind::Notice | NotificationKind::Reaped => None,
    };
    let until = match kind {
        NotificationKind::Notice => told.notice.as_ref().map(|notice| notice.reap_at.0),
        NotificationKind::Kept => slot.spec.keep_until.as_ref().map(|until| until.0),
        NotificationKind::Blind | NotificationKind::Reaped => None,
    };
    Notification {
        kind,
        slot: slot.metadata.namespace.clone().unwrap_or_default(),
        users: claim.users,
        purpose: claim.purpose.unwrap_or_default(),
        reason: reason.to_owned(),
        releases: releases.to_vec(),
        lost: lost.to_vec(),
        time: now,
        since,
        until,
    }
}

/// The sentence about a slot that waits for its reap.
#[must_use]
pub fn waiting(slot: &str, reason: &str, wait: Timestamp, now: Timestamp) -> String {
    let when = human_time(wait, now);
    format!(
        "{slot} is idle: {reason}. It will be cleared at {when} or later, unless somebody uses it; to keep it: hotdesk \
         keep {slot} 4h"
    )
}

/// Since when it lasts, and whether it is time to say so.
fn lasting(before: Option<&Lasting>, for_long: SignedDuration, now: Timestamp) -> (Lasting, bool) {
    let since = before.map_or(now, |before| before.since.0);
    let last = before.and_then(|before| before.told_at.as_ref()).map(|at| at.0);
    let due = now.duration_since(since) >= for_long && last.is_none_or(|last| now.duration_since(last) >= AGAIN);
    let told_at = if due { Some(now) } else { last };
    (Lasting { since: Time(since), told_at: told_at.map(Time) }, due)
}

#[cfg(test)]
mod tests {
    use super::*;
    use VerdictState::{Active, Idle, Kept, Unknown};

    const MANNERS: NoticePolicy = NoticePolicy {
        notice: SignedDuration::from_mins(30),
        blind_for: SignedDuration::from_hours(2),
        kept_for: SignedDuration::from_hours(72),
    };

    fn at(minutes: i64) -> Timestamp {
        "2026-11-23T15:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_mins(minutes)
    }

    /// Plays checks one after the other: minute, verdict, kept on request; what is told, and whether a reap may begin.
    #[track_caller]
    fn play(policy: NoticePolicy, checks: &[(i64, VerdictState, &[NotificationKind], bool)]) {
        let mut told = Told::default();
        for (minute, state, tell, may_reap) in checks {
            let notice_ends = at(*minute) + policy.notice;
            let found = Found { state: *state, on_request: false, kept: *state == Kept, notice_ends };
            let notices = due(&told, found, policy, at(*minute));
            assert_eq!(notices.tell, *tell, "at minute {minute}");
            assert_eq!(notices.wait.is_none() && *state == Idle, *may_reap, "at minute {minute}: {:?}", notices.wait);
            told = notices.told;
        }
    }

    #[test]
    fn a_reap_waits_for_the_notice_and_notice_is_given_once() {
        let notice: &[NotificationKind] = &[NotificationKind::Notice];
        play(
            MANNERS,
            &[(0, Idle, notice, false), (10, Idle, &[], false), (30, Idle, &[], true), (40, Idle, &[], true)],
        );
    }

    #[test]
    fn whoever_answers_a_notice_is_given_a_new_one_next_time() {
        let notice: &[NotificationKind] = &[NotificationKind::Notice];
        for answer in [Active, Kept, Unknown] {
            play(MANNERS, &[(0, Idle, notice, false), (20, answer, &[], false), (60, Idle, notice, false)]);
        }
    }

    #[test]
    fn without_notice_a_reap_does_not_wait() {
        play(NoticePolicy { notice: SignedDuration::ZERO, ..MANNERS }, &[(0, Idle, &[], true)]);
        let given_back = Found { state: Idle, on_request: true, kept: false, notice_ends: at(0) };
        let notices = due(&Told::default(), given_back, MANNERS, at(0));
        assert_eq!((notices.wait, notices.tell), (None, vec![]));
    }

    #[test]
    fn doubt_is_told_when_it_lasts_and_then_once_a_day() {
        let blind: &[NotificationKind] = &[NotificationKind::Blind];
        let day = 24 * 60;
        play(
            MANNERS,
            &[
                (0, Unknown, &[], false),
                (60, Unknown, &[], false),
                (120, Unknown, blind, false),
                (180, Unknown, &[], false),
                (120 + day, Unknown, blind, false),
                (180 + day, Active, &[], false),
                (240 + day, Unknown, &[], false),
            ],
        );
    }

    #[test]
    fn a_slot_kept_for_long_is_told() {
        let kept: &[NotificationKind] = &[NotificationKind::Kept];
        play(MANNERS, &[(0, Kept, &[], false), (72 * 60, Kept, kept, false), (73 * 60, Kept, &[], false)]);
        let nothing_left = Found { state: Kept, on_request: false, kept: false, notice_ends: at(0) };
        assert_eq!(due(&Told::default(), nothing_left, MANNERS, at(0)).told, Told::default());
    }
}
