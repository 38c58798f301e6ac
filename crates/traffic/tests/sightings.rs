//! What one reading for all slots finds of each is what each slot's own reading finds.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by a panic")]

use std::sync::Arc;

use globset::{Glob, GlobSet};
use hotdesk_traffic::attribute::{Directory, Known, Names, Neighbour, Neighbours, Service};
use hotdesk_traffic::line::Format;
use hotdesk_traffic::log::scan::{LogScan, ScanWindow};
use hotdesk_traffic::log::sightings::{Lookout, Sightings};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use serde_json::json;

fn now() -> Timestamp {
    "2026-11-23T15:00:00Z".parse().unwrap()
}

fn ago(minutes: i64) -> Timestamp {
    now() - SignedDuration::from_mins(minutes)
}

fn globs(pattern: &str) -> GlobSet {
    GlobSet::builder().add(Glob::new(pattern).unwrap()).build().unwrap()
}

/// Slots, each with what is known of it, and namespaces that are none.
#[derive(Debug, Clone)]
struct World {
    slots: Vec<(String, Known)>,
    others: Vec<String>,
}

impl World {
    fn neighbours(&self) -> Vec<Neighbour> {
        self.slots.iter().map(|(slot, known)| Neighbour { namespace: slot.clone(), host: known.host.clone() }).collect()
    }

    /// The slots that one reading for all finds in use.
    fn at_once(&self, lines: &[String]) -> Vec<String> {
        let neighbours = Arc::new(Neighbours::of(&self.neighbours(), &self.others));
        let directory = Directory::new(self.slots.iter().map(|(slot, known)| (slot.as_str(), known)), &neighbours);
        let lookout = Lookout {
            directory: &directory,
            format: Format::Auto,
            since: ago(60),
            now: now(),
            ignore_agents: globs("kube-probe/*"),
            ignore_paths: globs("/healthz"),
        };
        let mut found = Sightings::default();
        lines.iter().for_each(|line| found.take(&lookout, line));
        let used = (0..directory.len()).filter(|at| found.of(*at).is_some());
        used.map(|at| directory.slot(at).unwrap().to_owned()).collect()
    }

    /// Those that each slot's own reading finds.
    fn one_by_one(&self, lines: &[String]) -> Vec<String> {
        let used = |(slot, known): &&(String, Known)| {
            let others = self.neighbours().into_iter().filter(|other| other.namespace != *slot).collect();
            let known = Known { slots: others, namespaces: self.others.clone(), ..known.clone() };
            let watch = ScanWindow {
                format: Format::Auto,
                names: Names::of(slot, &known),
                slot: slot.clone(),
                since: ago(60),
                look_back: ago(600),
                now: now(),
                ignore_agents: globs("kube-probe/*"),
                ignore_paths: globs("/healthz"),
                max_unparsed: 0.01,
            };
            let mut tally = LogScan::default();
            lines.iter().any(|line| tally.take(&watch, line).is_break())
        };
        self.slots.iter().filter(used).map(|(slot, _)| slot.clone()).collect()
    }
}

fn word() -> impl Strategy<Value = &'static str> {
    prop_oneof![Just("mew"), Just("two"), Just("web"), Just("svc"), Just("a"), Just("http"), Just("gw"), Just("80")]
}

/// Names of few words, so that they are each other's beginnings and ends.
fn name() -> impl Strategy<Value = String> {
    proptest::collection::vec(word(), 1..4).prop_map(|words| words.join("-"))
}

const HASH: &str = "f8f52b24d4becc0324a5";

fn known() -> impl Strategy<Value = Known> {
    let service = (name(), prop_oneof![Just("80"), Just("http")], 0..6_u8, any::<bool>());
    let services = proptest::collection::vec(service, 0..3);
    (services, proptest::collection::vec(name(), 0..3), proptest::collection::vec(0..6_u8, 0..2), any::<bool>())
        .prop_map(|(services, routes, pods, hosted)| Known {
            services: services
                .into_iter()
                .map(|(name, port, ip, external)| Service {
                    name,
                    ports: vec![port.to_owned()],
                    external,
                    addresses: vec![[10, 96, 0, ip].into()],
                })
                .collect(),
            routes,
            pods: pods.into_iter().map(|ip| [10, 244, 0, ip].into()).collect(),
            host: hosted.then(|| "mew.dev.example.com".to_owned()),
            ..Known::default()
        })
}

