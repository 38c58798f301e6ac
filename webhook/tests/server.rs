//! The server on loopback ports, with a book that the test writes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test fails by a panic")]

mod support;

use std::time::Duration;

use hotdesk_webhook::intake::Limits;
use support::running::{MIB, patient, start, start_empty};
use support::{ALICE, Client, PATH, allowed, get, head, issue, review, wait_for, write_path};

#[test]
fn bad_input_is_answered_clearly_and_the_server_lives_on() {
    let server = start(patient());
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
    let server = start(patient());
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
fn nine_mebibytes_are_refused_and_eight_are_read() {
    let server = start(patient());
    let big = |size: usize| {
        let mut big = review(ALICE);
        big["request"]["object"]["data"] = "x".repeat(size).into();
        big.to_string()
    };
    assert!(allowed(&server.client().post("/mutate", &big(7 * MIB))));
    let body = big(9 * MIB);
    let mut client = server.client();
    client.head("/mutate", body.len());
    client.send_while_taken(body.as_bytes());
    let answer = client.answer();
    assert!(answer.0 == 413 && answer.1.contains("--max-review-bytes"), "{answer:?}");
    let mut client = server.client();
    client.send(format!("POST {PATH}/mutate HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n", body.len()).as_bytes());
    client.send_while_taken(body.as_bytes());
    client.send_while_taken(b"\r\n0\r\n\r\n");
    assert_eq!(client.answer().0, 413, "its length need not be announced");
    server.lives_on();
}

#[test]
fn a_slow_body_is_cut_off_and_gives_its_place_back() {
    let server = start(Limits { places: 1, read: Duration::from_millis(300), ..patient() });
    let mut slow = server.client();
    slow.head("/mutate", 1000);
    slow.send(b"{\"kind\":");
    wait_for("the slow review to take its place", || server.metric("hotdesk_webhook_in_flight") == "1");
    assert!(allowed(&server.client().post("/mutate", &review(ALICE).to_string())), "it waits for the place");
    assert_eq!(slow.answer().0, 408);
}

#[test]
fn too_many_reviews_at_once_are_told_to_come_again() {
    let server = start(Limits { places: 2, wait: Duration::from_millis(100), ..patient() });
    let mut large = server.client();
    large.head("/mutate", 2 * MIB);
    wait_for("the large review to take both places", || server.metric("hotdesk_webhook_in_flight") == "1");
    let answer = server.client().post("/mutate", &review(ALICE).to_string());
    assert!(answer.0 == 503 && answer.1.contains("try again"), "{answer:?}");
    let mut larger = server.client();
    larger.head("/mutate", 9 * MIB);
    larger.send_while_taken(&vec![b' '; 9 * MIB]);
    assert_eq!(larger.answer().0, 413, "what is too large waits for no place");
    drop(large);
    wait_for("the places to be free", || server.metric("hotdesk_webhook_in_flight") == "0");
    server.lives_on();
}

#[test]
fn a_certificate_is_renewed_without_a_dropped_connection() {
    let server = start(patient());
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
    let server = start_empty(patient());
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
    let server = start(patient());
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
