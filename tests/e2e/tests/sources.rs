//! Traffic sources beside nginx's logs, by the CronJob's own image on a real node: counters through the API server's pod
//! proxy from run to run, Envoy's logs, fields of one's own, and several sources at once.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::time::Duration;

use hotdesk_e2e::ingress::{Ingress, LogFormat, Route};
use hotdesk_e2e::reaper::{self, releases, verdict};
use hotdesk_e2e::slot::{SlotBuilder, test_image, unique};
use hotdesk_e2e::{Helm, TestSlot, admin, alice, installation, until};
use serde_json::{Value, json};

/// A controller that counts what the test says; its namespace is deleted when the test ends.
struct Counting {
    namespace: String,
}

impl Counting {
    fn start() -> Self {
        let counting = Self { namespace: unique("metrics") };
        let namespace = format!("apiVersion: v1\nkind: Namespace\nmetadata: {{name: {}}}\n", counting.namespace);
        admin().kubectl_with(&["apply", "-f", "-"], &namespace).succeeded();
        let labels = json!({"app.kubernetes.io/name": "ingress-nginx", "app.kubernetes.io/component": "controller"});
        let container = json!({
            "name": "controller", "image": test_image("app"), "imagePullPolicy": "IfNotPresent",
            "command": ["sh", "-c", "mkdir -p /tmp/www && exec httpd -f -p 10254 -h /tmp/www"],
        });
        let template = json!({"metadata": {"labels": labels}, "spec": {"terminationGracePeriodSeconds": 0, "containers": [container]}});
        let spec = json!({"replicas": 1, "selector": {"matchLabels": labels}, "template": template});
        let deployment =
            json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "controller"}, "spec": spec});
        admin().apply(&counting.namespace, &deployment.to_string()).succeeded();
        counting
    }

    fn kubectl(&self, args: &[&str]) -> hotdesk_e2e::CommandOutput {
        admin().kubectl(&[&["-n", &self.namespace], args].concat())
    }

    /// Counts so many requests for these namespaces, and waits until that is served.
    fn counts(&self, counts: &[(&str, u64)]) {
        let line = |(namespace, count): &(&str, u64)| {
            format!(
                "traefik_service_requests_total{{code=\"200\",service=\"{namespace}-web-80@kubernetes\"}} {count}\n"
            )
        };
        let text: String = counts.iter().map(line).collect();
        until("the counters", Duration::from_secs(90), || {
            let write = format!("printf %s '{text}' >/tmp/www/.new && mv /tmp/www/.new /tmp/www/metrics");
            self.kubectl(&["exec", "deployment/controller", "--", "sh", "-c", &write]).as_result()
        });
    }

    fn source(&self) -> Value {
        json!({"type": "ingress-metrics", "controller": "traefik", "namespace": self.namespace, "port": 10254})
    }

    /// Waits until the API server knows that the reaper of this slot may ask.
    fn until_it_may_be_read(&self, slot: &TestSlot) {
        let who = format!("--as={}", reaper::account(slot));
        until("the reaper's rights", Duration::from_secs(20), || {
            self.kubectl(&["auth", "can-i", "get", "pods/anything:10254", "--subresource=proxy", &who]).as_result()
        });
    }
}

impl Drop for Counting {
    fn drop(&mut self) {
        drop(admin().kubectl(&["delete", "namespace", &self.namespace, "--wait=false", "--ignore-not-found"]));
    }
}

/// A slot of alice's with a release, whose reaper has these sources.
fn slot(name: Option<&str>, reaper: Value) -> TestSlot {
    let mut builder = SlotBuilder::held_by(&["alice@example.com"]).reaper(reaper);
    if let Some(name) = name {
        builder = builder.named(name);
    }
    let slot = builder.make();
    slot.helm_install(&alice(), Helm::V4, "web", "web", &["--wait", "--timeout", "120s"]).succeeded();
    slot
}

fn values(sources: &[Value], window: &str) -> Value {
    json!({"window": window, "trial": true, "officeHours": [], "pause": "1s", "otherNamespaces": ["other"],
        "sources": sources})
}

