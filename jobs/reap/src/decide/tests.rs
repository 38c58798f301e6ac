//! Every row of the decision. Each starts from an idle slot and changes one thing.

use super::*;
use crate::helm::release::{Driver, State};
use crate::sessions::Noting;
use globset::{Glob, GlobSetBuilder};
use hotdesk_slots::slot::{LastSession, LastWrite, ReleaseRevision, SlotStatus};
use hotdesk_traffic::log::scan::SeenRequest;
use hotdesk_traffic::observation::Observation;
use jiff::SignedDuration;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

/// A Monday, out of office hours: the window is one hour.
const NOW: &str = "2026-11-23T20:00:00Z";

fn now() -> Timestamp {
    NOW.parse().unwrap()
}

fn ago(minutes: i64) -> Timestamp {
    now() - SignedDuration::from_mins(minutes)
}

fn rules() -> Rules {
    let mut keep = GlobSetBuilder::new();
    keep.add(Glob::new("roles").unwrap()).add(Glob::new("*config*").unwrap());
    Rules {
        windows: Windows::default(),
        session_grace: SignedDuration::from_mins(90),
        job_grace: SignedDuration::from_hours(24),
        lapse_grace: SignedDuration::from_mins(30),
        keep: keep.build().unwrap(),
        silence_is_fine: false,
        observed_with: Vec::new(),
    }
}

fn release(name: &str, phase: Phase, deployed: i64) -> Release {
    Release {
        driver: Driver::Secret,
        name: name.to_owned(),
        revision: 3,
        object: format!("sh.helm.release.v1.{name}.v3"),
        resource_version: "7".to_owned(),
        deployed_by: None,
        state: Ok(State { phase, last_deployed: ago(deployed), deleted: None }),
    }
}

/// A slot with one old release, whose traffic was read in full and showed only others.
struct Query {
    slot: Slot,
    work: Work,
    sessions: Sessions,
    releases: Vec<Release>,
    look: Observation,
}

fn idle() -> Query {
    let seen = "40 requests of all slots".to_owned();
    let look = Observation {
        source: "ingress-logs".to_owned(),
        samples: 40,
        seen,
        from: ago(60),
        through: now(),
        ..Observation::default()
    };
    Query {
        work: Work::default(),
        sessions: Sessions { noting: Ok(Noting::Ignored), pods: None },
        slot: Slot { status: Some(SlotStatus::default()), ..Slot::default() },
        releases: vec![release("web", Phase::Deployed, 300)],
        look,
    }
}

impl Query {
    fn status(mut self, change: impl FnOnce(&mut SlotStatus)) -> Self {
        change(self.slot.status.get_or_insert_default());
        self
    }

    fn releases(mut self, releases: &[Release]) -> Self {
        self.releases = releases.to_vec();
        self
    }

    fn traffic(mut self, change: impl FnOnce(&mut Observation)) -> Self {
        change(&mut self.look);
        self
    }

    fn evidence(self) -> Evidence {
        Evidence {
            slot: Some(Ok(self.slot)),
            releases: Some(Ok(self.releases)),
            work: Some(Ok(self.work)),
            sessions: Some(self.sessions),
            traffic: Some(Traffic { observations: vec![self.look], ..Traffic::default() }),
        }
    }
}

fn settled(evidence: &Evidence, rules: &Rules) -> Verdict {
    match decide(evidence, rules, now()) {
        Decision::Settled(verdict) => verdict,
        Decision::AskTraffic => panic!("traffic was there"),
    }
}

#[track_caller]
fn check(query: Query, state: VerdictState, reason: &str) {
    let verdict = settled(&query.evidence(), &rules());
    assert_eq!(verdict.state, state, "{}", verdict.reason);
    assert!(verdict.reason.contains(reason), "{}", verdict.reason);
}

#[test]
fn idle_only_when_everything_was_read_and_nothing_seen() {
    check(
        idle(),
        VerdictState::Idle,
        "no request, deploy, session or claim for 1 h; ingress-logs could see (40 requests of all slots)",
    );
}

#[test]
fn unknown_when_the_slot_or_the_releases_cannot_be_read() {
    let mut evidence = idle().evidence();
    evidence.slot = Some(Err("the Slot cannot be read: forbidden".to_owned()));
    assert_eq!(settled(&evidence, &rules()).state, VerdictState::Unknown);
    let mut evidence = idle().evidence();
    evidence.releases = Some(Err("the helm records cannot be listed".to_owned()));
    assert_eq!(settled(&evidence, &rules()).state, VerdictState::Unknown);
    assert_eq!(settled(&Evidence::default(), &rules()).state, VerdictState::Unknown);
}

