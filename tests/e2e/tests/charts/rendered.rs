//! What is in the objects that the charts make, before anybody installs them.

use std::collections::BTreeSet;

use hotdesk_e2e::people::root;
use hotdesk_e2e::{Helm, admin, installation};
use serde_json::{Value, json};

/// What a chart makes with these files of values, as kubectl reads it.
fn objects(chart: &str, files: &[&str]) -> Vec<Value> {
    let at = |path: &&str| root().join(path).to_string_lossy().into_owned();
    let files: Vec<String> = files.iter().flat_map(|file| ["-f".to_owned(), at(file)]).collect();
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    let render = ["template", "x", &at(&chart), "-n", "hotdesk", "--kube-version", "1.30.0"];
    let manifest = admin().helm(Helm::V4, &[&render[..], &files].concat()).succeeded().stdout;
    let read = ["create", "--dry-run=client", "--validate=false", "-o", "json", "-f", "-"];
    let json = admin().kubectl_with(&read, &manifest).succeeded().stdout;
    serde_json::Deserializer::from_str(&json).into_iter().map(Result::unwrap).collect()
}

#[test]
fn no_account_and_nothing_that_runs_is_in_a_slot_any_more() {
    let _held = installation::shared();
    let pokemon = "charts/slots/examples/pokemon.yaml";
    // The kinds in a slot, and the accounts of a slot that are bound anywhere.
    let seen = |objects: &[Value]| {
        let slots: Vec<&Value> =
            objects.iter().filter(|o| o["kind"] == "Slot").map(|o| &o["metadata"]["namespace"]).collect();
        assert_eq!(slots.len(), 12);
        let within = objects.iter().filter(|o| slots.contains(&&o["metadata"]["namespace"]));
        let kinds: BTreeSet<String> = within.map(|o| o["kind"].as_str().unwrap().to_owned()).collect();
        let subjects = objects.iter().filter_map(|o| o["subjects"].as_array()).flatten();
        (kinds, subjects.filter(|s| s["kind"] == "ServiceAccount" && slots.contains(&&s["namespace"])).count())
    };
    let set = |kinds: &[&str]| kinds.iter().map(|kind| (*kind).to_owned()).collect::<BTreeSet<_>>();
    let (kinds, bound) = seen(&objects("tests/before/slots-0.1.0.tgz", &[pokemon, "tests/before/slots.yaml"]));
    assert_eq!(kinds, set(&["CronJob", "Role", "RoleBinding", "ServiceAccount", "Slot"]));
    assert!(bound > 0);
    let now = seen(&objects("charts/slots", &[pokemon, "tests/values/slots.yaml"]));
    assert_eq!(now, (set(&["Role", "RoleBinding", "Slot"]), 0));
}

#[test]
fn where_egress_is_closed_the_rules_are_those_that_were_given() {
    let _held = installation::shared();
    let rendered = |values: Value| {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), json!({"networkPolicy": values}).to_string()).unwrap();
        let all = objects("charts/hotdesk", &[file.path().to_str().unwrap()]);
        all.into_iter().filter(|o| o["kind"] == "NetworkPolicy").map(|o| o["spec"].clone()).collect::<Vec<_>>()
    };
    let tcp = |port: u16| json!({"port": port, "protocol": "TCP"});
    let api_server = json!({"ports": [tcp(16443)], "to": [{"ipBlock": {"cidr": "192.0.2.7/32"}}]});
    let names = json!({"ports": [{"port": 53, "protocol": "UDP"}, tcp(53)]});
    let sheet = json!({"ports": [tcp(443)], "to": [{"ipBlock": {"cidr": "198.51.100.0/24"}}]});
    let of = |enabled: bool| {
        let egress = json!({"enabled": enabled, "rules": [sheet]});
        json!({"apiServerCIDRs": ["192.0.2.7/32"], "apiServerPorts": [16443], "egress": egress})
    };
    let closed = |all: &[Value]| {
        all.iter()
            .filter(|spec| spec["policyTypes"] == json!(["Ingress", "Egress"]))
            .map(|spec| spec["egress"].clone())
            .collect::<Vec<_>>()
    };
    let restampers = json!([api_server]);
    let off = closed(&rendered(of(false)));
    assert!(off.len() == 1 && off[0] == restampers, "where it is off, the restamper alone is closed in: {off:?}");
    let own = json!([api_server, names, sheet]);
    let mut egress = closed(&rendered(of(true)));
    egress.retain(|rules| *rules != restampers);
    // Of hotdesk's own pods, and of the reapers'.
    assert_eq!(egress, [own.clone(), own]);
}