fn world() -> impl Strategy<Value = World> {
    let slots = proptest::collection::btree_map(name(), known(), 1..5);
    (slots, proptest::collection::vec(name(), 0..2)).prop_map(|(slots, others)| World {
        others: others.into_iter().filter(|other| !slots.contains_key(other)).collect(),
        slots: slots.into_iter().collect(),
    })
}

/// What may stand where a controller names who served.
fn upstream() -> impl Strategy<Value = String> {
    let joined = || proptest::collection::vec(word(), 1..7).prop_map(|words| words.join("-"));
    let of_route = (joined(), name()).prop_map(|(route, served)| format!("{route}-{HASH}-svc-{served}-0"));
    prop_oneof![
        4 => joined(),
        1 => joined().prop_map(|name| format!("{name}-{HASH}")),
        1 => joined().prop_map(|name| format!("httproute-{name}-gw-edge-gw-ep-web-0-{HASH}")),
        1 => joined().prop_map(|name| format!("custom-default-backend-{name}")),
        1 => of_route,
        1 => (name(), name()).prop_map(|(space, name)| format!("outbound|80||{name}.{space}.svc.cluster.local")),
        1 => (name(), name()).prop_map(|(space, name)| format!("{space}_{name}_80")),
        1 => (0..6_u8).prop_map(|ip| format!("10.96.0.{ip}:80")),
        1 => Just("upstream-default-backend".to_owned()),
        1 => Just("-".to_owned()),
        1 => name().prop_map(|name| format!("{name}@file")),
    ]
}

fn served() -> impl Strategy<Value = String> {
    prop_oneof![
        (0..6_u8).prop_map(|ip| format!("10.244.0.{ip}:8080")),
        (0..6_u8).prop_map(|ip| format!("10.96.0.{ip}:80")),
        Just("10.0.0.1:80".to_owned()),
        (0..6_u8).prop_map(|ip| format!("10.0.0.1:80 : 10.244.0.{ip}:8080")),
        (name(), name()).prop_map(|(space, name)| format!("http://{name}.{space}.svc:80")),
        Just("-".to_owned()),
    ]
}

/// Lines as controllers write them, at any time, and of programs that only look.
fn line() -> impl Strategy<Value = String> {
    let agent = prop_oneof![3 => Just("curl/8.5"), 1 => Just("kube-probe/1.37")];
    let path = prop_oneof![3 => Just("/cart"), 1 => Just("/healthz")];
    let host = prop_oneof![Just("a.mew.dev.example.com"), Just("x.example.com")];
    (upstream(), upstream(), served(), name(), agent, path, host, 0..90_i64, 0..5_u8).prop_map(
        |(upstream, other, served, namespace, agent, path, host, minutes, form)| {
            let text = match form {
                0 => format!(
                    "203.0.113.9 - - [23/Nov/2026:14:04:05 +0000] \"GET {path} HTTP/1.1\" 200 6 \"-\" \"{agent}\" 90 0.004 \
                     [{upstream}] [{}] {served} 612 0.004 200 0af1",
                    if other.starts_with('-') { "" } else { &other }
                ),
                1 => json!({
                    "DownstreamStatus": 200, "RequestPath": path, "request_User-Agent": agent, "RequestHost": host,
                    "RouterName": other, "ServiceName": upstream, "ServiceURL": served, "level": "info", "msg": "",
                })
                .to_string(),
                2 => json!({"status": 200, "path": path, "http_user_agent": agent, "namespace": namespace, "service_name": "web"})
                    .to_string(),
                3 => json!({
                    "route_name": format!("httproute/{namespace}/web/rule/0/match/0/x"), "upstream_host": served,
                    "upstream_cluster": format!("httproute/{namespace}/web/rule/0"), "x-envoy-origin-path": path,
                    "user-agent": agent, ":authority": host,
                })
                .to_string(),
                _ => json!({
                    "DownstreamStatus": 200, "RequestPath": path, "request_User-Agent": agent, "RequestHost": host,
                    "RouterName": other, "level": "info", "msg": "",
                })
                .to_string(),
            };
            format!("{} {text}", ago(minutes))
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(768))]

    #[test]
    fn one_reading_for_all_finds_of_each_slot_what_its_own_reading_finds(
        world in world(),
        lines in proptest::collection::vec(line(), 1..6),
    ) {
        prop_assert_eq!(world.at_once(&lines), world.one_by_one(&lines), "{:#?}", lines);
    }
}

