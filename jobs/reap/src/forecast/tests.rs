//! What people are told ahead of a reap.

use super::*;
use crate::helm::release::{Driver, Phase, State};
use crate::sessions::{Noting, Sessions};
use crate::work::{RunningJob, Work};
use globset::GlobSet;
use hotdesk_slots::window::Windows;
use hotdesk_traffic::observation::{Observation, Traffic};
use serde_json::json;

fn now() -> Timestamp {
    "2026-11-23T20:00:00Z".parse().unwrap()
}

fn ago(minutes: i64) -> Timestamp {
    now() - SignedDuration::from_mins(minutes)
}

fn rules() -> Rules {
    let windows = Windows { always: SignedDuration::from_hours(1), office: Vec::new() };
    Rules {
        windows,
        session_grace: SignedDuration::from_mins(90),
        job_grace: SignedDuration::from_hours(24),
        lapse_grace: SignedDuration::from_mins(30),
        keep: GlobSet::empty(),
        silence_is_fine: false,
        observed_with: Vec::new(),
    }
}

fn release(name: &str, deployed: Timestamp) -> Release {
    Release {
        driver: Driver::Secret,
        name: name.to_owned(),
        revision: 3,
        object: format!("sh.helm.release.v1.{name}.v3"),
        resource_version: "7".to_owned(),
        deployed_by: Some("alice".to_owned()),
        state: Ok(State { phase: Phase::Deployed, last_deployed: deployed, deleted: None }),
    }
}

fn slot(status: &Value) -> Slot {
    Slot { status: serde_json::from_value(status.clone()).unwrap(), ..Slot::default() }
}

fn evidence(slot: Slot, releases: Vec<Release>, traffic: Option<Traffic>) -> Evidence {
    let sessions = Some(Sessions { noting: Ok(Noting::Ignored), pods: None });
    Evidence { slot: Some(Ok(slot)), releases: Some(Ok(releases)), sessions, traffic, ..Evidence::default() }
}

#[track_caller]
fn check(evidence: &Evidence, expected: &[(&str, SignalState, &str)]) {
    let found = signals(evidence, &rules(), now());
    let found: Vec<(&str, SignalState, &str)> =
        found.iter().map(|signal| (signal.name.as_str(), signal.state, signal.detail.as_str())).collect();
    assert_eq!(found, expected);
}

#[test]
fn every_signal_says_what_it_saw() {
    use SignalState::{Blind, InUse, Quiet};
    let clear = Observation {
        source: "ingress-logs".to_owned(),
        samples: 9,
        seen: "9 requests of all slots".to_owned(),
        from: ago(99),
        ..Observation::default()
    };
    let traffic = Traffic {
        observations: vec![clear, Observation::inconclusive("loki", "no answer".to_owned(), now())],
        doubts: vec!["a node port".to_owned()],
        ..Traffic::default()
    };
    let session = json!({"time": ago(20).to_string(), "by": "bob\u{7}", "kind": "exec"});
    let status = json!({"claimedAt": ago(90).to_string(), "lastSession": session});
    check(
        &evidence(slot(&status), vec![release("web", ago(80)), release("api", ago(70))], Some(traffic)),
        &[
            ("keepUntil", Quiet, ""),
            ("claim", Quiet, ""),
            ("deploy", Quiet, "api (revision 3) by alice"),
            ("write", Quiet, ""),
            ("session", InUse, "bob\u{fffd} used exec; it may still be open, and counts until 21:10 UTC"),
            ("ingress-logs", Quiet, "9 requests of all slots"),
            ("loki", Blind, "no answer"),
            ("traffic", Blind, "a node port"),
        ],
    );
}

#[track_caller]
fn check_one(id: &str, evidence: &Evidence, name: &str, expected: Option<(SignalState, &str)>) {
    let found = signals(evidence, &rules(), now()).into_iter().find(|signal| signal.name == name);
    let found = found.map(|signal| (signal.state, signal.detail));
    assert_eq!(found, expected.map(|(state, detail)| (state, detail.to_owned())), "{id}");
}

