//! Google Cloud Logging by a stand-in with its real shapes: paging, errors, tokens.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by a panic")]

mod support;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hotdesk_http::fake_server::google::{Tokens, error, key};
use hotdesk_http::fake_server::{Reply, Request, serve};
use hotdesk_reap::sources::gcp_logging::SCOPE;
use hotdesk_traffic::observation::Observation;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use support::{check, clock, look, query, source};

const HOUR: Duration = Duration::from_secs(3600);

#[derive(Default)]
struct State {
    tokens: Tokens,
    /// Answers to questions about the slot, page by page; the last one forever.
    ours: VecDeque<Reply>,
    /// Answers to questions about anybody.
    anybody: VecDeque<Reply>,
    asked: Vec<Value>,
}

struct Google {
    address: String,
    state: Arc<Mutex<State>>,
    folder: tempfile::TempDir,
}

impl Google {
    async fn start() -> Self {
        let state = Arc::new(Mutex::new(State::default()));
        let shared = state.clone();
        let address = serve(move |request| answer(request, &mut shared.lock().unwrap())).await;
        let tokens = Tokens { own: address.clone(), scope: SCOPE, ..Tokens::default() };
        *state.lock().unwrap() = State { tokens, anybody: [page(&[("mewtwo-web-80", 2)])].into(), ..State::default() };
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("key.json"), key(&address).to_string()).unwrap();
        Self { address, state, folder }
    }

    fn ours(self, replies: impl IntoIterator<Item = Reply>) -> Self {
        self.state.lock().unwrap().ours = replies.into_iter().collect();
        self
    }

    fn anybody(self, replies: impl IntoIterator<Item = Reply>) -> Self {
        self.state.lock().unwrap().anybody = replies.into_iter().collect();
        self
    }

    async fn look(&self) -> Observation {
        self.look_with(&format!("keyFile: {}/key.json", self.folder.path().display())).await
    }

    async fn look_with(&self, more: &str) -> Observation {
        let yaml = format!("{{type: gcp-logging, project: dev-1, cluster: dev, endpoint: '{}', {more}}}", self.address);
        let look = look(&source(&yaml), &query(HOUR)).await;
        let told = format!("{look:?}");
        assert!(!told.contains("ya29") && !told.contains("BEGIN"), "a credential is told: {told}");
        look
    }
}

fn answer(request: &Request, state: &mut State) -> Reply {
    if let Some(reply) = state.tokens.answer(request, clock()) {
        return reply;
    }
    let known = request.method == "POST" && request.path() == "/v2/entries:list";
    if !known || !state.tokens.admits(request) {
        return error(401, "UNAUTHENTICATED", "Request had invalid authentication credentials.");
    }
    let asked: Value = serde_json::from_str(&request.body).unwrap();
    let sound = asked["resourceNames"] == json!(["projects/dev-1"])
        && asked["orderBy"] == "timestamp desc"
        && asked["pageSize"].as_u64().is_some_and(|size| size <= 1000)
        && asked["filter"].as_str().is_some_and(|filter| filter.len() <= 20_000 && filter.contains("timestamp >= "));
    assert!(sound, "{asked}");
    let ours = asked["filter"].as_str().unwrap().contains("(\"mew\" OR ");
    state.asked.push(asked);
    let replies = if ours { &mut state.ours } else { &mut state.anybody };
    let next = if replies.len() > 1 { replies.pop_front() } else { replies.front().cloned() };
    next.unwrap_or_else(|| Reply::Json(200, json!({})))
}

fn ago(minutes: i64) -> Timestamp {
    clock() - SignedDuration::from_mins(minutes)
}

fn entry(upstream: &str, minutes: i64, agent: &str) -> Value {
    let at = ago(minutes).to_string();
    json!({
        "logName": "projects/dev-1/logs/stdout", "insertId": "x", "timestamp": at, "receiveTimestamp": at, "severity": 200,
        "resource": {"type": "k8s_container", "labels": {"cluster_name": "dev", "namespace_name": "ingress-nginx"}},
        "jsonPayload": {"proxyUpstreamName": upstream, "status": "200", "requestUrl": "/x", "userAgent": agent},
    })
}

