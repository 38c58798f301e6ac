//! Which pods is the ingress controller, and did the same ones serve for the whole window?

use std::collections::BTreeSet;
use std::fmt::Debug;

use jiff::Timestamp;
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::apps::v1::{DaemonSet, ReplicaSet, StatefulSet};
use k8s_openapi::api::core::v1::{ContainerStatus, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::ListParams;
use kube::{Api, Resource, ResourceExt as _};
use serde::de::DeserializeOwned;

use crate::api::Cluster;
use hotdesk_traffic::log::scan::CLOCK_TOLERANCE;
use hotdesk_traffic::sources::PodSelector;

/// One controller pod whose log can be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Controller {
    /// The pod's name.
    pub pod: String,
    /// When its container started.
    pub started: Timestamp,
    /// When the container before it started, if there was one.
    pub before: Option<Timestamp>,
}

/// The controller's pods.
///
/// # Errors
/// When they cannot be listed, or there is none.
pub async fn pods(cluster: &Cluster, place: &PodSelector) -> Result<Vec<Pod>, String> {
    let api: Api<Pod> = Api::namespaced(cluster.client.clone(), &place.namespace);
    let filter = ListParams::default().labels(&place.selector);
    let pods = cluster.all("the ingress controller's pods cannot be listed", api.list(&filter)).await?;

    if pods.is_empty() {
        Err(format!(
            "there is no ingress controller: no pod has the labels {} in namespace {}",
            place.selector, place.namespace
        ))
    } else {
        Ok(pods)
    }
}

/// A pod, if its log can be read and its clock believed; none if it has served nobody since a moment.
///
/// # Errors
/// Says what is wrong with it.
pub fn readable(pod: &Pod, container: &str, since: Timestamp) -> Result<Option<Controller>, String> {
    let name = pod.name_any();
    let status = pod.status.as_ref();
    let phase = status.and_then(|s| s.phase.as_deref()).unwrap_or("unknown");
    let statuses = status.and_then(|s| s.container_statuses.as_deref()).unwrap_or_default();
    match phase {
        "Running" => {}
        "Failed" | "Succeeded" => return ended(pod, phase, since).map(|()| None),
        "Pending" if statuses.iter().all(never_ran) => return Ok(None),
        _ => return Err(format!("the controller pod {name} is {phase}, so it cannot be relied on")),
    }
    let found = statuses.iter().find(|status| status.name == container);
    let found = found
        .ok_or_else(|| format!("the controller pod {name} has no container {container}: set --ingress-container"))?;
    let state = found.state.as_ref().and_then(|state| state.running.as_ref());
    let started = state.and_then(|running| running.started_at.as_ref()).map(|time| time.0);
    let started =
        started.ok_or_else(|| format!("the container {container} of the controller pod {name} is not running"))?;
    // The API server writes the one, the node the other.
    let created = pod.creation_timestamp().map(|time| time.0);
    if created.is_some_and(|created| created.duration_since(started) > CLOCK_TOLERANCE) {
        return Err(format!("the controller pod {name} started before it was created: set its node's clock"));
    }
    Ok(Some(Controller { pod: name, started, before: before(found) }))
}

/// A pod that has ended takes its log with it, sooner or later. Before the window that is not a loss.
fn ended(pod: &Pod, phase: &str, since: Timestamp) -> Result<(), String> {
    let name = pod.name_any();
    let Some(at) = end(pod) else {
        return Err(format!("the controller pod {name} is {phase} and does not say since when: delete it"));
    };
    // The node's clock may be behind ours.
    if at.saturating_add(CLOCK_TOLERANCE).unwrap_or(Timestamp::MAX) <= since {
        return Ok(());
    }
    Err(format!(
        "the controller pod {name} is {phase} since {}, so it may have served within the window, and its log is gone",
        at.strftime("%H:%M:%S UTC")
    ))
}

/// When the last container of a pod that has ended did so: by the containers, or by the last that was noted of the pod.
fn end(pod: &Pod) -> Option<Timestamp> {
    let status = pod.status.as_ref()?;
    let statuses = status.container_statuses.as_deref().unwrap_or_default();
    let finished = |status: &ContainerStatus| {
        let terminated = status.state.as_ref()?.terminated.as_ref()?;
        terminated.finished_at.as_ref().map(|time| time.0)
    };
    if !statuses.is_empty() && statuses.iter().all(|status| finished(status).is_some()) {
        return statuses.iter().filter_map(finished).max();
    }
    let conditions = status.conditions.iter().flatten().filter_map(|condition| condition.last_transition_time.as_ref());
    conditions.map(|time| time.0).max().or_else(|| last_written(&pod.metadata, Written::Anything))
}

