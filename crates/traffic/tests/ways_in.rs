//! Which ways into a slot are watched: every row of `data/ways-in/cases.yaml`, judged as objects.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by a panic")]

use hotdesk_slots::session_records::CONFIG_MAP;
use hotdesk_traffic::line::Format;
use hotdesk_traffic::sources::{
    Defaults, EVERYWHERE, IN_SLOT, OBSERVES, PodSelector, Right, SAVE, SESSIONS, Source, read,
};
use hotdesk_traffic::ways_in::settings::{Flags, Settings, envoy, istio};
use hotdesk_traffic::ways_in::{Named, Route, Rules, Unwatched, WaysIn, kinds, unwatched};
use k8s_openapi::api::core::v1::Pod;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

#[path = "support/cases.rs"]
mod cases;

use cases::{objects, rows};

fn typed<T: DeserializeOwned>(object: &Value) -> T {
    serde_json::from_value(object.clone()).unwrap()
}

/// What a collector finds where these objects are.
fn found(objects: &[Value], sources: &[Source]) -> WaysIn {
    let mut found = WaysIn { slot: "mew".to_owned(), ..WaysIn::default() };
    let (mut settings, mut pods): (Settings, Vec<Pod>) = (Settings::default(), Vec::new());
    for object in objects {
        let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        let named = || Named::new(typed(&object["metadata"]), object.clone());
        let (group, kind, own) = (text("/apiVersion"), text("/kind"), text("/metadata/namespace") == "mew");
        match kind.as_str() {
            "Ingress" if own => found.ingresses.push(typed(object)),
            "Ingress" => found.ingresses_elsewhere.push(typed(object)),
            "Namespace" => found.labels = serde_json::from_value(object["metadata"]["labels"].clone()).unwrap(),
            "EndpointSlice" => found.slices.push(typed(object)),
            "IngressClass" => found.ingress_classes.push(typed(object)),
            "Service" if own => found.services.push(typed(object)),
            "Service" => found.aliases.push(typed(object)),
            "Pod" if own => found.pods.push(typed(object)),
            "Pod" => pods.push(typed(object)),
            "Gateway" => found.gateways.push(named()),
            "ListenerSet" | "XListenerSet" => found.listener_sets.push(named()),
            "GatewayClass" => found.gateway_classes.push(named()),
            "ReferenceGrant" => found.grants.push(named()),
            "EnvoyProxy" => found.proxies.push(named()),
            "Telemetry" => found.telemetries.push(named()),
            "ConfigMap" if text("/metadata/name").ends_with("-services") => settings.streams.push(typed(object)),
            "ConfigMap" => settings.configs.push(typed(object)),
            _ => {
                let kind = kinds::of(group.split('/').next().unwrap(), &kind).unwrap();
                let list = if own { &mut found.routes } else { &mut found.elsewhere };
                list.push(Route { kind, object: named() });
            }
        }
    }
    let read = sources.iter().filter(|source| source.place().is_some());
    let of = |source: &Source| {
        let by_pods = Settings::of(source, &pods, &[]);
        Settings { configs: settings.configs.clone(), streams: settings.streams.clone(), ..by_pods }
    };
    found.controllers = read.map(of).collect();
    found
}

fn sources(row: &Value) -> Vec<Source> {
    let text = |text: &str| text.to_owned();
    let place = PodSelector { namespace: text("ingress-nginx"), selector: text("a=b"), container: text("controller") };
    let written = row["sources"].as_str().unwrap_or("[{type: ingress-logs}]");
    read(written, &Defaults { place, format: Format::Auto }).unwrap()
}

fn judged(row: &Value) -> Vec<Unwatched> {
    let sources = sources(row);
    let classes: Vec<String> = serde_json::from_value(row.get("classes").cloned().unwrap_or(json!([]))).unwrap();
    let rules = Rules { classes: &classes, ignore_direct: row["ignoreDirect"] == true };
    unwatched(&found(&objects(row), &sources), &sources, &rules)
}

#[test]
fn every_way_in_is_watched_or_named() {
    let wrong: Vec<String> = rows().iter().filter_map(wrong).collect();
    assert!(wrong.is_empty(), "{} rows:\n{}", wrong.len(), wrong.join("\n"));
}

