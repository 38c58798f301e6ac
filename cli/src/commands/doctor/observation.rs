//! Can the reapers see by this controller who uses a slot?

use clap::ValueEnum as _;
use hotdesk_slots::text::list;
use hotdesk_traffic::line::{Format, Line, read};
use hotdesk_traffic::sources::{Kind, Source};
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use serde_json::{Map, Value};

use super::ask::Answered;
use super::finding::{Finding, Id};
use super::look::{Controller, Sample, started};
use super::reapers::Reaper;

/// How much of a strange line is shown.
const SHOWN: usize = 100;

/// What a controller is called in findings.
pub(super) fn subject(controller: &Controller) -> String {
    format!("the controller in {}", controller.place.namespace)
}

/// Whether its pods are there, and are those that write the log.
pub(super) fn pods(controller: &Controller, known: &Answered<Vec<Pod>>, slots: usize) -> Vec<Finding> {
    let subject = subject(controller);
    let place = &controller.place;
    let pods = match &controller.pods {
        Ok(pods) => pods,
        Err(why) => return vec![Finding::unknown(Id::ControllerPods, subject, why)],
    };
    if pods.is_empty() {
        let message =
            format!("no pod has the labels {}, so the reapers of {slots} slots cannot observe traffic", place.selector);
        return vec![Finding::problem(Id::ControllerPods, subject, message).with_fix(elsewhere(known))];
    }
    let containers: Vec<&str> = pods
        .iter()
        .flat_map(|pod| pod.spec.iter().flat_map(|spec| &spec.containers))
        .map(|c| c.name.as_str())
        .collect();
    if !containers.contains(&place.container.as_str()) {
        let mut there: Vec<&str> = containers;
        there.dedup();
        let message = format!("its pods have no container {}; they have {}", place.container, list(&there));
        let fix = format!(
            "set reaper.ingress.container: {} in the values of charts/slots",
            there.first().copied().unwrap_or("NAME")
        );
        return vec![Finding::problem(Id::ControllerPods, subject, message).with_fix(fix)];
    }
    let down: Vec<String> =
        pods.iter().filter(|pod| started(pod, &place.container).is_none()).map(ResourceExt::name_any).collect();
    if !down.is_empty() {
        let message = format!(
            "{} of {} pods do not run ({}), so what they served is not known",
            down.len(),
            pods.len(),
            list(&down)
        );
        let fix = format!("kubectl -n {} describe pod {}", place.namespace, down.first().map_or("", String::as_str));
        return vec![Finding::problem(Id::ControllerPods, subject, message).with_fix(fix)];
    }
    vec![Finding::ok(
        Id::ControllerPods,
        subject,
        format!("{}, read by the reapers of {}", counted(pods.len(), "pod"), counted(slots, "slot")),
    )]
}

/// `1 pod`, `2 pods`.
fn counted(n: usize, what: &str) -> String {
    if n == 1 { format!("1 {what}") } else { format!("{n} {what}s") }
}

/// What to read instead, from what is there.
fn elsewhere(known: &Answered<Vec<Pod>>) -> String {
    let all = match known {
        Ok(pods) => pods,
        Err(why) => return format!("name your controller's pods in reaper.ingress of charts/slots (others: {why})"),
    };
    let mut found: Vec<String> = all.iter().filter_map(suggestion).collect();
    found.sort();
    found.dedup();
    if found.is_empty() {
        "no pod of ingress-nginx, Traefik or Envoy Gateway was found by its labels: name your controller's in reaper.ingress \
         of charts/slots"
            .to_owned()
    } else {
        format!("set reaper.ingress in the values of charts/slots to {}", found.join(", or "))
    }
}

/// Values for a pod of a well-known controller.
fn suggestion(pod: &Pod) -> Option<String> {
    let label = |key: &str| pod.labels().get(key).map_or("", String::as_str);
    let name = label("app.kubernetes.io/name");
    let component = label("app.kubernetes.io/component");
    let (selector, container) = match name {
        "ingress-nginx" if ["", "controller"].contains(&component) => {
            let more = if component.is_empty() { "" } else { ",app.kubernetes.io/component=controller" };
            (format!("app.kubernetes.io/name=ingress-nginx{more}"), "controller")
        }
        "traefik" => ("app.kubernetes.io/name=traefik".to_owned(), "traefik"),
        "envoy" if component == "proxy" => {
            ("app.kubernetes.io/name=envoy,app.kubernetes.io/component=proxy".to_owned(), "envoy")
        }
        _ => return None,
    };
    let there = pod.spec.iter().flat_map(|spec| &spec.containers).map(|c| c.name.as_str()).collect::<Vec<_>>();
    let container = if there.contains(&container) { container } else { there.first().copied().unwrap_or(container) };
    let namespace = pod.namespace().unwrap_or_default();
    Some(format!("{{namespace: {namespace}, selector: \"{selector}\", container: {container}}}"))
}

