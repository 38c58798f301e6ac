//! Whole reviews that reach for a neighbour.

use serde_json::{Value, json};

use super::*;
use crate::answer::answer_condensed;
use crate::neighbours::Switch;
use crate::review::condense::condense;

/// A write of alice's in pikachu.
fn write(group: &str, kind: &str, object: Value) -> Value {
    let mut review = with("/object", object);
    review["request"]["kind"] = json!({"group": group, "version": "v1", "kind": kind});
    review
}

fn ingress(host: &str) -> Value {
    write("networking.k8s.io", "Ingress", json!({"metadata": {"name": "web"}, "spec": {"rules": [{"host": host}]}}))
}

/// One write that each guard denies, and why.
fn denied() -> Vec<(&'static str, Value)> {
    let service = |spec: Value| write("", "Service", json!({"metadata": {"name": "web"}, "spec": spec}));
    let route = json!({"metadata": {"name": "web"}, "spec": {"routes": [{"match": "Host(`mew.dev.example.com`)"}]}});
    vec![
        ("neighbour-host", ingress("mew.dev.example.com")),
        ("neighbour-host", write("traefik.io", "IngressRoute", route)),
        ("neighbour-external-name", service(json!({"externalName": "web.mew.svc"}))),
        ("external-ip", service(json!({"externalIPs": ["10.96.10.7"]}))),
        (
            "system-priority",
            write("", "Pod", json!({"metadata": {}, "spec": {"priorityClassName": "system-node-critical"}})),
        ),
        (
            "endpoints",
            write(
                "discovery.k8s.io",
                "EndpointSlice",
                json!({"metadata": {}, "endpoints": [{"addresses": ["10.1.2.3"]}]}),
            ),
        ),
        (
            "endpoints",
            write("", "Endpoints", json!({"metadata": {}, "subsets": [{"addresses": [{"ip": "10.1.2.3"}]}]})),
        ),
    ]
}

fn by(review: &Value, user: &str, in_a_pod: bool) -> Value {
    let extra = if in_a_pod { json!({"authentication.kubernetes.io/pod-name": ["p"]}) } else { json!({}) };
    let mut review = review.clone();
    review["request"]["userInfo"] = json!({"username": user, "groups": ["system:authenticated"], "extra": extra});
    review
}

/// The answer where pikachu is in this mode, trusts what runs, and the switches are all like this.
fn ask(review: &Value, mode: Mode, switch: Switch) -> Value {
    let monotonic = Instant::now();
    let guards = crate::neighbours::Guards {
        hosts: switch,
        external_names: switch,
        external_ips: switch,
        priority_classes: switch,
        endpoint_slices: switch,
    };
    let deployers = r#"[{"user": "flux", "slots": ["pikachu"]}]"#;
    let settings = Settings {
        guards,
        administrator_users: vec!["chief".to_owned()],
        controller_user: Some("controller".to_owned()),
        trusted_deployers: Deployer::parse(deployers).unwrap(),
        ..settings()
    };
    let slot_cache = slot_cache(monotonic);
    let Lookup::Found(entry) = slot_cache.lookup("pikachu", monotonic) else { panic!("pikachu is there") };
    let mut entry = (*entry).clone();
    entry.claim.as_mut().unwrap().trust_workloads = true;
    entry.mode = Some(mode);
    slot_cache.put(entry);
    let context = Context { settings: &settings, slot_cache: &slot_cache, now: NOW.parse().unwrap(), monotonic };
    let body = review.to_string();
    let answer = answer(Path::Mutate, body.as_bytes(), &context).unwrap();
    let short = condense(body.as_bytes()).unwrap();
    assert_eq!(answer_condensed(Path::Mutate, &short, None, &context).unwrap(), answer, "{body}");
    serde_json::from_slice::<Value>(&answer.reply.to_json()).unwrap()["response"].take()
}

fn decision(response: &Value) -> &str {
    response["auditAnnotations"]["decision"].as_str().unwrap()
}