fn never_ran(status: &ContainerStatus) -> bool {
    let ran = [&status.state, &status.last_state].into_iter().flatten();
    status.restart_count == 0 && !ran.into_iter().any(|state| state.running.is_some() || state.terminated.is_some())
}

fn before(status: &ContainerStatus) -> Option<Timestamp> {
    let terminated = status.last_state.as_ref()?.terminated.as_ref()?;
    Some(terminated.started_at.as_ref()?.0)
}

/// Checks that no pod of the controller has gone since a moment: its log went with it.
///
/// A pod that was replaced is seen by its successor's age. One that was not, because the controller was scaled
/// down or a node taken away, is seen by when what runs the pods was last written. `pods` are those that were read.
///
/// # Errors
/// Says what changed, or that it cannot be read.
pub async fn unchanged(cluster: &Cluster, place: &PodSelector, read: &[Pod], since: Timestamp) -> Result<(), String> {
    let mut owners = owners(read);
    check::<ReplicaSet>(cluster, place, &mut owners, since, Written::Spec).await?;
    check::<StatefulSet>(cluster, place, &mut owners, since, Written::Spec).await?;
    // How many pods a DaemonSet has stands in its status, beside what changes when a container restarts.
    check::<DaemonSet>(cluster, place, &mut owners, since, Written::Anything).await?;
    if let Some((kind, name)) = owners.first() {
        return Err(format!(
            "the ingress controller's {kind} {name} is not among those with the labels {}, so whether a pod of it has \
             gone cannot be seen: give it the labels of its pods",
            place.selector
        ));
    }
    let now = pods(cluster, place).await?;
    // One that had not run may have begun to serve.
    let serves = |pod: &Pod| !matches!(readable(pod, &place.container, since), Ok(None));
    let name = |pods: &[Pod]| {
        pods.iter().filter_map(|pod| Some((pod.metadata.uid.clone()?, serves(pod)))).collect::<BTreeSet<_>>()
    };
    if name(read) == name(&now) {
        Ok(())
    } else {
        Err("the ingress controller's pods changed while their logs were read".to_owned())
    }
}

/// What runs the pods, as kind and name.
fn owners(pods: &[Pod]) -> Vec<(String, String)> {
    let owners = pods.iter().flat_map(|pod| pod.metadata.owner_references.iter().flatten());
    let owners = owners.filter(|owner| owner.controller == Some(true));
    let named: BTreeSet<(String, String)> = owners.map(|owner| (owner.kind.clone(), owner.name.clone())).collect();
    named.into_iter().collect()
}

/// Which writes tell that the number of pods may have changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Written {
    Spec,
    Anything,
}

/// Checks the sets of one kind, and takes them off the owners that are still to be seen.
async fn check<K>(
    cluster: &Cluster,
    place: &PodSelector,
    owners: &mut Vec<(String, String)>,
    since: Timestamp,
    what: Written,
) -> Result<(), String>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + DeserializeOwned + Debug,
{
    let kind = K::kind(&());
    let api: Api<K> = Api::namespaced(cluster.client.clone(), &place.namespace);
    let filter = ListParams::default().labels(&place.selector);
    let listed = api.list_metadata(&filter);
    let sets = cluster.all(&format!("the ingress controller's {kind}s cannot be listed"), listed).await?;
    owners.retain(|(of, name)| *of != kind || !sets.iter().any(|set| set.name_any() == *name));
    let changed = |set: &ObjectMeta| last_written(set, what).filter(|at| *at > since);
    match sets.iter().find_map(|set| changed(&set.metadata).map(|at| (set.name_any(), at))) {
        None => Ok(()),
        Some((name, at)) => Err(format!(
            "the ingress controller's {kind} {name} changed at {}, within the window: a pod may have gone, and its \
             log with it",
            at.strftime("%H:%M:%S UTC")
        )),
    }
}

