//! Section 1: writes into somebody else's slot.

use hotdesk_e2e::people::{self, chart};
use hotdesk_e2e::slot::unique;
use hotdesk_e2e::{CommandOutput, Helm, Person, TestSlot, admin};
use serde_json::{Value, json};

use crate::api::{Actor, Ask, anonymous, bob, core, group};
use crate::expect::turned_away;
use crate::gated::{Gated, Resource};
use crate::kinds::{Kind, idle_pod, idle_template};
use crate::stage::{World, create_config_map};
use crate::table::{DENIED, Failure, Row, Verdict, held, right, row};

pub fn rows() -> Vec<Row> {
    [objects(), deletions(), chatter(), by_helm(), from_outside(), other_spellings()].into_iter().flatten().collect()
}

const HELD: [&str; 1] = ["is held by alice@example.com"];

/// A container's image, as `kubectl set image` writes it.
fn image() -> Value {
    json!({"spec": {"template": {"spec": {"containers": [{"name": "app", "image": "evil"}]}}}})
}

fn objects() -> Vec<Row> {
    vec![
        row("a03", "bob", "adds an owner or a finalizer to each of alice's objects", DENIED, owns_everything),
        row("a04", "bob", "applies alice's Deployment with force", DENIED, |w| {
            let web = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": {"replicas": 0}});
            w.denied(&bob(), |h| Ask::apply(h.deployment(), &web))
        }),
        row("a05", "bob", "creates a ConfigMap", DENIED, |w| {
            w.denied(&bob(), |h| create_config_map(h.name(), "intruder"))
        }),
        row("a05", "bob", "creates a pod", DENIED, |w| {
            let pod = json!({"metadata": {"name": "intruder"}, "spec": idle_pod()});
            w.denied(&bob(), |h| Ask::post(h.core("pods"), &pod))
        }),
        row("a05", "bob", "edits alice's ConfigMap", DENIED, |w| {
            let mut settings = w.api.set_up(Ask::get(w.alices().core("configmaps/web-settings")));
            settings["data"]["greeting"] = json!("changed");
            w.denied(&bob(), |h| Ask::put(h.core("configmaps/web-settings"), &settings))
        }),
        row("a05", "bob", "replaces alice's ConfigMap by force", DENIED, |w| {
            let manifest =
                json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "web-settings"}}).to_string();
            by_kubectl(w, &["replace", "--force", "-f", "-"], &manifest)
        }),
        row("a05", "bob", "labels a pod", DENIED, |w| {
            w.denied(&bob(), |h| Ask::merge(h.pod(""), &json!({"metadata": {"labels": {"app": "mine"}}})))
        }),
        row("a05", "bob", "sets an image", DENIED, |w| w.denied(&bob(), |h| Ask::strategic(h.deployment(), &image()))),
        row("a05", "bob", "restarts the rollout", DENIED, |w| {
            by_kubectl(w, &["rollout", "restart", "deployment/web"], "")
        }),
        row("a05", "bob", "undoes the rollout", "nothing changes", |w| {
            let house = w.alices();
            w.unchanged(house.name(), || {
                let ran = people::bob().kubectl(&["-n", house.name(), "rollout", "undo", "deployment/web"]);
                held(!ran.ok(), || ran.to_string())
            })
        }),
        row("a05", "bob", "scales alice's Deployment", DENIED, |w| {
            w.denied(&bob(), |h| Ask::merge(format!("{}/scale", h.deployment()), &json!({"spec": {"replicas": 0}})))
        }),
        row("a08", "bob", "creates as a dry run", DENIED, |w| {
            w.denied(&bob(), |h| create_config_map(h.name(), "x").dry())
        }),
        row("a08", "bob", "changes as a dry run", DENIED, |w| {
            w.denied(&bob(), |h| Ask::strategic(h.deployment(), &image()).dry())
        }),
        row("a08", "bob", "deletes as a dry run", DENIED, |w| w.denied(&bob(), |h| Ask::delete(h.deployment()).dry())),
    ]
}

fn by_kubectl(world: &World, args: &[&str], stdin: &str) -> Verdict {
    let house = world.alices();
    let args = [&["-n", house.name()], args].concat();
    world.unchanged(house.name(), || turned_away(&people::bob().kubectl_with(&args, stdin), &HELD))
}

