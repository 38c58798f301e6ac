//! Whatever slots and Services there are: no line that names another slot's Service keeps ours, and none that names ours is
//! missed. The lines are written as the controllers write them, with whatever their senders chose.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by a panic")]

use hotdesk_traffic::attribute::{Known, Names, Neighbour, Service, Whose};
use hotdesk_traffic::line::{Format, Line, read};
use proptest::prelude::*;
use serde_json::json;

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
    /// The line by each controller.
    fn lines(&self) -> Vec<String> {
        let Self { namespace, service, port, address, path, agent } = self;
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

fn whose(names: &Names, line: &str) -> Whose {
    match read(line, &Format::Auto) {
        Line::Access(entry) => names.whose(&entry),
        other => panic!("{other:?}: {line}"),
    }
}

fn names(slot: &str, services: &[(String, &str)], others: &[String]) -> Names {
    let service = |(name, port): &(String, &str)| Service {
        name: name.clone(),
        ports: vec![(*port).to_owned()],
        ..Service::default()
    };
    let slots = others.iter().map(|name| Neighbour { namespace: name.clone(), host: None });
    let known = Known {
        services: services.iter().map(service).collect(),
        slots: slots.collect(),
        pods: vec!["10.244.0.7".parse().unwrap()],
        ..Known::default()
    };
    Names::of(slot, &known)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn no_line_that_names_another_slots_service_keeps_ours(
        slot in name(),
        own in name(),
        (namespace, service, port, path, agent) in request(),
        more in proptest::collection::vec(name(), 0..3),
    ) {
        prop_assume!(namespace != slot);
        let others: Vec<String> = more.into_iter().filter(|name| *name != slot).chain([namespace.clone()]).collect();
        let names = names(&slot, &[(own, "80")], &others);
        // An address may have been another slot's before it was ours.
        let request = Request { namespace, service, port, address: "10.244.0.7:8080", path, agent };
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
    ) {
        let others: Vec<String> = others.into_iter().filter(|name| *name != slot).collect();
        let names = names(&slot, &[(service.clone(), port)], &others);
        let request = Request { namespace: slot.clone(), service, port, address: "10.244.9.9:80", path, agent };
        let by_others = others.iter().any(|other| request.begins(other));
        for line in request.lines() {
            let whose = whose(&names, &line);
            let right = whose == Whose::Ours || (by_others && whose == Whose::Ambiguous);
            prop_assert!(right, "{} of {}: {:?} {}", slot, others.join(" "), whose, line);
        }
    }

    #[test]
    fn what_a_sender_chose_says_nothing_of_who_served(path in sent(), agent in sent()) {
        let names = names("mew", &[("web".to_owned(), "80")], &["pikachu".to_owned()]);
        let of = |path: &str, agent: &str| {
            let (path, agent) = (path.to_owned(), agent.to_owned());
            let (namespace, service) = ("ghost".to_owned(), "town".to_owned());
            Request { namespace, service, port: "80", address: "10.244.9.9:80", path, agent }
        };
        for (line, plain) in of(&path, &agent).lines().iter().zip(of("", "").lines()) {
            prop_assert_eq!(whose(&names, line), whose(&names, &plain), "{}", line);
        }
    }
}