#[test]
fn keeps_a_slot_that_somebody_asked_to_keep() {
    let keep = |minutes| {
        let mut query = idle();
        query.slot.spec.keep_until = Some(Time(ago(minutes)));
        query
    };
    check(keep(-30), VerdictState::Kept, "asked to keep it until 20:30 UTC");
    check(keep(0), VerdictState::Idle, "");
    check(keep(30), VerdictState::Idle, "");
}

#[test]
fn keeps_a_slot_with_nothing_to_reap() {
    check(idle().releases(&[]), VerdictState::Kept, "there is no release");
    let kept = [release("roles", Phase::Deployed, 300), release("app-config", Phase::Deployed, 300)];
    check(idle().releases(&kept), VerdictState::Kept, "what is there stays (roles and app-config)");
    let history = [release("web", Phase::Uninstalled, 300), release("api", Phase::Superseded, 300)];
    check(idle().releases(&history), VerdictState::Kept, "there is no release");
}

#[test]
fn keeps_a_release_deployed_within_the_window() {
    check(
        idle().releases(&[release("web", Phase::Deployed, 59)]),
        VerdictState::Active,
        "release web was deployed (revision 3), 59 min ago",
    );
    check(idle().releases(&[release("web", Phase::Deployed, 60)]), VerdictState::Active, "1 h ago");
    check(idle().releases(&[release("web", Phase::Deployed, 61)]), VerdictState::Idle, "");
    check(idle().releases(&[release("web", Phase::Failed, 10)]), VerdictState::Active, "release web");
    let two = [release("web", Phase::Deployed, 300), release("roles", Phase::Deployed, 10)];
    check(idle().releases(&two), VerdictState::Active, "release roles was deployed");
}

#[test]
fn keeps_what_is_being_deployed_or_uninstalled_within_the_window() {
    check(
        idle().releases(&[release("web", Phase::Pending, 10)]),
        VerdictState::Kept,
        "release web has been in the state pending",
    );
    check(idle().releases(&[release("web", Phase::Pending, 61)]), VerdictState::Idle, "");
    let mut leaving = release("web", Phase::Uninstalling, 300);
    leaving.state = Ok(State { phase: Phase::Uninstalling, last_deployed: ago(300), deleted: Some(ago(5)) });
    check(idle().releases(&[leaving.clone()]), VerdictState::Kept, "in the state uninstalling since 19:55 UTC");
    leaving.state = Ok(State { phase: Phase::Uninstalling, last_deployed: ago(300), deleted: Some(ago(61)) });
    check(idle().releases(&[leaving]), VerdictState::Idle, "");
}

#[test]
fn finishes_at_once_what_an_earlier_run_began() {
    let mut leaving = release("web", Phase::Uninstalling, 300);
    leaving.state = Ok(State { phase: Phase::Uninstalling, last_deployed: ago(300), deleted: Some(ago(5)) });
    let begun = |name: &str, revision| Reaping {
        since: Time(ago(6)),
        releases: vec![ReleaseRevision { name: name.to_owned(), revision }],
        until: None,
    };
    let query = |reaping: Reaping| idle().releases(&[leaving.clone()]).status(|status| status.reaping = Some(reaping));
    check(query(begun("web", 3)), VerdictState::Idle, "");
    check(query(begun("web", 2)), VerdictState::Kept, "uninstalling");
    check(query(begun("api", 3)), VerdictState::Kept, "uninstalling");
    let used = query(begun("web", 3)).traffic(|traffic| traffic.hit = Some(hit()));
    check(used, VerdictState::Active, "mew-web-80");
    let pending =
        idle().releases(&[release("web", Phase::Pending, 5)]).status(|status| status.reaping = Some(begun("web", 3)));
    check(pending, VerdictState::Kept, "pending");
}

