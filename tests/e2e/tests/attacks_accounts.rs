//! hotdesk's own accounts are no way in: rows a19, a25 to a31, a36, a38, a111 and a112 of the table of attacks. Each is tried by somebody
//! with the role `edit` in the slot, who may be every service account that lives there.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::time::Duration;

use hotdesk_e2e::ingress::{Ingress, LogFormat, Route};
use hotdesk_e2e::reaper::{self, releases, verdict};
use hotdesk_e2e::slot::{JOBS, SAVED, Wish, unique};
use hotdesk_e2e::{Helm, Person, Ran, TestSlot, admin, bob, carol, installation, until};
use serde_json::{Value, json};

/// The names that hotdesk's accounts have, or had when they lived in the slots.
fn account_names(slot: &TestSlot) -> [String; 5] {
    let name = slot.name();
    let text = str::to_owned;
    [
        text("hotdesk-reaper"),
        text("hotdesk-reviver"),
        format!("reaper-{name}"),
        format!("reviver-{name}"),
        text("pruner"),
    ]
}

/// Gives bob rights in the slot by RBAC, so that only hotdesk stands in the way.
fn grant(slot: &TestSlot, group: &str, resources: &[&str], verbs: &[&str]) {
    let rules = json!([{"apiGroups": [group], "resources": resources, "verbs": verbs}]);
    let role = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "more"}, "rules": rules});
    admin().apply(slot.name(), &role.to_string()).succeeded();
    let binding = ["create", "rolebinding", "more", "--role=more", "--user=bob@example.com"];
    slot.kubectl(&admin(), &binding).succeeded();
    until("the right to be known", Duration::from_secs(20), || {
        slot.kubectl(&bob(), &["auth", "can-i", verbs[0], &format!("{}.{group}", resources[0])]).as_result()
    });
}

/// A change of the Slot's status.
fn write_status(slot: &TestSlot, who: &Person, more: &[&str], status: &Value) -> Ran {
    let patch = json!({"status": status}).to_string();
    let args = ["patch", "slot", "slot", "--subresource=status", "--type=merge", "-p", &patch];
    slot.kubectl(who, &[&args[..], more].concat())
}

/// What somebody would write who wants a reap, or wants to stop others.
fn lies() -> Vec<Value> {
    let (long_ago, never) = ("2026-01-01T00:00:00Z", "2099-01-01T00:00:00Z");
    vec![
        json!({"reaping": {"since": long_ago, "releases": [], "until": never}}),
        json!({"verdict": {"state": "Idle", "reason": "x", "at": long_ago}}),
        json!({"lastSession": {"time": never, "by": "bob@example.com", "kind": "exec"}}),
        json!({"observed": {"from": long_ago, "through": never, "samples": 9}}),
        json!({"saved": []}),
    ]
}

/// Somebody who runs as an account of the slot that has the name of one of hotdesk's.
fn as_account_of_ones_own(slot: &TestSlot, name: &str) -> Person {
    slot.kubectl(&bob(), &["create", "serviceaccount", name]).succeeded();
    let token = slot.kubectl(&bob(), &["create", "token", name]).succeeded();
    Person::by_token(token.stdout.trim())
}

#[test]
fn a25_no_token_is_made_for_an_account_of_hotdesks() {
    let _held = installation::shared();
    let slot = TestSlot::held_by("bob@example.com");
    assert_eq!(slot.names("serviceaccounts"), ["default"], "no account of hotdesk's lives in a slot");
    for name in account_names(&slot) {
        let made = slot.kubectl(&bob(), &["create", "token", &name]);
        let why = ["not found", "belongs to hotdesk"].iter().any(|why| made.stderr.contains(why));
        assert!(!made.ok() && why, "{made}");
        let there = bob().kubectl(&["-n", JOBS, "create", "token", &name]);
        there.failed_saying(&["cannot create resource \"serviceaccounts/token\"", JOBS]);
    }
}

#[test]
fn a26_a_pod_of_the_slot_does_not_run_as_an_account_of_hotdesks() {
    let _held = installation::shared();
    let slot = TestSlot::held_by("bob@example.com");
    for name in account_names(&slot) {
        let pod = json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"},
            "spec": {"serviceAccountName": name, "containers": [{"name": "x", "image": "none.invalid/none"}]},
        });
        bob().apply(slot.name(), &pod.to_string()).failed_saying(&["serviceaccount", "not found"]);
        bob().apply(JOBS, &pod.to_string()).failed_saying(&["cannot create resource \"pods\"", JOBS]);
    }
}

