//! Section 3, fourth part: hotdesk's own accounts, each with every right of RBAC in a slot. What may they do besides their
//! work?

use std::time::Duration;

use hotdesk_e2e::slot::{SlotBuilder, unique};
use hotdesk_e2e::{TestSlot, until};
use serde_json::{Value, json};

use crate::api::{Actor, Ask, administrator, carol, core, group, slot_of};
use crate::kinds::idle_pod;
use crate::stage::{World, text};
use crate::table::{Row, Verdict, held, right, row};
use crate::workloads::{hand_to_carol, lies};

const JOBS: &str = "hotdesk-jobs";
const SAVED: &str = "hotdesk-saved";
const RBAC: &str = "rbac.authorization.k8s.io";

/// Alice's slot, where the accounts may do anything as far as RBAC goes.
pub fn slot(world: &World) -> TestSlot {
    let slot = TestSlot::held_by("alice@example.com");
    let (name, other) = (slot.name(), world.bobs().name());
    world.make(&core(name, "resourcequotas"), &json!({"metadata": {"name": "quota"}, "spec": {"hard": {}}}));
    world.make(&core(name, "limitranges"), &json!({"metadata": {"name": "limits"}, "spec": {"limits": []}}));
    world.make(&core(name, "configmaps"), &json!({"metadata": {"name": "by-hand"}}));
    let edit = json!({"apiGroup": RBAC, "kind": "ClusterRole", "name": "edit"});
    // As the controller would have it: it has nothing to write.
    let claimants = ["alice@example.com", "github:alice@example.com"]
        .map(|user| json!({"apiGroup": RBAC, "kind": "User", "name": user}));
    let binding = json!({"metadata": {"name": "hotdesk-claimants"}, "roleRef": edit, "subjects": claimants});
    world.make(&group("rbac.authorization.k8s.io/v1", name, "rolebindings"), &binding);
    let accounts = [
        (format!("reaper-{name}"), JOBS),
        (format!("reviver-{name}"), JOBS),
        (format!("reaper-{other}"), JOBS),
        (format!("reaper-{name}"), "elsewhere"),
        ("hotdesk-controller".to_owned(), "hotdesk"),
        ("hotdesk-webhook".to_owned(), "hotdesk"),
        ("hotdesk-sync".to_owned(), "hotdesk"),
    ];
    for (account, namespace) in accounts {
        world.bind(name, "cluster-admin", &json!({"kind": "ServiceAccount", "name": account, "namespace": namespace}));
    }
    slot
}

fn reaper_of(slot: &str) -> Actor {
    Actor::account(JOBS, &format!("reaper-{slot}")).in_a_pod()
}

pub fn rows() -> Vec<Row> {
    let mut rows = statuses();
    rows.extend(others());
    rows
}

/// Each account writes its own fields of the status, and no other account does.
fn statuses() -> Vec<Row> {
    type Who = fn(&World, &str) -> Actor;
    let tried: [(&str, &str, Who, &[&str]); 7] = [
        (
            "a139",
            "a reaper's namesake of another namespace",
            |_, slot| Actor::account("elsewhere", &format!("reaper-{slot}")).in_a_pod(),
            &["nextReapAt", "covered"],
        ),
        ("a139", "the reaper of another slot", |w, _| reaper_of(w.bobs().name()), &["nextReapAt", "covered"]),
        (
            "a139",
            "the reaper without a pod's token",
            |_, slot| Actor::account(JOBS, &format!("reaper-{slot}")),
            &["nextReapAt", "covered"],
        ),
        ("a140", "the reaper", |_, slot| reaper_of(slot), &["phase", "lapsedUntil", "lastSession"]),
        (
            "a140",
            "the reviver",
            |_, slot| Actor::account(JOBS, &format!("reviver-{slot}")).in_a_pod(),
            &["verdict", "covered", "reaping", "phase"],
        ),
        (
            "a140",
            "the controller",
            |_, _| Actor::account("hotdesk", "hotdesk-controller").in_a_pod(),
            &["verdict", "covered", "lastSession"],
        ),
        (
            "a140",
            "the webhook",
            |_, _| Actor::account("hotdesk", "hotdesk-webhook").in_a_pod(),
            &["verdict", "covered", "phase", "reaping"],
        ),
    ];
    tried
        .into_iter()
        .map(|(id, who, actor, fields)| {
            let what = format!("writes {} of the Slot's status", fields.join(", "));
            row(id, who, what, "denied, and the status is as before", move |w| {
                let slot = w.own_accounts().name();
                fields.iter().try_for_each(|field| writes_status(w, slot, &actor(w, slot), field))
            })
        })
        .collect()
}

