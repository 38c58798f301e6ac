//! What a claim under a limit is answered, and the one object that the access controller may write.

use std::time::Instant;

use serde_json::{Value, json};

use crate::answer::{Answer, Context, Path, answer};
use crate::limiter::Refused;
use crate::settings::Settings;
use crate::slot_cache::{SlotCache, SlotEntry, SlotIndex};

const ACCESS: &str = "system:serviceaccount:hotdesk:hotdesk-access";
const SYNC: &str = "system:serviceaccount:hotdesk:hotdesk-sync";

/// alice holds eevee and mew, and nobody onix; a person can hold two.
fn answered(path: Path, request: &Value) -> Answer<'static> {
    let mut index = SlotIndex::default();
    for (slot, by) in [("eevee", Some("alice")), ("mew", Some("alice")), ("onix", None)] {
        let claim = by.map(|by| serde_json::from_value(json!({"users": [by]})).unwrap());
        let entry = SlotEntry::new(slot, claim.as_ref().map(hotdesk_slots::ClaimView::parse_lossy), None);
        index.put(slot, entry.host(Some(&format!("{slot}.dev.example.com"))));
    }
    let monotonic = Instant::now();
    let slot_cache = SlotCache::new(monotonic);
    slot_cache.replace(index, monotonic);
    let settings = Settings {
        max_slots: 2,
        controller_user: Some(ACCESS.to_owned()),
        sync_user: Some(SYNC.to_owned()),
        administrator_users: vec!["erin".to_owned()],
        break_glass_groups: vec!["system:masters".to_owned()],
        ..Settings::default()
    };
    let context = Context {
        settings: &settings,
        slot_cache: &slot_cache,
        now: "2026-11-23T15:00:00Z".parse().unwrap(),
        monotonic,
    };
    let review = json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request});
    answer(path, review.to_string().leak().as_bytes(), &context).unwrap()
}

fn claim(by: &str, dry_run: bool) -> Answer<'static> {
    let slot = |spec: Value| {
        json!({"apiVersion": "hotdesk.dev/v1alpha1", "kind": "Slot", "spec": spec,
            "metadata": {"name": "slot", "namespace": "onix", "resourceVersion": "7"}})
    };
    let request = json!({
        "uid": "u", "operation": "UPDATE", "namespace": "onix", "name": "slot", "dryRun": dry_run,
        "kind": {"group": "hotdesk.dev", "version": "v1alpha1", "kind": "Slot"},
        "resource": {"group": "hotdesk.dev", "version": "v1alpha1", "resource": "slots"},
        "userInfo": {"username": by},
        "object": slot(json!({"claim": {"users": [by]}})), "oldObject": slot(json!({})),
    });
    answered(Path::Slots, &request)
}

/// What is stored of a Slot that alice writes over another, by its metadata and spec.
fn stored_by_alice(old: &Value, new: &Value) -> Value {
    let slot = |(metadata, spec): (&Value, &Value)| {
        let mut slot =
            json!({"apiVersion": "hotdesk.dev/v1alpha1", "kind": "Slot", "metadata": metadata, "spec": spec});
        slot["metadata"]["name"] = "slot".into();
        slot
    };
    let of = |both: &Value| slot((&both[0], &both[1]));
    let request = json!({
        "uid": "u", "operation": "UPDATE", "namespace": "onix", "name": "slot", "userInfo": {"username": "alice"},
        "kind": {"group": "hotdesk.dev", "version": "v1alpha1", "kind": "Slot"},
        "resource": {"group": "hotdesk.dev", "version": "v1alpha1", "resource": "slots"},
        "object": of(new), "oldObject": of(old),
    });
    let reply = answered(Path::Slots, &request).reply;
    assert_eq!(reply.denial, None, "{new}");
    let mut stored = of(new);
    let patch = reply.patch.unwrap_or_else(|| b"[]".to_vec());
    json_patch::patch(&mut stored, &serde_json::from_slice::<json_patch::Patch>(&patch).unwrap()).unwrap();
    stored
}

#[test]
fn what_kubectl_noted_is_put_back_whatever_else_is_there() {
    const NOTED: &str = "kubectl.kubernetes.io/last-applied-configuration";
    let (free, held) = (json!({}), json!({"claim": {"users": ["alice"]}}));
    let of = |text: &str| json!({"annotations": {NOTED: text}});
    for old in [json!({}), of("theirs")] {
        let metadata =
            [json!({}), json!({"annotations": null}), json!({"annotations": {}}), of("alice's"), of("theirs")];
        for (new, (was, is)) in
            metadata.iter().flat_map(|new| [(&free, &held), (&held, &held), (&held, &free)].map(|specs| (new, specs)))
        {
            let stored = stored_by_alice(&json!([old, was]), &json!([new, is]));
            assert_eq!(stored["metadata"]["annotations"][NOTED], old["annotations"][NOTED], "{old} {new} {was} {is}");
        }
    }
}