#[test]
fn counters_are_compared_from_run_to_run_until_the_slot_is_idle() {
    let _held = installation::shared();
    let counting = Counting::start();
    let slot = slot(None, values(&[counting.source()], "20s"));
    let mew = slot.name().to_owned();
    counting.until_it_may_be_read(&slot);
    counting.counts(&[(&mew, 7), ("other", 9)]);
    reaper::until_older(&slot, &alice(), 21);

    reaper::run(&slot).failed_saying(&["it is counted from now on"]);
    assert_eq!(verdict(&slot), "Unknown");
    counting.counts(&[(&mew, 8), ("other", 9)]);
    reaper::run(&slot).succeeded();
    assert_eq!(verdict(&slot), "Active");
    let status = slot.object()["status"].clone();
    assert_eq!(status["lastActivity"]["signal"], "traffic");
    assert_eq!(status["counted"][0]["pods"].as_array().unwrap().len(), 1);

    // The neighbour's requests are not the slot's.
    counting.counts(&[(&mew, 8), ("other", 900), (&format!("{mew}two"), 5)]);
    until("the slot to be idle", Duration::from_secs(120), || {
        let run = reaper::run(&slot);
        if verdict(&slot) == "Idle" { Ok(()) } else { Err(format!("{run:?}")) }
    });
    assert!(releases(&slot).is_empty());
}

#[test]
fn a_controller_that_was_replaced_took_its_counters_with_it() {
    let _held = installation::shared();
    let counting = Counting::start();
    let slot = slot(None, values(&[counting.source()], "1s"));
    counting.until_it_may_be_read(&slot);
    counting.counts(&[(slot.name(), 7), ("other", 9)]);
    reaper::until_older(&slot, &alice(), 2);
    reaper::run(&slot).failed_saying(&["it is counted from now on"]);
    counting.kubectl(&["delete", "pod", "--all", "--wait=true"]).succeeded();
    until("one running pod", Duration::from_secs(60), || {
        let pods = counting.kubectl(&["get", "pods", "-o", "jsonpath={.items[*].status.phase}"]).succeeded();
        if pods.stdout.trim() == "Running" { Ok(()) } else { Err(pods.to_string()) }
    });
    counting.counts(&[("other", 9)]);
    reaper::run(&slot).failed_saying(&["restarted or went"]);
    assert_eq!(releases(&slot), ["web"]);
    reaper::run(&slot).succeeded();
    assert!(releases(&slot).is_empty(), "then it joins up again");
}

#[test]
fn of_several_sources_one_that_sees_somebody_is_enough_and_one_that_is_blind_too() {
    let _held = installation::shared();
    let mew = unique("mew").replace('-', "");
    let ingress = Ingress::start(
        LogFormat::Text,
        &[Route::answering(&format!("{mew}-web-80")), Route::answering("other-web-80")],
    );
    let counting = Counting::start();
    let logs = json!({"type": "ingress-logs", "namespace": ingress.namespace()});
    let blind = json!({"type": "prometheus", "url": "http://127.0.0.1:9", "controller": "traefik"});
    let slot = slot(Some(&mew), values(&[logs, counting.source(), blind], "15s"));
    reaper::until_it_may_read(&slot, &ingress);
    counting.until_it_may_be_read(&slot);
    counting.counts(&[("other", 9)]);
    ingress.request("/other-web-80").succeeded();
    reaper::until_older(&slot, &alice(), 16);
    let run = reaper::run(&slot);
    run.failed_saying(&["ingress-metrics: it is counted from now on", "prometheus: 127.0.0.1:9"]);
    ingress.request(&format!("/{mew}-web-80")).succeeded();
    reaper::run(&slot).succeeded();
    assert_eq!(verdict(&slot), "Active");
    assert_eq!(releases(&slot), ["web"]);
}

/// mewtwo has traffic, also traffic whose path and user agent spell mew; mew goes, and mewtwo stays.
fn neighbours(format: LogFormat, served: impl Fn(&str) -> String, source: impl Fn(&str) -> Value) {
    let _held = installation::shared();
    let mew = unique("mew").replace('-', "");
    let mewtwo = format!("{mew}two");
    let path = format!("/{}", served(&mew));
    let ingress = Ingress::start(format, &[Route { path: path.clone(), upstream: served(&mewtwo), address: None }]);
    let reaper = values(&[source(ingress.namespace())], "15s");
    let slots = [&mew, &mewtwo].map(|name| {
        let slot = slot(Some(name), reaper.clone());
        reaper::until_it_may_read(&slot, &ingress);
        slot
    });
    reaper::until_older(&slots[1], &alice(), 16);
    ingress.request(&path).succeeded();
    reaper::run(&slots[1]).succeeded();
    reaper::run(&slots[0]).succeeded();
    assert_eq!([verdict(&slots[0]).as_str(), verdict(&slots[1]).as_str()], ["Idle", "Active"]);
    assert_eq!((releases(&slots[0]), releases(&slots[1])), (vec![], vec!["web".to_owned()]));
}

