use serde_json::json;

use super::*;

#[allow(clippy::needless_pass_by_value)] // as it is written in the tables
fn grants(rules: serde_json::Value, subjects: serde_json::Value) -> Answered<Grants> {
    let role = json!({"metadata": {"name": "r"}, "rules": rules});
    let binding = json!({"metadata": {"name": "b"}, "roleRef": {"apiGroup": "", "kind": "ClusterRole", "name": "r"}, "subjects": subjects});
    Ok(Grants {
        roles: vec![serde_json::from_value(role).unwrap()],
        bindings: vec![serde_json::from_value(binding).unwrap()],
        ..Grants::default()
    })
}

/// The same, bound in `kube-system`: a Role of it, or a `ClusterRole`.
#[allow(clippy::needless_pass_by_value)] // as it is written in the tables
fn grants_there(kind: &str, rules: serde_json::Value, subjects: serde_json::Value) -> Answered<Grants> {
    let role = json!({"metadata": {"name": "r", "namespace": "kube-system"}, "rules": rules});
    let binding = json!({"metadata": {"name": "b", "namespace": "kube-system"}, "roleRef": {"apiGroup": "", "kind": kind, "name": "r"}, "subjects": subjects});
    let of_cluster = (kind == "ClusterRole").then(|| serde_json::from_value(role.clone()).unwrap());
    let of_namespace = (kind == "Role").then(|| serde_json::from_value(role).unwrap());
    Ok(Grants {
        roles: of_cluster.into_iter().collect(),
        roles_there: of_namespace.into_iter().collect(),
        bindings_there: vec![serde_json::from_value(binding).unwrap()],
        ..Grants::default()
    })
}

fn said(grants: &Answered<Grants>) -> String {
    judge(grants).iter().map(|finding| finding.message.as_str()).collect::<Vec<_>>().join("\n")
}

fn subject(kind: &str, name: &str, namespace: Option<&str>) -> serde_json::Value {
    json!([{"kind": kind, "name": name, "namespace": namespace}])
}

