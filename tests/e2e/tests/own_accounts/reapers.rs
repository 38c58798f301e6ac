//! The reaper, the reviver and the pruner.

use hotdesk_e2e::requests::{Identity, Requests, path};
use hotdesk_e2e::{TestSlot, installation};
use serde_json::{Value, json};

use crate::{AllRights, JOBS, SAVED, Try, clears, in_slot, make, until_it, wrong};

const NOT_ITS_SLOT: &str = "outside of its slot";
const PROTECTED: &str = "gives rights or sets limits";
const UNMARKED: &str = "hotdesk's account reaper-";
const RBAC: &str = "rbac.authorization.k8s.io/v1";

fn account(kind: &str, slot: &TestSlot) -> String {
    format!("system:serviceaccount:{JOBS}:{kind}-{}", slot.name())
}

/// An object that carries helm's marks of a release.
fn marked(name: &str, release: &str, namespace: &str, more: Value) -> Value {
    let annotations = json!({"meta.helm.sh/release-name": release, "meta.helm.sh/release-namespace": namespace});
    let mut object = more;
    object["metadata"] =
        json!({"name": name, "labels": {"app.kubernetes.io/managed-by": "Helm"}, "annotations": annotations});
    object
}

fn record(name: &str, release: &str, of_type: &str) -> Value {
    json!({"metadata": {"name": name, "labels": {"owner": "helm", "name": release}}, "type": of_type})
}

fn hook(events: &str) -> Value {
    let pod = json!({"spec": {"restartPolicy": "Never", "containers": [{"name": "a", "image": "a"}]}});
    json!({"metadata": {"name": "hook", "annotations": {"helm.sh/hook": events}}, "spec": {"template": pod}})
}

fn saved(name: &str, slot: &str, of_type: &str) -> Value {
    json!({"metadata": {"name": name, "labels": {"hotdesk.dev/slot": slot}}, "type": of_type})
}

const RECORD: &str = "helm.sh/release.v1";
const REAPED: &str = "hotdesk.dev/reaped-release";

fn furnish(requests: &Requests, slot: &TestSlot) {
    let here = slot.name();
    for (name, release, namespace) in [("of-web", "web", here), ("of-other", "other", here), ("away", "web", "default")]
    {
        make(requests, &in_slot(slot, "v1", "configmaps"), &marked(name, release, namespace, json!({})));
    }
    make(requests, &in_slot(slot, "v1", "configmaps"), &json!({"metadata": {"name": "plain"}}));
    let quota = marked("q", "web", here, json!({"spec": {"hard": {"pods": "50"}}}));
    make(requests, &in_slot(slot, "v1", "resourcequotas"), &quota);
    make(requests, &in_slot(slot, "v1", "limitranges"), &marked("l", "web", here, json!({"spec": {"limits": []}})));
    make(requests, &in_slot(slot, "v1", "serviceaccounts"), &marked("sa", "web", here, json!({})));
    make(requests, &in_slot(slot, RBAC, "roles"), &marked("r", "web", here, json!({"rules": []})));
    for (name, release, of_type) in [
        ("sh.helm.release.v1.web.v1", "web", RECORD),
        ("sh.helm.release.v1.other.v1", "other", RECORD),
        ("mine", "web", RECORD),
        ("sh.helm.release.v1.web.v2", "web", "Opaque"),
    ] {
        make(requests, &in_slot(slot, "v1", "secrets"), &record(name, release, of_type));
    }
}

