//! Section 4, first part: who writes the Slot, and which of its fields.

use hotdesk_e2e::slot::unique;
use hotdesk_e2e::{TestSlot, admin, people};
use serde_json::{Value, json};

use crate::api::{Actor, Ask, alice, bob, group, slot_of};
use crate::expect::turned_away;
use crate::stage::World;
use crate::table::{DENIED, Row, Verdict, held, right, row};

pub fn rows() -> Vec<Row> {
    [anothers(), metadata(), lapsed(), own(), status(), whole(), commands(), wishes()].into_iter().flatten().collect()
}

const HELD: [&str; 1] = ["is held by alice@example.com"];

/// A merge patch of alice's Slot by bob.
fn by_bob(id: &'static str, what: &'static str, patch: Value) -> Row {
    row(id, "bob", what, DENIED, move |w| w.denied(&bob(), |h| Ask::merge(h.slot(), &patch)))
}

fn anothers() -> Vec<Row> {
    let claim = |claim: Value| json!({"spec": {"claim": claim}});
    vec![
        by_bob("a45", "takes alice's slot", claim(json!({"users": ["bob@example.com"]}))),
        by_bob(
            "a45",
            "adds himself to alice's claim",
            claim(json!({"users": ["alice@example.com", "bob@example.com"]})),
        ),
        by_bob("a45", "adds a group of his to alice's claim", claim(json!({"groups": ["developers"]}))),
        by_bob("a45", "adds himself as another name of alice's", claim(json!({"aliases": ["bob@example.com"]}))),
        by_bob("a45", "releases alice's slot", claim(Value::Null)),
        by_bob("a45", "ends alice's claim", claim(json!({"until": "2020-01-01T00:00:00Z"}))),
        by_bob("a45", "changes the purpose of alice's claim", claim(json!({"purpose": "mine"}))),
        by_bob(
            "a45",
            "has alice's slot handed to him",
            claim(json!({"users": ["alice@example.com", "bob@example.com"], "handTo": "bob@example.com"})),
        ),
        by_bob("a45", "says that alice trusts what runs", claim(json!({"trustWorkloads": true}))),
        by_bob("a45", "keeps alice's slot", json!({"spec": {"keepUntil": "2099-01-01T00:00:00Z"}})),
        by_bob("a45", "has alice's slot cleared", json!({"spec": {"clearAfter": "2026-01-01T00:00:00Z"}})),
        by_bob(
            "a45",
            "sets the mode of alice's slot",
            json!({"spec": {"mode": "audit", "keepUntil": "2099-01-01T00:00:00Z"}}),
        ),
        row("a51", "bob", "applies alice's own values with force", DENIED, |w| {
            let spec = json!({"claim": {"users": ["alice@example.com"], "purpose": "checkout"}});
            w.denied(&bob(), |h| Ask::apply(h.slot(), &slot_object(&spec)))
        }),
        row("a55", "bob", "claims a free slot in alice's name", "denied: only for oneself, first", |w| {
            claims_for(w, &["alice@example.com"])
        }),
        row("a55", "bob", "claims a free slot with himself second", "denied: only for oneself, first", |w| {
            claims_for(w, &["alice@example.com", "bob@example.com"])
        }),
    ]
}

fn slot_object(spec: &Value) -> Value {
    json!({"apiVersion": "hotdesk.dev/v1alpha1", "kind": "Slot", "metadata": {"name": "slot"}, "spec": spec})
}

fn claims_for(world: &World, users: &[&str]) -> Verdict {
    let name = world.free().name();
    let patch = json!({"spec": {"claim": {"users": users, "purpose": "for a friend"}}});
    world.unchanged(name, || {
        world.api.send(&bob(), Ask::merge(slot_of(name), &patch)).denied(&["bob@example.com", "spec.claim.users"])
    })
}

