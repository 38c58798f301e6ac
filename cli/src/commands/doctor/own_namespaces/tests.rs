use serde_json::{Value, json};

use super::super::finding::Level;
use super::*;

fn from<T: serde::de::DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).unwrap()
}

fn one(verb: &str, group: &str, resource: &str) -> Value {
    json!([{"verbs": [verb], "apiGroups": [group], "resources": [resource]}])
}

fn eve() -> Value {
    json!([{"kind": "User", "name": "eve@example.com"}])
}

/// hotdesk's namespaces, each with an account of its own, and a binding `b` of a role of this kind in `hotdesk-jobs`.
#[allow(clippy::needless_pass_by_value)] // as it is written in the tables
fn bound(kind: &str, rules: Value, subjects: Value) -> (Answered<Vec<OwnNamespace>>, Answered<Grants>) {
    let role = json!({"metadata": {"name": "r"}, "rules": rules});
    let binding = json!({"metadata": {"name": "b", "namespace": "hotdesk-jobs"}, "subjects": subjects,
        "roleRef": {"apiGroup": "", "kind": kind, "name": "r"}});
    let mut own = [("hotdesk", "hotdesk-webhook"), ("hotdesk-jobs", "reaper-mew"), ("hotdesk-saved", "x")].map(
        |(name, account)| OwnNamespace {
            name: name.to_owned(),
            accounts: vec![from(json!({"metadata": {"name": account}}))],
            ..OwnNamespace::default()
        },
    );
    own[1].bindings.push(from(binding));
    let mut grants = Grants::default();
    if kind == "Role" {
        own[1].roles.push(from(role));
    } else {
        grants.roles.push(from(role));
    }
    (Ok(own.into()), Ok(grants))
}

fn found(kind: &str, rules: Value, subjects: Value) -> Finding {
    let (own, grants) = bound(kind, rules, subjects);
    let [finding] = judge(&own, &grants).try_into().expect("one finding");
    finding
}

#[test]
fn who_has_hotdesks_power_by_a_binding_there_is_named_with_what_it_allows() {
    for (rules, message) in [
        (one("list", "", "secrets"), Some("can read its Secrets")),
        (
            json!([{"verbs": ["get"], "apiGroups": [""], "resources": ["secrets"], "resourceNames": ["one"]}]),
            Some("can read its Secrets"),
        ),
        (one("create", "", "pods"), Some("can run what they like as its accounts")),
        (one("create", "", "pods/exec"), Some("can run what they like as its accounts")),
        (one("create", "batch", "jobs"), Some("can run what they like as its accounts")),
        (one("patch", "batch", "cronjobs"), Some("can run what they like as its accounts")),
        (one("update", "apps", "deployments"), Some("can run what they like as its accounts")),
        (one("impersonate", "", "serviceaccounts"), Some("can act as its accounts")),
        (one("create", "", "serviceaccounts/token"), Some("can act as its accounts")),
        (one("patch", "", "configmaps"), Some("can change what it goes by")),
        (one("bind", "rbac.authorization.k8s.io", "clusterroles"), Some("can give themselves any right there")),
        (one("*", "*", "*"), Some("can read its Secrets, run what they like as its accounts, act as its accounts, ")),
        (one("get", "", "pods"), None),
        (one("get", "", "pods/log"), None),
        (one("list", "batch", "cronjobs"), None),
        (one("get", "", "configmaps"), None),
        (one("create", "", "secrets"), None),
    ] {
        for kind in ["Role", "ClusterRole"] {
            let finding = found(kind, rules.clone(), eve());
            match message {
                Some(message) => {
                    assert_eq!((finding.level, finding.id), (Level::Warning, Id::RightsBeyond), "{rules}");
                    for message in ["the RoleBinding b in hotdesk-jobs", "eve@example.com", message] {
                        assert!(finding.message.contains(message), "{kind} {rules}: {finding:?}");
                    }
                }
                None => assert_eq!(finding.level, Level::Ok, "{kind} {rules}: {finding:?}"),
            }
        }
    }
}

