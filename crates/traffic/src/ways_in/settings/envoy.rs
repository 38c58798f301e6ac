//! What does an `EnvoyProxy` of Envoy Gateway keep out of what is seen, and which one is in force?

use k8s_openapi::api::core::v1::Pod;
use serde_json::Value;

use hotdesk_slots::text::sanitize_short;

use super::super::{From, Named, called};
use super::Hidden;

/// The group of `EnvoyProxy`.
pub const GROUP: &str = "gateway.envoyproxy.io";
/// Its name in addresses of the API.
pub const PLURAL: &str = "envoyproxies";
const KIND: &str = "EnvoyProxy";

/// Where the log of requests goes to the container's output.
const OUTPUTS: [&str; 3] = ["/dev/stdout", "/dev/stderr", "/proc/1/fd/1"];

/// Whose requests a proxy of Envoy Gateway takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Owner {
    /// Those of a Gateway, by its namespace and name.
    Gateway(String, String),
    /// Those of all Gateways of a class, which it merges.
    Class(String),
}

impl Owner {
    /// That of a pod, by the labels that Envoy Gateway gives it.
    pub(super) fn of(pod: &Pod) -> Option<Self> {
        let labels = pod.metadata.labels.as_ref()?;
        let get = |name: &str| labels.get(&format!("{GROUP}/{name}")).cloned();
        let of_gateway = || Some(Self::Gateway(get("owning-gateway-namespace")?, get("owning-gateway-name")?));
        of_gateway().or_else(|| get("owning-gatewayclass").map(Self::Class))
    }

    /// True if requests to a Gateway of a class are among them.
    pub(crate) fn takes(&self, gateway: &Named, class: &Named) -> bool {
        match self {
            Self::Gateway(namespace, name) => (namespace, name) == (&gateway.namespace, &gateway.name),
            Self::Class(name) => *name == class.name,
        }
    }
}

/// The objects that a Gateway and its class name, as namespace and name.
#[must_use]
pub fn named_by(gateway: &Named, class: &Named) -> Vec<(String, String)> {
    let of = |object: &Named, pointer: &str, own: &str| {
        let named = object.body.pointer(pointer)?;
        let get = |key: &str| named.get(key).and_then(Value::as_str);
        let is = get("group") == Some(GROUP) && get("kind") == Some(KIND);
        let name = get("name").filter(|_| is)?;
        Some((get("namespace").unwrap_or(own).to_owned(), name.to_owned()))
    };
    let by_gateway = of(gateway, "/spec/infrastructure/parametersRef", &gateway.namespace);
    by_gateway.into_iter().chain(of(class, "/spec/parametersRef", "")).collect()
}

/// Every setting of it that hides requests.
#[must_use]
pub fn hidden(proxy: &Named) -> Vec<Hidden> {
    let (namespace, name) = (sanitize_short(&proxy.namespace), sanitize_short(&proxy.name));
    let found = logs(proxy).into_iter().chain(counters(proxy));
    found
        .map(|(key, says, fix, from)| Hidden {
            of: called(KIND, &proxy.namespace, &proxy.name),
            key,
            says: says.to_owned(),
            fix: format!("kubectl -n {namespace} edit envoyproxy {name}: {fix}"),
            from,
        })
        .collect()
}

type Found = (&'static str, &'static str, &'static str, Option<From>);

fn logs(proxy: &Named) -> Vec<Found> {
    const KEY: &str = "telemetry.accessLog";
    let Some(log) = proxy.body.pointer("/spec/telemetry/accessLog") else { return Vec::new() };
    if log.get("disable") == Some(&Value::Bool(true)) {
        let says = "turns its access log off";
        return vec![(KEY, says, "take telemetry.accessLog.disable away", Some(From::Logs))];
    }
    let settings = log.get("settings").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    // Each makes a log of its own: one that is whole is enough.
    if settings.iter().any(|setting| of_one(setting).is_empty()) {
        return Vec::new();
    }
    settings.iter().flat_map(of_one).collect()
}

/// What one of the settings of the access log leaves out.
fn of_one(setting: &Value) -> Vec<Found> {
    const KEY: &str = "telemetry.accessLog.settings";
    let mut all = Vec::new();
    let list = |key: &str| setting.get(key).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    if !list("matches").is_empty() {
        let says = "has telemetry.accessLog.settings[].matches, which leaves requests out of the log, as sampling does";
        all.push((KEY, says, "take matches away", Some(From::Logs)));
    }
    if setting.get("type").and_then(Value::as_str) == Some("Listener") {
        let says = "logs what its listeners do, and not each request (telemetry.accessLog.settings[].type: Listener)";
        all.push((KEY, says, "add a setting without type", Some(From::Logs)));
    }
    let to_output = |sink: &Value| {
        let path = sink.pointer("/file/path").and_then(Value::as_str);
        path.is_some_and(|path| OUTPUTS.contains(&path))
    };
    if !list("sinks").is_empty() && !list("sinks").iter().any(to_output) {
        let says =
            "sends its access log where the Kubernetes API does not see it (telemetry.accessLog.settings[].sinks)";
        all.push((KEY, says, "add a sink of type File with the path /dev/stdout", Some(From::Logs)));
    }
    let format = setting.get("format");
    let json = format.and_then(|format| format.get("json")).map(ToString::to_string);
    if format.and_then(|format| format.get("type")).and_then(Value::as_str) == Some("Text") {
        let says = "makes its access log text, which does not name the route";
        all.push((KEY, says, "set format.type: JSON, with route_name: \"%ROUTE_NAME%\"", None));
    } else if json.is_some_and(|json| !json.contains("%ROUTE_NAME%")) {
        let says = "has JSON in its access log that does not name the route";
        all.push((KEY, says, "add route_name: \"%ROUTE_NAME%\" to format.json", None));
    }
    all
}

fn counters(proxy: &Named) -> Vec<Found> {
    const KEY: &str = "telemetry.metrics";
    let Some(metrics) = proxy.body.pointer("/spec/telemetry/metrics") else { return Vec::new() };
    let mut all = Vec::new();
    if metrics.pointer("/prometheus/disable") == Some(&Value::Bool(true)) {
        let says = "turns its counters off (telemetry.metrics.prometheus.disable)";
        all.push((KEY, says, "take prometheus.disable away", Some(From::Counters)));
    }
    if metrics.get("matches").and_then(Value::as_array).is_some_and(|matches| !matches.is_empty()) {
        let says = "counts only what telemetry.metrics.matches names";
        all.push((KEY, says, "take matches away", Some(From::Counters)));
    }
    all
}
