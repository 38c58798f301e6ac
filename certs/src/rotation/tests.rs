//! The chain against a real TLS verifier, and whole rotations on a model of the cluster.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::configuration::{Entry, Kind};
use crate::issued::Issued;
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
    /// What cert-manager issued last, and the CA by which it did.
    issued: (Data, Pair),
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
            issued: issued_by(issue::ca(hours(24 * 30), start()).unwrap(), start()),
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

    /// One run where cert-manager issues, which dies after `steps` steps.
    fn run_issued(&mut self, forget_previous: bool, until: usize) {
        let issued = Issued::parse(&self.issued.0).unwrap();
        // cert-manager renews in time; where it does not, there is nothing to bring.
        let steps = issued.steps(&self.tls, API_NAME, forget_previous, &self.read(), self.now).unwrap();
        for step in steps.iter().take(until) {
            self.take(step);
            self.nobody_is_turned_away();
        }
    }

    /// cert-manager issues another certificate, by another CA if it is told to.
    fn issue(&mut self, replaces_ca: bool) {
        let ca = if replaces_ca || self.issued.1.certificate.not_after < self.now + hours(24 * 8) {
            issue::ca(hours(24 * 30), self.now).unwrap()
        } else {
            Pair::parse(
                Some(self.issued.1.certificate.pem.as_bytes()),
                Some(self.issued.1.key.serialize_pem().as_bytes()),
            )
            .unwrap()
        };
        self.issued = issued_by(ca, self.now);
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
                if let Err(e) = verify::accepts(bundle, leaf, &[], API_NAME, self.now) {
                    panic!("an API server rejects the webhook: {e}");
                }
            }
        }
    }
}

/// What cert-manager writes into its Secret.
fn issued_by(ca: Pair, now: Timestamp) -> (Data, Pair) {
    let leaf = issue::leaf(&ca, &wanted().names, hours(24 * 6), now).unwrap();
    let mut data = held::tls_data(&leaf);
    data.insert(held::CA_CRT.to_owned(), ca.certificate.pem.clone().into_bytes());
    (data, ca)
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
        verify::accepts(bundle.as_bytes(), &leaf, &[], name, start()).unwrap();
    }
    verify::accepts(bundle.as_bytes(), &leaf, &[], "kubernetes.default.svc", start()).unwrap_err();
    verify::accepts(bundle.as_bytes(), &leaf, &[], API_NAME, start() + hours(25)).unwrap_err();
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
        verify::accepts(&bundle, &leaf.as_ref().unwrap().certificate, &[], API_NAME, world.now).unwrap();
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

#[test]
fn what_cert_manager_issued_is_served_after_its_ca_is_trusted_everywhere() {
    let mut world = World::new();
    world.run(&wanted(), usize::MAX);
    let own = bundles(&world.read()).remove(0);
    let order = |world: &World, forget| -> Vec<&'static str> {
        let issued = Issued::parse(&world.issued.0).unwrap();
        issued.steps(&world.tls, API_NAME, forget, &world.read(), world.now).unwrap().iter().map(name).collect()
    };
    assert_eq!(order(&world, true), ["publish", "publish", "settle", "store tls"], "from the job's own CA");
    world.run_issued(true, usize::MAX);
    let both = bundles(&world.read()).remove(0);
    assert!(both.ends_with(&own), "what pods may still serve stays trusted, also where it is to be forgotten");
    assert_eq!(order(&world, false), [""; 0], "a second run has nothing to do");

    world.issue(false);
    assert_eq!(order(&world, false), ["settle", "store tls"], "renewed by the same CA");
    world.run_issued(false, usize::MAX);
    world.issue(true);
    assert_eq!(order(&world, false), ["publish", "publish", "settle", "store tls"], "its CA was replaced");
    world.run_issued(false, usize::MAX);
    assert_eq!(order(&world, true), ["publish", "publish"], "and the ones before are forgotten when asked");
    world.wait(hours(1));
    world.run_issued(true, usize::MAX);
    assert_eq!(bundles(&world.read()).remove(0), world.issued.1.certificate.pem.as_bytes());

    world.run(&wanted(), usize::MAX);
    let back = bundles(&world.read()).remove(0);
    assert!(back.ends_with(world.issued.1.certificate.pem.as_bytes()), "and back: cert-manager's CA stays trusted");
    assert!(!own.is_empty() && !back.ends_with(&own));
}

#[test]
fn what_cert_manager_has_not_issued_yet_or_wrongly_is_not_served() {
    let world = World::new();
    let without = |key: &str| {
        let mut data = world.issued.0.clone();
        data.remove(key);
        Issued::parse(&data).err().map(|flaw| flaw.to_string()).unwrap_or_default()
    };
    assert_eq!(without(held::TLS_CRT), "there is none");
    assert_eq!(without(held::TLS_KEY), "there is none");
    assert!(without(held::CA_CRT).contains("choose an issuer that names its CA"));

    let other = issued_by(issue::ca(hours(240), start()).unwrap(), start());
    let mut data = world.issued.0.clone();
    data.insert(held::CA_CRT.to_owned(), other.1.certificate.pem.into_bytes());
    let rejected = Issued::parse(&data).unwrap().steps(&Data::new(), API_NAME, false, &world.read(), start());
    assert!(rejected.err().unwrap().contains("would reject"), "signed by a CA that it does not name");
    let elsewhere = Issued::parse(&world.issued.0).unwrap();
    let rejected = elsewhere.steps(&Data::new(), "hotdesk-webhook.desk.svc", false, &world.read(), start());
    assert!(rejected.err().unwrap().contains("would reject"), "for another Service");
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
    /// The chart's mode is cert-manager now. helm removes the Secret of the CA then, and others may keep it.
    CertManager,
    CertManagerDiesAfter(usize),
    CertManagerIssues,
    CertManagerReplacesItsCa,
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
        2 => Just(Happening::CertManager),
        1 => (0..4_usize).prop_map(Happening::CertManagerDiesAfter),
        1 => Just(Happening::CertManagerIssues),
        1 => Just(Happening::CertManagerReplacesItsCa),
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
                Happening::CertManager => {
                    world.issue(false);
                    world.run_issued(false, usize::MAX);
                }
                Happening::CertManagerDiesAfter(steps) => {
                    world.issue(false);
                    world.run_issued(false, steps);
                }
                Happening::CertManagerIssues => world.issue(false),
                Happening::CertManagerReplacesItsCa => world.issue(true),
                Happening::Days(days) => world.wait(hours(24 * days)),
            }
            world.nobody_is_turned_away();
        }
    }
}
