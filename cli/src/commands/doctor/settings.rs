//! Which settings of the controller keep requests out of its log?

use hotdesk_slots::text::plain;
use hotdesk_traffic::ways_in::From;
use hotdesk_traffic::ways_in::settings::{self, Hidden, arguments};
use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use kube::ResourceExt;
use serde_json::Value;

use super::finding::{Finding, Id};
use super::look::Controller;
use super::places::Uses;
use super::sight::about;

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
        Some(Ok(Some(config))) => hidden.extend(nginx(config, controller.uses)),
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

/// What the ConfigMap of ingress-nginx hides, as the reaper judges it, and what comes late or cannot be told.
fn nginx(config: &ConfigMap, uses: Uses) -> Vec<Hides> {
    let concerns = |hidden: &&Hidden| uses.logs || matches!(hidden.from, Some(From::All | From::Counters));
    let hides = |hidden: &Hidden| Hides {
        says: format!("{}: {}", config.name_any(), hidden.says),
        fix: settings::fix(config, hidden.key),
    };
    settings::nginx(config).iter().filter(concerns).map(hides).collect()
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
    let silent = |a: &&&str| a.contains(".observability.accesslogs=false") && a.contains("entrypoints.");
    if let Some(entry_point) = all.iter().find(silent) {
        hides(
            format!("{} keeps the requests of an entry point out of the log", plain(entry_point)),
            "start it without that",
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
