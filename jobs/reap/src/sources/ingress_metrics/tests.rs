//! Pods whose metrics cannot be read, or are read in part. None of it may look like a quiet slot.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::{Request, Response};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};

use super::*;
use hotdesk_traffic::attribute::{Names, Service};
use hotdesk_traffic::sources::{Controller as Kind, PodSelector};

const METRICS: &str = "# TYPE nginx_ingress_controller_requests counter
nginx_ingress_controller_requests{namespace=\"mew\",path=\"/\"} 7
nginx_ingress_controller_requests{namespace=\"mewtwo\",path=\"/\"} 9
process_start_time_seconds 1e9
";

fn at(time: &str) -> Timestamp {
    format!("2026-11-23T{time}Z").parse().unwrap()
}

/// An API server with pods, and what each answers.
#[derive(Clone)]
struct FakeCluster {
    pods: Vec<Value>,
    status: u16,
    metrics: String,
    asked: Arc<Mutex<Vec<String>>>,
}

fn pod(name: &str) -> Value {
    json!({
        "metadata": {"name": name, "uid": name, "creationTimestamp": "2026-11-23T08:00:00Z"},
        "status": {"phase": "Running", "containerStatuses": [{
            "name": "controller", "image": "x", "imageID": "x", "ready": true, "restartCount": 0,
            "state": {"running": {"startedAt": "2026-11-23T08:00:05Z"}},
        }]},
    })
}

fn world() -> FakeCluster {
    FakeCluster { pods: vec![pod("a"), pod("b")], status: 200, metrics: METRICS.to_owned(), asked: Arc::default() }
}

fn query() -> Query {
    let web = Service { name: "web".to_owned(), ports: vec!["80".to_owned()], ..Service::default() };
    Query {
        slot: "mew".to_owned(),
        names: Names::new("mew", &[web], &["mewtwo".to_owned()]),
        since: at("14:00:00"),
        look_back: at("03:00:00"),
        now: at("15:00:00"),
        silence_is_fine: false,
    }
}

fn ask(world: &FakeCluster, before: Option<&Counted>) -> (Observation, Option<Counted>) {
    let seen = world.clone();
    let service = tower::service_fn(move |request: Request<Body>| {
        let path = request.uri().path().to_owned();
        seen.asked.lock().unwrap().push(path.clone());
        let (status, body) = if path.contains("/proxy") {
            (seen.status, seen.metrics.clone())
        } else if path.ends_with("/pods") {
            (200, json!({"metadata": {}, "items": seen.pods}).to_string())
        } else {
            (200, json!({"metadata": {}, "items": []}).to_string())
        };
        let response = Response::builder().status(status).body(Body::from(body.into_bytes())).unwrap();
        async move { Ok::<_, std::convert::Infallible>(response) }
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let cluster = Cluster::pretended(Client::new(service, "mew"), Duration::from_secs(60));
        let text = |text: &str| text.to_owned();
        let place =
            PodSelector { namespace: text("ingress-nginx"), selector: text("a=b"), container: text("controller") };
        let metrics = IngressMetrics {
            place,
            controller: Kind::IngressNginx,
            port: 10254,
            path: text("/metrics"),
            any_host: false,
        };
        let query = query();
        look(&cluster, &Question { source: "ingress-metrics", metrics: &metrics, query: &query, before }).await
    })
}

/// What a run an hour ago would have kept.
fn kept() -> Counted {
    let (_, counted) = ask(&world(), None);
    let mut counted = counted.unwrap();
    (counted.since, counted.through) = (Time(at("13:00:00")), Time(at("14:00:00")));
    counted
}

#[track_caller]
fn blind(change: impl FnOnce(&mut FakeCluster), expected: &str) {
    let mut world = world();
    change(&mut world);
    let (look, counted) = ask(&world, Some(&kept()));
    assert!(look.hit.is_none() && look.doubts.iter().any(|doubt| doubt.contains(expected)), "{expected}: {look:?}");
    assert_eq!(counted, None, "what was kept stays for the next run");
}

#[test]
fn each_pods_own_metrics_are_asked_for_through_the_api_server() {
    let world = world();
    let (look, counted) = ask(&world, Some(&kept()));
    assert_eq!((&look.hit, &look.doubts, look.samples), (&None, &vec![], 32));
    assert_eq!(look.from, at("13:00:00"));
    assert_eq!(counted.unwrap().pods.len(), 2);
    let asked = world.asked.lock().unwrap().clone();
    assert!(asked.contains(&"/api/v1/namespaces/ingress-nginx/pods/a:10254/proxy/metrics".to_owned()), "{asked:?}");
}

#[test]
fn a_grown_counter_is_use_and_is_remembered_for_as_long_as_the_window() {
    let mut world = world();
    world.metrics = METRICS.replace("} 7", "} 8");
    let (look, counted) = ask(&world, Some(&kept()));
    assert_eq!(look.hit.unwrap().time, at("15:00:00"));
    let used = |time: &str| {
        let mut counted = counted.clone().unwrap();
        counted.last_use = Some(Time(at(time)));
        counted.since = Time(at(time));
        ask(&world, Some(&counted)).0
    };
    assert!(used("14:30:00").hit.is_some());
    let earlier = used("13:59:59");
    assert_eq!((earlier.hit, earlier.doubts), (None, vec![]));
}

#[test]
fn samples_that_join_up_for_less_than_the_window_prove_nothing() {
    let mut young = kept();
    young.since = Time(at("14:30:00"));
    let (look, _) = ask(&world(), Some(&young));
    assert!(look.doubts[0].contains("join up only since 14:30:00 UTC"), "{look:?}");
    let (first, _) = ask(&world(), None);
    assert!(first.doubts[0].contains("counted from now on"), "{first:?}");
}

#[test]
fn whatever_is_not_the_whole_of_it_is_a_doubt() {
    blind(|world| world.status = 403, "the metrics of the controller pod a cannot be read");
    blind(|world| world.status = 503, "cannot be read");
    blind(|world| world.status = 404, "cannot be read");
    blind(|world| world.metrics.clear(), "it is empty");
    blind(|world| world.metrics.truncate(METRICS.len() - 5), "in the middle of a line");
    blind(|world| world.metrics = METRICS.replace("} 7", "} NaN"), "its value is not a count");
    blind(|world| world.metrics = METRICS.replace("namespace=\"mew\",", ""), "it has no label namespace");
    blind(|world| world.metrics = format!("{METRICS}{}\n", "x".repeat(300_000)), "a line that is too long");
    blind(|world| world.pods.clear(), "there is no ingress controller");
    blind(|world| world.pods[1]["status"]["phase"] = json!("Pending"), "b is Pending");
}

#[test]
fn a_controller_that_counts_nobody_at_all_proves_nothing() {
    let mut world = world();
    world.metrics = "process_start_time_seconds 1e9\n".to_owned();
    let (_, counted) = ask(&world, None);
    let mut counted = counted.unwrap();
    (counted.since, counted.through) = (Time(at("13:00:00")), Time(at("14:00:00")));
    let (look, _) = ask(&world, Some(&counted));
    assert_eq!((look.hit, look.samples), (None, 0));
}
