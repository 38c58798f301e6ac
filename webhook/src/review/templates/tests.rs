use serde_json::{Value, json};

use super::*;
use crate::review::object::Object;

const DEPLOYMENT: (&str, &str) = ("apps", "Deployment");

/// What is newly reserved in an object, as `FIELD.metadata.MAP KEY`; nothing if there is none.
fn found(kind: (&str, &str), object: &Value, old: Option<&Value>, may_name_people: bool) -> String {
    let (object, old) = (object.to_string(), old.map(Value::to_string));
    let read = |text| -> Object<'_> { serde_json::from_str(text).unwrap() };
    let object = read(&object);
    let old = old.as_deref().map(read);
    let reserved = newly_reserved(
        [&object.spec, &object.template],
        old.as_ref().map(|old| [&old.spec, &old.template]),
        kind,
        &|_| may_name_people,
    );
    let shown = |r: Reserved<'_>| format!("{}.metadata.{} {}", r.template, r.map, r.key);
    reserved.map(shown).unwrap_or_default()
}

#[track_caller]
fn check(kind: (&str, &str), object: &Value, expected: &str) {
    assert_eq!(found(kind, object, None, false), expected, "{kind:?} {object}");
}

fn marked(map: &str) -> Value {
    json!({map: {"app": "web", "hotdesk.dev/owner": "bob"}})
}

fn deployment(labels: &Value) -> Value {
    json!({"spec": {"replicas": 1, "template": {"metadata": {"labels": labels}, "spec": {"containers": []}}}})
}

#[test]
fn a_reserved_key_is_found_in_every_template_of_a_built_in_kind() {
    let labels = || json!({"metadata": marked("labels")});
    let volume = |claim: Value| json!({"volumes": [{"name": "a"}, {"ephemeral": {"volumeClaimTemplate": claim}}]});
    let pod = json!({"metadata": marked("annotations"), "spec": {}});
    for kind in ["DaemonSet", "Deployment", "ReplicaSet", "StatefulSet"] {
        check(
            ("apps", kind),
            &json!({"spec": {"template": labels()}}),
            "spec.template.metadata.labels hotdesk.dev/owner",
        );
    }
    let rows = [
        (("", "ReplicationController"), json!({"spec": {"template": pod}}), "spec.template.metadata.annotations"),
        (("batch", "Job"), json!({"spec": {"template": pod}}), "spec.template.metadata.annotations"),
        (("batch", "CronJob"), json!({"spec": {"jobTemplate": labels()}}), "spec.jobTemplate.metadata.labels"),
        (
            ("batch", "CronJob"),
            json!({"spec": {"jobTemplate": {"spec": {"template": labels()}}}}),
            "spec.jobTemplate.spec.template.metadata.labels",
        ),
        (("", "PodTemplate"), json!({"template": labels()}), "template.metadata.labels"),
        (
            ("apps", "StatefulSet"),
            json!({"spec": {"volumeClaimTemplates": [{"metadata": {}}, labels()]}}),
            "spec.volumeClaimTemplates[].metadata.labels",
        ),
        (
            ("", "Pod"),
            json!({"spec": volume(labels())}),
            "spec.volumes[].ephemeral.volumeClaimTemplate.metadata.labels",
        ),
        (
            ("apps", "Deployment"),
            json!({"spec": {"template": {"spec": volume(labels())}}}),
            "spec.template.spec.volumes[].ephemeral.volumeClaimTemplate.metadata.labels",
        ),
        (("resource.k8s.io", "ResourceClaimTemplate"), json!({"spec": labels()}), "spec.metadata.labels"),
    ];
    for (kind, object, field) in rows {
        check(kind, &object, &format!("{field} hotdesk.dev/owner"));
    }
}

#[test]
fn what_no_controller_copies_is_nobodys_business() {
    let forged = json!({"metadata": marked("labels")});
    check(("", "ConfigMap"), &json!({"spec": {"template": forged}, "template": forged}), "");
    check(("example.com", "Deployment"), &json!({"spec": {"template": forged}}), "");
    check(DEPLOYMENT, &json!({"template": forged, "spec": {"other": forged, "metadata": marked("labels")}}), "");
    check(("", "Pod"), &json!({"spec": {"template": forged, "volumes": [{"metadata": marked("labels")}]}}), "");
    for key in ["HOTDESK.dev/owner", "x.hotdesk.dev/owner", "hotdesk.dev", "xhotdesk.dev/owner"] {
        check(DEPLOYMENT, &deployment(&json!({key: "bob"})), "");
    }
}

#[test]
fn only_what_a_write_brings_counts() {
    let of = |labels: Value, old: Value| found(DEPLOYMENT, &deployment(&labels), Some(&deployment(&old)), false);
    let (old, key) = (json!({"hotdesk.dev/owner": "bob"}), "spec.template.metadata.labels hotdesk.dev/owner");
    assert_eq!(of(old.clone(), old.clone()), "", "an old template may be scaled");
    assert_eq!(of(json!({"hotdesk.dev/owner": "eve"}), old.clone()), key, "another value is new");
    assert_eq!(of(old.clone(), json!({"app": "web"})), key);
    assert_eq!(of(json!({}), old.clone()), "");
    let more = json!({"hotdesk.dev/owner": "bob", "hotdesk.dev/slot": "mew"});
    assert_eq!(of(more, old), "spec.template.metadata.labels hotdesk.dev/slot");
}

