//! What does the administrator see and do in the cluster? Asked by one client that a program's tests share: a kubectl for each
//! look at a condition keeps a processor busy for a tenth of a second, and there are thousands of looks.

use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use http::Request;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::discovery::{ApiCapabilities, ApiResource, Discovery, Scope};
use kube::{Client, Config};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::{CommandOutput, admin};

const JSON: &str = "application/json";
const MERGE: &str = "application/merge-patch+json";
const APPLY: &str = "application/apply-patch+yaml";

/// A client of the administrator.
pub async fn client(change: impl FnOnce(&mut Config)) -> Client {
    // One provider for everything: without a default, rustls panics at its first use.
    let _already_installed = rustls::crypto::ring::default_provider().install_default();
    let kubeconfig = Kubeconfig::read_from(admin().kubeconfig()).unwrap();
    let mut config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap();
    config.default_retry = false;
    change(&mut config);
    Client::try_from(config).unwrap()
}

struct Shared {
    client: Client,
    runtime: Runtime,
    /// The kinds that the API server has, as far as somebody has asked.
    kinds: Mutex<Vec<(ApiResource, ApiCapabilities)>>,
}

fn shared() -> &'static Shared {
    static SHARED: OnceLock<Shared> = OnceLock::new();
    SHARED.get_or_init(|| {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let client = runtime.block_on(client(|_| ()));
        Shared { client, runtime, kinds: Mutex::default() }
    })
}

/// The kind that is meant by `deployments`, `deployment` or `Deployment`, or by one of these before its group: `nodes.metrics.k8s.io`.
fn kind(name: &str) -> (ApiResource, ApiCapabilities) {
    let (word, group) = name.split_once('.').map_or((name, None), |(word, group)| (word, Some(group)));
    let is_meant = |kind: &ApiResource| {
        (kind.plural == word || kind.kind.eq_ignore_ascii_case(word)) && group.is_none_or(|group| kind.group == group)
    };
    kind_of(name, is_meant)
}

fn kind_of(name: &str, is_meant: impl Fn(&ApiResource) -> bool) -> (ApiResource, ApiCapabilities) {
    let shared = shared();
    let mut kinds = shared.kinds.lock().unwrap_or_else(PoisonError::into_inner);
    let known = |kinds: &[(ApiResource, ApiCapabilities)]| kinds.iter().find(|(kind, _)| is_meant(kind)).cloned();
    known(&kinds).unwrap_or_else(|| {
        // A test may have brought it a moment ago.
        let found = shared.runtime.block_on(Discovery::new(shared.client.clone()).run_aggregated()).unwrap();
        *kinds = found
            .groups_alphabetical()
            .into_iter()
            .flat_map(kube::discovery::ApiGroup::recommended_resources)
            .collect();
        known(&kinds).unwrap_or_else(|| panic!("the API server has no kind {name}"))
    })
}

/// Where objects of a kind are; in no namespace, those of all.
fn path((kind, capabilities): &(ApiResource, ApiCapabilities), namespace: &str) -> String {
    let root = if kind.group.is_empty() { "api" } else { "apis" };
    match (&capabilities.scope, namespace) {
        (Scope::Namespaced, namespace) if !namespace.is_empty() => {
            format!("/{root}/{}/namespaces/{namespace}/{}", kind.api_version, kind.plural)
        }
        _ => format!("/{root}/{}/{}", kind.api_version, kind.plural),
    }
}

/// One request, again if there was no answer: the API server may have been started since the last one.
fn ask(method: &str, path: &str, content: &str, body: Option<&Value>) -> Result<String, kube::Error> {
    let body = body.map(Value::to_string).unwrap_or_default().into_bytes();
    let request =
        || Request::builder().method(method).uri(path).header("Content-Type", content).body(body.clone()).unwrap();
    let shared = shared();
    shared.runtime.block_on(async {
        for _ in 0..3 {
            match shared.client.request_text(request()).await {
                Err(kube::Error::Service(_) | kube::Error::HyperError(_)) => {
                    tokio::time::sleep(Duration::from_millis(200)).await;
                }
                answered => return answered,
            }
        }
        shared.client.request_text(request()).await
    })
}

#[track_caller]
fn must(method: &str, path: &str, content: &str, body: Option<&Value>) -> Value {
    let answered = ask(method, path, content, body).unwrap_or_else(|e| panic!("{method} {path}: {e}"));
    serde_json::from_str(&answered).unwrap_or_else(|e| panic!("{method} {path}: {e}: {answered}"))
}

fn is_absent(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 404)
}

/// What is at a path of the API server, as `kubectl get --raw` shows it.
pub fn raw(path: &str) -> CommandOutput {
    let (code, stdout, stderr) = match ask("GET", path, JSON, None) {
        Ok(text) => (0, text, String::new()),
        Err(error) => (1, String::new(), error.to_string()),
    };
    CommandOutput { line: format!("GET {path}"), code: Some(code), stdout, stderr }
}

/// An object, if there is one.
#[track_caller]
pub fn find(namespace: &str, kind_name: &str, name: &str) -> Option<Value> {
    let path = format!("{}/{name}", path(&kind(kind_name), namespace));
    match ask("GET", &path, JSON, None) {
        Ok(text) => Some(serde_json::from_str(&text).unwrap()),
        Err(error) if is_absent(&error) => None,
        Err(error) => panic!("GET {path}: {error}"),
    }
}

