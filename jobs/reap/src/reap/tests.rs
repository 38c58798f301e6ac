//! What is done when the world changes between the verdict and each uninstall.
use super::*;
use crate::helm::release::{Driver, Phase, State};
use crate::report::{Conclusion, Exit};
use hotdesk_slots::slot::{Claim, LastSession};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

fn release(name: &str) -> Release {
    let state = State { phase: Phase::Deployed, last_deployed: Timestamp::UNIX_EPOCH, deleted: None };
    Release {
        driver: Driver::Secret,
        name: name.to_owned(),
        revision: 1,
        object: format!("sh.helm.release.v1.{name}.v1"),
        resource_version: "7".to_owned(),
        deployed_by: None,
        state: Ok(state),
    }
}

fn plan(names: &[&str]) -> Plan {
    let releases: Vec<Release> = names.iter().map(|name| release(name)).collect();
    Plan { slot: Slot::default(), targets: releases.clone(), releases }
}

fn verdict(state: VerdictState) -> Verdict {
    Verdict { state, reason: format!("it is {state:?}"), activity: None, reap_at: None }
}

type Change = fn(&mut FakeCluster);

/// A slot in memory, in which something happens before the n-th look.
struct FakeCluster {
    slot: Slot,
    releases: Vec<Release>,
    state: VerdictState,
    looks: usize,
    happens: Vec<(usize, Change)>,
    /// What helm answers, in turn; then success.
    helm: Vec<Result<(), HelmError>>,
    /// Why marks fail, in turn; then success.
    unmarked: Vec<String>,
    waited: Duration,
    done: Vec<String>,
    lose_record_on_failure: bool,
    /// What is there of what was to go, if that is not what the releases say.
    left: Option<Result<Left, String>>,
    /// It is asked to stop while helm is at this release.
    stopped_at: Option<&'static str>,
    stopped: bool,
}

fn world(names: &[&str]) -> FakeCluster {
    let releases = names.iter().map(|name| release(name)).collect();
    FakeCluster {
        slot: Slot::default(),
        releases,
        state: VerdictState::Idle,
        looks: 0,
        happens: vec![],
        helm: vec![],
        unmarked: vec![],
        waited: Duration::ZERO,
        done: vec![],
        lose_record_on_failure: false,
        left: None,
        stopped_at: None,
        stopped: false,
    }
}

impl FakeCluster {
    fn before_look(mut self, number: usize, change: Change) -> Self {
        self.happens.push((number, change));
        self
    }

    fn helm(mut self, answers: Vec<Result<(), HelmError>>) -> Self {
        self.helm = answers;
        self
    }
}

impl ClusterOps for FakeCluster {
    async fn look(&mut self) -> (Verdict, Evidence) {
        self.looks += 1;
        let due: Vec<_> =
            self.happens.iter().filter(|(number, _)| *number == self.looks).map(|(_, change)| *change).collect();
        due.iter().for_each(|change| change(self));
        let (slot, releases) = (self.slot.clone(), self.releases.clone());
        let evidence = Evidence { slot: Some(Ok(slot)), releases: Some(Ok(releases)), ..Evidence::default() };
        (verdict(self.state), evidence)
    }

    async fn preserve(&mut self, release: &Release) -> Result<Marked, String> {
        if release.name == "broken" {
            return Err("document 1 of its manifest cannot be read".to_owned());
        }
        if let Some(why) = self.unmarked.pop() {
            return Err(why);
        }
        self.done.push(format!("mark {}", release.name));
        let without_hooks = (release.name == "api").then(|| "old".to_owned());
        Ok(Marked { stays: vec![format!("ConfigMap/{}", release.name)], without_hooks })
    }

    async fn uninstall(&mut self, release: &Release) -> Result<(), HelmError> {
        self.done.push(format!("helm {}", release.name));
        if self.stopped_at == Some(&release.name) {
            self.stopped = true;
            return Err(HelmError::Failed("helm was ended".to_owned()));
        }
        let answer = if self.helm.is_empty() { Ok(()) } else { self.helm.remove(0) };
        if answer.is_ok() || (self.lose_record_on_failure && self.helm.is_empty()) {
            self.releases.retain(|other| other.name != release.name);
        }
        answer
    }

    async fn remains(&mut self, release: &Release) -> Result<bool, String> {
        Ok(self.releases.iter().any(|other| other.name == release.name))
    }

    async fn left(&mut self, release: &Release) -> Result<Left, String> {
        self.left.clone().unwrap_or_else(|| {
            let there = self.releases.iter().any(|other| other.name == release.name);
            let there = if there { vec!["Service/web is there".to_owned()] } else { vec![] };
            Ok(Left { all: 1, there, hooks: false })
        })
    }

