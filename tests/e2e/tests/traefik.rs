//! What a real Traefik says of who was asked for: by its access log and by its counters, for each kind of route that it serves.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::time::Duration;

use hotdesk_e2e::reaper::{self, releases, verdict};
use hotdesk_e2e::slot::{SlotBuilder, unique};
use hotdesk_e2e::traefik::{Traefik, Way, host};
use hotdesk_e2e::{Helm, TestSlot, admin, alice, installation, until};
use serde_json::{Value, json};

/// A slot of alice's with a release, whose reaper has these sources.
fn slot(traefik: &Traefik, name: &str, sources: &[Value], window: &str) -> TestSlot {
    let reaper = json!({"window": window, "trial": true, "officeHours": [], "pause": "1s", "sources": sources});
    let slot = SlotBuilder::held_by(&["alice@example.com"]).named(name).reaper(reaper).make();
    slot.helm_install(&alice(), Helm::V4, "web", "web", &["--wait", "--timeout", "120s"]).succeeded();
    until("the reaper's rights", Duration::from_secs(20), || {
        let who = format!("--as={}", reaper::account(&slot));
        let may = |args: &[&str]| traefik.kubectl(&[&["auth", "can-i"], args, &[who.as_str()]].concat()).as_result();
        may(&["list", "replicasets.apps"]).and_then(|_| may(&["list", "gatewayclasses.gateway.networking.k8s.io"]))
    });
    slot
}

/// Two slots of which neither's name is told from the other's but as a whole.
fn pair(traefik: &Traefik, sources: &[Value], window: &str) -> [TestSlot; 2] {
    let mew = unique("mew").replace('-', "");
    [slot(traefik, &mew, sources, window), slot(traefik, &format!("{mew}two"), sources, window)]
}

/// Waits until nobody has deployed to the slots, or asked for them, for longer than so many seconds.
fn until_quiet(traefik: &Traefik, slots: &[TestSlot], seconds: i64) {
    for slot in slots {
        reaper::until_older(slot, &alice(), seconds + 1);
        until("the last request to be older than the window", Duration::from_secs(60), || {
            let age = traefik.last_request(slot.name()).map(|at| now().duration_since(at).as_secs());
            if age.is_none_or(|age| age > seconds) { Ok(()) } else { Err(format!("{age:?} s old")) }
        });
    }
}

#[allow(clippy::disallowed_methods)] // a test's own edge
fn now() -> jiff::Timestamp {
    jiff::Timestamp::now()
}

/// What the doctor has against the controller as these sources read it.
fn problems(traefik: &Traefik) -> Vec<Value> {
    let report = admin().hotdesk(&["doctor", "-o", "json"]).json();
    let about = format!("the controller in {}", traefik.namespace());
    let findings = report["findings"].as_array().unwrap().iter();
    let of_ours: Vec<&Value> = findings.filter(|finding| finding["subject"] == *about).collect();
    assert!(!of_ours.is_empty(), "{report:#}");
    of_ours.into_iter().filter(|finding| finding["level"] == "problem").cloned().collect()
}

/// mewtwo is asked for, also by a path that spells mew; mew goes, and mewtwo stays.
fn told_by_the_log(way: Way, service: impl Fn(&str) -> String) {
    let _held = installation::shared();
    let traefik = Traefik::shared();
    let slots = pair(&traefik, &[traefik.logs()], "15s");
    let [mew, mewtwo] = &slots;
    for slot in &slots {
        traefik.open(slot, way, "web", &[]);
        traefik.until_served(&host(slot, way));
    }
    until_quiet(&traefik, &slots, 15);
    traefik.request(&host(mewtwo, way), &format!("/index.html?{}-web-80", mew.name())).succeeded();
    reaper::run(mewtwo).succeeded();
    reaper::run(mew).succeeded();
    assert_eq!(problems(&traefik), Vec::<Value>::new());
    assert_eq!([verdict(mew).as_str(), verdict(mewtwo).as_str()], ["Idle", "Active"]);
    assert_eq!((releases(mew), releases(mewtwo)), (vec![], vec!["web".to_owned()]));
    let activity = mewtwo.object()["status"]["lastActivity"].clone();
    assert_eq!(activity["signal"], "traffic");
    let detail = activity["detail"].as_str().unwrap_or_default();
    let expected = format!("a request for /index.html?… was served by {}", service(mewtwo.name()));
    assert!(detail.starts_with(&expected), "{detail}");
}