fn page(entries: &[(&str, i64)]) -> Reply {
    next(entries, None)
}

fn next(entries: &[(&str, i64)], token: Option<&str>) -> Reply {
    let entries: Vec<Value> = entries.iter().map(|(upstream, minutes)| entry(upstream, *minutes, "curl")).collect();
    let mut page = json!({});
    if !entries.is_empty() {
        page["entries"] = json!(entries);
    }
    if let Some(token) = token {
        page["nextPageToken"] = json!(token);
    }
    Reply::Json(200, page)
}

async fn given(what: &str, ours: Vec<Reply>, expected: &str) {
    check(what, &Google::start().await.ours(ours).look().await, expected);
}

#[tokio::test]
async fn a_request_of_the_slot_is_use_and_ends_the_reading() {
    let google = Google::start().await.ours([next(&[("mew-web-80", 12), ("mew-web-80", 20)], Some("more"))]);
    let look = google.look().await;
    check("a request", &look, "used");
    assert_eq!(ago(12).duration_since(look.hit.unwrap().time).as_mins(), 0, "the newest one is told");
    assert_eq!(google.state.lock().unwrap().asked.len(), 1, "nobody asks for more");
}

#[tokio::test]
async fn only_a_service_that_exists_makes_a_request_the_slots() {
    given("nobody", vec![], "quiet").await;
    given("mewtwo is not mew", vec![page(&[("mewtwo-web-80", 3), ("mewtwo-mew-web-80", 3)])], "quiet").await;
    given("shape-8: a word before it", vec![page(&[("x-mew-web-80", 3)])], "traffic for x-mew-web-80, which names no")
        .await;
    given("a Service that is gone", vec![page(&[("mew-gone-80", 3)])], "mew-gone-80, which matches no Service").await;
    let forged = entry("mewtwo-web-80", 3, "\",\"proxyUpstreamName\":\"mew-web-80");
    given("a user agent that spells it", vec![Reply::Json(200, json!({"entries": [forged]}))], "quiet").await;
    given("long ago", vec![page(&[("mew-web-80", 70)])], "quiet").await;
}

#[tokio::test]
async fn an_empty_page_with_a_token_is_not_the_end() {
    let far = vec![next(&[], Some("a")), next(&[], Some("b")), page(&[("mew-web-80", 30)])];
    given("on the third page", far, "used").await;
    let google = Google::start().await.ours([next(&[], Some("a")), next(&[], Some("b")), page(&[])]);
    check("nothing on three pages", &google.look().await, "quiet");
    let asked = google.state.lock().unwrap().asked.clone();
    let tokens: Vec<&str> = asked.iter().take(3).map(|asked| asked["pageToken"].as_str().unwrap()).collect();
    assert_eq!(tokens, ["", "a", "b"]);
}

#[tokio::test]
async fn tokens_without_end_are_given_up() {
    given("the same one", vec![next(&[], Some("a"))], "goes round in circles").await;
    let endless: Vec<Reply> = (0..100).map(|n| next(&[], Some(&n.to_string()))).collect();
    given("another each time", endless, "not come to the end after 20 pages").await;
}

#[tokio::test]
async fn no_error_reads_as_nobody() {
    let whole = || json!({"entries": [entry("mewtwo-web-80", 3, "curl")]});
    for (what, reply, expected) in [
        (
            "400",
            error(400, "INVALID_ARGUMENT", "Unparseable filter"),
            "400 Bad Request: INVALID_ARGUMENT: Unparseable filter",
        ),
        (
            "403",
            error(403, "PERMISSION_DENIED", "The caller does not have permission"),
            "the role Logs Viewer in the project dev-1",
        ),
        ("404", error(404, "NOT_FOUND", "Project does not exist: dev-1"), "is dev-1 the project's id?"),
        (
            "redirect",
            Reply::Headed(302, vec![("location", "https://evil.example.com".to_owned())], json!({})),
            "redirects are not followed",
        ),
        ("half", Reply::Half(whole()), "something else than a whole page"),
        ("broken off", Reply::Truncated(whole()), "broke off"),
        ("no object", Reply::Json(200, json!([])), "something else than a page"),
        ("escapes", error(400, "X", "a\u{1b}[31mb"), "a\u{fffd}[31mb"),
    ] {
        given(what, vec![reply], expected).await;
    }
}