#[test]
fn e02_e32_whether_a_session_may_be_open_and_whether_one_would_be_known_is_told() {
    use SignalState::{Blind, InUse, Quiet};
    let used = |minutes| slot(&json!({"lastSession": {"time": ago(minutes).to_string(), "by": "bob", "kind": "exec"}}));
    let open = "bob used exec; it may still be open, and counts until 20:10 UTC";
    check_one("e02", &evidence(used(80), vec![], None), "session", Some((InUse, open)));
    check_one("ended", &evidence(used(91), vec![], None), "session", Some((Quiet, "bob used exec")));
    let unnoted = |slot| {
        let sessions = Sessions { noting: Err("the records cannot be read".to_owned()), pods: None };
        Evidence { sessions: Some(sessions), ..evidence(slot, vec![], None) }
    };
    check_one("e32", &unnoted(used(91)), "session", Some((Blind, "the records cannot be read")));
    check_one("e32, in use all the same", &unnoted(used(80)), "session", Some((InUse, open)));
}

#[test]
fn e19_jobs_that_a_reap_stops_are_told_and_those_that_keep_the_slot() {
    use SignalState::{Blind, InUse, Quiet};
    let job = |by_clock| RunningJob { name: "nightly-1".to_owned(), since: ago(5), by_clock };
    let with = |jobs: Vec<RunningJob>| {
        let mut held = slot(&json!({}));
        held.spec = serde_json::from_value(json!({"claim": {"users": ["bob"]}})).unwrap();
        let work = Some(Ok(Work { jobs, rolling_out: vec![] }));
        Evidence { work, ..evidence(held, vec![], None) }
    };
    let stops = "Job nightly-1 of a CronJob is running, and stops if its release goes";
    check_one("e19", &with(vec![job(true)]), "jobs", Some((Quiet, stops)));
    let keeps = "Job nightly-1 is running, which keeps the slot until it ends, at most until Tue 19:55 UTC";
    check_one("e17", &with(vec![job(false)]), "jobs", Some((InUse, keeps)));
    check_one("none", &with(vec![]), "jobs", None);
    let unread = Evidence { work: Some(Err("forbidden".to_owned())), ..with(vec![]) };
    check_one("unread", &unread, "jobs", Some((Blind, "forbidden")));
}

#[test]
fn e38_a_release_that_was_left_pending_is_told_with_how_to_go_on() {
    let mut of_mew = slot(&json!({}));
    of_mew.metadata.namespace = Some("mew".to_owned());
    let mut left = release("web", ago(80));
    left.state = Ok(State { phase: Phase::Pending, last_deployed: ago(80), deleted: None });
    let told = "web (revision 3) by alice; web is pending: if no helm is at work on it, go on with: helm rollback web -n mew, or \
                helm uninstall web -n mew";
    check_one("e38", &evidence(of_mew, vec![left], None), "deploy", Some((SignalState::Quiet, told)));
}

#[test]
fn a_source_that_was_not_asked_says_so_and_when_it_last_saw_somebody() {
    let before = json!([
        {"name": "deploy", "state": "Quiet"},
        {"name": "ingress-logs", "state": "InUse", "lastSeen": ago(300).to_string(), "detail": "a request for /"},
        {"name": "loki", "state": "Blind", "detail": "no answer"},
    ]);
    let found = signals(&evidence(slot(&json!({"signals": before})), vec![], None), &rules(), now());
    let logs = found.iter().find(|signal| signal.name == "ingress-logs").unwrap();
    assert_eq!(
        (logs.state, logs.last_seen.clone(), logs.detail.as_str()),
        (SignalState::NotAsked, Some(Time(ago(300))), "a request for /")
    );
    let loki = found.iter().find(|signal| signal.name == "loki").unwrap();
    assert_eq!((loki.state, loki.detail.as_str()), (SignalState::NotAsked, ""));
    assert_eq!(found.iter().filter(|signal| signal.name == "deploy").count(), 1);
}

#[test]
fn what_could_not_be_read_is_blind() {
    let unreadable = Release { state: Err("it is not base64".to_owned()), ..release("web", ago(80)) };
    let found = signals(&evidence(slot(&json!({})), vec![unreadable], None), &rules(), now());
    assert!(found.iter().any(|signal| signal.name == "deploy" && signal.state == SignalState::Blind));
    let nothing = Evidence { slot: Some(Err("away".to_owned())), ..Evidence::default() };
    assert_eq!(signals(&nothing, &rules(), now()), []);
}