#[test]
fn hotdesks_own_accounts_and_the_clusters_own_are_left_out_and_others_are_not() {
    for (kind, name, namespace, message) in [
        ("ServiceAccount", "reaper-mew", Some("hotdesk-jobs"), None),
        ("ServiceAccount", "hotdesk-webhook", Some("hotdesk"), None),
        ("Group", "system:serviceaccounts:hotdesk-jobs", None, None),
        ("Group", "system:masters", None, None),
        ("User", "system:kube-controller-manager", None, None),
        ("ServiceAccount", "generic-garbage-collector", Some("kube-system"), None),
        // Not an account that a chart made: somebody else's, wherever it is.
        ("ServiceAccount", "default", Some("hotdesk-jobs"), Some("the account hotdesk-jobs/default")),
        ("ServiceAccount", "reaper-mew", Some("mew"), Some("the account mew/reaper-mew")),
        ("ServiceAccount", "hotdesk-webhook", Some("hotdesk-jobs"), Some("the account hotdesk-jobs/hotdesk-webhook")),
        ("User", "reaper-mew", None, Some("reaper-mew can")),
        ("Group", "developers", None, Some("the group developers")),
        ("Group", "system:authenticated", None, Some("the group system:authenticated")),
        // The workloads of every slot.
        ("Group", "system:serviceaccounts", None, Some("the group system:serviceaccounts")),
        ("Group", "system:serviceaccounts:mew", None, Some("the group system:serviceaccounts:mew")),
    ] {
        let subjects = json!([{"kind": kind, "name": name, "namespace": namespace}]);
        let finding = found("ClusterRole", one("*", "*", "*"), subjects);
        match message {
            Some(message) => {
                assert!(finding.level == Level::Warning && finding.message.contains(message), "{finding:?}");
            }
            None => assert_eq!(finding.level, Level::Ok, "{name}: {finding:?}"),
        }
    }
}

#[test]
fn the_commands_show_the_binding_and_take_it_away_but_not_from_hotdesk() {
    let fix = |subjects| found("Role", one("list", "", "secrets"), subjects).fix.unwrap();
    let of_eve = fix(eve());
    assert!(of_eve.contains("kubectl -n hotdesk-jobs get rolebinding b -o yaml"), "{of_eve}");
    assert!(of_eve.ends_with("kubectl -n hotdesk-jobs delete rolebinding b"), "{of_eve}");
    let both = fix(json!([
        {"kind": "User", "name": "eve@example.com"},
        {"kind": "ServiceAccount", "name": "reaper-mew", "namespace": "hotdesk-jobs"},
    ]));
    assert!(both.ends_with("kubectl -n hotdesk-jobs edit rolebinding b"), "{both}");
    for (name, shown) in [("system:a.b", "system:a.b"), ("b; x", "'b; x'"), ("it's", r"'it'\''s'")] {
        assert_eq!(for_a_shell(name), shown);
    }
}

#[test]
fn what_could_not_be_looked_at_is_said_and_where_there_is_no_hotdesk_nothing_is() {
    let (own, grants) = bound("Role", one("list", "", "secrets"), eve());
    let forbidden = || "Kubernetes does not let you list rolebindings".to_owned();
    for found in [judge(&Err(forbidden()), &grants), judge(&own, &Err(forbidden()))] {
        assert!(found.len() == 1 && found[0].level == Level::Unknown, "{found:?}");
    }
    assert_eq!(judge(&Ok(vec![]), &grants), []);
}

#[test]
fn hotdesks_namespaces_are_known_by_their_label_and_by_what_runs_there() {
    let namespace = |name: &str, labels: Value| from(json!({"metadata": {"name": name, "labels": labels}}));
    let part_of = "app.kubernetes.io/part-of";
    let namespaces = [
        namespace("jobs", json!({part_of: "hotdesk"})),
        namespace("mew", json!({part_of: "hotdesk", "hotdesk.dev/slot": "mew"})),
        namespace("shop", json!({part_of: "shop"})),
    ];
    let deployments = [from(json!({"metadata": {"name": "hotdesk-webhook", "namespace": "hotdesk"}}))];
    let cron_job = from(json!({
        "metadata": {"name": "reap-mew", "namespace": "jobs-by-hand", "labels": {"hotdesk.dev/slot": "mew"}},
        "spec": {"schedule": "7 * * * *", "jobTemplate": {"spec": {"template": {"spec": {"containers": [
            {"name": "reaper", "env": [{"name": "HOTDESK_SAVED_NAMESPACE", "value": "saved-by-hand"}]}]}}}}},
    }));
    let reaper = Reaper::read(&cron_job, &[]).unwrap();
    let found: Vec<String> = names(&namespaces, &deployments, &[reaper]).into_iter().collect();
    assert_eq!(found, ["hotdesk", "jobs", "jobs-by-hand", "saved-by-hand"]);
}