fn writes_status(world: &World, slot: &str, who: &Actor, field: &str) -> Verdict {
    let lie = lies()[field].clone();
    let patch = json!({"status": {field: lie}});
    world.api.send(who, Ask::merge(format!("{}/status", slot_of(slot)), &patch)).denied(&["status"])?;
    let now: Value = world.slot(slot)["status"][field].clone();
    held(now != lie, || format!("status.{field} is {now}"))
}

fn others() -> Vec<Row> {
    vec![
        row("a141", "the reaper", "takes the slot", "denied; nothing changes", |w| {
            let slot = w.own_accounts().name();
            let claim = json!({"spec": {"claim": {"users": ["mallory@example.com"]}}});
            w.unchanged(slot, || w.api.send(&reaper_of(slot), Ask::merge(slot_of(slot), &claim)).denied(&[slot]))
        }),
        row(
            "a142",
            "the reaper",
            "deletes what no release owns, and what administrators set",
            "denied, each of it",
            reaper_deletes,
        ),
        row("a142", "the reaper", "makes a pod, a Secret and a Role", "denied, each of it", |w| {
            let slot = w.own_accounts().name();
            let named = |more: Value| {
                let mut object = more;
                object["metadata"] = json!({"name": "attack"});
                object
            };
            let asks = [
                Ask::post(core(slot, "pods"), &named(json!({"spec": idle_pod()}))),
                Ask::post(core(slot, "secrets"), &named(json!({}))),
                Ask::post(group("rbac.authorization.k8s.io/v1", slot, "roles"), &named(json!({"rules": []}))),
            ];
            w.unchanged(slot, || asks.into_iter().try_for_each(|ask| w.api.send(&reaper_of(slot), ask).denied(&[slot])))
        }),
        row("a146", "the reaper", "saves a release of another slot", "denied", |w| {
            let slot = w.own_accounts().name();
            let metadata = json!({"name": unique(w.bobs().name()), "labels": {"hotdesk.dev/slot": w.bobs().name()}});
            let saved = json!({"type": "hotdesk.dev/reaped-release", "metadata": metadata});
            w.api.send(&reaper_of(slot), Ask::post(core(SAVED, "secrets"), &saved)).denied(&["reaper-", SAVED])
        }),
        row(
            "a149",
            "the reviver",
            "goes on with what bob asked for when alice holds the slot",
            "denied; nothing changes",
            |w| {
                // Not the slot of the other rows: what its status says counts for all of them.
                let slot = TestSlot::held_by("alice@example.com");
                let name = slot.name();
                let account = format!("reviver-{name}");
                w.bind(name, "cluster-admin", &json!({"kind": "ServiceAccount", "name": account, "namespace": JOBS}));
                let reviver = Actor::account(JOBS, &account).in_a_pod();
                let write = || Ask::post(core(name, "configmaps"), &json!({"metadata": {"name": "late"}}));
                w.until_known("the reviver's rights", &reviver, name, true);
                let told = json!({"status": {"request": {"id": "bobs", "kind": "revive", "phase": "Succeeded"}}});
                w.api.set_up(Ask::merge(format!("{}/status", slot_of(name)), &told));
                w.until_known("the status of the Slot", &reviver, name, false);
                let denied = ["reviver-", "who asked for the revive does not hold slot"];
                w.unchanged(name, || w.api.send(&reviver, write()).denied(&denied))
            },
        ),
        row(
            "a149",
            "the reviver",
            "goes on with what bob asked for when carol, who holds the slot, asks for a revive of hers",
            "denied, and let in with the id of her claim",
            goes_on_beside_the_next_holders,
        ),
        row("a152", "the reviver", "brings back what a holder forged for carol", "carol is named by nothing", |w| {
            let slot = w.own_accounts().name();
            let reviver = Actor::account(JOBS, &format!("reviver-{slot}")).in_a_pod();
            let named = |person: &str| json!({"name": "forged", "labels": {"hotdesk.dev/for": person}});
            let config_map =
                |person: &str| Ask::post(core(slot, "configmaps"), &json!({"metadata": named(person)})).dry();
            let said = |answer: &Value| answer["metadata"]["labels"]["hotdesk.dev/for"].clone();
            let of_carol = w.api.send(&reviver, config_map("carol_at_example.com")).done()?;
            held(said(&of_carol.json).is_null(), || of_carol.to_string())?;
            let of_alice = w.api.send(&reviver, config_map("alice_at_example.com")).done()?;
            right(said(&of_alice.json) == "alice_at_example.com", || of_alice.to_string())?;
            let mut template = json!({"metadata": named("carol_at_example.com"), "spec": idle_pod()});
            template["metadata"]["labels"]["app"] = json!("forged");
            let spec = json!({"selector": {"matchLabels": {"app": "forged"}}, "template": template});
            let deployment = json!({"metadata": {"name": "forged"}, "spec": spec});
            let ask = Ask::post(group("apps/v1", slot, "deployments"), &deployment).dry();
            w.api.send(&reviver, ask).denied(&["spec.template", "hotdesk.dev/for"])
        }),
        row("a147", "the controller", "makes a Job of another image as a reaper", "denied", |w| {
            let slot = w.own_accounts().name();
            let mut spec = idle_pod();
            spec["restartPolicy"] = json!("Never");
            spec["serviceAccountName"] = json!(format!("reaper-{slot}"));
            let metadata = json!({"name": unique("attack"), "labels": {"hotdesk.dev/slot": slot}});
            let job = json!({"metadata": metadata, "spec": {"suspend": true, "template": {"spec": spec}}});
            let controller = Actor::account("hotdesk", "hotdesk-controller").in_a_pod();
            w.api.send(&controller, Ask::post(group("batch/v1", JOBS, "jobs"), &job)).denied(&["controller"])
        }),
        row(
            "a154",
            "the controller",
            "gives somebody else the rights of a claimant",
            "denied; alice has them",
            gives_rights,
        ),
        row("a155", "the sync", "writes in a slot what is not an Event", "denied, each of it", |w| {
            let slot = w.own_accounts().name();
            let sync = sync();
            let by_hand = core(slot, "configmaps/by-hand");
            let binding = group("rbac.authorization.k8s.io/v1", slot, "rolebindings/hotdesk-claimants");
            let asks = [
                Ask::post(core(slot, "configmaps"), &json!({"metadata": {"name": "attack"}})),
                Ask::delete(by_hand),
                Ask::merge(
                    binding,
                    &json!({"subjects": [{"apiGroup": RBAC, "kind": "User", "name": "alice@example.com"}]}),
                ),
            ];
            w.unchanged(slot, || asks.into_iter().try_for_each(|ask| w.api.send(&sync, ask).denied(&[slot])))?;
            let regarding = json!({"kind": "Slot", "namespace": slot, "name": "slot"});
            let event = json!({"metadata": {"generateName": "sync-"}, "regarding": regarding, "action": "Claim",
                "reason": "Claimed", "type": "Normal", "note": "a row of a test", "reportingController": "hotdesk-sync",
                "reportingInstance": "test", "eventTime": "2026-11-30T12:00:00.000000Z"});
            w.api.send(&sync, Ask::post(group("events.k8s.io/v1", slot, "events"), &event).dry()).done().map(drop)
        }),
        row(
            "a160",
            "a sheet",
            "gives a free slot alice's host, one below it, one above it",
            "denied, each",
            takes_host,
        ),
        row(
            "a161",
            "a sheet",
            "names alice beside somebody else in her slot's row",
            "denied: the claim is hers",
            |w| {
                let slot = TestSlot::held_by("alice@example.com");
                let beside = json!({"users": ["mallory@example.com", "alice@example.com"], "source": "sheet"});
                let aliased =
                    json!({"users": ["mallory@example.com"], "aliases": ["alice@example.com"], "source": "sheet"});
                let hers = json!({"users": ["alice@example.com"], "source": "sheet"});
                w.unchanged(slot.name(), || {
                    [beside, aliased, hers, Value::Null].iter().try_for_each(|claim| {
                        let ask = Ask::merge(slot_of(slot.name()), &json!({"spec": {"claim": claim}}));
                        w.api.send(&sync(), ask).denied(&["was not made in the sheet, and is in force"])
                    })
                })
            },
        ),
    ]
}