#[test]
fn who_may_pass_the_gate_by_is_named_with_what_it_allows() {
    let rule = |verb: &str, group: &str, resource: &str| json!([{"verbs": [verb], "apiGroups": [group], "resources": [resource]}]);
    for (rules, message) in [
        (rule("get", "", "nodes/proxy"), Some("through the kubelet")),
        (rule("create", "", "nodes/*"), Some("through the kubelet")),
        (rule("get", "", "*/proxy"), Some("through the kubelet")),
        (rule("get", "", "nodes"), None),
        (rule("get", "", "pods/proxy"), None),
        (rule("impersonate", "", "users"), Some("can act as other people")),
        (rule("impersonate", "*", "*"), Some("can act as other people")),
        (rule("list", "", "users"), None),
        (rule("create", "", "serviceaccounts/token"), Some("be the cluster's own controllers")),
        (rule("create", "", "serviceaccounts"), None),
        (rule("patch", "apiextensions.k8s.io", "customresourcedefinitions"), Some("have them read as they like")),
        (rule("list", "apiextensions.k8s.io", "customresourcedefinitions"), None),
        (rule("patch", "admissionregistration.k8s.io", "validatingadmissionpolicies"), Some("can take the gate away")),
        (rule("get", "admissionregistration.k8s.io", "validatingadmissionpolicies"), None),
        (rule("bind", "rbac.authorization.k8s.io", "clusterroles"), Some("give themselves any right")),
        (
            json!([{"verbs": ["impersonate"], "apiGroups": [""], "resources": ["users"], "resourceNames": ["alice"]}]),
            None,
        ),
    ] {
        let found = judge(&grants(rules.clone(), subject("User", "eve@example.com", None)));
        let said = found.iter().map(|finding| finding.message.as_str()).collect::<Vec<_>>().join("\n");
        match message {
            Some(message) => {
                assert!(said.contains("eve@example.com") && said.contains(message), "{rules}: {said}");
                assert!(
                    found.iter().all(|finding| finding.level == super::super::finding::Level::Warning),
                    "{found:?}"
                );
            }
            None => assert!(said.contains("only break-glass"), "{rules}: {said}"),
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
        ("User", "system:anonymous", None, Some("system:anonymous")),
        ("Group", "system:serviceaccounts:kube-system", None, None),
        ("Group", "system:serviceaccounts", None, Some("the group system:serviceaccounts")),
        ("Group", "system:serviceaccounts:mew", None, Some("the group system:serviceaccounts:mew")),
    ] {
        let said: String =
            judge(&grants(all.clone(), subject(kind, name, namespace))).iter().map(|f| f.message.clone()).collect();
        match shown {
            Some(shown) => {
                let given = RIGHTS.iter().filter(|right| right.by != Bindings::KubeSystem).count();
                assert_eq!(said.matches(shown).count(), given, "{name}: {said}");
            }
            None => assert!(said.contains("only break-glass"), "{name}: {said}"),
        }
    }
}

#[test]
fn who_may_not_look_is_told_so() {
    let found = judge(&Err("Kubernetes does not let you list clusterroles".to_owned()));
    assert!(found.iter().any(|finding| finding.message.contains("could not be looked at")), "{found:?}");
}

#[test]
fn who_is_powerful_in_kube_system_is_named_and_how() {
    let rule = |verb: &str, group: &str, resource: &str| json!([{"verbs": [verb], "apiGroups": [group], "resources": [resource]}]);
    for (rules, message) in [
        (rule("impersonate", "", "serviceaccounts"), Some("can act as the accounts of kube-system")),
        (rule("create", "", "serviceaccounts/token"), Some("can act as the accounts of kube-system")),
        (rule("list", "", "secrets"), Some("can read the tokens and keys")),
        (rule("create", "", "pods"), Some("can run what they like as the cluster's own accounts")),
        (rule("create", "", "pods/exec"), Some("can run what they like as the cluster's own accounts")),
        (rule("patch", "apps", "deployments"), Some("can run what they like as the cluster's own accounts")),
        (rule("create", "batch", "jobs"), Some("can run what they like as the cluster's own accounts")),
        (rule("bind", "rbac.authorization.k8s.io", "roles"), Some("can give themselves any right in kube-system")),
        (rule("list", "", "pods"), None),
        (rule("get", "apps", "deployments"), None),
        (rule("create", "", "secrets"), None),
        (rule("get", "", "configmaps"), None),
        (json!([{"verbs": ["get"], "apiGroups": [""], "resources": ["secrets"], "resourceNames": ["mine"]}]), None),
    ] {
        for kind in ["Role", "ClusterRole"] {
            let said = said(&grants_there(kind, rules.clone(), subject("User", "eve@example.com", None)));
            match message {
                Some(message) => {
                    assert!(said.contains("eve@example.com") && said.contains(message), "{kind} {rules}: {said}");
                }
                None => assert!(said.contains("only break-glass"), "{kind} {rules}: {said}"),
            }
        }
    }
}

#[test]
fn what_is_bound_in_kube_system_alone_is_no_right_everywhere() {
    let all = json!([{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}]);
    let said_of = |name: &str, namespace| {
        said(&grants_there("ClusterRole", all.clone(), subject("ServiceAccount", name, namespace)))
    };
    let said = said_of("backup", Some("velero"));
    let given = RIGHTS.iter().filter(|right| right.by != Bindings::Cluster).count();
    assert_eq!(said.matches("the account velero/backup").count(), given, "{said}");
    assert!(!said.contains("nodes/proxy") && !said.contains("take the gate away"), "{said}");
    let own = said_of("bootstrap-signer", Some("kube-system"));
    assert!(own.contains("only break-glass"), "{own}");
}

#[test]
fn who_approves_or_signs_certificates_for_clients_is_named() {
    let rule = |verb: &str, names: &[&str]| json!([{"verbs": [verb], "apiGroups": ["certificates.k8s.io"], "resources": ["signers"], "resourceNames": names}]);
    for (rules, is_named) in [
        (rule("approve", &[]), true),
        (rule("sign", &[]), true),
        (rule("approve", &["kubernetes.io/kube-apiserver-client"]), true),
        (rule("approve", &["kubernetes.io/kube-apiserver-client-kubelet"]), true),
        (rule("sign", &["kubernetes.io/*"]), true),
        (rule("sign", &["issuers.cert-manager.io/*"]), false),
        (rule("approve", &["kubernetes.io/kubelet-serving"]), false),
        (rule("list", &[]), false),
    ] {
        let said = said(&grants(rules.clone(), subject("User", "eve@example.com", None)));
        let named = said.contains("eve@example.com can pass a certificate in anybody's name");
        assert_eq!(named, is_named, "{rules}: {said}");
    }
}
