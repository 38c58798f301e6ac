//! The server on loopback ports, with a book that the test writes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test fails by a panic")]

mod support;

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::{Duration, Instant};

use hotdesk_slots::{ClaimView, Name};
use hotdesk_webhook::book::{Book, Page, Pages};
use hotdesk_webhook::health;
use hotdesk_webhook::request_gate::{Limits, RequestGate};
use hotdesk_webhook::serve::{Shared, reviews};
use hotdesk_webhook::settings::Settings;
use hotdesk_webhook::tls::Certificates;
use support::{Client, Issued, allowed, get, head, issue, review};

const ALICE: &str = "alice@example.com";
const MIB: usize = 1 << 20;

struct Running {
    reviews: SocketAddr,
    health: SocketAddr,
    shared: Arc<Shared>,
    issued: Issued,
    dir: tempfile::TempDir,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

fn limits() -> Limits {
    Limits { review: 32 * MIB, budget: 64 * MIB }
}

/// A server that has a certificate and knows that alice holds `pikachu`.
fn start(limits: Limits) -> Running {
    let running = start_empty(limits);
    running.issued.write(running.dir.path());
    running.shared.certificates.reload();
    running.read_slots();
    running
}

fn start_empty(limits: Limits) -> Running {
    let dir = tempfile::tempdir().unwrap();
    let certificates = Arc::new(Certificates::new(dir.path().join("tls.crt"), dir.path().join("tls.key")));
    let book = Arc::new(Book::new(Instant::now()));
    let tls = certificates.server_config().unwrap();
    let shared = Arc::new(Shared::new(Settings::default(), book, certificates, RequestGate::new(limits)));
    let [tls_port, plain_port] = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    let addresses = (tls_port.local_addr().unwrap(), plain_port.local_addr().unwrap());
    let (stop, stopped) = tokio::sync::oneshot::channel();
    let served = shared.clone();
    let thread = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async move {
            let reviews = reviews(served.clone(), tls_port, tls, 2, Duration::from_secs(1)).unwrap();
            let health = health::health(served, plain_port).unwrap();
            tokio::select! { _ = reviews => {}, _ = health => {}, _ = stopped => {} }
        });
    });
    Running {
        reviews: addresses.0,
        health: addresses.1,
        shared,
        issued: issue(),
        dir,
        stop: Some(stop),
        thread: Some(thread),
    }
}

impl Running {
    fn client(&self) -> Client {
        Client::connect(self.reviews, &self.issued)
    }

    fn read_slots(&self) {
        let mut pages = Pages::default();
        let claim = ClaimView { users: vec![Name::parse(ALICE).unwrap()], ..ClaimView::default() };
        pages.put("pikachu", Page::new("pikachu", Some(claim), None));
        self.shared.book.replace(pages, Instant::now());
    }

    #[track_caller]
    fn lives_on(&self) {
        assert!(allowed(&self.client().post("/mutate", &review(ALICE).to_string())));
        assert!(!allowed(&self.client().post("/mutate", &review("bob@example.com").to_string())));
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.stop.take());
        let _panicked = self.thread.take().map(std::thread::JoinHandle::join);
    }
}

#[test]
fn bad_input_is_answered_clearly_and_the_server_lives_on() {
    let server = start(limits());
    let body = review(ALICE).to_string();
    for (method, path, content_type, body, status) in [
        ("POST", "/mutate", "application/json", "{\"kind\":", 400),
        ("POST", "/mutate", "application/json", "", 400),
        ("POST", "/slots", "application/json", "[]", 400),
        ("POST", "/mutate", "text/plain", &body, 415),
        ("POST", "/mutate", "application/jsonx", &body, 415),
        ("POST", "/nowhere", "application/json", &body, 404),
        ("POST", "/mutate/../slots", "application/json", &body, 404),
        ("GET", "/mutate", "application/json", "", 405),
        ("PUT", "/validate", "application/json", &body, 405),
    ] {
        let mut client = server.client();
        client.send(format!("{}{body}", head(method, path, content_type, body.len())).as_bytes());
        let answer = client.answer();
        assert_eq!(answer.0, status, "{method} {path} {content_type} {body:?}: {answer:?}");
        assert!(!answer.1.is_empty() && !answer.1.contains("AdmissionReview\",") && answer.1.len() < 200, "{answer:?}");
    }
    let mut garbled = server.client();
    garbled.send(b"\x16\x03\x01 what\r\n\r\n");
    assert_eq!(garbled.answer().0, 400);
    server.lives_on();
}