/// A revive stands in the Slot, and it is carol's: only the id of the claim tells that what the reviver is at is not.
fn goes_on_beside_the_next_holders(world: &World) -> Verdict {
    // Without a reaper the controller refuses each request at once, and writes nothing more of it.
    let slot = SlotBuilder::held_by(&["bob@example.com"]).reaper(json!({"enabled": false})).make();
    let name = slot.name();
    let account = format!("reviver-{name}");
    world.bind(name, "cluster-admin", &json!({"kind": "ServiceAccount", "name": account, "namespace": JOBS}));
    let reviver = Actor::account(JOBS, &account).in_a_pod();
    world.until_known("the reviver's rights", &reviver, name, true);
    let bobs = text(&world.slot(name)["metadata"]["annotations"]["hotdesk.dev/claim-id"]).to_owned();
    hand_to_carol(world, &slot)?;
    world.api.send(&carol(), Ask::merge(slot_of(name), &json!({"spec": {"requests": {"revive": {}}}}))).done()?;
    let carols = until("carol's request to be over", Duration::from_secs(30), || {
        let slot = world.slot(name);
        let (asked, told) = (&slot["spec"]["requests"]["revive"], &slot["status"]["request"]);
        let over = told["phase"] == "Refused" && told["id"] == asked["id"] && told["claimID"] == asked["claimID"];
        if over { Ok(text(&told["claimID"]).to_owned()) } else { Err(slot.to_string()) }
    });
    let differ = !bobs.is_empty() && !carols.is_empty() && bobs != carols;
    right(differ, || format!("the ids of the claims are {bobs:?} and {carols:?}"))?;
    let is_at = |claim: &str| {
        let told = json!({"status": {"request": {"claimID": claim}}});
        world.api.set_up(Ask::merge(format!("{}/status", slot_of(name)), &told));
    };
    let write = || Ask::post(core(name, "configmaps"), &json!({"metadata": {"name": "late"}}));
    is_at(&bobs);
    world.until_known("the revive of bob's claim", &reviver, name, false);
    world.api.send(&reviver, write()).denied(&["reviver-", "who asked for the revive does not hold slot"])?;
    // Not by a snapshot: the restamper is at work after a hand-over.
    let late = world.api.send(&administrator(), Ask::get(core(name, "configmaps/late")));
    held(late.code == 404, || late.to_string())?;
    is_at(&carols);
    world.until_known("the revive of carol's claim", &reviver, name, true);
    world.api.send(&reviver, write()).done().map(drop)
}

