//! What a real Loki answers, about lines that were really pushed to it: from a recording, or by the Loki itself.
//!
//! `HOTDESK_REAL_LOKI=yes cargo test -p hotdesk-reap --test loki` asks the real one (`make loki` gets and asks it) and records
//! what it answers in tests/data/loki.json. All claims play at the moment at which the recording began, so that the questions
//! are the same in both.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by a panic")]

mod support;

use std::process::Command;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use hotdesk_traffic::observation::Observation;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use support::recording::{Recorded, Recorder};
use support::{Server, case_at, check, clock, free_port, look_at, program, send, source, start};

const HOUR: Duration = Duration::from_secs(3600);

/// Where the claims ask, and push to.
struct Loki {
    address: String,
    port: u16,
}

/// True where the real one is asked.
#[allow(clippy::disallowed_methods, reason = "the edge of the tests")]
fn is_real() -> bool {
    std::env::var("HOTDESK_REAL_LOKI").is_ok_and(|set| !set.is_empty())
}

/// When the claims play: now with a real Loki, else when its answers were recorded.
fn played() -> Timestamp {
    static PLAYED: OnceLock<Timestamp> = OnceLock::new();
    *PLAYED.get_or_init(|| if is_real() { clock() } else { recording().begun })
}

fn recording() -> Recorded {
    Recorded::read("loki.json")
}

async fn started() -> (Server, u16) {
    let (port, grpc) = (free_port(), free_port());
    let folder = tempfile::tempdir().unwrap();
    let config = format!(
        "auth_enabled: true
server: {{http_listen_address: 127.0.0.1, http_listen_port: {port}, grpc_listen_address: 127.0.0.1, grpc_listen_port: {grpc}, log_level: warn}}
common:
  path_prefix: {path}
  instance_addr: 127.0.0.1
  replication_factor: 1
  ring: {{kvstore: {{store: inmemory}}, instance_addr: 127.0.0.1}}
  storage: {{filesystem: {{chunks_directory: {path}/chunks, rules_directory: {path}/rules}}}}
schema_config:
  configs: [{{from: '2024-01-01', store: tsdb, object_store: filesystem, schema: v13, index: {{prefix: index_, period: 24h}}}}]
limits_config: {{reject_old_samples: false, allow_structured_metadata: true}}
ingester: {{lifecycler: {{min_ready_duration: 0s}}}}
analytics: {{reporting_enabled: false}}
",
        path = folder.path().display()
    );
    std::fs::write(folder.path().join("loki.yaml"), config).unwrap();
    let mut command = Command::new(program("loki"));
    command.arg("-config.file=loki.yaml");
    (start(folder, command, port, "/ready").await, port)
}

fn ago(minutes: i64) -> Timestamp {
    played() - SignedDuration::from_mins(minutes)
}

impl Loki {
    /// Pushes lines of one tenant, as an agent does.
    async fn push(&self, tenant: &str, lines: &[(Timestamp, String)]) {
        let values: Vec<_> = lines.iter().map(|(at, line)| json!([at.as_nanosecond().to_string(), line])).collect();
        let body = json!({"streams": [{"stream": {"app": "nginx"}, "values": values}]}).to_string();
        let answer = send(
            self.port,
            &format!(
                "POST /loki/api/v1/push HTTP/1.1\r\nhost: x\r\nx-scope-orgid: {tenant}\r\ncontent-type: application/json\r\n\
                 content-length: {}\r\nconnection: close\r\n\r\n{body}",
                body.len()
            ),
        )
        .await
        .unwrap();
        assert!(answer.starts_with("HTTP/1.1 204"), "{answer}");
    }

    async fn ask(&self, tenant: &str, more: &str) -> Observation {
        let yaml = format!("{{type: loki, url: '{}', tenant: {tenant}, {more}}}", self.address);
        look_at(&source(&yaml), &case_at(HOUR, played()), played).await
    }
}

/// A line of ingress-nginx's log.
fn line(at: Timestamp, upstream: &str, path: &str, agent: &str) -> (Timestamp, String) {
    let time = at.strftime("%d/%b/%Y:%H:%M:%S +0000");
    let text = format!(
        "203.0.113.9 - - [{time}] \"GET {path} HTTP/1.1\" 200 6 \"-\" \"{agent}\" 512 0.004 [{upstream}] [] 10.244.0.7:8080 612 0.004 200 0af1"
    );
    (at, text)
}

type Lines = Vec<(Timestamp, String)>;

const LINES: &str = "selector: '{app=\"nginx\"}'";

/// One Loki for all, for it takes its time to start; each claim has tenants of its own.
#[tokio::test]
async fn a_loki_answers_as_a_real_one_did() {
    let real = if is_real() { Some(started().await) } else { None };
    let recorder = match &real {
        Some((_, port)) => Recorder::before(*port, played()).await,
        None => Recorder::replay(recording()).await,
    };
    let loki = Loki { address: format!("http://127.0.0.1:{}", recorder.port), port: recorder.port };
    a_loki_is_asked_for_the_lines_of_the_slot_and_for_proof_that_it_gets_any(&loki).await;
    a_query_of_ones_own_is_asked_and_its_sight_proven(&loki).await;
    recorder.save("loki.json");
    if let Some((_, port)) = &real {
        // Thousands of lines, and answers that change while they are waited for: not for a recording.
        let loki = Loki { address: format!("http://127.0.0.1:{port}"), port: *port };
        many_lines_that_mention_the_slot_are_read_page_by_page(&loki).await;
        a_line_that_arrives_now_is_seen_now(&loki).await;
    }
}

