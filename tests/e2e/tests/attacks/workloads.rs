//! Section 3, second part: what runs in a slot, and hotdesk's own accounts.

use std::time::Duration;

use hotdesk_e2e::{TestSlot, until};
use serde_json::{Value, json};

use crate::api::{Actor, Ask, bob, carol, core, group, slot_of};
use crate::kinds::idle_pod;
use crate::stage::{World, create_config_map, running_pod, text, trusted};
use crate::table::{Row, Verdict, held, right, row};
use crate::tokens::{OF_HOTDESK, settled, token};

pub fn rows() -> Vec<Row> {
    [powers(), status(), left_behind(), own()].into_iter().flatten().collect()
}

/// Names that hotdesk gave to its accounts in slots, and that somebody may give to theirs.
const NAMES: [&str; 4] = ["hotdesk-reaper", "hotdesk-reviver", "hotdesk-observer", "hotdesk-access"];

/// The strongest that a holder can be in a slot by such a name: a pod's token.
fn as_reaper_of_old(slot: &TestSlot) -> Actor {
    Actor::account(slot.name(), "hotdesk-reaper").in_a_pod()
}

fn powers() -> Vec<Row> {
    const NONE: &str = "no account that a developer may use can do what the role edit cannot";
    vec![
        row("a26", "bob", "runs a pod as an account of hotdesk's own", NONE, |w| {
            let slot = TestSlot::held_by("bob@example.com");
            for name in NAMES {
                let mut spec = idle_pod();
                spec["serviceAccountName"] = json!(name);
                let pod = json!({"metadata": {"name": name}, "spec": spec});
                let answer = w.api.send(&bob(), Ask::post(core(slot.name(), "pods"), &pod));
                right(answer.ok() || answer.code == 403, || answer.to_string())?;
                has_no_power(w, &slot, name)?;
            }
            Ok(())
        }),
        row("a26", "bob", "uses each account that is in his slot", NONE, |w| {
            let slot = w.bobs();
            let listed = w.api.set_up(Ask::get(core(slot.name(), "serviceaccounts")));
            let names =
                listed["items"].as_array().unwrap().iter().map(|account| text(&account["metadata"]["name"]).to_owned());
            names.collect::<Vec<_>>().iter().try_for_each(|name| has_no_power(w, slot, name))
        }),
        row("a27", "bob's pod", "deletes the administrators' quota, limits and rights", "it lacks the right", |w| {
            let slot = TestSlot::held_by("bob@example.com");
            let limits = json!({"metadata": {"name": "limits"}, "spec": {"limits": []}});
            w.make(&core(slot.name(), "resourcequotas"), &json!({"metadata": {"name": "quota"}, "spec": {"hard": {}}}));
            w.make(&core(slot.name(), "limitranges"), &limits);
            let rbac = group("rbac.authorization.k8s.io/v1", slot.name(), "rolebindings/hotdesk-edit");
            let paths = [core(slot.name(), "resourcequotas/quota"), core(slot.name(), "limitranges/limits"), rbac];
            w.unchanged(slot.name(), || {
                paths
                    .into_iter()
                    .try_for_each(|path| w.api.send(&as_reaper_of_old(&slot), Ask::delete(path)).no_right_or_denied())
            })
        }),
        row("a28", "bob's pod", "reads the ingress controller's log of all slots", "it lacks the right", |w| {
            let path = core("ingress-nginx", "pods/controller/log");
            NAMES.iter().try_for_each(|name| {
                w.api.send(&Actor::account(w.bobs().name(), name).in_a_pod(), Ask::get(&path)).no_right()
            })
        }),
    ]
}

