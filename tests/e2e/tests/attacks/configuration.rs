//! Section 8: namespaces, configuration, roles.

use std::process::Command;

use hotdesk_e2e::people::{cluster_dir, root};
use hotdesk_e2e::slot::unique;
use hotdesk_e2e::{CommandOutput, TestSlot, admin};
use serde_json::{Value, json};

use crate::api::{Actor, Ask, MALLORY, bob, core};
use crate::expect::turned_away;
use crate::stage::{World, create_config_map, text};
use crate::table::{Row, Verdict, held, right, row};

pub fn rows() -> Vec<Row> {
    [namespaces(), owners(), installation(), deployers(), names(), rights()].into_iter().flatten().collect()
}

const NAMESPACES: &str = "denied: only administrators; the namespace is as before";

fn namespace(name: &str, more: &str) -> String {
    format!("/api/v1/namespaces/{name}{more}")
}

/// A change of the namespace of alice's slot.
fn by_mallory(what: &'static str, ask: fn(&str, Value) -> Ask) -> Row {
    row("a106", "mallory", what, NAMESPACES, move |w| {
        let name = w.alices().name();
        let before = w.api.set_up(Ask::get(namespace(name, "")));
        w.api.send(&w.mallory(), ask(name, before.clone())).denied(&["hotdesk.dev/slot", name, "administrators"])?;
        let after = w.api.set_up(Ask::get(namespace(name, "")));
        held(before["metadata"] == after["metadata"], || after.to_string())
    })
}

fn changed(mut namespace: Value) -> Value {
    namespace["metadata"]["labels"]["hotdesk.dev/slot"] = json!("mine");
    namespace
}

fn namespaces() -> Vec<Row> {
    vec![
        by_mallory("takes the label off the slot's namespace", |name, _| {
            Ask::merge(namespace(name, ""), &json!({"metadata": {"labels": {"hotdesk.dev/slot": null}}}))
        }),
        by_mallory("changes the label of the slot's namespace", |name, _| {
            Ask::json_patch(
                namespace(name, ""),
                &json!([{"op": "replace", "path": "/metadata/labels/hotdesk.dev~1slot", "value": "mine"}]),
            )
        }),
        by_mallory("takes all labels off the slot's namespace", |name, _| {
            Ask::merge(namespace(name, ""), &json!({"metadata": {"labels": null}}))
        }),
        by_mallory("replaces the slot's namespace", |name, now| Ask::put(namespace(name, ""), &changed(now))),
        by_mallory("changes the label by the status of the namespace", |name, _| {
            Ask::merge(namespace(name, "/status"), &json!({"metadata": {"labels": {"hotdesk.dev/slot": "mine"}}}))
        }),
        by_mallory("changes the label by finalizing the namespace", |name, now| {
            Ask::put(namespace(name, "/finalize"), &changed(now))
        }),
        by_mallory("changes the label by server-side apply with force", |name, _| {
            let labels = json!({"hotdesk.dev/slot": "mine"});
            Ask::apply(
                namespace(name, ""),
                &json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}),
            )
        }),
        row("a106", "mallory", "makes a slot of another namespace", "denied: only administrators", |w| {
            let name = unique("plain");
            let _namespace = TestSlot::adopt(&name);
            w.make("/api/v1/namespaces", &json!({"metadata": {"name": name}}));
            let label = json!({"metadata": {"labels": {"hotdesk.dev/slot": name}}});
            w.api
                .send(&w.mallory(), Ask::merge(namespace(&name, ""), &label))
                .denied(&["hotdesk.dev/slot", "administrators"])
        }),
        row("a106", "mallory", "makes a namespace that is a slot", "denied: only administrators", |w| {
            let name = unique("forged");
            let object = json!({"metadata": {"name": name, "labels": {"hotdesk.dev/slot": name}}});
            w.api
                .send(&w.mallory(), Ask::post("/api/v1/namespaces", &object))
                .denied(&["hotdesk.dev/slot", "administrators"])
        }),
        row("a107", "mallory", "deletes the namespace of a slot", NAMESPACES, |w| {
            let name = w.alices().name();
            w.api.send(&w.mallory(), Ask::delete(namespace(name, ""))).denied(&["administrators", name])?;
            let now = w.api.set_up(Ask::get(namespace(name, "")));
            held(now["metadata"]["deletionTimestamp"].is_null(), || now.to_string())
        }),
        row("a107", "mallory", "deletes the namespace of a slot by label", NAMESPACES, |w| {
            let (name, _) = (w.alices().name(), w.mallory());
            let label = format!("hotdesk.dev/slot={name}");
            let ran = admin().kubectl(&["delete", "namespace", "-l", &label, "--wait=false", "--as", MALLORY]);
            turned_away(&ran, &["administrators", name])?;
            let now = w.api.set_up(Ask::get(namespace(name, "")));
            held(now["metadata"]["deletionTimestamp"].is_null(), || now.to_string())
        }),
    ]
}