fn sync() -> Actor {
    Actor::account("hotdesk", "hotdesk-sync").in_a_pod()
}

fn takes_host(world: &World) -> Verdict {
    let (slot, host) = (TestSlot::free(), world.street().host());
    let give = |host: &str| {
        let ask = Ask::merge(slot_of(slot.name()), &json!({"spec": {"host": host}}));
        world.api.send(&sync(), ask.dry())
    };
    let above = host.split_once('.').map(|(_, above)| above.to_owned()).unwrap_or_default();
    for foreign in [host.clone(), format!("api.{host}"), above, "com".to_owned()] {
        give(&foreign).denied(&["spec.host", &foreign])?;
    }
    give(&format!("{}.example.com", slot.name())).done().map(drop)
}

fn gives_rights(world: &World) -> Verdict {
    let slot = world.own_accounts().name();
    let controller = Actor::account("hotdesk", "hotdesk-controller").in_a_pod();
    let give = |kind: &str, name: &str| {
        let subject = json!({"apiGroup": if kind == "ServiceAccount" { "" } else { RBAC }, "kind": kind, "name": name,
            "namespace": if kind == "ServiceAccount" { json!("elsewhere") } else { Value::Null }});
        let path = group("rbac.authorization.k8s.io/v1", slot, "rolebindings/hotdesk-claimants");
        world.api.send(&controller, Ask::merge(path, &json!({"subjects": [subject]})).dry())
    };
    let strangers = [
        ("User", "mallory@example.com"),
        ("User", "system:anonymous"),
        ("User", "github:mallory@example.com"),
        ("Group", "alice@example.com"),
        ("Group", "system:authenticated"),
        ("ServiceAccount", "alice"),
    ];
    for (kind, name) in strangers {
        give(kind, name).denied(&["to those alone whom its claim names, and not to", name])?;
    }
    for name in ["alice@example.com", "github:alice@example.com"] {
        give("User", name).done()?;
    }
    let other = group("rbac.authorization.k8s.io/v1", slot, "rolebindings");
    let binding = json!({"metadata": {"name": "mine"}, "subjects": [{"apiGroup": RBAC, "kind": "User", "name": "mallory"}],
        "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": "edit"}});
    world.api.send(&controller, Ask::post(other, &binding).dry()).denied(&[slot])
}

fn reaper_deletes(world: &World) -> Verdict {
    let slot = world.own_accounts().name();
    let rbac = |rest: &str| group("rbac.authorization.k8s.io/v1", slot, rest);
    let paths = [
        core(slot, "resourcequotas/quota"),
        core(slot, "limitranges/limits"),
        core(slot, "configmaps/by-hand"),
        core(slot, "serviceaccounts/default"),
        rbac("rolebindings/hotdesk-edit"),
        slot_of(slot),
    ];
    world.unchanged(slot, || {
        paths.into_iter().try_for_each(|path| world.api.send(&reaper_of(slot), Ask::delete(path)).denied(&[slot]))
    })
}
