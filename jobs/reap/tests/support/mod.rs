//! Real servers on loopback, and what a slot is looked for with.

#![allow(dead_code, reason = "each test file uses its own part")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "it is part of tests"
)]

pub(crate) mod recording;

use std::fmt::Write as _;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use hotdesk_reap::collect::traffic::Query;
use hotdesk_traffic::attribute::{Names, Service};
use hotdesk_traffic::line::Format;
use hotdesk_traffic::log::scan::ScanWindow;
use hotdesk_traffic::observation::Observation;
use hotdesk_traffic::sources::{self, Defaults, Kind, PodSelector, Source};
use jiff::{SignedDuration, Timestamp};

/// A server that ends with its test, and the folder that it writes to.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: String,
    pub(crate) folder: tempfile::TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _waited = self.child.wait();
    }
}

/// A program that `tests/servers/get` put there.
pub(crate) fn program(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/servers").join(name);
    assert!(path.exists(), "{name} is missing: run tests/servers/get first (make test does)");
    path
}

/// A port that was free a moment ago.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Starts a server in a folder, and waits until it says that it is ready.
pub(crate) async fn start(folder: tempfile::TempDir, mut command: Command, port: u16, ready: &str) -> Server {
    let log = std::fs::File::create(folder.path().join("server.log")).unwrap();
    let child = command.current_dir(folder.path()).stdout(log.try_clone().unwrap()).stderr(log).stdin(Stdio::null());
    let mut server = Server { child: child.spawn().unwrap(), address: format!("http://127.0.0.1:{port}"), folder };
    let begun = Instant::now();
    loop {
        if matches!(get(port, ready).await, Ok(text) if text.starts_with("HTTP/1.1 200")) {
            return server;
        }
        let log = || std::fs::read_to_string(server.folder.path().join("server.log")).unwrap_or_default();
        assert!(server.child.try_wait().unwrap().is_none(), "{}", log());
        assert!(begun.elapsed() < Duration::from_secs(60), "not ready: {}", log());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Starts a server that says nothing without credentials, and waits until it listens.
pub(crate) async fn start_deaf(folder: tempfile::TempDir, mut command: Command, port: u16) -> Server {
    let log = std::fs::File::create(folder.path().join("server.log")).unwrap();
    let child = command.current_dir(folder.path()).stdout(log.try_clone().unwrap()).stderr(log).stdin(Stdio::null());
    let mut server = Server { child: child.spawn().unwrap(), address: format!("https://127.0.0.1:{port}"), folder };
    let begun = Instant::now();
    while tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err() {
        let log = || std::fs::read_to_string(server.folder.path().join("server.log")).unwrap_or_default();
        assert!(server.child.try_wait().unwrap().is_none(), "{}", log());
        assert!(begun.elapsed() < Duration::from_secs(60), "not ready: {}", log());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    server
}

async fn get(port: u16, path: &str) -> std::io::Result<String> {
    send(port, &format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")).await
}

/// Sends a request as it is and reads the whole answer.
pub(crate) async fn send(port: u16, request: &str) -> std::io::Result<String> {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let mut stream = tokio::net::TcpStream::connect(("127.0.0.1", port)).await?;
    stream.write_all(request.as_bytes()).await?;
    let mut text = String::new();
    stream.read_to_string(&mut text).await?;
    Ok(text)
}

/// A series, as minutes before now and values.
pub(crate) type Series<'a> = (&'a str, Vec<(i64, f64)>);

/// One value for each minute of a time.
pub(crate) fn minutes(from: i64, to: i64, value: f64) -> Vec<(i64, f64)> {
    (to..=from).rev().map(|minute| (minute, value)).collect()
}

/// A Prometheus with samples that promtool wrote.
pub(crate) async fn holding(series: &[Series<'_>]) -> Server {
    let folder = tempfile::tempdir().unwrap();
    let now = clock().as_second();
    let mut text = String::new();
    let mut names: Vec<&str> = series.iter().map(|(name, _)| name.split('{').next().unwrap()).collect();
    names.sort_unstable();
    names.dedup();
    for name in names {
        let _never_fails = writeln!(text, "# TYPE {name} unknown");
        for (labelled, samples) in series.iter().filter(|(labelled, _)| labelled.split('{').next() == Some(name)) {
            for (minute, value) in samples {
                let _never_fails = writeln!(text, "{labelled} {value} {}", now - minute * 60);
            }
        }
    }
    text.push_str("# EOF\n");
    let data = folder.path().join("samples.txt");
    std::fs::write(&data, text).unwrap();
    if !series.is_empty() {
        let made = Command::new(program("promtool"))
            .args(["tsdb", "create-blocks-from", "openmetrics"])
            .args([&data, &folder.path().join("data")])
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    }
    serving(folder, "").await
}

/// A Prometheus with this configuration.
pub(crate) async fn serving(folder: tempfile::TempDir, scrape: &str) -> Server {
    let port = free_port();
    std::fs::write(folder.path().join("prometheus.yml"), scrape).unwrap();
    let mut command = Command::new(program("prometheus"));
    command
        .arg("--config.file=prometheus.yml")
        .arg("--storage.tsdb.path=data")
        .arg(format!("--web.listen-address=127.0.0.1:{port}"));
    start(folder, command, port, "/-/ready").await
}

/// What the chart would pass on.
pub(crate) fn source(yaml: &str) -> Source {
    let text = |text: &str| text.to_owned();
    let place = PodSelector { namespace: text("ingress-nginx"), selector: text("x"), container: text("controller") };
    let defaults = Defaults { place, format: Format::Auto };
    sources::read(&format!("[{yaml}]"), &defaults).unwrap_or_else(|p| panic!("{p:?}")).remove(0)
}

/// The slot mew with a Service web, and its neighbour mewtwo.
pub(crate) fn query(window: Duration) -> Query {
    case_at(window, clock())
}

/// The same, at this moment.
pub(crate) fn case_at(window: Duration, now: Timestamp) -> Query {
    let ago = |length: Duration| now - SignedDuration::try_from(length).unwrap();
    let addresses = vec!["10.244.0.77".parse().unwrap()];
    let web = Service { name: "web".to_owned(), ports: vec!["80".to_owned()], addresses, ..Service::default() };
    Query {
        slot: "mew".to_owned(),
        names: Names::new("mew", &[web], &["mewtwo".to_owned()]),
        since: ago(window),
        look_back: ago(window.max(Duration::from_secs(24 * 3600))),
        now,
        silence_is_fine: false,
    }
}

/// What lines are judged by.
pub(crate) fn watch(query: &Query, format: &Format) -> ScanWindow {
    ScanWindow {
        format: format.clone(),
        names: query.names.clone(),
        slot: query.slot.clone(),
        since: query.since,
        look_back: query.look_back,
        now: query.now,
        ignore_agents: globset::GlobSet::empty(),
        ignore_paths: globset::GlobSet::empty(),
        max_unparsed: 0.01,
    }
}

/// Looks through one source, as a run does.
pub(crate) async fn look(source: &Source, query: &Query) -> Observation {
    look_at(source, query, clock).await
}

/// The same, by this clock.
pub(crate) async fn look_at(source: &Source, query: &Query, clock: fn() -> Timestamp) -> Observation {
    use hotdesk_reap::sources::{gcp_logging, loki, prometheus};
    match &source.kind {
        Kind::Prometheus(server) => prometheus::look(&source.name, server, query, clock).await,
        Kind::Loki(server) => loki::look(&source.name, server, query, |format| watch(query, format), clock).await,
        Kind::GcpLogging(server) => {
            gcp_logging::look(&source.name, server, &watch(query, &server.format), query.silence_is_fine, clock).await
        }
        other => panic!("{other:?} is asked of the cluster"),
    }
}

/// What a look comes to: `used`, `quiet`, or every doubt.
#[track_caller]
pub(crate) fn check(what: &str, look: &Observation, expected: &str) {
    let traffic = hotdesk_traffic::observation::Traffic { observations: vec![look.clone()], ..Default::default() };
    let found = match hotdesk_traffic::observation::judge(&traffic, look.from, false) {
        hotdesk_traffic::observation::TrafficVerdict::Used(_) => "used".to_owned(),
        hotdesk_traffic::observation::TrafficVerdict::Quiet(_) => "quiet".to_owned(),
        hotdesk_traffic::observation::TrafficVerdict::Inconclusive(why) => why,
    };
    let fits = if ["used", "quiet"].contains(&expected) { found == expected } else { found.contains(expected) };
    assert!(fits, "{what}: expected {expected:?}, found {found:?} in {look:?}");
    assert!(!look.seen.contains('\u{1b}') && !look.doubts.iter().any(|doubt| doubt.contains('\u{1b}')), "{look:?}");
}

/// The time at which the tests play.
#[allow(clippy::disallowed_methods, reason = "the edge of the tests")]
pub(crate) fn clock() -> Timestamp {
    Timestamp::now()
}
