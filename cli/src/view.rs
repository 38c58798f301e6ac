//! What is shown of a slot?
//!
//! Architecture Invariant: everything that a person wrote passes through `sanitize` here, so that no
//! form of the output can carry it to a terminal as it is.

use hotdesk_slots::origin::written_over_by;
use hotdesk_slots::signals::{self, SignalState};
use hotdesk_slots::slot;
use hotdesk_slots::text::{human_time, sanitize, shown_name};
use hotdesk_slots::{ClaimSource, ClaimState, ClaimView, Mode, Slot, VerdictState};
use jiff::Timestamp;
use kube::ResourceExt as _;
use serde::Serialize;

use crate::identity::Identity;

/// A slot as it is shown; also the form of `-o json` and `-o yaml`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SlotView {
    pub(crate) slot: String,
    pub(crate) phase: Phase,
    /// Absent if nobody knows who asks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) mine: Option<bool>,
    pub(crate) users: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) groups: Vec<String>,
    pub(crate) purpose: Option<String>,
    /// Where the claim was made, if not in the Slot.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) source: Option<ClaimSource>,
    /// By what a claim of the sheet was changed since the sheet was last read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) written_over_by: Vec<String>,
    pub(crate) claimed_at: Option<Timestamp>,
    pub(crate) until: Option<Timestamp>,
    pub(crate) keep_until: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) clear_after: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) host: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) mode: Option<Mode>,
    pub(crate) last_activity: Option<Activity>,
    pub(crate) last_deploy: Option<Deployed>,
    pub(crate) verdict: Option<Verdict>,
    pub(crate) reap_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) last_reap: Option<Reaped>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) failed_reaps: Vec<FailedReap>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) signals: Vec<Signal>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) plan: Option<Planned>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) conditions: Vec<Condition>,
}

/// Whether a claim is in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Phase {
    Free,
    /// There is a claim, and it is over.
    Lapsed,
    Held,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Activity {
    pub(crate) time: Timestamp,
    pub(crate) signal: String,
    pub(crate) detail: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Deployed {
    pub(crate) time: Timestamp,
    pub(crate) release: String,
    pub(crate) by: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Verdict {
    pub(crate) state: VerdictState,
    pub(crate) reason: String,
    pub(crate) at: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Reaped {
    pub(crate) time: Timestamp,
    pub(crate) releases: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) restored_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) restored_by: Option<String>,
}

impl Reaped {
    /// That all of it is back, if it is.
    pub(crate) fn back(&self, now: Timestamp) -> Option<String> {
        let at = human_time(self.restored_at?, now);
        let by = self.restored_by.as_deref().map(|by| format!(" by {by}")).unwrap_or_default();
        Some(format!("All of that was brought back{by} at {at}."))
    }
}

/// A release whose uninstall has failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FailedReap {
    pub(crate) release: String,
    pub(crate) times: u32,
    pub(crate) at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) retry_at: Option<Timestamp>,
    pub(crate) reason: String,
}

impl FailedReap {
    pub(crate) fn of(failed: &slot::FailedReap) -> Self {
        Self {
            release: sanitize(&failed.release),
            times: failed.times,
            at: failed.at.0,
            retry_at: failed.retry_at.as_ref().map(|at| at.0),
            reason: sanitize(&failed.reason),
        }
    }

    /// What happened.
    pub(crate) fn message(&self, now: Timestamp) -> String {
        let Self { release, times, reason, .. } = self;
        let (at, reason) = (human_time(self.at, now), reason.trim_end_matches('.'));
        let often = if *times == 1 { String::new() } else { format!(" ({times} times by now)") };
        format!("{release} could not be cleared at {at}{often}: {reason}")
    }

    /// The same, and what happens next.
    pub(crate) fn told(&self, slot: &str, program: &str, now: Timestamp) -> String {
        let next = match self.retry_at {
            Some(retry) if retry > now => format!("It is tried again from {} on.", human_time(retry, now)),
            Some(_) => "It is tried again by the next run.".to_owned(),
            None => format!("It is not tried again by itself: fix that, and then {program} reap {slot}"),
        };
        format!("{}. {next}", self.message(now))
    }
}

/// What one signal of use said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Signal {
    pub(crate) name: String,
    pub(crate) state: SignalState,
    pub(crate) last_seen: Option<Timestamp>,
    pub(crate) detail: String,
}

