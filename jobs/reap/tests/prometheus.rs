//! A real Prometheus is asked: about samples of every kind that were there before it started, and about a target that it
//! scrapes.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by a panic")]

mod support;

use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use support::start_deaf;
use support::{Series, Server, check, clock, free_port, holding, look, minutes, program, query, serving, source};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

const HOUR: Duration = Duration::from_secs(3600);

const NGINX: &str = "nginx_ingress_controller_requests";

/// One controller that was scraped each minute for two hours, and counted for mewtwo only.
fn quiet() -> Vec<Series<'static>> {
    vec![
        ("up{job=\"nginx\",instance=\"a\"}", minutes(120, 0, 1.0)),
        ("process_start_time_seconds{job=\"nginx\",instance=\"a\"}", minutes(120, 0, 1e9)),
        (
            "nginx_ingress_controller_requests{job=\"nginx\",instance=\"a\",namespace=\"ingress-nginx\",controller_namespace=\"ingress-nginx\",exported_namespace=\"mewtwo\"}",
            (0..=120).rev().map(|minute| (minute, f64::from(200 - i32::try_from(minute).unwrap()))).collect(),
        ),
    ]
}

fn ours(samples: Vec<(i64, f64)>) -> Series<'static> {
    (
        "nginx_ingress_controller_requests{job=\"nginx\",instance=\"a\",namespace=\"ingress-nginx\",controller_namespace=\"ingress-nginx\",exported_namespace=\"mew\",status=\"200\"}",
        samples,
    )
}

async fn ask(server: &Server, more: &str) -> hotdesk_traffic::observation::Observation {
    let source = source(&format!("{{type: prometheus, url: '{}', {more}}}", server.address));
    look(&source, &query(HOUR)).await
}

async fn given(what: &str, series: Vec<Series<'_>>, expected: &str) {
    let server = holding(&series).await;
    check(what, &ask(&server, "controller: ingress-nginx").await, expected);
}

#[tokio::test]
async fn a_slot_that_nobody_used_is_quiet_while_its_neighbour_is_busy() {
    given("nobody ever", quiet(), "quiet").await;
    given("nobody for an hour", [quiet(), vec![ours(minutes(120, 0, 7.0))]].concat(), "quiet").await;
}

#[tokio::test]
async fn any_request_within_the_window_is_use() {
    let grew = [minutes(120, 30, 7.0), minutes(29, 0, 8.0)].concat();
    given("it grew", [quiet(), vec![ours(grew)]].concat(), "used").await;
    given("one lone request in a new series", [quiet(), vec![ours(minutes(40, 0, 1.0))]].concat(), "used").await;
    given("a new series that went again", [quiet(), vec![ours(vec![(40, 1.0)])]].concat(), "used").await;
    let reset = [minutes(120, 30, 7.0), minutes(29, 0, 2.0)].concat();
    given("it began again and grew", [quiet(), vec![ours(reset)]].concat(), "used").await;
    let old = [minutes(120, 70, 7.0), minutes(69, 0, 8.0)].concat();
    given("before the window", [quiet(), vec![ours(old)]].concat(), "quiet").await;
}

#[tokio::test]
async fn the_time_of_the_last_request_is_known() {
    let grew = [minutes(120, 30, 7.0), minutes(29, 10, 8.0), minutes(9, 0, 9.0)].concat();
    let server = holding(&[quiet(), vec![ours(grew)]].concat()).await;
    let hit = ask(&server, "controller: ingress-nginx").await.hit.unwrap();
    let minutes = clock().duration_since(hit.time).as_mins();
    assert!((9..=10).contains(&minutes), "{minutes} min ago: {hit:?}");
    assert_eq!(hit.upstream, "mew (by its counter)");
}

