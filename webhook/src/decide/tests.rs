//! The decision table, row by row, with those who would like to slip between the rows.

use hotdesk_slots::{ClaimView, IdentitySettings, Mode, Name, Requester};
use jiff::Timestamp;

use super::*;
use crate::settings::Deployer;

mod deployers;
mod machinery;
mod restamper;
mod upgrade;

const NOW: &str = "2026-11-23T15:00:00Z";
const POD: &str = "authentication.kubernetes.io/pod-name";
const CREDENTIAL: &str = "authentication.kubernetes.io/credential-id";
const RESTAMPER: &str = "system:serviceaccount:hotdesk:hotdesk-restamper";
const ACCESS: &str = "system:serviceaccount:hotdesk:hotdesk-access";
const SYNC: &str = "system:serviceaccount:hotdesk:hotdesk-sync";

/// Who asks, what for, and where: alice holds `pikachu` unless the test says otherwise.
struct Case {
    namespace: &'static str,
    requester: Requester<'static>,
    deployed_for: Option<&'static str>,
    own: Option<OwnWrite>,
    has_claim_id: bool,
    claim: Option<ClaimView>,
    slot_mode: Option<Mode>,
    settings: Settings,
    view: View,
}

#[derive(Clone, Copy)]
enum View {
    Known,
    NotSynced,
    Missing,
    Unreadable,
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn by(username: &str) -> Case {
    Case {
        namespace: "pikachu",
        requester: Requester { username: username.to_owned().into(), ..Requester::default() },
        deployed_for: None,
        claim: Some(ClaimView {
            users: vec![Name::parse("alice@example.com").unwrap()],
            aliases: vec![Name::parse("octocat").unwrap()],
            groups: vec!["payments".to_owned()],
            until: Some(at("2026-11-23T18:00:00Z")),
            ..ClaimView::default()
        }),
        slot_mode: None,
        settings: Settings {
            break_glass_groups: vec!["system:masters".to_owned()],
            administrator_users: vec!["chief@example.com".to_owned()],
            administrator_groups: vec!["platform".to_owned()],
            machinery_users: vec!["system:serviceaccount:cert-manager:cert-manager".to_owned()],
            trusted_deployers: vec![
                Deployer { authenticates_people: true, ..deployer("system:serviceaccount:ci:deployer") },
                Deployer { slots: vec!["pikachu".to_owned(), "onix".to_owned()], ..deployer("flux") },
                Deployer { people: vec![Name::parse("Octocat").unwrap()], ..deployer("argo") },
                Deployer { authenticates_people: true, ..deployer("flux-ci") },
                Deployer { slots: vec!["pikachu".to_owned()], ..deployer("flux-ci") },
            ],
            jobs_namespace: "hotdesk-jobs".to_owned(),
            identity: IdentitySettings {
                strip_prefixes: vec!["github:".to_owned()],
                extra_keys: vec!["example.com/login".to_owned()],
            },
            controller_user: Some(ACCESS.to_owned()),
            sync_user: Some(SYNC.to_owned()),
            restamper_user: Some(RESTAMPER.to_owned()),
            ..Settings::default()
        },
        own: None,
        has_claim_id: true,
        view: View::Known,
    }
}

fn deployer(user: &str) -> Deployer {
    Deployer { user: user.to_owned(), ..Deployer::default() }
}

impl Case {
    fn groups(mut self, groups: &[&str]) -> Self {
        self.requester.groups = groups.iter().map(|g| (*g).to_owned().into()).collect();
        self
    }
    fn extra(mut self, key: &str, value: &str) -> Self {
        self.requester.extra = vec![(key.to_owned().into(), vec![value.to_owned().into()])];
        self
    }
    fn in_namespace(mut self, namespace: &'static str) -> Self {
        self.namespace = namespace;
        self
    }
    fn deploying_for(mut self, person: &'static str) -> Self {
        self.deployed_for = Some(person);
        self
    }
    fn writing(mut self, own: OwnWrite) -> Self {
        self.own = Some(own);
        self
    }
    fn free(mut self) -> Self {
        self.claim = None;
        self
    }
    fn until(mut self, until: &str) -> Self {
        self.claim.as_mut().unwrap().until = Some(at(until));
        self
    }
    fn trusting(mut self) -> Self {
        self.claim.as_mut().unwrap().trust_workloads = true;
        self
    }
    fn without_claim_id(mut self) -> Self {
        self.has_claim_id = false;
        self
    }
    fn without_aliases(mut self) -> Self {
        self.claim.as_mut().unwrap().aliases.clear();
        self
    }
    fn seeing(mut self, view: View) -> Self {
        self.view = view;
        self
    }
    fn modes(mut self, installation: Mode, slot: Option<Mode>) -> Self {
        self.settings.mode = installation;
        self.slot_mode = slot;
        self
    }
    fn claimed_by(mut self, name: &str) -> Self {
        self.claim.as_mut().unwrap().users = vec![Name::parse(name).unwrap()];
        self
    }
    fn decide(&self) -> Decision {
        let facts = Facts {
            namespace: self.namespace,
            requester: &self.requester,
            deployed_for: self.deployed_for,
            own: self.own,
        };
        let view = match self.view {
            View::Known => {
                SlotView::Known { claim: self.claim.as_ref(), mode: self.slot_mode, has_claim_id: self.has_claim_id }
            }
            View::NotSynced => SlotView::NotSynced,
            View::Missing => SlotView::Missing,
            View::Unreadable => SlotView::Unreadable,
        };
        decide(&facts, view, &self.settings, at(NOW))
    }
}

#[expect(clippy::needless_pass_by_value, reason = "a case is made for one check")]
#[track_caller]
fn allows(role: Role, case: Case) {
    assert_eq!(case.decide(), Decision::Allow(role), "{:?}", case.requester);
}

#[expect(clippy::needless_pass_by_value, reason = "a case is made for one check")]
#[track_caller]
fn denies(reason: Reason, case: Case) {
    assert_eq!(case.decide(), Decision::Deny(reason), "{:?}", case.requester);
}

#[test]
fn break_glass_goes_by_exact_group() {
    allows(Role::BreakGlass, by("root").groups(&["system:masters"]));
    allows(Role::BreakGlass, by("root").groups(&["system:masters"]).seeing(View::NotSynced));
    allows(Role::BreakGlass, by("root").groups(&["system:masters"]).seeing(View::Missing));
    for group in ["system:master", "system:masters2", "System:Masters", " system:masters", "masters"] {
        denies(Reason::Held, by("root").groups(&[group]));
    }
    denies(Reason::Held, by("system:masters"));
}

#[test]
fn administrators_set_slots_up_and_go_by_exact_user_or_group() {
    allows(Role::Administrator, by("chief@example.com"));
    allows(Role::Administrator, by("erin@example.com").groups(&["platform"]));
    allows(Role::Administrator, by("chief@example.com").seeing(View::Missing));
    for (user, group) in [("Chief@example.com", ""), ("chief@example.com.evil.test", ""), ("platform", "Platform")] {
        denies(Reason::Held, by(user).groups(&[group]));
    }
}

#[test]
fn what_is_not_known_is_denied_even_to_the_claimant_and_in_any_mode() {
    for (view, reason) in [
        (View::NotSynced, Reason::NotSynced),
        (View::Missing, Reason::NoSlot),
        (View::Unreadable, Reason::UnreadableSlot),
    ] {
        denies(reason, by("alice@example.com").seeing(view).modes(Mode::Audit, Some(Mode::Warn)));
    }
    denies(Reason::NotSynced, by("system:serviceaccount:pikachu:web").extra(POD, "web-1").seeing(View::NotSynced));
}

#[test]
fn a_request_without_a_namespace_is_nobodys() {
    denies(Reason::NoNamespace, by("alice@example.com").in_namespace(""));
    denies(Reason::NoNamespace, by("system:serviceaccount::web").extra(POD, "web-1").in_namespace(""));
    allows(Role::BreakGlass, by("root").groups(&["system:masters"]).in_namespace(""));
}

#[test]
fn what_runs_in_the_slot_is_let_in_by_a_pods_token_where_the_claim_in_force_trusts_it() {
    let own = || by("system:serviceaccount:pikachu:web").extra(POD, "web-1");
    allows(Role::OwnServiceAccount, own().trusting());
    denies(Reason::UntrustedWorkload, own());
    denies(Reason::Lapsed, own().trusting().until(NOW));
    denies(Reason::Free, own().free());
    let tolerated = own().modes(Mode::Warn, None).decide();
    assert_eq!(tolerated, Decision::Tolerate(Reason::UntrustedWorkload, Mode::Warn), "like anybody");
}

#[test]
fn a_token_that_somebody_made_never_counts() {
    let made = || by("system:serviceaccount:pikachu:web").extra(CREDENTIAL, "JTI=1");
    denies(Reason::NoToken, made());
    denies(Reason::NoToken, made().trusting());
    denies(Reason::NoToken, made().free());
    denies(Reason::NoToken, made().trusting().until(NOW));
    denies(Reason::Held, by("system:serviceaccount:mew:web").extra(CREDENTIAL, "JTI=1").trusting());
}

#[test]
fn an_impersonated_service_account_of_the_slot_is_judged_like_anybody() {
    let own = "system:serviceaccount:pikachu:web";
    denies(Reason::NoToken, by(own));
    denies(Reason::NoToken, by(own).free());
    denies(Reason::NoToken, by(own).extra(POD, "").trusting());
    denies(Reason::NoToken, by(own).extra("authentication.kubernetes.io/node-name", "n"));
    denies(Reason::NoToken, by(own).extra("Authentication.kubernetes.io/pod-name", "web-1"));
    allows(Role::Claimant, by(own).claimed_by(own));
}

#[test]
fn a_service_account_of_another_namespace_is_a_stranger() {
    for name in [
        "system:serviceaccount:mew:web",
        "system:serviceaccount:pikachu2:web",
        "system:serviceaccount:pika:web",
        "system:serviceaccount:pikachu",
        "system:serviceaccount:pikachu:",
        "system:serviceaccount:pikachu:web:x",
        "system:serviceaccounts:pikachu:web",
        "System:serviceaccount:pikachu:web",
        "x:system:serviceaccount:pikachu:web",
    ] {
        denies(Reason::Held, by(name).extra(POD, "web-1").groups(&["system:serviceaccounts:pikachu"]));
    }
}

#[test]
fn the_slots_reaper_and_reviver_are_let_in_with_a_pods_token_whoever_holds_it() {
    for (name, role) in [("reaper", Role::Reaper), ("reviver", Role::Reviver)] {
        let user = |slot: &str| format!("system:serviceaccount:hotdesk-jobs:{name}-{slot}");
        allows(role, by(&user("pikachu")).extra(POD, "reap-1"));
        allows(role, by(&user("pikachu")).extra(POD, "reap-1").free());
        allows(role, by(&user("pikachu")).extra(POD, "reap-1").until(NOW));
        denies(Reason::Held, by(&user("pikachu")));
        denies(Reason::Held, by(&user("pikachu")).extra(CREDENTIAL, "JTI=1"));
        denies(Reason::Held, by(&user("mew")).extra(POD, "reap-1"));
        denies(Reason::NoSlot, by(&user("pikachu")).extra(POD, "reap-1").seeing(View::Missing));
        denies(Reason::Held, by(&format!("system:serviceaccount:elsewhere:{name}-pikachu")).extra(POD, "reap-1"));
    }
    denies(Reason::UntrustedWorkload, by("system:serviceaccount:pikachu:hotdesk-reaper").extra(POD, "reap-1"));
}

#[test]
fn a_label_for_a_claimant_does_not_help_who_is_no_deployer() {
    denies(Reason::Held, by("bob@example.com").deploying_for("alice_at_example.com"));
}

#[test]
fn a_claimant_is_let_in_by_name_alias_group_prefix_or_extra() {
    for name in ["alice@example.com", "Alice@Example.COM", " alice@example.com ", "octocat", "github:octocat"] {
        allows(Role::Claimant, by(name));
    }
    allows(Role::Claimant, by("bob@example.com").groups(&["payments"]));
    allows(Role::Claimant, by("arn:aws:something").extra("example.com/login", "Octocat"));
}

#[test]
fn what_only_resembles_a_claimant_is_denied() {
    for name in [
        "bob@example.com",
        "alice@example.com.evil.org",
        "alice@example.co",
        "malice@example.com",
        "alice",
        "ali ce@example.com",
        "alice@example.com,bob@example.com",
        "alice@example.com\u{200b}",
        "oidc:alice@example.com",
        "gitlab:octocat",
        "github:github:octocat",
        "alice_at_example.com",
        "payments",
        "",
    ] {
        denies(Reason::Held, by(name));
    }
    for group in ["Payments", "payments-ro", " payments", "octocat", "alice@example.com"] {
        denies(Reason::Held, by("bob@example.com").groups(&[group]));
    }
    denies(Reason::Held, by("bob@example.com").extra("example.com/logins", "octocat"));
}

#[test]
fn a_claim_ends_at_its_moment_and_a_free_slot_is_nobodys() {
    allows(Role::Claimant, by("alice@example.com").until("2026-11-23T15:00:01Z"));
    denies(Reason::Lapsed, by("alice@example.com").until(NOW));
    denies(Reason::Lapsed, by("bob@example.com").until("2026-11-23T14:59:59Z"));
    denies(Reason::Free, by("alice@example.com").free());
}

#[test]
fn the_slots_mode_goes_before_the_installations() {
    let held = Reason::Held;
    for (installation, slot, expected) in [
        (Mode::Enforce, None, Decision::Deny(held)),
        (Mode::Warn, None, Decision::Tolerate(held, Mode::Warn)),
        (Mode::Audit, None, Decision::Tolerate(held, Mode::Audit)),
        (Mode::Warn, Some(Mode::Enforce), Decision::Deny(held)),
        (Mode::Enforce, Some(Mode::Warn), Decision::Tolerate(held, Mode::Warn)),
        (Mode::Enforce, Some(Mode::Audit), Decision::Tolerate(held, Mode::Audit)),
    ] {
        assert_eq!(by("bob@example.com").modes(installation, slot).decide(), expected, "{installation:?} {slot:?}");
    }
    allows(Role::Claimant, by("alice@example.com").modes(Mode::Audit, None));
    assert_eq!(
        by("bob@example.com").free().modes(Mode::Warn, None).decide(),
        Decision::Tolerate(Reason::Free, Mode::Warn)
    );
}

#[test]
fn the_controller_may_write_what_is_its_own_in_a_slot_and_nothing_else() {
    for view in [View::Known, View::Missing, View::Unreadable, View::NotSynced] {
        for own in [OwnWrite::ClaimantsBinding, OwnWrite::Event] {
            allows(Role::Controller, by(ACCESS).writing(own).seeing(view));
        }
    }
    denies(Reason::Held, by(ACCESS));
    denies(Reason::Held, by("system:serviceaccount:mew:hotdesk-access").writing(OwnWrite::ClaimantsBinding));
    denies(Reason::Held, by("bob@example.com").writing(OwnWrite::ClaimantsBinding));
}

#[test]
fn the_sync_writes_events_in_a_slot_and_nothing_else() {
    for view in [View::Known, View::Missing, View::Unreadable, View::NotSynced] {
        allows(Role::Sync, by(SYNC).writing(OwnWrite::Event).seeing(view));
    }
    denies(Reason::Held, by(SYNC));
    denies(Reason::Held, by(SYNC).writing(OwnWrite::ClaimantsBinding));
    denies(Reason::Held, by("system:serviceaccount:mew:hotdesk-sync").writing(OwnWrite::Event));
}
