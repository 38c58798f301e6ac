//! Against a real listener on loopback.

use super::*;
use crate::notification::NotificationKind;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

fn notification(kind: NotificationKind) -> Notification {
    Notification {
        kind,
        slot: "mew".to_owned(),
        users: vec!["alice@example.com".to_owned()],
        purpose: "checkout".to_owned(),
        reason: "no request for 1 h".to_owned(),
        releases: vec!["web".to_owned()],
        lost: Vec::new(),
        time: "2026-11-23T15:00:00Z".parse().unwrap(),
        since: None,
        until: None,
    }
}

/// Answers so many requests with these statuses, and gives what was sent.
fn exchange(statuses: &[&str], settings: &str, notification: &[Notification]) -> (Vec<String>, Vec<String>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/services/SECRET", listener.local_addr().unwrap());
        let settings = Settings::parse(&settings.replace("URL", &url)).unwrap();
        let server = async {
            let mut bodies = Vec::new();
            for status in statuses {
                let (mut stream, _) = listener.accept().await.unwrap();
                bodies.push(request(&mut stream).await);
                let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
            bodies
        };
        let (bodies, told) = futures::join!(server, tell(&settings, notification));
        (bodies, told)
    })
}

/// The body of one request.
async fn request(stream: &mut tokio::net::TcpStream) -> String {
    let mut read = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&read).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if body.len() >= length.unwrap().parse::<usize>().unwrap() {
                return body.to_owned();
            }
        }
        let mut piece = [0; 4096];
        let n = stream.read(&mut piece).await.unwrap();
        read.extend_from_slice(&piece[..n]);
    }
}

const SLACK: &str = r#"[{"name": "team", "format": "slack", "url": "URL"}]"#;

#[test]
fn slack_gets_a_text_and_others_get_every_field() {
    let (bodies, told) = exchange(&["200 OK"], SLACK, &[notification(NotificationKind::Reaped)]);
    assert_eq!(told, Vec::<String>::new());
    let body: Value = serde_json::from_str(&bodies[0]).unwrap();
    assert!(body["text"].as_str().unwrap().starts_with("mew (alice@example.com"), "{body}");
    assert_eq!(body.as_object().unwrap().len(), 1);

    let json = r#"[{"name": "log", "format": "json", "url": "URL", "template": "{{ slot }}!"}]"#;
    let (bodies, _) = exchange(&["204 No Content"], json, &[notification(NotificationKind::Reaped)]);
    let body: Value = serde_json::from_str(&bodies[0]).unwrap();
    assert_eq!((body["text"].as_str(), body["kind"].as_str()), (Some("mew!"), Some("reaped")));
    assert_eq!((&body["releases"], &body["time"]), (&json!(["web"]), &json!("2026-11-23T15:00:00Z")));
}

#[test]
fn what_nobody_wants_to_hear_is_not_sent() {
    let json = r#"[{"name": "log", "format": "json", "url": "URL", "on": ["reaped"]}]"#;
    let (bodies, told) = exchange(&[], json, &[notification(NotificationKind::Blind)]);
    assert!(bodies.is_empty() && told.is_empty());
}

#[test]
fn a_server_in_trouble_is_asked_again_and_a_refusal_is_not() {
    let (bodies, told) =
        exchange(&["503 Service Unavailable", "200 OK"], SLACK, &[notification(NotificationKind::Blind)]);
    assert_eq!((bodies.len(), told.len()), (2, 0));
    let (_, told) = exchange(&["404 Not Found"], SLACK, &[notification(NotificationKind::Blind)]);
    assert_eq!(told, ["webhook team was not told: it answered 404 Not Found"]);
}

#[test]
fn no_failure_shows_the_address() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let nobody = r#"[{"name": "team", "format": "slack", "url": "http://127.0.0.1:1/services/SECRET"},
                     {"name": "lost", "format": "slack", "urlFile": "/does/not/exist"}]"#;
    let told = runtime.block_on(tell(&Settings::parse(nobody).unwrap(), &[notification(NotificationKind::Notice)]));
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told.iter().all(|said| !said.contains("SECRET")), "{told:?}");
    assert!(told[1].contains("/does/not/exist"), "{told:?}");
}