#[test]
fn whoever_works_in_a_slot_is_held_to_it_in_every_mode() {
    for (reason, review) in denied() {
        for (user, in_a_pod) in [
            (ALICE, false),
            ("flux", false),
            ("system:serviceaccount:pikachu:default", true),
            // What it brings back may be a release that its holder wrote by hand.
            ("system:serviceaccount:hotdesk-jobs:reviver-pikachu", true),
        ] {
            let response = ask(&by(&review, user, in_a_pod), Mode::Enforce, Switch::Deny);
            assert_eq!(decision(&response), format!("deny {reason}"), "{user}: {response}");
            assert_eq!((&response["status"]["code"], response.get("patch")), (&json!(403), None));
        }
        for mode in [Mode::Warn, Mode::Audit] {
            let response = ask(&by(&review, "bob", false), mode, Switch::Deny);
            assert_eq!(decision(&response), format!("deny {reason}"), "{mode:?}: {response}");
        }
    }
}

#[test]
fn machinery_and_administrators_are_not_judged_and_strangers_hear_that_it_is_held() {
    for (reason, review) in denied() {
        for user in ["system:serviceaccount:kube-system:endpointslice-controller", "chief"] {
            let response = ask(&by(&review, user, false), Mode::Enforce, Switch::Deny);
            assert_eq!(response["allowed"], true, "{reason} {user}: {response}");
        }
        let mut broken_glass = by(&review, "root", false);
        broken_glass["request"]["userInfo"]["groups"] = json!(["system:masters"]);
        assert_eq!(decision(&ask(&broken_glass, Mode::Enforce, Switch::Deny)), "allow break-glass");
        assert_eq!(decision(&ask(&by(&review, "bob", false), Mode::Enforce, Switch::Deny)), "deny held");
    }
}

#[test]
fn a_switch_lets_a_write_in_with_a_warning_or_without() {
    for (reason, review) in denied() {
        let warned = ask(&review, Mode::Enforce, Switch::Warn);
        assert_eq!(decision(&warned), format!("warn {reason}"));
        assert!(warned["allowed"] == true && warned.get("patch").is_some(), "{warned}");
        assert!(warned["warnings"][0].as_str().unwrap().starts_with("hotdesk would deny this: slot"), "{warned}");
        let allowed = ask(&review, Mode::Enforce, Switch::Allow);
        assert_eq!((decision(&allowed), allowed.get("warnings")), ("allow claimant", None));
    }
    let open = ask(
        &write("networking.k8s.io", "Ingress", json!({"metadata": {}, "spec": {"rules": [{}]}})),
        Mode::Enforce,
        Switch::Deny,
    );
    assert_eq!((decision(&open), open.get("patch").is_some()), ("allow claimant", true));
    assert!(open["warnings"][0].as_str().unwrap().contains("without host"), "{open}");
}

#[test]
fn what_is_there_stays_until_somebody_changes_it_and_can_be_deleted() {
    for (reason, mut review) in denied() {
        review["request"]["oldObject"] = review["request"]["object"].clone();
        review["request"]["operation"] = json!("UPDATE");
        review["request"]["object"]["metadata"]["labels"] = json!({"a": "b"});
        assert_eq!(decision(&ask(&review, Mode::Enforce, Switch::Deny)), "allow claimant", "{reason}");
        review["request"]["operation"] = json!("DELETE");
        review["request"]["object"] = Value::Null;
        assert_eq!(decision(&ask(&review, Mode::Enforce, Switch::Deny)), "allow claimant", "{reason}");
    }
}

#[test]
fn a102_no_template_of_a_built_in_kind_has_a_priority_of_the_clusters_own_or_hotdesks() {
    no_template_has_the_priority("system-cluster-critical");
    no_template_has_the_priority("hotdesk");
    let both = json!({"spec": {"priorityClassName": "a-high", "template": {"spec": {"priorityClassName": "hotdesk"}}}});
    let response = ask(&write("apps", "Deployment", both), Mode::Enforce, Switch::Deny);
    let said = response["status"]["message"].as_str().unwrap();
    assert!(said.contains("the priority class hotdesk is for what the cluster or hotdesk itself needs"), "{said}");
    let odd = json!({"spec": {"priorityClassName": ["system-x"], "template": {"spec": {"priorityClassName": 7}}}});
    assert_eq!(decision(&ask(&write("", "Pod", odd), Mode::Enforce, Switch::Deny)), "allow claimant");
}