/// What is wrong with a row.
fn wrong(row: &Value) -> Option<String> {
    let id = row["id"].as_str().unwrap();
    let told: Vec<String> = judged(row).iter().map(ToString::to_string).collect();
    let right = match &row["must"] {
        // What the lines say decides those; they are rows of the reaper's fault table.
        Value::String(must) if must.starts_with("Active") => true,
        Value::String(must) if must == "Idle" => told.is_empty(),
        Value::Array(parts) => {
            let says = |part: &Value| told[0].contains(part.as_str().unwrap());
            told.len() == 1 && parts.iter().all(says)
        }
        other => panic!("{id}: {other}"),
    };
    (!right).then(|| format!("{id}: must be {}, and is {told:?}", row["must"]))
}

/// A row that is lost would not be missed by the others.
#[test]
fn every_case_has_a_row() {
    let rows = rows();
    for number in 1..=50 {
        let id = format!("w{number:02}");
        // It needs an API server that forbids.
        let elsewhere = id == "w48";
        let has = rows.iter().any(|row| row["id"].as_str().unwrap().starts_with(&id));
        assert!(has || elsewhere, "{id} has no row");
    }
}

#[test]
fn w48_what_cannot_be_looked_at_is_not_absent() {
    let unread =
        Unwatched::unread("the HTTPRoutes of mew", "list httproutes.gateway.networking.k8s.io in mew", "forbidden");
    let found = WaysIn { slot: "mew".to_owned(), unread: vec![unread], ..WaysIn::default() };
    let told = unwatched(&found, &sources(&json!({})), &Rules::default());
    let right = "the reaper needs the right to list httproutes.gateway.networking.k8s.io in mew";
    assert!(told.len() == 1 && told[0].to_string().contains(right), "{told:?}");
}

/// ingress-nginx says by a flag for which controller of IngressClasses it stands.
#[test]
fn the_controllers_own_flag_says_whose_ingresses_are_read() {
    let row = rows().into_iter().find(|row| row["id"] == "w01").unwrap();
    let sources = sources(&row);
    let mut found = found(&objects(&row), &sources);
    found.controllers[0].controller_classes = vec!["k8s.io/internal-ingress-nginx".to_owned()];
    assert_eq!(unwatched(&found, &sources, &Rules::default()), []);
    found.controllers[0].controller_classes = vec!["k8s.io/other".to_owned()];
    assert_eq!(unwatched(&found, &sources, &Rules::default()).len(), 1);
}

/// What in other namespaces leads into a slot cannot be looked at without the right.
#[test]
fn the_chart_lets_a_reaper_list_every_kind_that_crosses_namespaces() {
    let chart = include_str!("../../../charts/slots/templates/reaper-clusterrole.yaml");
    let (_, rules) = chart.split_once("rules:\n").unwrap();
    let rules: Vec<Value> = serde_saphyr::from_str(rules).unwrap();
    let holds = |rule: &Value, key: &str, text: &str| rule[key].as_array().unwrap().iter().any(|one| one == text);
    let may = |verb: &str, group: &str, resource: &str| {
        rules.iter().any(|rule| {
            holds(rule, "verbs", verb) && holds(rule, "apiGroups", group) && holds(rule, "resources", resource)
        })
    };
    for kind in kinds::ALL.iter().filter(|kind| kind.crosses()) {
        assert!(may("list", kind.group, kind.plural), "it may not list {}", kind.resource());
    }
    assert!(may("get", envoy::GROUP, envoy::PLURAL) && may("list", istio::GROUP, istio::PLURAL));
    assert!(may("list", "networking.k8s.io", "ingressclasses") && may("list", "networking.k8s.io", "ingresses"));
    assert!(may("list", "", "services") && may("list", "discovery.k8s.io", "endpointslices"));
    for (group, _, plural) in kinds::LISTENER_SETS {
        assert!(may("get", group, plural), "{plural}");
    }
    assert!(may("list", kinds::GATEWAY_API, "gatewayclasses") && may("get", kinds::GATEWAY_API, "gateways"));
    for rule in &rules {
        let verbs = rule["verbs"].as_array().unwrap();
        assert!(verbs.iter().all(|verb| verb == "list" || verb == "get"), "{rule}");
        let private = ["secrets", "configmaps", "pods", "*"];
        assert!(private.iter().all(|resource| !holds(rule, "resources", resource)), "{rule}");
    }
}

