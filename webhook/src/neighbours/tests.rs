//! Each guard, by kinds and by spellings.

use serde_json::{Value, json};

use super::*;

mod precedence;
mod routes;
mod services;
mod siblings;
mod words;

const SLOTS: [&str; 4] = ["pikachu", "mew", "eevee", "hosts-nothing"];

fn index() -> HostIndex {
    let mut index = HostIndex::default();
    index.insert("mew.dev.example.com", "mew".into());
    index.insert("pikachu.dev.example.com", "pikachu".into());
    index.insert("deep.mew.dev.example.com", "eevee".into());
    index
}

/// What is found where pikachu writes an object of this kind over an older one.
fn found_with(guards: &Guards, kind: (&str, &str), new: &Value, old: Option<&Value>) -> Found {
    let own = ["hotdesk".to_owned(), "hotdesk-jobs".to_owned()];
    let raw = |object: &Value| serde_json::value::to_raw_value(object).unwrap();
    let (new, old) = (raw(new), old.map(raw));
    let is_slot = |namespace: &str| SLOTS.contains(&namespace);
    let (hosts, own_priority_classes) = (Arc::new(index()), &["hotdesk".to_owned()]);
    let neighbours =
        Neighbours { slot: "pikachu", hosts, is_slot: &is_slot, own_namespaces: &own, own_priority_classes };
    let mut found = Found::default();
    if let Some(reads) = Reads::of(kind.0, kind.1) {
        look(kind, reads, (&new, old.as_deref()), guards, &neighbours, &mut found);
    }
    found
}

fn found(kind: (&str, &str), new: &Value, old: Option<&Value>) -> Found {
    found_with(&Guards::default(), kind, new, old)
}

/// The word of what is denied, and what is said of it; empty if nothing is.
fn denial(kind: (&str, &str), new: &Value, old: Option<&Value>) -> (&'static str, String) {
    let finding = found(kind, new, old).denied;
    finding.map(|finding| (finding.rule().as_str(), finding.message("pikachu"))).unwrap_or_default()
}

/// An object of pikachu is denied for this reason and says this, or is not denied. Either way it is let in if it was there.
#[track_caller]
fn check(kind: (&str, &str), object: &Value, expected: Option<(&str, &str)>) {
    let (word, said) = denial(kind, object, None);
    let (reason, part) = expected.unwrap_or_default();
    assert_eq!(word, reason, "{kind:?} {object}: {said}");
    assert!(said.contains(part), "{kind:?} {object}: {said}");
    assert_eq!(denial(kind, object, Some(object)).0, "", "it was there before: {kind:?} {object}");
}

#[test]
fn kubernetes_own_kinds_are_left_unread_but_for_those_that_take_hosts_or_lead_somewhere() {
    for (group, kind) in
        [("", "ConfigMap"), ("apps", "Deployment"), ("networking.k8s.io", "NetworkPolicy"), ("", "Pod")]
    {
        assert_eq!(Reads::of(group, kind), None, "{group} {kind}");
    }
    assert_eq!(Reads::of("", "Service"), Some(Reads::Service));
    assert_eq!(Reads::of("", "Endpoints"), Some(Reads::Endpoints));
    assert_eq!(Reads::of("discovery.k8s.io", "EndpointSlice"), Some(Reads::Endpoints));
    for (group, kind) in [
        ("networking.k8s.io", "Ingress"),
        ("gateway.networking.k8s.io", "HTTPRoute"),
        ("gateway.networking.x-k8s.io", "XListenerSet"),
        ("externaldns.k8s.io", "DNSEndpoint"),
        ("new.example.io", "Service"),
    ] {
        assert_eq!(Reads::of(group, kind), Some(Reads::Hosts), "{group} {kind}");
    }
    check(("", "ConfigMap"), &json!({"spec": {"host": "mew.dev.example.com"}}), None);
    check(("apps", "Deployment"), &json!({"spec": {"a": "mew.dev.example.com"}}), None);
}