async fn a_loki_is_asked_for_the_lines_of_the_slot_and_for_proof_that_it_gets_any(loki: &Loki) {
    let others = || line(ago(2), "mewtwo-web-80", "/", "curl");
    let (at, text) = line(ago(30), "-", "/", "curl");
    let nameless = (at, text.replace("10.244.0.7:", "10.244.0.77:"));
    let rows: Vec<(&str, Lines, &str)> = vec![
        ("nothing", vec![], "no line of anybody"),
        ("nobody", vec![others()], "quiet"),
        ("a pipeline that stopped", vec![line(ago(50), "mewtwo-web-80", "/", "curl")], "has its pipeline stopped?"),
        ("used", vec![line(ago(30), "mew-web-80", "/cart", "curl"), others()], "used"),
        ("long ago", vec![line(ago(70), "mew-web-80", "/cart", "curl"), others()], "quiet"),
        (
            "a path and an agent that spell it",
            vec![line(ago(3), "mewtwo-web-80", "/[mew-web-80]", "[mew-web-80]")],
            "quiet",
        ),
        (
            "a Service that is gone",
            vec![line(ago(30), "mew-old-80", "/", "curl"), others()],
            "mew-old-80, which matches no Service",
        ),
        ("unnamed-1: an address of the slot", vec![nameless, others()], "used"),
        (
            "share-1: a request that breaks off",
            vec![(ago(30), "203.0.113.9 - - [x] \"GET /x HTTP/1.1\" 200 6 \"-\" \"Mozil".to_owned()), others()],
            "an access line that breaks off",
        ),
        ("shape-10: an underscore", vec![(ago(30), "{\"up\":\"mew_web_80\"}".to_owned()), others()], "mentions mew"),
        (
            "own-1: klog",
            vec![(ago(30), "W1129 15:04:05.678901 7 a.go:1] Service mew/web".to_owned()), others()],
            "quiet",
        ),
        ("what cannot be read", vec![(ago(30), "GET mew-web-80".to_owned()), others()], "cannot be read"),
    ];
    for (index, (what, lines, expected)) in rows.iter().enumerate() {
        let tenant = format!("t{index}");
        if !lines.is_empty() {
            loki.push(&tenant, lines).await;
        }
        check(what, &loki.ask(&tenant, LINES).await, expected);
    }
    let used = loki.ask("t3", LINES).await.hit.unwrap();
    assert_eq!((used.upstream.as_str(), used.path.as_deref()), ("mew-web-80", Some("/cart")));
}

async fn many_lines_that_mention_the_slot_are_read_page_by_page(loki: &Loki) {
    let busy = |n: i64| line(ago(1) - SignedDuration::from_millis(n), "mewtwo-web-80", "/mew/", "curl");
    let mut lines: Vec<_> = (0..2500).map(busy).collect();
    lines.reverse();
    loki.push("busy", &lines).await;
    check("2500 lines", &loki.ask("busy", LINES).await, "quiet");
    loki.push("busy", &[line(ago(40), "mew-web-80", "/", "curl")]).await;
    check("and one behind them", &loki.ask("busy", LINES).await, "used");
}

async fn a_query_of_ones_own_is_asked_and_its_sight_proven(loki: &Loki) {
    let own =
        |namespace: &str| format!("query: '{{app=\"nginx\"}} | json | ns=\"{namespace}\"', sight: '{{app=\"nginx\"}}'");
    let json =
        |minutes: i64, namespace: &str| (ago(minutes), json!({"ns": namespace, "ua": "\"ns\":\"mew\""}).to_string());
    loki.push("a", &[json(5, "mewtwo")]).await;
    check("nobody", &loki.ask("a", &own("$namespace")).await, "quiet");
    loki.push("a", &[json(4, "mew")]).await;
    check("used", &loki.ask("a", &own("$namespace")).await, "used");
    check("nothing at all", &loki.ask("b", &own("$namespace")).await, "finds nobody in any of 2 slots");
    loki.push("c", &[json(5, "mewtwo")]).await;
    check("misspelt", &loki.ask("c", &own("$namespace-x")).await, "finds nobody in any of 2 slots");
    let metric = "query: 'sum(count_over_time({app=\"nginx\"} |= \"$namespace\" [5m]))', sight: '{app=\"nginx\"}'";
    check("no lines", &loki.ask("a", metric).await, "the query must be one for log lines");
    check("nonsense", &loki.ask("a", "query: '{$namespace', sight: '{app=\"nginx\"}'").await, "400 Bad Request: ");
}

async fn a_line_that_arrives_now_is_seen_now(loki: &Loki) {
    loki.push("now", &[line(ago(1), "mewtwo-web-80", "/", "curl")]).await;
    check("before", &loki.ask("now", LINES).await, "quiet");
    loki.push("now", &[line(played(), "mew-web-80", "/", "curl")]).await;
    let begun = Instant::now();
    while loki.ask("now", LINES).await.hit.is_none() {
        assert!(begun.elapsed() < Duration::from_secs(20), "a line of now is not seen");
    }
}
