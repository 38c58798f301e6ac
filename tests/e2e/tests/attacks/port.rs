//! Section 6: the port of the webhook, which anything in the cluster reaches.

use std::time::{Duration, Instant};

use hotdesk_e2e::slot::unique;
use hotdesk_e2e::{people, until};
use serde_json::{Value, json};

use crate::api::{Ask, administrator, alice, bob, core};
use crate::stage::{World, create_config_map, running_pod, text};
use crate::table::{Row, Verdict, held, right, row};
use crate::tls::{Port, client_hello, first_byte, post_from_pod};

pub fn rows() -> Vec<Row> {
    [without_the_path(), with_the_path(), through_the_api_server(), tls()].into_iter().flatten().collect()
}

/// A made-up review: this person begins to work in a pod.
fn session(namespace: &str, user: &str, groups: &[&str]) -> Value {
    let options = json!({"apiVersion": "v1", "kind": "PodExecOptions", "stdin": true, "command": ["id"]});
    review(
        namespace,
        user,
        groups,
        "CONNECT",
        &json!({"resource": "pods", "sub": "exec", "kind": "PodExecOptions", "object": options}),
    )
}

fn review(namespace: &str, user: &str, groups: &[&str], operation: &str, about: &Value) -> Value {
    let group = if about["resource"] == "slots" { "hotdesk.dev" } else { "" };
    let version = if group.is_empty() { "v1" } else { "v1alpha1" };
    json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {
        "uid": "705ab4f5-6393-11e8-b7cc-42010a800002", "operation": operation, "namespace": namespace, "name": "web",
        "kind": {"group": group, "version": version, "kind": about["kind"]},
        "resource": {"group": group, "version": version, "resource": about["resource"]},
        "subResource": about["sub"], "userInfo": {"username": user, "groups": groups},
        "object": about["object"], "oldObject": about["old"], "dryRun": false, "options": null,
    }})
}

fn config_map(namespace: &str, user: &str, metadata: &Value) -> Value {
    let object = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata});
    review(namespace, user, &[], "CREATE", &json!({"resource": "configmaps", "kind": "ConfigMap", "object": object}))
}

/// What somebody tries who does not know the path.
fn guesses() -> [String; 6] {
    let zeros = "0".repeat(64);
    [
        "/validate".to_owned(),
        "/mutate".into(),
        "/slots".into(),
        format!("/{zeros}/validate"),
        format!("/{zeros}/slots"),
        "/".into(),
    ]
}

const NOWHERE: &str = "404, and nothing is written to any Slot";

/// Each guess is answered by 404, and tells nothing.
fn nowhere(world: &World, namespace: &str, review: &Value) -> Verdict {
    let port = Port::open();
    let before = world.slot(namespace);
    for path in guesses() {
        let said = port.post(&path, review.to_string().as_bytes());
        held(said.code() != 200, || format!("{path} answered: {said:?}"))?;
        right(said.code() == 404, || format!("{path}: {said:?}"))?;
        held(!said.0.contains("alice") && !said.0.contains("checkout"), || {
            format!("{path} told who holds the slot: {said:?}")
        })?;
    }
    let after = world.slot(namespace);
    let same = before["spec"] == after["spec"] && before["status"]["lastSession"] == after["status"]["lastSession"];
    held(same, || after.to_string())
}