/// Nothing beyond what the role `edit` gives, in the slot and elsewhere.
fn has_no_power(world: &World, slot: &TestSlot, account: &str) -> Verdict {
    let user = format!("system:serviceaccount:{}:{account}", slot.name());
    let within = slot.name();
    let powers = [
        (within, "", "resourcequotas", "", "delete"),
        (within, "", "limitranges", "", "delete"),
        (within, "rbac.authorization.k8s.io", "rolebindings", "", "delete"),
        (within, "hotdesk.dev", "slots", "status", "patch"),
        (within, "hotdesk.dev", "slots", "", "delete"),
        ("ingress-nginx", "", "pods", "log", "get"),
        ("ingress-nginx", "", "pods", "proxy", "get"),
        ("hotdesk", "", "secrets", "", "list"),
        ("hotdesk-jobs", "", "secrets", "", "list"),
        ("hotdesk-saved", "", "secrets", "", "list"),
        (world.alices().name(), "", "secrets", "", "list"),
    ];
    powers.iter().try_for_each(|(namespace, group, resource, sub, verb)| {
        let asked =
            json!({"namespace": namespace, "group": group, "resource": resource, "subresource": sub, "verb": verb});
        let groups = ["system:serviceaccounts", &format!("system:serviceaccounts:{within}"), "system:authenticated"];
        held(!world.is_allowed(&user, &groups, &asked), || format!("{user} may {verb} {resource}/{sub} in {namespace}"))
    })
}

/// What the reaper trusts, and what somebody would like it to read there.
pub fn lies() -> Value {
    let far = "2099-01-01T00:00:00Z";
    json!({
        "covered": [{"source": "nginx", "settings": "x", "since": "2020-01-01T00:00:00Z", "through": far}],
        "reaping": {"since": "2026-01-01T00:00:00Z", "releases": [], "until": far},
        "verdict": {"state": "Idle", "reason": "because", "at": far},
        "lastSession": {"time": far, "by": "ghost", "kind": "exec"},
        "lastDeploy": {"time": far, "release": "web"},
        "lastReap": {"time": far, "releases": ["web"]},
        "nextReapAt": far,
        "phase": "Free",
        "lapsedUntil": far,
        "observed": {"from": "2020-01-01T00:00:00Z", "through": far, "samples": 1},
    })
}

fn status() -> Vec<Row> {
    const DENIED: &str = "it lacks the right, and the status is as before";
    let mut rows: Vec<Row> = lies()
        .as_object()
        .unwrap()
        .clone()
        .into_iter()
        .map(|(field, lie)| {
            let id = match field.as_str() {
                "covered" | "observed" => "a30",
                "reaping" => "a31",
                _ => "a29",
            };
            row(id, "bob's pod", format!("writes status.{field} of its Slot"), DENIED, move |w| {
                let slot = w.bobs();
                let patch = json!({"status": {field.clone(): lie}});
                let ask = || Ask::merge(format!("{}/status", slot_of(slot.name())), &patch);
                let who = NAMES.iter().map(|name| Actor::account(slot.name(), name).in_a_pod());
                who.chain([Actor::account(slot.name(), "default").in_a_pod()])
                    .try_for_each(|who| w.api.send(&who, ask()).no_right_or_denied())?;
                let now = w.slot(slot.name())["status"][&field].clone();
                held(now != lie, || format!("status.{field} is {now}"))
            })
        })
        .collect();
    rows.push(row(
        "a31",
        "bob",
        "claims a slot whose status says that a reap is at work until 2099",
        "the claim works",
        |w| {
            let slot = TestSlot::free();
            let reaping = json!({"status": {"reaping": lies()["reaping"]}});
            let written = w
                .api
                .send(&crate::api::administrator(), Ask::merge(format!("{}/status", slot_of(slot.name())), &reaping));
            // Either nobody can write such a thing at all, or it stands in nobody's way.
            right(written.ok() || [403, 422].contains(&written.code), || written.to_string())?;
            let claim = json!({"spec": {"claim": {"users": ["bob@example.com"], "purpose": "mine"}}});
            w.api.send(&bob(), Ask::merge(slot_of(slot.name()), &claim)).done().map(drop)
        },
    ));
    rows
}