    async fn put_back(&mut self, release: &Release, whole: bool) {
        self.done.push(format!("put back {}{}", if whole { "all of " } else { "" }, release.name));
    }

    async fn wait(&mut self, how_long: Duration) {
        self.waited += how_long;
        self.done.push("wait".to_owned());
    }

    fn asked_to_stop(&self) -> Option<String> {
        self.stopped.then(|| "the run was ended by SIGTERM".to_owned())
    }
}

fn run(world: &mut FakeCluster, plan: &Plan) -> Outcome {
    futures::executor::block_on(reap(world, plan, 2, Duration::from_secs(5)))
}

fn failed() -> Result<(), HelmError> {
    Err(HelmError::Failed("helm failed: webhook timed out".to_owned()))
}

#[test]
fn releases_go_one_at_a_time_with_a_pause() {
    let mut world = world(&["web", "api"]);
    let outcome = run(&mut world, &plan(&["web", "api"]));
    assert_eq!(world.done, ["mark web", "helm web", "wait", "mark api", "helm api"]);
    assert_eq!(outcome.gone, ["web", "api"]);
    assert_eq!(outcome.preserved, ["ConfigMap/web", "ConfigMap/api"]);
    assert!(!outcome.is_unfinished() && outcome.without_hooks == [("api".to_owned(), "old".to_owned())]);
}

#[track_caller]
fn check_stops(change: Change, expected: &str) {
    let mut world = world(&["web", "api"]).before_look(2, change);
    let outcome = run(&mut world, &plan(&["web", "api"]));
    assert_eq!(outcome.gone, ["web"], "{expected}");
    assert!(!world.done.contains(&"helm api".to_owned()), "{expected}");
    let (why, _) = outcome.stopped.unwrap();
    assert!(why.contains(expected), "{why}");
}

#[test]
fn everything_stops_when_somebody_comes_back() {
    check_stops(|world| world.state = VerdictState::Active, "it is Active");
    check_stops(|world| world.state = VerdictState::Unknown, "it is Unknown");
    check_stops(|world| world.state = VerdictState::Kept, "it is Kept");
    check_stops(|world| world.slot.spec.claim = Some(Claim::default()), "claim has changed");
    check_stops(
        |world| world.slot.status.get_or_insert_default().claimed_at = Some(Time(Timestamp::UNIX_EPOCH)),
        "claim has changed",
    );
    check_stops(|world| world.slot.spec.keep_until = Some(Time(Timestamp::UNIX_EPOCH)), "asked to keep");
    check_stops(|world| world.slot.metadata.uid = Some("new".to_owned()), "has been created again");
    check_stops(
        |world| {
            let session =
                LastSession { time: Time(Timestamp::UNIX_EPOCH), by: "alice".to_owned(), kind: "exec".to_owned() };
            world.slot.status.get_or_insert_default().last_session = Some(session);
        },
        "begun a session",
    );
    check_stops(|world| world.releases.push(release("new")), "release new has been deployed since");
    check_stops(
        |world| world.releases.iter_mut().for_each(|r| r.revision = 2),
        "release api has been deployed since (revision 2)",
    );
}

#[test]
fn a_slot_that_cannot_be_read_again_stops_everything() {
    let (plan, target) = (plan(&["web"]), release("web"));
    let step = next_step(&plan, &target, Progress::Untouched, &verdict(VerdictState::Unknown), &Evidence::default());
    assert_eq!(step, Step::Stop("it is Unknown".to_owned(), VerdictState::Unknown));
}

#[test]
fn a_release_whose_record_changed_is_left() {
    let mut world = world(&["web", "api"]).before_look(1, |world| world.releases[0].resource_version = "8".to_owned());
    let outcome = run(&mut world, &plan(&["web", "api"]));
    assert_eq!(outcome.gone, ["api"]);
    assert_eq!(outcome.skipped, [("web".to_owned(), "its record has changed".to_owned())]);
}

#[test]
fn a_release_that_somebody_else_uninstalled_is_left() {
    let mut world = world(&["web", "api"]).before_look(1, |world| world.releases.retain(|r| r.name != "web"));
    let outcome = run(&mut world, &plan(&["web", "api"]));
    assert_eq!((outcome.gone, outcome.skipped.len()), (vec!["api".to_owned()], 1));
}

#[test]
fn a_failed_uninstall_is_tried_again_and_the_others_go_on() {
    let mut world = world(&["web", "api"]).helm(vec![failed(), failed()]);
    let outcome = run(&mut world, &plan(&["web", "api"]));
    assert_eq!(outcome.gone, ["web", "api"]);
    assert_eq!(world.done.iter().filter(|step| *step == "helm web").count(), 3);
}