fn mew_and_mewtwo() -> World {
    let web = Service { name: "web".to_owned(), ports: vec!["80".to_owned()], ..Service::default() };
    let known = Known { services: vec![web], routes: vec!["shop".to_owned()], ..Known::default() };
    World { slots: ["mew", "mew-two", "mewtwo"].map(|slot| (slot.to_owned(), known.clone())).to_vec(), others: vec![] }
}

fn nginx(minutes: i64, upstream: &str, agent: &str) -> String {
    format!(
        "{} 203.0.113.9 - - [23/Nov/2026:14:04:05 +0000] \"GET /[mewtwo-web-80] HTTP/1.1\" 200 6 \"-\" \"{agent}\" 90 0.004 \
         [{upstream}] [] 10.0.0.1:80 612 0.004 200 0af1",
        ago(minutes)
    )
}

#[track_caller]
fn check(lines: &[String], expected: &[&str]) {
    assert_eq!(mew_and_mewtwo().at_once(lines), expected, "{lines:#?}");
}

#[test]
fn a_line_is_its_own_slots_use_and_no_others() {
    check(&[nginx(30, "mew-web-80", "curl")], &["mew"]);
    check(&[nginx(30, "mewtwo-web-80", "curl")], &["mewtwo"]);
    // It could be of mew as well: its slot's own reading is in doubt, too.
    check(&[nginx(30, "mew-two-web-80", "curl")], &[]);
    check(&[nginx(30, "mew-gone-80", "curl"), nginx(30, "pikachu-web-80", "curl")], &[]);
    check(&[nginx(30, "mew-web-80", "kube-probe/1.37")], &[]);
    check(&["no time".to_owned(), format!("{} half a line", ago(1)), nginx(1, "mew-web-80", "curl")], &["mew"]);
}

#[test]
fn a_line_that_names_its_service_behind_a_route_or_only_its_route_is_its_slots_use() {
    let traefik = |mut line: serde_json::Value| {
        with_the_rest(&mut line);
        format!("{} {line}", ago(1))
    };
    let route = format!("httproute-infra-shop-gw-edge-gw-ep-web-0-{HASH}");
    let behind = format!("{route}-svc-mewtwo-web-0@kubernetesgateway");
    check(&[traefik(json!({"ServiceName": behind, "RouterName": format!("{route}@kubernetesgateway")}))], &["mewtwo"]);
    check(&[traefik(json!({"RouterName": "websecure-mewtwo-shop-x-mewtwo-dev@kubernetes"}))], &["mewtwo"]);
    let route = format!("mewtwo-shop-{HASH}@kubernetescrd");
    check(&[traefik(json!({"RouterName": route, "ServiceName": "edge-web-80@kubernetescrd"}))], &["mewtwo"]);
    check(&[traefik(json!({"RouterName": "websecure-infra-shop-x-mewtwo-dev@kubernetes"}))], &[]);
}

/// What every line of Traefik's has.
fn with_the_rest(line: &mut serde_json::Value) {
    let status = ("DownstreamStatus", json!(200));
    for (key, value) in
        [status, ("RequestPath", json!("/")), ("level", json!("info")), ("entryPointName", json!("websecure"))]
    {
        line[key] = value;
    }
}

#[test]
fn what_was_logged_at_another_time_is_no_use() {
    check(&[nginx(61, "mew-web-80", "curl")], &[]);
    check(&[nginx(60, "mew-web-80", "curl")], &["mew"]);
    check(&[nginx(-5, "mew-web-80", "curl")], &["mew"]);
    check(&[nginx(-6, "mew-web-80", "curl")], &[]);
}
