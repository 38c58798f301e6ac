//! What stays where it is: a namesake in another namespace.

use super::*;

const U17: &str = "u17-other-namespace.yaml";
/// The other namespace's, by every path.
const SHARED: &str = "/namespaces/shared/";

/// The slot's own Service is there, and so is its namesake.
fn with_a_namesake() -> (World, Written) {
    slot_with(
        vec![release(1, "deployed", &template(U17), &json!([]))],
        &[WEB, "/api/v1/namespaces/shared/services/web"],
    )
}

#[test]
fn u17_an_object_in_another_namespace_keeps_its_release() {
    let (world, written) = with_a_namesake();
    let (ran, manifests) = run(world, &written);
    check_kept("u17", &ran, "it holds Service/shared/web, which the reaper of a slot may not delete");
    assert_eq!(manifests, Vec::<String>::new());
    let all = written.lock().unwrap();
    assert!(of(&all, "POST", "/namespaces/hotdesk-saved/secrets").is_empty(), "u17: nothing is saved of what stays");
}

#[test]
fn u17_where_such_objects_are_left_helm_gets_the_slots_own_alone() {
    let (world, written) = with_a_namesake();
    let (ran, manifests) = run(world.args(&["--cluster-scoped=keep-objects"]), &written);
    assert_eq!(ran.uninstalls.len(), 1, "u17: {ran:?}");
    let template = template(U17);
    let own = &template[..template.find("---\n").unwrap()];
    assert_eq!(manifests, [format!("{NOTE}---\n{own}"), template.clone()], "u17: and the record is given back whole");
    let all = written.lock().unwrap();
    let touched: Vec<&String> = all.iter().map(|(_, path, _)| path).filter(|path| path.contains(SHARED)).collect();
    assert!(touched.is_empty(), "u17: {touched:?}");
    let saved = of(&all, "POST", "/namespaces/hotdesk-saved/secrets");
    let about: Value =
        serde_json::from_str(saved[0]["metadata"]["annotations"]["reaped.hotdesk.dev/about"].as_str().unwrap())
            .unwrap();
    let kept = json!([{"apiVersion": "v1", "kind": "Service", "namespace": "shared", "name": "web"}]);
    assert_eq!(about["kept"], kept, "u17: it is told as left, and the slot's own is not");
    let (world, _) = with_a_namesake();
    let ran = world.args(&["--cluster-scoped=keep-objects", "--dry-run"]).run();
    assert!(ran.message.contains("What would stay: Service/shared/web."), "u17: {}", ran.message);
}