#[tokio::test]
async fn whatever_could_hide_a_request_is_a_doubt() {
    given("an empty answer", vec![], "an empty answer proves nothing").await;
    let reset = [minutes(120, 30, 7.0), minutes(29, 0, 0.0)].concat();
    given("it began again", [quiet(), vec![ours(reset)]].concat(), "began again").await;

    let mut stale = quiet();
    for (_, samples) in &mut stale {
        samples.retain(|(minute, _)| *minute > 20);
    }
    given("stale since 20 minutes", stale, "has no samples since").await;

    let mut gap = quiet();
    gap[0].1.retain(|(minute, _)| !(20..30).contains(minute));
    given("a gap", gap, "has no samples between").await;

    let mut down = quiet();
    for sample in &mut down[0].1 {
        sample.1 = if (20..30).contains(&sample.0) { 0.0 } else { 1.0 };
    }
    given("the scrape was down", down, "has no samples between").await;

    let mut young = quiet();
    for (_, samples) in &mut young {
        samples.retain(|(minute, _)| *minute < 30);
    }
    given("a target that came within the window", young, "has samples only since").await;

    let mut second = quiet();
    second.push(("up{job=\"nginx\",instance=\"b\"}", minutes(120, 0, 0.0)));
    given("half the controllers cannot be scraped", second, "the target b has no good sample").await;

    let mut gone = quiet();
    gone.push(("up{job=\"nginx\",instance=\"b\"}", minutes(120, 40, 1.0)));
    given("a target that went within the window", gone, "the target b has no samples since").await;

    let mut restarted = quiet();
    restarted[1].1 = [minutes(120, 30, 1e9), minutes(29, 0, 2e9)].concat();
    given("a restart", restarted, "the target a restarted before").await;

    let mut unknown = quiet();
    unknown.remove(1);
    given("nothing tells of restarts", unknown, "nothing tells whether a has restarted").await;

    let mut nobody = quiet();
    nobody[2].0 = "nginx_ingress_controller_requests{job=\"nginx\",instance=\"a\",namespace=\"ingress-nginx\",controller_namespace=\"ingress-nginx\"}";
    given("labels that name the controller only", nobody, "none of its counters names any slot").await;

    let mut relabelled = quiet();
    relabelled[2].0 = "nginx_ingress_controller_requests{job=\"nginx\",instance=\"a\",namespace=\"monitoring\",controller_namespace=\"ingress-nginx\"}";
    given("labels that somebody put over them", relabelled, "none of its counters names any slot").await;

    let nan = [minutes(120, 30, 7.0), vec![(29, f64::NAN)]].concat();
    given("no number", [quiet(), vec![ours(nan)]].concat(), "not a count: NaN").await;
}

#[tokio::test]
async fn each_controller_is_asked_in_its_own_words() {
    let base = |metric: &str, labels: &str| {
        vec![
            ("up{job=\"j\",instance=\"a\"}".to_owned(), minutes(120, 0, 1.0)),
            ("process_start_time_seconds{job=\"j\",instance=\"a\"}".to_owned(), minutes(120, 0, 1e9)),
            (
                "envoy_server_uptime{job=\"j\",instance=\"a\"}".to_owned(),
                (0..=120).rev().map(|m| (m, 1e6 - 60.0 * f64::from(i32::try_from(m).unwrap()))).collect(),
            ),
            (
                format!("{metric}{{job=\"j\",instance=\"a\",{labels}}}"),
                [minutes(120, 30, 7.0), minutes(29, 0, 8.0)].concat(),
            ),
        ]
    };
    let rows = [
        ("traefik", "traefik_service_requests_total", "service=\"mew-web-80@kubernetes\"", "used"),
        ("traefik", "traefik_service_requests_total", "service=\"mewtwo-web-80@kubernetes\"", "quiet"),
        (
            "traefik",
            "traefik_service_requests_total",
            "service=\"traefik\",exported_service=\"mew-web-80@kubernetes\"",
            "used",
        ),
        (
            "traefik",
            "traefik_service_requests_total",
            "service=\"traefik\",exported_service=\"mewtwo-web-80@kubernetes\"",
            "quiet",
        ),
        ("traefik", "traefik_service_requests_total", "service=\"traefik\"", "none of its counters names any slot"),
        ("traefik", "traefik_service_requests_total", "service=\"mew-gone-80@kubernetes\"", "a Service's that is gone"),
        ("envoy-gateway", "envoy_cluster_upstream_rq_total", "envoy_cluster_name=\"httproute/mew/web/rule/0\"", "used"),
        (
            "envoy-gateway",
            "envoy_cluster_upstream_rq_total",
            "envoy_cluster_name=\"httproute/mewtwo/web/rule/0\"",
            "quiet",
        ),
        ("istio, sight: 'up{job=\"j\"}'", "istio_requests_total", "destination_service_namespace=\"mew\"", "used"),
        ("istio, sight: 'up{job=\"j\"}'", "istio_requests_total", "destination_service_namespace=\"mewtwo\"", "quiet"),
    ];
    for (controller, metric, labels, expected) in rows {
        let series = base(metric, labels);
        let series: Vec<Series<'_>> = series.iter().map(|(name, samples)| (name.as_str(), samples.clone())).collect();
        let server = holding(&series).await;
        check(labels, &ask(&server, &format!("controller: {controller}")).await, expected);
    }
}