fn planned() -> (Vec<Release>, Vec<UninstallImpact>) {
    let object = |kind: &str| hotdesk_slots::undo::ObjectRef {
        kind: kind.to_owned(),
        name: "x".to_owned(),
        ..Default::default()
    };
    let web = UninstallImpact {
        kept: vec![object("ConfigMap")],
        lost: vec!["the data of PersistentVolumeClaim/y".to_owned()],
        ..UninstallImpact::default()
    };
    let api = UninstallImpact { held: Some("it holds ClusterRole/x".to_owned()), ..UninstallImpact::default() };
    (vec![release("web", ago(80)), release("api", ago(80))], vec![web, api])
}

#[test]
fn the_plan_names_what_goes_what_stays_and_what_is_lost() {
    let (targets, impacts) = planned();
    let all = [targets.clone(), vec![release("roles", ago(80))]].concat();
    let plan = plan(&targets, &impacts, &all, now());
    assert_eq!(plan.kept, ["roles"]);
    assert_eq!(
        told(&plan),
        "Would uninstall: web. What would stay: ConfigMap/x. What could not be brought back: \
         the data of PersistentVolumeClaim/y. api would stay: it holds ClusterRole/x."
    );
    assert_eq!(held(&targets, &impacts), [("api".to_owned(), "it holds ClusterRole/x".to_owned())]);
}

#[test]
fn people_are_told_what_is_lost_of_what_goes() {
    let (targets, impacts) = planned();
    let plan = plan(&targets, &impacts, &targets, now());
    let lost = |releases: &[&str]| super::lost(&plan, &releases.iter().map(ToString::to_string).collect::<Vec<_>>());
    assert_eq!(lost(&["web"]), ["the data of PersistentVolumeClaim/y"]);
    assert_eq!(lost(&["web", "other"]), ["the data of PersistentVolumeClaim/y (of web)"]);
    assert!(lost(&["api", "other"]).is_empty(), "the one stays, and nothing is known of the other");
}

#[test]
fn what_goes_without_its_hooks_is_told_with_why() {
    let (targets, mut impacts) = planned();
    for impact in &mut impacts {
        impact.without_hooks = Some("it was deployed before bob claimed the slot".to_owned());
    }
    let plan = plan(&targets, &impacts, &targets, now());
    let says = "web goes without its hooks: it was deployed before bob claimed the slot";
    assert_eq!(hookless(&plan, &["web".to_owned(), "api".to_owned()]), [says], "api stays");
    assert!(hookless(&plan, &["api".to_owned()]).is_empty());
    assert!(told(&plan).contains(&format!(" {says}. api would stay:")), "{}", told(&plan));
}

#[test]
fn a_slot_whose_releases_all_stay_is_kept_and_in_doubt_if_one_cannot_be_looked_into() {
    let held = [("api\u{7}".to_owned(), "it holds ClusterRole/x".to_owned())];
    let kept = kept_by(&held, false);
    assert_eq!(kept.state, VerdictState::Kept);
    assert!(kept.reason.ends_with("what is there stays: api\u{fffd} (it holds ClusterRole/x)"), "{}", kept.reason);
    assert_eq!(kept_by(&held, true).state, VerdictState::Unknown);
}

#[test]
fn a_plan_stands_while_the_releases_and_the_day_are_the_same() {
    let (targets, impacts) = planned();
    let made = |at| plan(&targets, &impacts, &targets, at);
    assert!(is_current(Some(&made(ago(10))), &targets, now()));
    assert!(!is_current(Some(&made(ago(6 * 60))), &targets, now()));
    assert!(!is_current(Some(&made(ago(10))), &targets[..1], now()));
    let newer = Release { revision: 4, ..targets[0].clone() };
    assert!(!is_current(Some(&made(ago(10))), &[newer, targets[1].clone()], now()));
    assert!(!is_current(None, &targets, now()));
}

#[test]
fn after_a_reap_the_status_forgets_the_plan() {
    let mut patch = json!({"status": {}});
    tell(&mut patch, &[], None, true);
    assert_eq!(patch, json!({"status": {"signals": [], "plan": null}}));
    let mut unchanged = json!({"status": {}});
    tell(&mut unchanged, &[], None, false);
    assert_eq!(unchanged, json!({"status": {"signals": []}}));
}