fn metadata() -> Vec<Row> {
    let annotation = |key: &str, value: &str| json!({"metadata": {"annotations": {key: value}}});
    vec![
        by_bob(
            "a46",
            "changes when alice claimed the slot",
            annotation("hotdesk.dev/claimed-at", "2020-01-01T00:00:00Z"),
        ),
        by_bob("a46", "changes when somebody lost the slot", annotation("hotdesk.dev/lost-at", "2020-01-01T00:00:00Z")),
        by_bob(
            "a46",
            "changes whom a deployer may name",
            annotation("hotdesk.dev/claimant-labels", "bob_at_example.com"),
        ),
        by_bob("a46", "changes the id of alice's claim", annotation("hotdesk.dev/claim-id", "another")),
        by_bob("a46", "labels alice's Slot", json!({"metadata": {"labels": {"size": "large"}}})),
        by_bob("a46", "adds a finalizer to alice's Slot", json!({"metadata": {"finalizers": ["example.com/attack"]}})),
        by_bob("a46", "clears who manages the fields of alice's Slot", json!({"metadata": {"managedFields": [{}]}})),
    ]
}

/// What a claim is known by, besides its names.
fn marks(world: &World, namespace: &str) -> Value {
    let slot = world.slot(namespace);
    let kept = ["hotdesk.dev/claimed-at", "hotdesk.dev/lost-at", "hotdesk.dev/claim-id", "hotdesk.dev/claimants"];
    json!([kept.map(|key| slot["metadata"]["annotations"][key].clone()), slot["spec"]])
}

fn lapsed() -> Vec<Row> {
    const SAME: &str = "denied, or nothing changes, however often it is done";
    type To = fn(&str) -> Ask;
    let writes: [(&str, &str, To); 6] = [
        ("a47", "takes a reserved label off a lapsed Slot", |at| {
            Ask::merge(at, &json!({"metadata": {"labels": {"hotdesk.dev/slot": null}}}))
        }),
        ("a47", "changes the owner's label of a lapsed Slot", |at| {
            Ask::merge(at, &json!({"metadata": {"labels": {"hotdesk.dev/owner": "bob_at_example.com"}}}))
        }),
        ("a48", "patches a lapsed Slot with nothing", |at| Ask::merge(at, &json!({}))),
        ("a48", "annotates a lapsed Slot", |at| Ask::merge(at, &json!({"metadata": {"annotations": {"a": "b"}}}))),
        ("a48", "applies the same values to a lapsed Slot", |at| {
            let claim = json!({"users": ["alice@example.com"], "purpose": "checkout", "until": "2020-01-01T00:00:00Z"});
            Ask::apply(at, &slot_object(&json!({"claim": claim})))
        }),
        ("a48", "tests a lapsed Slot by a JSON patch", |at| {
            Ask::json_patch(at, &json!([{"op": "test", "path": "/metadata/name", "value": "slot"}]))
        }),
    ];
    let mut rows: Vec<Row> = writes
        .into_iter()
        .map(|(id, what, ask)| {
            row(id, "bob", what, SAME, move |w| {
                let slot = w.lapsed();
                let before = marks(w, slot.name());
                for _ in 0..3 {
                    let answer = w.api.send(&bob(), ask(&slot_of(slot.name())));
                    right(answer.ok() || answer.code == 403, || answer.to_string())?;
                }
                let after = marks(w, slot.name());
                held(before == after, || format!("{before} -> {after}"))
            })
        })
        .collect();
    rows.push(row("a137", "alice", "deploys by a claim that has lapsed", "denied by webhook and policy alike", |w| {
        let slot = w.lapsed().name();
        w.unchanged(slot, || {
            w.api
                .send(&alice(), crate::stage::create_config_map(slot, "x"))
                .denied(&["lapsed", "alice@example.com"])?;
            // What is deleted meets the policy, which has no clock: the controller tells it.
            hotdesk_e2e::until("the controller to tell of the lapse", std::time::Duration::from_secs(60), || {
                let delete = Ask::delete(crate::api::core(slot, "configmaps/kube-root-ca.crt")).dry();
                let answer = w.api.send(&alice(), delete);
                let told = w.slot(slot)["status"]["lapsedUntil"].is_string();
                if told && answer.message().contains("lapsed") { Ok(()) } else { Err(answer.to_string()) }
            });
            Ok(())
        })
    }));
    rows
}

