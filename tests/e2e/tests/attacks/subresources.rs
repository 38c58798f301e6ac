//! Section 2: subresources and connections.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use hotdesk_e2e::people;
use hotdesk_e2e::slot::test_image;
use serde_json::json;

use crate::api::{Ask, MALLORY, bob, group};
use crate::expect::turned_away;
use crate::stage::World;
use crate::table::{DENIED, Row, Verdict, row};

pub fn rows() -> Vec<Row> {
    [sessions(), proxies(), powers()].into_iter().flatten().collect()
}

const HELD: [&str; 1] = ["is held by alice@example.com"];

fn sessions() -> Vec<Row> {
    let mut rows = Vec::new();
    for verb in ["exec", "attach", "portforward"] {
        let id = if verb == "portforward" { "a14" } else { "a13" };
        rows.push(row(id, "bob", format!("opens {verb} by WebSocket"), DENIED, move |w| {
            w.denied(&bob(), |h| Ask::get(h.pod(&format!("/{verb}?command=id&stdout=true&ports=8080"))).by_websocket())
        }));
        rows.push(row(id, "bob", format!("opens {verb} by SPDY"), DENIED, move |w| {
            w.denied(&bob(), |h| {
                Ask::post(h.pod(&format!("/{verb}?command=id&stdout=true&ports=8080")), &json!({})).by_spdy()
            })
        }));
    }
    rows.push(row("a13", "bob", "types kubectl exec, by WebSocket and by SPDY", DENIED, |w| {
        by_kubectl(w, &["exec", "@", "--", "id"])
    }));
    rows.push(row("a13", "bob", "types kubectl attach", DENIED, |w| by_kubectl(w, &["attach", "@"])));
    rows.push(row("a13", "bob", "types kubectl cp", DENIED, |w| {
        by_kubectl(w, &["cp", "@:/etc/hostname", "/dev/null"])
    }));
    rows.push(row("a14", "bob", "types kubectl port-forward", DENIED, |w| {
        by_kubectl(w, &["port-forward", "@", ":8080"])
    }));
    rows.push(row("a17", "bob", "copies a pod to debug it", DENIED, |w| {
        by_kubectl(w, &["debug", "@", &format!("--image={}", test_image("app")), "--copy-to=mine", "--", "true"])
    }));
    rows
}

/// `@` is alice's running pod.
fn by_kubectl(world: &World, args: &[&str]) -> Verdict {
    let house = world.alices();
    let args: Vec<String> = args.iter().map(|arg| arg.replace('@', &house.pod)).collect();
    world.unchanged(house.name(), || {
        ["true", "false"].iter().try_for_each(|websockets| {
            let person = people::bob()
                .with_env("KUBECTL_REMOTE_COMMAND_WEBSOCKETS", websockets)
                .with_env("KUBECTL_PORT_FORWARD_WEBSOCKETS", websockets);
            let args: Vec<&str> = ["-n", house.name()].into_iter().chain(args.iter().map(String::as_str)).collect();
            turned_away(&person.kubectl(&args), &HELD)
        })
    })
}

fn proxies() -> Vec<Row> {
    let methods = || {
        let path = |path: &str| path.to_owned();
        move |to: &str| {
            vec![
                Ask::get(path(to)),
                Ask::post(path(to), &json!({})),
                Ask::put(path(to), &json!({})),
                Ask::merge(path(to), &json!({})),
                Ask::delete(path(to)),
                Ask::get(path(to)).by_websocket(),
            ]
        }
    };
    let through = move |w: &World, to: String| {
        let house = w.alices();
        w.unchanged(house.name(), || {
            methods()(&to).into_iter().try_for_each(|ask| w.api.send(&bob(), ask).denied(&HELD))
        })
    };
    vec![
        row("a15", "bob", "reaches a pod through the API server, by each method", DENIED, move |w| {
            through(w, w.alices().core(&format!("pods/{}:8080/proxy/", w.alices().pod)))
        }),
        row("a15", "bob", "reaches a Service through the API server, by each method", DENIED, move |w| {
            through(w, w.alices().core("services/web:80/proxy/"))
        }),
        row("a15", "bob", "reaches a Service through kubectl proxy", DENIED, through_kubectl_proxy),
    ]
}

fn through_kubectl_proxy(world: &World) -> Verdict {
    let house = world.alices();
    let mut proxy = people::bob().command("kubectl");
    let mut proxy = proxy.args(["proxy", "--port=0"]).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(proxy.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let address = line.trim().rsplit(' ').next().unwrap_or_default().to_owned();
    let said = crate::tls::plain_get(&address, &house.core("services/web:80/proxy/"));
    drop(proxy.kill());
    drop(proxy.wait());
    crate::table::held(!said.contains(" 200 "), || said.clone())?;
    crate::table::right(said.contains(" 403 ") && said.contains(HELD[0]), || said.clone())
}

fn powers() -> Vec<Row> {
    vec![
        row("a16", "bob", "evicts a pod", DENIED, |w| {
            w.denied(&bob(), |h| {
                let eviction = json!({"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": h.pod}});
                Ask::post(h.pod("/eviction"), &eviction)
            })
        }),
        row("a17", "mallory", "adds an ephemeral container", DENIED, |w| {
            let debug = json!({"spec": {"ephemeralContainers": [{"name": "look", "image": "none.invalid/none"}]}});
            w.denied(&w.mallory(), |h| Ask::strategic(h.pod("/ephemeralcontainers"), &debug))
        }),
        row("a18", "bob", "gives himself a role", "Kubernetes' own authorization refuses: edit gives no roles", |w| {
            let house = w.alices();
            w.unchanged(house.name(), || w.api.send(&bob(), bind(house.name(), "bob@example.com")).no_right_or_denied())
        }),
        row("a18", "mallory", "gives herself a role", DENIED, |w| w.denied(&w.mallory(), |h| bind(h.name(), MALLORY))),
        row("a18", "mallory", "makes a Role", DENIED, |w| {
            let role =
                json!({"metadata": {"name": "x"}, "rules": [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]});
            w.denied(&w.mallory(), |h| Ask::post(group("rbac.authorization.k8s.io/v1", h.name(), "roles"), &role))
        }),
        row("a18", "mallory", "types kubectl auth reconcile", DENIED, |w| {
            let (house, _) = (w.alices(), w.mallory());
            let role = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "rules": [],
                "metadata": {"name": "x", "namespace": house.name()}});
            let args = ["auth", "reconcile", "-f", "-", "--as", MALLORY];
            w.unchanged(house.name(), || {
                turned_away(&hotdesk_e2e::admin().kubectl_with(&args, &role.to_string()), &HELD)
            })
        }),
    ]
}

fn bind(namespace: &str, user: &str) -> Ask {
    let role = json!({"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "edit"});
    let subject = json!({"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user});
    let binding = json!({"metadata": {"name": "x"}, "roleRef": role, "subjects": [subject]});
    Ask::post(group("rbac.authorization.k8s.io/v1", namespace, "rolebindings"), &binding)
}
