//! What is asked and written, against a made-up API server.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Mutex;
use std::time::Instant;

use http_body_util::BodyExt as _;
use kube::client::Body;
use serde_json::{Value, json};

use super::*;
use crate::slots::tests::object;

/// Answers by method and path, and what was written: method, path and body.
#[derive(Default)]
struct Api {
    answers: BTreeMap<String, (u16, Value)>,
    writes: Mutex<Vec<(String, Value)>>,
}

fn now() -> Timestamp {
    "2026-11-23T15:00:00Z".parse().unwrap()
}

const SLOT: &str = "/apis/hotdesk.dev/v1alpha1/namespaces/mew/slots/slot";
const JOBS: &str = "/apis/batch/v1/namespaces/hotdesk-jobs/jobs";
const CRON_JOBS: &str = "/apis/batch/v1/namespaces/hotdesk-jobs/cronjobs";
const EVENTS: &str = "/apis/events.k8s.io/v1/namespaces/mew/events";

impl Api {
    /// One where alice, who holds mew, has just asked for a reap.
    fn asked() -> Self {
        let request = json!({"reap": {"id": "r1", "claimID": "c1", "by": "alice", "at": "2026-11-23T15:00:00Z"}});
        let spec = json!({"claim": {"users": ["alice"]}, "requests": request});
        let slot = object("slot", &spec, &json!({"phase": "Held"}));
        let cron_job = json!({"metadata": {"name": "reap-mew", "namespace": "hotdesk-jobs"}, "spec": {"schedule": "7 * * * *",
            "jobTemplate": {"spec": {"template": {"spec": {"containers": [{"name": "reaper"}]}}}}}});
        let mut api = Self::default();
        api.answer("GET", SLOT, 200, json!(slot));
        api.answer("GET", CRON_JOBS, 200, json!({"metadata": {}, "items": [cron_job]}));
        api.answer("GET", JOBS, 200, json!({"metadata": {}, "items": []}));
        api.answer("PATCH", &format!("{SLOT}/status"), 200, json!(slot));
        api.answer("POST", JOBS, 201, json!({"metadata": {"name": "reap-mew-r1"}}));
        api.answer("POST", EVENTS, 201, json!({"metadata": {"name": "e"}, "eventTime": null}));
        api
    }

    fn answer(&mut self, method: &str, path: &str, code: u16, body: Value) {
        let body =
            if code < 300 { body } else { json!({"status": "Failure", "code": code, "message": body, "reason": ""}) };
        self.answers.insert(format!("{method} {path}"), (code, body));
    }

    async fn take(&self, request: http::Request<Body>) -> http::Response<Body> {
        let asked = format!("{} {}", request.method(), request.uri().path());
        let body = request.into_body().collect().await.unwrap().to_bytes();
        if !asked.starts_with("GET ") {
            self.writes.lock().unwrap().push((asked.clone(), serde_json::from_slice(&body).unwrap()));
        }
        let missing = json!({"status": "Failure", "code": 404, "message": format!("no {asked}"), "reason": "NotFound"});
        let (code, answer) = self.answers.get(&asked).cloned().unwrap_or((404, missing));
        http::Response::builder().status(code).body(Body::from(serde_json::to_vec(&answer).unwrap())).unwrap()
    }
}

/// Brings the Slot up to date once, and gives what was written and how that ended.
async fn brought(api: Api) -> (Vec<(String, Value)>, Result<Option<Duration>, ClusterError>) {
    let slot = api.answers.get(&format!("GET {SLOT}")).map(|(_, slot)| slot.clone()).unwrap();
    let slot = ReadSlot::read(&serde_json::from_value(slot).unwrap()).unwrap().unwrap();
    let api = Arc::new(api);
    let served = api.clone();
    let service = tower::service_fn(move |request| {
        let api = served.clone();
        async move { Ok::<_, Infallible>(api.take(request).await) }
    });
    let client = Client::new(service, "hotdesk");
    let recorder = hotdesk_runtime::events::recorder(client.clone(), "controller");
    let cluster = Cluster::new(client, "hotdesk-jobs".to_owned());
    let slots = Slots::new(cluster, recorder, Arc::new(Metrics::new(Instant::now())), now);
    let ended = slots.bring(slot).await;
    let writes = std::mem::take(&mut *api.writes.lock().unwrap());
    (writes, ended)
}

/// What was written into the status of the request, and the paths of all writes.
fn told(writes: &[(String, Value)]) -> (Vec<&str>, Option<String>) {
    let paths = writes.iter().map(|(path, _)| path.as_str()).collect();
    let request = writes.iter().rev().find_map(|(_, body)| body.pointer("/status/request"));
    let text = |request: &Value, field: &str| request[field].as_str().unwrap_or_default().to_owned();
    (paths, request.map(|request| format!("{}: {}", text(request, "phase"), text(request, "message"))))
}

#[tokio::test]
async fn a_request_becomes_a_job_before_its_status_says_so() {
    let (writes, ended) = brought(Api::asked()).await;
    let (status, jobs) = (format!("PATCH {SLOT}/status"), format!("POST {JOBS}"));
    let (paths, request) = told(&writes);
    // The first is what is set for the reaper.
    assert_eq!((paths, request.as_deref()), (vec![&*status, &*jobs, &*status], Some("Pending: ")));
    assert_eq!(ended.unwrap(), Some(BETWEEN_LOOKS));
}

#[tokio::test]
async fn a_job_that_was_there_is_not_made_twice() {
    let mut api = Api::asked();
    api.answer("POST", JOBS, 409, json!("jobs.batch \"reap-mew-r1\" already exists"));
    let (writes, ended) = brought(api).await;
    assert_eq!(told(&writes).1.as_deref(), Some("Pending: "));
    assert!(ended.is_ok());
}

#[tokio::test]
async fn a_job_that_is_not_admitted_ends_the_request_and_people_are_told() {
    let mut api = Api::asked();
    api.answer("POST", JOBS, 403, json!("exceeded quota: jobs"));
    let (writes, _) = brought(api).await;
    let (paths, request) = told(&writes);
    assert_eq!(request.as_deref(), Some("Refused: its job was not admitted: exceeded quota: jobs"));
    assert_eq!(paths.last(), Some(&format!("POST {EVENTS}").as_str()));
    let event = &writes.last().unwrap().1;
    assert_eq!(event["reason"], "RequestRefused");
    assert_eq!(event["note"], "reap, asked for by alice: its job was not admitted: exceeded quota: jobs");
}

#[tokio::test]
async fn what_may_pass_is_tried_again_and_says_nothing_yet() {
    let mut api = Api::asked();
    api.answer("POST", JOBS, 500, json!("etcd is away"));
    let (writes, ended) = brought(api).await;
    assert_eq!(told(&writes).1, None);
    assert!(ended.unwrap_err().to_string().contains("etcd is away"));
}

#[tokio::test]
async fn a_lapse_is_written_whatever_else_cannot_be_read() {
    let mut api = Api::asked();
    let until = "2026-11-23T14:59:59Z";
    let spec = json!({"claim": {"users": ["alice"], "until": until}});
    api.answer("GET", SLOT, 200, json!(object("slot", &spec, &json!({"phase": "Held"}))));
    api.answer("GET", CRON_JOBS, 403, json!("cronjobs.batch is forbidden"));
    let (writes, ended) = brought(api).await;
    let patch = json!({"status": {"phase": "Lapsed", "lapsedUntil": until}});
    assert_eq!(writes, [(format!("PATCH {SLOT}/status"), patch)]);
    assert!(ended.unwrap_err().to_string().starts_with("its CronJob cannot be read: "));
}