fn own() -> Vec<Row> {
    const ADMINISTRATORS: &str = "denied: the administrators' alone";
    let fields = [
        ("the mode", json!({"spec": {"mode": "warn"}}), "spec.mode"),
        ("the host", json!({"spec": {"host": "mine.example.com"}}), "spec.host"),
        ("a finalizer", json!({"metadata": {"finalizers": ["example.com/x"]}}), "metadata.finalizers"),
        (
            "an owner",
            json!({"metadata": {"ownerReferences": [{"apiVersion": "v1", "kind": "ConfigMap", "name": "x", "uid": "y"}]}}),
            "metadata.ownerReferences",
        ),
    ];
    let mut rows: Vec<Row> = fields
        .into_iter()
        .map(|(what, patch, field)| {
            row("a49", "alice", format!("sets {what} of her own Slot"), ADMINISTRATORS, move |w| {
                w.denied_saying(&alice(), &[field, "only administrators can change it"], |h| {
                    Ask::merge(h.slot(), &patch)
                })
            })
        })
        .collect();
    rows.extend(
        [
            "helm.sh/resource-policy",
            "app.kubernetes.io/managed-by",
            "argocd.argoproj.io/sync-options",
            "tanka.dev/environment",
        ]
        .map(|key| {
            row("a49", "alice", format!("annotates her own Slot with {key}"), ADMINISTRATORS, move |w| {
                let patch = json!({"metadata": {"annotations": {key: "x"}}});
                w.denied_saying(&alice(), &[key, "only administrators can change it"], |h| Ask::merge(h.slot(), &patch))
            })
        }),
    );
    rows.push(row(
        "a49",
        "alice",
        "fills her own Slot with labels, for who comes after her",
        "denied, and the bound is told",
        |w| {
            let labels: serde_json::Map<String, Value> = (0..33).map(|i| (format!("k{i}"), json!("x"))).collect();
            let patch = json!({"metadata": {"labels": labels}});
            w.denied_saying(&alice(), &["metadata.labels", "32"], |h| Ask::merge(h.slot(), &patch))
        },
    ));
    rows.push(row("a49", "bob", "has the administrator's next kubectl apply end the next claim", "it does not", noted));
    rows.push(row(
        "a49",
        "bob",
        "keeps a slot for decades, and releases it afterwards",
        "the next holder keeps nothing",
        |w| {
            let slot = TestSlot::held_by("bob@example.com");
            let kept = json!({"spec": {"keepUntil": "2099-01-01T00:00:00Z"}});
            w.api.send(&bob(), Ask::merge(slot_of(slot.name()), &kept)).done()?;
            w.api.send(&bob(), Ask::merge(slot_of(slot.name()), &json!({"spec": {"claim": null}}))).done()?;
            let claim = json!({"spec": {"claim": {"users": ["alice@example.com"]}}});
            w.api.send(&alice(), Ask::merge(slot_of(slot.name()), &claim)).done()?;
            let left = w.slot(slot.name())["spec"]["keepUntil"].clone();
            held(left.is_null(), || left.to_string())
        },
    ));
    rows.push(row("a50", "alice", "applies the host of her own Slot as it is, with force", ADMINISTRATORS, co_owns));
    rows.push(row("a134", "alice", "sets the id and the times of her own claim", "they stay as they were", |w| {
        let slot = w.workshop();
        let before = marks(w, slot.name());
        for key in ["hotdesk.dev/claim-id", "hotdesk.dev/claimed-at", "hotdesk.dev/lost-at"] {
            for value in [json!("2020-01-01T00:00:00Z"), Value::Null] {
                let patch = json!({"metadata": {"annotations": {key: value}}});
                let answer = w.api.send(&alice(), Ask::merge(slot_of(slot.name()), &patch));
                right(answer.ok() || answer.code == 403, || answer.to_string())?;
            }
        }
        let after = marks(w, slot.name());
        held(before == after, || format!("{before} -> {after}"))
    }));
    rows
}