/// What the reaper of a slot tries there, while `web` is cleared.
fn at_home(slot: &TestSlot) -> Vec<Try<'static>> {
    let at = |version: &str, what: &str| in_slot(slot, version, what);
    let none = || Value::Null;
    let relabel = json!({"metadata": {"labels": {"name": "other"}}});
    let uninstalling = json!({"metadata": {"labels": {"status": "uninstalling"}}});
    vec![
        ("DELETE", at("v1", "configmaps/of-web"), none(), ""),
        ("DELETE", at("v1", "configmaps/of-other"), none(), "it clears web"),
        ("DELETE", at("v1", "configmaps/away"), none(), "lacks helm's marks"),
        ("DELETE", at("v1", "configmaps/plain"), none(), UNMARKED),
        ("DELETE", at("v1", "resourcequotas/q"), none(), PROTECTED),
        ("DELETE", at("v1", "limitranges/l"), none(), PROTECTED),
        ("DELETE", at("v1", "serviceaccounts/sa"), none(), PROTECTED),
        ("DELETE", at(RBAC, "roles/r"), none(), PROTECTED),
        ("DELETE", at(RBAC, "rolebindings/hotdesk-edit"), none(), "hotdesk"),
        ("DELETE", at("hotdesk.dev/v1alpha1", "slots/slot"), none(), "only administrators can create and delete Slots"),
        ("DELETE", at("v1", "secrets/sh.helm.release.v1.web.v1"), none(), ""),
        ("PATCH", at("v1", "secrets/sh.helm.release.v1.web.v1"), uninstalling, ""),
        ("PATCH", at("v1", "secrets/sh.helm.release.v1.web.v1"), relabel, UNMARKED),
        ("DELETE", at("v1", "secrets/sh.helm.release.v1.other.v1"), none(), "it clears web"),
        ("DELETE", at("v1", "secrets/mine"), none(), "lacks helm's marks"),
        ("DELETE", at("v1", "secrets/sh.helm.release.v1.web.v2"), none(), "lacks helm's marks"),
        ("POST", at("v1", "secrets"), record("sh.helm.release.v1.web.v9", "web", RECORD), "writes nothing but"),
        ("POST", at("v1", "configmaps"), json!({"metadata": {"name": "new"}}), UNMARKED),
        ("POST", at("batch/v1", "jobs"), hook("pre-delete, post-delete"), ""),
        ("POST", at("batch/v1", "jobs"), hook("pre-install"), "writes nothing but"),
        ("POST", at("v1", "serviceaccounts/default/token"), json!({"spec": {}}), UNMARKED),
        ("POST", at(RBAC, "roles"), marked("r2", "web", slot.name(), json!({"rules": []})), UNMARKED),
    ]
}