#[test]
fn a_review_that_says_its_uid_is_denied_rather_than_refused() {
    let server = start(limits());
    let mut odd = review(ALICE);
    odd["request"]["operation"] = "PATCH".into();
    let answer = server.client().post("/validate", &odd.to_string());
    assert!(!allowed(&answer) && answer.1.contains("PATCH") && answer.1.contains("400"), "{answer:?}");
    let charset = review(ALICE).to_string();
    let mut client = server.client();
    client.send(
        format!("{}{charset}", head("POST", "/mutate", "Application/JSON; charset=utf-8", charset.len())).as_bytes(),
    );
    assert!(allowed(&client.answer()));
}

#[test]
fn a_slow_body_is_cut_off_within_the_api_servers_own_time() {
    let server = start(limits());
    let mut slow = server.client();
    slow.head("/mutate?timeout=1s", 1000);
    slow.send(br#"{"request":{"uid":"u-1","#);
    assert!(allowed(&server.client().post("/mutate", &review(ALICE).to_string())), "nobody waits for it");
    let answer = slow.answer();
    assert!(!allowed(&answer) && answer.1.contains("did not arrive in time"), "{answer:?}");
    let mut silent = server.client();
    silent.head("/mutate?timeout=1s", 1000);
    assert_eq!(silent.answer().0, 408, "of this one not even the uid is known");
}

#[test]
fn a_certificate_is_renewed_without_a_dropped_connection() {
    let server = start(limits());
    let body = review(ALICE).to_string();
    let mut before = server.client();
    assert!(allowed(&before.post("/mutate", &body)));
    let renewed = issue();
    renewed.write(server.dir.path());
    assert!(server.shared.certificates.reload());
    assert!(
        allowed(&Client::connect(server.reviews, &renewed).post("/mutate", &body)),
        "new connections see the new one"
    );
    assert!(Client::try_connect(server.reviews, &server.issued).is_err(), "and not the old");
    assert!(allowed(&before.post("/mutate", &body)), "the old connection goes on");
}

#[test]
fn it_is_ready_when_it_has_a_certificate_and_the_slots_and_not_before() {
    let server = start_empty(limits());
    assert_eq!(get(server.health, "/livez").0, 200);
    let (status, reasons) = get(server.health, "/readyz");
    assert_eq!(status, 503);
    assert!(reasons.contains("Slots have not been read") && reasons.contains("no certificate"), "{reasons}");
    assert!(Client::try_connect(server.reviews, &server.issued).is_err(), "handshakes fail without a certificate");
    server.issued.write(server.dir.path());
    server.shared.certificates.reload();
    let early = server.client().post("/mutate", &review(ALICE).to_string());
    assert!(!allowed(&early) && early.1.contains("cannot see the Slots"), "{early:?}");
    let (status, reasons) = get(server.health, "/readyz");
    assert!(status == 503 && !reasons.contains("certificate"), "{reasons}");
    server.read_slots();
    assert_eq!(get(server.health, "/readyz").0, 200);
    server.lives_on();
    server.shared.leave();
    assert_eq!(get(server.health, "/readyz"), (503, "not ready: shutting down\n".to_owned()));
}

#[test]
fn every_decision_is_counted_under_bounded_labels() {
    let server = start(limits());
    server.lives_on();
    assert_eq!(server.client().post("/mutate", "{").0, 400);
    let text = get(server.health, "/metrics").1;
    for line in [
        r#"hotdesk_webhook_decisions_total{operation="CREATE",decision="allow",reason="claimant"} 1"#,
        r#"hotdesk_webhook_decisions_total{operation="CREATE",decision="deny",reason="held"} 1"#,
        r#"hotdesk_webhook_refused_requests_total{reason="not-review"} 1"#,
        r#"hotdesk_webhook_review_duration_seconds_count{path="mutate"} 2"#,
        "hotdesk_webhook_slots 1",
        "hotdesk_webhook_synced 1",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
    assert!(!text.contains("alice") && !text.contains("pikachu"), "{text}");
}
