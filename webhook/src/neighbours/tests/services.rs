use super::*;

const SERVICE: (&str, &str) = ("", "Service");

fn named(name: &str) -> Value {
    json!({"spec": {"type": "ExternalName", "externalName": name}})
}

#[test]
fn a100_an_external_name_leads_neither_to_another_slot_nor_to_hotdesk() {
    let mew = "leads to slot \"mew\"";
    let hotdesk = "leads to hotdesk itself (namespace hotdesk";
    for (name, part) in [
        ("web.mew.svc.cluster.local", mew),
        ("web.mew.svc.cluster.local.", mew),
        ("WEB.Mew.SVC.Cluster.Local", mew),
        ("web.mew.svc", mew),
        ("web.mew", mew),
        ("10-1-2-3.web.mew", mew),
        ("web-0.web.mew.svc.cluster.local", mew),
        ("10-1-2-3.mew.pod.cluster.local", mew),
        // Whatever this cluster, or a set of clusters, calls its domain.
        ("web.mew.svc.k8s.example.com", mew),
        ("web.mew.svc.clusterset.local", mew),
        ("web.hosts-nothing.svc", "leads to slot \"hosts-nothing\""),
        ("hotdesk-webhook.hotdesk.svc.cluster.local", hotdesk),
        ("any.hotdesk-jobs", hotdesk),
        ("mew.dev.example.com", mew),
        ("x.MEW.dev.example.com.", mew),
        ("a.deep.mew.dev.example.com", "leads to slot \"eevee\""),
        ("10.96.10.7", "leads to an address"),
    ] {
        check(SERVICE, &named(name), Some(("neighbour-external-name", part)));
    }
    for name in [
        "db.example.com",
        "web.pikachu.svc.cluster.local",
        "web.pikachu",
        "pikachu.dev.example.com",
        "kubernetes.default.svc",
        "web.elsewhere.svc.cluster.local",
        "mew.example.com",
        "web-mew",
        "mew",
        "svc.mew.example.com",
        "",
    ] {
        check(SERVICE, &named(name), None);
    }
}

#[test]
fn a100_only_a_new_external_name_is_judged() {
    let mews = named("web.mew.svc");
    assert_eq!(denial(SERVICE, &mews, Some(&named("db.example.com"))).0, "neighbour-external-name");
    assert_eq!(denial(SERVICE, &named("api.mew.svc"), Some(&mews)).0, "neighbour-external-name");
    let mut marked = mews.clone();
    marked["metadata"] = json!({"labels": {"a": "b"}});
    assert_eq!(denial(SERVICE, &marked, Some(&mews)).0, "");
}

#[test]
fn a101_a_service_takes_no_address_and_may_wish_for_one_of_a_load_balancer() {
    let with = |addresses: Value| json!({"spec": {"externalIPs": addresses}});
    check(SERVICE, &with(json!(["10.96.10.7"])), Some(("external-ip", "the external address 10.96.10.7")));
    check(SERVICE, &with(json!(["fd00::7"])), Some(("external-ip", "fd00::7")));
    check(SERVICE, &with(json!([])), None);
    check(SERVICE, &json!({"spec": {"type": "LoadBalancer", "loadBalancerIP": "10.96.10.7"}}), None);
    let old = with(json!(["10.0.0.1", "10.0.0.2"]));
    assert_eq!(denial(SERVICE, &with(json!(["10.0.0.2"])), Some(&old)).0, "", "who takes one away");
    assert_eq!(denial(SERVICE, &with(json!(["10.0.0.2", "10.0.0.3"])), Some(&old)).0, "external-ip");
    // The nodes believe what the status says as well, which is the load balancer's to write.
    let told = json!({"status": {"loadBalancer": {"ingress": [{"ip": "10.96.10.7"}]}}});
    check(SERVICE, &told, Some(("external-ip", "10.96.10.7")));
}

#[test]
fn a102_a_custom_resource_names_no_priority_of_the_clusters_own_at_any_depth() {
    let of = |class: &str| json!({"spec": {"a": [{"podSpec": {"priorityClassName": class, "x": ["y"]}}]}});
    for class in ["system-cluster-critical", "system-node-critical", "system-of-mine", "hotdesk"] {
        check(("x.io", "Y"), &of(class), Some(("system-priority", class)));
    }
    check(("x.io", "Y"), &of("high"), None);
    check(("x.io", "Y"), &of("hotdesk-of-mine"), None);
    check(("x.io", "Y"), &json!({"spec": {"name": "system-cluster-critical"}}), None);
    assert_eq!(denial(("x.io", "Y"), &of("system-of-mine"), Some(&of("system-other"))).0, "system-priority");
}