#[test]
fn a27_what_only_administrators_may_delete_stays_whatever_account_a_holder_makes() {
    let _held = installation::shared();
    let slot = TestSlot::held_by("bob@example.com");
    slot.kubectl(&admin(), &["create", "quota", "q", "--hard=pods=20"]).succeeded();
    let limits = json!({"apiVersion": "v1", "kind": "LimitRange", "metadata": {"name": "l"}, "spec": {"limits": []}});
    admin().apply(slot.name(), &limits.to_string()).succeeded();
    let own = as_account_of_ones_own(&slot, &format!("reaper-{}", slot.name()));
    for (kind, name) in [("resourcequota", "q"), ("limitrange", "l"), ("rolebinding", "hotdesk-edit"), ("slot", "slot")]
    {
        for who in [&own, &bob()] {
            slot.kubectl(who, &["delete", kind, name]).failed_saying(&["cannot delete resource"]);
        }
        slot.get(kind, name);
    }
}

#[test]
fn a28_a38_no_account_that_a_developer_may_be_reads_beyond_the_slot() {
    let _held = installation::shared();
    let ingress = Ingress::start(LogFormat::Text, &[]);
    let slot = Wish::held_by(&["bob@example.com"]).reaper(reaper::reading(&ingress, "1h")).make();
    reaper::until_it_may_read(&slot, &ingress);
    let log = |who: &Person, more: &[&str]| {
        let args = ["-n", ingress.namespace(), "logs", "deployment/controller"];
        who.kubectl(&[&args[..], more].concat())
    };
    for name in account_names(&slot) {
        let in_slot = format!("--as=system:serviceaccount:{}:{name}", slot.name());
        log(&bob(), &[&in_slot]).failed_saying(&["cannot get resource", ingress.namespace()]);
        let hotdesks = format!("--as=system:serviceaccount:{JOBS}:{name}");
        log(&bob(), &[&hotdesks]).failed_saying(&["cannot impersonate resource \"serviceaccounts\"", JOBS]);
    }
    let own = as_account_of_ones_own(&slot, "hotdesk-spy");
    log(&own, &[]).failed_saying(&["cannot get resource", ingress.namespace()]);
    // The reaper itself can, so it is by its place that nobody can be it.
    let may = ingress.kubectl(&["auth", "can-i", "get", "pods/log", &format!("--as={}", reaper::account(&slot))]);
    may.succeeded();
}

/// The status of a Slot but for what the restamper tells there, which is no evidence for a reaper.
fn trusted(slot: &TestSlot) -> Value {
    let mut status = slot.object()["status"].clone();
    let fields = status.as_object_mut().unwrap();
    if let Some(Value::Array(mut conditions)) = fields.remove("conditions") {
        conditions.retain(|condition| condition["type"] != "Stamped");
        fields.insert("conditions".to_owned(), json!(conditions));
    }
    // Nothing is told there before the restamper has looked.
    fields.entry("conditions").or_insert_with(|| json!([]));
    status
}

#[test]
fn a29_a_holder_has_no_hand_in_what_the_reaper_trusts() {
    let _held = installation::shared();
    let slot = TestSlot::held_by("bob@example.com");
    let own = as_account_of_ones_own(&slot, &format!("reaper-{}", slot.name()));
    let before = trusted(&slot);
    let cannot = "resource \"slots/status\"";
    for lie in lies() {
        write_status(&slot, &own, &[], &lie).failed_saying(&[cannot]);
        write_status(&slot, &bob(), &[], &lie).failed_saying(&[cannot]);
        for name in account_names(&slot) {
            let in_slot = format!("--as=system:serviceaccount:{}:{name}", slot.name());
            write_status(&slot, &bob(), &[&in_slot], &lie).failed_saying(&[cannot]);
            let hotdesks = format!("--as=system:serviceaccount:{JOBS}:{name}");
            write_status(&slot, &bob(), &[&hotdesks], &lie).failed_saying(&["cannot impersonate"]);
        }
    }
    assert_eq!(trusted(&slot), before);
    grant(&slot, "hotdesk.dev", &["slots", "slots/status"], &["patch", "get"]);
    for lie in lies() {
        write_status(&slot, &bob(), &[], &lie).failed_saying(&["hotdesk.dev", "status"]);
        // Who may impersonate everybody has the name, and no pod's token.
        let reaper = format!("--as={}", reaper::account(&slot));
        write_status(&slot, &admin(), &[&reaper], &lie).failed_saying(&["status"]);
    }
    assert_eq!(trusted(&slot), before, "though RBAC would let them");
}

