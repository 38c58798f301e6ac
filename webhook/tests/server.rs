//! The server on loopback ports, with a book that the test writes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test fails by a panic")]

mod support;

use support::running::{limits, start, start_empty};
use support::{ALICE, Client, PATH, allowed, get, head, issue, review, write_path};

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
        ("GET", "/mutate", "application/json", "", 405),
        ("PUT", "/validate", "application/json", &body, 405),
    ] {
        let mut client = server.client();
        client.send(format!("{}{body}", head(method, &format!("{PATH}{path}"), content_type, body.len())).as_bytes());
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
        format!(
            "{}{charset}",
            head("POST", &format!("{PATH}/mutate"), "Application/JSON; charset=utf-8", charset.len())
        )
        .as_bytes(),
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
    for reason in ["Slots have not been read", "no certificate", "no path"] {
        assert!(reasons.contains(reason), "{reasons}");
    }
    assert!(Client::try_connect(server.reviews, &server.issued).is_err(), "handshakes fail without a certificate");
    server.issued.write(server.dir.path());
    server.shared.certificates.reload();
    let mut nobody = server.client();
    assert_eq!(nobody.post("/mutate", &review(ALICE).to_string()).0, 404, "without a path nobody is answered");
    write_path(server.dir.path());
    server.paths.reload();
    let early = server.client().post("/mutate", &review(ALICE).to_string());
    assert!(!allowed(&early) && early.1.contains("cannot see the Slots"), "{early:?}");
    let (status, reasons) = get(server.health, "/readyz");
    assert!(status == 503 && !reasons.contains("certificate") && !reasons.contains("path"), "{reasons}");
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
