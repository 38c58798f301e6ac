//! Reading a sheet from a stand-in for Google that speaks the real REST and OAuth shapes.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by a panic"
)]

mod support;

use hotdesk_http::fake_server::google::EMAIL;
use hotdesk_http::google::Credential;
use hotdesk_sync::source::{Source, SourceError};
use serde_json::json;
use support::google::{Google, error, sheets};
use support::{Reply, clock};

const HEADER: &[&str] = &["Slot", "Usernames", "Purpose"];

struct Stage {
    google: Google,
    source: Source,
    _folder: tempfile::TempDir,
}

async fn stage(tab: Option<&str>) -> Stage {
    let (google, folder) = (Google::start(clock).await.0, tempfile::tempdir().unwrap());
    let source = sheets(&google, Credential::Key(google.key(folder.path())), tab);
    google.tab("A:Z", &[HEADER, &["mew", "alice@example.com", "x"]]);
    Stage { google, source, _folder: folder }
}

impl Stage {
    async fn cells(&self) -> Vec<Vec<String>> {
        let read = self.source.read(clock).await;
        let problems = self.google.with(|state| state.tokens.problems.clone());
        let lines = read.unwrap_or_else(|e| panic!("{e}; {problems:?}")).slots.lines;
        lines.into_iter().map(|line| line.cells).collect()
    }

    async fn error(&self) -> SourceError {
        self.source.read(clock).await.expect_err("it must not be readable")
    }

    #[track_caller]
    fn says(&self, error: &SourceError, transient: bool, texts: &[&str]) {
        let told = error.to_string();
        assert_eq!(error.is_transient(), transient, "{told}");
        for text in texts {
            assert!(told.contains(text), "{told:?} does not say {text:?}");
        }
        for secret in ["ya29", "BEGIN", "eyJ"] {
            assert!(!told.contains(secret), "{told:?} shows a credential");
        }
    }
}

#[tokio::test]
async fn a_key_is_exchanged_once_and_the_first_tab_read() {
    let stage = stage(None).await;
    for _ in 0..3 {
        assert_eq!(stage.cells().await[1], ["mew", "alice@example.com", "x"]);
    }
    assert_eq!(stage.google.with(|state| (state.tokens.given, state.reads)), (1, 3));
}

#[tokio::test]
async fn a_tab_is_named_percent_encoded_whatever_its_name() {
    for (tab, range) in [("Slots", "'Slots'"), ("Team's 目的 / 100% ?", "'Team''s 目的 / 100% ?'")] {
        let stage = stage(Some(tab)).await;
        stage.google.tab(range, &[HEADER, &["mew", "żółw@例え.jp", "ünïcödé"]]);
        assert_eq!(stage.cells().await[1], ["mew", "żółw@例え.jp", "ünïcödé"], "{tab}");
    }
}

#[tokio::test]
async fn workload_identity_asks_the_metadata_server_for_the_sheets_scope() {
    let mut stage = stage(None).await;
    let host = stage.google.address.trim_start_matches("http://").to_owned();
    stage.source = sheets(&stage.google, Credential::Metadata(host), None);
    assert_eq!(stage.cells().await.len(), 2);
}

#[tokio::test]
async fn a_token_that_ended_is_replaced_and_the_sheet_read() {
    let stage = stage(None).await;
    stage.cells().await;
    stage.google.with(|state| state.tokens.revoked = true);
    assert_eq!(stage.cells().await.len(), 2);
    assert_eq!(stage.google.with(|state| state.tokens.given), 2);
    let denied = || error(401, "UNAUTHENTICATED", "Request had invalid authentication credentials.");
    stage.google.fail([denied(), denied()]);
    stage.says(&stage.error().await, false, &["401 UNAUTHENTICATED", "a new token was refused too"]);
}

#[tokio::test]
async fn an_empty_tab_ragged_rows_and_error_cells_are_read_as_they_are() {
    let stage = stage(None).await;
    stage.google.tab("A:Z", &[]);
    assert!(stage.cells().await.is_empty());
    stage.google.tab("A:Z", &[HEADER, &[], &["mew"], &["#REF!", "#N/A", "", "more"]]);
    assert_eq!(stage.cells().await[1..], [vec![], vec!["mew"], vec!["#REF!", "#N/A", "", "more"]]);
}

#[tokio::test]
async fn a_thousand_rows_are_read_in_full() {
    let stage = stage(None).await;
    let rows: Vec<[String; 3]> =
        (0..1000).map(|n| [format!("slot-{n}"), format!("ü{n}@example.com"), "x".repeat(150)]).collect();
    let rows: Vec<Vec<&str>> = rows.iter().map(|row| row.iter().map(String::as_str).collect()).collect();
    let rows: Vec<&[&str]> = rows.iter().map(Vec::as_slice).collect();
    stage.google.tab("A:Z", &rows);
    assert_eq!(stage.cells().await.len(), 1000);
}