#[test]
fn a_session_and_a_claim_are_use() {
    let session = |minutes| LastSession { time: Time(ago(minutes)), by: "alice".to_owned(), kind: "exec".to_owned() };
    check(idle().status(|s| s.last_session = Some(session(20))), VerdictState::Active, "alice used exec, 20 min ago");
    let lasting = "alice used exec, 1 h 1 min ago, and a session, which may still be open, counts for 1 h 30 min";
    check(idle().status(|s| s.last_session = Some(session(61))), VerdictState::Active, lasting);
    check(idle().status(|s| s.last_session = Some(session(90))), VerdictState::Active, "");
    check(idle().status(|s| s.last_session = Some(session(91))), VerdictState::Idle, "");
    check(
        idle().status(|s| s.claimed_at = Some(Time(ago(20)))),
        VerdictState::Active,
        "the slot was claimed, 20 min ago",
    );
    check(idle().status(|s| s.claimed_at = Some(Time(ago(61)))), VerdictState::Idle, "");
}

#[test]
fn e10_e11_a_write_of_the_holder_is_use_for_a_window() {
    let write = |by: &str, minutes| LastWrite {
        time: Time(ago(minutes)),
        by: by.to_owned(),
        kind: "changed".to_owned(),
        on: "a Deployment".to_owned(),
    };
    let told = "alice changed a Deployment, 20 min ago";
    check(idle().status(|s| s.last_write = Some(write("alice", 20))), VerdictState::Active, told);
    let told = "a deployer changed a Deployment, 1 h ago";
    check(idle().status(|s| s.last_write = Some(write("a deployer", 60))), VerdictState::Active, told);
    check(idle().status(|s| s.last_write = Some(write("alice", 61))), VerdictState::Idle, "");
    check(idle().status(|s| s.last_write = Some(write("alice", -6))), VerdictState::Unknown, "in the future");
}

#[test]
fn e36_a_label_on_a_lapsed_slot_is_no_claim() {
    let mut query = claimed(idle(), 600);
    query.slot.metadata.labels = Some([("team".to_owned(), "x".to_owned())].into());
    check(query, VerdictState::Idle, "its claim lapsed");
}

#[test]
fn what_is_in_the_future_is_not_believed() {
    check(idle().releases(&[release("web", Phase::Deployed, -4)]), VerdictState::Active, "");
    check(idle().releases(&[release("web", Phase::Deployed, -6)]), VerdictState::Unknown, "in the future");
}

#[test]
fn unknown_when_a_record_cannot_be_read() {
    let broken = |name| Release { state: Err("it is not base64".to_owned()), ..release(name, Phase::Deployed, 0) };
    check(
        idle().releases(&[broken("web")]),
        VerdictState::Unknown,
        "sh.helm.release.v1.web.v3 of release web cannot be read",
    );
    let beside = [release("web", Phase::Deployed, 300), broken("roles")];
    check(idle().releases(&beside), VerdictState::Unknown, "roles");
    let used = [release("web", Phase::Deployed, 10), broken("api")];
    check(idle().releases(&used), VerdictState::Active, "web");
}

fn hit() -> SeenRequest {
    SeenRequest { time: ago(12), upstream: "mew-web-80".to_owned(), path: Some("/cart".to_owned()) }
}

#[test]
fn a_request_is_use_even_where_others_are_in_doubt() {
    let query = idle().traffic(|traffic| traffic.hit = Some(hit()));
    check(query, VerdictState::Active, "a request for /cart was served by mew-web-80, 12 min ago");
    let query = idle().traffic(|traffic| {
        traffic.hit = Some(hit());
        traffic.doubts = vec!["a pod is Pending".to_owned()];
    });
    check(query, VerdictState::Active, "/cart");
}

#[test]
fn any_doubt_is_unknown() {
    let query = idle().traffic(|traffic| traffic.doubts = vec!["the log was rotated".to_owned(), "two".to_owned()]);
    check(query, VerdictState::Unknown, "the log was rotated (and 1 more: see the log)");
    check(idle().traffic(|traffic| traffic.from = ago(59)), VerdictState::Unknown, "less than the window");
}

#[test]
fn a_log_that_shows_nobody_proves_nothing() {
    check(idle().traffic(|traffic| traffic.samples = 0), VerdictState::Unknown, "--silence-is-fine");
    let fine = Rules { silence_is_fine: true, ..rules() };
    let silent = |change: fn(&mut Observation)| {
        settled(&idle().traffic(|t| t.samples = 0).traffic(change).evidence(), &fine).state
    };
    assert_eq!(silent(|_| {}), VerdictState::Idle);
    assert_eq!(silent(|traffic| traffic.doubts = vec!["an empty log".to_owned()]), VerdictState::Unknown);
}