/// An object.
#[track_caller]
pub fn get(namespace: &str, kind_name: &str, name: &str) -> Value {
    find(namespace, kind_name, name).unwrap_or_else(|| panic!("there is no {kind_name} {name} in {namespace}"))
}

/// The objects of a kind with these labels; of every namespace if none is named. Each says what it is.
#[track_caller]
pub fn list(namespace: &str, kind_name: &str, selector: &str) -> Vec<Value> {
    let kind = kind(kind_name);
    let selector = percent_encoding::utf8_percent_encode(selector, percent_encoding::NON_ALPHANUMERIC);
    let mut listed = must("GET", &format!("{}?labelSelector={selector}", path(&kind, namespace)), JSON, None);
    let Value::Array(mut items) = listed["items"].take() else { panic!("not a list: {listed}") };
    for item in &mut items {
        item["apiVersion"] = json!(kind.0.api_version);
        item["kind"] = json!(kind.0.kind);
    }
    items
}

/// Makes an object.
#[track_caller]
pub fn create(namespace: &str, object: &Value) -> Value {
    must("POST", &path(&kind_of_object(object), namespace), JSON, Some(object))
}

/// Changes an object by a merge patch.
#[track_caller]
pub fn patch(namespace: &str, kind_name: &str, name: &str, patch: &Value) -> Value {
    must("PATCH", &format!("{}/{name}", path(&kind(kind_name), namespace)), MERGE, Some(patch))
}

/// Makes or changes objects, each in its own namespace.
#[track_caller]
pub fn apply(objects: &[Value]) {
    for object in objects {
        let namespace = object["metadata"]["namespace"].as_str().unwrap_or_default();
        let name = object["metadata"]["name"].as_str().unwrap();
        let path = format!("{}/{name}?fieldManager=e2e&force=true", path(&kind_of_object(object), namespace));
        // Two tests may make what they share at the same time.
        let is_taken = |error: &kube::Error| matches!(error, kube::Error::Api(status) if status.code == 409);
        let answered = ask("PATCH", &path, APPLY, Some(object));
        let answered =
            if answered.as_ref().is_err_and(is_taken) { ask("PATCH", &path, APPLY, Some(object)) } else { answered };
        answered.unwrap_or_else(|e| panic!("PATCH {path}: {e}"));
    }
}

fn kind_of_object(object: &Value) -> (ApiResource, ApiCapabilities) {
    let (version, name) = (object["apiVersion"].as_str().unwrap(), object["kind"].as_str().unwrap());
    kind_of(&format!("{name} of {version}"), |kind| kind.api_version == version && kind.kind == name)
}

/// Deletes an object, and what belongs to it; without waiting, and whether there is one or not.
#[expect(clippy::print_stderr, reason = "a test that has ended cannot fail any more")]
pub fn delete(namespace: &str, kind_name: &str, name: &str) {
    let path = format!("{}/{name}?propagationPolicy=Background", path(&kind(kind_name), namespace));
    match ask("DELETE", &path, JSON, None) {
        Err(error) if !is_absent(&error) => eprintln!("DELETE {path}: {error}"),
        _ => {}
    }
}

/// The same for all objects of a kind with these labels; of every namespace if none is named.
pub fn delete_all(namespace: &str, kind_name: &str, selector: &str) {
    for object in list(namespace, kind_name, selector) {
        let at = |field: &str| object["metadata"][field].as_str().unwrap_or_default();
        delete(at("namespace"), kind_name, at("name"));
    }
}

/// What a pod's only container has written.
pub fn logs(namespace: &str, pod: &str) -> String {
    raw(&format!("/api/v1/namespaces/{namespace}/pods/{pod}/log")).stdout
}

/// Whether this service account may do that, such as `may(account, "get", JOBS, "", "configmaps", "hotdesk-sessions")`.
pub fn may(account: &str, verb: &str, namespace: &str, group: &str, resource: &str, name: &str) -> bool {
    let its_namespace = account.split(':').nth(2).unwrap_or_default();
    let groups = ["system:serviceaccounts", &format!("system:serviceaccounts:{its_namespace}"), "system:authenticated"];
    let asked = json!({"verb": verb, "namespace": namespace, "group": group, "resource": resource, "name": name});
    let review = json!({"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview",
        "spec": {"user": account, "groups": groups, "resourceAttributes": asked}});
    must("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", JSON, Some(&review))["status"]["allowed"] == true
}

/// A write that is judged and not done: a ConfigMap by this person of the developers.
pub fn probe(namespace: &str, who: &str) -> CommandOutput {
    let path = format!("/api/v1/namespaces/{namespace}/configmaps?dryRun=All");
    let object = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "probe"}});
    let request = Request::post(&path).header("Content-Type", JSON).header("Impersonate-User", who);
    let request = request.header("Impersonate-Group", "developers").body(object.to_string().into_bytes()).unwrap();
    let shared = shared();
    let (code, stderr) = match shared.runtime.block_on(shared.client.request_text(request)) {
        Ok(_) => (0, String::new()),
        Err(error) => (1, error.to_string()),
    };
    CommandOutput { line: format!("POST {path} as {who}"), code: Some(code), stdout: String::new(), stderr }
}