#[test]
fn an_ingress_is_told_by_the_log() {
    told_by_the_log(Way::Ingress, |slot| format!("{slot}-web-80"));
}

#[test]
fn an_ingress_route_is_told_by_the_log() {
    told_by_the_log(Way::IngressRoute, |slot| format!("{slot}-way-"));
}

#[test]
fn an_http_route_is_told_by_the_log() {
    told_by_the_log(Way::HttpRoute, |slot| format!("{slot}-web-http-80"));
}

/// The IngressRoute of a slot, as Traefik's log names it.
fn router(slot: &TestSlot) -> String {
    format!("{}-way-", slot.name())
}

/// Opens an IngressRoute to a slot by this middleware of a namespace, and waits until it answers.
fn open_behind(traefik: &Traefik, slot: &TestSlot, namespace: &str, middleware: &Value, path: &str) {
    let object = json!({"apiVersion": "traefik.io/v1alpha1", "kind": "Middleware", "metadata": {"name": "answers"},
        "spec": middleware});
    admin().apply(namespace, &object.to_string()).succeeded();
    traefik.open(slot, Way::IngressRoute, "web", &[json!({"name": "answers", "namespace": namespace})]);
    until("a request to be answered by the route", Duration::from_secs(60), || {
        let _answered_so_or_so = traefik.request(&host(slot, Way::IngressRoute), path);
        if traefik.log(&router(slot)).is_empty() { Err("no line names the route".to_owned()) } else { Ok(()) }
    });
}

/// A request by a route with this middleware, of the slot or of Traefik's own namespace, is the slot's, though it answers in the
/// Service's place. What its line says.
fn answered_by(shared: bool, middleware: impl Fn(&Traefik) -> Value, path: &str) -> Value {
    let _held = installation::shared();
    let traefik = Traefik::shared();
    let mew = slot(&traefik, &unique("mew").replace('-', ""), &[traefik.logs()], "15s");
    let namespace = if shared { traefik.namespace() } else { mew.name() };
    open_behind(&traefik, &mew, namespace, &middleware(&traefik), path);
    until_quiet(&traefik, std::slice::from_ref(&mew), 15);
    let _answered_so_or_so = traefik.request(&host(&mew, Way::IngressRoute), path);
    let line = traefik.log(&router(&mew)).pop().unwrap();
    reaper::run(&mew).succeeded();
    assert_eq!((verdict(&mew).as_str(), releases(&mew)), ("Active", vec!["web".to_owned()]), "{line}");
    assert_eq!(mew.object()["status"]["lastActivity"]["signal"], "traffic");
    line
}

#[test]
fn a_redirect_is_told_by_the_route_that_gave_it() {
    let away = json!({"redirectRegex": {"regex": ".*", "replacement": "http://elsewhere.invalid/"}});
    let line = answered_by(false, |_| away.clone(), "/");
    assert_eq!((&line["DownstreamStatus"], &line["ServiceName"]), (&json!(302), &Value::Null));
}

#[test]
fn an_error_page_of_another_namespace_is_told_by_the_route_that_it_stands_in() {
    let pages = |traefik: &Traefik| {
        let service = json!({"name": "pages", "namespace": traefik.namespace(), "port": 80});
        json!({"errors": {"status": ["400-599"], "query": "/", "service": service}})
    };
    let line = answered_by(true, pages, "/missing");
    assert_eq!(line["DownstreamStatus"], 404);
    let service = line["ServiceName"].as_str().unwrap();
    assert!(service.starts_with("traefik-") && service.ends_with("-answers-errorpage-service@kubernetescrd"), "{line}");
}