/// What a reap would do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Planned {
    pub(crate) at: Timestamp,
    pub(crate) releases: Vec<PlannedRelease>,
    pub(crate) kept: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct PlannedRelease {
    pub(crate) name: String,
    pub(crate) revision: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) held: Option<String>,
    #[serde(rename = "withoutHooks", skip_serializing_if = "Option::is_none")]
    pub(crate) without_hooks: Option<String>,
    pub(crate) stays: Vec<String>,
    pub(crate) lost: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Condition {
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) status: String,
    pub(crate) reason: String,
    pub(crate) message: String,
    pub(crate) since: Timestamp,
}

/// A slot's name is its namespace's.
pub(crate) fn slot_name(slot: &Slot) -> &str {
    slot.metadata.namespace.as_deref().unwrap_or_default()
}

/// Everybody in a list, disarmed.
fn all(texts: &[String]) -> Vec<String> {
    texts.iter().map(|text| sanitize(text)).collect()
}

impl SlotView {
    /// What is shown of a slot at a moment.
    pub(crate) fn of(slot: &Slot, identity: Option<&Identity>, now: Timestamp) -> Self {
        let claim_view = slot.spec.claim.as_ref().map(ClaimView::parse_lossy);
        let phase = ClaimState::of(claim_view.as_ref(), now);
        let claim = slot.spec.claim.clone().unwrap_or_default();
        let status = slot.status.clone().unwrap_or_default();
        let time = |t: Option<k8s_openapi::apimachinery::pkg::apis::meta::v1::Time>| t.map(|t| t.0);
        Self {
            slot: sanitize(&slot.namespace().unwrap_or_default()),
            phase: Phase::of(phase),
            mine: identity.map(|identity| phase.held().is_some_and(|claim| identity.holds(claim))),
            users: claim_view.iter().flat_map(|view| &view.users).map(|name| sanitize(name.as_str())).collect(),
            groups: all(&claim.groups),
            purpose: claim.purpose.as_deref().map(sanitize).filter(|purpose| !purpose.is_empty()),
            source: claim.source,
            written_over_by: written_over_by(slot),
            claimed_at: slot.claimed_at(),
            until: time(claim.until),
            keep_until: time(slot.spec.keep_until.clone()),
            clear_after: time(slot.spec.clear_after.clone()),
            host: slot.spec.host.as_deref().map(sanitize),
            mode: slot.spec.mode,
            last_activity: status.last_activity.map(|seen| Activity {
                time: seen.time.0,
                signal: sanitize(&seen.signal),
                detail: sanitize(&seen.detail),
            }),
            last_deploy: status.last_deploy.map(|deploy| Deployed {
                time: deploy.time.0,
                release: sanitize(&deploy.release),
                by: deploy.by.as_deref().map(sanitize),
            }),
            verdict: status.verdict.map(|verdict| Verdict {
                state: verdict.state,
                reason: sanitize(&verdict.reason),
                at: verdict.at.0,
            }),
            reap_at: time(status.next_reap_at),
            last_reap: status.last_reap.map(|reap| Reaped {
                time: reap.time.0,
                releases: all(&reap.releases),
                restored_at: time(reap.restored_at),
                restored_by: reap.restored_by.as_deref().map(sanitize),
            }),
            failed_reaps: status.failed_reaps.iter().map(FailedReap::of).collect(),
            signals: status.signals.iter().map(Signal::of).collect(),
            plan: status.plan.as_ref().map(Planned::of),
            conditions: status.conditions.iter().map(condition).collect(),
        }
    }

    /// True if anyone may claim it.
    pub(crate) fn is_free(&self) -> bool {
        self.phase != Phase::Held
    }

    /// Who holds it, in a sentence: users, or members of groups.
    pub(crate) fn holders(&self) -> String {
        let mut holders: Vec<String> = self.users.iter().map(|user| shown_name(user)).collect();
        holders.extend(self.groups.iter().map(|group| format!("everyone in {}", shown_name(group))));
        hotdesk_slots::text::list(&holders)
    }
}

impl Signal {
    fn of(found: &signals::Signal) -> Self {
        Self {
            name: sanitize(&found.name),
            state: found.state,
            last_seen: found.last_seen.as_ref().map(|at| at.0),
            detail: sanitize(&found.detail),
        }
    }

    /// What it says, for people.
    pub(crate) fn state_in_words(&self) -> &'static str {
        match self.state {
            SignalState::InUse => "in use",
            SignalState::Quiet => "nobody",
            SignalState::Blind => "inconclusive",
            SignalState::NotAsked => "not asked",
        }
    }
}

impl Planned {
    fn of(found: &signals::ReapPlan) -> Self {
        let release = |found: &signals::PlannedRelease| PlannedRelease {
            name: sanitize(&found.name),
            revision: found.revision,
            held: found.held.as_deref().map(sanitize),
            without_hooks: found.without_hooks.as_deref().map(sanitize),
            stays: all(&found.stays),
            lost: all(&found.lost),
        };
        Self { at: found.at.0, releases: found.releases.iter().map(release).collect(), kept: all(&found.kept) }
    }
}