fn without_the_path() -> Vec<Row> {
    vec![
        row("a85", "a pod", "says that alice works in her slot", NOWHERE, |w| {
            let name = w.alices().name();
            nowhere(w, name, &session(name, "alice@example.com", &[]))
        }),
        row("a85", "a pod", "sends the head of a review and no body", "404 before a body is read", |_| {
            let port = Port::open();
            let began = Instant::now();
            let head = "POST /validate HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 20971520\r\n\r\n{";
            let said = crate::tls::Said(port.say(head.as_bytes()));
            right(said.code() == 404, || format!("{said:?}"))?;
            right(began.elapsed() < Duration::from_secs(5), || format!("after {:?}", began.elapsed()))
        }),
        row("a85", "a pod", "sends it from within the cluster", "404, or it does not get there", from_a_pod),
        row("a86", "a pod", "says that system:masters works there, by an odd name", NOWHERE, |w| {
            let name = w.alices().name();
            nowhere(w, name, &session(name, "\u{1b}[2J<a href=x>\"@all", &["system:masters"]))
        }),
        row(
            "a87",
            "a pod",
            "sends sessions that cannot be written, then alice works in a pod",
            "alice's session is noted",
            crowds_out,
        ),
        row("a88", "a pod", "says that bob claims a slot", NOWHERE, |w| {
            let name = w.free().name();
            let slot = |claim: Value| {
                json!({"apiVersion": "hotdesk.dev/v1alpha1", "kind": "Slot",
                "metadata": {"name": "slot", "namespace": name}, "spec": {"claim": claim}})
            };
            let about = json!({"resource": "slots", "kind": "Slot", "old": slot(Value::Null),
                "object": slot(json!({"users": ["bob@example.com"]}))});
            nowhere(w, name, &review(name, "bob@example.com", &[], "UPDATE", &about))
        }),
        row("a89", "a pod", "asks who holds alice's slot", NOWHERE, |w| {
            let name = w.alices().name();
            nowhere(w, name, &config_map(name, "bob@example.com", &json!({"name": "x"})))
        }),
        row("a90", "a pod", "puts a path into the namespace", NOWHERE, |w| {
            let name = w.alices().name();
            [format!("{name}/slots/slot?x="), "../../x".to_owned()]
                .iter()
                .try_for_each(|namespace| nowhere(w, name, &session(namespace, "alice@example.com", &[])))
        }),
    ]
}

/// From a pod of bob's own slot, by the Service's address: not every cluster of the tests has names.
fn from_a_pod(world: &World) -> Verdict {
    let slot = world.desk();
    let noted = || world.slot(world.alices().name())["status"]["lastSession"].clone();
    let (before, service) = (noted(), world.api.set_up(Ask::get(core("hotdesk", "services/hotdesk-webhook"))));
    let address = text(&service["spec"]["clusterIP"]);
    let review = session(world.alices().name(), "alice@example.com", &[]).to_string();
    for path in guesses() {
        let said = post_from_pod(slot.name(), "curious", address, &path, review.as_bytes());
        held(said.code() != 200, || format!("{path} answered: {said:?}"))?;
        right(said.code() == 404 || said.0.is_empty(), || format!("{path}: {said:?}"))?;
    }
    held(before == noted(), || noted().to_string())
}

/// What cannot be written must hold no place of what can.
fn crowds_out(world: &World) -> Verdict {
    let slot = world.workshop();
    running_pod(world, slot.name(), "works", &["sleep", "600"]);
    let port = Port::open();
    for path in [right_path(world, "validate"), "/validate".to_owned()] {
        for i in 0..16 {
            port.post(&path, session(&format!("no such {i}"), "alice@example.com", &[]).to_string().as_bytes());
        }
    }
    people::alice().kubectl(&["-n", slot.name(), "exec", "works", "--", "true"]).succeeded();
    until("alice's session to be noted", Duration::from_secs(15), || {
        let noted = world.slot(slot.name())["status"]["lastSession"].clone();
        if noted["by"] == "alice@example.com" { Ok(()) } else { Err(noted.to_string()) }
    });
    Ok(())
}

/// The path that the API server knows, which ends so.
fn right_path(world: &World, end: &str) -> String {
    let kinds = ["mutatingwebhookconfigurations", "validatingwebhookconfigurations"];
    let paths = kinds.iter().flat_map(|kind| {
        let found = world.api.set_up(Ask::get(format!("/apis/admissionregistration.k8s.io/v1/{kind}/hotdesk")));
        let webhooks = found["webhooks"].as_array().cloned().unwrap_or_default();
        webhooks.into_iter().map(|webhook| text(&webhook["clientConfig"]["service"]["path"]).to_owned())
    });
    paths.into_iter().find(|path| path.ends_with(&format!("/{end}"))).expect("a path of the webhook")
}

