//! How does a request get to the API server, and as whom?

use std::collections::HashMap;
use std::fmt;
use std::sync::Mutex;
use std::time::Duration;

use futures::future::join_all;
use hotdesk_e2e::admin;
use hotdesk_e2e::people::cluster_dir;
use http::{HeaderName, HeaderValue, Method, Request, Response};
use http_body_util::BodyExt as _;
use kube::client::Body;
use kube::config::{AuthInfo, KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde_json::Value;
use tokio::runtime::Runtime;

/// The field manager of strangers' writes: where it is found, an attack has left its mark.
pub const ATTACKER: &str = "attacker";
const SET_UP: &str = "set-up";
/// The longest that the API server waits for a webhook, and then some.
const PATIENCE: Duration = Duration::from_secs(60);

/// Who sends a request: a kubeconfig of the test cluster, and headers on top of it.
#[derive(Debug, Clone)]
pub struct Actor {
    kubeconfig: &'static str,
    headers: Vec<(String, String)>,
}

/// No credential at all.
const NOBODY: &str = "";

impl Actor {
    const fn by(kubeconfig: &'static str) -> Self {
        Self { kubeconfig, headers: Vec::new() }
    }

    /// Somebody in the group `developers`, who have the role `edit` in every slot.
    pub fn developer(name: &str) -> Self {
        Self::named(name).in_group("developers")
    }

    /// Somebody whom the administrator impersonates.
    pub fn named(name: &str) -> Self {
        Self::by("admin").impersonating(name)
    }

    /// A service account without a token.
    pub fn account(namespace: &str, name: &str) -> Self {
        Self::named(&format!("system:serviceaccount:{namespace}:{name}"))
    }

    /// What the API server says of an account that shows the token of a pod.
    pub fn in_a_pod(self) -> Self {
        self.with_extra("authentication.kubernetes.io/pod-name", "pod")
            .with_extra("authentication.kubernetes.io/credential-id", "JTI=5a4b")
    }

    /// Whom this token names.
    pub fn by_token(token: &str) -> Self {
        Self::by(NOBODY).with_header("Authorization", &format!("Bearer {token}"))
    }

    /// The same credential, for somebody else.
    pub fn impersonating(self, user: &str) -> Self {
        self.with_header("Impersonate-User", user)
    }

    pub fn in_group(self, group: &str) -> Self {
        self.with_header("Impersonate-Group", group)
    }

    pub fn with_extra(self, key: &str, value: &str) -> Self {
        self.with_header(&format!("Impersonate-Extra-{}", key.replace('/', "%2F")), value)
    }

    fn with_header(mut self, key: &str, value: &str) -> Self {
        self.headers.push((key.to_owned(), value.to_owned()));
        self
    }

    fn manager(&self) -> &'static str {
        let holds = ["admin", "alice"].contains(&self.kubeconfig) && self.headers.is_empty();
        if holds { SET_UP } else { ATTACKER }
    }
}

/// In `system:masters`.
pub fn administrator() -> Actor {
    Actor::by("admin")
}
pub fn alice() -> Actor {
    Actor::by("alice")
}
pub fn bob() -> Actor {
    Actor::by("bob")
}
pub fn carol() -> Actor {
    Actor::by("carol")
}
/// May impersonate alice, bob and carol.
pub fn ci() -> Actor {
    Actor::by("ci")
}
pub fn anonymous() -> Actor {
    Actor::by(NOBODY)
}
/// Cluster-admin for RBAC, and nothing for hotdesk.
pub fn mallory() -> Actor {
    Actor::named(MALLORY)
}
pub const MALLORY: &str = "mallory@example.com";

/// A request.
#[derive(Debug, Clone)]
pub struct Ask {
    pub method: Method,
    pub path: String,
    content: &'static str,
    body: Vec<u8>,
    headers: Vec<(&'static str, &'static str)>,
}

const JSON: &str = "application/json";

