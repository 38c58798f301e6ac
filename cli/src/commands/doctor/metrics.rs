//! Do counters tell of every request: of wildcard hosts too, and under the label that is asked for?

use hotdesk_slots::text::list;
use hotdesk_traffic::sources::{Controller as Counting, Kind, Prometheus, Question};
use k8s_openapi::api::networking::v1::Ingress;
use kube::ResourceExt;
use serde_json::Value;

use super::ask::Seen;
use super::finding::{Finding, Id};
use super::look::{Controller, arguments};
use super::places::Reaper;
use super::slots::ABOUT;

const ANY_HOST: &str =
    "start ingress-nginx with --metrics-per-host=false and set anyHost: true in the source; or name the host";

/// What the judgement is made from.
pub(super) struct Counted<'a> {
    pub(super) reapers: &'a [Reaper],
    pub(super) controllers: &'a [Controller],
    pub(super) ingresses: &'a Seen<Vec<Ingress>>,
    /// Prometheus Operator's ServiceMonitors and PodMonitors.
    pub(super) monitors: &'a [Value],
}

/// Everything about counters.
pub(super) fn judge(counted: &Counted<'_>) -> Vec<Finding> {
    let mut findings: Vec<Finding> = counted.reapers.iter().flat_map(|reaper| uncounted(reaper, counted)).collect();
    findings.extend(counted.controllers.iter().flat_map(|controller| switched(controller, counted.reapers)));
    findings.extend(labels(counted));
    findings
}

/// Ingresses whose requests ingress-nginx does not count as it comes.
fn uncounted(reaper: &Reaper, counted: &Counted<'_>) -> Option<Finding> {
    let source = reaper.sources.iter().flatten().find(|source| source.needs_hosts())?;
    let about = format!("{ABOUT}{}", reaper.slot);
    let ingresses = match counted.ingresses {
        Ok(ingresses) => ingresses,
        Err(why) => return Some(Finding::unseen(Id::Metrics, about, why)),
    };
    let own = ingresses.iter().filter(|ingress| ingress.namespace().as_ref() == Some(&reaper.slot));
    let found: Vec<String> = own.filter(|ingress| any_host(ingress)).map(ResourceExt::name_any).collect();
    let says = format!(
        "its Ingress {} serves a wildcard or any host, which ingress-nginx does not count: {} cannot see its requests",
        list(&found),
        source.name
    );
    (!found.is_empty()).then(|| Finding::problem(Id::Metrics, about, says).mended_by(ANY_HOST))
}

fn any_host(ingress: &Ingress) -> bool {
    let spec = ingress.spec.as_ref();
    let rules = spec.and_then(|spec| spec.rules.as_deref()).unwrap_or_default();
    let any = |host: &Option<String>| host.as_deref().is_none_or(|host| host.is_empty() || host.contains('*'));
    rules.iter().any(|rule| any(&rule.host)) || spec.is_some_and(|spec| spec.default_backend.is_some())
}

/// What the controller's arguments say against what the source believes of them.
fn switched(controller: &Controller, reapers: &[Reaper]) -> Option<Finding> {
    let pods = controller.pods.as_ref().ok()?;
    let arguments: Vec<String> = pods.iter().flat_map(arguments).collect();
    let sources = reapers.iter().flat_map(|reaper| reaper.sources.iter().flatten());
    let metrics = sources.filter_map(|source| match &source.kind {
        Kind::IngressMetrics(metrics) if metrics.controller == Counting::IngressNginx => Some(metrics),
        _ => None,
    });
    let mut metrics = metrics.filter(|metrics| metrics.place == controller.place);
    let any_host = metrics.next()?.any_host;
    let about = super::sight::about(controller);
    let has = |argument: &str| arguments.iter().any(|given| given.trim_start_matches('-') == argument);
    if has("enable-metrics=false") {
        let says = "it counts nothing: --enable-metrics=false";
        return Some(Finding::problem(Id::Metrics, about, says).mended_by("start it with --enable-metrics=true"));
    }
    if any_host && !has("metrics-per-host=false") && !pods.is_empty() {
        let says = "the source says anyHost: true, and the controller does not run with --metrics-per-host=false";
        return Some(
            Finding::problem(Id::Metrics, about, says)
                .mended_by("start it with --metrics-per-host=false, or take anyHost away"),
        );
    }
    (!pods.is_empty()).then(|| Finding::ok(Id::Metrics, about, "its counters are on"))
}

/// A query of the operator's own that asks for a label that `honorLabels` renames.
fn labels(counted: &Counted<'_>) -> Option<Finding> {
    let sources = counted.reapers.iter().flat_map(|reaper| reaper.sources.iter().flatten());
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
    let says = format!(
        "the query of the prometheus source asks for {asked}, and the monitor {name} has honorLabels: {kept}, so the slot is in the label {there}"
    );
    let fix = format!(
        "ask for {there}=\"$namespace\", or set honorLabels: {} in {name}, or leave the query to controller: ingress-nginx",
        !kept
    );
    Some(Finding::problem(Id::Metrics, "the Prometheus", says).mended_by(fix))
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
#[path = "metrics_tests.rs"]
mod tests;