/// Somebody who has found the path out: it is a second lock, and not the boundary.
fn with_the_path() -> Vec<Row> {
    const NEVER: &str = "denied or 4xx, and the webhook lives on";
    vec![
        row("a90", "a pod that knows the path", "puts a path into the namespace", "no other object is reached", |w| {
            let name = w.alices().name();
            let (port, path) = (Port::open(), right_path(w, "validate"));
            let noted = || w.slot(name)["status"]["lastSession"].clone();
            let before = noted();
            for namespace in [format!("{name}/slots/slot?x="), "../../x".to_owned(), format!("{name}%2fslots")] {
                let said = port.post(&path, session(&namespace, "alice@example.com", &[]).to_string().as_bytes());
                held(!said.admits(), || format!("{namespace}: {said:?}"))?;
            }
            held(before == noted(), || noted().to_string())
        }),
        row("a91", "a pod that knows the path", "sends bodies that are not reviews", NEVER, |w| {
            let good = config_map(w.alices().name(), "alice@example.com", &json!({"name": "x"})).to_string();
            never(w, malformed(&good))
        }),
        row("a92", "a pod that knows the path", "sends lists and objects 100,000 deep", NEVER, |w| {
            let name = w.alices().name();
            let deep = |open: &str, close: &str, count: usize| format!("{}{}", open.repeat(count), close.repeat(count));
            let good = config_map(name, "bob@example.com", &json!({"name": "x", "labels": "DEEP"})).to_string();
            let objects = format!("{}1{}", "{\"a\":".repeat(100_000), "}".repeat(100_000));
            let bodies = vec![
                deep("[", "]", 100_000).into_bytes(),
                objects.clone().into_bytes(),
                good.replace("\"DEEP\"", &deep("[", "]", 100_000)).into_bytes(),
                good.replace("\"DEEP\"", &objects).into_bytes(),
            ];
            never(w, bodies)
        }),
        row("a93", "a pod that knows the path", "says a reserved label or the metadata twice", NEVER, |w| {
            let name = w.alices().name();
            let good =
                config_map(name, "alice@example.com", &json!({"name": "x", "labels": {"hotdesk.dev/owner": "A"}}))
                    .to_string();
            let label =
                good.replace("\"hotdesk.dev/owner\":\"A\"", "\"hotdesk.dev/owner\":\"A\",\"hotdesk.dev/owner\":\"B\"");
            let twice = good.replace("\"metadata\":", "\"metadata\":{},\"metadata\":");
            let user = good.replace("\"userInfo\":", "\"userInfo\":{\"username\":\"bob@example.com\"},\"userInfo\":");
            assert!(label != good && twice != good && user != good, "{good}");
            never(w, vec![label.into_bytes(), twice.into_bytes(), user.into_bytes()])
        }),
        row(
            "a94",
            "a pod that knows the path",
            "sends other methods, types, encodings and sizes",
            NEVER,
            other_requests,
        ),
        row(
            "a95",
            "a pod that knows the path",
            "sends 100,000 labels or keys of extra",
            "answered within seconds",
            many_keys,
        ),
    ]
}

/// None of these bodies is admitted on any path, and a real review is answered afterwards.
fn never(world: &World, bodies: Vec<Vec<u8>>) -> Verdict {
    let port = Port::open();
    for body in bodies {
        for end in ["mutate", "validate", "slots"] {
            let said = port.post(&right_path(world, end), &body);
            let shown: String = String::from_utf8_lossy(&body).chars().take(120).collect();
            held(!said.admits(), || format!("/{end} admitted {shown}: {said:?}"))?;
            right(said.code() == 200 || (400..500).contains(&said.code()), || format!("/{end}, {shown}: {said:?}"))?;
        }
    }
    lives_on(world)
}

fn lives_on(world: &World) -> Verdict {
    let name = world.alices().name();
    world.api.send(&alice(), create_config_map(name, &unique("probe")).dry()).done()?;
    world.api.send(&bob(), create_config_map(name, &unique("probe")).dry()).denied(&["is held by alice@example.com"])
}