/// kubectl removes what its note of the last apply names and the file does not.
fn noted(world: &World) -> Verdict {
    const NOTED: &str = "kubectl.kubernetes.io/last-applied-configuration";
    let slot = TestSlot::held_by("bob@example.com");
    let before = world.slot(slot.name())["metadata"]["annotations"][NOTED].clone();
    let forged = slot_object(&json!({"claim": {"users": ["bob@example.com"]}})).to_string();
    let patch = json!({"metadata": {"annotations": {NOTED: forged, "own": "x"}}});
    world.api.send(&bob(), Ask::merge(slot_of(slot.name()), &patch)).done()?;
    let annotations = world.slot(slot.name())["metadata"]["annotations"].clone();
    held(annotations["own"] == "x" && annotations[NOTED] == before, || annotations.to_string())
}

/// The owner of a field by server-side apply stands in the way of the administrators' next upgrade.
fn co_owns(world: &World) -> Verdict {
    let slot = TestSlot::held_by("alice@example.com");
    let spec = json!({"host": "mew.dev.example.com"});
    let by_helm = || {
        let path = format!("{}?fieldManager=helm", slot_of(slot.name()));
        Ask::new(http::Method::PATCH, path, "application/apply-patch+yaml", slot_object(&spec).to_string().into_bytes())
    };
    world.api.set_up(by_helm());
    let answer = world.api.send(&alice(), Ask::apply(slot_of(slot.name()), &slot_object(&spec)));
    answer.denied(&["spec.host", "administrators"])?;
    let mut other = slot_object(&json!({"host": "pikachu.dev.example.com"})).to_string().into_bytes();
    other.push(b'\n');
    let path = format!("{}?fieldManager=helm", slot_of(slot.name()));
    let upgrade = Ask::new(http::Method::PATCH, path, "application/apply-patch+yaml", other);
    world.api.send(&crate::api::administrator(), upgrade).done().map(drop)
}

fn status() -> Vec<Row> {
    let forged = || json!({"status": {"nextReapAt": "2099-01-01T00:00:00Z"}});
    type Who = fn(&World) -> Actor;
    let people: [(&str, Who); 3] = [("alice", |_| alice()), ("bob", |_| bob()), ("mallory", |w| w.mallory())];
    people
        .into_iter()
        .map(|(who, actor)| {
            row("a52", who, "writes the status of alice's Slot", "denied; the status is as before", move |w| {
                let house = w.alices();
                let answer = w.api.send(&actor(w), Ask::merge(format!("{}/status", house.slot()), &forged()));
                if who == "mallory" {
                    answer.denied(&["status"])?;
                } else {
                    answer.no_right()?;
                }
                let next = w.slot(house.name())["status"]["nextReapAt"].clone();
                held(next != "2099-01-01T00:00:00Z", || next.to_string())
            })
        })
        .collect()
}

fn whole() -> Vec<Row> {
    const ADMINISTRATORS: &str = "denied: only administrators can create and delete Slots";
    let says = ["only administrators can create and delete Slots"];
    vec![
        row("a53", "mallory", "deletes alice's Slot", ADMINISTRATORS, move |w| {
            w.denied_saying(&w.mallory(), &says, |h| Ask::delete(h.slot()))
        }),
        row("a53", "mallory", "deletes all Slots of a namespace", ADMINISTRATORS, move |w| {
            w.denied_saying(&w.mallory(), &says, |h| Ask::delete(group("hotdesk.dev/v1alpha1", h.name(), "slots")))
        }),
        row("a53", "mallory", "makes a Slot where there is none", ADMINISTRATORS, move |w| {
            let name = unique("slotless");
            let _namespace = TestSlot::adopt(&name);
            w.make("/api/v1/namespaces", &json!({"metadata": {"name": name}}));
            let object = slot_object(&json!({"claim": {"users": ["mallory@example.com"]}}));
            let create = Ask::post(group("hotdesk.dev/v1alpha1", &name, "slots"), &object);
            w.api.send(&w.mallory(), create).denied(&says)?;
            w.api.send(&w.mallory(), Ask::apply(slot_of(&name), &object)).denied(&says)
        }),
    ]
}

