//! Do the controllers count what the sources ask for, and under the label that is asked for?

use hotdesk_traffic::sources::{Controller as Counting, Kind, Prometheus, Question};
use hotdesk_traffic::ways_in::settings::nginx::Nginx;
use serde_json::Value;

use super::finding::{Finding, Id};
use super::look::Controller;
use super::reapers::Reaper;

/// What the judgement is made from.
pub(super) struct Counted<'a> {
    pub(super) reapers: &'a [Reaper],
    pub(super) controllers: &'a [Controller],
    /// Prometheus Operator's ServiceMonitors and PodMonitors.
    pub(super) monitors: &'a [Value],
}

/// Everything about counters.
pub(super) fn judge(counted: &Counted<'_>) -> Vec<Finding> {
    let of_controller = |controller| switched(controller, counted.reapers);
    let mut findings: Vec<Finding> = counted.controllers.iter().flat_map(of_controller).collect();
    findings.extend(labels(counted));
    findings
}

/// What the controller's arguments say against what the source believes of them.
fn switched(controller: &Controller, reapers: &[Reaper]) -> Option<Finding> {
    let pods = controller.pods.as_ref().ok()?;
    let flags: Vec<Nginx> = pods.iter().map(Nginx::of).collect();
    let sources = reapers.iter().flat_map(|reaper| &reaper.settings.sources);
    let metrics = sources.filter_map(|source| match &source.kind {
        Kind::IngressMetrics(metrics) if metrics.controller == Counting::IngressNginx => Some(metrics),
        _ => None,
    });
    let mut metrics = metrics.filter(|metrics| metrics.place == controller.place);
    let any_host = metrics.next()?.any_host;
    let subject = super::observation::subject(controller);
    if flags.iter().any(|flags| !flags.counts) {
        let message = "it counts nothing: --enable-metrics=false";
        return Some(Finding::problem(Id::Metrics, subject, message).with_fix("start it with --enable-metrics=true"));
    }
    if any_host && flags.iter().any(|flags| !flags.counts_any_host) {
        let message = "the source says anyHost: true, and the controller does not run with --metrics-per-host=false";
        return Some(
            Finding::problem(Id::Metrics, subject, message)
                .with_fix("start it with --metrics-per-host=false, or take anyHost away"),
        );
    }
    (!pods.is_empty()).then(|| Finding::ok(Id::Metrics, subject, "its counters are on"))
}

/// A query of the operator's own that asks for a label that `honorLabels` renames.
fn labels(counted: &Counted<'_>) -> Option<Finding> {
    let sources = counted.reapers.iter().flat_map(|reaper| &reaper.settings.sources);
    let mut queries = sources.filter_map(|source| match &source.kind {
        Kind::Prometheus(Prometheus { question: Question::Own { query, .. }, .. }) => Some(query),
        _ => None,
    });
    let query = queries.next()?;
    if !query.contains("nginx_ingress_controller_requests") {
        return None;
    }
    let monitor = counted.monitors.iter().find(|monitor| of_nginx(monitor))?;
    let name = monitor.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
    let kept = honours(monitor);
    let (asked, there) = match (query.contains("exported_namespace"), kept) {
        (true, true) => ("exported_namespace", "namespace"),
        (false, false) => ("namespace", "exported_namespace"),
        _ => return None,
    };
    let message = format!(
        "the query of the prometheus source asks for {asked}, and the monitor {name} has honorLabels: {kept}, so the slot is in the label {there}"
    );
    let fix = format!(
        "ask for {there}=\"$namespace\", or set honorLabels: {} in {name}, or leave the query to controller: ingress-nginx",
        !kept
    );
    Some(Finding::problem(Id::Metrics, "the Prometheus", message).with_fix(fix))
}

fn of_nginx(monitor: &Value) -> bool {
    let labels = monitor.pointer("/spec/selector/matchLabels").and_then(Value::as_object);
    labels.is_some_and(|labels| labels.values().any(|value| value == "ingress-nginx"))
}

fn honours(monitor: &Value) -> bool {
    let ends =
        ["/spec/endpoints", "/spec/podMetricsEndpoints"].iter().filter_map(|path| monitor.pointer(path)?.as_array());
    ends.flatten().any(|end| end.get("honorLabels") == Some(&Value::Bool(true)))
}

#[cfg(test)]
mod tests;
