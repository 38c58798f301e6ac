//! In which words is a Prometheus asked?
//!
//! A slot's name holds nothing but letters, digits and dashes, so it stands in a query as it is.

use std::collections::BTreeMap;

use jiff::SignedDuration;

use crate::counters::exposition;
use crate::line::Entry;
use crate::sources::Controller;

/// The selectors of everything that may be the slot's; whose it is is judged by its labels.
#[must_use]
pub fn of_slot(controller: Controller, slot: &str) -> Vec<String> {
    match controller {
        Controller::IngressNginx => {
            let metric = "nginx_ingress_controller_requests";
            vec![
                format!("{metric}{{exported_namespace=\"{slot}\"}}"),
                format!("{metric}{{namespace=\"{slot}\",exported_namespace=\"\"}}"),
            ]
        }
        // Where Prometheus has put its own label over Traefik's, the requests' one is exported_service.
        Controller::Traefik => {
            // As a word, wherever it stands: `mew-web-80@kubernetes`, and `mew@file` of another provider.
            let like = format!("=~\"(.*[^a-zA-Z0-9])?{slot}([^a-zA-Z0-9].*)?\"");
            let metric = "traefik_service_requests_total";
            vec![
                format!("{metric}{{exported_service{like}}}"),
                format!("{metric}{{service{like},exported_service=\"\"}}"),
            ]
        }
        Controller::EnvoyGateway => vec![
            format!("envoy_cluster_upstream_rq_total{{envoy_cluster_name=~\"[a-z]+/{slot}/.+\"}}"),
            format!("envoy_cluster_upstream_cx_total{{envoy_cluster_name=~\"(tcproute|tlsroute)/{slot}/.+\"}}"),
        ],
        Controller::Istio => vec![
            format!("istio_requests_total{{destination_service_namespace=\"{slot}\"}}"),
            format!("istio_tcp_connections_opened_total{{destination_service_namespace=\"{slot}\"}}"),
        ],
    }
}

/// Which targets have counted anything, and for whom.
#[must_use]
pub fn targets(controller: Controller, window: SignedDuration) -> String {
    let (metric, labels) = match controller {
        Controller::IngressNginx => ("nginx_ingress_controller_requests", "namespace, exported_namespace"),
        Controller::Traefik => ("traefik_service_requests_total", "service, exported_service"),
        Controller::EnvoyGateway => ("envoy_cluster_upstream_rq_total", "envoy_cluster_name"),
        Controller::Istio => ("istio_requests_total", "destination_service_namespace"),
    };
    format!("group by (job, instance, {labels}) (last_over_time({metric}[{}]))", length(window))
}

/// What tells that a process of a job restarted: when it started, or how long it has been up.
#[must_use]
pub fn start_of(controller: Controller, job: &str) -> String {
    let metric = match controller {
        Controller::EnvoyGateway => "envoy_server_uptime{@}",
        _ => "process_start_time_seconds{@}",
    };
    metric.replace('@', &format!("job=\"{}\"", quoted(job)))
}

/// The samples of a selector, this far back.
#[must_use]
pub fn samples(selector: &str, back: SignedDuration) -> String {
    format!("{selector}[{}]", length(back))
}

/// `up` of a job.
#[must_use]
pub fn up(job: &str) -> String {
    format!("up{{job=\"{}\"}}", quoted(job))
}

/// The operator's own query, for this slot.
#[must_use]
pub fn own(query: &str, slot: &str, window: SignedDuration) -> String {
    query.replace("$namespace", slot).replace("$window", &length(window))
}

/// Whose a series is, by its labels.
///
/// # Errors
/// When a label is missing.
pub fn entry(labels: &BTreeMap<String, String>, controller: Controller) -> Result<Entry<'_>, &'static str> {
    let label = |name: &str| labels.get(name).map(|value| value.as_str().into());
    exposition::entry(label, controller, "upstream_rq_total")
}

/// Whole seconds, never too few.
fn length(length: SignedDuration) -> String {
    format!("{}s", length.as_secs() + i64::from(length.subsec_nanos() > 0))
}

fn quoted(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_of_ones_own_is_asked_for_this_slot_and_window() {
        let window = SignedDuration::from_millis(3_600_500);
        assert_eq!(own("sum(x{ns=\"$namespace\"}[$window])", "mew", window), "sum(x{ns=\"mew\"}[3601s])");
    }

    #[test]
    fn a_slot_is_asked_for_as_a_word_of_a_services_name() {
        let asked = of_slot(Controller::Traefik, "mew").remove(0);
        let like = asked.split('"').nth(1).unwrap();
        let regex = regex::Regex::new(&format!("^(?:{like})$")).unwrap();
        for (name, expected) in [
            ("mew-web-80@kubernetes", true),
            ("mew@file", true),
            ("x_mew_web", true),
            ("httproute-infra-shop-gw-edge-gw-ep-web-0-f8f52b24d4becc0324a5-svc-mew-web-0@kubernetesgateway", true),
            ("mewtwo-web-80@kubernetes", false),
            ("homew-web-80@kubernetes", false),
        ] {
            assert_eq!(regex.is_match(name), expected, "{name}");
        }
    }

    #[test]
    fn a_job_cannot_leave_its_quotes() {
        assert_eq!(up("a\"} or up{x=\"\\"), "up{job=\"a\\\"} or up{x=\\\"\\\\\"}");
    }
}
