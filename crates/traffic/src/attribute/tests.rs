//! Whose an entry is, by its names alone.

use super::*;
use crate::line::{Format, Line, read};

fn service(name: &str, ports: &[&str]) -> Service {
    Service { name: name.to_owned(), ports: ports.iter().map(|p| (*p).to_owned()).collect(), ..Service::default() }
}

fn names(slot: &str, services: &[Service], neighbours: &[&str]) -> Names {
    Names::new(slot, services, &neighbours.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>())
}

fn upstream(name: &str) -> Entry<'_> {
    Entry { upstream: Some(name.into()), ..Entry::default() }
}

#[track_caller]
fn check(names: &Names, rows: &[(&str, Whose)]) {
    for (name, expected) in rows {
        assert_eq!(names.whose(&upstream(name)), *expected, "{name}");
    }
}

#[test]
fn only_a_name_that_a_service_gives_is_ours() {
    let mew = names("mew", &[service("web", &["80", "http"]), service("api-v2", &["8000"])], &["mewtwo", "pikachu"]);
    let rows = [
        ("mew-web-80", Whose::Ours),
        ("mew-web-http", Whose::Ours),
        ("mew-api-v2-8000", Whose::Ours),
        ("mewtwo-web-80", Whose::Theirs),
        ("pikachu-mew-web-80", Whose::Theirs),
        ("upstream-default-backend", Whose::Theirs),
        ("mew", Whose::Mentioned),
        ("custom-default-backend-mew-web", Whose::Ours),
        ("custom-default-backend-mewtwo-web", Whose::Theirs),
        ("mew-web-8080", Whose::Orphan),
        ("mew-web", Whose::Orphan),
        ("mew-old-80", Whose::Orphan),
        ("custom-default-backend-mew-old", Whose::Orphan),
        ("httproute-mew-web-gw-public-ep-web-0-wrr", Whose::Orphan),
        ("httproute-mewtwo-web-gw-public-ep-web-0-wrr", Whose::Theirs),
        ("tcp-mew-db-5432", Whose::Orphan),
    ];
    check(&mew, &rows);
}

#[test]
fn a_slot_whose_name_is_anothers_beginning_does_not_live_on_it() {
    let mewtwo = names("mewtwo", &[service("web", &["80"])], &["mew"]);
    check(&mewtwo, &[("mew-web-80", Whose::Theirs), ("mewtwo-web-80", Whose::Ours)]);
}

#[test]
fn what_could_be_two_slots_is_ambiguous() {
    let mew = names("mew", &[service("two-web", &["80"]), service("web", &["80"])], &["mew-two"]);
    let rows = [
        ("mew-two-web-80", Whose::Ambiguous),
        ("mew-web-80", Whose::Ours),
        ("mew-two-api-80", Whose::Theirs), // the longer name explains it
        ("mew-three-80", Whose::Orphan),
    ];
    check(&mew, &rows);
    let mew_two = names("mew-two", &[service("web", &["80"])], &["mew"]);
    check(
        &mew_two,
        &[("mew-two-web-80", Whose::Ambiguous), ("mew-two-gone-80", Whose::Orphan), ("mew-web-80", Whose::Theirs)],
    );
}

#[test]
fn an_external_service_may_be_named_with_any_port() {
    let docs = Service { external: true, ..service("docs", &[]) };
    let rows = [("mew-docs-443", Whose::Ours), ("mew-docs-https", Whose::Ours), ("mew-docs-v2-443", Whose::Orphan)];
    check(&names("mew", &[docs], &[]), &rows);
}

#[test]
fn a_namespace_that_the_log_says_by_itself_settles_it() {
    let mew = names("mew", &[service("two-web", &["80"])], &["mew-two"]);
    for (namespace, name, expected) in [
        ("mew", "mew-two-web-80", Whose::Ours),
        ("mew-two", "mew-two-web-80", Whose::Theirs),
        ("mew", "upstream-default-backend", Whose::Ours),
        ("mew", "mew-gone-80", Whose::Ours),
        ("ingress-nginx", "mew-two-web-80", Whose::Ambiguous), // it contradicts the upstream: not believed
    ] {
        let entry = Entry { namespace: Some(namespace.into()), ..upstream(name) };
        assert_eq!(mew.whose(&entry), expected, "{namespace} {name}");
    }
}

