//! What the charts promise: values that are checked, claims that survive upgrades, rights that are least.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod rendered;

use std::time::Duration;

use hotdesk_e2e::people::root;
use hotdesk_e2e::slot::{JOBS, SAVED, product_image, unique};
use hotdesk_e2e::{CommandOutput, Helm, TestSlot, admin, alice, installation, reaper, until};
use serde_json::{Value, json};

fn chart(name: &str) -> String {
    root().join("charts").join(name).to_string_lossy().into_owned()
}

/// helm with values from standard input.
fn helm(helm: Helm, args: &[&str], values: &Value) -> CommandOutput {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), values.to_string()).unwrap();
    admin().helm(helm, &[args, &["-n", "hotdesk", "-f", file.path().to_str().unwrap()]].concat())
}

#[test]
fn both_charts_pass_the_strict_lint_of_both_helms() {
    for version in Helm::BOTH {
        for (name, values) in [("hotdesk", json!({})), ("slots", json!({"slots": [{"name": "mew"}]}))] {
            helm(version, &["lint", "--strict", &chart(name)], &values).succeeded();
        }
    }
}

#[test]
fn a_mistyped_value_is_an_error_and_not_a_default() {
    let template = |name: &str, values: Value| helm(Helm::V4, &["template", "x", &chart(name)], &values);
    template("hotdesk", json!({"availabilty": "continue"})).failed_saying(&["availabilty"]);
    template("hotdesk", json!({"availability": "sometimes"})).failed_saying(&["availability"]);
    template("hotdesk", json!({"mode": "off"})).failed_saying(&["mode"]);
    template("hotdesk", json!({"guard": {"hosts": "no"}})).failed_saying(&["hosts"]);
    template("hotdesk", json!({"guard": {"externalIps": "deny"}})).failed_saying(&["externalIps"]);
    template("slots", json!({"slots": [{"name": "Mew"}]})).failed_saying(&["name"]);
    template("slots", json!({"slots": [{"name": "mew"}, {"name": "mew"}]})).failed_saying(&["mew"]);
    template("slots", json!({"slots": [{"name": "mew"}], "reaper": {"windw": "1h"}})).failed_saying(&["windw"]);
    template("slots", json!({"slots": [{"name": "hotdesk-jobs"}]})).failed_saying(&["a namespace of hotdesk itself"]);
    let reaps = |reaper: Value| template("slots", json!({"slots": [{"name": "mew"}], "reaper": reaper}));
    for short in ["59s", "0h", "500ms"] {
        reaps(json!({"window": short})).failed_saying(&["must be 1m or longer", "reaper.trial=true"]);
        reaps(json!({"window": short, "trial": true})).succeeded();
    }
    let hours = json!([{"from": "08:00", "to": "18:00", "timeZone": "UTC", "window": "30s"}]);
    reaps(json!({"officeHours": hours})).failed_saying(&["must be 1m or longer"]);
    for long in ["60s", "1m", "90s", "1h"] {
        reaps(json!({"window": long})).succeeded();
    }
    template("slots", json!({"saved": {"namespace": "hotdesk-jobs"}})).failed_saying(&["must be two"]);
    template("hotdesk", json!({"jobs": {"namespace": "hotdesk"}})).failed_saying(&["must be three"]);
    let escalate = json!([{"apiGroups": ["rbac.authorization.k8s.io"], "resources": ["roles"], "verbs": ["escalate"]}]);
    template("slots", json!({"slots": [{"name": "mew"}], "reaper": {"extraRules": escalate}}))
        .failed_saying(&["verbs"]);
}

