//! Which pods of the slot have counters that are to be compared?

use hotdesk_slots::text::sanitize_short;
use k8s_openapi::api::core::v1::Pod;

/// The pods that run, but for those of Jobs: what these work is judged as work.
///
/// # Errors
/// Names a pod whose counters tell nothing.
pub fn running(pods: &[Pod]) -> Result<Vec<&Pod>, String> {
    let mut found = Vec::new();
    for pod in pods.iter().filter(|pod| !is_a_jobs(pod)) {
        let name = sanitize_short(pod.metadata.name.as_deref().unwrap_or_default());
        match pod.status.as_ref().and_then(|status| status.phase.as_deref()) {
            Some("Running") => {}
            // One has received nothing yet, and the others do not any more.
            Some("Pending" | "Succeeded" | "Failed") => continue,
            _ => {
                let node = sanitize_short(node(pod));
                return Err(format!(
                    "the pod {name} is in no known state, so its node {node} may not answer: see kubectl get node {node}"
                ));
            }
        }
        if pod.spec.as_ref().is_some_and(|spec| spec.host_network == Some(true)) {
            return Err(format!(
                "the pod {name} is in the host's network, so what it receives is not counted by itself: take hostNetwork out of it"
            ));
        }
        found.push(pod);
    }
    Ok(found)
}

/// True for a pod of a Job.
#[must_use]
pub fn is_a_jobs(pod: &Pod) -> bool {
    let mut owners = pod.metadata.owner_references.iter().flatten();
    owners.any(|owner| owner.controller == Some(true) && owner.kind == "Job" && owner.api_version.starts_with("batch/"))
}

/// The node on which a pod runs.
#[must_use]
pub fn node(pod: &Pod) -> &str {
    pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn pod(name: &str, phase: &str, more: &Value) -> Pod {
        let mut pod = json!({"metadata": {"name": name}, "spec": {"nodeName": "n1", "containers": []}, "status": {"phase": phase}});
        for (part, fields) in more.as_object().unwrap() {
            pod[part].as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        }
        serde_json::from_value(pod).unwrap()
    }

    #[test]
    fn pods_that_run_are_read_and_those_of_jobs_are_not() {
        let owner = |kind: &str, api: &str| json!({"metadata": {"ownerReferences": [{"kind": kind, "apiVersion": api, "name": "x", "uid": "x", "controller": true}]}});
        let pods = [
            pod("web", "Running", &owner("ReplicaSet", "apps/v1")),
            pod("import", "Running", &owner("Job", "batch/v1")),
            pod("forged", "Running", &owner("Job", "example.com/v1")),
            pod("new", "Pending", &json!({})),
            pod("done", "Succeeded", &json!({})),
            pod("broken", "Failed", &json!({})),
        ];
        let found: Vec<&str> = running(&pods).unwrap().iter().filter_map(|pod| pod.metadata.name.as_deref()).collect();
        assert_eq!(found, ["web", "forged"]);
    }

    #[test]
    fn a_pod_whose_counters_tell_nothing_is_named() {
        let host = pod("agent", "Running", &json!({"spec": {"hostNetwork": true}}));
        let why = running(&[host]).unwrap_err();
        assert!(
            why.starts_with("the pod agent is in the host's network") && why.contains("take hostNetwork out"),
            "{why}"
        );
        let why = running(&[pod("web", "Unknown", &json!({}))]).unwrap_err();
        assert!(why.contains("the pod web is in no known state") && why.contains("kubectl get node n1"), "{why}");
    }
}