fn malformed(good: &str) -> Vec<Vec<u8>> {
    let texts = [
        String::new(),
        "text".to_owned(),
        "null".to_owned(),
        "[]".to_owned(),
        "{}".to_owned(),
        format!("\u{feff}{good}"),
        format!("{good}{good}"),
        format!("{good} and more"),
        good.replace("admission.k8s.io/v1\"", "admission.k8s.io/v1beta1\""),
        good.replace("\"namespace\":", "\"namespace\":\"x\",\"namespace\":"),
        good.replace("\"operation\":", "\"operation\":\"DELETE\",\"operation\":"),
        good.replace("\"username\":", "\"username\":\"bob@example.com\",\"username\":"),
        good.replace("alice@example.com", "\\ud800alice@example.com"),
        good.replace("alice@example.com", "alice@example.com\\u0000"),
        good.replace("\"dryRun\":false", "\"dryRun\":1e99999"),
        good.replace("\"CREATE\"", "\"EVERYTHING\""),
        good[..good.len() / 2].to_owned(),
    ];
    let mut bodies: Vec<Vec<u8>> = texts.into_iter().map(String::into_bytes).collect();
    let mut invalid = good.replace("alice@example.com", "alice@example.co?").into_bytes();
    invalid.iter_mut().filter(|byte| **byte == b'?').for_each(|byte| *byte = 0xff);
    bodies.push(invalid);
    bodies
}

fn other_requests(world: &World) -> Verdict {
    let (port, path) = (Port::open(), right_path(world, "mutate"));
    let good = config_map(world.alices().name(), "alice@example.com", &json!({"name": "x"})).to_string().into_bytes();
    let json = "Content-Type: application/json\r\n";
    let refused = |what: &str, said: &crate::tls::Said, codes: &[u16]| {
        held(!said.admits(), || format!("{what}: {said:?}"))?;
        right(codes.contains(&said.code()), || format!("{what}, none of {codes:?}: {said:?}"))
    };
    refused("text", &port.request("POST", &path, "Content-Type: text/plain\r\n", &good), &[415])?;
    refused("no type", &port.request("POST", &path, "", &good), &[415])?;
    let gzip = format!("{json}Content-Encoding: gzip\r\n");
    refused("gzip", &port.request("POST", &path, &gzip, b"\x1f\x8b\x08\x00not gzip"), &[400, 415])?;
    refused("GET", &port.request("GET", &path, json, b""), &[404, 405])?;
    refused("PUT", &port.request("PUT", &path, json, &good), &[404, 405])?;
    refused("DELETE", &port.request("DELETE", &path, json, b""), &[404, 405])?;
    let encoded = path.replace("/mutate", "/%6dutate");
    refused("an encoded path", &port.request("POST", &encoded, json, &good), &[404])?;
    refused("a longer path", &port.request("POST", &format!("{path}/../slots"), json, &good), &[404])?;
    let head = format!("POST {path} HTTP/1.1\r\nHost: x\r\n{json}Content-Length: 67108864\r\n\r\n");
    let said = crate::tls::Said(port.say(head.as_bytes()));
    held(!said.admits(), || format!("64 MiB that do not come: {said:?}"))?;
    lives_on(world)
}

fn many_keys(world: &World) -> Verdict {
    let name = world.alices().name();
    let (port, path) = (Port::open(), right_path(world, "mutate"));
    let keys = |value: Value| -> Value {
        (0..100_000).map(|i| (format!("example.com/k{i}"), value.clone())).collect::<serde_json::Map<_, _>>().into()
    };
    let mut extra = config_map(name, "bob@example.com", &json!({"name": "x"}));
    extra["request"]["userInfo"]["extra"] = keys(json!(["x"]));
    let labels = config_map(name, "bob@example.com", &json!({"name": "x", "labels": keys(json!("x"))}));
    let annotations = config_map(name, "bob@example.com", &json!({"name": "x", "annotations": keys(json!("x"))}));
    for (what, review) in [("labels", labels), ("annotations", annotations), ("extra", extra)] {
        let body = review.to_string().into_bytes();
        let began = Instant::now();
        let said = port.post(&path, &body);
        let took = began.elapsed();
        held(!said.admits(), || format!("{what}: {said:?}"))?;
        // Most of it is the way there: kubectl and the kubelet pass it on.
        right(took < Duration::from_secs(4), || format!("{what}: answered after {took:?}"))?;
    }
    Ok(())
}