/// The garbage collector, which is the cluster's own, deletes what names an owner that is not there.
fn owners() -> Vec<Row> {
    let nobody = || json!([{"apiVersion": "v1", "kind": "Node", "name": "nobody", "uid": unique("uid")}]);
    let patch = move || json!({"metadata": {"ownerReferences": nobody()}});
    type By = fn(&str, &Value) -> Ask;
    let asks: [(&str, By); 3] = [
        ("a patch", |name, patch| Ask::merge(namespace(name, ""), patch)),
        ("a patch of its status", |name, patch| Ask::merge(namespace(name, "/status"), patch)),
        ("server-side apply", |name, patch| {
            let owners = &patch["metadata"]["ownerReferences"];
            let metadata = json!({"name": name, "ownerReferences": owners});
            Ask::apply(namespace(name, ""), &json!({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}))
        }),
    ];
    asks.into_iter()
        .map(|(how, ask)| {
            let what = format!("gives the slot's namespace an owner that is not there, by {how}");
            row("a148", "mallory", what, NAMESPACES, move |w| {
                let name = w.alices().name();
                w.api.send(&w.mallory(), ask(name, &patch())).denied(&["ownerReferences", name, "administrators"])?;
                let now = w.api.set_up(Ask::get(namespace(name, "")));
                held(now["metadata"]["ownerReferences"].is_null(), || now.to_string())
            })
        })
        .collect()
}

/// What the gate is made of is RBAC's to guard.
fn installation() -> Vec<Row> {
    let api = "/apis/admissionregistration.k8s.io/v1";
    let gone: [(&str, Vec<String>); 4] = [
        (
            "the policies",
            vec![
                format!("{api}/validatingadmissionpolicies/hotdesk-gate"),
                format!("{api}/validatingadmissionpolicies"),
            ],
        ),
        ("the bindings of the policies", vec![format!("{api}/validatingadmissionpolicybindings/hotdesk-gate")]),
        (
            "the webhook configurations",
            vec![
                format!("{api}/mutatingwebhookconfigurations/hotdesk"),
                format!("{api}/validatingwebhookconfigurations/hotdesk"),
            ],
        ),
        ("the Secrets and ConfigMaps of hotdesk", vec![core("hotdesk", "secrets"), core("hotdesk", "configmaps")]),
    ];
    gone.into_iter()
        .map(|(what, paths)| {
            row("a108", "bob", format!("deletes and changes {what}"), "he lacks the right", move |w| {
                paths.iter().try_for_each(|path| {
                    w.api.send(&bob(), Ask::delete(path)).no_right()?;
                    w.api.send(&bob(), Ask::merge(format!("{path}/x"), &json!({}))).no_right()
                })
            })
        })
        .collect()
}

/// A write that says for whom it is.
fn for_person(namespace: &str, person: &str) -> Ask {
    let metadata = json!({"name": unique("deployed"), "labels": {"hotdesk.dev/for": person}});
    Ask::post(core(namespace, "configmaps"), &json!({"metadata": metadata}))
}

