//! What does a line of a controller's `/metrics` say about whose requests were counted?
//!
//! Only the families of requests are read; everything else of what may be megabytes is passed over.

use std::borrow::Cow;

use crate::line::json::without_provider;
use crate::line::{Entry, envoy, named};
use crate::sources::Controller;

/// One counter of requests.
#[derive(Debug, Clone, PartialEq)]
pub struct Series<'a> {
    /// Whose requests it counts.
    pub entry: Entry<'a>,
    /// How many.
    pub value: f64,
    /// Its name and labels, as they stand there.
    pub identity: &'a str,
}

/// Reads one line: none if it is of no interest.
///
/// # Errors
/// When it is a counter of requests, and cannot be read.
pub fn read(line: &str, controller: Controller) -> Option<Result<Series<'_>, &'static str>> {
    let end = line.find(['{', ' '])?;
    let (name, rest) = line.split_at(end);
    is_wanted(name, controller).then(|| series(line, rest, controller, name))
}

fn is_wanted(name: &str, controller: Controller) -> bool {
    match controller {
        Controller::IngressNginx => name == "nginx_ingress_controller_requests",
        Controller::Traefik => name == "traefik_service_requests_total",
        // A route whose name holds a dot ends up with half of it in the metric's name.
        Controller::EnvoyGateway => {
            name.starts_with("envoy_cluster_")
                && (name.ends_with("upstream_rq_total") || name.ends_with("upstream_cx_total"))
        }
        Controller::Istio => name == "istio_requests_total",
    }
}

fn series<'a>(line: &'a str, rest: &'a str, controller: Controller, name: &str) -> Result<Series<'a>, &'static str> {
    let (labels, after) = labels(rest).ok_or("its labels cannot be read")?;
    let mut after = after.split_whitespace();
    let value: f64 = after.next().and_then(|text| text.parse().ok()).ok_or("its value cannot be read")?;
    if !value.is_finite() || value < 0.0 {
        return Err("its value is not a count");
    }
    let label = |wanted: &str| labels.iter().find(|(name, _)| *name == wanted).map(|(_, value)| value.clone());
    let entry = entry(label, controller, name)?;
    let identity = line.get(..line.len() - rest.len() + labelled(rest)).unwrap_or(line);
    Ok(Series { entry, value, identity })
}

/// How long the labels are, with their braces.
fn labelled(rest: &str) -> usize {
    labels(rest).map_or(0, |(_, after)| rest.len() - after.len())
}

pub(crate) type Labels<'a> = Vec<(&'a str, Cow<'a, str>)>;

/// `{a="b",c="d"}` and what comes behind.
pub(crate) fn labels(text: &str) -> Option<(Labels<'_>, &str)> {
    let Some(mut rest) = text.strip_prefix('{') else { return Some((Vec::new(), text)) };
    let mut found = Vec::new();
    loop {
        rest = rest.trim_start_matches([' ', ',']);
        if let Some(after) = rest.strip_prefix('}') {
            return Some((found, after));
        }
        let (name, after) = rest.split_once("=\"")?;
        let (value, after) = quoted(after)?;
        found.push((name.trim(), value));
        rest = after;
    }
}

/// A value up to its closing quote, and what comes behind.
fn quoted(text: &str) -> Option<(Cow<'_, str>, &str)> {
    let mut escaped = false;
    let end = text.char_indices().find_map(|(at, c)| {
        let ends = c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        ends.then_some(at)
    })?;
    let (value, after) = (text.get(..end)?, text.get(end + 1..)?);
    if !value.contains('\\') {
        return Some((Cow::Borrowed(value), after));
    }
    let (mut plain, mut chars) = (String::new(), value.chars());
    while let Some(c) = chars.next() {
        match c {
            '\\' => plain.push(match chars.next()? {
                'n' => '\n',
                other => other,
            }),
            other => plain.push(other),
        }
    }
    Some((Cow::Owned(plain), after))
}