#[test]
fn the_logs_are_read_only_if_everything_else_says_idle() {
    let without = |query: Query| Evidence { traffic: None, ..query.evidence() };
    assert_eq!(decide(&without(idle()), &rules(), now()), Decision::AskTraffic);
    for query in [idle().releases(&[]), idle().releases(&[release("web", Phase::Deployed, 5)])] {
        assert!(matches!(decide(&without(query), &rules(), now()), Decision::Settled(_)));
    }
}

#[test]
fn the_verdict_says_when_the_slot_goes_if_nobody_uses_it() {
    let reap_at = |query: Query| settled(&query.evidence(), &rules()).reap_at;
    assert_eq!(reap_at(idle().traffic(|traffic| traffic.hit = Some(hit()))), Some(ago(12 - 60)));
    assert_eq!(reap_at(idle().releases(&[release("web", Phase::Pending, 10)])), Some(ago(10 - 60)));
}

#[test]
fn only_what_is_there_and_not_kept_goes() {
    let releases = [
        release("web", Phase::Deployed, 300),
        release("api", Phase::Failed, 300),
        release("roles", Phase::Deployed, 300),
        release("my-config", Phase::Deployed, 300),
        release("old", Phase::Uninstalled, 300),
    ];
    let names: Vec<String> = targets(&releases, &rules()).into_iter().map(|release| release.name).collect();
    assert_eq!(names, ["web", "api"]);
}

fn claimed(mut query: Query, until: i64) -> Query {
    let claim = serde_json::json!({"users": ["alice"], "until": ago(until).to_string()});
    query.slot.spec.claim = serde_json::from_value(claim).unwrap();
    query
}

#[test]
fn a_lapsed_claim_shortens_the_window_to_the_grace_and_no_further() {
    let deployed = |minutes| idle().releases(&[release("web", Phase::Deployed, minutes)]);
    check(claimed(deployed(40), -1), VerdictState::Active, "deployed");
    check(claimed(deployed(40), 29), VerdictState::Active, "deployed");
    check(
        claimed(deployed(40), 30),
        VerdictState::Idle,
        "its claim lapsed 19:30 UTC, and no request, deploy, session or claim for 30 min",
    );
    check(claimed(deployed(20), 30), VerdictState::Active, "deployed");
    let busy = claimed(idle(), 300).traffic(|traffic| traffic.hit = Some(hit()));
    check(busy, VerdictState::Active, "mew-web-80");
    let blind = claimed(idle(), 300).traffic(|traffic| traffic.doubts.push("the log cannot be read".to_owned()));
    check(blind, VerdictState::Unknown, "the log cannot be read");
}

fn given_back(clear_after: i64) -> Query {
    let mut query = idle().releases(&[release("web", Phase::Deployed, 40)]);
    query.slot.spec.clear_after = Some(Time(ago(clear_after)));
    query
}

#[test]
fn a_slot_that_was_given_back_to_be_cleared_is_cleared_used_or_not() {
    let reason = "its last holder gave it back to be cleared, 5 min ago";
    check(given_back(5), VerdictState::Idle, reason);
    check(given_back(5).traffic(|traffic| traffic.hit = Some(hit())), VerdictState::Idle, reason);
    check(given_back(5).traffic(|traffic| traffic.doubts.push("blind".to_owned())), VerdictState::Idle, reason);
    check(given_back(-5), VerdictState::Active, "deployed");
}

#[test]
fn whatever_happened_since_a_slot_was_given_back_keeps_it() {
    let deployed = given_back(5).releases(&[release("web", Phase::Deployed, 5)]);
    check(deployed, VerdictState::Active, "deployed");
    let session = LastSession { time: Time(ago(3)), by: "root".to_owned(), kind: "exec".to_owned() };
    check(given_back(5).status(|status| status.last_session = Some(session)), VerdictState::Active, "root used exec");
    let mut kept = given_back(5);
    kept.slot.spec.keep_until = Some(Time(ago(-5)));
    check(kept, VerdictState::Kept, "asked to keep it");
    let mut claimed = given_back(5);
    claimed.slot.spec.claim = serde_json::from_value(serde_json::json!({"users": ["bob"]})).unwrap();
    check(claimed, VerdictState::Active, "deployed");
    let unreadable = Release { state: Err("it is not base64".to_owned()), ..release("api", Phase::Deployed, 40) };
    check(given_back(5).releases(&[release("web", Phase::Deployed, 300), unreadable]), VerdictState::Unknown, "api");
}

mod sessions;
mod work;
