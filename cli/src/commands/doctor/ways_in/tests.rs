//! What the doctor says beforehand of ways in that nobody watches, for all slots.

use hotdesk_traffic::ways_in::kinds;
use serde_json::{Value, json};

use super::super::finding::Level;
use super::super::reapers::{Reaper, Uses};
use super::*;

fn reaper(slot: &str, env: &[(&str, &str)]) -> Reaper {
    let env: Vec<Value> = env.iter().map(|(name, value)| json!({"name": name, "value": value})).collect();
    let pod = json!({"serviceAccountName": "r", "containers": [{"name": "reaper", "env": env}]});
    let cron_job = serde_json::from_value(json!({
        "metadata": {"name": format!("reap-{slot}"), "namespace": "hotdesk-jobs", "labels": {"hotdesk.dev/slot": slot}},
        "spec": {"schedule": "7 * * * *", "jobTemplate": {"spec": {"template": {"spec": pod}}}},
    }));
    Reaper::read(&cron_job.unwrap(), &[]).unwrap()
}

fn route(group: &str, kind: &str, namespace: &str, spec: &Value) -> Route {
    let object = named(namespace, "web", json!({"spec": spec}));
    Route { kind: kinds::of(group, kind).unwrap(), object }
}

fn named(namespace: &str, name: &str, body: Value) -> Named {
    Named { namespace: namespace.to_owned(), name: name.to_owned(), body, ..Named::default() }
}

fn typed<T: serde::de::DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).unwrap()
}

/// Five kinds of routes that nobody watches.
fn five() -> Everywhere {
    let parents = json!({"parentRefs": [{"name": "gw", "namespace": "edge"}]});
    let gateway = json!({"spec": {"gatewayClassName": "envoy"}});
    let class = json!({"spec": {"controllerName": "gateway.envoyproxy.io/gatewayclass-controller"}});
    Everywhere {
        routes: vec![
            route("gateway.networking.k8s.io", "HTTPRoute", "mew", &parents),
            route("traefik.io", "IngressRoute", "mew", &json!({})),
            route("networking.istio.io", "VirtualService", "mew", &json!({"gateways": ["edge/gw"]})),
            route("projectcontour.io", "HTTPProxy", "mew", &json!({})),
            route("route.openshift.io", "Route", "mew", &json!({})),
            route("projectcontour.io", "HTTPProxy", "edge", &json!({})),
        ],
        gateways: vec![named("edge", "gw", gateway)],
        gateway_classes: vec![named("", "envoy", class)],
        streams: vec![typed(json!({
            "metadata": {"name": "tcp-services", "namespace": "ingress-nginx"}, "data": {"5432": "mewtwo/db:5432"},
        }))],
        ..Everywhere::default()
    }
}

fn told(findings: &[Finding]) -> Vec<(String, Level, String)> {
    findings.iter().map(|finding| (finding.subject.clone(), finding.level, finding.message.clone())).collect()
}

#[test]
fn every_way_in_that_nobody_watches_is_named_for_its_slot() {
    let found = judge(&five(), &[reaper("mew", &[]), reaper("mewtwo", &[]), reaper("onix", &[])], &[], &[]);
    let of = |slot: &str| found.iter().filter(|finding| finding.subject == format!("slot {slot}")).collect::<Vec<_>>();
    assert_eq!((of("mew").len(), of("mewtwo").len(), of("onix").len()), (5, 1, 0), "{:?}", told(&found));
    for (finding, part) in of("mew").iter().zip([
        "the HTTPRoute mew/web is attached to the Gateway edge/gw",
        "the IngressRoute mew/web is served by Traefik",
        "the VirtualService mew/web is served by Istio",
        "the HTTPProxy mew/web is served by Contour",
        "the Route mew/web is served by OpenShift's router",
    ]) {
        assert!(finding.level == Level::Problem && finding.message.contains(part), "{finding:?} does not say {part:?}");
        assert!(finding.fix.as_ref().unwrap().contains("reaper.sources"), "{finding:?}");
    }
    assert!(of("mewtwo")[0].message.contains("passes the port 5432 on to mewtwo/db:5432"), "{:?}", told(&found));
}

#[test]
fn the_reapers_own_settings_count() {
    let env = [(
        "HOTDESK_SOURCES",
        "[{type: ingress-logs, logFormat: envoy-json, sees: {kinds: [HTTPRoute, IngressRoute, VirtualService, HTTPProxy, Route]}}]",
    )];
    assert_eq!(told(&judge(&five(), &[reaper("mew", &env)], &[], &[])), []);
    let ingress: Ingress =
        typed(json!({"metadata": {"name": "web", "namespace": "mew"}, "spec": {"ingressClassName": "gone"}}));
    let nothing = Everywhere::default();
    let of = |env: &[(&str, &str)]| told(&judge(&nothing, &[reaper("mew", env)], &[], std::slice::from_ref(&ingress)));
    assert!(of(&[])[0].2.contains("is of class gone, of which there is no IngressClass"), "{:?}", of(&[]));
    assert_eq!(of(&[("HOTDESK_INGRESS_CLASS", "nginx,gone")]), []);
    let node_port = Everywhere {
        services: vec![typed(json!({"metadata": {"name": "web", "namespace": "mew"}, "spec": {"type": "NodePort"}}))],
        ..Everywhere::default()
    };
    assert_eq!(judge(&node_port, &[reaper("mew", &[])], &[], &[]).len(), 1);
    assert_eq!(judge(&node_port, &[reaper("mew", &[("HOTDESK_IGNORE_DIRECT_TRAFFIC", "true")])], &[], &[]), []);
}

#[test]
fn w44_a_setting_of_the_controller_is_named_for_each_slot_with_an_ingress() {
    let reapers = [reaper("mew", &[]), reaper("onix", &[])];
    let place = reapers[0].places().remove(0).0;
    let config = typed(json!({
        "metadata": {"name": "settings", "namespace": "ingress-nginx"}, "data": {"custom-http-errors": "404"},
    }));
    let controller = Controller {
        place,
        uses: Uses { logs: true, metrics: false },
        pods: Ok(vec![]),
        sample: None,
        configs: vec![Ok(Some(config))],
        files: vec![],
        log_limit: (10 << 20, true),
    };
    let ingress: Ingress = typed(json!({"metadata": {"name": "web", "namespace": "mew"}}));
    let found = judge(&Everywhere::default(), &reapers, &[controller], &[ingress]);
    assert_eq!(found.len(), 1, "{:?}", told(&found));
    assert!(found[0].message.contains("custom-http-errors: 404"), "{:?}", told(&found));
    assert!(found[0].fix.as_ref().unwrap().contains("patch configmap settings"), "{found:?}");
}

#[test]
fn what_could_not_be_looked_at_is_said_once() {
    let unknown = Everywhere { unknown: vec!["HTTPRoute: forbidden".to_owned()], ..Everywhere::default() };
    let found = judge(&unknown, &[reaper("mew", &[]), reaper("onix", &[])], &[], &[]);
    assert_eq!(
        told(&found),
        [(
            "the ways into the slots".to_owned(),
            Level::Unknown,
            "could not be looked at: HTTPRoute: forbidden".to_owned()
        )]
    );
}
