//! How does a controller write its access log, judged from a few lines?
//!
//! This tells what to change in the controller's settings; what a line says about a slot only the reaper reads.

use serde_json::{Map, Value};

/// What a line looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Shape {
    /// ingress-nginx's text, with the upstream.
    Nginx,
    /// ingress-nginx's JSON, with the upstream.
    NginxJson,
    /// Traefik's JSON.
    TraefikJson,
    /// Envoy's JSON, with the route.
    EnvoyJson,
    /// JSON with the fields that the operator names.
    Named,
    /// A request in text, and nothing says whom it was for.
    TextWithoutUpstream,
    /// A request in JSON, and nothing says whom it was for.
    JsonWithoutUpstream,
    /// What a program says of itself.
    Noise,
    /// Anything else.
    Strange,
}

impl Shape {
    /// The name of its format, if it is one that tells.
    pub(super) fn format(self) -> Option<&'static str> {
        match self {
            Self::Nginx => Some("nginx"),
            Self::NginxJson => Some("nginx-json"),
            Self::TraefikJson => Some("traefik-json"),
            Self::EnvoyJson => Some("envoy-json"),
            Self::Named => Some("JSON with the fields that the source names"),
            _ => None,
        }
    }

    /// True if the line was a request, or may have been one.
    pub(super) fn counts(self) -> bool {
        self != Self::Noise
    }
}

/// Only requests have these.
const OF_REQUESTS: [&str; 16] = [
    "status",
    "method",
    "request",
    "requestMethod",
    "request_method",
    "requestUrl",
    "request_uri",
    "path",
    "host",
    "remote_addr",
    "response_code",
    "DownstreamStatus",
    "RequestMethod",
    "x-envoy-origin-path",
    ":authority",
    "duration",
];

/// What a line is; `named` are the fields that the operator says hold the upstream or the namespace.
pub(super) fn shape(line: &str, named: &[String]) -> Shape {
    let line = line.trim();
    if line.is_empty() {
        return Shape::Noise;
    }
    if line.starts_with('{') {
        return serde_json::from_str::<Map<String, Value>>(line).map_or(Shape::Strange, |object| json(&object, named));
    }
    if is_own(line) { Shape::Noise } else { text(line) }
}

fn json(object: &Map<String, Value>, named: &[String]) -> Shape {
    let has = |key: &str| object.contains_key(key);
    let is_request = OF_REQUESTS.iter().any(|key| has(key));
    if !named.is_empty() {
        return match (named.iter().any(|key| has(key)), is_request) {
            (true, _) => Shape::Named,
            (false, true) => Shape::JsonWithoutUpstream,
            (false, false) => Shape::Noise,
        };
    }
    let by_ingress =
        has("namespace") && ["ingress_name", "ingressName", "service_name", "serviceName"].iter().any(|k| has(k));
    if has("proxyUpstreamName") || has("proxy_upstream_name") || by_ingress {
        Shape::NginxJson
    } else if has("ServiceName") {
        Shape::TraefikJson
    } else if has("route_name") {
        Shape::EnvoyJson
    } else if has("DownstreamStatus") {
        // Traefik leaves the field out where it served the request itself.
        Shape::TraefikJson
    } else if is_request {
        Shape::JsonWithoutUpstream
    } else {
        Shape::Noise
    }
}

/// `… "GET / HTTP/1.1" 200 612 "-" "curl/8" 90 0.001 [mew-web-80] [] …`
fn text(line: &str) -> Shape {
    let mut quoted = line.splitn(7, '"');
    let request = quoted.nth(1).unwrap_or_default();
    let after = quoted.nth(4).unwrap_or_default();
    let names =
        after.split_once(" [").and_then(|(_, rest)| rest.split_once("] [")).is_some_and(|(_, rest)| rest.contains(']'));
    if names {
        Shape::Nginx
    } else if is_request_line(request) || line.contains(" HTTP/1.") || line.contains(" HTTP/2") {
        Shape::TextWithoutUpstream
    } else {
        Shape::Strange
    }
}