/// Whether its log says whom each request was for, as the reaper reads it.
pub(super) fn format(controller: &Controller, reapers: &[&Reaper]) -> Option<Finding> {
    let subject = subject(controller);
    let sample = match controller.sample.as_ref()? {
        Ok(sample) => sample,
        Err(why) => return Some(Finding::unknown(Id::LogFormat, subject, &format!("its log: {why}"))),
    };
    let mut sources = reapers.iter().flat_map(|reaper| &reaper.settings.sources);
    let expected = sources.find_map(|source| format_of(source, controller))?;
    let judged = sample.lines.iter().map(|line| (line.as_str(), read(line, expected)));
    let requests: Vec<(&str, Line<'_>)> = judged.filter(|(_, read)| *read != Line::Noise).collect();
    let Some((first, _)) = requests.first() else {
        let message = format!(
            "none of the last {} lines of its log is a request, so its format cannot be told",
            sample.lines.len()
        );
        return Some(
            Finding::warning(Id::LogFormat, subject, message)
                .with_fix("open any slot in a browser and run this again; if it stays so, the access log is off"),
        );
    };
    let odd: Vec<&str> = requests.iter().filter(|(_, read)| *read == Line::Unparsed).map(|(line, _)| *line).collect();
    let Some(line) = odd.first() else {
        let (format, requests) = (told(first, expected), counted(requests.len(), "line"));
        let message = format!("its log is {format}; whom a request was for is said ({requests} looked at)");
        return Some(Finding::ok(Id::LogFormat, subject, message));
    };
    if let Some(format) = FORMATS.iter().find(|format| is_access(line, format)) {
        let message = format!("its log is {}, and the reapers are told to read {}", name(format), name(expected));
        return Some(
            Finding::problem(Id::LogFormat, subject, message)
                .with_fix("set reaper.ingress.logFormat: auto in the values of charts/slots"),
        );
    }
    let bearable = reapers.iter().map(|reaper| reaper.settings.max_unparsed).fold(1.0, f64::min);
    Some(illegible(controller, &odd, requests.len(), bearable))
}

/// How a source reads this controller's log, if it does.
fn format_of<'a>(source: &'a Source, controller: &Controller) -> Option<&'a Format> {
    match &source.kind {
        Kind::IngressLogs(logs) if logs.place == controller.place => Some(&logs.format),
        _ => None,
    }
}

/// The formats that controllers write.
const FORMATS: [Format; 4] = [Format::Nginx, Format::NginxJson, Format::TraefikJson, Format::EnvoyJson];

fn is_access(line: &str, format: &Format) -> bool {
    matches!(read(line, format), Line::Access(_))
}

/// What a log is called of which this is a line.
fn told(line: &str, expected: &Format) -> String {
    let found = || FORMATS.iter().find(|format| is_access(line, format));
    if *expected == Format::Auto { found().map_or_else(|| name(expected), name) } else { name(expected) }
}

fn name(format: &Format) -> String {
    let value = format.to_possible_value();
    value.map_or_else(|| "JSON with the fields that the source names".to_owned(), |value| value.get_name().to_owned())
}

fn is_json(line: &str) -> bool {
    serde_json::from_str::<Map<String, Value>>(line).is_ok()
}

#[expect(clippy::cast_precision_loss, reason = "some hundred lines")]
fn illegible(controller: &Controller, odd: &[&str], requests: usize, bearable: f64) -> Finding {
    let line = odd.first().copied().unwrap_or_default();
    let what = if is_json(line) {
        "are JSON that does not name the upstream"
    } else if line.contains(" HTTP/1.") || line.contains(" HTTP/2") {
        "are text that does not name the upstream"
    } else {
        "cannot be read"
    };
    let shown: String = line.chars().take(SHOWN).collect();
    let message = format!("{} of the last {requests} requests in its log {what}, such as: {shown}", odd.len());
    let too_many = odd.len() as f64 > requests as f64 * bearable;
    let level = if too_many { Finding::problem } else { Finding::warning };
    level(Id::LogFormat, subject(controller), message).with_fix(restore(controller, line))
}

/// Which setting makes a controller name the upstream.
fn restore(controller: &Controller, line: &str) -> String {
    let pods = controller.pods.as_deref().unwrap_or_default();
    let name = pods.first().and_then(|pod| pod.labels().get("app.kubernetes.io/name")).map_or("", String::as_str);
    match name {
        "traefik" => "start Traefik with --accesslog=true --accesslog.format=json, without dropping the field ServiceName".to_owned(),
        "envoy" => "leave the access log of the EnvoyProxy as it comes (JSON to /dev/stdout, with route_name: \"%ROUTE_NAME%\")".to_owned(),
        _ if is_json(line) => {
            "add \"proxyUpstreamName\": \"$proxy_upstream_name\" to log-format-upstream in the controller's ConfigMap, or name your own field in \
             the source (fields.upstream)"
                .to_owned()
        }
        _ => format!(
            "{}; its default ends in … [$proxy_upstream_name] [$proxy_alternative_upstream_name] $upstream_addr …, which is what is read",
            without_format(controller)
        ),
    }
}

fn without_format(controller: &Controller) -> String {
    match controller.configs.iter().find_map(|config| config.as_ref().ok()?.as_ref()) {
        Some(config) => format!(
            "kubectl -n {} patch configmap {} --type merge -p '{{\"data\":{{\"log-format-upstream\":null}}}}'",
            config.namespace().unwrap_or_default(),
            config.name_any()
        ),
        None => "take log-format-upstream out of the controller's ConfigMap".to_owned(),
    }
}

/// What a source calls this controller, if its counters are known.
pub(super) fn kind(controller: &Controller) -> &'static str {
    let pods = controller.pods.as_deref().unwrap_or_default();
    match pods.first().and_then(|pod| pod.labels().get("app.kubernetes.io/name")).map_or("", String::as_str) {
        "traefik" => "traefik",
        "envoy" => "envoy-gateway",
        _ => "ingress-nginx",
    }
}

/// A piece of what is known, for other judgements.
pub(super) fn sample(controller: &Controller) -> Option<&Sample> {
    controller.sample.as_ref()?.as_ref().ok()
}

#[cfg(test)]
mod tests;
