use kube::core::Status;
use serde_json::json;

use super::*;

fn offers(version: &str, resources: &[(&str, &str, bool, &[&str])]) -> APIResourceList {
    let resources: Vec<_> = resources
        .iter()
        .map(|(name, kind, namespaced, verbs)| {
            json!({"name": name, "kind": kind, "namespaced": namespaced, "singularName": "", "verbs": verbs})
        })
        .collect();
    serde_json::from_value(json!({"groupVersion": version, "resources": resources})).unwrap()
}

fn kind(version: &str, plural: &str, kind: &str) -> ApiResource {
    kinds(&[offers(version, &[(plural, kind, true, &["list"])])]).remove(0)
}

fn failing(code: u16) -> Error {
    Error::Api(Box::new(Status { code, reason: String::new(), message: String::new(), ..Status::default() }))
}

#[test]
fn whatever_pods_can_be_made_of_counts_and_what_is_known_to_make_none_does_not() {
    for (group, plural, counts) in [
        ("", "pods", true),
        ("", "replicationcontrollers", true),
        ("apps", "deployments", true),
        ("apps", "replicasets", true),
        ("apps", "statefulsets", true),
        ("apps", "daemonsets", true),
        ("batch", "jobs", true),
        ("batch", "cronjobs", true),
        ("keda.sh", "scaledobjects", true),
        ("keda.sh", "scaledjobs", true),
        ("argoproj.io", "cronworkflows", true),
        ("argoproj.io", "rollouts", true),
        ("argoproj.io", "workflows", true),
        ("tekton.dev", "taskruns", true),
        ("serving.knative.dev", "services", true),
        ("kubevirt.io", "virtualmachines", true),
        ("gateway.networking.k8s.io", "gateways", true),
        ("example.com", "configmaps", true),
        ("", "whatever-comes-next", true),
        ("", "endpoints", false),
        ("", "events", false),
        ("", "persistentvolumeclaims", false),
        ("discovery.k8s.io", "endpointslices", false),
        ("coordination.k8s.io", "leases", false),
        ("rbac.authorization.k8s.io", "rolebindings", false),
        ("", "configmaps", false),
        ("", "secrets", false),
        ("", "serviceaccounts", false),
        ("", "services", false),
        ("", "podtemplates", false),
        ("rbac.authorization.k8s.io", "roles", false),
        ("networking.k8s.io", "ingresses", false),
        ("autoscaling", "horizontalpodautoscalers", false),
        ("metrics.k8s.io", "pods", false),
        ("hotdesk.dev", "slots", false),
    ] {
        assert_eq!(makes_pods(group, plural), counts, "{plural} of the group {group:?}");
    }
}

#[test]
fn each_kind_that_lies_in_a_slot_is_looked_at_once_in_any_version_that_serves_it() {
    let kinds = kinds(&[
        offers("v1", &[("pods", "Pod", true, &["list"]), ("pods/log", "Pod", true, &["get"])]),
        offers("example.com/v2", &[("tasks", "Task", true, &["create", "list"]), ("hosts", "Host", false, &["list"])]),
        offers("example.com/v1", &[("tasks", "Task", true, &["list"]), ("old", "Old", true, &["list"])]),
    ]);
    let seen: Vec<String> = kinds.iter().map(|kind| format!("{} {}", kind.api_version, kind.plural)).collect();
    assert_eq!(seen, ["v1 pods", "example.com/v2 tasks", "example.com/v1 old"]);
}

#[test]
fn what_is_there_and_what_could_not_be_looked_at_is_told_and_nothing_else_is_trusted_by_itself() {
    let (deployments, tasks) = (kind("apps/v1", "deployments", "Deployment"), kind("example.com/v1", "tasks", "Task"));
    let names = |names: &[&str]| Ok(names.iter().map(|name| (*name).to_owned()).collect());
    let there = "From before, there is in mew: Deployment/web and Task.example.com/t.";
    let unknown = "Could not be looked at in mew, and may be there: tasks.example.com.";
    let both = format!("From before, there is in mew: Deployment/web. {unknown}");
    for (of_deployments, of_tasks, told) in [
        (names(&[]), names(&[]), None),
        (names(&[]), Err(failing(404)), None),
        (names(&["web"]), names(&["t"]), Some(there)),
        (names(&[]), Err(failing(403)), Some(unknown)),
        (names(&[]), Err(failing(503)), Some(unknown)),
        (names(&[]), Err(failing(405)), Some(unknown)),
        (names(&["web"]), Err(failing(403)), Some(both.as_str())),
    ] {
        let case = format!("{of_deployments:?}, {of_tasks:?}");
        let mut left = Left::default();
        left.add(&deployments, of_deployments);
        left.add(&tasks, of_tasks);
        assert_eq!(left.told("mew").as_deref(), told, "{case}");
    }
}

#[test]
fn what_is_there_is_named_up_to_a_number() {
    let pods = |n: usize| (0..n).map(|i| format!("Pod/p{i}")).collect::<Vec<_>>();
    assert_eq!(some(&pods(2)), "Pod/p0 and Pod/p1");
    assert!(some(&pods(12)).ends_with(", Pod/p7 and 4 more"));
}

#[test]
fn a24_tokens_without_an_end_are_named_with_what_removes_them() {
    let names = |count: usize| (1..=count).map(|n| format!("token-{n}")).collect::<Vec<_>>();
    assert_eq!(tokens_told("mew", &[]), None);
    let told = tokens_told("mew", &names(2)).unwrap();
    assert!(
        told.contains("no end: token-1 and token-2.") && told.ends_with("kubectl -n mew delete secret token-1 token-2"),
        "{told}"
    );
    let told = tokens_told("mew", &names(SHOWN + 2)).unwrap();
    assert!(told.contains("2 more") && told.ends_with(" token-8"), "{told}");
}
