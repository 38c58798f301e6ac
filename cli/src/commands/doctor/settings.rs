//! Which settings of the controller keep requests out of its log?

use std::collections::BTreeMap;

use hotdesk_slots::text::plain;
use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use kube::ResourceExt;
use serde_json::Value;

use super::finding::{Finding, Id};
use super::look::{Controller, arguments};
use super::sight::about;

/// Where ingress-nginx' log goes to the container's output.
const OUTPUTS: [&str; 3] = ["/var/log/nginx/access.log", "/dev/stdout", "/proc/1/fd/1"];

/// A setting that hides requests: what is wrong, and what mends it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Hides {
    says: String,
    fix: String,
}

/// What hides requests, of a controller whose log is read.
pub(super) fn judge(controller: &Controller) -> Vec<Finding> {
    if !controller.uses.logs {
        return Vec::new();
    }
    let (about, id) = (about(controller), Id::ControllerSettings);
    let mut findings = Vec::new();
    let mut hidden = Vec::new();
    match &controller.config {
        Some(Err(why)) => findings.push(Finding::unseen(id, &about, &format!("its ConfigMap: {why}"))),
        Some(Ok(None)) => findings.push(
            Finding::warning(
                id,
                &about,
                "the ConfigMap that its --configmap names is not there, so its defaults are in force",
            )
            .mended_by("nothing, if that is meant so"),
        ),
        Some(Ok(Some(config))) => hidden.extend(nginx(config)),
        None => {}
    }
    let pod = controller.pods.as_ref().ok().and_then(|pods| pods.first());
    let is_traefik = |pod: &&Pod| pod.labels().get("app.kubernetes.io/name").is_some_and(|name| name == "traefik");
    hidden.extend(pod.filter(is_traefik).map(traefik).unwrap_or_default());
    hidden.extend(controller.proxies.iter().flat_map(envoy));
    findings.extend(hidden.into_iter().map(|hides| Finding::problem(id, &about, hides.says).mended_by(hides.fix)));
    if findings.is_empty() && controller.pods.as_ref().is_ok_and(|pods| !pods.is_empty()) {
        findings.push(Finding::ok(id, about, "none of its settings that were seen keeps requests out of the log"));
    }
    findings
}

fn nginx(config: &ConfigMap) -> Vec<Hides> {
    let none = BTreeMap::new();
    let data = config.data.as_ref().unwrap_or(&none);
    let get = |key: &str| data.get(key).map(|value| value.trim());
    let (namespace, name) = (config.namespace().unwrap_or_default(), config.name_any());
    let without = |key: &str| {
        format!("kubectl -n {namespace} patch configmap {name} --type merge -p '{{\"data\":{{\"{key}\":null}}}}'")
    };
    let mut hidden = Vec::new();
    let mut hides = |key: &str, says: String| hidden.push(Hides { says: format!("{name}: {says}"), fix: without(key) });
    for key in ["disable-access-log", "disable-http-access-log"] {
        if get(key) == Some("true") {
            hides(key, format!("{key}: \"true\" turns the access log off"));
        }
    }
    for key in ["access-log-path", "http-access-log-path"] {
        if let Some(path) = get(key).filter(|path| !OUTPUTS.contains(path)) {
            hides(
                key,
                format!("{key}: {} writes the access log where the Kubernetes API does not see it", plain(path)),
            );
        }
    }
    if let Some(params) = get("access-log-params").filter(|params| params.contains("if=")) {
        hides("access-log-params", format!("access-log-params: {} leaves some requests out", plain(params)));
    }
    if get("access-log-params").is_some_and(|params| params.contains("buffer=")) {
        hides(
            "access-log-params",
            "access-log-params buffers the access log, so that the newest requests are not in it".to_owned(),
        );
    }
    if get("enable-syslog") == Some("true") {
        hides("enable-syslog", "enable-syslog: \"true\" sends the access log away".to_owned());
    }
    let nothing = |format: &&str| !format.contains("$proxy_upstream_name") && !format.contains("$service_name");
    if let Some(format) = get("log-format-upstream").filter(nothing) {
        let format: String = plain(format).chars().take(80).collect();
        hides("log-format-upstream", format!("log-format-upstream has no $proxy_upstream_name: {format}"));
    }
    hidden
}