/// Whose requests a counter counts, by its labels.
///
/// # Errors
/// When the label that says so is missing.
pub(crate) fn entry<'a>(
    label: impl Fn(&str) -> Option<Cow<'a, str>>,
    controller: Controller,
    name: &str,
) -> Result<Entry<'a>, &'static str> {
    let none = |text: Cow<'a, str>| named(text);
    match controller {
        Controller::IngressNginx => {
            let namespace = label("exported_namespace").or_else(|| label("namespace"));
            Ok(Entry { namespace: none(namespace.ok_or("it has no label namespace")?), ..Entry::default() })
        }
        Controller::Traefik => {
            let service = label("exported_service").or_else(|| label("service")).ok_or("it has no label service")?;
            Ok(Entry { upstream: none(service).map(without_provider), ..Entry::default() })
        }
        Controller::EnvoyGateway => {
            let cluster = label("envoy_cluster_name").ok_or("it has no label envoy_cluster_name")?;
            // Connections are what is counted of a route that has no requests.
            let by_connections = cluster.starts_with("tcproute/") || cluster.starts_with("tlsroute/");
            let counts = by_connections || name.ends_with("upstream_rq_total");
            let namespace = envoy::namespace(&cluster).filter(|_| counts).map(str::to_owned);
            Ok(Entry { namespace: namespace.map(Cow::Owned), ..Entry::default() })
        }
        Controller::Istio => {
            let namespace =
                label("destination_service_namespace").ok_or("it has no label destination_service_namespace")?;
            Ok(Entry { namespace: none(namespace), ..Entry::default() })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(controller: Controller, line: &str, namespace: Option<&str>, upstream: Option<&str>, value: f64) {
        let series = read(line, controller).expect("of interest").expect(line);
        assert_eq!(
            (series.entry.namespace.as_deref(), series.entry.upstream.as_deref()),
            (namespace, upstream),
            "{line}"
        );
        assert!((series.value - value).abs() < f64::EPSILON, "{line}: {}", series.value);
    }

    #[test]
    fn the_counters_of_each_controller_say_whose_requests_they_count() {
        use Controller::{EnvoyGateway, IngressNginx, Traefik};
        let nginx = |labels: &str| format!("nginx_ingress_controller_requests{{{labels}}} 3");
        check(
            IngressNginx,
            &nginx(r#"controller_namespace="ingress-nginx",namespace="mew",service="web""#),
            Some("mew"),
            None,
            3.0,
        );
        check(IngressNginx, &nginx(r#"exported_namespace="mew",namespace="ingress-nginx""#), Some("mew"), None, 3.0);
        check(IngressNginx, &nginx(r#"namespace="-""#), None, None, 3.0);
        check(
            Traefik,
            r#"traefik_service_requests_total{code="200",method="GET",protocol="http",service="mew-web-80@kubernetes"} 12"#,
            None,
            Some("mew-web-80"),
            12.0,
        );
        let envoy = |name: &str, cluster: &str| format!("envoy_cluster_{name}{{envoy_cluster_name=\"{cluster}\"}} 1e3");
        check(EnvoyGateway, &envoy("upstream_rq_total", "httproute/mew/web/rule/0"), Some("mew"), None, 1000.0);
        check(
            EnvoyGateway,
            &envoy("example_com_rule_0_upstream_rq_total", "httproute/mew/www"),
            Some("mew"),
            None,
            1000.0,
        );
        check(EnvoyGateway, &envoy("upstream_cx_total", "tcproute/mew/db"), Some("mew"), None, 1000.0);
        check(EnvoyGateway, &envoy("upstream_cx_total", "httproute/mew/web/rule/0"), None, None, 1000.0);
        check(EnvoyGateway, &envoy("upstream_rq_total", "xds_cluster"), None, None, 1000.0);
    }

    #[test]
    fn what_a_sender_chose_cannot_name_another_namespace() {
        for path in [r#"/\",namespace=\"mewtwo"#, r"/\\", r#"/}\" 1"#] {
            let line = format!("nginx_ingress_controller_requests{{path=\"{path}\",namespace=\"mew\"}} 1");
            check(Controller::IngressNginx, &line, Some("mew"), None, 1.0);
        }
    }

    #[test]
    fn what_is_no_count_is_an_error() {
        for (value, labels) in [
            ("NaN", r#"{namespace="mew"}"#),
            ("+Inf", r#"{namespace="mew"}"#),
            ("-1", r#"{namespace="mew"}"#),
            ("", r#"{namespace="mew"}"#),
            ("x", r#"{namespace="mew"}"#),
            ("1", r#"{host="mew"}"#),
            ("1", r#"{namespace="mew"#),
            ("1", ""),
        ] {
            let line = format!("nginx_ingress_controller_requests{labels} {value}");
            assert!(matches!(read(&line, Controller::IngressNginx), Some(Err(_))), "{line}");
        }
    }

    #[test]
    fn other_families_and_comments_are_passed_over() {
        for line in [
            "# HELP nginx_ingress_controller_requests The total number of client requests",
            "# TYPE nginx_ingress_controller_requests counter",
            r#"nginx_ingress_controller_requests_bucket{namespace="mew"} NaN"#,
            r#"nginx_ingress_controller_nginx_process_requests_total{namespace="mew"} 5"#,
            "go_goroutines 9",
            "",
        ] {
            assert_eq!(read(line, Controller::IngressNginx), None, "{line}");
        }
    }

    #[test]
    fn a_series_is_known_by_its_labels_and_not_by_its_value() {
        let one = read(r#"nginx_ingress_controller_requests{namespace="mew"} 1"#, Controller::IngressNginx);
        let two = read(r#"nginx_ingress_controller_requests{namespace="mew"} 2"#, Controller::IngressNginx);
        let identity = |read: Option<Result<Series<'_>, _>>| read.unwrap().unwrap().identity.to_owned();
        let (one, two) = (identity(one), identity(two));
        assert_eq!(one, two);
        assert_eq!(one, r#"nginx_ingress_controller_requests{namespace="mew"}"#);
    }
}
