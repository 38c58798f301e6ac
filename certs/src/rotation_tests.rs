//! The chain against a real TLS verifier, and whole rotations on a model of the cluster.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::configuration::{Entry, Kind};
use crate::plan::Renew;

const API_NAME: &str = "hotdesk-webhook.hotdesk.svc";

fn hours(n: i64) -> SignedDuration {
    SignedDuration::from_hours(n)
}

fn start() -> Timestamp {
    "2026-11-23T15:00:00Z".parse().unwrap()
}

fn wanted() -> Wanted {
    Wanted {
        names: vec![API_NAME.to_owned(), "hotdesk-webhook.hotdesk.svc.cluster.local".to_owned()],
        ca_lifetime: hours(24 * 30),
        leaf_lifetime: hours(24 * 6),
        renew_now: None,
        forget_previous: false,
    }
}

/// What a cluster holds, and what its API servers and webhook pods have seen of it.
struct World {
    now: Timestamp,
    ca: Data,
    tls: Data,
    configurations: [Value; 2],
    /// Bundles that some API server may still hold: all since the last wait.
    trusted: Vec<Vec<u8>>,
    /// Leaves that some pod may still serve: all since the last wait.
    served: Vec<Certificate>,
}

impl World {
    fn new() -> Self {
        let configuration = |entries: &[&str]| {
            let webhooks: Vec<Value> = entries.iter().map(|name| json!({"name": name, "clientConfig": {}})).collect();
            json!({"metadata": {"resourceVersion": "1"}, "webhooks": webhooks})
        };
        Self {
            now: start(),
            ca: BTreeMap::new(),
            tls: BTreeMap::new(),
            configurations: [configuration(&["gate", "slots"]), configuration(&["gate"])],
            trusted: Vec::new(),
            served: Vec::new(),
        }
    }

    fn read(&self) -> Vec<Configuration> {
        let kinds = [Kind::Mutating, Kind::Validating];
        let read = |(configuration, kind): (&Value, Kind)| {
            let entry = |entry: &Value| {
                let bundle = entry["clientConfig"]["caBundle"].as_str().unwrap_or_default();
                Entry { name: entry["name"].as_str().unwrap().to_owned(), bundle: decode(bundle), path: None }
            };
            Configuration {
                kind,
                name: "hotdesk".to_owned(),
                resource_version: configuration["metadata"]["resourceVersion"].as_str().unwrap().to_owned(),
                entries: configuration["webhooks"].as_array().unwrap().iter().map(entry).collect(),
            }
        };
        self.configurations.iter().zip(kinds).map(read).collect()
    }

    /// One run, which dies after `steps` steps; checks after each that nobody is turned away.
    fn run(&mut self, wanted: &Wanted, until: usize) {
        let held = Held::parse(&self.ca, &self.tls);
        let found = self.read();
        let plan = Plan::make(&held, wanted, &bundle::published(&found), self.now);
        for step in steps(&plan, &held, wanted, &found, self.now).unwrap().iter().take(until) {
            self.take(step);
            self.nobody_is_turned_away();
        }
    }

    fn take(&mut self, step: &Step) {
        match step {
            Step::StoreCa(data) => self.ca.extend(data.clone()),
            Step::StoreLeaf(data) => {
                self.tls.extend(data.clone());
                self.served.push(Held::parse(&self.ca, &self.tls).leaf.unwrap().certificate);
            }
            Step::Publish(update) => {
                let configuration = &mut self.configurations[usize::from(update.kind == Kind::Validating)];
                json_patch::patch(configuration, &update.patch).unwrap();
                self.trusted.extend(bundles(&self.read()));
            }
            Step::Settle(ca) => {
                assert!(self.read().iter().all(|c| c.shows(ca)), "waits only for what is published");
                self.trusted = bundles(&self.read());
            }
        }
    }

    /// Time passes: every API server and every pod has caught up.
    fn wait(&mut self, time: SignedDuration) {
        self.now += time;
        self.trusted = bundles(&self.read());
        self.served.drain(..self.served.len().saturating_sub(1));
    }

    #[track_caller]
    fn nobody_is_turned_away(&self) {
        for leaf in self.served.iter().filter(|leaf| self.now <= leaf.not_after) {
            for bundle in self.trusted.iter().filter(|bundle| !bundle.is_empty()) {
                if let Err(e) = verify::accepts(bundle, leaf, API_NAME, self.now) {
                    panic!("an API server rejects the webhook: {e}");
                }
            }
        }
    }
}

fn bundles(configurations: &[Configuration]) -> Vec<Vec<u8>> {
    configurations.iter().flat_map(|c| &c.entries).map(|entry| entry.bundle.clone()).collect()
}

fn decode(text: &str) -> Vec<u8> {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.decode(text).unwrap()
}

