//! The plan as a table, and whole rotations on a model of the cluster.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::configuration::{Entry, Kind};

fn start() -> Timestamp {
    "2026-11-23T15:00:00Z".parse().unwrap()
}

fn hours(n: i64) -> SignedDuration {
    SignedDuration::from_hours(n)
}

fn path(n: u8) -> SecretPath {
    SecretPath::of(&[n; 32])
}

fn daily() -> WantedPath {
    WantedPath { lifetime: hours(24), renew_now: false }
}

fn held(current: u8, previous: Option<u8>, issued: Option<Timestamp>) -> HeldPath {
    HeldPath { current: Some(path(current)), previous: previous.map(path), issued }
}

/// Both configurations; each entry is called by one of these.
fn showing(paths: [Option<&str>; 4]) -> Vec<Configuration> {
    let entry = |name: &str, path: Option<&str>| Entry {
        name: name.to_owned(),
        bundle: Vec::new(),
        path: path.map(str::to_owned),
    };
    let configuration =
        |kind, entries| Configuration { kind, name: "hotdesk".to_owned(), resource_version: "7".to_owned(), entries };
    let [gate, machinery, slots, validating] = paths;
    let mutating = vec![
        entry("gate.hotdesk.dev", gate),
        entry("machinery.hotdesk.dev", machinery),
        entry("slots.hotdesk.dev", slots),
    ];
    vec![
        configuration(Kind::Mutating, mutating),
        configuration(Kind::Validating, vec![entry("gate.hotdesk.dev", validating)]),
    ]
}

fn all_show(n: u8) -> Vec<Configuration> {
    let url = |route| path(n).url(route);
    showing([Some(&url("/mutate")), Some(&url("/mutate")), Some(&url("/slots")), Some(&url("/validate"))])
}

/// What is done: what is stored, whether it settles, and what is shown.
#[track_caller]
fn check(
    held: &HeldPath,
    found: &[Configuration],
    wanted: &WantedPath,
    expected: (Option<HeldPath>, bool, u8),
    because: &str,
) {
    let plan = PathPlan::make(held, found, wanted, path(9), start());
    let reason = plan.reason.map(|reason| reason.to_string()).unwrap_or_default();
    assert_eq!((plan.store, plan.settle, plan.show), (expected.0, expected.1, path(expected.2)), "{reason}");
    assert!(reason.contains(because) && reason.is_empty() == because.is_empty(), "{reason:?} does not say {because:?}");
}

#[test]
fn the_first_path_is_shown_at_once_for_nothing_works_without_it() {
    let new = Some(held(9, None, Some(start())));
    let none = HeldPath::default();
    for found in
        [showing([None; 4]), showing([Some("/mutate"), Some("/mutate"), Some("/slots"), Some("/validate")]), vec![]]
    {
        check(&none, &found, &daily(), (new.clone(), false, 9), "the Secret holds none");
    }
}

#[test]
fn a_path_is_replaced_after_two_thirds_of_its_life_and_the_old_one_stays_beside_it() {
    let rotated = |issued| (Some(HeldPath { issued, ..held(9, Some(1), None) }), true, 9);
    for (age, expected, because) in [
        (0, (None, false, 1), ""),
        (15, (None, false, 1), ""),
        (16, rotated(Some(start())), "two thirds"),
        (500, rotated(Some(start())), "two thirds"),
        (-1, rotated(Some(start())), "does not say when"),
    ] {
        check(&held(1, None, Some(start() - hours(age))), &all_show(1), &daily(), expected, because);
    }
    let asked = WantedPath { renew_now: true, ..daily() };
    check(&held(1, None, Some(start())), &all_show(1), &asked, rotated(Some(start())), "--renew-now");
    check(&held(1, None, None), &all_show(1), &daily(), rotated(Some(start())), "does not say when");
}

#[test]
fn the_old_path_goes_at_the_next_run_once_every_api_server_has_heard_of_the_new_one() {
    let two = held(1, Some(2), Some(start()));
    check(&two, &all_show(1), &daily(), (Some(held(1, None, Some(start()))), false, 1), "");
    let due = held(1, Some(2), Some(start() - hours(20)));
    for (held, forgets) in [(two, true), (due, true), (held(1, None, Some(start() - hours(20))), false)] {
        assert_eq!(PathPlan::make(&held, &all_show(1), &daily(), path(9), start()).forgets, forgets, "{held:?}");
    }
}

