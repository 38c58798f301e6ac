//! What does a `Telemetry` of Istio keep out of what its proxies log and count, and which ones may be in force at a gateway?

use serde_json::Value;

use super::super::kinds::{ALL, ServedBy};
use super::super::{From, Hides, Named, Route, WaysIn, called};
use super::Hidden;
use crate::sources::Source;

/// The group of `Telemetry`.
pub const GROUP: &str = "telemetry.istio.io";
/// Its name in addresses of the API.
pub const PLURAL: &str = "telemetries";

/// The namespace whose objects hold for the whole mesh, as Istio comes.
const ROOT: &str = "istio-system";

/// What of those that may be in force hides from a source what Istio serves: those of the mesh, of the slot, and of the
/// namespaces of the gateways. Which pods one selects, and where a gateway's pods run, is not looked at.
pub(in crate::ways_in) fn hides(found: &WaysIn, gateways: &[&str], source: &Source) -> Option<Hides> {
    let own = found.slot.as_str();
    let in_force = |telemetry: &&Named| {
        let namespace = telemetry.namespace.as_str();
        [ROOT, own].contains(&namespace) || gateways.contains(&namespace)
    };
    found.telemetries.iter().filter(in_force).flat_map(hidden).find_map(|hidden| hidden.from(source))
}

/// True if a source reads what Istio serves.
#[must_use]
pub fn concerns(source: &Source) -> bool {
    let mut of_istio = ALL.iter().filter(|kind| kind.served_by == ServedBy::Product("Istio"));
    of_istio.any(|kind| source.sees.kind(kind))
        || source.sees.controllers.iter().any(|name| name.starts_with("istio.io/"))
}

/// The namespaces of the gateways that a VirtualService names.
pub(crate) fn gateways(route: &Route) -> Vec<&str> {
    let named = route.object.list("/spec/gateways").iter().filter_map(Value::as_str);
    named.map(|name| name.split_once('/').map_or(route.object.namespace.as_str(), |(namespace, _)| namespace)).collect()
}

fn hidden(telemetry: &Named) -> Vec<Hidden> {
    let list = |key: &str| telemetry.list(key).iter();
    let leaves_out = |log: &&Value| is_on(log, "/disabled") || log.pointer("/filter/expression").is_some();
    let logs = list("/spec/accessLogging").find(leaves_out).map(|_| {
        let says = "leaves requests out of Istio's access log (accessLogging with disabled or a filter)";
        ("accessLogging", says, "take accessLogging out of it", From::Logs)
    });
    let mut overrides =
        list("/spec/metrics").filter_map(|metrics| metrics.get("overrides").and_then(Value::as_array)).flatten();
    let counters = overrides.find(|one| changes(one)).map(|_| {
        let says = "leaves requests out of Istio's counters, or the Service that they were for (metrics.overrides)";
        ("metrics", says, "take that out of metrics.overrides", From::Counters)
    });
    let told = |(key, says, fix, from): (&'static str, &str, &str, From)| Hidden {
        of: called("Telemetry", &telemetry.namespace, &telemetry.name),
        key,
        says: says.to_owned(),
        fix: fix.to_owned(),
        from: Some(from),
    };
    logs.into_iter().chain(counters).map(told).collect()
}

/// True for a metric that is off, or does not name the Service that was reached.
fn changes(one: &Value) -> bool {
    let metric = one.pointer("/match/metric").and_then(Value::as_str).unwrap_or("ALL_METRICS");
    let counted = ["ALL_METRICS", "REQUEST_COUNT", "TCP_OPENED_CONNECTIONS"].contains(&metric);
    let tags = one.get("tagOverrides").and_then(Value::as_object);
    let renames = tags.is_some_and(|tags| tags.keys().any(|tag| tag.starts_with("destination_service")));
    counted && (is_on(one, "/disabled") || renames)
}

fn is_on(value: &Value, pointer: &str) -> bool {
    value.pointer(pointer) == Some(&Value::Bool(true))
}
