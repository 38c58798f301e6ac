use serde_json::json;

use super::*;

#[allow(clippy::needless_pass_by_value)] // as it is written in the tables
fn grants(rules: serde_json::Value, subjects: serde_json::Value) -> Seen<Grants> {
    let role = json!({"metadata": {"name": "r"}, "rules": rules});
    let binding = json!({"metadata": {"name": "b"}, "roleRef": {"apiGroup": "", "kind": "ClusterRole", "name": "r"}, "subjects": subjects});
    Ok(Grants {
        roles: vec![serde_json::from_value(role).unwrap()],
        bindings: vec![serde_json::from_value(binding).unwrap()],
    })
}

fn subject(kind: &str, name: &str, namespace: Option<&str>) -> serde_json::Value {
    json!([{"kind": kind, "name": name, "namespace": namespace}])
}

#[test]
fn who_may_pass_the_gate_by_is_named_with_what_it_allows() {
    let rule = |verb: &str, group: &str, resource: &str| json!([{"verbs": [verb], "apiGroups": [group], "resources": [resource]}]);
    for (rules, says) in [
        (rule("get", "", "nodes/proxy"), Some("through the kubelet")),
        (rule("create", "", "nodes/*"), Some("through the kubelet")),
        (rule("get", "", "*/proxy"), Some("through the kubelet")),
        (rule("get", "", "nodes"), None),
        (rule("get", "", "pods/proxy"), None),
        (rule("impersonate", "", "users"), Some("may act as other people")),
        (rule("impersonate", "*", "*"), Some("may act as other people")),
        (rule("list", "", "users"), None),
        (rule("create", "", "serviceaccounts/token"), Some("be the cluster's own controllers")),
        (rule("create", "", "serviceaccounts"), None),
        (rule("patch", "apiextensions.k8s.io", "customresourcedefinitions"), Some("have them read as they like")),
        (rule("list", "apiextensions.k8s.io", "customresourcedefinitions"), None),
        (rule("patch", "admissionregistration.k8s.io", "validatingadmissionpolicies"), Some("may take the gate away")),
        (rule("get", "admissionregistration.k8s.io", "validatingadmissionpolicies"), None),
        (rule("bind", "rbac.authorization.k8s.io", "clusterroles"), Some("give themselves any right")),
        (
            json!([{"verbs": ["impersonate"], "apiGroups": [""], "resources": ["users"], "resourceNames": ["alice"]}]),
            None,
        ),
    ] {
        let found = judge(&grants(rules.clone(), subject("User", "eve@example.com", None)));
        let said = found.iter().map(|finding| finding.says.as_str()).collect::<Vec<_>>().join("\n");
        match says {
            Some(says) => {
                assert!(said.contains("eve@example.com") && said.contains(says), "{rules}: {said}");
                assert!(
                    found.iter().all(|finding| finding.level == super::super::finding::Level::Warning),
                    "{found:?}"
                );
            }
            None => assert!(said.contains("nobody"), "{rules}: {said}"),
        }
    }
}

#[test]
fn the_clusters_own_are_left_out_and_everybody_is_not() {
    let all = json!([{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}]);
    for (kind, name, namespace, shown) in [
        ("Group", "system:masters", None, None),
        ("User", "system:kube-controller-manager", None, None),
        ("ServiceAccount", "generic-garbage-collector", Some("kube-system"), None),
        ("ServiceAccount", "argocd", Some("argocd"), Some("the account argocd/argocd")),
        ("Group", "admins", None, Some("the group admins")),
        ("Group", "system:authenticated", None, Some("the group system:authenticated")),
    ] {
        let said: String =
            judge(&grants(all.clone(), subject(kind, name, namespace))).iter().map(|f| f.says.clone()).collect();
        match shown {
            Some(shown) => assert_eq!(said.matches(shown).count(), RIGHTS.len(), "{name}: {said}"),
            None => assert!(said.contains("nobody"), "{name}: {said}"),
        }
    }
}

#[test]
fn who_may_not_look_is_told_so() {
    let found = judge(&Err("Kubernetes does not let you list clusterroles".to_owned()));
    assert!(found.iter().any(|finding| finding.says.contains("could not be looked at")), "{found:?}");
}
