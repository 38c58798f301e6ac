//! What did the installation give, and to whom: the roles of hotdesk's accounts, what others may do where these live, and how its pods
//! are fenced off? Rows a19, a38, a111 and a112.

use std::time::Duration;

use hotdesk_e2e::slot::{JOBS, SAVED, unique};
use hotdesk_e2e::{TestSlot, admin, bob, installation, until};
use serde_json::{Value, json};

/// What a developer with the role `edit` in every slot may do where hotdesk's accounts, credentials and saves are.
#[test]
fn a38_a_developer_has_no_right_in_hotdesks_own_namespaces() {
    let _held = installation::shared();
    let slot = TestSlot::held_by("bob@example.com");
    let can = |namespace: &str, verb: &str, what: &str| {
        bob().kubectl(&["auth", "can-i", verb, what, "-n", namespace]).stdout.trim() == "yes"
    };
    let rights = [
        ("get", "secrets"),
        ("list", "secrets"),
        ("create", "secrets"),
        ("delete", "secrets"),
        ("create", "pods/exec"),
        ("create", "pods"),
        ("create", "jobs.batch"),
        ("patch", "cronjobs.batch"),
        ("create", "serviceaccounts/token"),
        ("impersonate", "serviceaccounts"),
        ("create", "rolebindings.rbac.authorization.k8s.io"),
    ];
    for (verb, what) in rights {
        assert!(
            what.starts_with("role") || can(slot.name(), verb, what),
            "the table asks for what the role edit has: {verb} {what}"
        );
        for namespace in [JOBS, SAVED, "hotdesk"] {
            assert!(!can(namespace, verb, what), "bob may {verb} {what} in {namespace}");
        }
    }
}

/// Every rule of a kind of role, with its component and its place.
fn rules(kind: &str) -> Vec<(String, Value)> {
    let args = ["get", kind, "-A", "-l", "app.kubernetes.io/part-of=hotdesk", "-o", "json"];
    let listed = admin().kubectl(&args).succeeded().json();
    let mut all = Vec::new();
    for role in listed["items"].as_array().unwrap() {
        let text = |key: &str| role["metadata"][key].as_str().unwrap_or_default().to_owned();
        let component = role["metadata"]["labels"]["app.kubernetes.io/component"].as_str().unwrap_or_default();
        let name = format!("{component} {} {}", text("namespace"), text("name"));
        all.extend(role["rules"].as_array().into_iter().flatten().map(|rule| (name.clone(), rule.clone())));
    }
    all
}

#[test]
fn a111_no_role_of_hotdesks_is_wider_than_it_says() {
    let _held = installation::shared();
    let _slot = TestSlot::free();
    let all = [rules("roles"), rules("clusterroles")].concat();
    assert!(all.len() > 10, "{all:?}");
    for (role, rule) in &all {
        let has = |field: &str, wanted: &str| rule[field].as_array().into_iter().flatten().any(|item| item == wanted);
        assert!(!has("verbs", "*") && !has("verbs", "escalate"), "{role}: {rule}");
        // The one role that the controller gives to claimants; a policy says to whom.
        let binds = rule["resources"] == json!(["clusterroles"])
            && rule["resourceNames"].as_array().is_some_and(|names| names.len() == 1);
        assert!(!has("verbs", "bind") || binds && role.ends_with(" hotdesk-controller"), "{role}: {rule}");
        // Continuous integration, which is not a program of hotdesk's, may be the people whom the operator names.
        assert!(!has("verbs", "impersonate") || role.starts_with("ci "), "{role}: {rule}");
        let wide = has("resources", "*") || has("apiGroups", "*");
        let verbs: Vec<&str> = rule["verbs"].as_array().unwrap().iter().map(|verb| verb.as_str().unwrap()).collect();
        let reapers = role.starts_with("reaper ") && role.ends_with(" hotdesk-reaper");
        let restampers = role == "restamper  hotdesk-restamper" && verbs == ["list", "patch"];
        assert!(!wide || restampers || reapers && verbs == ["get", "list", "watch", "delete"], "{role}: {rule}");
        let secrets = has("resources", "secrets") && has("apiGroups", "");
        let reads = verbs.iter().any(|verb| ["get", "list", "watch"].contains(verb));
        let places = [format!("reviver {SAVED} "), format!("pruner {SAVED} "), "certs hotdesk ".to_owned()];
        assert!(!(secrets && reads) || places.iter().any(|place| role.starts_with(place)), "{role}: {rule}");
    }
}