#[track_caller]
fn no_template_has_the_priority(class: &str) {
    let pod = |class: &str| json!({"spec": {"containers": [], "priorityClassName": class}});
    let kinds = [
        ("", "Pod", pod(class)),
        ("", "PodTemplate", json!({"template": pod(class)})),
        ("", "ReplicationController", json!({"spec": {"template": pod(class)}})),
        ("apps", "Deployment", json!({"spec": {"template": pod(class)}})),
        ("apps", "StatefulSet", json!({"spec": {"template": pod(class)}})),
        ("apps", "DaemonSet", json!({"spec": {"template": pod(class)}})),
        ("apps", "ReplicaSet", json!({"spec": {"template": pod(class)}})),
        ("batch", "Job", json!({"spec": {"template": pod(class)}})),
        ("batch", "CronJob", json!({"spec": {"jobTemplate": {"spec": {"template": pod(class)}}}})),
    ];
    for (group, kind, object) in kinds {
        let mut review = write(group, kind, object);
        assert_eq!(decision(&ask(&review, Mode::Enforce, Switch::Deny)), "deny system-priority", "{kind}");
        let mut old = review["request"]["object"].clone();
        review["request"]["operation"] = json!("UPDATE");
        review["request"]["oldObject"] = old.clone();
        assert_eq!(
            decision(&ask(&review, Mode::Enforce, Switch::Deny)),
            "allow claimant",
            "{kind}: it was there before"
        );
        old = serde_json::from_str(&old.to_string().replace(&format!("\"{class}\""), "\"high\"")).unwrap();
        review["request"]["oldObject"] = old.clone();
        assert_eq!(decision(&ask(&review, Mode::Enforce, Switch::Deny)), "deny system-priority", "{kind}: it is new");
        review["request"]["object"] = old;
        assert_eq!(decision(&ask(&review, Mode::Enforce, Switch::Deny)), "allow claimant", "{kind} of another class");
    }
}

/// A review of more than may be read whole.
fn large(mut review: Value) -> Value {
    review["request"]["object"]["metadata"]["managedFields"] = json!("\u{1}".repeat(300_000));
    review["request"]["object"]["data"] = json!("x".repeat(100_000));
    review
}

#[test]
fn a_large_review_is_judged_alike() {
    // `ask` compares the two ways.
    for (reason, review) in denied() {
        let mut review = large(review);
        assert_eq!(decision(&ask(&review, Mode::Enforce, Switch::Deny)), format!("deny {reason}"));
        review["request"]["oldObject"] = review["request"]["object"].clone();
        review["request"]["operation"] = json!("UPDATE");
        assert_eq!(decision(&ask(&review, Mode::Enforce, Switch::Deny)), "allow claimant", "{reason}");
    }
    assert_eq!(decision(&ask(&large(ingress("a.test")), Mode::Enforce, Switch::Deny)), "allow claimant");
}

/// The answer to the text of a review that was condensed.
fn ask_condensed(body: &str) -> String {
    let monotonic = Instant::now();
    let (settings, slot_cache) = (settings(), slot_cache(monotonic));
    let context = Context { settings: &settings, slot_cache: &slot_cache, now: NOW.parse().unwrap(), monotonic };
    let short = condense(body.as_bytes()).unwrap();
    let answer = answer_condensed(Path::Mutate, &short, None, &context).unwrap();
    let said = answer.reply.denial.map_or_else(String::new, |denial| denial.message);
    format!("{} {}: {said}", answer.note.decision, answer.note.reason)
}