impl Phase {
    fn of(phase: ClaimState<'_>) -> Self {
        match phase {
            ClaimState::Free => Self::Free,
            ClaimState::Lapsed(_) => Self::Lapsed,
            ClaimState::Held(_) => Self::Held,
        }
    }
}

fn condition(found: &k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition) -> Condition {
    Condition {
        kind: sanitize(&found.type_),
        status: sanitize(&found.status),
        reason: sanitize(&found.reason),
        message: sanitize(&found.message),
        since: found.last_transition_time.0,
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use hotdesk_slots::slot::SLOT_NAME;
    use hotdesk_slots::{Claim, SlotSpec};
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

    pub(crate) fn slot(name: &str) -> Slot {
        let mut slot = Slot::new(SLOT_NAME, SlotSpec::default());
        slot.metadata.namespace = Some(name.to_owned());
        slot
    }

    pub(crate) fn claimed(name: &str, user: &str) -> Slot {
        let mut slot = slot(name);
        let purpose = Some("payments refactor".to_owned());
        slot.spec.claim = Some(Claim { users: vec![user.to_owned()], purpose, ..Claim::default() });
        slot
    }

    fn now() -> Timestamp {
        "2026-11-23T15:00:00Z".parse().unwrap()
    }

    #[test]
    fn a_lapsed_claim_is_free_to_take_and_nobodys() {
        let mut slot = claimed("mew", "alice@example.com");
        slot.spec.claim.as_mut().unwrap().until = Some(Time(now()));
        let view = SlotView::of(&slot, Some(&Identity::test("alice@example.com")), now());
        assert_eq!((view.phase, view.is_free(), view.mine), (Phase::Lapsed, true, Some(false)));
    }

    #[test]
    fn a71_a_status_with_escapes_and_invisible_signs_is_shown_harmless() {
        let evil = "a\u{1b}]0;x\u{7}\nb\u{202e}c\u{ad}d\u{e0061}";
        let mut slot = claimed("mew", "alice@example.com");
        let time = "2026-11-23T14:00:00Z";
        slot.status = serde_json::from_value(serde_json::json!({
            "lastActivity": {"time": time, "signal": evil, "detail": evil},
            "lastDeploy": {"time": time, "release": evil, "by": evil},
            "verdict": {"state": "Idle", "reason": evil, "at": time},
            "lastReap": {"time": time, "releases": [evil], "restoredAt": time, "restoredBy": evil},
            "failedReaps": [{"release": evil, "revision": 1, "times": 1, "at": time, "reason": evil}],
            "signals": [{"name": evil, "state": "Quiet", "detail": evil}],
            "plan": {"at": time, "releases": [{"name": evil, "revision": 1, "held": evil, "stays": [evil], "lost": [evil]}], "kept": [evil]},
            "conditions": [{"type": evil, "status": evil, "reason": evil, "message": evil, "lastTransitionTime": time}]
        }))
        .unwrap();
        let view = SlotView::of(&slot, None, now());
        let shown = format!("{view:?}");
        let json = serde_json::to_string(&view).unwrap();
        for text in [&shown, &json] {
            // Debug and JSON write as escapes what is not harmless.
            for sign in ["\\u{1b}", "\\u001b", "\\u{7}", "\\u0007", "\\n", "\\u{202e}", "\\u{ad}", "\\u{e0061}"] {
                assert!(!text.contains(sign), "{sign}: {text}");
            }
            assert!(!text.contains(hotdesk_slots::text::is_harmful), "{text}");
        }
        assert!(shown.matches("a\u{fffd}]0;x\u{fffd}\u{fffd}b\u{fffd}c\u{fffd}d\u{fffd}").count() >= 17, "{shown}");
    }

    #[test]
    fn a65_a_stored_sentence_is_shown_as_a_quotation() {
        let view = SlotView::of(&claimed("mew", "x\" is nobody. Slot is free"), None, now());
        assert_eq!(view.holders(), "\"x' is nobody. slot is free\"");
    }

    #[test]
    fn nothing_that_a_person_wrote_is_kept_as_it_is() {
        let mut slot = claimed("mew", "alice@example.com");
        slot.spec.claim.as_mut().unwrap().purpose = Some("a\u{1b}[31mb\u{9b}c\u{202e}d".to_owned());
        let json = serde_json::to_string(&SlotView::of(&slot, None, now())).unwrap();
        assert!(!json.contains(hotdesk_slots::text::is_harmful) && !json.contains("\\u001b"), "{json}");
    }
}