#[test]
fn a_canary_counts_as_well() {
    let mew = names("mew", &[service("web", &["80"]), service("canary", &["80"])], &[]);
    let entry = Entry { alternative: Some("mew-canary-80".into()), ..upstream("pikachu-web-80") };
    assert_eq!(mew.whose(&entry), Whose::Ours);
}

#[test]
fn a_request_that_nobody_served_is_nobodys() {
    assert_eq!(names("mew", &[service("web", &["80"])], &[]).whose(&Entry::default()), Whose::Theirs);
}

/// Lines of Traefik 3.3.5, as they were written by a real one, without what says nothing here.
#[test]
fn a_request_by_a_route_of_the_slot_is_ours_no_matter_who_answered_it() {
    let slot = |name: &str| {
        let web = Service { addresses: vec!["10.213.64.127".parse().unwrap()], ..service("web", &["80"]) };
        let others = ["mew", "mewtwo", "infra"].iter().filter(|other| **other != name);
        let slots = others.map(|other| Neighbour { namespace: (*other).to_owned(), host: None }).collect();
        let services = if name == "infra" { vec![web] } else { vec![service("web", &["80"])] };
        let routes = vec!["way".to_owned()];
        Names::of(name, &Known { services, routes, slots, namespaces: vec!["edge".to_owned()], ..Known::default() })
    };
    for (route, service) in [
        // A redirect.
        ("mew-way-5e42cb3eb95aefb20487@kubernetescrd", ""),
        // Error pages by a middleware of the slot, of another slot and of no slot, and one that a file names.
        ("mew-way-f615bb89fd6a6910552f@kubernetescrd", "mew-answers-errorpage-service@kubernetescrd"),
        ("mew-way-f615bb89fd6a6910552f@kubernetescrd", "infra-answers-errorpage-service@kubernetescrd"),
        ("mew-way-mew-test@kubernetes", "edge-answers-errorpage-service@kubernetescrd"),
        ("mew-way-mew-test@kubernetes", "pages@file"),
        // A Service of a namespace that is not a slot.
        ("mew-way-f615bb89fd6a6910552f@kubernetescrd", "edge-web-80@kubernetescrd"),
    ] {
        let url = if service.is_empty() { "" } else { "http://10.213.64.127:8080" };
        let line = format!(
            r#"{{"DownstreamStatus":404,"RouterName":"{route}","ServiceName":"{service}","ServiceURL":"{url}","msg":""}}"#
        );
        let Line::Access(entry) = read(&line, &Format::TraefikJson) else { panic!("{line}") };
        assert_eq!(slot("mew").whose(&entry), Whose::Ours, "{line}");
        assert_eq!(slot("mewtwo").whose(&entry), Whose::Theirs, "{line}");
        if service.contains("errorpage") {
            assert_eq!(slot("infra").whose(&entry), Whose::Ours, "its pod was reached, so it is in use too: {line}");
        }
    }
}

#[test]
fn an_error_page_of_the_slot_is_in_doubt_where_no_route_and_no_address_says_whose_the_request_was() {
    let page = |rest: &str| {
        let line = format!(
            r#"{{"DownstreamStatus":404,"ServiceName":"mew-answers-errorpage-service@kubernetescrd",{rest}"msg":""}}"#
        );
        let names = ["mew", "pikachu"].map(|slot| names(slot, &[service("web", &["80"])], &["mew", "pikachu"]));
        let Line::Access(entry) = read(&line, &Format::TraefikJson) else { panic!("{line}") };
        names.map(|names| names.whose(&entry))
    };
    let doubt = [Whose::Mentioned, Whose::Theirs];
    assert_eq!(page(""), doubt, "the log leaves out the names of routes");
    assert_eq!(page(r#""ServiceURL":"http://10.0.0.1:8080","#), doubt, "the pod of the page is gone");
    assert_eq!(page(r#""RouterName":"shop@file","#), doubt, "a file names the route, and the middleware");
}