impl Ask {
    pub fn new(method: Method, path: impl Into<String>, content: &'static str, body: Vec<u8>) -> Self {
        Self { method, path: path.into(), content, body, headers: Vec::new() }
    }

    pub fn get(path: impl Into<String>) -> Self {
        Self::new(Method::GET, path, JSON, Vec::new())
    }

    pub fn post(path: impl Into<String>, body: &Value) -> Self {
        Self::new(Method::POST, path, JSON, body.to_string().into_bytes())
    }

    pub fn put(path: impl Into<String>, body: &Value) -> Self {
        Self::new(Method::PUT, path, JSON, body.to_string().into_bytes())
    }

    pub fn delete(path: impl Into<String>) -> Self {
        Self::new(Method::DELETE, path, JSON, Vec::new())
    }

    pub fn merge(path: impl Into<String>, body: &Value) -> Self {
        Self::new(Method::PATCH, path, "application/merge-patch+json", body.to_string().into_bytes())
    }

    pub fn strategic(path: impl Into<String>, body: &Value) -> Self {
        Self::new(Method::PATCH, path, "application/strategic-merge-patch+json", body.to_string().into_bytes())
    }

    pub fn json_patch(path: impl Into<String>, body: &Value) -> Self {
        Self::new(Method::PATCH, path, "application/json-patch+json", body.to_string().into_bytes())
    }

    /// Server-side apply with force.
    pub fn apply(path: impl Into<String>, body: &Value) -> Self {
        let ask = Self::new(Method::PATCH, path, "application/apply-patch+yaml", body.to_string().into_bytes());
        ask.with_query("force=true")
    }

    pub fn with_query(mut self, query: &str) -> Self {
        let sign = if self.path.contains('?') { '&' } else { '?' };
        self.path = format!("{}{sign}{query}", self.path);
        self
    }

    pub fn with_header(mut self, key: &'static str, value: &'static str) -> Self {
        self.headers.push((key, value));
        self
    }

    /// Judged, and not done.
    pub fn dry(self) -> Self {
        self.with_query("dryRun=All")
    }

    /// What begins to work in a pod, by WebSocket.
    pub fn by_websocket(self) -> Self {
        self.with_header("Connection", "Upgrade")
            .with_header("Upgrade", "websocket")
            .with_header("Sec-WebSocket-Version", "13")
            .with_header("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
            .with_header("Sec-WebSocket-Protocol", "v5.channel.k8s.io")
    }

    /// The same by SPDY.
    pub fn by_spdy(self) -> Self {
        self.with_header("Connection", "Upgrade").with_header("Upgrade", "SPDY/3.1")
    }

    /// The owner of a field is seen in the object afterwards.
    fn managed_by(self, manager: &str) -> Self {
        let writes = [Method::POST, Method::PUT, Method::PATCH].contains(&self.method);
        let connects = ["/proxy", "/exec", "/attach", "/portforward"].iter().any(|part| self.path.contains(part));
        if writes && !connects { self.with_query(&format!("fieldManager={manager}")) } else { self }
    }
}

/// A path of the core group.
pub fn core(namespace: &str, rest: &str) -> String {
    format!("/api/v1/namespaces/{namespace}/{rest}")
}

/// A path of another group, such as `apps/v1`.
pub fn group(version: &str, namespace: &str, rest: &str) -> String {
    format!("/apis/{version}/namespaces/{namespace}/{rest}")
}

/// The Slot of a namespace.
pub fn slot_of(namespace: &str) -> String {
    group("hotdesk.dev/v1alpha1", namespace, "slots/slot")
}

/// What the API server answered.
#[derive(Debug, Clone)]
pub struct Answer {
    line: String,
    pub code: u16,
    pub body: String,
    pub json: Value,
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let body: String = self.body.chars().take(1500).collect();
        write!(f, "{} -> {} {body}", self.line, self.code)
    }
}

impl Answer {
    pub fn ok(&self) -> bool {
        (200..300).contains(&self.code)
    }