#[tokio::test]
async fn what_may_pass_is_asked_again() {
    let busy = || error(429, "RESOURCE_EXHAUSTED", "Quota exceeded for quota metric 'Read requests'");
    given("429 twice", vec![busy(), busy(), page(&[])], "quiet").await;
    given("500 and then a request", vec![error(500, "INTERNAL", "x"), page(&[("mew-web-80", 1)])], "used").await;
}

#[tokio::test]
async fn what_does_not_pass_is_told() {
    let busy = error(429, "RESOURCE_EXHAUSTED", "Quota exceeded for quota metric 'Read requests'");
    given("429 forever", vec![busy], "429 Too Many Requests: RESOURCE_EXHAUSTED").await;
    given("500 forever", vec![error(500, "INTERNAL", "x")], "500 Internal Server Error").await;
}

#[tokio::test]
async fn a_clock_that_is_two_hours_off_is_told() {
    let date = ago(120).strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    given("Google's", vec![Reply::Headed(200, vec![("date", date)], json!({}))], "its clock and this one differ by 7")
        .await;
    let mut late = entry("mewtwo-web-80", 121, "curl");
    late["receiveTimestamp"] = json!(ago(1).to_string());
    let google = Google::start().await.anybody([Reply::Json(200, json!({"entries": [late]}))]);
    check("a node's", &google.look().await, "a node's clock is off");
    let mut hidden = entry("mew-web-80", 121, "curl");
    hidden["receiveTimestamp"] = json!(ago(1).to_string());
    given(
        "that of the node that served the slot",
        vec![Reply::Json(200, json!({"entries": [hidden]}))],
        "a node's clock is off",
    )
    .await;
}

#[tokio::test]
async fn sight_is_an_entry_of_anybody_that_is_not_old() {
    let blind = |replies: Vec<Reply>| async { Google::start().await.anybody(replies).look().await };
    check("nothing at all, as in a wrong project", &blind(vec![page(&[])]).await, "no line of anybody");
    check("an old one", &blind(vec![page(&[("mewtwo-web-80", 16)])]).await, "has its pipeline stopped?");
    let nameless = json!({"entries": [{"timestamp": ago(1).to_string(), "jsonPayload": {"x": 1}}]});
    check("nobody's format", &blind(vec![Reply::Json(200, nameless)]).await, "no line of the ingress log can be read");
    check("403", &blind(vec![error(403, "PERMISSION_DENIED", "x")]).await, "Logs Viewer");
    let google = Google::start().await.anybody([page(&[("mewtwo-web-80", 50)])]);
    let key = format!("maxSilence: 1h, keyFile: {}/key.json", google.folder.path().display());
    check("a longer silence is fine", &google.look_with(&key).await, "quiet");
}

#[tokio::test]
async fn a_token_is_had_from_a_key_in_base64_or_from_the_metadata_server() {
    use base64::Engine as _;
    let google = Google::start().await;
    let wrapped = base64::engine::general_purpose::STANDARD.encode(key(&google.address).to_string());
    let wrapped: Vec<&str> = wrapped.as_bytes().chunks(76).map(|line| std::str::from_utf8(line).unwrap()).collect();
    std::fs::write(google.folder.path().join("key.json"), wrapped.join("\n") + "\n").unwrap();
    check("base64", &google.look().await, "quiet");
    let host = google.address.trim_start_matches("http://");
    check("metadata", &google.look_with(&format!("metadataHost: '{host}'")).await, "quiet");
    check("no key", &google.look_with("keyFile: /nonexistent/key.json").await, "/nonexistent/key.json cannot be read");
    google.state.lock().unwrap().tokens.scope = "another";
    check("a key that is not taken", &google.look().await, "Google does not take the key");
}

#[tokio::test]
async fn a_filter_that_google_would_not_take_is_not_sent() {
    let google = Google::start().await;
    let long = format!("filter: '{}', metadataHost: x", "a".repeat(20_000));
    check("a long filter", &google.look_with(&long).await, "Google takes 20000: shorten filter");
    assert!(google.state.lock().unwrap().asked.is_empty());
}