#[test]
fn a_key_counts_as_old_in_its_own_template_only() {
    let labels = json!({"metadata": marked("labels")});
    let old = json!({"spec": {"jobTemplate": labels}});
    let new = json!({"spec": {"jobTemplate": {"spec": {"template": labels}}}});
    let expected = "spec.jobTemplate.spec.template.metadata.labels hotdesk.dev/owner";
    assert_eq!(found(("batch", "CronJob"), &new, Some(&old), false), expected);
}

#[test]
fn a_person_is_named_by_nobody_but_those_who_may() {
    let object = deployment(&json!({"hotdesk.dev/for": "bob"}));
    assert_eq!(found(DEPLOYMENT, &object, None, true), "");
    check(DEPLOYMENT, &object, "spec.template.metadata.labels hotdesk.dev/for");
    let both = deployment(&json!({"hotdesk.dev/for": "bob", "hotdesk.dev/owner": "bob"}));
    assert_eq!(found(DEPLOYMENT, &both, None, true), "spec.template.metadata.labels hotdesk.dev/owner");
}

#[test]
fn whatever_is_where_a_template_should_be_is_passed_over() {
    for odd in
        [json!(null), json!(7), json!(-7), json!(1e3), json!(true), json!("text"), json!([[{"a": 1}]]), json!({})]
    {
        for path in
            ["/spec", "/template", "/spec/template", "/spec/template/metadata", "/spec/template/metadata/labels"]
        {
            let mut object = json!({"template": {}, "spec": {"template": {"metadata": {"labels": {}}}}});
            *object.pointer_mut(path).unwrap() = odd.clone();
            check(DEPLOYMENT, &object, "");
        }
    }
    let nested = format!(r#"{{"spec":{}{}}}"#, r#"{"x":["#.repeat(900), "]}".repeat(900));
    assert!(serde_json::from_str::<Object<'_>>(&nested).is_ok(), "what is skipped may be as deep as it likes");
    check(
        DEPLOYMENT,
        &deployment(&json!({"hotdesk.dev/owner": {"odd": [1]}})),
        "spec.template.metadata.labels hotdesk.dev/owner",
    );
}

#[track_caller]
fn lasts(seconds: &str, expected: Option<i64>) {
    let text = format!(r#"{{"spec":{{"audiences":["a"],"expirationSeconds":{seconds}}}}}"#);
    let object: Object<'_> = serde_json::from_str(&text).unwrap();
    assert_eq!(object.spec.expiration_seconds, expected, "{seconds}");
}

#[test]
fn the_seconds_of_a_token_are_read() {
    lasts("3600", Some(3600));
    lasts("-1", Some(-1));
    lasts("4294967296", Some(1 << 32));
    lasts("18446744073709551615", Some(i64::MAX));
    lasts("null", None);
    lasts("\"3600\"", None);
    let elsewhere: Object<'_> = serde_json::from_str(r#"{"spec":{"template":{"expirationSeconds":9}}}"#).unwrap();
    assert_eq!(elsewhere.spec.expiration_seconds, None);
}

#[test]
fn a_token_is_bound_to_a_pod_by_the_very_kind() {
    for (bound, expected) in [
        (r#"{"kind":"Pod","apiVersion":"v1","name":"web-0","uid":"u"}"#, true),
        (r#"{"kind":"Node"}"#, false),
        (r#"{"kind":"Secret","name":"Pod"}"#, false),
        (r#"{"of":{"kind":"Pod"}}"#, false),
        (r#""Pod""#, false),
        ("null", false),
    ] {
        let text = format!(r#"{{"spec":{{"boundObjectRef":{bound}}}}}"#);
        let object: Object<'_> = serde_json::from_str(&text).unwrap();
        assert_eq!(object.spec.binds_pod, expected, "{bound}");
    }
    let elsewhere: Object<'_> = serde_json::from_str(r#"{"spec":{"template":{"kind":"Pod"},"kind":"Pod"}}"#).unwrap();
    assert!(!elsewhere.spec.binds_pod);
}

#[test]
fn many_keys_take_time_in_proportion() {
    let labels = |count: usize| -> Value {
        let entries = (0..count).map(|i| (format!("hotdesk.dev/k{i}"), json!("v")));
        deployment(&Value::Object(entries.collect()))
    };
    let took = |count: usize| {
        let object = labels(count);
        let times =
            (0..9).map(|_| crate::cpu::time_of(|| assert_eq!(found(DEPLOYMENT, &object, Some(&object), false), "")));
        times.min().unwrap()
    };
    // Each compared with each other would take 256 times as long; a busy machine takes some of the rest.
    let (few, many) = (took(2_000), took(32_000));
    assert!(many < few * 128, "sixteen times as many keys took {many:?} in place of {few:?}");
}
