use super::*;
use serde_json::{Value, json};

#[track_caller]
fn check(id: &str, pods: &[Value], expected: Option<(&str, &str)>) {
    let pods: Vec<Pod> = pods.iter().map(|pod| serde_json::from_value(pod.clone()).unwrap()).collect();
    let found = Pods::of(&pods, &[], &[]).map(|pods| (pods.oldest, pods.changed));
    assert_eq!(found, expected.map(|(oldest, changed)| (at(oldest), at(changed))), "{id}");
}

fn pod(made: &str, ready: Option<&str>, phase: &str) -> Value {
    let turned = ready
        .map(|at| json!({"type": "Ready", "status": "True", "lastTransitionTime": format!("2026-11-23T{at}:00:00Z")}));
    json!({"metadata": {"name": "web", "creationTimestamp": format!("2026-11-23T{made}:00:00Z")},
           "status": {"phase": phase, "conditions": turned.into_iter().collect::<Vec<_>>()}})
}

#[test]
fn e03_a_session_is_in_one_of_the_pods_that_have_not_ended() {
    check("one", &[pod("10", Some("11"), "Running")], Some(("10", "11")));
    check("two", &[pod("10", Some("11"), "Running"), pod("12", None, "Pending")], Some(("10", "12")));
    check("ended", &[pod("08", Some("09"), "Succeeded"), pod("10", None, "Running")], Some(("10", "10")));
    check("none", &[], None);
    check("none that runs", &[pod("08", None, "Failed")], None);
    check("no status", &[json!({"metadata": {"creationTimestamp": "2026-11-23T10:00:00Z"}})], Some(("10", "10")));
    let unknown = Pods::of(&[serde_json::from_value(json!({"metadata": {}})).unwrap()], &[], &[]).unwrap();
    assert_eq!(unknown.oldest, Timestamp::MIN, "it may be as old as any session");
}

#[test]
fn e03_a_pod_that_went_and_left_no_other_shows_in_what_kept_up_their_number() {
    let at = |hour: u8| format!("2026-11-23T{hour}:00:00Z");
    let saver = |times: &[u8]| -> ObjectMeta {
        let fields = times.iter().map(|hour| json!({"manager": "kube-controller-manager", "time": at(*hour)}));
        serde_json::from_value(json!({"name": "web", "managedFields": fields.collect::<Vec<_>>()})).unwrap()
    };
    let changed = |keepers: &[ObjectMeta]| {
        let pods = [serde_json::from_value(pod("10", Some("11"), "Running")).unwrap()];
        Pods::of(&pods, keepers, &[]).map(|pods| pods.changed.to_string())
    };
    for (keepers, expected) in
        [(vec![], 11), (vec![saver(&[])], 11), (vec![saver(&[10, 10])], 11), (vec![saver(&[10, 14]), saver(&[13])], 14)]
    {
        assert_eq!(changed(&keepers), Some(at(expected)), "{keepers:?}");
    }
    assert_eq!(Pods::of(&[], &[saver(&[14])], &[]), None, "no pod is there");
}

#[test]
fn e03_what_has_ended_tells_when() {
    let open = pod("12", None, "Running");
    let ended = |change: Value| {
        let mut gone = pod("08", Some("09"), "Succeeded");
        json_patch::merge(&mut gone, &change);
        let pods = [&open, &gone].map(|pod| serde_json::from_value(pod.clone()).unwrap());
        let found = Pods::of(&pods, &[], &[]).unwrap();
        assert_eq!((found.oldest, found.changed, found.ended.len()), (at("12"), at("12"), 1), "{change}");
        assert_eq!(found.ended[0].made, at("08"));
        found.ended[0].changed
    };
    let finished = json!({"terminated": {"exitCode": 0, "finishedAt": at("10")}});
    let status =
        json!({"name": "web", "image": "x", "imageID": "", "ready": false, "restartCount": 0, "state": finished});
    assert_eq!(ended(json!({})), Some(at("09")));
    assert_eq!(ended(json!({"status": {"containerStatuses": [status]}})), Some(at("10")));
    let written = json!([{"manager": "kubelet", "time": at("11")}]);
    assert_eq!(ended(json!({"metadata": {"managedFields": written}, "status": {"conditions": null}})), Some(at("11")));
    assert_eq!(ended(json!({"status": {"conditions": null}})), None, "nothing tells");
}

#[test]
fn e03_a_pod_of_a_controller_of_another_kind_may_go_without_a_trace() {
    let owned = |version: &str, kind: &str, controls: bool| {
        let mut owned = pod("10", None, "Running");
        let owner = json!({"apiVersion": version, "kind": kind, "name": "x", "uid": "1", "controller": controls});
        owned["metadata"]["ownerReferences"] = json!([owner]);
        Pods::of(&[serde_json::from_value(owned).unwrap()], &[], &[]).is_some()
    };
    for kind in ["ReplicaSet", "StatefulSet", "DaemonSet"] {
        assert!(owned("apps/v1", kind, true), "{kind}");
    }
    assert!(owned("v1", "ReplicationController", true) && owned("batch/v1", "Job", true));
    assert!(owned("example.com/v1", "Backup", false), "it does not keep up their number");
    for (version, kind) in [("postgresql.cnpg.io/v1", "Cluster"), ("apps.kruise.io/v1beta1", "StatefulSet")] {
        assert!(!owned(version, kind, true), "{kind}");
    }
}

fn at(hour: &str) -> Timestamp {
    format!("2026-11-23T{hour}:00:00Z").parse().unwrap()
}
