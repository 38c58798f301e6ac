//! What a real Traefik says of who was asked for: by its access log and by its counters, for each kind of route that it serves.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::time::Duration;

use hotdesk_e2e::reaper::{self, releases, verdict};
use hotdesk_e2e::slot::{Wish, unique};
use hotdesk_e2e::traefik::{Traefik, Way, host};
use hotdesk_e2e::{Helm, TestSlot, alice, installation, until};
use serde_json::{Value, json};

/// A slot of alice's with a release, whose reaper has these sources.
fn slot(traefik: &Traefik, name: &str, sources: &[Value], window: &str) -> TestSlot {
    let reaper = json!({"window": window, "trial": true, "officeHours": [], "pause": "1s", "sources": sources});
    let slot = Wish::held_by(&["alice@example.com"]).named(name).reaper(reaper).make();
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

/// mewtwo is asked for, also by a path that spells mew; mew goes, and mewtwo stays.
fn told_by_the_log(way: Way, service: impl Fn(&str) -> String) {
    let _held = installation::shared();
    let traefik = Traefik::shared();
    let slots = pair(&traefik, &[traefik.logs()], "15s");
    let [mew, mewtwo] = &slots;
    for slot in &slots {
        traefik.open(slot, way, "web");
        traefik.until_served(&host(slot));
    }
    until_quiet(&traefik, &slots, 15);
    traefik.request(&host(mewtwo), &format!("/index.html?{}-web-80", mew.name())).succeeded();
    reaper::run(mewtwo).succeeded();
    reaper::run(mew).succeeded();
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