fn deployers() -> Vec<Row> {
    let deployer = || Actor::developer("deployer@example.com");
    vec![
        row("a109", "deployer", "deploys into a free slot", "denied; nothing changes", move |w| {
            let name = w.free().name();
            w.unchanged(name, || {
                let says = ["deploys only where somebody", name];
                w.api.send(&deployer(), create_config_map(name, "x")).denied(&says)?;
                w.api.send(&deployer(), for_person(name, "alice_at_example.com")).denied(&says)
            })
        }),
        row(
            "a109",
            "deployer",
            "deploys for bob into alice's slot",
            "denied, naming alice; nothing changes",
            move |w| {
                w.denied_saying(&deployer(), &["bob_at_example.com", "alice@example.com"], |h| {
                    for_person(h.name(), "bob_at_example.com")
                })
            },
        ),
        row("a109", "deployer", "deploys for nobody, by an empty label", "denied; nothing changes", move |w| {
            w.denied_saying(&deployer(), &["alice@example.com"], |h| for_person(h.name(), ""))
        }),
        row(
            "a109",
            "deployer",
            "deploys without a label into a slot that it is not listed for",
            "denied; nothing changes",
            move |w| w.denied_saying(&deployer(), &["alice@example.com"], |h| create_config_map(h.name(), "x")),
        ),
        row(
            "a109",
            "deployer",
            "deploys for alice under another spelling of its own name",
            "denied; nothing changes",
            misspelled_deployer,
        ),
        row("a109", "deployer", "deploys for alice into alice's slot", "control: admitted", move |w| {
            let ask = for_person(w.alices().name(), "alice_at_example.com").dry();
            w.api.send(&deployer(), ask).done().map(drop)
        }),
        row("a109", "bob", "deploys for alice as if he were a deployer", crate::table::DENIED, move |w| {
            w.denied(&bob(), |h| for_person(h.name(), "alice_at_example.com"))
        }),
    ]
}

/// As an LDAP server writes it.
const LDAP: &str = "CN=admins,OU=developers,DC=corp";

fn names() -> Vec<Row> {
    let values = ["administrators.users", "administrators.groups", "breakGlass.groups", "machinery.users"];
    values
        .into_iter()
        .map(|value| {
            row(
                "a110",
                "the operator",
                format!("names somebody with commas in {value}"),
                "one exact name everywhere",
                move |_| {
                    let rendered = render(value)?;
                    // In CEL as one text; as an argument of the program as one, whichever way it is written there.
                    held(!rendered.contains("\"OU=developers\"") && !rendered.contains("=OU=developers"), || {
                        rendered.clone()
                    })?;
                    right(rendered.contains(&format!("\"{LDAP}\"")), || rendered.clone())
                },
            )
        })
        .collect()
}

fn render(value: &str) -> Result<String, crate::table::Failure> {
    let mut helm = Command::new(cluster_dir().join("bin/helm"));
    let set = format!("{value}={}", json!([LDAP]));
    helm.args(["template", "hotdesk", "-n", "hotdesk", "--set-json", &set]).arg(root().join("charts/hotdesk"));
    let ran = CommandOutput::run(helm, "");
    if ran.ok() { Ok(ran.stdout) } else { Err(crate::table::Failure::Wrong(ran.to_string())) }
}