fn is_request_line(text: &str) -> bool {
    let mut words = text.split(' ');
    let method = words.next().unwrap_or_default();
    let path = words.next().unwrap_or_default();
    !method.is_empty() && method.bytes().all(|b| b.is_ascii_uppercase()) && path.starts_with('/')
}

/// What controllers say beside their access log.
fn is_own(line: &str) -> bool {
    shaped(line, b"L0000 00:00:00.")
        || shaped(line, b"0000/00/00 00:00:00 [")
        || shaped(line, b"[0000-00-00 00:00:00.000][")
        || line.bytes().all(|b| b == b'-')
        || ["NGINX Ingress controller", "Release:", "Build:", "Repository:", "nginx version:"]
            .iter()
            .any(|s| line.starts_with(s))
        || (line.starts_with("time=") && line.contains(" level="))
        || ["INF", "WRN", "ERR", "DBG"].iter().any(|level| line.contains(&format!("Z {level} ")))
}

/// True if a line begins so: `0` is any digit, `L` a letter of klog's levels.
fn shaped(line: &str, shape: &[u8]) -> bool {
    line.len() > shape.len()
        && shape.iter().zip(line.bytes()).all(|(expected, found)| match expected {
            b'0' => found.is_ascii_digit(),
            b'L' => matches!(found, b'I' | b'W' | b'E' | b'F'),
            other => *other == found,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, expected: Shape) {
        assert_eq!(shape(line, &[]), expected, "{line}");
    }

    #[test]
    fn the_formats_that_reapers_read_are_known() {
        let nginx = r#"10.0.0.1 - - [23/Nov/2026:15:04:05 +0000] "GET / HTTP/1.1" 200 2 "-" "curl/8" 90 0.001 [mew-web-80] [] 10.0.0.2:80 2 0.001 200 f0"#;
        check(nginx, Shape::Nginx);
        check(&nginx.replace("mew-web-80", "-"), Shape::Nginx);
        check(r#"{"time":"x","status":"200","proxyUpstreamName":"mew-web-80"}"#, Shape::NginxJson);
        check(r#"{"DownstreamStatus":200,"ServiceName":"mew-web-80@kubernetes"}"#, Shape::TraefikJson);
        check(r#"{"response_code":200,"route_name":"httproute/mew/web/rule/0"}"#, Shape::EnvoyJson);
        assert_eq!(shape(r#"{"to":"mew-web-80"}"#, &["to".to_owned()]), Shape::Named);
    }

    #[test]
    fn a_request_that_does_not_say_whom_it_was_for_is_told() {
        check(
            r#"10.0.0.1 - - [23/Nov/2026:15:04:05 +0000] "GET / HTTP/1.1" 200 2 "-" "curl/8""#,
            Shape::TextWithoutUpstream,
        );
        check(r#"[2026-11-23T15:04:05.678Z] "GET / HTTP/1.1" 200 - 0 2"#, Shape::TextWithoutUpstream);
        check(r#"{"status":200,"path":"/"}"#, Shape::JsonWithoutUpstream);
        assert_eq!(shape(r#"{"status":200,"proxyUpstreamName":"x"}"#, &["to".to_owned()]), Shape::JsonWithoutUpstream);
        check("served /x to 10.0.0.1", Shape::Strange);
        check(r#"{"cut": "o"#, Shape::Strange);
    }

    #[test]
    fn what_a_controller_says_of_itself_is_no_request() {
        for line in [
            "",
            "I1123 15:04:05.678901       7 main.go:42] starting",
            "2026/11/23 15:04:05 [notice] 1#1: start worker processes",
            "[2026-11-23 15:04:05.678][1][info][main] starting",
            "-------------------------------------------",
            r#"{"level":"info","msg":"configuration loaded"}"#,
            "time=\"2026-11-23T15:04:05Z\" level=info msg=x",
            "2026-11-23T15:04:05Z INF Traefik version 3.3",
        ] {
            check(line, Shape::Noise);
        }
    }
}
