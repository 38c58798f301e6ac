//! What does a kubelet's `/stats/summary` say of the pods of one slot?

use jiff::Timestamp;
use serde::Deserialize;

/// A whole answer, as far as it is about one slot.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    pods: Vec<Counters>,
}

/// The counters of one pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counters {
    /// The pod.
    pub uid: String,
    /// When its sandbox was made.
    pub started: Timestamp,
    /// Bytes received, and when; none where the kubelet does not count them.
    pub bytes: Option<(Timestamp, u64)>,
    /// CPU time in nanoseconds, and when.
    pub cpu: Option<(Timestamp, u64)>,
}

#[derive(Deserialize)]
struct Answer {
    pods: Vec<Pod>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Pod {
    pod_ref: PodRef,
    start_time: Timestamp,
    network: Option<Network>,
    cpu: Option<Cpu>,
}

#[derive(Deserialize)]
struct PodRef {
    namespace: String,
    uid: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Network {
    time: Timestamp,
    rx_bytes: Option<u64>,
    #[serde(default)]
    interfaces: Vec<Interface>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Interface {
    name: String,
    rx_bytes: Option<u64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Cpu {
    time: Timestamp,
    usage_core_nano_seconds: Option<u64>,
}

impl Summary {
    /// Reads an answer, and keeps what is about one slot.
    ///
    /// # Errors
    /// When it is something else, or broke off.
    pub fn read(body: &[u8], slot: &str) -> Result<Self, String> {
        let answer: Answer =
            serde_json::from_slice(body).map_err(|_| "its /stats/summary is something else than a whole answer")?;
        let pods = answer.pods.into_iter().filter(|pod| pod.pod_ref.namespace == slot);
        Ok(Self { pods: pods.map(counters).collect() })
    }

    /// The counters of a pod.
    #[must_use]
    pub fn pod(&self, uid: &str) -> Option<&Counters> {
        self.pods.iter().find(|pod| pod.uid == uid)
    }
}

fn counters(pod: Pod) -> Counters {
    let bytes = pod.network.and_then(|network| Some((network.time, received(&network)?)));
    let cpu = pod.cpu.and_then(|cpu| Some((cpu.time, cpu.usage_core_nano_seconds?)));
    Counters { uid: pod.pod_ref.uid, started: pod.start_time, bytes, cpu }
}

/// What came in by all interfaces; the number beside them is that of the first alone.
fn received(network: &Network) -> Option<u64> {
    let outside = network.interfaces.iter().filter(|interface| interface.name != "lo");
    let each: Vec<Option<u64>> = outside.map(|interface| interface.rx_bytes).collect();
    if each.is_empty() {
        return network.rx_bytes;
    }
    each.into_iter().try_fold(0_u64, |sum, bytes| Some(sum.saturating_add(bytes?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn read(network: &Value, cpu: &Value) -> Counters {
        let pod = |namespace: &str, uid: &str| {
            json!({"podRef": {"name": "web", "namespace": namespace, "uid": uid}, "startTime": "2026-11-30T09:48:30Z",
                "network": network, "cpu": cpu, "containers": [{"name": "c"}]})
        };
        let body = json!({"node": {"nodeName": "n"}, "pods": [pod("mewtwo", "u2"), pod("mew", "u1")]});
        let summary = Summary::read(body.to_string().as_bytes(), "mew").unwrap();
        assert_eq!(summary.pod("u2"), None, "of another slot");
        summary.pod("u1").unwrap().clone()
    }

    fn at() -> Timestamp {
        "2026-11-30T09:53:46Z".parse().unwrap()
    }

    #[test]
    fn a_pod_has_received_what_came_in_by_all_its_interfaces_but_the_loopback() {
        let one = json!({"time": at(), "name": "eth0", "rxBytes": 7, "txBytes": 900});
        let cpu = json!({"time": at(), "usageNanoCores": 5, "usageCoreNanoSeconds": 188_307_522_u64});
        let found = read(&one, &cpu);
        assert_eq!((found.bytes, found.cpu), (Some((at(), 7)), Some((at(), 188_307_522))));
        let interface = |name: &str, bytes: u64| json!({"name": name, "rxBytes": bytes, "txBytes": 900});
        let several = [interface("eth0", 7), interface("net1", 30), interface("lo", 5000)];
        let all = json!({"time": at(), "name": "eth0", "rxBytes": 7, "interfaces": several});
        assert_eq!(read(&all, &cpu).bytes, Some((at(), 37)));
    }

    #[test]
    fn what_is_not_counted_is_not_zero() {
        for nothing in [json!(null), json!({"time": at()}), json!({"time": at(), "interfaces": [{"name": "eth0"}]})] {
            assert_eq!(read(&nothing, &json!(null)).bytes, None, "{nothing}");
        }
        assert_eq!(read(&json!(null), &json!({"time": at(), "usageNanoCores": 5})).cpu, None);
    }

    #[test]
    fn an_answer_that_broke_off_or_is_another_is_an_error() {
        for body in ["", "{}", "<html>", r#"{"pods": [{"podRef": {"namespace": "mew"#, r#"{"pods": [{}]}"#] {
            let why = Summary::read(body.as_bytes(), "mew").unwrap_err();
            assert!(why.contains("something else than a whole answer"), "{body}: {why}");
        }
    }
}