fn rights() -> Vec<Row> {
    vec![
        row(
            "a111",
            "a reviewer",
            "reads what hotdesk's accounts may do",
            "nothing has every verb on everything",
            |w| {
                let all = bindings_of(w, |namespace| namespace.starts_with("hotdesk"));
                right(all.len() >= 3, || format!("{} bindings were found", all.len()))?;
                all.iter().try_for_each(|(binding, rules)| {
                    rules.iter().try_for_each(|rule| {
                        let every =
                            |field: &str| rule[field].as_array().into_iter().flatten().any(|entry| entry == "*");
                        held(!(every("verbs") && every("resources")), || format!("{binding}: {rule}"))
                    })
                })
            },
        ),
        row("a111", "a reviewer", "reads who may read Secrets in all slots", "no account of hotdesk's", |w| {
            let all = bindings_of(w, |namespace| namespace.starts_with("hotdesk"));
            let cluster = all.iter().filter(|(binding, _)| binding.starts_with("ClusterRoleBinding"));
            cluster.flat_map(|(binding, rules)| rules.iter().map(move |rule| (binding, rule))).try_for_each(
                |(binding, rule)| {
                    let has = |field: &str, any: &[&str]| {
                        rule[field].as_array().into_iter().flatten().any(|entry| any.contains(&text(entry)))
                    };
                    let secrets = has("resources", &["*", "secrets"]) && has("apiGroups", &["*", ""]);
                    held(!(secrets && has("verbs", &["*", "get", "list", "watch"])), || format!("{binding}: {rule}"))
                },
            )
        }),
        row("a111", "a reviewer", "reads what accounts of slots may do elsewhere", "nothing", |w| {
            let slots = w.api.set_up(Ask::get("/apis/hotdesk.dev/v1alpha1/slots"));
            let slots: Vec<String> = slots["items"]
                .as_array()
                .into_iter()
                .flatten()
                .map(|slot| text(&slot["metadata"]["namespace"]).to_owned())
                .collect();
            // Rows that run at the same time bind accounts in slots of their own.
            let elsewhere =
                |(binding, _): &(String, Vec<Value>)| binding.contains("hotdesk") || binding.contains("slots-");
            let all = bindings_of(w, |namespace| slots.iter().any(|slot| slot == namespace));
            let outside = all
                .iter()
                .filter(|entry| elsewhere(entry))
                .filter(|(binding, _)| !slots.iter().any(|slot| binding.contains(&format!(" {slot}/"))));
            let outside: Vec<&str> = outside.map(|(binding, _)| binding.as_str()).collect();
            held(outside.is_empty(), || outside.join("\n"))
        }),
    ]
}

/// Bindings to service accounts of such namespaces, as `Kind namespace/name`, with the rules that they give.
fn bindings_of(world: &World, of: impl Fn(&str) -> bool) -> Vec<(String, Vec<Value>)> {
    let rbac = "/apis/rbac.authorization.k8s.io/v1";
    let list = |what: &str| {
        let found = world.api.set_up(Ask::get(format!("{rbac}/{what}")));
        found["items"].as_array().cloned().unwrap_or_default()
    };
    let (roles, cluster_roles) = (list("roles"), list("clusterroles"));
    let rules = |binding: &Value| {
        let role = &binding["roleRef"];
        let namespaced = role["kind"] == "Role";
        let found = if namespaced { &roles } else { &cluster_roles }.iter().find(|candidate| {
            candidate["metadata"]["name"] == role["name"]
                && (!namespaced || candidate["metadata"]["namespace"] == binding["metadata"]["namespace"])
        });
        found.and_then(|role| role["rules"].as_array().cloned()).unwrap_or_default()
    };
    let bound = |binding: &Value| {
        // Other tests bind accounts of hotdesk's for themselves.
        let is_a_tests = text(&binding["metadata"]["name"]).starts_with("bind-");
        let subjects = binding["subjects"].as_array().into_iter().flatten();
        !is_a_tests && subjects.into_iter().any(|s| s["kind"] == "ServiceAccount" && of(text(&s["namespace"])))
    };
    let named = |kind: &str, binding: &Value| {
        let metadata = &binding["metadata"];
        format!("{kind} {}/{}", text(&metadata["namespace"]), text(&metadata["name"]))
    };
    let kinds = [("RoleBinding", list("rolebindings")), ("ClusterRoleBinding", list("clusterrolebindings"))];
    kinds
        .iter()
        .flat_map(|(kind, all)| all.iter().filter(|b| bound(b)).map(move |b| (*kind, b)))
        .map(|(kind, binding)| (named(kind, binding), rules(binding)))
        .collect()
}

fn misspelled_deployer(world: &World) -> Verdict {
    let house = world.alices();
    world.unchanged(house.name(), || {
        ["Deployer@example.com", "deployer@example.com.evil", "github:deployer@example.com"].iter().try_for_each(
            |name| {
                let ask = for_person(house.name(), "alice_at_example.com");
                world.api.send(&Actor::developer(name), ask).denied(&["is held by alice@example.com"])
            },
        )
    })
}
