//! Somebody may come by a way that nobody watches: the rows of the table that `hotdesk_traffic` is tested by.

use hotdesk_http::fake_server::Reply;
use serde_json::{Value, json};

use super::{Expect, Row, row, ways};
use crate::cases;
use crate::world::{FakeCluster, RunOutcome, ago, failure, idle, line};

pub(crate) fn rows() -> Vec<Row> {
    let mut rows: Vec<Row> =
        cases::rows().into_iter().filter(|case| case["pure"] != true).map(|case| of_case(&case)).collect();
    rows.extend(unread());
    rows.extend(two_sources());
    rows
}

/// A row, and the parts of the sentence by which it must be what it is.
fn because(name: &str, expect: Expect, parts: Vec<String>, world: FakeCluster) -> Row {
    let told = name.to_owned();
    let play = Box::new(move || {
        let ran: RunOutcome = world.run();
        for part in &parts {
            assert!(ran.message.contains(part.as_str()), "{told}: {part:?} is not in {:?}\n{}", ran.message, ran.log);
        }
        ran
    });
    Row { name: format!("way in: {name}"), expect, play }
}

fn of_case(case: &Value) -> Row {
    let id = case["id"].as_str().unwrap();
    let (controllers, objects): (Vec<Value>, Vec<Value>) = cases::objects(case).into_iter().partition(is_controller);
    let mut world = idle().with(|world| world.objects = objects);
    for pod in world.pods.iter_mut().filter(|_| case["log"] == "traefik") {
        pod["spec"]["containers"][0]["args"] = json!(["--accesslog", "--accesslog.format=json"]);
    }
    for controller in controllers {
        json_patch::merge(&mut world.pods[0], &json!({"metadata": controller["metadata"], "spec": controller["spec"]}));
    }
    if let Some(sources) = case["sources"].as_str() {
        world = world.args(&["--sources", sources]);
    }
    for class in case["classes"].as_array().into_iter().flatten() {
        world = world.args(&["--ingress-class", class.as_str().unwrap()]);
    }
    if case["ignoreDirect"] == true {
        world = world.args(&["--ignore-direct-traffic"]);
    }
    if let Some(format) = case["log"].as_str() {
        world.log = log(format, "mewtwo");
    }
    if let Some(upstream) = case["line"].as_str() {
        let server = case["server"].as_str().unwrap_or("10.244.0.7:8080");
        world.log.push_str(&line(20, upstream, "/", "curl/8.5").replace("10.244.0.7:8080", server));
    }
    let (expect, parts) = match &case["must"] {
        Value::String(must) if must == "Idle" => (Expect::Reaped, Vec::new()),
        Value::String(must) if must == "Active" => (Expect::Kept, vec![case["line"].as_str().unwrap().to_owned()]),
        Value::String(_) => (Expect::Kept, Vec::new()),
        must => {
            (Expect::Unknown, must.as_array().unwrap().iter().map(|part| part.as_str().unwrap().to_owned()).collect())
        }
    };
    because(id, expect, parts, world)
}

/// True for the pod of the controller that is read.
fn is_controller(object: &Value) -> bool {
    object["kind"] == "Pod" && object["metadata"]["namespace"] == "ingress-nginx"
}

/// A log over the whole window, in which a namespace was asked for.
fn log(format: &str, namespace: &str) -> String {
    let one = |minutes: i64| {
        let at = ago(minutes);
        let entry = match format {
            "traefik" => json!({
                "ServiceName": format!("{namespace}-web-80@kubernetes"), "RouterName": format!("{namespace}-web@kubernetes"),
                "RequestMethod": "GET", "RequestPath": "/", "request_User-Agent": "curl/8.5", "DownstreamStatus": 200,
                "ServiceURL": "http://10.244.0.7:8080", "level": "info", "msg": "", "time": at.to_string(),
            }),
            "envoy" => json!({
                "route_name": format!("httproute/{namespace}/web/rule/0/match/0/*"), "method": "GET", "response_code": 200,
                "upstream_host": "10.244.0.7:8080", "user-agent": "curl/8.5", "x-envoy-origin-path": "/",
                "start_time": at.to_string(),
            }),
            "own" => json!({"ns": namespace}),
            other => panic!("there is no format {other}"),
        };
        format!("{at} {entry}\n")
    };
    [590, 120, 30, 1].map(one).concat()
}