#[test]
fn what_a_run_that_died_left_is_brought_to_its_end() {
    let half = held(1, Some(2), Some(start()));
    check(&half, &all_show(2), &daily(), (None, true, 1), "");
    // What does not work anyway need not wait.
    check(&half, &showing([None; 4]), &daily(), (None, false, 1), "");
    check(&half, &all_show(3), &daily(), (None, false, 1), "");
    let url = path(1).url("/mutate");
    check(&half, &showing([Some(&url), Some(&url), Some(&url), Some(&url)]), &daily(), (None, false, 1), "");
}

#[test]
fn what_the_configurations_show_is_kept_where_the_secret_was_lost() {
    let lost = (Some(HeldPath { issued: None, ..held(1, None, None) }), false, 1);
    check(&HeldPath::default(), &all_show(1), &daily(), lost, "kept until the next run");
}

#[test]
fn what_is_stored_is_what_is_read() {
    for held in [held(1, Some(2), Some(start())), held(1, None, Some(start())), held(1, None, None)] {
        assert_eq!(HeldPath::parse(&held.data()), held);
        assert!(!format!("{held:?}").contains("01"), "{held:?}");
    }
    assert_eq!(HeldPath::parse(&Data::new()), HeldPath::default());
}

#[test]
fn a_random_path_is_a_new_one() {
    assert_ne!(random().unwrap(), random().unwrap());
}

#[test]
fn a_patch_touches_the_paths_and_nothing_else() {
    let before = json!({"metadata": {"resourceVersion": "7", "name": "hotdesk"}, "webhooks": [
        {"name": "gate.hotdesk.dev", "clientConfig": {"caBundle": "eA==", "service": {"name": "w", "port": 443}}},
        {"name": "machinery.hotdesk.dev", "clientConfig": {"caBundle": "eA==", "service": {"name": "w", "path": "/mutate"}}},
        {"name": "slots.hotdesk.dev", "clientConfig": {"caBundle": "eA==", "service": {"name": "w", "port": 443}}},
    ]});
    let mut after = before.clone();
    let found = &showing([None, Some("/mutate"), None, None])[0];
    json_patch::patch(&mut after, &found.show_path(&path(1)).unwrap().patch).unwrap();
    let mut expected = before;
    for (entry, route) in [(0, "/mutate"), (1, "/mutate"), (2, "/slots")] {
        expected["webhooks"][entry]["clientConfig"]["service"]["path"] = path(1).url(route).into();
    }
    assert_eq!(after, expected);
    assert!(all_show(1)[0].show_path(&path(1)).is_none(), "nothing to do is not a patch");
}

/// What a cluster holds, and what its API servers and webhook pods have seen of it.
struct World {
    now: Timestamp,
    secret: Data,
    configurations: [Value; 2],
    /// By what some API server may still call: everything shown since the last wait.
    called: Vec<SecretPath>,
    /// What some pod may still accept: each content of the Secret since the last wait.
    accepted: Vec<HeldPath>,
    made: u8,
}

#[derive(Debug, Clone)]
enum Happening {
    Run,
    RunDiesAfter(usize),
    RenewNow,
    SecretLost,
    ConfigurationReinstalled(usize),
    Minutes(i64),
    Hours(i64),
}

impl World {
    fn new() -> Self {
        let webhooks = |names: &[&str]| -> Value {
            names.iter().map(|name| json!({"name": name, "clientConfig": {"service": {"name": "w"}}})).collect()
        };
        let configuration = |names: &[&str]| json!({"metadata": {"resourceVersion": "7"}, "webhooks": webhooks(names)});
        Self {
            now: start(),
            secret: Data::new(),
            configurations: [
                configuration(&["gate.hotdesk.dev", "slots.hotdesk.dev"]),
                configuration(&["gate.hotdesk.dev"]),
            ],
            called: Vec::new(),
            accepted: Vec::new(),
            made: 0,
        }
    }

    fn read(&self) -> Vec<Configuration> {
        let kinds = [Kind::Mutating, Kind::Validating];
        let entry = |entry: &Value| Entry {
            name: entry["name"].as_str().unwrap().to_owned(),
            bundle: Vec::new(),
            path: entry["clientConfig"]["service"]["path"].as_str().map(str::to_owned),
        };
        let read = |(configuration, kind): (&Value, Kind)| Configuration {
            kind,
            name: "hotdesk".to_owned(),
            resource_version: "7".to_owned(),
            entries: configuration["webhooks"].as_array().unwrap().iter().map(entry).collect(),
        };
        self.configurations.iter().zip(kinds).map(read).collect()
    }

