//! How many bytes did the kubelet's own probes bring to a pod?
//!
//! `prober_probe_total` counts each probe. What one brings follows from how it is made: an `exec` brings nothing, and neither
//! does one to another host. What is taken off must never be more than what came: so it is what the smallest probe of its
//! kind brings, and of those that failed, which may have ended at a closed port, nothing.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Pod, Probe};

use crate::counters::exposition::labels;

/// An HTTP probe on a connection of its own, with a path of one character: measured 524, by the packets at least 450.
const HTTP: u64 = 450;

/// A connection that is made and closed: measured 274, by the packets at least 200. A gRPC probe brings more.
const TCP: u64 = 200;

/// The probes that a kubelet has made of one pod each, by container and kind.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Probes {
    made: BTreeMap<(String, String, String), f64>,
}

impl Probes {
    /// Reads a kubelet's `/metrics/probes`.
    ///
    /// # Errors
    /// When a counter of probes cannot be read.
    pub fn read(text: &str) -> Result<Self, String> {
        let mut made = BTreeMap::new();
        for line in text.lines() {
            let Some(rest) = line.strip_prefix("prober_probe_total{") else { continue };
            let broken = || "a counter of probes cannot be read".to_owned();
            let with_brace = line.get(line.len() - rest.len() - 1..).ok_or_else(broken)?;
            let (labels, value) = labels(with_brace).ok_or_else(broken)?;
            let value = value.split_whitespace().next().and_then(|value| value.parse::<f64>().ok());
            let value = value.filter(|value| value.is_finite() && *value >= 0.0).ok_or_else(broken)?;
            let label =
                |wanted: &str| labels.iter().find(|(name, _)| *name == wanted).map(|(_, value)| value.to_string());
            if label("result").as_deref() != Some("successful") {
                continue;
            }
            let key = label("pod_uid").zip(label("container")).zip(label("probe_type"));
            let ((uid, container), kind) = key.ok_or_else(broken)?;
            *made.entry((uid, container, kind)).or_insert(0.0) += value;
        }
        Ok(Self { made })
    }

    /// What they brought to a pod.
    #[must_use]
    pub fn bytes(&self, uid: &str, costs: &Costs) -> u64 {
        let of_pod = self.made.iter().filter(|((of, ..), _)| of == uid);
        of_pod.map(|((_, container, kind), made)| costs.bytes(container, kind, *made)).fold(0, u64::saturating_add)
    }
}

/// What a probe of each container brings.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Costs {
    each: BTreeMap<(String, &'static str), u64>,
}

impl Costs {
    /// By the pod's own words.
    #[must_use]
    pub fn of(pod: &Pod) -> Self {
        let spec = pod.spec.iter();
        let usual = spec.clone().flat_map(|spec| &spec.containers);
        let containers = usual.chain(spec.flat_map(|spec| spec.init_containers.iter().flatten()));
        let probes = containers.flat_map(|container| {
            let named = [
                ("Liveness", &container.liveness_probe),
                ("Readiness", &container.readiness_probe),
                ("Startup", &container.startup_probe),
            ];
            named.into_iter().filter_map(|(kind, probe)| Some(((container.name.clone(), kind), cost(probe.as_ref()?))))
        });
        Self { each: probes.collect() }
    }

    /// What so many probes of a kind brought.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count, and not negative")]
    pub(super) fn bytes(&self, container: &str, kind: &str, made: f64) -> u64 {
        let each = self.each.iter().find(|((name, of), _)| name == container && *of == kind);
        (made as u64).saturating_mul(each.map_or(0, |(_, cost)| *cost))
    }
}

fn cost(probe: &Probe) -> u64 {
    match (&probe.http_get, &probe.tcp_socket, &probe.grpc) {
        (Some(http), ..) if http.host.is_none() => HTTP,
        (None, Some(tcp), _) if tcp.host.is_none() => TCP,
        (None, None, Some(_)) => TCP,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn costs(kind: &str, probe: &Value) -> Costs {
        let pod = json!({"spec": {"containers": [{"name": "c", kind: probe}]}});
        Costs::of(&serde_json::from_value(pod).unwrap())
    }

    fn line(kind: &str, result: &str, count: &str) -> String {
        format!(
            "prober_probe_total{{container=\"c\",namespace=\"mew\",pod=\"web\",pod_uid=\"u1\",probe_type=\"{kind}\",result=\"{result}\"}} {count}\n"
        )
    }

    #[track_caller]
    fn check(kind: &str, probe: &Value, expected: u64) {
        let probes =
            Probes::read(&format!("# HELP x\n{}go_goroutines 9\n", line("Liveness", "successful", "100"))).unwrap();
        assert_eq!(probes.bytes("u1", &costs(kind, probe)), expected, "{probe}");
        assert_eq!(probes.bytes("u2", &costs(kind, probe)), 0, "of another pod");
    }

    #[test]
    fn a_probe_brings_what_its_kind_brings_and_no_more() {
        check("livenessProbe", &json!({"httpGet": {"path": "/", "port": 80}}), 45_000);
        check("livenessProbe", &json!({"tcpSocket": {"port": 80}}), 20_000);
        check("livenessProbe", &json!({"grpc": {"port": 80}}), 20_000);
        check("livenessProbe", &json!({"exec": {"command": ["true"]}}), 0);
        check("livenessProbe", &json!({"httpGet": {"path": "/", "port": 80, "host": "example.com"}}), 0);
        check("livenessProbe", &json!({"tcpSocket": {"port": 80, "host": "example.com"}}), 0);
        check("readinessProbe", &json!({"httpGet": {"path": "/", "port": 80}}), 0);
    }

    #[test]
    fn probes_that_failed_may_have_brought_nothing() {
        let text = [line("Liveness", "failed", "1e3"), line("Liveness", "unknown", "9")].concat();
        let http = costs("livenessProbe", &json!({"httpGet": {"port": 80}}));
        assert_eq!(Probes::read(&text).unwrap().bytes("u1", &http), 0);
    }

    #[test]
    fn a_counter_that_cannot_be_read_is_an_error() {
        for text in [
            line("Liveness", "successful", "NaN"),
            line("Liveness", "successful", ""),
            "prober_probe_total{a=\"".to_owned(),
        ] {
            assert!(Probes::read(&text).is_err(), "{text}");
        }
        assert!(Probes::read("prober_probe_total{result=\"successful\",pod=\"web\"} 1\n").is_err(), "whose?");
    }
}