/// What cannot be looked at is not absent.
fn unread() -> Vec<Row> {
    let served = json!({"objects": [{"is": "http-route", "with": {"metadata": {"namespace": "pikachu"}}}, "class-nginx", "ingress"]});
    let world = move || idle().with(|world| world.objects = cases::objects(&served));
    let forbidden =
        |what: &str| failure(403, "Forbidden", &format!("{what} is forbidden: User \"reaper\" cannot list it"));
    let right = |right: &str| vec![format!("the reaper needs the right to {right}"), "(403)".to_owned()];
    let denied = |path: &'static str, needs: &str, id: &str| {
        let reply = forbidden(path.rsplit('/').next().unwrap());
        let world = world().fault(move |_, request| (request.path() == path).then(|| reply.clone()));
        because(id, Expect::Unknown, right(needs), world)
    };
    let mut rows = vec![
        proxy_unread(),
        because("w48, control: it may", Expect::Reaped, Vec::new(), world()),
        denied(
            "/apis/gateway.networking.k8s.io/v1/namespaces/mew/httproutes",
            "list httproutes.gateway.networking.k8s.io in mew",
            "w48",
        ),
        denied("/api/v1/services", "list services in all namespaces", "w48 Services of other namespaces"),
        denied(
            "/apis/discovery.k8s.io/v1/endpointslices",
            "list endpointslices.discovery.k8s.io in all namespaces",
            "w48 EndpointSlices",
        ),
        denied(
            "/apis/networking.k8s.io/v1/ingresses",
            "list ingresses.networking.k8s.io in all namespaces",
            "w48 Ingresses of other namespaces",
        ),
        denied(
            "/apis/networking.k8s.io/v1/ingressclasses",
            "list ingressclasses.networking.k8s.io in all namespaces",
            "w48 IngressClasses",
        ),
        denied(
            "/api/v1/namespaces/ingress-nginx/configmaps/tcp-services",
            "get configmaps in ingress-nginx",
            "w48 the controller's ConfigMaps",
        ),
    ];
    let asked =
        ["/apis", "/apis/gateway.networking.k8s.io/v1", "/apis/gateway.networking.k8s.io/v1/namespaces/mew/httproutes"];
    for (how, reply) in ways() {
        for path in asked {
            // A kind that is gone is none, and is there no more.
            if how == "answers 404" && path.ends_with("httproutes") {
                continue;
            }
            let reply = reply.clone();
            let world = world().fault(move |_, request| (request.path() == path).then(|| reply.clone()));
            rows.push(row(format!("way in: w48, {path}: {how}"), Expect::Unknown, world));
        }
    }
    let nothing = Reply::Json(200, json!({"kind": "APIGroupList", "groups": []}));
    let world = world().fault(move |_, request| (request.path() == "/apis").then(|| nothing.clone()));
    rows.push(because(
        "w48, /apis lists nothing",
        Expect::Unknown,
        vec!["does not say that it serves".to_owned()],
        world,
    ));
    rows
}

/// What the log leaves out is said by an object that a Gateway names.
fn proxy_unread() -> Row {
    let named = json!({"group": "gateway.envoyproxy.io", "kind": "EnvoyProxy", "namespace": "edge", "name": "proxy"});
    let class = json!({"is": "gateway-class", "with": {"spec": {"parametersRef": named}}});
    let objects = json!({"objects": ["http-route", "gateway", class, "envoy-proxy"]});
    let world = idle().with(|world| {
        world.objects = cases::objects(&objects);
        world.log = log("envoy", "mewtwo");
    });
    let path = "/apis/gateway.envoyproxy.io/v1alpha1/namespaces/edge/envoyproxies/proxy";
    let forbidden = failure(403, "Forbidden", "envoyproxies is forbidden: User \"reaper\" cannot get it");
    let world = world.fault(move |_, request| (request.path() == path).then(|| forbidden.clone()));
    let right = "the reaper needs the right to get envoyproxies.gateway.envoyproxy.io in edge".to_owned();
    let world = world.args(&["--sources", "[{type: ingress-logs, logFormat: envoy-json}]"]);
    because("w48 the EnvoyProxy that a class names", Expect::Unknown, vec![right, "(403)".to_owned()], world)
}

/// w49: each way in needs a witness of its own.
fn two_sources() -> Vec<Row> {
    let both = json!({"objects": ["ingress", "class-nginx", "http-route", "gateway", "gateway-class"]});
    let sources = "[{type: ingress-logs}, {type: ingress-logs, name: gateway, namespace: egs, selector: a=b, logFormat: envoy-json}]";
    let world = move |gateways: String| {
        idle().with(|world| world.objects = cases::objects(&both)).args(&["--sources", sources]).fault(
            move |world, request| {
                let list = |items: &[Value]| Some(Reply::Json(200, json!({"metadata": {}, "items": items})));
                match request.path() {
                    "/api/v1/namespaces/egs/pods" => list(&world.pods),
                    "/apis/apps/v1/namespaces/egs/replicasets" => list(&world.replica_sets),
                    path if path.contains("/egs/") && path.ends_with("/log") => {
                        let last = gateways.lines().next_back().map(|line| format!("{line}\n")).unwrap_or_default();
                        let tail = request.target.contains("tailLines");
                        Some(Reply::Text(200, if tail { last } else { gateways.clone() }))
                    }
                    _ => None,
                }
            },
        )
    };
    let started = format!("{} [2026-11-23 15:04:05.678][1][info][main] started\n", ago(590));
    vec![
        because("w49, both saw others", Expect::Reaped, Vec::new(), world(log("envoy", "mewtwo"))),
        because("w49", Expect::Unknown, vec!["gateway".to_owned(), "no request".to_owned()], world(started)),
        because("w49, one saw somebody", Expect::Kept, Vec::new(), world(log("envoy", "mew"))),
    ]
}