#[test]
fn what_cannot_be_told_of_a_large_review_is_denied() {
    let mut review = ingress("a.test");
    review["request"]["object"]["spec"]["more"] = json!("x".repeat(3 << 20));
    let said = ask_condensed(&review.to_string());
    assert!(said.starts_with("deny too-large: the object is too large for hotdesk to see whose hosts"), "{said}");
    // No API server names the kind behind the object.
    let review = ingress("mew.dev.example.com").to_string();
    let kind = r#""kind":{"group":"networking.k8s.io","kind":"Ingress","version":"v1"},"#;
    assert!(review.contains(kind), "{review}");
    let behind = review.replace(kind, "").replace(r#""uid":"#, &format!(r#"{kind}"uid":"#));
    let said = ask_condensed(&behind);
    assert!(said.starts_with("deny too-large"), "{said}");
}

/// Kinds whose pods external-dns reads, and an object of each with these annotations.
fn with_pods(reservations: &Value) -> Vec<Value> {
    let metadata = json!({"name": "web", "annotations": reservations});
    let template = json!({"metadata": {"annotations": reservations}, "spec": {"hostNetwork": true}});
    let of = |spec: Value| json!({"metadata": {"name": "web"}, "spec": spec});
    let mut all = vec![
        write("", "Pod", json!({"metadata": metadata, "spec": {"hostNetwork": true}})),
        // Its annotations become the pod's.
        write("", "Binding", json!({"metadata": metadata, "target": {"name": "node"}})),
        write("", "PodTemplate", json!({"metadata": {"name": "web"}, "template": template})),
        write("", "ReplicationController", of(json!({"template": template}))),
        write("batch", "CronJob", of(json!({"jobTemplate": {"spec": {"template": template}}}))),
        write("batch", "Job", of(json!({"template": template}))),
        write("argoproj.io", "Rollout", of(json!({"template": template}))),
    ];
    let apps = ["Deployment", "ReplicaSet", "StatefulSet", "DaemonSet"];
    all.extend(apps.map(|kind| write("apps", kind, of(json!({"template": template})))));
    all
}

#[test]
fn a_dns_name_of_a_pod_is_denied_where_it_is_anothers() {
    for key in ["hostname", "internal-hostname"].map(|word| format!("external-dns.alpha.kubernetes.io/{word}")) {
        for review in with_pods(&json!({key.as_str(): "a.test, MEW.dev.example.com", "x": "y"})) {
            let response = ask(&review, Mode::Enforce, Switch::Deny);
            assert_eq!(decision(&response), "deny neighbour-host", "{review}");
            let said = response["status"]["message"].as_str().unwrap();
            assert!(said.contains("the host mew.dev.example.com belongs to slot \"mew\""), "{said}");
            let warned = ask(&review, Mode::Enforce, Switch::Warn);
            assert_eq!(decision(&warned), "warn neighbour-host", "{review}");
            assert_eq!(warned["warnings"].as_array().unwrap().len(), 1, "{warned}");
            assert_eq!(ask(&review, Mode::Enforce, Switch::Allow)["allowed"], true, "{review}");
            // What was there before stays.
            let mut again = review.clone();
            again["request"]["operation"] = json!("UPDATE");
            again["request"]["oldObject"] = again["request"]["object"].clone();
            assert_eq!(ask(&again, Mode::Enforce, Switch::Deny)["allowed"], true, "{again}");
            again["request"]["oldObject"] = json!({"metadata": {"name": "web"}});
            assert_eq!(decision(&ask(&again, Mode::Enforce, Switch::Deny)), "deny neighbour-host", "{again}");
        }
        for review in with_pods(&json!({key.as_str(): "a.test,x.pikachu.dev.example.com"})) {
            assert_eq!(ask(&review, Mode::Enforce, Switch::Deny)["allowed"], true, "{review}");
        }
    }
    for reservations in
        [json!({"x": "mew.dev.example.com"}), json!({"x/myhostname": "mew.dev.example.com"}), Value::Null]
    {
        for review in
            with_pods(&reservations).into_iter().filter(|review| review["request"]["kind"]["group"] != "argoproj.io")
        {
            assert_eq!(ask(&review, Mode::Enforce, Switch::Deny)["allowed"], true, "{review}");
        }
    }
    // Who makes pods of a template is not judged: who wrote the template was.
    let pod = &with_pods(&json!({"external-dns.alpha.kubernetes.io/hostname": "mew.dev.example.com"}))[0];
    let machinery = "system:serviceaccount:kube-system:replicaset-controller";
    assert_eq!(ask(&by(pod, machinery, false), Mode::Enforce, Switch::Deny)["allowed"], true);
}
