//! Services that lead elsewhere or take an address, priorities of the cluster's own, and endpoints by hand.

use std::time::Duration;

use hotdesk_e2e::until;
use serde_json::{Value, json};

use super::street::{SERVICES, Street};
use crate::api::{Ask, administrator, bob, core, group};
use crate::kinds::{idle_pod, idle_template};
use crate::stage::{World, text};
use crate::table::{Row, row};

const ENDPOINTS: &str = "v1/endpoints";
const SLICES: &str = "discovery.k8s.io/v1/endpointslices";

pub fn rows() -> Vec<Row> {
    [external_names(), addresses(), priorities(), endpoints()].into_iter().flatten().collect()
}

fn leading_to(name: &str, to: &str) -> Value {
    json!({"metadata": {"name": name}, "spec": {"type": "ExternalName", "externalName": to}})
}

fn external_names() -> Vec<Row> {
    const MUST: &str = "denied: it leads to what is another's";
    type Name = fn(&Street) -> String;
    let tried: [(&str, Name); 6] = [
        ("a Service of alice's", |street| format!("web.{}.svc.cluster.local", street.alices.name())),
        ("a Service of alice's, with a dot at the end", |street| format!("web.{}.svc.", street.alices.name())),
        ("a Service of alice's, in short", |street| format!("web.{}", street.alices.name())),
        ("a pod of alice's", |street| format!("10-1-2-3.{}.pod.cluster.local", street.alices.name())),
        ("alice's host", Street::host),
        ("hotdesk's webhook", |_| "hotdesk-webhook.hotdesk.svc.cluster.local".to_owned()),
    ];
    let mut rows: Vec<Row> = tried
        .into_iter()
        .map(|(what, name)| {
            row(
                "a100",
                "bob, in his own slot",
                format!("makes an ExternalName Service that leads to {what}"),
                MUST,
                move |w| {
                    let street = w.street();
                    let name = name(street);
                    let owner = if name.contains("hotdesk-webhook") { "hotdesk itself" } else { street.alices.name() };
                    let parts = ["leads to", owner, "guard.externalNames"];
                    street.post(w, &bob(), SERVICES, &leading_to("leads", &name), false).denied(&parts)?;
                    street.post(w, &street.program(), SERVICES, &leading_to("leads", &name), false).denied(&parts)
                },
            )
        })
        .collect();
    rows.push(row("a100b", "bob", "has a Service of his lead to alice's afterwards", MUST, |w| {
        let street = w.street();
        street.post(w, &bob(), SERVICES, &leading_to("honest", "db.example.com"), false).done()?;
        let path = format!("{}/honest", street.path(SERVICES));
        let to = json!({"spec": {"externalName": format!("web.{}.svc", street.alices.name())}});
        w.api.send(&bob(), Ask::merge(&path, &to)).denied(&["leads to slot", street.alices.name()])?;
        w.api.send(&bob(), Ask::strategic(&path, &to)).denied(&["leads to slot", street.alices.name()])
    }));
    rows.push(row("a100c", "an administrator", "does the same", "admitted", |w| {
        let street = w.street();
        let to = format!("web.{}.svc", street.alices.name());
        street.post(w, &administrator(), SERVICES, &leading_to("given", &to), true).done().map(drop)
    }));
    rows
}