#[tokio::test]
async fn a_query_of_ones_own_is_asked_and_its_sight_proven() {
    let grew = [minutes(120, 30, 7.0), minutes(29, 0, 8.0)].concat();
    let server = holding(&[quiet(), vec![ours(grew)]].concat()).await;
    let own = |namespace: &str, sight: &str| {
        format!("query: 'sum(increase({NGINX}{{exported_namespace=\"{namespace}\"}}[$window]))', sight: '{sight}'")
    };
    check("use", &ask(&server, &own("$namespace", "up{job=\"nginx\"}")).await, "used");
    check(
        "misspelt",
        &ask(&server, &own("$namespace-x", "up{job=\"nginx\"}")).await,
        "the query finds nobody in any of 2 slots",
    );
    let server = holding(&quiet()).await;
    check("nobody", &ask(&server, &own("$namespace", "up{job=\"nginx\"}")).await, "quiet");
    check(
        "blind",
        &ask(&server, &own("$namespace", "up{job=\"other\"}")).await,
        "nothing shows that it observed traffic",
    );
    let wrong = |query: &str| format!("query: '{query}', sight: 'up{{job=\"nginx\"}}'");
    check("scalar", &ask(&server, &wrong("scalar(x{a=\"$namespace\"} offset $window)")).await, "sent a scalar");
    check("nonsense", &ask(&server, &wrong("sum(x{a=\"$namespace\"}[$window]")).await, "400 Bad Request: ");
    check(
        "NaN",
        &ask(&server, &wrong("vector(0/0) unless x{a=\"$namespace\"} offset $window")).await,
        "not a count: NaN",
    );
}

/// An exporter whose text a test changes.
async fn exporter(text: Arc<Mutex<String>>) -> u16 {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = [0; 4096];
            let _request = stream.read(&mut head).await;
            let body = text.lock().unwrap().clone();
            if body.is_empty() {
                continue;
            }
            let answer = format!(
                "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                body.len()
            );
            let _sent = stream.write_all(answer.as_bytes()).await;
        }
    });
    port
}

fn metrics(mew: Option<u64>) -> String {
    let labels = |namespace: &str| format!("{{controller_namespace=\"ingress-nginx\",namespace=\"{namespace}\"}}");
    let ours = mew.map_or_else(String::new, |count| format!("{NGINX}{} {count}\n", labels("mew")));
    format!("# TYPE {NGINX} counter\n{ours}{NGINX}{} 9\nprocess_start_time_seconds 1e9\n", labels("mewtwo"))
}

