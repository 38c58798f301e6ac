//! Whatever slots and Services there are: no line that names another slot's Service keeps ours, and none that names ours, or
//! points at it where it names nobody, is missed. The lines are written as the controllers write them, with whatever their
//! senders chose, and with what operators add to them.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by a panic")]

use hotdesk_traffic::attribute::{Known, Names, Neighbour, Service, Whose};
use hotdesk_traffic::line::Format;
use hotdesk_traffic::log::scan::{LogScan, ScanWindow};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use serde_json::{Value, json};

/// Names of few words, so that they are each other's beginnings and ends.
fn name() -> impl Strategy<Value = String> {
    let word = prop_oneof![Just("mew"), Just("two"), Just("web"), Just("svc"), Just("a"), Just("http")];
    proptest::collection::vec(word, 1..4).prop_map(|words| words.join("-"))
}

/// What a sender may choose: names of others, quotes, brackets, and anything else.
fn sent() -> impl Strategy<Value = String> {
    let forged = prop_oneof![
        Just("[mew-web-80] []".to_owned()),
        Just("\",\"ServiceName\":\"mew-web-80@kubernetes".to_owned()),
        Just("\" 90 0.004 [mew-web-80] [] 10.244.0.7:80 1 0.1 200 x".to_owned()),
    ];
    prop_oneof![forged, "[ -~]{0,12}", any::<String>()]
}

#[derive(Debug, Clone)]
struct Request {
    namespace: String,
    service: String,
    port: &'static str,
    address: &'static str,
    path: String,
    agent: String,
    more: Vec<More>,
}

/// What an operator adds to the format of a log: under a key in JSON, and behind a line of text.
#[derive(Debug, Clone)]
struct More {
    key: &'static str,
    value: Value,
    text: String,
}

/// A host that was asked for, under any of the keys that hold some.
fn host(name: &str) -> impl Strategy<Value = More> + use<> {
    const KEYS: [&str; 6] = ["vhost", "host", "http_host", "server_name", "authority", "x_forwarded_host"];
    const URLS: [&str; 3] = ["requestUrl", "url", "RequestAddr"];
    let (plain, url) = (name.to_owned(), format!("https://{name}:8443/"));
    prop_oneof![
        proptest::sample::select(&KEYS[..]).prop_map(move |key| said(key, json!(plain), &plain)),
        proptest::sample::select(&URLS[..]).prop_map(move |key| said(key, json!(url), &url)),
    ]
}

/// What a controller says of who served, under a key that is not read for it.
fn beside(name: &str) -> impl Strategy<Value = More> + use<> {
    const KEYS: [&str; 5] = ["upstream", "backend_name", "targets", "kubernetes", "middlewareName"];
    let name = name.to_owned();
    (proptest::sample::select(&KEYS[..]), 0..3_u8).prop_map(move |(key, form)| {
        let value = match form {
            0 => json!(name),
            1 => json!([{"name": name}]),
            _ => json!({"status": {(name.as_str()): 200}}),
        };
        said(key, value, &name)
    })
}

fn said(key: &'static str, value: Value, text: &str) -> More {
    More { key, value, text: text.to_owned() }
}

/// As nginx writes what a sender chose.
fn escaped(text: &str) -> String {
    let byte = |byte: u8| match byte {
        b'"' | b'\\' | 0..=31 | 127.. => format!("\\x{byte:02X}"),
        _ => char::from(byte).to_string(),
    };
    text.bytes().map(byte).collect()
}

impl Request {
    /// The line by each controller, with what the operator added.
    fn lines(&self) -> Vec<String> {
        let mut lines = self.plain();
        for (index, line) in lines.iter_mut().enumerate() {
            if index == 0 {
                self.more.iter().for_each(|more| *line += &format!(" \"{}\"", more.text));
                continue;
            }
            let mut fields: Value = serde_json::from_str(line).unwrap();
            for More { key, value, .. } in &self.more {
                fields.as_object_mut().unwrap().entry(*key).or_insert_with(|| value.clone());
            }
            *line = fields.to_string();
        }
        lines
    }

