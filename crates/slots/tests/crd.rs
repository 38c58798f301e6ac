//! The chart's CustomResourceDefinition is the one that the types describe.

use serde_json::Value;

const SHIPPED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../charts/hotdesk/templates/crd-slots.yaml");

#[test]
fn the_charts_crd_is_current() {
    let text = std::fs::read_to_string(SHIPPED).unwrap();
    let shipped: Value = serde_saphyr::from_str(&text).unwrap();
    assert!(
        shipped == hotdesk_slots::crd::crd(),
        "{SHIPPED} is not what crates/slots/src/slot.rs describes: run `make crd`"
    );
}

#[test]
fn the_crd_holds_what_the_gate_relies_on() {
    let crd = hotdesk_slots::crd::crd();
    let schema = &crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
    assert_eq!(crd["spec"]["scope"], "Namespaced");
    assert_eq!(schema["x-kubernetes-validations"][0]["rule"], "self.metadata.name == 'slot'");
    assert_eq!(schema["properties"]["spec"]["properties"]["claim"]["properties"]["users"]["minItems"], 1);
}