/// Looks again and again until it comes to this.
async fn until(what: &str, server: &Server, window: Duration, expected: &str) {
    let yaml = format!("{{type: prometheus, url: '{}', controller: ingress-nginx, gap: 3s}}", server.address);
    let (source, begun) = (source(&yaml), Instant::now());
    loop {
        let look = look(&source, &query(window)).await;
        let found = if look.hit.is_some() {
            "used".to_owned()
        } else if look.doubts.is_empty() {
            "quiet".to_owned()
        } else {
            look.doubts.join("; ")
        };
        if found.contains(expected) {
            return;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "{what}: not {expected:?} but {found:?}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

#[tokio::test]
async fn a_target_that_is_scraped_for_real_is_seen_until_it_goes_away() {
    let text = Arc::new(Mutex::new(metrics(None)));
    let port = exporter(text.clone()).await;
    for (honor, window) in [("false", Duration::from_secs(4)), ("true", Duration::from_secs(4))] {
        *text.lock().unwrap() = metrics(None);
        let scrape = format!(
            "global: {{scrape_interval: 500ms, scrape_timeout: 400ms}}\nscrape_configs:\n- job_name: nginx\n  honor_labels: {honor}\n  \
             static_configs: [{{targets: ['127.0.0.1:{port}'], labels: {{namespace: ingress-nginx}}}}]\n"
        );
        let server = serving(tempfile::tempdir().unwrap(), &scrape).await;
        until("the window is not over", &server, window, "has samples only since").await;
        until("nobody", &server, window, "quiet").await;
        *text.lock().unwrap() = metrics(Some(1));
        until("one lone request", &server, window, "used").await;
        until("nobody since", &server, window, "quiet").await;
        *text.lock().unwrap() = metrics(Some(2));
        until("another", &server, window, "used").await;
        text.lock().unwrap().clear();
        until("it is gone", &server, window, "has no samples since").await;
    }
}

#[tokio::test]
async fn a_prometheus_behind_tls_and_a_password_is_asked_if_both_are_right() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    let other = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    let ca = write("tls.crt", &made.cert.pem());
    let wrong = write("other.crt", &other.cert.pem());
    write("tls.key", &made.signing_key.serialize_pem());
    // The password is "test".
    let hash = "$2b$12$/djmRb52OLfEU7lqNA9Z3OfVu690p8yCuwEHvWjxA9/9nIoLntXSi";
    write(
        "web.yml",
        &format!(
            "tls_server_config: {{cert_file: tls.crt, key_file: tls.key}}\nbasic_auth_users: {{reaper: '{hash}'}}\n"
        ),
    );
    let password = write("password", "test\n");
    write("prometheus.yml", "");
    let port = free_port();
    let mut command = Command::new(program("prometheus"));
    command
        .arg("--config.file=prometheus.yml")
        .arg("--storage.tsdb.path=data")
        .arg("--web.config.file=web.yml")
        .arg(format!("--web.listen-address=127.0.0.1:{port}"));
    let _server = start_deaf(folder, command, port).await;
    let ask = |more: String| async move {
        let yaml = format!("{{type: prometheus, url: 'https://127.0.0.1:{port}', controller: traefik, {more}}}");
        look(&source(&yaml), &query(HOUR)).await
    };
    let auth = format!("auth: {{username: reaper, passwordFile: {password}}}");
    check("both", &ask(format!("caFile: {ca}, {auth}")).await, "an empty answer proves nothing");
    check("no password", &ask(format!("caFile: {ca}")).await, "401 Unauthorized");
    check("another's certificate", &ask(format!("caFile: {wrong}, {auth}")).await, "certificate");
    check("the system's certificates", &ask(auth).await, "certificate");
    check("no certificate", &ask(format!("caFile: {password}")).await, "password holds no certificate");
    check("no file", &ask("caFile: /nonexistent/ca.crt".to_owned()).await, "/nonexistent/ca.crt cannot be read");
}
