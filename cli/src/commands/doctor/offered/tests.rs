use serde_json::json;

use super::*;

fn one(group: &str, resource: &str, verbs: &[&str]) -> Vec<Offered> {
    let version = if group.is_empty() { "v1".to_owned() } else { format!("{group}/v1") };
    let resource = json!({"name": resource, "namespaced": true, "kind": "K", "singularName": "", "verbs": verbs});
    let list = json!({"groupVersion": version, "resources": [resource]});
    offered(&serde_json::from_value(list).unwrap(), &["elsewhere.example.com/v1".to_owned()])
}

fn judge_of(operations: &'static [&'static str], resources: &[&str], groups: &[&str]) -> Judge {
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    let rule = Rule { operations: words(operations), groups: words(groups), resources: words(resources) };
    Judge { name: "the webhook".to_owned(), operations, rules: vec![rule], leaves_out: Vec::new() }
}

#[test]
fn what_can_be_written_is_what_rules_call_operations() {
    for (resource, verbs, expected) in [
        ("configmaps", &["get", "create", "patch", "deletecollection"][..], &["CREATE", "UPDATE", "DELETE"][..]),
        ("pods/exec", &["create", "get"], &["CONNECT"]),
        ("pods/log", &["get"], &[]),
        ("widgets/scale", &["get", "update"], &["UPDATE"]),
    ] {
        let found = one("", resource, verbs);
        assert_eq!(found.first().map_or(&[][..], |offered| &offered.operations), expected, "{resource}");
    }
    assert!(one("elsewhere.example.com", "widgets", &["create"])[0].elsewhere);
    assert!(!one("example.com", "widgets", &["create"])[0].elsewhere);
}

#[test]
fn a_kind_that_no_rule_names_passes_the_gate_by() {
    const CHANGES: &[&str] = &["CREATE", "UPDATE"];
    let odd = one("crm.example.com", "people/approval", &["update"]).remove(0);
    let plain = one("apps", "deployments", &["create", "patch"]).remove(0);
    for (resources, groups, passes_odd, passes_plain) in [
        (&["*/*"][..], &["*"][..], false, false),
        (&["*"], &["*"], true, false),
        (&["*/approval"], &["*"], false, true),
        (&["people/*"], &["crm.example.com"], false, true),
        (&["persons/approval", "persons"], &["crm.example.com"], true, true),
        (&["*/*"], &["apps"], true, false),
    ] {
        let judge = judge_of(CHANGES, resources, groups);
        assert_eq!(passes(&judge, &odd), passes_odd, "{resources:?} {groups:?}: {odd:?}");
        assert_eq!(passes(&judge, &plain), passes_plain, "{resources:?} {groups:?}: {plain:?}");
    }
}

#[test]
fn what_a_judge_leaves_out_passes_it_by_but_for_slots_and_questions() {
    const DELETES: &[&str] = &["DELETE"];
    let rest = judge_of(DELETES, &["*/*"], &["*"]);
    let leaves_out = judge_of(DELETES, &["*"], &["example.com", "hotdesk.dev", "authorization.k8s.io"]).rules;
    let judge = Judge { leaves_out, ..rest };
    let passes = |group: &str, resource: &str| passes(&judge, &one(group, resource, &["delete"])[0]);
    assert!(passes("example.com", "widgets"));
    assert!(!passes("hotdesk.dev", "slots") && !passes("hotdesk.dev", "slots/status"));
    assert!(!passes("authorization.k8s.io", "localsubjectaccessreviews"));
    assert!(passes("authorization.k8s.io", "widgets"), "a CRD may bring other kinds into the group");
    assert!(!passes("", "secrets"));
}

#[test]
fn a20_what_is_written_to_another_server_is_named() {
    assert!(aggregated(&[]).is_none());
    let widgets = one("elsewhere.example.com", "widgets", &["create"]);
    let finding = serde_json::to_value(aggregated(&[&widgets[0]]).unwrap()).unwrap();
    assert_eq!((&finding["id"], &finding["level"]), (&json!("aggregated-apis"), &json!("warning")), "{finding}");
    assert!(finding["message"].as_str().unwrap().contains("widgets.elsewhere.example.com"), "{finding}");
}