#[test]
fn each_guard_has_a_switch_of_its_own() {
    type Set = fn(&mut Guards, Switch);
    let ingress = json!({"spec": {"rules": [{"host": "mew.dev.example.com"}]}});
    let endpoints = json!({"subsets": []});
    let cases: [((&str, &str), Value, &str, Set); 5] = [
        (("networking.k8s.io", "Ingress"), ingress, "neighbour-host", |guards, to| guards.hosts = to),
        (("", "Service"), json!({"spec": {"externalName": "web.mew.svc"}}), "neighbour-external-name", |guards, to| {
            guards.external_names = to;
        }),
        (("", "Service"), json!({"spec": {"externalIPs": ["10.0.0.1"]}}), "external-ip", |guards, to| {
            guards.external_ips = to;
        }),
        (("x.io", "Y"), json!({"spec": {"priorityClassName": "system-z"}}), "system-priority", |guards, to| {
            guards.priority_classes = to;
        }),
        (("", "Endpoints"), endpoints, "endpoints", |guards, to| guards.endpoint_slices = to),
    ];
    let all =
        |to| Guards { hosts: to, external_names: to, external_ips: to, priority_classes: to, endpoint_slices: to };
    for (kind, object, word, set) in cases {
        let (mut warning, mut allowing) = (Guards::default(), Guards::default());
        set(&mut warning, Switch::Warn);
        set(&mut allowing, Switch::Allow);
        let warned = found_with(&warning, kind, &object, None);
        assert_eq!(warned.denied, None, "{word}");
        let words: Vec<_> = warned.warned.iter().map(|finding| finding.rule().as_str()).collect();
        assert_eq!(words, [word]);
        let said = warned.warnings("pikachu").concat();
        assert!(said.starts_with("hotdesk would deny this: slot \"pikachu\": "), "{said}");
        assert_eq!(found_with(&allowing, kind, &object, None), Found::default(), "{word}");
        // The others are of no help to it.
        let mut alone = all(Switch::Allow);
        set(&mut alone, Switch::Deny);
        assert_eq!(found_with(&alone, kind, &object, None).denied.map(|finding| finding.rule().as_str()), Some(word));
        let reads = Reads::of(kind.0, kind.1).unwrap();
        assert!(alone.ask_for(reads) && !all(Switch::Allow).ask_for(reads), "{word}");
    }
}

#[test]
fn a_denial_says_whose_it_is_what_to_do_and_who_can_allow_it() {
    let (_, said) =
        denial(("networking.k8s.io", "Ingress"), &json!({"spec": {"rules": [{"host": "MEW.dev.example.com"}]}}), None);
    assert_eq!(
        said,
        "slot \"pikachu\": the host mew.dev.example.com belongs to slot \"mew\". Change it: use the host of this slot, or one \
         below it. An administrator can write it, or set guard.hosts of charts/hotdesk."
    );
}

#[test]
fn people_write_no_endpoints_and_may_mark_those_that_are_there() {
    let of = |address: &str| json!([{"addresses": [address]}]);
    let slice = |address: &str, service: &str, other: &str| {
        let labels = json!({"kubernetes.io/service-name": service, "app": other});
        json!({"metadata": {"name": "web-x", "labels": labels}, "addressType": "IPv4", "endpoints": of(address)})
    };
    let kind = ("discovery.k8s.io", "EndpointSlice");
    check(kind, &slice("10.1.2.3", "web", "a"), Some(("endpoints", "EndpointSlice written by hand")));
    check(("", "Endpoints"), &json!({"subsets": of("10.1.2.3")}), Some(("endpoints", "guard.endpointSlices")));
    // Empty, they still could be filled by who cannot read: nobody needs them.
    check(("", "Endpoints"), &json!({"metadata": {"name": "web"}}), Some(("endpoints", "give the Service a selector")));
    let old = slice("10.1.2.3", "web", "a");
    assert_eq!(denial(kind, &slice("10.1.2.3", "web", "b"), Some(&old)).0, "", "a label of their own");
    assert_eq!(denial(kind, &slice("10.1.2.4", "web", "a"), Some(&old)).0, "endpoints", "another address");
    assert_eq!(denial(kind, &slice("10.1.2.3", "api", "a"), Some(&old)).0, "endpoints", "another Service");
    let mut port = old.clone();
    port["ports"] = json!([{"port": 8080}]);
    assert_eq!(denial(kind, &port, Some(&old)).0, "endpoints", "another port");
}

#[test]
fn a_host_of_two_slots_is_that_of_each_and_a_slot_that_is_gone_has_none() {
    let host = |name: &str| Host { name: name.to_owned().into(), is_wildcard: false };
    let owner = |index: &HostIndex, name: &str| index.foreign(&host(name), "pikachu").map(ToString::to_string);
    let mut index = index();
    index.insert("mew.dev.example.com", "pikachu".into());
    assert_eq!(owner(&index, "mew.dev.example.com"), None);
    index.remove("mew.dev.example.com", "pikachu");
    assert_eq!(owner(&index, "x.mew.dev.example.com").as_deref(), Some("mew"));
    index.remove("mew.dev.example.com", "mew");
    assert_eq!(owner(&index, "x.mew.dev.example.com"), None);
    assert_eq!(owner(&index, "deep.mew.dev.example.com").as_deref(), Some("eevee"));
}

#[test]
fn a_host_is_related_to_the_same_host_to_those_above_and_to_those_below() {
    let related = |name: &str| index().related(name, "pikachu").map(ToString::to_string);
    for (name, slot) in [
        ("mew.dev.example.com", "mew"),
        ("api.mew.dev.example.com", "mew"),
        ("deep.mew.dev.example.com", "mew"),
        ("dev.example.com", "mew"),
        ("com", "mew"),
    ] {
        assert_eq!(related(name).as_deref(), Some(slot), "{name}");
    }
    for name in ["pikachu.dev.example.com", "api.pikachu.dev.example.com", "w.dev.example.com", "example.org", "ew.dev"]
    {
        assert_eq!(related(name), None, "{name}");
    }
}