#[test]
fn the_sync_gives_a_slot_no_host_of_another() {
    let write = |by: &str, was: Option<&str>, host: Option<&str>| {
        let slot = |host: Option<&str>| {
            json!({"apiVersion": "hotdesk.dev/v1alpha1", "kind": "Slot", "spec": {"host": host},
                "metadata": {"name": "slot", "namespace": "onix", "resourceVersion": "7"}})
        };
        let request = json!({
            "uid": "u", "operation": "UPDATE", "namespace": "onix", "name": "slot", "userInfo": {"username": by},
            "kind": {"group": "hotdesk.dev", "version": "v1alpha1", "kind": "Slot"},
            "resource": {"group": "hotdesk.dev", "version": "v1alpha1", "resource": "slots"},
            "object": slot(host), "oldObject": slot(was),
        });
        answered(Path::Slots, &request).reply.denial.map(|denial| denial.message).unwrap_or_default()
    };
    let foreign = [
        ("mew.dev.example.com", "spec.host: mew.dev.example.com is the host of slot \"mew\", or below or above it"),
        ("api.mew.dev.example.com", "is the host of slot \"mew\""),
        ("dev.example.com", "is the host of slot \"eevee\""),
        ("com", "spec.host: com has no dot"),
    ];
    for (host, because) in foreign {
        let told = write(SYNC, None, Some(host));
        assert!(told.contains(because), "{host}: {told}");
        assert_eq!(write("erin", None, Some(host)), "", "administrators say whose a host is");
        assert_eq!(write(SYNC, Some(host), Some(host)), "", "what is there stays");
    }
    for host in [None, Some("onix.dev.example.com"), Some("api.onix.dev.example.com"), Some("x.example.com")] {
        assert_eq!(write(SYNC, Some("old.example.com"), host), "", "{host:?}");
    }
}

const FULL: &str = "the Slot of \"onix\" cannot be changed: you hold eevee and mew, and the limit here is 2: release \
                    one first: kubectl hotdesk release eevee";

#[test]
fn a_dry_run_is_judged_by_what_is_known_and_leaves_nothing_to_be_noted() {
    let answer = claim("alice", true);
    assert_eq!((answer.reply.denial.unwrap().message.as_str(), answer.acquisition), (FULL, None));
    let answer = claim("bob", true);
    assert_eq!((answer.reply.denial, answer.acquisition), (None, None));
}

#[test]
fn a_claim_is_still_to_be_counted_and_then_denied_in_the_same_words() {
    let mut answer = claim("alice", false);
    let acquisition = answer.acquisition.take().unwrap();
    assert_eq!((acquisition.slot.as_str(), acquisition.version, answer.note.decision), ("onix", Some(7), "allow"));
    let settings = Settings { max_slots: 2, ..Settings::default() };
    let held = Refused::Over(vec!["eevee".to_owned(), "mew".to_owned()]);
    let denied = super::beyond(answer, &acquisition, &held, &settings);
    assert_eq!((denied.note.decision, denied.note.reason), ("deny", "limit"));
    let denial = denied.reply.denial.unwrap();
    assert_eq!((denial.code, denial.message.as_str()), (403, FULL));
    assert!(denied.reply.patch.is_none());
}

#[test]
fn the_access_controller_changes_one_role_binding_of_a_slot_and_makes_none() {
    let write = |operation: &str, resource: &str, sub: &str, name: &str| {
        let object = json!({"metadata": {"name": name}});
        let request = json!({
            "uid": "u", "operation": operation, "namespace": "mew", "name": name, "subResource": sub,
            "kind": {"group": "rbac.authorization.k8s.io", "version": "v1", "kind": "RoleBinding"},
            "resource": {"group": "rbac.authorization.k8s.io", "version": "v1", "resource": resource},
            "userInfo": {"username": ACCESS}, "object": object, "oldObject": object,
        });
        answered(Path::Mutate, &request).note.reason
    };
    assert_eq!(write("UPDATE", "rolebindings", "", "hotdesk-claimants"), "controller");
    for (operation, resource, sub, name) in [
        ("CREATE", "rolebindings", "", "hotdesk-claimants"),
        ("DELETE", "rolebindings", "", "hotdesk-claimants"),
        ("UPDATE", "rolebindings", "", "hotdesk-edit"),
        ("UPDATE", "rolebindings", "status", "hotdesk-claimants"),
        ("UPDATE", "roles", "", "hotdesk-claimants"),
    ] {
        assert_eq!(write(operation, resource, sub, name), "held", "{operation} {resource}/{sub} {name}");
    }
}