#[test]
fn a30_nobody_says_beforehand_that_the_log_was_read() {
    let _held = installation::shared();
    let ingress = Ingress::start(LogFormat::Text, &[Route::answering("other-web-80")]);
    ingress.request("/other-web-80").succeeded();
    let slot = Wish::held_by(&["bob@example.com"]).reaper(reaper::reading(&ingress, "1s")).make();
    reaper::until_it_may_read(&slot, &ingress);
    slot.helm_install(&bob(), Helm::V4, "web", "web", &["--set", "replicas=0"]).succeeded();
    reaper::until_older(&slot, &bob(), 2);
    let covered = json!({"covered": [{
        "source": "ingress-logs", "settings": "x", "since": "2026-01-01T00:00:00Z", "through": "2099-01-01T00:00:00Z",
    }]});
    write_status(&slot, &bob(), &[], &covered).failed_saying(&["resource \"slots/status\""]);
    slot.patch(&json!({"spec": {"claim": {"users": ["carol@example.com"], "purpose": "hers now"}}}));
    ingress.kubectl(&["delete", "rolebindings", "--all"]).succeeded();
    until("the reaper's right to be gone", Duration::from_secs(20), || {
        let who = format!("--as={}", reaper::account(&slot));
        let can = ingress.kubectl(&["auth", "can-i", "get", "pods/log", &who]);
        if can.ok() { Err(can.to_string()) } else { Ok(()) }
    });
    // What keeps it is that nothing could be read, not that it was just claimed.
    let run = reaper::run_with(&slot, &[("HOTDESK_WINDOW", "1s")]);
    run.failed_saying(&["not known to be idle", ingress.namespace()]);
    assert_eq!((verdict(&slot).as_str(), releases(&slot)), ("Unknown", vec!["web".to_owned()]));
}

#[test]
fn a31_nobody_closes_a_slot_to_the_next_holder() {
    let _held = installation::shared();
    let slot = TestSlot::held_by("bob@example.com");
    write_status(&slot, &bob(), &[], &lies()[0]).failed_saying(&["resource \"slots/status\""]);
    bob().hotdesk(&["release", slot.name()]).succeeded();
    carol().hotdesk(&["claim", slot.name(), "--purpose", "mine now"]).succeeded();
}

#[test]
fn a36_what_belongs_to_hotdesk_is_closed_in_every_mode() {
    let _held = installation::shared();
    let slot = TestSlot::held_by("alice@example.com");
    let cron_job = reaper::cron_job(&slot);
    let verbs = ["delete", "get", "list", "patch", "update", "bind", "escalate"];
    grant(&slot, "rbac.authorization.k8s.io", &["rolebindings", "roles"], &verbs);
    for mode in ["enforce", "warn", "audit"] {
        slot.patch(&json!({"spec": {"mode": mode}}));
        until("the mode to be known", Duration::from_secs(20), || {
            let probe = slot.kubectl(&bob(), &["create", "configmap", "probe", "--dry-run=server"]);
            if probe.ok() == (mode != "enforce") { Ok(()) } else { Err(probe.to_string()) }
        });
        let suspend = r#"{"spec":{"suspend":true}}"#;
        bob()
            .kubectl(&["-n", JOBS, "patch", "cronjob", &cron_job, "-p", suspend])
            .failed_saying(&["cannot patch resource"]);
        bob().kubectl(&["-n", JOBS, "delete", "serviceaccounts", "--all"]).failed_saying(&["cannot delete resource"]);
        let subjects =
            json!({"subjects": [{"kind": "User", "name": "bob@example.com", "apiGroup": "rbac.authorization.k8s.io"}]});
        for name in ["hotdesk-reaper", "hotdesk-reviver", "hotdesk-reviver-status", "hotdesk-edit"] {
            let before = slot.get("rolebinding", name);
            let patch = ["patch", "rolebinding", name, "--type=merge", "-p", &subjects.to_string()];
            slot.kubectl(&bob(), &patch).failed_saying(&["hotdesk"]);
            slot.kubectl(&bob(), &["delete", "rolebinding", name]).failed_saying(&["hotdesk"]);
            assert_eq!(slot.get("rolebinding", name), before, "in mode {mode}");
        }
    }
}

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
        // Continuous integration, which is no program of hotdesk's, may be the people whom the operator names.
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
            |f: &Value| f["says"].as_str().is_some_and(|says| says.contains(&name) && says.contains("nodes/proxy"));
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