#[test]
fn a_reaper_clears_what_helm_marked_as_the_release_that_is_cleared_and_nothing_else() {
    let _held = installation::shared();
    let _rights = AllRights::give();
    let (requests, slot) = (Requests::start(), TestSlot::held_by("alice@example.com"));
    furnish(&requests, &slot);
    let user = account("reaper", &slot);
    let reaper = Identity::in_a_pod(&user);
    let of_web = in_slot(&slot, "v1", "configmaps/of-web");
    until_it(&requests, reaper, &("DELETE", of_web.clone(), Value::Null, "clears nothing"));
    clears(&slot, &["web"]);
    until_it(&requests, reaper, &("DELETE", of_web, Value::Null, ""));
    let mut found = wrong(&requests, reaper, &at_home(&slot));
    slot.patch(&json!({"spec": {"mode": "warn"}}));
    let config_maps = in_slot(&slot, "v1", "configmaps");
    let tolerated = ("POST", config_maps, json!({"metadata": {"name": "x"}}), "");
    until_it(&requests, Identity::person("bob@example.com"), &tolerated);
    found.extend(wrong(&requests, reaper, &at_home(&slot)));
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn a_reaper_and_a_reviver_are_nobody_in_another_slot_and_elsewhere() {
    let _held = installation::shared();
    let _rights = AllRights::give();
    let (requests, slot, other) =
        (Requests::start(), TestSlot::held_by("alice@example.com"), TestSlot::held_by("bob@example.com"));
    let config_map = || json!({"metadata": {"name": "x"}});
    let mut found = Vec::new();
    other.patch(&json!({"spec": {"mode": "audit"}}));
    for kind in ["reaper", "reviver"] {
        let user = account(kind, &slot);
        let who = Identity::in_a_pod(&user);
        until_it(&requests, who, &("POST", in_slot(&other, "v1", "configmaps"), config_map(), "this is not its slot"));
        let tries = [
            ("DELETE", in_slot(&other, "v1", "serviceaccounts/default"), Value::Null, "this is not its slot"),
            ("POST", path("default", "v1", "configmaps"), config_map(), NOT_ITS_SLOT),
            ("POST", path(JOBS, "batch/v1", "jobs"), hook("pre-delete"), NOT_ITS_SLOT),
            ("POST", path(JOBS, "v1", "serviceaccounts/pruner/token"), json!({"spec": {}}), NOT_ITS_SLOT),
            ("POST", "/api/v1/namespaces".to_owned(), config_map(), NOT_ITS_SLOT),
        ];
        found.extend(wrong(&requests, who, &tries));
        // Without a pod's token it is nobody at home either: a person who can impersonate it gains nothing.
        let home = in_slot(&slot, "v1", "configmaps");
        let impersonated = ("POST", home, config_map(), "is held by alice@example.com");
        found.extend(wrong(&requests, Identity::person(&user), &[impersonated]));
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn a_reviver_restores_and_touches_no_rights() {
    let _held = installation::shared();
    let _rights = AllRights::give();
    let (requests, slot) = (Requests::start(), TestSlot::held_by("alice@example.com"));
    furnish(&requests, &slot);
    let user = account("reviver", &slot);
    let tries = [
        ("POST", in_slot(&slot, "v1", "configmaps"), marked("new", "web", slot.name(), json!({})), ""),
        ("DELETE", in_slot(&slot, "v1", "configmaps/of-web"), Value::Null, ""),
        ("DELETE", in_slot(&slot, "v1", "configmaps/away"), Value::Null, "lacks helm's marks"),
        ("DELETE", in_slot(&slot, "v1", "configmaps/plain"), Value::Null, "lacks helm's marks"),
        ("DELETE", in_slot(&slot, "v1", "secrets/sh.helm.release.v1.web.v1"), Value::Null, ""),
        ("DELETE", in_slot(&slot, "v1", "secrets/mine"), Value::Null, "lacks helm's marks"),
        ("DELETE", in_slot(&slot, "v1", "limitranges/l"), Value::Null, PROTECTED),
        ("DELETE", in_slot(&slot, RBAC, "roles/r"), Value::Null, PROTECTED),
        ("POST", in_slot(&slot, "v1", "secrets"), record("sh.helm.release.v1.web.v9", "web", RECORD), ""),
        ("DELETE", in_slot(&slot, "v1", "serviceaccounts/sa"), Value::Null, PROTECTED),
        ("POST", in_slot(&slot, RBAC, "roles"), marked("r2", "web", slot.name(), json!({"rules": []})), PROTECTED),
        ("POST", in_slot(&slot, "v1", "serviceaccounts/default/token"), json!({"spec": {}}), PROTECTED),
        ("DELETE", in_slot(&slot, "v1", "resourcequotas/q"), Value::Null, PROTECTED),
    ];
    let found = wrong(&requests, Identity::in_a_pod(&user), &tries);
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn what_is_saved_is_written_by_its_slots_reaper_and_removed_by_its_slots_reviver_and_the_pruner() {
    let _held = installation::shared();
    let _rights = AllRights::give();
    let (requests, slot, other) = (Requests::start(), TestSlot::free(), TestSlot::free());
    let secrets = path(SAVED, "v1", "secrets");
    let (mine, theirs) = (format!("{}.web.v1", slot.name()), format!("{}.web.v1", other.name()));
    make(&requests, &secrets, &saved(&mine, slot.name(), REAPED));
    make(&requests, &secrets, &saved(&theirs, other.name(), REAPED));
    let new = |prefix: &str| format!("{prefix}.api.v1");
    let post =
        |name: String, label: &str, of_type: &str, says| ("POST", secrets.clone(), saved(&name, label, of_type), says);
    let change = |method, name: &str, body: Value, says| (method, format!("{secrets}/{name}"), body, says);
    let (reaper, reviver) = (account("reaper", &slot), account("reviver", &slot));
    let pruner = format!("system:serviceaccount:{JOBS}:pruner");
    let mut found = wrong(
        &requests,
        Identity::in_a_pod(&reaper),
        &[
            post(new(slot.name()), slot.name(), REAPED, ""),
            post(new(other.name()), slot.name(), REAPED, NOT_ITS_SLOT),
            post(new(&format!("{}two", slot.name())), slot.name(), REAPED, NOT_ITS_SLOT),
            post(new(slot.name()), other.name(), REAPED, NOT_ITS_SLOT),
            post(new(slot.name()), slot.name(), "Opaque", NOT_ITS_SLOT),
            change("DELETE", &mine, Value::Null, NOT_ITS_SLOT),
            change("PATCH", &mine, json!({"data": {"a": "Yg=="}}), NOT_ITS_SLOT),
        ],
    );
    found.extend(wrong(
        &requests,
        Identity::in_a_pod(&reviver),
        &[
            change("DELETE", &mine, Value::Null, ""),
            change("DELETE", &theirs, Value::Null, NOT_ITS_SLOT),
            post(new(slot.name()), slot.name(), REAPED, NOT_ITS_SLOT),
        ],
    ));
    found.extend(wrong(
        &requests,
        Identity::in_a_pod(&pruner),
        &[
            change("DELETE", &mine, Value::Null, ""),
            change("DELETE", &theirs, Value::Null, ""),
            post(new(slot.name()), slot.name(), REAPED, NOT_ITS_SLOT),
            ("DELETE", in_slot(&slot, "v1", "serviceaccounts/default"), Value::Null, "pruner"),
        ],
    ));
    for name in [&mine, &theirs] {
        assert!(requests.ask(None, "DELETE", &format!("{secrets}/{name}"), None).ok());
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn the_observer_writes_the_evidence_of_slots_and_nothing_else() {
    let _held = installation::shared();
    let _rights = AllRights::give();
    let (requests, slot) = (Requests::start(), TestSlot::free());
    let observer = format!("system:serviceaccount:{JOBS}:observer");
    let own = in_slot(&slot, "hotdesk.dev/v1alpha1", "slots/slot");
    let status = |status: Value, says| ("PATCH", format!("{own}/status"), json!({"status": status}), says);
    let seen = |at: &str| {
        let last_use = json!({"time": "2026-11-29T10:00:00Z", "detail": "a request"});
        json!({"evidence": [{"source": "s", "settings": "x", "at": at, "lastUse": last_use}]})
    };
    let (before, ahead) = (seen("2026-11-29T10:00:00Z"), seen("2099-01-01T00:00:00Z"));
    let verdict = json!({"verdict": {"state": "Idle", "reason": "x", "at": "2026-11-29T10:00:00Z"}});
    let nothing_else = "it writes the status of Slots, and nothing else";
    let found = wrong(
        &requests,
        Identity::in_a_pod(&observer),
        &[
            status(before.clone(), ""),
            status(ahead, "lies ahead"),
            status(verdict, "hotdesk's observer does not write it"),
            status(json!({"lapsedUntil": "2026-11-29T10:00:00Z"}), "hotdesk's observer does not write it"),
            ("PATCH", own.clone(), json!({"spec": {"keepUntil": "2099-01-01T00:00:00Z"}}), "denied the request"),
            (
                "POST",
                in_slot(&slot, "v1", "configmaps"),
                json!({"metadata": {"name": "x"}}),
                "only its holder can deploy there",
            ),
            ("POST", path(SAVED, "v1", "secrets"), saved("x.web.v1", slot.name(), REAPED), nothing_else),
            ("POST", path(JOBS, "v1", "serviceaccounts/pruner/token"), json!({"spec": {}}), nothing_else),
        ],
    );
    // Others do not write it, and nor does who only has its name.
    let only = "only hotdesk's own accounts";
    let reaper = account("reaper", &slot);
    let mut others = wrong(&requests, Identity::in_a_pod(&reaper), &[status(before.clone(), "does not write it")]);
    others.extend(wrong(&requests, Identity::person(&observer), &[status(before, only)]));
    assert!(found.is_empty() && others.is_empty(), "{}\n{}", found.join("\n"), others.join("\n"));
}