#[tokio::test]
async fn what_somebody_must_mend_is_told_with_how() {
    let stage = stage(None).await;
    let cases: [(Reply, &[&str]); 4] = [
        (error(400, "INVALID_ARGUMENT", "Unable to parse range: A:Z"), &["400 INVALID_ARGUMENT", "--tab"]),
        (error(403, "PERMISSION_DENIED", "The caller does not have permission"), &["share the sheet with", EMAIL]),
        (error(404, "NOT_FOUND", "Requested entity was not found."), &["404 NOT_FOUND", "--sheet"]),
        (error(418, "X", "a\u{1b}[31m\nb"), &["a\u{fffd}[31m\u{fffd}b"]),
    ];
    for (reply, texts) in cases {
        stage.google.fail([reply]);
        stage.says(&stage.error().await, false, texts);
    }
}

#[tokio::test]
async fn what_may_pass_is_known_as_such() {
    let stage = stage(None).await;
    let whole = || json!({"range": "A:Z", "majorDimension": "ROWS", "values": [HEADER, ["mew", "alice", "x"]]});
    let cases: [(Reply, &str); 7] = [
        (error(429, "RESOURCE_EXHAUSTED", "Quota exceeded for quota metric 'Read requests'"), "429 RESOURCE_EXHAUSTED"),
        (error(500, "INTERNAL", "Internal error encountered."), "500 INTERNAL"),
        (Reply::Json(503, json!("<html>")), "503"),
        (Reply::Truncated(whole()), "broke off"),
        (Reply::Half(whole()), "something else than a whole table"),
        (Reply::Json(200, json!({})), "something else than the rows"),
        (Reply::Silence, "no whole answer within 500ms"),
    ];
    for (reply, text) in cases {
        stage.google.fail([reply]);
        stage.says(&stage.error().await, true, &[text]);
    }
    let reply = Reply::Headed(429, vec![("retry-after", "7".to_owned())], json!({}));
    stage.google.fail([reply]);
    assert_eq!(stage.error().await.retry_after(), Some(std::time::Duration::from_secs(7)));
}

#[tokio::test]
async fn a_key_that_google_does_not_take_is_told_apart_from_a_bad_day() {
    let stage = stage(None).await;
    let token = |reply| stage.google.with(|state| state.token_faults.push_back(reply));
    token(Reply::Json(400, json!({"error": "invalid_grant", "error_description": "Invalid JWT Signature."})));
    stage.says(&stage.error().await, false, &["key.json", "invalid_grant: Invalid JWT Signature.", "clock"]);
    token(Reply::Json(503, json!({"error": "temporarily_unavailable"})));
    stage.says(&stage.error().await, true, &["at the moment", "503"]);
    token(Reply::Json(200, json!({"access_token": "ya29.x"})));
    stage.says(&stage.error().await, true, &["holds no token"]);
    token(Reply::Silence);
    stage.says(&stage.error().await, true, &["no whole answer"]);
    assert_eq!(stage.cells().await.len(), 2, "and then it works");
}

#[tokio::test]
async fn a_key_file_is_checked_before_it_is_used_and_never_quoted() {
    let mut stage = stage(None).await;
    let path = stage._folder.path().join("bad.json");
    let key = |token_uri: &str, private_key: &str| {
        json!({"type": "service_account", "client_email": EMAIL, "private_key": private_key, "token_uri": token_uri})
            .to_string()
    };
    let cases = [
        ("ya29 {".to_owned(), "is not a JSON key"),
        (json!({"type": "authorized_user", "refresh_token": "ya29"}).to_string(), "of the type \"authorized_user\""),
        (json!({"type": "service_account"}).to_string(), "has no client_email"),
        (key("http://oauth2.example.com/token", "x"), "does not begin with https://"),
        (key("https://oauth2.googleapis.com/token", "-----BEGIN ya29"), "cannot be used: it must be RSA"),
    ];
    for (text, expected) in cases {
        std::fs::write(&path, text).unwrap();
        stage.source = sheets(&stage.google, Credential::Key(path.clone()), None);
        stage.says(&stage.error().await, false, &["bad.json", expected]);
    }
    stage.source = sheets(&stage.google, Credential::Key("/nonexistent/key.json".into()), None);
    stage.says(&stage.error().await, false, &["/nonexistent/key.json cannot be read"]);
}