/// The owner of an object, or the one who keeps it from going, decides when it goes.
fn owns_everything(world: &World) -> Verdict {
    let house = world.alices();
    let owner = json!([{"apiVersion": "v1", "kind": "ConfigMap", "name": "gone", "uid": "0d7e"}]);
    let changes = [("ownerReferences", owner), ("finalizers", json!(["example.com/attack"]))];
    let before = world.snapshot(house.name());
    let paths = before.paths();
    let asks = paths.iter().flat_map(|path| {
        changes.iter().map(|(field, value)| (bob(), Ask::merge(*path, &json!({"metadata": {*field: value}}))))
    });
    world.unchanged(house.name(), || {
        let mut denied = 0;
        for answer in world.api.send_all(&asks.collect::<Vec<_>>()) {
            // Roles and quotas are not the role edit's at all.
            if answer.denied(&HELD).is_ok() {
                denied += 1;
            } else {
                answer.no_right().or_else(|_| answer.denied(&["only administrators"]))?;
            }
        }
        right(denied >= 10, || format!("only {denied} of {} were hotdesk's", paths.len()))
    })
}

fn deletions() -> Vec<Row> {
    vec![
        row("a06", "bob", "deletes a ConfigMap", DENIED, |w| {
            w.denied(&bob(), |h| Ask::delete(h.core("configmaps/web-settings")))
        }),
        row("a06", "bob", "deletes all ConfigMaps one by one", DENIED, |w| {
            by_kubectl(w, &["delete", "configmaps", "--all"], "")
        }),
        row("a06", "bob", "deletes the collection of ConfigMaps", DENIED, |w| {
            w.denied(&bob(), |h| Ask::delete(h.core("configmaps")))
        }),
        row("a06", "bob", "deletes a collection by label", DENIED, |w| {
            w.denied(&bob(), |h| Ask::delete(h.core("pods?labelSelector=app%3Dweb")))
        }),
        row("a06", "bob", "deletes a pod at once", DENIED, |w| {
            by_kubectl(w, &["delete", "pod", "-l", "app=web", "--force", "--grace-period=0"], "")
        }),
        row("a06", "bob", "deletes the Deployment and leaves its pods", DENIED, |w| {
            w.denied(&bob(), |h| Ask::delete(format!("{}?propagationPolicy=Orphan", h.deployment())))
        }),
        row("a06", "bob", "deletes the Deployment and waits for its pods", DENIED, |w| {
            w.denied(&bob(), |h| Ask::delete(format!("{}?propagationPolicy=Foreground", h.deployment())))
        }),
    ]
}

/// For machinery only are these left out. The role edit gives few of them, so mallory tries.
fn chatter() -> Vec<Row> {
    let gated = Gated::read();
    let mut rows: Vec<Row> = gated.chatter.iter().map(|resource| denied_chatter(resource.clone())).collect();
    rows.extend(gated.chatter.into_iter().map(admitted_chatter));
    rows.push(denied_chatter(("resource.k8s.io".to_owned(), "resourceclaims".to_owned())));
    rows.push(row("a07", "bob", "creates a Lease", DENIED, |w| {
        let lease = json!({"metadata": {"name": "intruder"}, "spec": {}});
        w.denied(&bob(), |h| Ask::post(group("coordination.k8s.io/v1", h.name(), "leases"), &lease))
    }));
    rows.push(row("a07", "mallory", "asks for a review of rights", "control: answered, for nothing changes", |w| {
        let kind = kind_of(w, "authorization.k8s.io", "localsubjectaccessreviews")?;
        let name = w.alices().name();
        let ask = Ask::post(kind.path(name, ""), &kind.sample(name, ""));
        w.unchanged(name, || w.api.send(&w.mallory(), ask).done().map(drop))
    }));
    rows
}

fn denied_chatter((group, resource): Resource) -> Row {
    row("a07", "mallory", format!("creates {resource} of {group:?}"), DENIED, move |w| {
        let kind = kind_of(w, &group, &resource)?;
        w.denied(&w.mallory(), |h| Ask::post(kind.path(h.name(), ""), &kind.sample(h.name(), "intruder")))
    })
}