#[test]
fn a_granted_route_of_another_namespace_is_told_by_the_service_that_it_reached() {
    let _held = installation::shared();
    let traefik = Traefik::shared();
    let mew = slot(&traefik, &unique("mew").replace('-', ""), &[traefik.logs()], "15s");
    let (own, group) = (traefik.namespace(), "gateway.networking.k8s.io");
    let from = json!([{"group": group, "kind": "HTTPRoute", "namespace": own}]);
    let grant = json!({"apiVersion": format!("{group}/v1beta1"), "kind": "ReferenceGrant", "metadata": {"name": "granted"},
        "spec": {"from": from, "to": [{"group": "", "kind": "Service"}]}});
    let rule = json!({"backendRefs": [{"name": "web", "namespace": mew.name(), "port": 80}]});
    let route = json!({"apiVersion": format!("{group}/v1"), "kind": "HTTPRoute", "metadata": {"name": "granted"},
        "spec": {"parentRefs": [{"name": "edge"}], "hostnames": [host(&mew, Way::HttpRoute)], "rules": [rule]}});
    admin().apply(mew.name(), &grant.to_string()).succeeded();
    admin().apply(own, &route.to_string()).succeeded();
    traefik.until_served(&host(&mew, Way::HttpRoute));
    until_quiet(&traefik, std::slice::from_ref(&mew), 15);
    traefik.request(&host(&mew, Way::HttpRoute), "/").succeeded();
    reaper::run(&mew).succeeded().said(&[&format!("was served by {}-web-http-80", mew.name())]);
    assert_eq!(verdict(&mew), "Active");
    until_quiet(&traefik, std::slice::from_ref(&mew), 15);
    reaper::run(&mew).succeeded();
    assert_eq!((verdict(&mew).as_str(), releases(&mew)), ("Idle", vec![]));
}

#[test]
fn a_tcp_route_is_in_no_log_and_its_slot_is_unknown() {
    let _held = installation::shared();
    let traefik = Traefik::shared();
    let mew = slot(&traefik, &unique("mew").replace('-', ""), &[traefik.logs(), traefik.metrics()], "1s");
    traefik.open(&mew, Way::Tcp, "web", &[]);
    until("the TCP route to be served", Duration::from_secs(60), || traefik.connect().as_result());
    let before = traefik.log("").len();
    traefik.connect().succeeded();
    reaper::until_older(&mew, &alice(), 1);
    let route =
        format!("the IngressRouteTCP {}/way is served by Traefik, and no source reads what comes that way", mew.name());
    reaper::run(&mew).failed_saying(&[&route, "sees: {kinds: [IngressRouteTCP]}"]);
    assert_eq!((verdict(&mew).as_str(), releases(&mew)), ("Unknown", vec!["web".to_owned()]));
    let lines = traefik.log("");
    assert!(lines.iter().skip(before).all(|line| line["entryPointName"] != "tcp"), "{lines:?}");
}

#[test]
fn a_line_of_another_format_makes_a_slot_unknown() {
    let _held = installation::shared();
    let traefik = Traefik::logging("common");
    let mew = slot(&traefik, &unique("mew").replace('-', ""), &[traefik.logs()], "15s");
    traefik.open(&mew, Way::Ingress, "web", &[]);
    traefik.until_served(&host(&mew, Way::Ingress));
    reaper::until_older(&mew, &alice(), 16);
    traefik.request(&host(&mew, Way::Ingress), "/").succeeded();
    reaper::run(&mew).failed_saying(&["a line that mentions", "cannot be read as an access entry", "way-"]);
    assert_eq!((verdict(&mew).as_str(), releases(&mew)), ("Unknown", vec!["web".to_owned()]));
}

/// Waits until the reapers of these slots may read the counters.
fn until_they_may_count(traefik: &Traefik, slots: &[TestSlot]) {
    for slot in slots {
        let who = format!("--as={}", reaper::account(slot));
        until("the reaper's rights", Duration::from_secs(20), || {
            traefik.kubectl(&["auth", "can-i", "get", "pods/x:9100", "--subresource=proxy", &who]).as_result()
        });
    }
}

