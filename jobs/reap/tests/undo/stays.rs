//! What stays where it is: a namesake in another namespace, and a release whose record leaves helm no room.

use super::*;

const U17: &str = "u17-other-namespace.yaml";
/// The other namespace's, by every path.
const SHARED: &str = "/namespaces/shared/";

/// The slot's own Service is there, and so is its namesake.
fn with_a_namesake() -> (FakeCluster, Written) {
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

/// Text of which nothing can be compressed.
fn noise(length: usize) -> String {
    let mut state = 88_172_645_463_325_252_u64;
    let signs = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        char::from(b'!' + u8::try_from(state % 90).unwrap())
    });
    signs.filter(|sign| !['"', '\\'].contains(sign)).take(length).collect()
}

/// helm's record of a release whose chart has so much text, and the bytes that it takes in its Secret.
fn large(length: usize) -> (Value, usize) {
    let mut record = release(1, "deployed", "apiVersion: v1\nkind: Service\nmetadata: {name: web}\n", &json!([]));
    let release = STANDARD.decode(STANDARD.decode(record["data"]["release"].as_str().unwrap()).unwrap()).unwrap();
    let mut release: Value = serde_json::from_slice(&release).unwrap();
    release["chart"] = json!({"files": [{"name": "data.txt", "data": noise(length)}]});
    let packed = STANDARD.encode(release.to_string());
    record["data"]["release"] = json!(STANDARD.encode(&packed));
    (record, packed.len())
}

#[test]
fn u10_a_record_as_large_as_helm_can_store_keeps_its_release_and_the_plan_says_so_before() {
    // What the API server still takes, less than a megabyte of text.
    let (record, size) = large(786_000);
    assert!((1_040_385..=1_048_576).contains(&size), "{size}");
    let why = format!(
        "its record takes {size} bytes, and one that helm could bring back takes 1040384 at the most: make its chart smaller, \
         or uninstall it with helm"
    );
    let (world, written) = slot_with(vec![record.clone()], &[WEB]);
    let (ran, manifests) = run(world, &written);
    check_kept("u10", &ran, &why);
    assert_eq!(manifests, Vec::<String>::new());
    assert!(of(&written.lock().unwrap(), "POST", "/namespaces/hotdesk-saved/secrets").is_empty(), "u10");
    // And where it is only told what would be done.
    let (world, written) = slot_with(vec![record], &[WEB]);
    let ran = world.args(&["--notice=30m"]).run();
    let all = written.lock().unwrap();
    let plans = of(&all, "PATCH", "/slots/slot");
    let plan = plans.iter().find(|body| body["status"]["plan"].is_object()).expect(&ran.message);
    assert_eq!(plan["status"]["plan"]["releases"][0]["held"], why, "u10");
}

#[test]
fn u10_a_record_with_room_for_what_helm_adds_goes() {
    let (record, size) = large(779_000);
    assert!((1_030_000..=1_040_384).contains(&size), "{size}");
    let (world, written) = slot_with(vec![record], &[WEB]);
    let (ran, _) = run(world, &written);
    assert_eq!(ran.uninstalls.len(), 1, "u10: {ran:?}");
    assert_eq!(of(&written.lock().unwrap(), "POST", "/namespaces/hotdesk-saved/secrets").len(), 1, "u10: it is saved");
}
