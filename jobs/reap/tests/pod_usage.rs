//! A real Prometheus is asked what the slot's own pods received.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by a panic")]

mod support;

use std::collections::BTreeSet;

use hotdesk_reap::sources::pod_usage::prometheus::look;
use hotdesk_traffic::pod_usage::samples::Watched;
use hotdesk_traffic::pod_usage::{Asked, Costs, Finding, Origin, read};
use jiff::SignedDuration;
use k8s_openapi::api::core::v1::Pod;
use serde_json::json;
use support::{Series, clock, holding, minutes};

/// A counter that grows by so much a minute for two hours.
fn growing(series: &str, a_minute: f64) -> Series<'_> {
    let counted = |minute: i64| f64::from(i32::try_from(120 - minute).unwrap());
    (series, (0..=120).rev().map(|minute| (minute, 1e6 + a_minute * counted(minute))).collect())
}

const RECEIVED: &str =
    "container_network_receive_bytes_total{namespace=\"mew\",pod=\"web-0\",interface=\"eth0\",job=\"kubelet\"}";
const USED: &str = "container_cpu_usage_seconds_total{namespace=\"mew\",pod=\"web-0\",container=\"c\",job=\"kubelet\"}";
const PROBED: &str = "prober_probe_total{namespace=\"mew\",pod=\"web-0\",container=\"c\",probe_type=\"Liveness\",\
                      result=\"successful\",job=\"kubelet\"}";

#[track_caller]
fn told(what: &str, finding: &Finding, expected: &str) {
    let told = match finding {
        Finding::Above { detail, .. } => format!("above: {detail}"),
        Finding::Quiet(how) => format!("quiet: {how}"),
        Finding::Unclear(why) => format!("unclear: {why}"),
    };
    assert!(told.starts_with(expected), "{what}: expected {expected:?}, found {told:?}");
}

async fn given(what: &str, series: &[Series<'_>], expected: &str) {
    let server = holding(series).await;
    let settings = read(&format!("{{from: prometheus, prometheus: {{url: '{}'}}}}", server.address)).unwrap().unwrap();
    let Origin::Prometheus(store) = &settings.origin else { panic!() };
    let container = json!({"name": "c", "livenessProbe": {"httpGet": {"path": "/", "port": 80}}});
    let pod: Pod = serde_json::from_value(json!({"spec": {"containers": [container]}})).unwrap();
    let now = clock();
    let started = now - SignedDuration::from_hours(9);
    let watched = [Watched { name: "web-0".to_owned(), started, costs: Costs::of(&pod) }];
    let asked = Asked { floor: settings.floor, since: now - SignedDuration::from_hours(1), now, before: None };
    let found = look(store, &asked, "mew", &watched, &BTreeSet::new(), clock).await.unwrap();
    told(what, &found.finding, expected);
}

#[tokio::test]
async fn e21_calls_that_no_log_has_are_seen() {
    let busy = [growing(RECEIVED, 1025.0 * 60.0), growing(USED, 0.06)];
    given("e21", &busy, "above: the pods received 3.5 MiB that no log explains").await;
}

#[tokio::test]
async fn e22_probes_are_taken_off() {
    let probed = [growing(RECEIVED, 524.0 * 60.0), growing(USED, 0.06), growing(PROBED, 60.0)];
    given("e22", &probed, "quiet: the pod received 7").await;
}

#[tokio::test]
async fn cpu_beyond_the_quietest_hour_of_the_day_is_seen() {
    let worked =
        [minutes(120, 61, 500.0), (0..=60).rev().map(|m| (m, 500.0 + 30.0 * (60 - m) as f64)).collect()].concat();
    given("busy", &[growing(RECEIVED, 60.0), (USED, worked)], "above: the pod web-0 used 0.").await;
}

#[tokio::test]
async fn a_pod_that_is_not_sampled_is_a_doubt() {
    let other =
        growing("container_network_receive_bytes_total{namespace=\"mewtwo\",pod=\"web-0\",interface=\"eth0\"}", 9e6);
    given(
        "another slot's",
        &[other],
        "unclear: the Prometheus has no container_network_receive_bytes_total of the pod web-0",
    )
    .await;
    let stale = (RECEIVED, minutes(120, 20, 1e6));
    given(
        "stale",
        &[stale, growing(USED, 0.06)],
        "unclear: the bytes received by the pod web-0: the Prometheus has no samples since",
    )
    .await;
}