#[test]
fn the_issued_chain_is_accepted_for_every_name_and_no_other() {
    let ca = issue::ca(hours(240), start()).unwrap();
    let leaf = issue::leaf(&ca, &wanted().names, hours(24), start()).unwrap().certificate;
    let bundle = bundle::text(&ca.certificate, &[]);
    for name in &wanted().names {
        verify::accepts(bundle.as_bytes(), &leaf, name, start()).unwrap();
    }
    verify::accepts(bundle.as_bytes(), &leaf, "kubernetes.default.svc", start()).unwrap_err();
    verify::accepts(bundle.as_bytes(), &leaf, API_NAME, start() + hours(25)).unwrap_err();
}

#[test]
fn a_leaf_never_outlives_its_ca() {
    let ca = issue::ca(hours(240), start()).unwrap();
    let leaf = issue::leaf(&ca, &wanted().names, hours(24 * 90), start()).unwrap();
    assert_eq!(leaf.certificate.not_after, ca.certificate.not_after);
}

#[test]
fn during_a_rotation_old_and_new_are_accepted_and_the_new_one_is_served_last() {
    let mut world = World::new();
    world.run(&wanted(), usize::MAX);
    let old = Held::parse(&world.ca, &world.tls);
    world.wait(hours(1));

    let rotate = Wanted { renew_now: Some(Renew::Ca), ..wanted() };
    let held = Held::parse(&world.ca, &world.tls);
    let found = world.read();
    let plan = Plan::make(&held, &rotate, &bundle::published(&found), world.now);
    let steps = steps(&plan, &held, &rotate, &found, world.now).unwrap();
    let order: Vec<&str> = steps.iter().map(name).collect();
    assert_eq!(order, ["store ca", "publish", "publish", "settle", "store tls"]);

    for step in &steps {
        world.take(step);
        world.nobody_is_turned_away();
    }
    let new = Held::parse(&world.ca, &world.tls);
    let bundle = bundles(&world.read()).remove(0);
    for leaf in [&old.leaf, &new.leaf] {
        verify::accepts(&bundle, &leaf.as_ref().unwrap().certificate, API_NAME, world.now).unwrap();
    }
}

fn name(step: &Step) -> &'static str {
    match step {
        Step::StoreCa(_) => "store ca",
        Step::StoreLeaf(_) => "store tls",
        Step::Publish(_) => "publish",
        Step::Settle(_) => "settle",
    }
}

#[test]
fn a_second_run_has_nothing_to_do() {
    let mut world = World::new();
    world.run(&wanted(), usize::MAX);
    let before = (world.ca.clone(), world.tls.clone(), world.configurations.clone());
    world.run(&wanted(), usize::MAX);
    assert_eq!(before, (world.ca, world.tls, world.configurations));
}

#[test]
fn a_bundle_that_somebody_removed_is_published_again() {
    let mut world = World::new();
    world.run(&wanted(), usize::MAX);
    world.configurations = World::new().configurations;
    world.run(&wanted(), usize::MAX);
    world.wait(hours(0));
    assert!(bundles(&world.read()).iter().all(|bundle| !bundle.is_empty()));
    world.nobody_is_turned_away();
}

#[test]
fn an_entry_that_moved_is_not_patched_by_its_old_place() {
    let mut world = World::new();
    let ca = issue::ca(hours(240), start()).unwrap();
    let update = world.read()[0].show_bundle(&ca.certificate.pem).unwrap();
    world.configurations[0]["webhooks"].as_array_mut().unwrap().reverse();
    json_patch::patch(&mut world.configurations[0], &update.patch).unwrap_err();
}

/// What may happen between two days.
#[derive(Debug, Clone, Copy)]
enum Happening {
    Run,
    RunDiesAfter(usize),
    RenewCa,
    RenewLeaf,
    CaSecretLost,
    CaKeyLost,
    Days(i64),
}

fn happenings() -> impl Strategy<Value = Happening> {
    prop_oneof![
        3 => Just(Happening::Run),
        2 => (0..6_usize).prop_map(Happening::RunDiesAfter),
        1 => Just(Happening::RenewCa),
        1 => Just(Happening::RenewLeaf),
        1 => Just(Happening::CaSecretLost),
        1 => Just(Happening::CaKeyLost),
        3 => (0..12_i64).prop_map(Happening::Days),
    ]
}

proptest! {
    // Each case issues dozens of real certificates.
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn at_no_step_does_a_client_that_trusts_the_published_bundle_reject_the_leaf(story in prop::collection::vec(happenings(), 1..24)) {
        let mut world = World::new();
        world.run(&wanted(), usize::MAX);
        for happening in story {
            match happening {
                Happening::Run => world.run(&wanted(), usize::MAX),
                Happening::RunDiesAfter(steps) => world.run(&wanted(), steps),
                Happening::RenewCa => world.run(&Wanted { renew_now: Some(Renew::Ca), ..wanted() }, usize::MAX),
                Happening::RenewLeaf => world.run(&Wanted { renew_now: Some(Renew::Leaf), ..wanted() }, usize::MAX),
                Happening::CaSecretLost => world.ca.clear(),
                Happening::CaKeyLost => drop(world.ca.remove(held::CA_KEY)),
                Happening::Days(days) => world.wait(hours(24 * days)),
            }
            world.nobody_is_turned_away();
        }
    }
}