#[test]
fn counters_tell_every_route_from_the_neighbours() {
    let _held = installation::shared();
    let traefik = Traefik::shared();
    let slots = pair(&traefik, &[traefik.metrics()], "15s");
    let [mew, mewtwo] = &slots;
    until_they_may_count(&traefik, &slots);
    let ways = [(Way::Ingress, "web-80"), (Way::IngressRoute, "way-"), (Way::HttpRoute, "web-http-80")];
    for slot in &slots {
        for (way, _) in ways {
            traefik.open(slot, way, "web", &[]);
            traefik.until_served(&host(slot, way));
        }
    }
    until_quiet(&traefik, &slots, 15);
    for slot in &slots {
        reaper::run(slot).failed_saying(&["it is counted from now on"]);
        assert_eq!(verdict(slot), "Unknown");
    }
    let counted = || ways.map(|(_, service)| traefik.counted(&format!("{}-{service}", mewtwo.name())));
    let mut last = mewtwo.object()["status"]["lastActivity"].clone();
    for (at, (way, _)) in ways.into_iter().enumerate() {
        let mut expected = counted();
        traefik.request(&host(mewtwo, way), "/").succeeded();
        expected[at] += 1;
        until(&format!("the Service of {way:?} alone to be counted"), Duration::from_secs(10), || {
            let now = counted();
            if now == expected { Ok(()) } else { Err(format!("{now:?}, and not {expected:?}")) }
        });
        reaper::run(mewtwo).succeeded();
        assert_eq!(verdict(mewtwo), "Active", "{way:?}");
        let activity = mewtwo.object()["status"]["lastActivity"].clone();
        assert_eq!(activity["signal"], "traffic", "{way:?}");
        assert_ne!(activity["time"], last["time"], "{way:?}: its counter grew since the run before");
        let detail = activity["detail"].as_str().unwrap_or_default();
        let by = format!("a request was served by {}-", mewtwo.name());
        assert!(detail.starts_with(&by) && detail.ends_with("(by its counter)"), "{way:?}: {detail}");
        last = activity;
    }
    until("the neighbour to be idle", Duration::from_secs(120), || {
        traefik.request(&host(mewtwo, Way::Ingress), "/").succeeded();
        let run = reaper::run(mew);
        if verdict(mew) == "Idle" { Ok(()) } else { Err(format!("{run:?}")) }
    });
    assert_eq!((releases(mew), releases(mewtwo)), (vec![], vec!["web".to_owned()]));
}

#[test]
fn what_a_middleware_answers_is_in_no_counter_but_in_the_log() {
    let _held = installation::shared();
    let traefik = Traefik::shared();
    let mew = slot(&traefik, &unique("mew").replace('-', ""), &[traefik.metrics()], "15s");
    until_they_may_count(&traefik, std::slice::from_ref(&mew));
    let away = json!({"redirectRegex": {"regex": ".*", "replacement": "http://elsewhere.invalid/"}});
    open_behind(&traefik, &mew, mew.name(), &away, "/");
    until_quiet(&traefik, std::slice::from_ref(&mew), 15);
    reaper::run(&mew).failed_saying(&["it is counted from now on"]);
    let before = traefik.log(&router(&mew)).len();
    until("the slot to be idle by its counters", Duration::from_secs(120), || {
        let _redirected = traefik.request(&host(&mew, Way::IngressRoute), "/");
        // Nobody else may be asking Traefik for anything just now.
        let settings = [("HOTDESK_DRY_RUN", "true"), ("HOTDESK_SILENCE_IS_FINE", "true")];
        let run = reaper::run_with(&mew, &settings);
        if run.message.contains("Would uninstall: web") { Ok(()) } else { Err(format!("{run:?}")) }
    });
    assert!(traefik.log(&router(&mew)).len() > before, "they are in its log");
    assert_eq!(traefik.counted(&format!("{}-", mew.name())), 0, "and in no counter");
    assert_ne!(mew.object()["status"]["lastActivity"]["signal"], "traffic");
}