/// A slot of bob's in which the default account may edit, as far as RBAC goes, and what runs is trusted.
fn with_rights(world: &World) -> TestSlot {
    let slot = trusted("bob@example.com");
    world.bind(slot.name(), "edit", &json!({"kind": "ServiceAccount", "name": "default", "namespace": slot.name()}));
    slot
}

/// Bob hands his slot over, as a person does.
pub fn hand_to_carol(world: &World, slot: &TestSlot) -> Verdict {
    let claim = json!({"users": ["carol@example.com"], "handTo": "carol@example.com", "purpose": "search"});
    world.api.send(&bob(), Ask::merge(slot_of(slot.name()), &json!({"spec": {"claim": claim}}))).done().map(drop)
}

fn left_behind() -> Vec<Row> {
    const DENIED: &str = "denied: the new holder does not trust what runs from before";
    vec![
        row(
            "a32",
            "bob",
            "uses the token of a finished pod with a job's name, when carol holds the slot",
            DENIED,
            |w| {
                let slot = with_rights(w);
                let labels = json!({"app.kubernetes.io/name": "slots", "app.kubernetes.io/component": "reaper",
                "batch.kubernetes.io/job-name": "hotdesk-reaper-1", "job-name": "hotdesk-reaper-1"});
                let pod = json!({"metadata": {"name": "hotdesk-reaper-1-x", "labels": labels}, "spec": idle_pod()});
                let pod = w.make(&core(slot.name(), "pods"), &pod);
                let own = Actor::by_token(&w.token_of_pod(slot.name(), "default", &pod));
                w.until_known("the pod's token to work", &own, slot.name(), true);
                let ended = json!({"status": {"phase": "Succeeded"}});
                w.api.set_up(Ask::merge(core(slot.name(), "pods/hotdesk-reaper-1-x/status"), &ended));
                hand_to_carol(w, &slot)?;
                settled(w, &own, slot.name()).denied(&[slot.name(), "system:serviceaccount"])
            },
        ),
        row(
            "a33",
            "bob",
            "uses the token of a pod that still runs, when carol holds the slot",
            DENIED,
            running_pod_of_before,
        ),
        row("a33", "bob's pod", "writes in a slot that bob has released", "denied", |w| {
            let slot = with_rights(w);
            let own = Actor::by_token(&w.pod_with_token(slot.name(), "left", "default"));
            w.until_known("the pod's token to work", &own, slot.name(), true);
            w.api.send(&bob(), Ask::merge(slot_of(slot.name()), &json!({"spec": {"claim": null}}))).done()?;
            settled(w, &own, slot.name()).denied(&[slot.name()])
        }),
        row("a135", "bob", "hands the slot over and says that carol trusts what he left", DENIED, |w| {
            let slot = with_rights(w);
            let own = Actor::by_token(&w.pod_with_token(slot.name(), "left", "default"));
            w.until_known("the pod's token to work", &own, slot.name(), true);
            let claim = json!({"users": ["carol@example.com"], "handTo": "carol@example.com", "trustWorkloads": true});
            w.api.send(&bob(), Ask::merge(slot_of(slot.name()), &json!({"spec": {"claim": claim}}))).done()?;
            let trusts = w.slot(slot.name())["spec"]["claim"]["trustWorkloads"].clone();
            held(trusts != true, || format!("trustWorkloads is {trusts}"))?;
            settled(w, &own, slot.name()).denied(&[slot.name(), "system:serviceaccount"])
        }),
        row("a34", "bob", "uses the token of a pod that is gone", "401", gone_pod),
    ]
}