fn addresses() -> Vec<Row> {
    const MUST: &str = "denied: it takes an address from everybody";
    /// The cluster address of a Service that the administrator makes, or of hotdesk's.
    fn alices(world: &World) -> String {
        let service = json!({"metadata": {"generateName": "web-"}, "spec": {"ports": [{"port": 80}]}});
        let made = world.make(&core(world.street().alices.name(), "services"), &service);
        text(&made["spec"]["clusterIP"]).to_owned()
    }
    fn webhooks(world: &World) -> String {
        let found = world.api.set_up(Ask::get(core("hotdesk", "services/hotdesk-webhook")));
        text(&found["spec"]["clusterIP"]).to_owned()
    }
    type Address = fn(&World) -> String;
    let tried: [(&str, Address); 3] =
        [("alice's Service", alices), ("hotdesk's webhook", webhooks), ("anybody", |_| "192.0.2.7".to_owned())];
    let mut rows: Vec<Row> = tried
        .into_iter()
        .map(|(what, address)| {
            row("a101", "bob, in his own slot", format!("makes a Service with the address of {what}"), MUST, move |w| {
                let address = address(w);
                let spec = json!({"ports": [{"port": 80}], "externalIPs": [address]});
                let service = json!({"metadata": {"name": "takes"}, "spec": spec});
                let parts = ["external address", &address, "guard.externalIPs"];
                w.street().post(w, &bob(), SERVICES, &service, false).denied(&parts)
            })
        })
        .collect();
    rows.push(row("a101b", "bob", "writes an address into the status of a Service of his", MUST, |w| {
        let street = w.street();
        let service =
            json!({"metadata": {"name": "balanced"}, "spec": {"type": "LoadBalancer", "ports": [{"port": 80}]}});
        street.post(w, &bob(), SERVICES, &service, false).done()?;
        let path = format!("{}/balanced/status", street.path(SERVICES));
        let status = json!({"status": {"loadBalancer": {"ingress": [{"ip": alices(w)}]}}});
        w.api.send(&bob(), Ask::merge(path, &status)).denied(&["external address"])
    }));
    rows
}

fn priorities() -> Vec<Row> {
    const MUST: &str = "denied: it would evict other people's pods";
    const CLASS: &str = "system-cluster-critical";
    fn pod() -> Value {
        let mut spec = idle_pod();
        spec["priorityClassName"] = json!(CLASS);
        spec
    }
    fn template() -> Value {
        let mut template = idle_template("first");
        template["spec"] = pod();
        template
    }
    type Make = fn() -> Value;
    let tried: [(&str, &str, Make); 4] = [
        ("a pod", "v1/pods", || json!({"metadata": {"name": "first"}, "spec": pod()})),
        ("a Deployment", "apps/v1/deployments", || {
            let selector = json!({"matchLabels": {"app": "first"}});
            json!({"metadata": {"name": "first"}, "spec": {"replicas": 0, "selector": selector, "template": template()}})
        }),
        ("a CronJob", "batch/v1/cronjobs", || {
            let mut template = template();
            template["spec"]["restartPolicy"] = json!("Never");
            let job = json!({"spec": {"template": template}});
            json!({"metadata": {"name": "first"}, "spec": {"suspend": true, "schedule": "0 0 1 1 *", "jobTemplate": job}})
        }),
        ("a custom resource", "attacks.hotdesk.test/v1/gadgets", || {
            json!({"apiVersion": "attacks.hotdesk.test/v1", "kind": "Gadget", "metadata": {"name": "first"},
                "spec": {"pods": [{"spec": pod()}]}})
        }),
    ];
    let mut rows: Vec<Row> = tried
        .into_iter()
        .map(|(what, collection, make)| {
            row(
                "a102",
                "bob, in his own slot",
                format!("gives {what} a priority of the cluster's own"),
                MUST,
                move |w| {
                    w.street().post(w, &bob(), collection, &make(), false).denied(&[CLASS, "guard.priorityClasses"])
                },
            )
        })
        .collect();
    rows.push(row(
        "a102",
        "bob, in his own slot",
        "gives a pod and a Deployment the priority of hotdesk's pods",
        MUST,
        |w| {
            let webhook = w.api.set_up(Ask::get(group("apps/v1", "hotdesk", "deployments/hotdesk-webhook")));
            let class = text(&webhook["spec"]["template"]["spec"]["priorityClassName"]).to_owned();
            let mut template = idle_template("own-class");
            template["spec"]["priorityClassName"] = json!(class);
            let selector = json!({"matchLabels": {"app": "own-class"}});
            let spec = json!({"replicas": 0, "selector": selector, "template": template});
            let deployment = json!({"metadata": {"name": "own-class"}, "spec": spec});
            let pod = json!({"metadata": {"name": "own-class"}, "spec": template["spec"]});
            let parts = ["the priority class", class.as_str(), "guard.priorityClasses"];
            w.street().post(w, &bob(), "apps/v1/deployments", &deployment, false).denied(&parts)?;
            w.street().post(w, &bob(), "v1/pods", &pod, false).denied(&parts)
        },
    ));
    rows.push(row("a102b", "bob", "gives a Deployment of his that priority afterwards", MUST, |w| {
        let street = w.street();
        let selector = json!({"matchLabels": {"app": "later"}});
        let spec = json!({"replicas": 0, "selector": selector, "template": idle_template("later")});
        let all = "apps/v1/deployments";
        street.post(w, &bob(), all, &json!({"metadata": {"name": "later"}, "spec": spec}), false).done()?;
        let path = format!("{}/later", street.path(all));
        let patch = json!({"spec": {"template": {"spec": {"priorityClassName": "system-node-critical"}}}});
        w.api.send(&bob(), Ask::strategic(path, &patch)).denied(&["system-node-critical", "guard.priorityClasses"])
    }));
    rows
}

