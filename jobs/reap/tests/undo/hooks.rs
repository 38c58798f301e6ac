//! Whose hooks an uninstall runs.

use super::*;

/// A Pod before the uninstall, of any image, with whatever the slot's next holder has.
fn hook(kind: &str) -> Value {
    let version = if kind == "Job" { "batch/v1" } else { "v1" };
    let manifest = format!(
        "apiVersion: {version}\nkind: {kind}\nmetadata: {{name: x, annotations: {{helm.sh/hook: pre-delete}}}}\nspec: {{serviceAccountName: shop}}\n"
    );
    json!([{"name": "x", "kind": kind, "manifest": manifest, "events": ["pre-delete"]}])
}

/// Held by bob since so many minutes; a slot as of a sheet, so that the claim's beginning stands in the status.
fn held_since(world: FakeCluster, minutes: Option<i64>) -> FakeCluster {
    world.with(|world| {
        world.spec = json!({"claim": {"users": ["bob@example.com"]}});
        world.status = json!({"claimedAt": minutes.map(|minutes| second(ago(minutes)))});
    })
}

const BEFORE: &str = "it was deployed before bob@example.com claimed the slot";

#[test]
fn h01_the_hooks_of_a_former_holder_do_not_run_and_it_is_said() {
    let of_alice = || release(1, "deployed", "kind: Service\napiVersion: v1\nmetadata: {name: web}\n", &hook("Job"));
    let unknown = "it is not known when bob@example.com claimed the slot";
    let bare = |mut record: Value| {
        record["metadata"]["creationTimestamp"] = Value::Null;
        record
    };
    let owned = |mut record: Value| {
        let owner = json!({"apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret", "name": "x", "uid": "x"});
        record["metadata"]["ownerReferences"] = json!([owner]);
        record
    };
    // helm reads it, for its labels, and takes it for the newest: it says that it is revision 9.
    let stray = |name: &str, minutes: i64| {
        let mut record = release(9, "deployed", "", &hook("Job"));
        record["metadata"]["name"] = json!(name);
        record["metadata"]["creationTimestamp"] = json!(second(ago(minutes)));
        record
    };
    let second_revision =
        || release(2, "deployed", "kind: Service\napiVersion: v1\nmetadata: {name: web}\n", &hook("Job"));
    let stray_says = |name: &str| {
        format!("{name}, which helm reads as a record of it, was made before bob@example.com claimed the slot")
    };
    let free = |world: FakeCluster| world.with(|world| world.spec = json!({}));
    let cases: [(&str, FakeCluster, Option<String>); 10] = [
        (
            "from before the claim",
            held_since(slot_with(vec![of_alice()], &[WEB]).0, Some(200)),
            Some(BEFORE.to_owned()),
        ),
        ("of the claim", held_since(slot_with(vec![of_alice()], &[WEB]).0, Some(400)), None),
        (
            "nobody knows since when it is held",
            held_since(slot_with(vec![of_alice()], &[WEB]).0, None),
            Some(unknown.to_owned()),
        ),
        (
            "nobody knows when it was made",
            held_since(slot_with(vec![bare(of_alice())], &[WEB]).0, Some(400)),
            Some("it is not known when its record was made".to_owned()),
        ),
        ("nobody holds it", free(slot_with(vec![of_alice()], &[WEB]).0), None),
        (
            "another name",
            held_since(slot_with(vec![of_alice(), stray("odd", 500)], &[WEB]).0, Some(400)),
            Some(stray_says("odd")),
        ),
        (
            "an older name that says that it is newer",
            held_since(
                slot_with(vec![stray("sh.helm.release.v1.web.v1", 500), second_revision()], &[WEB]).0,
                Some(400),
            ),
            Some(stray_says("sh.helm.release.v1.web.v1")),
        ),
        (
            "another name, of the claim",
            held_since(slot_with(vec![of_alice(), stray("odd", 300)], &[WEB]).0, Some(400)),
            None,
        ),
        (
            "a controller made it again, of what was left",
            held_since(slot_with(vec![owned(of_alice())], &[WEB]).0, Some(400)),
            Some("a controller made its record, and not helm".to_owned()),
        ),
        (
            "hooks that the reaper could not run",
            held_since(
                slot_with(
                    vec![release(
                        1,
                        "deployed",
                        "kind: Service\napiVersion: v1\nmetadata: {name: web}\n",
                        &hook("Secret"),
                    )],
                    &[WEB],
                )
                .0,
                Some(200),
            ),
            Some(BEFORE.to_owned()),
        ),
    ];
    for (case, world, why) in cases {
        let ran = world.run();
        let [helm] = ran.uninstalls.as_slice() else { panic!("{case}: {ran:?}") };
        assert_eq!(helm.contains("--no-hooks"), why.is_some(), "{case}: {helm}");
        match why {
            Some(why) => {
                assert!(ran.log.contains(&format!("uninstalling without hooks: {why}")), "{case}: {}", ran.log);
            }
            None => assert!(!ran.log.contains("hooks:"), "{case}: {}", ran.log),
        }
    }
}

#[test]
fn h02_a_dry_run_and_the_plan_say_that_hooks_would_not_run() {
    let records = || vec![release(1, "deployed", &template("u04-binary-tag.yaml"), &hook("Job"))];
    let (world, _) = slot_with(records(), &[WEB]);
    let ran = held_since(world, Some(200)).args(&["--dry-run"]).run();
    assert!(ran.message.contains(&format!(" web goes without its hooks: {BEFORE}.")), "{}", ran.message);
    assert!(!ran.message.contains("what its uninstall hook"), "it does nothing: {}", ran.message);
    let (world, written) = slot_with(records(), &[WEB]);
    held_since(world, Some(200)).args(&["--notice=30m"]).run();
    let all = written.lock().unwrap();
    let plans = of(&all, "PATCH", "/slots/slot");
    let plan = plans.iter().find(|body| body["status"]["plan"].is_object()).unwrap();
    assert_eq!(plan["status"]["plan"]["releases"][0]["withoutHooks"], BEFORE);
}

#[test]
fn h03_what_is_left_out_of_a_record_leaves_it_as_old_as_it_was() {
    let records = vec![release(1, "deployed", &template("u04-binary-tag.yaml"), &hook("Job"))];
    let made = records[0]["metadata"]["creationTimestamp"].clone();
    let (world, written) = slot_with(records, &[WEB]);
    held_since(world, Some(200)).run();
    let all = written.lock().unwrap();
    let puts = of(&all, "PUT", "/namespaces/mew/secrets/sh.helm");
    assert!(puts.len() == 2 && puts.iter().all(|put| put["metadata"]["creationTimestamp"] == made), "{puts:?}");
    assert!(of(&all, "DELETE", "/namespaces/mew/secrets").is_empty(), "what is made again would be new");
    let saved = of(&all, "POST", "/namespaces/hotdesk-saved/secrets");
    let about = saved[0]["metadata"]["annotations"]["reaped.hotdesk.dev/about"].as_str().unwrap();
    assert!(about.contains("\"withoutHooks\":true"), "so that none runs of what comes back: {about}");
}