#[test]
fn a111_each_account_reaches_its_own_slot_and_no_other() {
    let _held = installation::shared();
    let (slot, other) = (TestSlot::free(), TestSlot::free());
    let can = |account: &str, namespace: &str, verb: &str, what: &str| {
        let who = format!("--as=system:serviceaccount:{JOBS}:{account}");
        admin().kubectl(&["auth", "can-i", verb, what, "-n", namespace, &who]).stdout.trim() == "yes"
    };
    let (reviver, pruner) = (format!("reviver-{}", slot.name()), "pruner");
    // What webhooks say of the sessions that they noted: who could write it could have a slot in use found idle.
    let (reaper, noted) = (format!("reaper-{}", slot.name()), "configmaps/hotdesk-sessions");
    until("the reviver's rights", Duration::from_secs(20), || {
        let known = can(&reviver, slot.name(), "create", "deployments.apps") && can(&reviver, SAVED, "get", "secrets");
        if known { Ok(()) } else { Err("not yet".to_owned()) }
    });
    for (verb, what) in [("list", "secrets"), ("delete", "secrets")] {
        assert!(can(&reviver, SAVED, verb, what) && can(pruner, SAVED, verb, what), "{verb} {what}");
    }
    assert!(can(&reviver, slot.name(), "patch", "slots.hotdesk.dev/status"));
    for (account, namespace, verb, what) in [
        (reviver.as_str(), other.name(), "get", "secrets"),
        (&reviver, other.name(), "create", "deployments.apps"),
        (&reviver, other.name(), "patch", "slots.hotdesk.dev/status"),
        (&reviver, slot.name(), "create", "rolebindings.rbac.authorization.k8s.io"),
        (&reviver, SAVED, "create", "secrets"),
        (&reviver, SAVED, "update", "secrets"),
        (&reviver, JOBS, "get", "secrets"),
        (&reaper, JOBS, "patch", noted),
        (&reaper, JOBS, "list", "configmaps"),
        (&reviver, JOBS, "patch", noted),
        (&reviver, "hotdesk", "get", "secrets"),
        (&reviver, "ingress-nginx", "get", "pods/log"),
        (pruner, SAVED, "get", "secrets"),
        (pruner, SAVED, "create", "secrets"),
        (pruner, JOBS, "get", "secrets"),
        (pruner, slot.name(), "get", "secrets"),
        (pruner, "hotdesk", "get", "secrets"),
    ] {
        assert!(!can(account, namespace, verb, what), "{account} may {verb} {what} in {namespace}");
    }
}

#[test]
fn a19_who_may_run_commands_past_the_gate_is_named_by_the_doctor() {
    let _held = installation::shared();
    let name = unique("a19");
    let create = |what: &[&str]| admin().kubectl(&[&["create"], what].concat()).succeeded();
    create(&["clusterrole", &name, "--verb=create", "--resource=nodes/proxy"]);
    create(&["clusterrolebinding", &name, &format!("--clusterrole={name}"), &format!("--user={name}")]);
    let named = until("the doctor to name who may use nodes/proxy", Duration::from_secs(20), || {
        let report = admin().hotdesk(&["doctor", "-o", "json"]).json();
        let findings = report["findings"].as_array().cloned().unwrap_or_default();
        let says =
            |f: &Value| f["message"].as_str().is_some_and(|says| says.contains(&name) && says.contains("nodes/proxy"));
        let found = findings.iter().find(|f| f["id"] == "rights-beyond" && says(f)).cloned();
        found.ok_or_else(|| format!("{findings:#?}"))
    });
    for kind in ["clusterrolebinding", "clusterrole"] {
        admin().kubectl(&["delete", kind, &name]).succeeded();
    }
    assert_eq!(named["level"], "warning", "{named}");
}

#[test]
fn a112_hotdesks_pods_are_restricted_come_first_and_are_fenced_off() {
    let _held = installation::shared();
    let get = |what: &[&str]| admin().kubectl(&[&["get", "-o", "json"], what].concat()).json();
    for namespace in ["hotdesk", JOBS, SAVED] {
        let labels = get(&["namespace", namespace])["metadata"]["labels"].clone();
        assert_eq!(labels["pod-security.kubernetes.io/enforce"], "restricted", "{namespace}: {labels}");
    }
    let deployments = get(&["deployments", "-n", "hotdesk", "-l", "app.kubernetes.io/instance=hotdesk"]);
    let deployments = deployments["items"].as_array().unwrap().clone();
    assert!(deployments.len() >= 3, "{deployments:#?}");
    let policies = get(&["networkpolicies", "-n", "hotdesk"])["items"].as_array().unwrap().clone();
    for deployment in &deployments {
        let template = &deployment["spec"]["template"];
        let name = &deployment["metadata"]["name"];
        assert_eq!(template["spec"]["priorityClassName"], "hotdesk", "{name}");
        let fenced = policies.iter().any(|policy| {
            let selector = &policy["spec"]["podSelector"];
            let fits = |(key, value): (&String, &Value)| template["metadata"]["labels"][key] == *value;
            let closed = policy["spec"]["policyTypes"].as_array().unwrap().contains(&json!("Ingress"));
            closed && selector["matchLabels"].as_object().is_some_and(|labels| labels.iter().all(fits))
        });
        assert!(fenced, "{name}: {policies:#?}");
    }
    // All that runs in the namespace of the jobs.
    let jobs = get(&["networkpolicies", "-n", JOBS])["items"].as_array().unwrap().clone();
    assert!(jobs.iter().any(|policy| policy["spec"]["podSelector"] == json!({})), "{jobs:#?}");
}