    fn plain(&self) -> Vec<String> {
        let Self { namespace, service, port, address, path, agent, .. } = self;
        let joined = format!("{namespace}-{service}-{port}");
        let traefik = |name: &str, router: &str| {
            json!({
                "DownstreamStatus": 200, "RequestPath": path, "request_User-Agent": agent, "RouterName": router,
                "ServiceName": name, "ServiceURL": format!("http://{address}"), "level": "info", "msg": "",
            })
            .to_string()
        };
        let hash = "f8f52b24d4becc0324a5";
        let route = format!("httproute-infra-shop-gw-edge-gw-ep-web-0-{hash}");
        vec![
            format!(
                "203.0.113.9 - - [29/Nov/2026:15:04:05 +0000] \"GET /{} HTTP/1.1\" 200 6 \"-\" \"{}\" 90 0.004 [{joined}] \
                 [] {address} 612 0.004 200 0af1",
                escaped(path),
                escaped(agent)
            ),
            json!({"status": 200, "path": path, "http_user_agent": agent, "proxy_upstream_name": joined}).to_string(),
            traefik(&format!("{joined}@kubernetes"), "x@kubernetes"),
            traefik(
                &format!("{namespace}-{service}-http-{port}@kubernetesgateway"),
                &format!("{route}@kubernetesgateway"),
            ),
            traefik(&format!("{route}-svc-{namespace}-{service}-0@kubernetesgateway"), "x@kubernetesgateway"),
            json!({"status": 200, "path": path, "namespace": namespace, "service_name": service}).to_string(),
            json!({
                "route_name": format!("httproute/{namespace}/{service}/rule/0/match/0/x"), "upstream_host": address,
                "upstream_cluster": format!("httproute/{namespace}/{service}/rule/0"), "x-envoy-origin-path": path,
            })
            .to_string(),
        ]
    }

    /// Whether a name that joins the parts by dashes begins as `slot` does, with or without the Gateway's protocol in it.
    fn begins(&self, slot: &str) -> bool {
        let Self { namespace, service, port, .. } = self;
        let joined = [format!("{namespace}-{service}-{port}"), format!("{namespace}-{service}-http-{port}")];
        joined.iter().any(|name| name.strip_prefix(slot).is_some_and(|rest| rest.starts_with('-')))
    }
}

fn request() -> impl Strategy<Value = (String, String, &'static str, String, String)> {
    (name(), name(), prop_oneof![Just("80"), Just("http")], sent(), sent())
}

/// What a log of this line alone comes to. A line of mewtwo's would be sight, and is not needed here.
fn whose(names: &Names, line: &str) -> Whose {
    let now: Timestamp = "2026-11-29T15:05:00Z".parse().unwrap();
    let watch = ScanWindow {
        format: Format::Auto,
        names: names.clone(),
        slot: names.slots().next().unwrap().to_owned(),
        since: now - SignedDuration::from_hours(1),
        look_back: now - SignedDuration::from_hours(1),
        now,
        ignore_agents: globset::GlobSet::empty(),
        ignore_paths: globset::GlobSet::empty(),
        max_unparsed: 0.01,
    };
    let mut tally = LogScan::default();
    let _hit = tally.take(&watch, &format!("{now} {line}"));
    let unread = (tally.unparsed, tally.unknown_json, tally.request.is_none(), tally.suspect.is_none());
    assert_eq!(unread, (0, 0, true, true), "{line}");
    match tally.hit {
        Some(_) => Whose::Ours,
        None => tally.doubtful.into_keys().next_back().unwrap_or(Whose::Theirs),
    }
}

fn names(slot: &str, services: &[(String, &str)], others: &[String]) -> Names {
    let service = |(name, port): &(String, &str)| Service {
        name: name.clone(),
        ports: vec![(*port).to_owned()],
        addresses: vec!["10.96.0.7".parse().unwrap()],
        ..Service::default()
    };
    let slots = others.iter().map(|name| Neighbour { namespace: name.clone(), host: None });
    let known = Known {
        services: services.iter().map(service).collect(),
        slots: slots.collect(),
        pods: vec!["10.244.0.7".parse().unwrap()],
        host: Some(format!("{slot}.dev.test")),
        hosts: vec!["shop.test".to_owned(), "*.apps.test".to_owned()],
        ..Known::default()
    };
    Names::of(slot, &known)
}

/// The lines that hold the address that served, and what says so.
const SERVED: [usize; 5] = [0, 2, 3, 4, 6];