    pub fn reason(&self) -> &str {
        self.json["reason"].as_str().unwrap_or_default()
    }

    pub fn message(&self) -> &str {
        self.json["message"].as_str().unwrap_or(&self.body)
    }
}

/// Clients of all kubeconfigs, without retries and with a limit to every wait.
pub struct Api {
    runtime: Runtime,
    clients: Mutex<HashMap<&'static str, Client>>,
}

impl Default for Api {
    fn default() -> Self {
        // One provider for everything: without a default, rustls panics at its first use.
        let _already_installed = rustls::crypto::ring::default_provider().install_default();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        Self { runtime, clients: Mutex::default() }
    }
}

impl Api {
    /// One request.
    pub fn send(&self, who: &Actor, ask: Ask) -> Answer {
        self.send_all(&[(who.clone(), ask)]).remove(0)
    }

    /// The administrator's own request, which works.
    #[track_caller]
    pub fn set_up(&self, ask: Ask) -> Value {
        let answer = self.send(&administrator(), ask);
        assert!(answer.ok(), "the set-up of a row failed: {answer}");
        answer.json
    }

    /// All of these at once.
    pub fn send_all(&self, asks: &[(Actor, Ask)]) -> Vec<Answer> {
        let sent = asks.iter().cloned().map(|(who, ask)| {
            let client = self.client(who.kubeconfig);
            answer(client, who, ask)
        });
        self.runtime.block_on(join_all(sent.collect::<Vec<_>>()))
    }

    fn client(&self, kubeconfig: &'static str) -> Client {
        let mut clients = self.clients.lock().unwrap();
        clients.entry(kubeconfig).or_insert_with(|| self.runtime.block_on(connect(kubeconfig))).clone()
    }
}

async fn connect(name: &str) -> Client {
    let path =
        if name == NOBODY { admin().kubeconfig().to_owned() } else { cluster_dir().join(format!("{name}.kubeconfig")) };
    let kubeconfig = Kubeconfig::read_from(path).unwrap();
    let mut config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap();
    config.default_retry = false;
    config.read_timeout = Some(PATIENCE);
    if name == NOBODY {
        config.auth_info = AuthInfo::default();
    }
    Client::try_from(config).unwrap()
}

async fn answer(client: Client, who: Actor, ask: Ask) -> Answer {
    let ask = ask.managed_by(who.manager());
    let line = format!("{} {} {:?} {:?}", ask.method, ask.path, who.kubeconfig, shown(&who.headers));
    let response = answered(&client, &who, &ask).await.unwrap_or_else(|error| panic!("{line}: {error}"));
    let code = response.status().as_u16();
    // What has been upgraded has no end.
    let bytes =
        if code == 101 { Vec::new() } else { response.into_body().collect().await.unwrap().to_bytes().to_vec() };
    let body = String::from_utf8_lossy(&bytes).into_owned();
    let json = serde_json::from_str(&body).unwrap_or(Value::Null);
    Answer { line, code, body, json }
}

/// An API server that has too much to do closes connections; what was not answered is asked again.
async fn answered(client: &Client, who: &Actor, ask: &Ask) -> kube::Result<Response<Body>> {
    let mut sent = client.send(request(who, ask)).await;
    for _ in 0..2 {
        if sent.is_err() {
            sent = client.send(request(who, ask)).await;
        }
    }
    sent
}

fn request(who: &Actor, ask: &Ask) -> Request<Body> {
    let mut request = Request::builder().method(&ask.method).uri(&ask.path).header("Content-Type", ask.content);
    for (key, value) in &ask.headers {
        request = request.header(*key, *value);
    }
    for (key, value) in &who.headers {
        request =
            request.header(HeaderName::try_from(key).unwrap(), HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    request.body(Body::from(ask.body.clone())).unwrap()
}

/// Never a token.
fn shown(headers: &[(String, String)]) -> Vec<&str> {
    headers.iter().filter(|(key, _)| key != "Authorization").map(|(_, value)| value.as_str()).collect()
}