/// When an object was last written.
fn last_written(metadata: &ObjectMeta, what: Written) -> Option<Timestamp> {
    let fields = metadata.managed_fields.as_deref().unwrap_or_default();
    let counts = |status: bool| what == Written::Anything || !status;
    let entries = fields.iter().filter(|entry| counts(entry.subresource.as_deref() == Some("status")));
    entries.filter_map(|entry| entry.time.as_ref().map(|time| time.0)).max()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn pod(status: &Value) -> Pod {
        let metadata = json!({"name": "controller-0", "creationTimestamp": "2026-11-23T10:00:00Z"});
        serde_json::from_value(json!({"metadata": metadata, "status": status})).unwrap()
    }

    fn running(started: &str) -> Value {
        json!({"phase": "Running", "containerStatuses": [{
            "name": "controller", "image": "x", "imageID": "x", "ready": false, "restartCount": 0,
            "state": {"running": {"startedAt": started}},
            "lastState": {"terminated": {"exitCode": 1, "startedAt": "2026-11-23T10:00:01Z", "finishedAt": "2026-11-23T11:00:00Z"}},
        }]})
    }

    fn since() -> Timestamp {
        "2026-11-23T12:00:00Z".parse().unwrap()
    }

    #[test]
    fn a_running_container_is_read_with_its_predecessor() {
        let controller = readable(&pod(&running("2026-11-23T11:00:05Z")), "controller", since()).unwrap().unwrap();
        assert_eq!(controller.started, "2026-11-23T11:00:05Z".parse().unwrap());
        assert_eq!(controller.before, Some("2026-11-23T10:00:01Z".parse().unwrap()));
    }

    #[track_caller]
    fn check_error(status: &Value, container: &str, expected: &str) {
        let error = readable(&pod(status), container, since()).unwrap_err();
        assert!(error.contains(expected), "{error}");
    }

    #[test]
    fn whatever_is_not_running_is_said() {
        check_error(&json!({"phase": "Failed"}), "controller", "controller-0 is Failed and does not say since when");
        check_error(&json!({"phase": "Unknown"}), "controller", "controller-0 is Unknown");
        check_error(&json!({}), "controller", "is unknown");
        check_error(&running("2026-11-23T11:00:05Z"), "traefik", "has no container traefik");
        let mut crashing = running("2026-11-23T11:00:05Z");
        crashing["containerStatuses"][0]["state"] = json!({"waiting": {"reason": "CrashLoopBackOff"}});
        check_error(&crashing, "controller", "is not running");
        crashing["phase"] = json!("Pending");
        check_error(&crashing, "controller", "is Pending");
    }

    fn finished(phase: &str, at: &str) -> Value {
        let mut status = running("2026-11-23T09:00:00Z");
        status["phase"] = json!(phase);
        status["containerStatuses"][0]["state"] = json!({"terminated": {"exitCode": 0, "finishedAt": at}});
        status
    }

    #[test]
    fn a_pod_that_served_nobody_since_then_is_left_out() {
        let evicted = |at: &str| {
            json!({"phase": "Failed", "reason": "Evicted", "conditions": [
                {"type": "Ready", "status": "False", "lastTransitionTime": at},
            ]})
        };
        for status in [
            finished("Failed", "2026-11-23T11:55:00Z"),
            finished("Succeeded", "2026-11-22T06:00:00Z"),
            evicted("2026-11-23T11:00:00Z"),
            json!({"phase": "Pending"}),
            json!({"phase": "Pending", "containerStatuses": [{
                "name": "controller", "image": "x", "imageID": "", "ready": false, "restartCount": 0,
                "state": {"waiting": {"reason": "ContainerCreating"}},
            }]}),
        ] {
            assert_eq!(readable(&pod(&status), "controller", since()), Ok(None), "{status}");
        }
        check_error(&finished("Failed", "2026-11-23T11:55:01Z"), "controller", "is Failed since 11:55:01 UTC");
        check_error(&finished("Succeeded", "2026-11-23T12:30:00Z"), "controller", "its log is gone");
        check_error(&evicted("2026-11-23T12:30:00Z"), "controller", "is Failed since 12:30:00 UTC");
    }

    #[test]
    fn a_node_whose_clock_is_behind_is_not_believed() {
        check_error(&running("2026-11-23T08:00:00Z"), "controller", "set its node's clock");
    }

    #[test]
    fn scaling_is_told_from_a_container_that_restarted() {
        let metadata: ObjectMeta = serde_json::from_value(json!({"managedFields": [
            {"manager": "kube-controller-manager", "time": "2026-11-23T10:00:00Z"},
            {"manager": "kube-controller-manager", "subresource": "status", "time": "2026-11-23T12:00:00Z"},
        ]}))
        .unwrap();
        assert_eq!(last_written(&metadata, Written::Spec), Some("2026-11-23T10:00:00Z".parse().unwrap()));
        assert_eq!(last_written(&metadata, Written::Anything), Some("2026-11-23T12:00:00Z".parse().unwrap()));
        assert_eq!(last_written(&ObjectMeta::default(), Written::Anything), None);
    }
}