/// What is stored of an update, by the patch that the API server applies; and the warnings.
fn stored(by: &str, sub: &str, old: &Value, new: &Value) -> (Value, Vec<String>) {
    let slot = |rest: &Value| {
        let mut slot = json!({"apiVersion": "hotdesk.dev/v1alpha1", "kind": "Slot", "metadata": {"name": "slot", "namespace": "onix"}});
        slot.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        slot
    };
    let mut object = slot(new);
    let request = json!({
        "uid": "u-7", "operation": "UPDATE", "namespace": "onix", "name": "slot", "subResource": sub,
        "kind": {"group": "hotdesk.dev", "version": "v1alpha1", "kind": "Slot"},
        "resource": {"group": "hotdesk.dev", "version": "v1alpha1", "resource": "slots"},
        "userInfo": {"username": by, "groups": if by == "admin" { json!(["system:masters"]) } else { json!([]) }},
        "object": object, "oldObject": slot(old),
    });
    let reply = answered(Path::Slots, &request).reply;
    assert_eq!(reply.denial, None, "{by}");
    if let Some(patch) = reply.patch {
        let patch: json_patch::Patch = serde_json::from_slice(&patch).unwrap();
        json_patch::patch(&mut object, &patch).unwrap();
    }
    (object, reply.warnings)
}

#[test]
fn what_is_stored_is_what_was_written_in_form() {
    let old = json!({"spec": {}});
    let written = json!({"spec": {"host": "onix.example.com", "unknown": 1, "clearAfter": "2026-11-23T15:10:00Z",
        "claim": {"users": [" Alice"], "aliases": ["mallory"], "trustWorkloads": true, "handTo": null}}});
    let written_without_host = {
        let mut written = written;
        drop(written["spec"].as_object_mut().unwrap().remove("host"));
        written
    };
    let (slot, warnings) = stored("alice", "", &old, &written_without_host);
    assert_eq!(
        slot["spec"],
        json!({"unknown": 1, "claim": {"users": ["alice"], "trustWorkloads": true, "handTo": null}})
    );
    let marks = slot["metadata"]["annotations"].as_object().unwrap();
    assert_eq!(
        (&marks["hotdesk.dev/claim-id"], &marks["hotdesk.dev/claimed-at"]),
        (&json!("u-7"), &json!("2026-11-23T15:00:00Z"))
    );
    assert_eq!(slot["metadata"]["labels"], json!({"hotdesk.dev/owner": "alice", "hotdesk.dev/slot": "onix"}));
    assert!(warnings.is_empty(), "{warnings:?}");
}

#[test]
fn a_hand_over_takes_trust_and_wishes_along_and_is_not_stored_as_one() {
    let old =
        json!({"spec": {"claim": {"users": ["alice"], "trustWorkloads": true}, "requests": {"reap": {"id": "r"}}}});
    let new = json!({"spec": {"claim": {"users": ["bob"], "trustWorkloads": true, "handTo": "bob"}, "requests": {"reap": {"id": "r"}}}});
    let (slot, warnings) = stored("alice", "", &old, &new);
    assert_eq!(slot["spec"], json!({"claim": {"users": ["bob"]}}));
    let told = "what runs in slot \"onix\" is not trusted now, for somebody else may have left it there: see it with kubectl \
                get all -n onix, then trust it with kubectl patch slot slot -n onix --type=merge -p \
                '{\"spec\":{\"claim\":{\"trustWorkloads\":true}}}'";
    let unheard = "no claim names bob yet, in any slot: make sure that it is spelt as the cluster knows them";
    assert_eq!(warnings, [told, unheard]);
}

#[test]
fn a_wish_is_noted_in_full() {
    let (claim, old) = (json!({"users": ["alice"]}), json!({"spec": {"claim": {"users": ["alice"]}}}));
    let (slot, _) =
        stored("alice", "", &old, &json!({"spec": {"claim": claim, "requests": {"reap": {"dryRun": true}}}}));
    let noted = json!({"dryRun": true, "id": "u-7", "claimID": "u-7", "by": "alice", "at": "2026-11-23T15:00:00Z"});
    assert_eq!(slot["spec"]["requests"], json!({"reap": noted}));
}

#[test]
fn others_conditions_are_put_back() {
    let condition = |kind: &str, status: &str| json!({"type": kind, "status": status, "reason": "R", "message": "", "lastTransitionTime": "2026-11-23T14:00:00Z"});
    let status = |conditions: Value| json!({"spec": {}, "status": {"conditions": conditions}});
    let old = status(json!([condition("ClaimSource", "True")]));
    let new = status(json!([condition("ClaimSource", "False"), condition("Restamped", "True")]));
    let (slot, _) = stored(ACCESS, "status", &old, &new);
    assert_eq!(slot["status"]["conditions"], json!([condition("ClaimSource", "True"), condition("Restamped", "True")]));
    let (slot, _) = stored("admin", "status", &old, &new);
    assert_eq!(slot["status"], new["status"]);
}