fn commands() -> Vec<Row> {
    const HOLDER: &str = "alice@example.com";
    let typed: [(&str, &[&str], &str); 6] = [
        ("hotdesk keep --force", &["keep", "@", "4h", "--force"], HOLDER),
        ("hotdesk release --force", &["release", "@", "--force"], HOLDER),
        ("hotdesk hand --force", &["hand", "@", "bob@example.com", "--force"], HOLDER),
        ("hotdesk claim", &["claim", "@", "--purpose", "mine"], HOLDER),
        ("hotdesk reap", &["reap", "@"], HOLDER),
        // The command says so before it asks; a130 writes the wish itself.
        ("hotdesk revive", &["revive", "@"], "nothing is saved"),
    ];
    typed
        .into_iter()
        .map(|(what, args, why)| {
            row(
                "a54",
                "bob",
                format!("types {what} for alice's slot"),
                "refused, saying why; nothing changes",
                move |w| {
                    let house = w.alices();
                    let args: Vec<&str> = args.iter().map(|arg| if *arg == "@" { house.name() } else { arg }).collect();
                    w.unchanged(house.name(), || turned_away(&people::bob().hotdesk(&args), &[why]))
                },
            )
        })
        .collect()
}

/// Wishes that hotdesk carries out for the holder.
fn wishes() -> Vec<Row> {
    let mut rows: Vec<Row> = ["reap", "revive", "purge"]
        .into_iter()
        .map(|builder| {
            let patch = json!({"spec": {"requests": {builder: {}}}});
            row("a130", "bob", format!("asks for a {builder} of alice's slot"), DENIED, move |w| {
                w.denied_saying(&bob(), &HELD, |h| Ask::merge(h.slot(), &patch))
            })
        })
        .collect();
    rows.push(row("a130", "bob", "asks for a reap in another's name and of another claim", "hotdesk writes who and what", |w| {
        let slot = w.desk();
        let forged = json!({"id": "forged", "claimID": "forged", "by": "alice@example.com", "at": "2020-01-01T00:00:00Z", "dryRun": true});
        let answer = w.api.send(&bob(), Ask::merge(slot_of(slot.name()), &json!({"spec": {"requests": {"reap": forged}}})));
        if !answer.ok() {
            return answer.refused(&["requests"]);
        }
        let stored = &answer.json["spec"]["requests"]["reap"];
        let own = stored["by"] == "bob@example.com" && stored["id"] != "forged" && stored["claimID"] != "forged";
        held(own && stored["at"] != "2020-01-01T00:00:00Z", || stored.to_string())
    }));
    rows.push(row("a131", "bob", "asks for a reap of a free slot", "denied; nothing changes", |w| {
        let slot = w.free().name();
        let patch = json!({"spec": {"requests": {"reap": {}}}});
        w.unchanged(slot, || w.api.send(&bob(), Ask::merge(slot_of(slot), &patch)).denied(&["nobody holds the slot"]))
    }));
    rows.push(row(
        "a132",
        "bob",
        "leaves a wish behind when he hands the slot over",
        "it is gone with the claim",
        |w| {
            let slot = TestSlot::held_by("bob@example.com");
            let builder = json!({"spec": {"requests": {"reap": {"dryRun": true}}}});
            w.api.send(&bob(), Ask::merge(slot_of(slot.name()), &builder)).done()?;
            let claim = json!({"spec": {"claim": {"users": ["carol@example.com"], "handTo": "carol@example.com"}}});
            w.api.send(&bob(), Ask::merge(slot_of(slot.name()), &claim)).done()?;
            let left = w.slot(slot.name())["spec"]["requests"]["reap"].clone();
            held(left.is_null(), || left.to_string())
        },
    ));
    rows
}

/// The administrator's own view of all Slots still works.
pub fn list_works(world: &World) -> Verdict {
    world.api.set_up(Ask::get("/apis/hotdesk.dev/v1alpha1/slots"));
    let listed = admin().hotdesk(&["list", "-o", "json"]);
    right(listed.ok(), || listed.to_string())
}