/// Each by the controller that writes it, with that controller's own rights.
fn admitted_chatter((group, resource): Resource) -> Row {
    let what = format!("creates {resource} of {group:?}");
    row("a07", "machinery", what, "control: admitted, for machinery only", move |w| {
        let (kind, name) = (kind_of(w, &group, &resource)?, w.alices().name());
        let machinery = Actor::named(match resource.as_str() {
            "endpoints" => "system:serviceaccount:kube-system:endpoint-controller",
            "endpointslices" => "system:serviceaccount:kube-system:endpointslice-controller",
            _ => "system:kube-controller-manager",
        });
        w.api.send(&machinery, Ask::post(kind.path(name, ""), &kind.sample(name, "beat")).dry()).done().map(drop)
    })
}

fn kind_of<'a>(world: &'a World, group: &str, resource: &str) -> Result<&'a Kind, Failure> {
    let found = world.kinds().iter().find(|kind| kind.group == group && kind.resource == resource && kind.preferred);
    found.ok_or_else(|| Failure::Wrong(format!("this cluster has no {resource} of {group:?}")))
}

const HELM_MUST: &str = "denied, naming alice; release and objects are as before";

fn by_helm() -> Vec<Row> {
    let ways = [("helm 3", Helm::V3), ("helm 4", Helm::V4)];
    let drivers = [("Secrets", "secret"), ("ConfigMaps", "configmap")];
    let all = ways.into_iter().flat_map(|way| drivers.map(|driver| (way, driver)));
    all.map(|((name, helm), (kept, driver))| {
        let what = format!("installs, upgrades, rolls back and uninstalls by {name} with records in {kept}");
        row("a09", "bob", what, HELM_MUST, move |w| helm_row(w, helm, driver))
    })
    .collect()
}

fn helm_row(world: &World, helm: Helm, driver: &str) -> Verdict {
    let slot = TestSlot::held_by("alice@example.com");
    let (alice, bob) = (people::alice().with_env("HELM_DRIVER", driver), people::bob().with_env("HELM_DRIVER", driver));
    slot.helm_install(&alice, helm, "web", "web", &["--set", "replicas=0"]).succeeded();
    helm_in(&slot, &alice, helm, &["upgrade", "web", &chart("web"), "--reuse-values", "--set", "greeting=hi"])
        .succeeded();
    world.unchanged(slot.name(), || {
        turned_away(&slot.helm_install(&bob, helm, "mine", "web", &["--set", "replicas=0"]), &HELD)?;
        turned_away(&helm_in(&slot, &bob, helm, &["upgrade", "web", &chart("web"), "--reuse-values"]), &HELD)?;
        turned_away(&helm_in(&slot, &bob, helm, &["rollback", "web", "1"]), &HELD)?;
        turned_away(&helm_in(&slot, &bob, helm, &["rollback", "web", "1", "--no-hooks"]), &HELD)?;
        turned_away(&helm_in(&slot, &bob, helm, &["uninstall", "web"]), &HELD)?;
        turned_away(&helm_in(&slot, &bob, helm, &["uninstall", "web", "--no-hooks"]), &HELD)
    })?;
    let listed = helm_in(&slot, &alice, helm, &["list", "-o", "json"]).succeeded().json();
    held(listed[0]["revision"] == "2" && listed[0]["status"] == "deployed", || listed.to_string())
}

fn helm_in(slot: &TestSlot, who: &Person, helm: Helm, args: &[&str]) -> CommandOutput {
    who.helm(helm, &[args, &["-n", slot.name()]].concat())
}

fn from_outside() -> Vec<Row> {
    vec![
        row("a10", "anonymous", "creates a ConfigMap", "401 or 403", |w| {
            w.api.send(&anonymous(), create_config_map(w.alices().name(), "x")).code_of(&[401, 403])
        }),
        row("a10", "anonymous", "reads Slots", "401 or 403", |w| {
            w.api.send(&anonymous(), Ask::get("/apis/hotdesk.dev/v1alpha1/slots")).code_of(&[401, 403])
        }),
        row(
            "a11",
            "bob",
            "creates where there is the label and no Slot",
            "denied, saying that there is no Slot",
            unfinished,
        ),
    ]
}