/// Keys of what senders choose.
const CHOSEN: [&str; 8] =
    ["http_referer", "cookies", "request_query", "headers", "request_id", "request", "x_forwarded_for", "remote_user"];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn no_line_that_names_another_slots_service_keeps_ours(
        slot in name(),
        own in name(),
        (namespace, service, port, path, agent) in request(),
        others in proptest::collection::vec(name(), 0..3),
        host in host("shop.test"),
        beside in beside("mew-web-80"),
    ) {
        prop_assume!(namespace != slot);
        let others: Vec<String> = others.into_iter().filter(|name| *name != slot).chain([namespace.clone()]).collect();
        let names = names(&slot, &[(own, "80")], &others);
        // An address may have been another slot's before it was ours.
        let more = vec![host, beside];
        let request = Request { namespace, service, port, address: "10.244.0.7:8080", path, agent, more };
        let may_be_ours = request.begins(&slot) || format!("{}-{}", request.namespace, request.service) == slot;
        for (index, line) in request.lines().iter().enumerate() {
            let whose = whose(&names, line);
            // Joined by dashes, it may begin as ours; where a route is named, the address that served says more.
            let told_apart = index == 5;
            if index != 6 && (told_apart || !may_be_ours) {
                prop_assert_eq!(whose, Whose::Theirs, "{} of {}: {}", slot, others.join(" "), line);
            }
        }
    }

    #[test]
    fn no_line_that_names_our_service_is_missed(
        (slot, service, port, path, agent) in request(),
        others in proptest::collection::vec(name(), 0..4),
        hosts in proptest::collection::vec(host("two.dev.test"), 0..3),
        beside in beside("two-web-80"),
    ) {
        let others: Vec<String> = others.into_iter().filter(|name| *name != slot).collect();
        let names = names(&slot, &[(service.clone(), port)], &others);
        let more = hosts.into_iter().chain([beside]).collect();
        let request = Request { namespace: slot.clone(), service, port, address: "10.244.9.9:80", path, agent, more };
        let by_others = others.iter().any(|other| request.begins(other));
        for line in request.lines() {
            let whose = whose(&names, &line);
            let right = whose == Whose::Ours || (by_others && whose == Whose::Ambiguous);
            prop_assert!(right, "{} of {}: {:?} {}", slot, others.join(" "), whose, line);
        }
    }

    /// The address of a Service is nobody else's, whatever the name says.
    #[test]
    fn no_line_that_a_service_of_ours_served_is_missed((_, service, port, path, agent) in request()) {
        let names = names("mew", &[("web".to_owned(), "80")], &["pikachu".to_owned()]);
        let address = "10.96.0.7:80";
        let request = Request { namespace: "pikachu".to_owned(), service, port, address, path, agent, more: vec![] };
        for index in SERVED {
            let line = &request.lines()[index];
            prop_assert_eq!(whose(&names, line), Whose::Ours, "{}", line);
        }
    }

    /// By a host among others, in any order, by a name under another key, or by an address.
    #[test]
    fn no_line_that_names_nobody_and_points_at_ours_is_missed(
        at in prop_oneof![
            host("a.mew.dev.test"), host("MEW.dev.test"), host("shop.test"), host("a.apps.test"),
            beside("mew-web-80"), beside("mew/web"), beside("10.96.0.7:80"), beside("http://shop.test"),
        ],
        mut more in proptest::collection::vec(prop_oneof![host("two.dev.test"), host("_"), beside("x-web-80")], 0..3),
        place in 0..4_usize,
        path in sent(),
        agent in sent(),
    ) {
        let names = names("mew", &[("web".to_owned(), "80")], &["pikachu".to_owned()]);
        more.retain(|more| more.key != at.key);
        more.insert(place.min(more.len()), at);
        let (namespace, service) = ("ghost".to_owned(), "town".to_owned());
        let request = Request { namespace, service, port: "80", address: "10.244.9.9:80", path, agent, more };
        for line in request.lines() {
            prop_assert_ne!(whose(&names, &line), Whose::Theirs, "{}", line);
        }
    }

    #[test]
    fn what_a_sender_chose_says_nothing_of_who_served(
        path in sent(),
        agent in sent(),
        key in proptest::sample::select(&CHOSEN[..]),
        forged in prop_oneof![Just("mew-web-80"), Just("/shop.test"), Just("https://x.test/mew?to=shop.test")],
    ) {
        let names = names("mew", &[("web".to_owned(), "80")], &["pikachu".to_owned()]);
        let chosen = || said(key, json!({"upstream": forged, "x": [forged]}), "-");
        let of = |path: &str, agent: &str, more: Vec<More>| {
            let (path, agent) = (path.to_owned(), agent.to_owned());
            let (namespace, service) = ("ghost".to_owned(), "town".to_owned());
            Request { namespace, service, port: "80", address: "10.244.9.9:80", path, agent, more }
        };
        let lines = of(&path, &agent, vec![chosen()]).lines();
        for (line, plain) in lines.iter().zip(of("", "", vec![]).lines()) {
            prop_assert_eq!(whose(&names, line), whose(&names, &plain), "{}", line);
        }
    }
}