/// What a source needs where its pods are, the chart gives.
#[test]
fn the_chart_lets_a_reaper_and_the_observing_job_read_each_source() {
    let reaper = [
        ("{type: ingress-logs}", include_str!("../../../charts/slots/templates/ingress-role.yaml")),
        (
            "{type: ingress-metrics, controller: traefik}",
            include_str!("../../../charts/slots/templates/ingress-metrics-role.yaml"),
        ),
    ];
    let observer = include_str!("../../../charts/slots/templates/observer-role.yaml");
    let source = |written: &str| sources(&json!({"sources": format!("[{written}]")})).remove(0);
    for (written, chart) in reaper {
        gives(chart, &source(written).rights());
    }
    gives(observer, &source("{type: ingress-logs}").rights_to_observe());
}

/// What they do in the slot, where releases and sessions are noted, and everywhere, the chart gives as well.
#[test]
fn the_chart_lets_a_reaper_and_the_observing_job_do_the_rest_of_their_work() {
    gives(include_str!("../../../charts/slots/templates/reaper-role.yaml"), &IN_SLOT);
    gives(include_str!("../../../charts/slots/templates/saved-reaper-role.yaml"), &[SAVE]);
    let sessions = include_str!("../../../charts/slots/templates/reaper-role-sessions.yaml");
    gives(sessions, &[SESSIONS]);
    assert!(sessions.contains(&format!("resourceNames: [{CONFIG_MAP}]")), "{sessions}");
    gives(include_str!("../../../charts/slots/templates/reaper-clusterrole.yaml"), &EVERYWHERE);
    gives(include_str!("../../../charts/slots/templates/observer-clusterrole.yaml"), &OBSERVES);
}

#[track_caller]
fn gives(chart: &str, rights: &[Right]) {
    let (_, rules) = chart.split_once("rules:\n").unwrap();
    let rules: Vec<Value> = serde_saphyr::from_str(rules.split("{{").next().unwrap()).unwrap();
    for (verb, group, resource) in rights {
        let holds = |rule: &Value, key: &str, text: &str| {
            rule[key].as_array().unwrap().iter().any(|one| one == text || one == "*")
        };
        let gives = |rule: &&Value| {
            holds(rule, "verbs", verb) && holds(rule, "apiGroups", group) && holds(rule, "resources", resource)
        };
        assert!(rules.iter().any(|rule| gives(&rule)), "it gives no right to {verb} {resource}");
    }
    assert!(!rights.is_empty());
}

/// What no Ingress names comes to the default backend, wherever that is.
#[test]
fn a_default_backend_of_the_controller_in_the_slot_is_a_way_in() {
    let pod = json!({"metadata": {"namespace": "ingress-nginx"}, "spec": {"containers": [{"name": "controller", "args": [
        "/nginx-ingress-controller", "--default-backend-service=mew/errors", "--configmap", "$(POD_NAMESPACE)/settings",
        "--controller-class=example.com/nginx", "--tcp-services-configmap=infra/ports",
    ]}]}});
    let flags = Flags::of(&[typed(&pod)]);
    let pair = |namespace: &str, name: &str| vec![(namespace.to_owned(), name.to_owned())];
    assert_eq!(flags.controller_classes, ["example.com/nginx"]);
    assert_eq!((flags.configs, flags.streams), (pair("ingress-nginx", "settings"), pair("infra", "ports")));
    let controllers = vec![Settings { default_backends: flags.default_backends, ..Settings::default() }];
    let told = |slot: &str| {
        let found = WaysIn { slot: slot.to_owned(), controllers: controllers.clone(), ..WaysIn::default() };
        unwatched(&found, &sources(&json!({})), &Rules::default())
    };
    assert_eq!(told("mewtwo"), []);
    assert_eq!(told("mew")[0].about, "the Service mew/errors");
}

/// `auto` reads whatever the pods write, and that is said by their labels.
#[test]
fn pods_that_are_traefiks_do_not_show_what_ingress_nginx_serves() {
    let row = |id: &str| rows().into_iter().find(|row| row["id"] == id).unwrap();
    let told = |id: &str, products: &[&str]| {
        let sources = sources(&json!({}));
        let mut found = found(&objects(&row(id)), &sources);
        found.controllers[0].products = products.iter().map(|name| (*name).to_owned()).collect();
        unwatched(&found, &sources, &Rules::default()).iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let (ingress, route) = ("control: an Ingress of the class that is read", "w13");
    assert_eq!((told(ingress, &["ingress-nginx"]).len(), told(route, &["ingress-nginx"]).len()), (0, 1));
    assert_eq!((told(ingress, &["traefik"]).len(), told(route, &["traefik"]).len()), (1, 0));
    assert_eq!(
        (told(ingress, &["ingress-nginx", "traefik"]).len(), told(route, &["ingress-nginx", "traefik"]).len()),
        (0, 0)
    );
}