#[test]
fn a_release_that_keeps_failing_is_said_to_be_half_gone() {
    let mut world = world(&["web", "api"]).helm(vec![failed(), failed(), failed()]);
    let outcome = run(&mut world, &plan(&["web", "api"]));
    assert_eq!(outcome.gone, ["api"]);
    let [failed] = outcome.failed.as_slice() else { panic!("{outcome:?}") };
    assert!(failed.name == "web" && failed.begun && failed.why.contains("webhook timed out"), "{failed:?}");
    assert!(
        failed.whole && world.done.contains(&"put back all of web".to_owned()),
        "nothing of it is gone: {failed:?}"
    );
}

fn left(there: &[&str], hooks: bool) -> Option<Result<Left, String>> {
    Some(Ok(Left { all: 2, there: there.iter().map(|text| (*text).to_owned()).collect(), hooks }))
}

#[test]
fn u13_a_hook_that_hangs_takes_its_time_once_and_the_others_get_their_turn() {
    let mut world = world(&["web", "api"]).helm(vec![failed()]);
    world.left = left(&["Service/web is there", "Service/api is there"], true);
    let outcome = run(&mut world, &plan(&["web", "api"]));
    assert_eq!(world.done.iter().filter(|step| *step == "helm web").count(), 1);
    assert!(
        world.done.contains(&"put back all of web".to_owned()) && world.done.contains(&"helm api".to_owned()),
        "{:?}",
        world.done
    );
    assert!(outcome.failed[0].whole && outcome.is_unfinished(), "{outcome:?}");
}

#[test]
fn u16_what_is_there_after_an_uninstall_is_named_also_where_helm_says_that_it_is_done() {
    for answers in [vec![], vec![failed(), failed(), failed()]] {
        let mut world = world(&["web"]).helm(answers.clone());
        world.lose_record_on_failure = true;
        world.left = left(&["Service/web is there: it waits for its finalizer example.com/hold"], false);
        let outcome = run(&mut world, &plan(&["web"]));
        let [(name, what)] = outcome.leftovers.as_slice() else { panic!("{outcome:?}") };
        assert!(name == "web" && what.contains("finalizer example.com/hold"), "{what}");
        assert!(outcome.gone.is_empty() && outcome.is_unfinished() && !outcome.is_untouched());
    }
}

#[test]
fn what_is_half_gone_is_counted() {
    let mut world = world(&["web"]).helm(vec![failed(), failed(), failed()]);
    world.left = left(&["Service/web is there"], true);
    let outcome = run(&mut world, &plan(&["web"]));
    let [failed] = outcome.failed.as_slice() else { panic!("{outcome:?}") };
    assert!(!failed.whole && failed.why.starts_with("1 of its 2 objects are gone; helm failed"), "{failed:?}");
}

#[test]
fn a_release_whose_manifest_cannot_be_read_is_not_touched() {
    let mut world = world(&["broken", "api"]);
    let outcome = run(&mut world, &plan(&["broken", "api"]));
    assert_eq!(outcome.gone, ["api"]);
    assert!(!world.done.contains(&"helm broken".to_owned()));
    assert!(!outcome.failed[0].begun);
}

#[test]
fn somebody_who_comes_back_between_two_attempts_stops_it_and_what_is_half_gone_is_said() {
    let mut world = world(&["web"]).helm(vec![failed()]).before_look(2, |world| world.state = VerdictState::Active);
    let outcome = run(&mut world, &plan(&["web"]));
    assert!(outcome.stopped.is_some() && outcome.failed[0].begun, "{outcome:?}");
}

#[test]
fn what_went_wrong_once_a_record_is_gone_is_said() {
    for before in [2, 4] {
        let mut world = world(&["web"])
            .helm(vec![failed(), failed(), failed()])
            .before_look(before, |world| world.releases.clear());
        world.lose_record_on_failure = before == 4;
        let outcome = run(&mut world, &plan(&["web"]));
        assert_eq!(outcome.troubled, [("web".to_owned(), "helm failed: webhook timed out".to_owned())], "{before}");
        assert!(outcome.is_unfinished() && outcome.gone == ["web"], "{outcome:?}");
    }
}