#[test]
fn envoy_gateways_log_is_told_by_the_route_that_served() {
    neighbours(
        LogFormat::Envoy,
        |slot| format!("httproute/{slot}/web/rule/0/match/0/x"),
        |namespace| json!({"type": "ingress-logs", "namespace": namespace, "logFormat": "envoy-json"}),
    );
}

#[test]
fn json_of_ones_own_is_told_by_the_fields_that_are_named() {
    neighbours(
        LogFormat::Envoy,
        |slot| format!("{slot}-web-80"),
        |namespace| json!({"type": "ingress-logs", "namespace": namespace, "logFormat": "json", "fields": {"upstream": "route_name", "path": "x-envoy-origin-path"}}),
    );
}

#[test]
fn only_a_reaper_that_reads_counters_may_reach_into_the_controllers_pods() {
    let _held = installation::shared();
    let ingress = Ingress::start(LogFormat::Text, &[]);
    let logs = json!({"type": "ingress-logs", "namespace": ingress.namespace()});
    let counters = json!({"type": "ingress-metrics", "controller": "traefik", "namespace": ingress.namespace()});
    let may = |slot: &TestSlot, verb: &str, what: &[&str]| {
        let who = format!("--as={}", reaper::account(slot));
        ingress.kubectl(&[&["auth", "can-i", verb], what, &[who.as_str()]].concat()).ok()
    };
    let proxy = ["pods/x:9100", "--subresource=proxy"];
    let counting = SlotBuilder::free().reaper(values(&[logs.clone(), counters], "1h")).make();
    until("the reaper's rights", Duration::from_secs(20), || {
        if may(&counting, "get", &proxy) { Ok(()) } else { Err("not yet".to_owned()) }
    });
    let reading = SlotBuilder::free().reaper(values(&[logs], "1h")).make();
    reaper::until_it_may_read(&reading, &ingress);
    assert!(!may(&reading, "get", &proxy), "a reaper that reads logs reaches into pods");
    for verb in ["create", "update", "delete"] {
        assert!(!may(&counting, verb, &proxy), "{verb} through the proxy would be a request that changes something");
    }
}

#[test]
fn one_job_reads_for_all_slots_and_the_reaper_of_one_that_was_seen_reads_no_log() {
    let _held = installation::shared();
    let name = unique("slot");
    let service = format!("{name}-web-80");
    let ingress = Ingress::start(LogFormat::Text, &[Route::answering(&service)]);
    let builder = SlotBuilder::held_by(&["alice@example.com"]).named(&name).reaper(reaper::reading(&ingress, "45s"));
    let slot = builder.observed().make();
    let observer = reaper::Observer;
    slot.helm_install(&alice(), Helm::V4, "web", "web", &["--wait", "--timeout", "120s"]).succeeded();
    // From now on its own reaper may read no log.
    let own = format!("hotdesk.dev/slot={name}");
    ingress.kubectl(&["delete", "rolebindings", "-l", &own]).succeeded();
    let who = format!("--as={}", reaper::account(&slot));
    until("the right to be gone", Duration::from_secs(20), || {
        let can = ingress.kubectl(&["auth", "can-i", "get", "pods/log", &who]);
        if can.ok() { Err(can.to_string()) } else { Ok(()) }
    });
    reaper::until_older(&slot, &alice(), 45);
    ingress.request(&format!("/{service}")).succeeded();
    let run = observer.run();
    let evidence = slot.object()["status"]["evidence"][0].clone();
    assert_eq!(evidence["source"], "ingress-logs", "{run:?}");
    let detail = evidence["lastUse"]["detail"].as_str().unwrap_or_default();
    assert!(detail.contains(&service), "{evidence}");
    reaper::run(&slot).succeeded().said(&[&service, "(seen by the observing job in ingress-logs)"]);
    assert_eq!((verdict(&slot).as_str(), releases(&slot)), ("Active", vec!["web".to_owned()]));
    // What it has not seen lately proves nothing, and the reaper would have to read for itself.
    let seen = evidence["lastUse"]["time"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    until("the use to be older than the window", Duration::from_secs(60), || {
        let age = now().duration_since(seen).as_secs();
        if age > 45 { Ok(()) } else { Err(format!("{age} s old")) }
    });
    reaper::run(&slot).failed_saying(&["pods cannot be listed", "Nothing was uninstalled"]);
    assert_eq!((verdict(&slot).as_str(), releases(&slot)), ("Unknown", vec!["web".to_owned()]));
}

#[allow(clippy::disallowed_methods)] // a test's own edge
fn now() -> jiff::Timestamp {
    jiff::Timestamp::now()
}