fn endpoints() -> Vec<Row> {
    const MUST: &str = "denied: they lead to any address";
    let addresses = json!([{"addresses": ["10.1.2.3"]}]);
    let slice = json!({"metadata": {"name": "by-hand", "labels": {"kubernetes.io/service-name": "web"}},
        "addressType": "IPv4", "endpoints": addresses, "ports": [{"port": 80}]});
    let classic = json!({"metadata": {"name": "by-hand"},
        "subsets": [{"addresses": [{"ip": "10.1.2.3"}], "ports": [{"port": 80}]}]});
    let mut rows: Vec<Row> = [("an EndpointSlice", SLICES, slice), ("Endpoints", ENDPOINTS, classic)]
        .into_iter()
        .map(|(what, collection, object)| {
            row("a101c", "bob, and a program of his", format!("write {what} by hand"), MUST, move |w| {
                let street = w.street();
                street.post(w, &bob(), collection, &object, false).denied(&["by hand", "guard.endpointSlices"])?;
                street
                    .post(w, &street.program(), collection, &object, false)
                    .denied(&["by hand", "guard.endpointSlices"])
            })
        })
        .collect();
    rows.push(row("a101d", "bob", "turns what a controller wrote for his Service to another address", MUST, |w| {
        let street = w.street();
        let spec = json!({"selector": {"app": "none"}, "ports": [{"port": 80}]});
        street.post(w, &bob(), SERVICES, &json!({"metadata": {"name": "selects"}, "spec": spec}), false).done()?;
        let query = "?labelSelector=kubernetes.io%2Fservice-name%3Dselects";
        let found = until("the slice of a Service", Duration::from_secs(30), || {
            let slices = w.api.send(&administrator(), Ask::get(format!("{}{query}", street.path(SLICES))));
            match slices.json["items"].as_array().and_then(|items| items.first()) {
                Some(slice) => Ok(slice.clone()),
                None => Err(slices.to_string()),
            }
        });
        let name = text(&found["metadata"]["name"]);
        let path = group("discovery.k8s.io/v1", street.bobs.name(), &format!("endpointslices/{name}"));
        let turned = json!({"endpoints": [{"addresses": ["10.1.2.3"]}]});
        w.api.send(&bob(), Ask::merge(&path, &turned)).denied(&["by hand", "guard.endpointSlices"])?;
        w.api.send(&bob(), Ask::merge(&path, &json!({"metadata": {"labels": {"a": "b"}}}))).done().map(drop)
    }));
    rows
}
