//! What is there of an ingress controller: its pods, a sample of its log, and the settings that decide what is in it?

use std::time::Duration;

use hotdesk_traffic::sources::PodSelector;
use hotdesk_traffic::ways_in::settings::Flags;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use kube::api::{ListParams, LogParams};
use kube::{Api, Client, ResourceExt};
use serde_json::Value;

use super::ask::{Answered, items, timed};
use super::reapers::Uses;

/// How much of a log is read to see how fast it grows.
const SAMPLE_SECONDS: i64 = 300;
const SAMPLE_BYTES: i64 = 1 << 20;
/// A few lines of a log that has only begun say little.
const A_MINUTE: Duration = Duration::from_secs(60);
/// How many lines are looked at for their format, where there were none lately.
const TAIL: i64 = 500;
/// Enough for the time before a line.
const STAMP_BYTES: i64 = 64;
/// The labels by which well-known controllers are found, wherever they are.
const KNOWN: &str = "app.kubernetes.io/name in (ingress-nginx,traefik,envoy)";
/// A kubelet's default, where its settings cannot be read.
pub(super) const DEFAULT_MAX: u64 = 10 << 20;

/// An ingress controller that reapers read.
#[derive(Debug, Clone)]
pub(super) struct Controller {
    pub(super) place: PodSelector,
    pub(super) uses: Uses,
    pub(super) pods: Answered<Vec<Pod>>,
    /// Of one pod, if there is one whose log is read.
    pub(super) sample: Option<Answered<Sample>>,
    /// The ConfigMaps that the arguments of its pods name.
    pub(super) configs: Vec<Answered<Option<ConfigMap>>>,
    /// The ConfigMaps in which a Traefik has the file of its settings.
    pub(super) files: Vec<ConfigMap>,
    /// Of the newest log file, and whether the kubelet itself said so.
    pub(super) log_limit: (u64, bool),
}

/// A piece of a container's log.
#[derive(Debug, Clone, Default)]
pub(super) struct Sample {
    /// Without the time before each.
    pub(super) lines: Vec<String>,
    /// The container's.
    pub(super) started: Option<Timestamp>,
    /// Of the first line that can still be read.
    pub(super) first: Option<Timestamp>,
    /// How much a minute it grew lately.
    pub(super) bytes_per_minute: u64,
}

/// Looks at one.
pub(super) async fn controller(client: &Client, place: &PodSelector, uses: Uses) -> Controller {
    let api: Api<Pod> = Api::namespaced(client.clone(), &place.namespace);
    let pods = items(&api, &ListParams::default().labels(&place.selector)).await;
    let first = pods.as_ref().ok().and_then(|pods| readable(pods, &place.container)).cloned();
    let sample = async {
        let pod = first.as_ref().filter(|_| uses.logs)?;
        Some(sampled(&api, pod, &place.container).await)
    };
    let some = pods.as_ref().ok().and_then(|pods| pods.first());
    let configs = configs(client, pods.as_deref().unwrap_or_default());
    let node = some.and_then(|pod| pod.spec.as_ref()?.node_name.clone());
    let files = files(client, pods.as_deref().unwrap_or_default());
    let (sample, configs, files, log_limit) = tokio::join!(sample, configs, files, log_limit(client, node.as_deref()));
    Controller { place: place.clone(), uses, pods, sample, configs, files, log_limit }
}

/// Pods of well-known controllers, for people who named the wrong ones.
pub(super) async fn known(client: &Client) -> Answered<Vec<Pod>> {
    items(&Api::all(client.clone()), &ListParams::default().labels(KNOWN)).await
}

/// A pod whose log there is.
fn readable<'a>(pods: &'a [Pod], container: &str) -> Option<&'a Pod> {
    pods.iter().find(|pod| started(pod, container).is_some())
}

/// When a container started, if it runs.
pub(super) fn started(pod: &Pod, container: &str) -> Option<Timestamp> {
    let statuses = pod.status.as_ref()?.container_statuses.as_deref()?;
    let status = statuses.iter().find(|status| status.name == container)?;
    Some(status.state.as_ref()?.running.as_ref()?.started_at.as_ref()?.0)
}

async fn sampled(api: &Api<Pod>, pod: &Pod, container: &str) -> Answered<Sample> {
    let name = pod.name_any();
    let wanted = LogParams { container: Some(container.to_owned()), timestamps: true, ..LogParams::default() };
    let lately = LogParams { since_seconds: Some(SAMPLE_SECONDS), limit_bytes: Some(SAMPLE_BYTES), ..wanted.clone() };
    let tail = LogParams { tail_lines: Some(TAIL), ..wanted.clone() };
    let head = LogParams { limit_bytes: Some(STAMP_BYTES), ..wanted };
    let (lately, tail, head) =
        tokio::join!(timed(api.logs(&name, &lately)), timed(api.logs(&name, &tail)), timed(api.logs(&name, &head)));
    let (lately, tail, head) = (lately?, tail?, head?);
    Ok(Sample {
        lines: tail.lines().map(|line| after_stamp(line).to_owned()).collect(),
        started: started(pod, container),
        first: stamp(&head),
        bytes_per_minute: per_minute(&lately, stamp(&head)),
    })
}