fn traefik(pod: &Pod) -> Vec<Hides> {
    let arguments: Vec<String> = arguments(pod).iter().map(|argument| argument.to_ascii_lowercase()).collect();
    let containers = pod.spec.iter().flat_map(|spec| &spec.containers);
    let env = containers.flat_map(|c| c.env.iter().flatten());
    let by_env: Vec<String> = env
        .filter_map(|env| {
            let name = env.name.strip_prefix("TRAEFIK_")?.to_ascii_lowercase().replace('_', ".");
            Some(format!("--{name}={}", env.value.as_deref().unwrap_or_default().to_ascii_lowercase()))
        })
        .collect();
    let all: Vec<&str> = arguments.iter().chain(&by_env).map(String::as_str).collect();
    let get = |key: &str| {
        all.iter().find_map(|a| a.trim_start_matches('-').strip_prefix(key)?.strip_prefix('=')).map(str::trim)
    };
    let any = |start: &str| all.iter().find(|a| a.trim_start_matches('-').starts_with(start)).copied();
    let mut hidden = Vec::new();
    let mut hides =
        |says: String, fix: &str| hidden.push(Hides { says: format!("Traefik: {says}"), fix: fix.to_owned() });
    let in_file = any("configfile").is_some() || any("configuration").is_some();
    if get("accesslog") == Some("false") || (any("accesslog").is_none() && !in_file) {
        hides("its access log is off".to_owned(), "start it with --accesslog=true --accesslog.format=json");
        return hidden;
    }
    if any("accesslog").is_some() && !in_file && get("accesslog.format") != Some("json") {
        hides(
            "its access log is not JSON, and only that names the Service".to_owned(),
            "start it with --accesslog.format=json",
        );
    }
    if let Some(filter) = any("accesslog.filters") {
        hides(format!("{} leaves requests out of the log", plain(filter)), "start it without --accesslog.filters.*");
    }
    if get("accesslog.bufferingsize").is_some_and(|size| size != "0") {
        hides(
            "it buffers its access log, so that the newest requests are not in it".to_owned(),
            "start it with --accesslog.bufferingsize=0",
        );
    }
    if let Some(path) = get("accesslog.filepath").filter(|path| !path.is_empty() && *path != "/dev/stdout") {
        hides(
            format!("it writes its access log to {}, where the Kubernetes API does not see it", plain(path)),
            "start it without --accesslog.filepath",
        );
    }
    let dropped = get("accesslog.fields.defaultmode") == Some("drop")
        && get("accesslog.fields.names.servicename") != Some("keep");
    if dropped || get("accesslog.fields.names.servicename") == Some("drop") {
        hides("it drops the field ServiceName".to_owned(), "start it with --accesslog.fields.names.ServiceName=keep");
    }
    hidden
}

/// What an `EnvoyProxy` of Envoy Gateway keeps out of the log.
fn envoy(proxy: &Value) -> Vec<Hides> {
    let text = |path: &str| proxy.pointer(path).and_then(Value::as_str).unwrap_or_default();
    let (namespace, name) = (text("/metadata/namespace"), text("/metadata/name"));
    let edit = format!("kubectl -n {namespace} edit envoyproxy {name}");
    let Some(log) = proxy.pointer("/spec/telemetry/accessLog") else { return Vec::new() };
    let mut hidden = Vec::new();
    let mut hides = |says: &str, fix: &str| {
        hidden.push(Hides { says: format!("EnvoyProxy {name}: {says}"), fix: format!("{edit}: {fix}") });
    };
    if log.get("disable") == Some(&Value::Bool(true)) {
        hides("its access log is off", "take telemetry.accessLog.disable away");
    }
    let settings = log.get("settings").and_then(Value::as_array).into_iter().flatten();
    for setting in settings {
        if setting.get("matches").and_then(Value::as_array).is_some_and(|matches| !matches.is_empty()) {
            hides(
                "telemetry.accessLog.settings[].matches leaves requests out of the log, as sampling does",
                "take matches away",
            );
        }
        let format = setting.get("format");
        let json = format.and_then(|format| format.get("json")).map(ToString::to_string);
        if format.and_then(|f| f.get("type")).and_then(Value::as_str) == Some("Text") {
            hides(
                "its access log is text, which does not name the route",
                "set format.type: JSON, with route_name: \"%ROUTE_NAME%\"",
            );
        } else if json.is_some_and(|json| !json.contains("%ROUTE_NAME%")) {
            hides("its JSON does not name the route", "add route_name: \"%ROUTE_NAME%\" to format.json");
        }
    }
    hidden
}

#[cfg(test)]
#[path = "settings_tests.rs"]
mod tests;