#[test]
fn a_claim_that_changed_hands_stops_the_reap_whatever_else_it_says() {
    let named = |id: &str| {
        let mut slot = Slot::default();
        slot.metadata.annotations = Some([(hotdesk_slots::keys::CLAIM_ID.to_owned(), id.to_owned())].into());
        slot
    };
    let change: Change = |world| {
        let marks = world.slot.metadata.annotations.get_or_insert_default();
        marks.insert(hotdesk_slots::keys::CLAIM_ID.to_owned(), "c2".to_owned());
    };
    let plan = Plan { slot: named("c1"), ..plan(&["a", "b"]) };
    let mut world = world(&["a", "b"]).before_look(2, change);
    world.slot = named("c1");
    let outcome = run(&mut world, &plan);
    assert_eq!(outcome.gone, ["a"]);
    let why = "the slot's claim has changed hands".to_owned();
    assert_eq!(outcome.stopped, Some((why, VerdictState::Active)));
}

/// As the API server says it, by way of helm.
fn policy_behind() -> String {
    "secrets \"x\" is forbidden: ValidatingAdmissionPolicy 'hotdesk-reapers-releases' denied request: hotdesk's account \
     reaper-mew may not DELETE deployments of the release \"web\": the status of the Slot says that it clears nothing"
        .to_owned()
}

fn denied(times: usize) -> Vec<Result<(), HelmError>> {
    (0..times).map(|_| Err(HelmError::Failed(policy_behind()))).collect()
}

#[test]
fn a_policy_that_has_not_seen_the_note_of_the_reap_is_waited_for() {
    let mut late = world(&["web"]).helm(denied(2));
    late.unmarked = vec![policy_behind()];
    let outcome = futures::executor::block_on(reap(&mut late, &plan(&["web"]), 0, Duration::ZERO));
    assert_eq!((outcome.gone, outcome.failed), (vec!["web".to_owned()], vec![]), "without any of the ordinary retries");
    assert!(late.looks == 4 && late.waited < Duration::from_secs(2), "{} looks in {:?}", late.looks, late.waited);
}

#[test]
fn a_policy_that_goes_on_denying_is_waited_for_five_seconds_at_most() {
    let mut never = world(&["web"]).helm(denied(100));
    let outcome = futures::executor::block_on(reap(&mut never, &plan(&["web"]), 0, Duration::ZERO));
    let [failed] = outcome.failed.as_slice() else { panic!("{outcome:?}") };
    assert!(failed.why.contains("says that it clears nothing"), "{failed:?}");
    let (least, most) = (Duration::from_secs(4), Duration::from_secs(5));
    assert!((least..=most).contains(&never.waited), "{:?}", never.waited);
}

#[test]
fn another_denial_is_not_waited_for() {
    let denied =
        "deployments.apps \"web\" is forbidden: hotdesk's account reaper-mew may not DELETE it: it lacks helm's marks";
    let mut world = world(&["web"]).helm(vec![Err(HelmError::Failed(denied.to_owned()))]);
    let outcome = futures::executor::block_on(reap(&mut world, &plan(&["web"]), 0, Duration::ZERO));
    assert_eq!((outcome.failed.len(), world.waited), (1, Duration::ZERO));
}

#[test]
fn somebody_who_comes_back_while_the_policy_lags_stops_the_reap() {
    let mut world = world(&["web"]).helm(denied(1)).before_look(2, |world| world.state = VerdictState::Active);
    let outcome = run(&mut world, &plan(&["web"]));
    assert_eq!(outcome.stopped, Some(("it is Active".to_owned(), VerdictState::Active)));
    assert_eq!(world.done.iter().filter(|step| *step == "helm web").count(), 1, "nothing is uninstalled after that");
}

#[test]
fn the_policy_denies_in_the_words_that_are_waited_for() {
    let policy = include_str!("../../../../charts/hotdesk/templates/policy-reapers-releases.yaml");
    assert!(policy.contains(POLICY_WORDS) && is_policy_behind(&policy_behind()));
}

#[test]
fn a_reap_that_is_asked_to_stop_says_what_it_left_and_begins_nothing_more() {
    let mut world = world(&["web", "api", "db"]);
    world.stopped_at = Some("api");
    let outcome = run(&mut world, &plan(&["web", "api", "db"]));
    let failed: Vec<_> = outcome.failed.iter().map(|failed| (&*failed.name, failed.begun, failed.cut_short)).collect();
    assert_eq!((&*outcome.gone, &*failed), (&["web".to_owned()][..], &[("api", true, true)][..]));
    assert_eq!(outcome.stopped, Some(("the run was ended by SIGTERM".to_owned(), VerdictState::Unknown)));
    let helm = world.done.iter().filter(|done| done.starts_with("helm "));
    assert!(helm.eq(["helm web", "helm api"]), "tried again, or the next one begun: {:?}", world.done);
    let told = Conclusion::of_reap("mew", &verdict(VerdictState::Idle), &outcome);
    assert_eq!(told.exit, Exit::Unfinished);
    assert!(told.message.ends_with("The rest was left: the run was ended by SIGTERM."), "{}", told.message);
}