fn after_stamp(line: &str) -> &str {
    line.split_once(' ').map_or("", |(_, rest)| rest)
}

fn stamp(text: &str) -> Option<Timestamp> {
    text.split_whitespace().next()?.parse().ok()
}

/// How fast a log grew over a sample of some minutes; over the time that it spans, where it was cut off, or where the log
/// itself (with its first line at `begins`) is younger, as after a rotation.
fn per_minute(sample: &str, begins: Option<Timestamp>) -> u64 {
    // A sample that was cut may end within a line.
    let cut = i64::try_from(sample.len()).unwrap_or(i64::MAX) >= SAMPLE_BYTES;
    let lines: Vec<Timestamp> = sample.lines().filter_map(stamp).collect();
    let (Some(first), Some(last)) = (lines.first(), lines.last()) else { return 0 };
    let whole = Duration::from_secs(SAMPLE_SECONDS.unsigned_abs());
    let spanned = Duration::try_from(last.duration_since(*first)).unwrap_or_default();
    let span = match (cut, begins.is_none_or(|begins| begins < *first)) {
        (true, _) => spanned,
        (false, true) => whole,
        (false, false) => spanned.max(A_MINUTE),
    };
    let millis = u64::try_from(span.as_millis()).unwrap_or(u64::MAX).max(1);
    (sample.len() as u64).saturating_mul(60_000) / millis
}

/// The ConfigMaps that `--configmap=namespace/name` names.
async fn configs(client: &Client, pods: &[Pod]) -> Vec<Answered<Option<ConfigMap>>> {
    let mut found = Vec::new();
    for (namespace, name) in Flags::of(pods).configs {
        let api: Api<ConfigMap> = Api::namespaced(client.clone(), &namespace);
        found.push(timed(api.get_opt(&name)).await);
    }
    found
}

/// What cannot be had is told as a file that nobody sees.
async fn files(client: &Client, pods: &[Pod]) -> Vec<ConfigMap> {
    let mut found = Vec::new();
    for (namespace, name) in Flags::of(pods).files {
        let api: Api<ConfigMap> = Api::namespaced(client.clone(), &namespace);
        found.extend(timed(api.get_opt(&name)).await.ok().flatten());
    }
    found
}

/// How large the newest log file of a container gets on a node.
async fn log_limit(client: &Client, node: Option<&str>) -> (u64, bool) {
    let Some(node) = node else { return (DEFAULT_MAX, false) };
    let Ok(request) = http::Request::get(format!("/api/v1/nodes/{node}/proxy/configz")).body(Vec::new()) else {
        return (DEFAULT_MAX, false);
    };
    let answer: Answered<Value> = timed(client.request(request)).await;
    let size = answer.ok().and_then(|v| v.pointer("/kubeletconfig/containerLogMaxSize")?.as_str().and_then(bytes));
    size.map_or((DEFAULT_MAX, false), |size| (size, true))
}

/// `10Mi`, as Kubernetes writes sizes.
pub(super) fn bytes(text: &str) -> Option<u64> {
    let units =
        [("Ki", 1 << 10), ("Mi", 1 << 20), ("Gi", 1 << 30), ("k", 1_000), ("M", 1_000_000), ("G", 1_000_000_000)];
    let (number, unit) =
        units.iter().find_map(|(unit, size)| Some((text.strip_suffix(unit)?, *size))).unwrap_or((text, 1));
    number.parse::<u64>().ok().map(|number| number.saturating_mul(unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_kubernetes_writes_them() {
        for (text, expected) in [
            ("10Mi", Some(10 << 20)),
            ("64M", Some(64_000_000)),
            ("123", Some(123)),
            ("ten", None),
            ("1Gi", Some(1 << 30)),
        ] {
            assert_eq!(bytes(text), expected, "{text}");
        }
    }

    #[test]
    fn a_log_grows_by_what_was_written_in_the_minutes_of_the_sample() {
        assert_eq!(per_minute("", None), 0);
        let line = format!("2026-11-23T15:00:00Z {}\n", "x".repeat(478));
        let at = |text: &str| Some(text.parse().unwrap());
        assert_eq!(per_minute(&line, at("2026-11-23T09:00:00Z")), 100, "500 bytes in five minutes");
        assert_eq!(per_minute(&line, at("2026-11-23T15:00:00Z")), 500, "the log has only begun");
        // Cut off: the times of the lines tell.
        let busy: String =
            (0..60).map(|second| format!("2026-11-23T15:00:{second:02}Z {}\n", "x".repeat(20_000))).collect();
        assert!(per_minute(&busy, None) > 1_200_000, "{}", per_minute(&busy, None));
    }
}