fn through_the_api_server() -> Vec<Row> {
    vec![
        row(
            "a96",
            "bob",
            "sends 60,000 labels, alone and four at once",
            "denied in time, and others are answered at the same time",
            |w| {
                let house = w.alices();
                let labels: serde_json::Map<String, Value> =
                    (0..60_000).map(|i| (format!("hotdesk.dev/k{i}"), json!("x"))).collect();
                let object = json!({"metadata": {"name": "many", "labels": labels}});
                let ask = || (bob(), Ask::post(house.core("configmaps"), &object));
                w.unchanged(house.name(), || {
                    let mut asks = vec![ask(); 4];
                    asks.push((alice(), create_config_map(house.name(), &unique("probe")).dry()));
                    let began = Instant::now();
                    let mut answers = w.api.send_all(&[ask()]);
                    answers.extend(w.api.send_all(&asks));
                    let took = began.elapsed();
                    let alices = answers.pop().expect("alice's answer");
                    alices.done()?;
                    answers.iter().try_for_each(|answer| answer.denied(&["is held by alice@example.com"]))?;
                    // Most of it is the API server's own reading; it gives up after 34 s.
                    right(took < Duration::from_secs(25), || format!("six answers took {took:?}"))
                })
            },
        ),
        row("a97", "anybody", "reads the metrics", "they name no slot and no person", |w| {
            let name = w.alices().name();
            w.api
                .send(&bob(), create_config_map(name, &unique("probe")).dry())
                .denied(&["is held by alice@example.com"])?;
            let pods =
                w.api.set_up(Ask::get(core("hotdesk", "pods?labelSelector=app.kubernetes.io%2Fcomponent%3Dwebhook")));
            let pods: Vec<&Value> = pods["items"].as_array().into_iter().flatten().collect();
            right(!pods.is_empty(), || "there is no webhook".to_owned())?;
            pods.iter().try_for_each(|pod| {
                let path = core("hotdesk", &format!("pods/{}:8080/proxy/metrics", text(&pod["metadata"]["name"])));
                let answer = w.api.send(&administrator(), Ask::get(path)).done()?;
                right(answer.body.contains("# TYPE hotdesk_"), || answer.to_string())?;
                held(!answer.body.contains('@') && !answer.body.contains(name), || answer.body.clone())
            })
        }),
        row("a144", "bob", "sends writes that name him in every way", "a denial names him harmlessly", |w| {
            let odd = format!("{}\u{202e}<!here>\u{9b}2J\u{200b}", unique("odd"));
            let answer = w.api.send(&crate::api::Actor::developer(&odd), create_config_map(w.alices().name(), "x"));
            answer.denied(&["is held by alice@example.com"])?;
            held(!answer.message().contains(['\u{9b}', '\u{202e}', '\u{200b}']), || format!("{:?}", answer.message()))
        }),
    ]
}

fn tls() -> Vec<Row> {
    const ECDSA: [u16; 4] = [0xc02b, 0xc02c, 0xc02f, 0xc030];
    let refused = |what: &'static str, version: [u8; 2], suites: &'static [u16]| {
        row("a98", "anybody", format!("offers {what}"), "refused in the handshake", move |_| {
            let byte = first_byte(&Port::open(), &client_hello(version, suites));
            held(byte != Some(22), || format!("the server went on: {byte:?}"))
        })
    };
    vec![
        refused("TLS 1.0", [3, 1], &[0xc009, 0xc00a, 0xc013, 0xc014, 0x002f, 0x0035]),
        refused("TLS 1.1", [3, 2], &[0xc009, 0xc00a, 0xc013, 0xc014, 0x002f, 0x0035]),
        refused("weak suites of TLS 1.2", [3, 3], &[0x002f, 0x0035, 0x000a, 0x0005, 0xc009, 0xc013, 0x003c, 0x009c]),
        row("a98", "anybody", "offers TLS 1.2 with strong suites", "control: the handshake goes on", |_| {
            let byte = first_byte(&Port::open(), &client_hello([3, 3], &ECDSA));
            right(byte == Some(22), || format!("{byte:?}"))
        }),
    ]
}