#[test]
fn the_second_witness_is_off_and_brings_nothing_unless_it_is_asked_for() {
    let rendered = |values: Value| helm(Helm::V4, &["template", "x", &chart("slots")], &values);
    let of = |usage: Value| json!({"slots": [{"name": "mew", "reaper": {"podUsage": usage}}, {"name": "onix"}]});
    let off = rendered(json!({"slots": [{"name": "mew"}]})).succeeded().stdout;
    assert!(!off.contains("nodes/") && !off.contains("serviceaccounts/token") && !off.contains("pod-usage"), "{off}");
    for version in Helm::BOTH {
        // helm 3 takes the cluster for an old one where it is not asked.
        let render = ["template", "x", &chart("slots"), "--kube-version", "1.30.0"];
        let on = helm(version, &render, &of(json!({"from": "kubelets", "bytes": 2000})));
        let on = on.succeeded().stdout;
        assert!(
            on.contains("resources: [nodes/stats, nodes/metrics]") && !on.contains("nodes/proxy]"),
            "{version:?}: {on}"
        );
        assert!(on.contains("resourceNames: [x-pod-usage]"), "{version:?}: {on}");
        assert!(
            on.contains("name: x-reaper-nodes-mew") && !on.contains("x-reaper-nodes-onix"),
            "{version:?}: of mew alone"
        );
        let asked = r#"{\"account\":\"hotdesk-jobs/x-pod-usage\",\"bytes\":2000,"#;
        assert_eq!(on.matches(asked).count(), 1, "{version:?}: {on}");
    }
    let store =
        rendered(of(json!({"from": "prometheus", "prometheus": {"url": "https://p.example.com"}}))).succeeded().stdout;
    assert!(store.contains(r#"\"prometheus\":{\"url\":\"https://p.example.com\"}"#), "{store}");
    assert!(!store.contains("nodes/stats") && !store.contains("serviceaccounts/token"), "{store}");
    rendered(of(json!({"from": "prometheus"}))).failed_saying(&["url"]);
    rendered(of(json!({"from": "cadvisor"}))).failed_saying(&["from"]);
    rendered(of(json!({"from": "kubelets", "bytes": 0}))).failed_saying(&["bytes"]);
    rendered(of(json!({"from": "kubelets", "kubelet": {"insecureSkipVerify": true}})))
        .failed_saying(&["insecureSkipVerify"]);
}

/// What helm renders where the webhook's account says this, or is not there at all: its flag, and what it will say.
fn guard_of_hosts(version: Helm, name: &str, values: &Value) -> (String, String) {
    // An upgrade, for a new installation would be refused the names that are there.
    let of_cluster = ["--dry-run=server", "--is-upgrade", "--kube-version", "1.30.0"];
    let (own, path) = (format!("fullnameOverride={name}"), chart("hotdesk"));
    let args = [&["template", "x", &path], &of_cluster[..], &["--set", &own]].concat();
    let manifest = helm(version, &args, values).succeeded().stdout;
    let after = |key: &str| {
        let rest = manifest.split_once(key).unwrap_or_else(|| panic!("no {key} in {manifest}")).1;
        rest.chars().take_while(|c| !matches!(c, '"' | '\n')).collect::<String>()
    };
    (after("--guard-hosts="), after("hotdesk.dev/neighbours-since: \""))
}

#[test]
fn guards_for_neighbours_warn_in_the_version_with_which_an_upgrade_brings_them() {
    let _held = installation::shared();
    let chart_file = std::fs::read_to_string(root().join("charts/hotdesk/Chart.yaml")).unwrap();
    let chart_version = chart_file.lines().find_map(|line| line.strip_prefix("version: ")).unwrap().to_owned();
    let (name, none) = (unique("older"), json!({}));
    let account = format!("{name}-webhook");
    let pair = |guard: &str, since: &str| (guard.to_owned(), since.to_owned());
    for version in Helm::BOTH {
        assert_eq!(guard_of_hosts(version, &name, &none), pair("deny", "always"), "{version:?}: a new installation");
        admin().kubectl(&["-n", "hotdesk", "create", "serviceaccount", &account]).succeeded();
        // As an installation that did not know the guards; then in each state that an upgrade leaves it in.
        assert_eq!(guard_of_hosts(version, &name, &none), pair("warn", &chart_version), "{version:?}: an upgrade");
        for (since, guard) in [(chart_version.as_str(), "warn"), ("0.0.1", "deny"), ("always", "deny")] {
            let mark = format!("hotdesk.dev/neighbours-since={since}");
            admin()
                .kubectl(&["-n", "hotdesk", "annotate", "--overwrite", "serviceaccount", &account, &mark])
                .succeeded();
            assert_eq!(guard_of_hosts(version, &name, &none), pair(guard, since), "{version:?}: since {since}");
        }
        let denying = json!({"guard": {"hosts": "allow"}});
        assert_eq!(guard_of_hosts(version, &name, &denying), pair("allow", "always"), "{version:?}: a value");
        admin().kubectl(&["-n", "hotdesk", "delete", "serviceaccount", &account]).succeeded();
    }
}

#[test]
fn a_value_cannot_break_out_of_the_policys_expressions() {
    let values = json!({
        "breakGlass": {"groups": ["x\"] || true || [\""]},
        "trustedDeployers": ["y\\\"] || true || [\"", {"user": "z\"} || true", "people": ["a\"b"]}],
        "claimUrl": "https://example.com/\"+\"x",
    });
    let manifest = helm(Helm::V4, &["template", "x", &chart("hotdesk")], &values).succeeded().stdout;
    // One of them has a name that the other chart knows, so it is there already.
    let apply = ["apply", "--server-side", "--force-conflicts", "--dry-run=server", "--validate=strict", "-f", "-"];
    let policies: Vec<&str> =
        manifest.split("\n---\n").filter(|o| o.contains("kind: ValidatingAdmissionPolicy\n")).collect();
    assert_eq!(policies.len(), 10);
    for policy in policies {
        admin().kubectl_with(&apply, policy).succeeded();
        assert!(!policy.contains("\"x\"] || true"), "{policy}");
    }
}

#[test]
fn the_policies_have_no_type_errors() {
    let _held = installation::shared();
    for name in [
        "hotdesk-gate",
        "hotdesk-namespaces",
        "hotdesk-neighbours",
        "hotdesk-claimants",
        "hotdesk-reapers",
        "hotdesk-reapers-releases",
        "hotdesk-revivers-requests",
        "hotdesk-restamper",
        "hotdesk-jobs",
        "hotdesk-jobs-as-cronjob",
    ] {
        let warnings = until("the API server to check the policy", Duration::from_secs(30), || {
            let policy = admin().kubectl(&["get", "validatingadmissionpolicy", name, "-o", "json"]).succeeded().json();
            let status = policy["status"].clone();
            if status["observedGeneration"].is_null() { Err(policy.to_string()) } else { Ok(status) }
        });
        assert_eq!(warnings["typeChecking"].get("expressionWarnings"), None, "{warnings}");
    }
}

#[test]
fn a_claim_survives_an_upgrade_and_the_namespace_an_uninstall() {
    let _held = installation::shared();
    for version in Helm::BOTH {
        let (release, name) = (unique("release"), unique("slot"));
        let values = |host: &str| {
            let slot = json!({"name": name, "host": host});
            let reaper = json!({"image": product_image("reaper"), "ingress": {"rbac": false}});
            json!({"slots": [slot], "editors": {"groups": ["developers"]}, "reaper": reaper})
        };
        let chart = chart("slots");
        helm(version, &["install", &release, &chart], &values("one.example.com")).succeeded();
        until("alice's claim", Duration::from_secs(20), || {
            alice().hotdesk(&["claim", &name, "--purpose", "x"]).as_result()
        });
        helm(version, &["upgrade", &release, &chart], &values("two.example.com")).succeeded();
        let slot = admin().kubectl(&["-n", &name, "get", "slot", "slot", "-o", "json"]).succeeded().json();
        assert_eq!(slot["spec"]["host"], "two.example.com", "{version:?}");
        assert_eq!(slot["spec"]["claim"]["users"], json!(["alice@example.com"]), "{version:?}");
        admin().helm(version, &["uninstall", &release, "-n", "hotdesk"]).succeeded();
        let kept = admin().kubectl(&["-n", &name, "get", "slot", "slot", "-o", "json"]).succeeded().json();
        assert_eq!(kept["spec"]["claim"]["users"], json!(["alice@example.com"]), "{version:?}");
        admin().kubectl(&["delete", "namespace", &name, "--wait=false"]).succeeded();
    }
}

#[test]
fn a_deleted_slot_namespace_goes_away() {
    let _held = installation::shared();
    let slot = TestSlot::held_by("alice@example.com");
    slot.helm_install(&alice(), Helm::V4, "web", "web", &["--wait", "--timeout", "120s"]).succeeded();
    admin().kubectl(&["delete", "namespace", slot.name(), "--timeout=120s"]).succeeded();
}

#[test]
fn the_reaper_may_do_nothing_outside_its_slot_but_read_the_controllers_logs() {
    let _held = installation::shared();
    let (slot, other) = (TestSlot::free(), TestSlot::free());
    let who = format!("--as={}", reaper::account(&slot));
    let can = |namespace: &str, verb: &str, what: &str| {
        admin().kubectl(&["auth", "can-i", verb, what, "-n", namespace, &who]).stdout.trim() == "yes"
    };
    assert!(can("ingress-nginx", "get", "pods/log") && can(slot.name(), "delete", "deployments.apps"));
    assert!(can(SAVED, "create", "secrets"));
    for (namespace, verb, what) in [
        (other.name(), "get", "secrets"),
        (other.name(), "delete", "deployments.apps"),
        (other.name(), "patch", "slots.hotdesk.dev/status"),
        ("ingress-nginx", "get", "secrets"),
        ("ingress-nginx", "delete", "pods"),
        ("kube-system", "get", "configmaps"),
        (slot.name(), "create", "deployments.apps"),
        (slot.name(), "patch", "slots.hotdesk.dev"),
        (slot.name(), "create", "rolebindings.rbac.authorization.k8s.io"),
        (slot.name(), "update", "rolebindings.rbac.authorization.k8s.io"),
        (slot.name(), "create", "secrets"),
        (slot.name(), "update", "deployments.apps"),
        (SAVED, "get", "secrets"),
        (SAVED, "list", "secrets"),
        (SAVED, "update", "secrets"),
        (SAVED, "delete", "secrets"),
        (JOBS, "get", "secrets"),
        (JOBS, "create", "jobs.batch"),
    ] {
        assert!(!can(namespace, verb, what), "the reaper may {verb} {what} in {namespace}");
    }
}

#[test]
fn the_webhook_may_do_nothing_but_read_slots() {
    let who = "--as=system:serviceaccount:hotdesk:hotdesk-webhook";
    let can =
        |verb: &str, what: &str| admin().kubectl(&["auth", "can-i", verb, what, "-A", who]).stdout.trim() == "yes";
    assert!(can("list", "slots.hotdesk.dev") && can("watch", "slots.hotdesk.dev"));
    for (verb, what) in [("get", "secrets"), ("patch", "slots.hotdesk.dev"), ("list", "pods"), ("get", "configmaps")] {
        assert!(!can(verb, what), "the webhook may {verb} {what}");
    }
}

#[test]
fn one_job_reads_for_all_slots_where_it_is_asked_for_with_the_settings_of_their_reapers() {
    // helm 3 takes the cluster for an old one where it is not asked.
    let render = ["template", "x", &chart("slots"), "--kube-version", "1.30.0"];
    let of = |sources: Value, enabled: bool| {
        let reaper = json!({"sources": sources, "ignorePaths": ["/healthz"], "otherNamespaces": ["mew-tools"]});
        json!({"slots": [{"name": "mew"}, {"name": "onix"}], "reaper": reaper, "observer": {"enabled": enabled}})
    };
    let (logs, loki) = (
        json!({"type": "ingress-logs", "logFormat": "nginx"}),
        json!({"type": "loki", "url": "http://l", "selector": "{a=\"x\"}"}),
    );
    for version in Helm::BOTH {
        let off = helm(version, &render, &of(json!([logs]), false)).succeeded().stdout;
        assert!(!off.contains("observer"), "{version:?}: {off}");
        let on = helm(version, &render, &of(json!([logs]), true)).succeeded().stdout;
        assert_eq!(on.matches("serviceAccountName: observer").count(), 1, "{version:?}: {on}");
        assert_eq!(on.matches("kind: ServiceAccount, name: observer").count(), 2, "{version:?}: {on}");
        for setting in [
            "SOURCES",
            "INGRESS_NAMESPACE",
            "INGRESS_SELECTOR",
            "INGRESS_CONTAINER",
            "INGRESS_LOG_FORMAT",
            "OTHER_NAMESPACES",
            "IGNORE_USER_AGENT",
            "IGNORE_PATH",
        ] {
            let name = format!("name: HOTDESK_{setting}\n");
            let mut values: Vec<&str> =
                on.split(&name).skip(1).map(|rest| rest.lines().next().unwrap_or_default().trim()).collect();
            assert_eq!(values.len(), 3, "{version:?}: {setting} in {on}");
            values.dedup();
            assert_eq!(values.len(), 1, "{version:?}: {setting}: {values:?}");
        }
        let both = helm(version, &render, &of(json!([logs, loki]), true)).succeeded().stdout;
        let observed = r#"value: "[{\"logFormat\":\"nginx\",\"type\":\"ingress-logs\"}]""#;
        assert_eq!(both.matches(observed).count(), 1, "{version:?}: {both}");
        let says = "reads sources of the type ingress-logs only";
        helm(version, &render, &of(json!([loki]), true)).failed_saying(&[says]);
    }
}

#[test]
fn every_pod_is_non_root_and_read_only() {
    let _held = installation::shared();
    let slot = TestSlot::free();
    let get = |args: &[&str]| admin().kubectl(&[args, &["-o", "json"]].concat()).succeeded().json();
    let templates = [
        get(&["-n", "hotdesk", "get", "deployment", "hotdesk-webhook"])["spec"]["template"].clone(),
        get(&["-n", "hotdesk", "get", "cronjob", "hotdesk-certs"])["spec"]["jobTemplate"]["spec"]["template"].clone(),
        get(&["-n", JOBS, "get", "cronjob", &reaper::cron_job(&slot)])["spec"]["jobTemplate"]["spec"]["template"]
            .clone(),
        get(&["-n", JOBS, "get", "cronjob", "prune-saved"])["spec"]["jobTemplate"]["spec"]["template"].clone(),
    ];
    for template in templates {
        let (pod, container) =
            (&template["spec"]["securityContext"], &template["spec"]["containers"][0]["securityContext"]);
        assert_eq!(pod["runAsNonRoot"], true, "{template}");
        assert_eq!(pod["seccompProfile"]["type"], "RuntimeDefault", "{template}");
        assert_eq!(container["readOnlyRootFilesystem"], true, "{template}");
        assert_eq!(container["allowPrivilegeEscalation"], false, "{template}");
        assert_eq!(container["capabilities"]["drop"], json!(["ALL"]), "{template}");
    }
}

#[test]
fn the_programs_are_small() {
    const MIB: u64 = 1 << 20;
    let size = |program: &str| std::fs::metadata(root().join("target/release").join(program)).unwrap().len();
    assert!(size("hotdesk-webhook") <= 25 * MIB, "the webhook image is its program and a base");
    assert!(size("hotdesk-reap") <= 22 * MIB, "the reaper image is its program, helm and a base");
}

#[test]
fn the_audit_log_says_what_was_decided() {
    let _held = installation::shared();
    let log = hotdesk_e2e::people::cluster_dir().join("audit.log");
    if !log.exists() {
        return; // somebody else's cluster: its audit log is not ours to read
    }
    let slot = TestSlot::held_by("alice@example.com");
    slot.kubectl(&hotdesk_e2e::bob(), &["create", "configmap", "audited"]).failed_saying(&["is held by"]);
    let name = format!("\"namespace\":\"{}\",\"name\":\"audited\"", slot.name());
    until("the audit log's line", Duration::from_secs(20), || {
        let text = std::fs::read_to_string(&log).map_err(|e| e.to_string())?;
        let line = text.lines().find(|line| line.contains(&name) && line.contains("gate.hotdesk.dev/decision"));
        let line = line.ok_or("no line")?;
        let said = line.contains("\"gate.hotdesk.dev/decision\":\"deny held\"")
            && line.contains("\"gate.hotdesk.dev/owner\":\"alice@example.com\"");
        if said { Ok(()) } else { Err(line.to_owned()) }
    });
}