fn own() -> Vec<Row> {
    const OWNERS: &str = "denied: that is the holder's";
    vec![
        row("a41", "bob's pod", "writes in alice's slot", "denied, naming alice", |w| {
            let (slot, bobs) = (TestSlot::held_by("alice@example.com"), w.bobs().name());
            w.bind(slot.name(), "edit", &json!({"kind": "ServiceAccount", "name": "default", "namespace": bobs}));
            let who = Actor::account(bobs, "default").in_a_pod();
            w.unchanged(slot.name(), || {
                w.api
                    .send(&who, create_config_map(slot.name(), "x"))
                    .denied(&["is held by alice@example.com", &format!(":{bobs}:")])
            })
        }),
        row("a42", "alice's pod", "changes the claim, with every right of RBAC", OWNERS, |w| {
            let (slot, own) = w.pod_of_alices();
            let patches = [
                json!({"spec": {"claim": {"users": ["mallory@example.com"]}}}),
                json!({"spec": {"claim": null}}),
                json!({"spec": {"claim": {"trustWorkloads": false}}}),
                json!({"spec": {"keepUntil": "2099-01-01T00:00:00Z"}}),
                json!({"spec": {"requests": {"reap": {}}}}),
            ];
            patches.iter().try_for_each(|patch| {
                w.api.send(own, Ask::merge(slot_of(slot.name()), patch)).denied(&["is held by alice@example.com"])
            })
        }),
        row("a42", "alice's pod", "changes the Slot's status, with every right of RBAC", "denied", |w| {
            let (slot, own) = w.pod_of_alices();
            w.api
                .send(own, Ask::merge(format!("{}/status", slot_of(slot.name())), &json!({"status": lies()})))
                .denied(&["status"])
        }),
        row("a42", "alice's pod", "makes a token of a day", "denied: an hour at most", |w| {
            let (slot, own) = w.pod_of_alices();
            w.api.send(own, token(slot.name(), "default", 86_400)).denied(&["an hour at most"])
        }),
        row("a42", "alice's pod", "changes a RoleBinding of hotdesk's", "denied: it belongs to hotdesk", |w| {
            let (slot, own) = w.pod_of_alices();
            let path = group("rbac.authorization.k8s.io/v1", slot.name(), "rolebindings/hotdesk-edit");
            w.api.send(own, Ask::merge(path, &json!({"metadata": {"annotations": {"a": "b"}}}))).denied(&[OF_HOTDESK])
        }),
        row("a81", "alice's pod", "forges the stamp of a ConfigMap", "the stamp stays", |w| {
            let (slot, own) = w.pod_of_alices();
            let labels = json!({"hotdesk.dev/owner": "carol_at_example.com", "hotdesk.dev/slot": "mew"});
            let object = json!({"metadata": {"name": "by-a-pod", "labels": labels}});
            // A dry run: another row sees to it that nothing changes in this slot.
            let made = w.api.send(own, Ask::post(core(slot.name(), "configmaps"), &object).dry()).done()?;
            crate::stamp::is_the_claims(w, slot.name(), &made.json)
        }),
    ]
}

fn gone_pod(world: &World) -> Verdict {
    let slot = with_rights(world);
    let own = Actor::by_token(&world.pod_with_token(slot.name(), "gone", "default"));
    world.until_known("the pod's token to work", &own, slot.name(), true);
    world.api.set_up(Ask::delete(core(slot.name(), "pods/gone?gracePeriodSeconds=0")));
    let last = until("the token to end with its pod", Duration::from_secs(30), || {
        let answer = world.api.send(&own, create_config_map(slot.name(), "x").dry());
        if answer.ok() { Err(answer.to_string()) } else { Ok(answer) }
    });
    last.code_of(&[401])
}

fn running_pod_of_before(world: &World) -> Verdict {
    let slot = with_rights(world);
    let pod = running_pod(world, slot.name(), "runs-on", &["sleep", "3600"]);
    let own = Actor::by_token(&world.token_of_pod(slot.name(), "default", &pod));
    world.until_known("the pod's token to work", &own, slot.name(), true);
    hand_to_carol(world, &slot)?;
    settled(world, &own, slot.name()).denied(&[slot.name(), "system:serviceaccount"])?;
    let trust = json!({"spec": {"claim": {"trustWorkloads": true}}});
    world.api.send(&carol(), Ask::merge(slot_of(slot.name()), &trust)).done()?;
    world.until_known("carol's trust to be seen", &own, slot.name(), true);
    Ok(())
}