/// A namespace with the label, in which nobody has made the Slot.
fn unfinished(world: &World) -> Verdict {
    let name = unique("unfinished");
    let unfinished = TestSlot::adopt(&name);
    let namespace = json!({"metadata": {"name": name, "labels": {"hotdesk.dev/slot": name}}});
    world.make("/api/v1/namespaces", &namespace);
    let editors = ["create", "rolebinding", "edit", "--clusterrole=edit", "--group=developers"];
    unfinished.kubectl(&admin(), &editors).succeeded();
    world.until_known("the namespace to be gated", &bob(), &name, false);
    let answer = world.api.send(&bob(), create_config_map(&name, "x"));
    let said = |answer: &crate::api::Answer| answer.message().contains("has no Slot");
    // RBAC may need another moment.
    let answer = if answer.no_right().is_ok() { retry(world, &name, said) } else { answer };
    answer.denied(&["has no Slot", "administrator"])
}

fn retry(world: &World, namespace: &str, said: impl Fn(&crate::api::Answer) -> bool) -> crate::api::Answer {
    hotdesk_e2e::until("the right to create", std::time::Duration::from_secs(20), || {
        let answer = world.api.send(&bob(), create_config_map(namespace, "x"));
        if said(&answer) || answer.ok() { Ok(answer) } else { Err(answer.to_string()) }
    })
}

/// The same writes, said in other ways.
fn other_spellings() -> Vec<Row> {
    const REFUSED: &str = "refused by the API server or hotdesk; nothing changes";
    vec![
        row("a119", "mallory", "creates a Lease by an update", DENIED, |w| {
            let lease = json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "new"}, "spec": {}});
            w.denied(&w.mallory(), |h| Ask::put(group("coordination.k8s.io/v1", h.name(), "leases/new"), &lease))
        }),
        row("a120", "bob", "sends alice's namespace in a body to his own", REFUSED, |w| {
            let (alices, own) = (w.alices().name(), w.bobs().name());
            let object = json!({"metadata": {"name": "smuggled", "namespace": alices}});
            w.unchanged(alices, || w.api.send(&bob(), Ask::post(core(own, "configmaps"), &object)).code_of(&[400]))
        }),
        row("a121", "bob", "spells the path in odd ways", REFUSED, |w| {
            let house = w.alices();
            let object = json!({"metadata": {"name": "intruder"}});
            let own = w.bobs().name();
            let paths = [
                format!("//api//v1/namespaces/{}/configmaps", house.name()),
                format!("/api/v1/namespaces/{}%2F..%2F{}/configmaps", own, house.name()),
                format!("/api/v1/namespaces/{}/../{}/configmaps", own, house.name()),
                format!("/api/v1/namespaces/{}/configmaps", house.name().to_uppercase()),
                format!("/api/v1/namespaces/{}%20/configmaps", house.name()),
            ];
            w.unchanged(house.name(), || {
                let refused = |path: String| {
                    w.api.send(&bob(), Ask::post(path, &object)).code_of(&[301, 307, 400, 403, 404, 405, 422])
                };
                paths.into_iter().try_for_each(refused)
            })
        }),
        row("a122", "bob", "writes in other encodings", REFUSED, |w| {
            let house = w.alices();
            // {"kind": "ConfigMap", "apiVersion": "v1", "metadata": {"name": "x"}} in CBOR, with its own tag before it.
            let mut cbor = vec![0xd9, 0xd9, 0xf7, 0xa3];
            cbor.extend(b"\x44kind\x49ConfigMap\x4aapiVersion\x42v1\x48metadata\xa1\x44name\x41x");
            let yaml = b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n".to_vec();
            let bodies = [
                ("application/cbor", cbor),
                ("application/yaml", yaml),
                ("application/vnd.kubernetes.protobuf", b"k8s\x00".to_vec()),
            ];
            w.unchanged(house.name(), || {
                bodies.into_iter().try_for_each(|(content, body)| {
                    let ask = Ask::new(http::Method::POST, house.core("configmaps"), content, body);
                    let answer = w.api.send(&bob(), ask);
                    answer.denied(&HELD).or_else(|_| answer.code_of(&[400, 415]))
                })
            })
        }),
        row("a123", "bob", "creates what looks like a fixture of hotdesk's", DENIED, |w| {
            let job = json!({"metadata": {"name": "hotdesk-reaper"}, "spec": {"schedule": "* * * * *",
                "jobTemplate": {"spec": {"template": idle_template("intruder")}}}});
            w.denied(&bob(), |h| Ask::post(group("batch/v1", h.name(), "cronjobs"), &job))
        }),
    ]
}