    /// One run, which dies after so many steps; checks after each that every call is answered.
    fn run(&mut self, wanted: &WantedPath, until: usize) {
        self.made += 1;
        let found = self.read();
        let plan = PathPlan::make(&HeldPath::parse(&self.secret), &found, wanted, path(self.made), self.now);
        if found.iter().flat_map(Configuration::paths).all(|shown| shown.is_none()) {
            // Nothing works, and waiting makes nothing better: pods are called as soon as they have loaded the path.
            self.wait(SignedDuration::ZERO);
            if plan.reason == Some(Reason::Missing) {
                self.accepted.clear();
            }
        }
        let mut steps = until;
        let mut goes_on = || {
            steps = steps.saturating_sub(1);
            steps > 0
        };
        if plan.forgets && goes_on() {
            self.api_servers_catch_up();
        }
        if let Some(held) = plan.store.as_ref().filter(|_| goes_on()) {
            self.secret = held.data();
            self.accepted.push(held.clone());
            self.everybody_is_answered();
        }
        if plan.settle && goes_on() {
            self.wait(SignedDuration::from_secs(150));
        }
        for update in found.iter().filter_map(|c| c.show_path(&plan.show)) {
            if goes_on() {
                let configuration = &mut self.configurations[usize::from(update.kind == Kind::Validating)];
                json_patch::patch(configuration, &update.patch).unwrap();
                self.shown_is_called();
                self.everybody_is_answered();
            }
        }
    }

    fn shown_is_called(&mut self) {
        self.called.extend(self.read().iter().flat_map(Configuration::paths).flatten());
    }

    fn api_servers_catch_up(&mut self) {
        self.called.clear();
        self.shown_is_called();
    }

    /// Time passes: every API server and every pod has caught up.
    fn wait(&mut self, time: SignedDuration) {
        self.now += time;
        self.api_servers_catch_up();
        self.accepted.drain(..self.accepted.len().saturating_sub(1));
    }

    #[track_caller]
    fn everybody_is_answered(&self) {
        for path in &self.called {
            for pod in &self.accepted {
                let accepts = [&pod.current, &pod.previous].into_iter().flatten().any(|accepted| accepted == path);
                assert!(accepts, "a pod answers 404 to what an API server calls");
            }
        }
    }
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        3 => Just(Happening::Run),
        3 => (0..6_usize).prop_map(Happening::RunDiesAfter),
        1 => Just(Happening::RenewNow),
        1 => Just(Happening::SecretLost),
        1 => (0..2_usize).prop_map(Happening::ConfigurationReinstalled),
        2 => (3..12_i64).prop_map(Happening::Minutes),
        2 => (1..40_i64).prop_map(Happening::Hours),
    ]
}

proptest! {
    #[test]
    fn whatever_happens_every_call_of_an_api_server_is_answered(story in prop::collection::vec(happening(), 1..24)) {
        let mut world = World::new();
        world.run(&daily(), usize::MAX);
        world.wait(SignedDuration::from_mins(3));
        for happening in story {
            match happening {
                Happening::Run => world.run(&daily(), usize::MAX),
                Happening::RunDiesAfter(steps) => world.run(&daily(), steps),
                Happening::RenewNow => world.run(&WantedPath { renew_now: true, ..daily() }, usize::MAX),
                // Pods keep what they have loaded.
                Happening::SecretLost => world.secret.clear(),
                Happening::ConfigurationReinstalled(which) => {
                    for entry in world.configurations[which]["webhooks"].as_array_mut().unwrap() {
                        entry["clientConfig"]["service"] = json!({"name": "w"});
                    }
                }
                Happening::Minutes(minutes) => world.wait(SignedDuration::from_mins(minutes)),
                Happening::Hours(n) => world.wait(hours(n)),
            }
            world.everybody_is_answered();
        }
        // And in the end all is well again.
        world.run(&daily(), usize::MAX);
        world.wait(hours(24));
        world.run(&daily(), usize::MAX);
        world.wait(hours(1));
        world.run(&daily(), usize::MAX);
        let held = HeldPath::parse(&world.secret);
        prop_assert!(world.read().iter().flat_map(Configuration::paths).all(|shown| shown == held.current));
        prop_assert_eq!(held.previous, None);
    }
}
