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

const SERVICE: &str = "kind: Service\napiVersion: v1\nmetadata: {name: web}\n";

fn of_alice() -> Value {
    release(1, "deployed", SERVICE, &hook("Job"))
}

/// helm reads it, for its labels, and takes it for the newest: it says that it is revision 9.
fn stray(name: &str, minutes: i64) -> Value {
    let mut record = release(9, "deployed", "", &hook("Job"));
    record["metadata"]["name"] = json!(name);
    record["metadata"]["creationTimestamp"] = json!(second(ago(minutes)));
    record
}

fn slot_of(records: Vec<Value>) -> FakeCluster {
    slot_with(records, &[WEB]).0
}

#[track_caller]
fn runs_hooks_unless(case: &str, world: FakeCluster, why: Option<&str>) {
    let ran = world.run();
    let [helm] = ran.uninstalls.as_slice() else { panic!("{case}: {ran:?}") };
    assert_eq!(helm.contains("--no-hooks"), why.is_some(), "{case}: {helm}");
    match why {
        Some(why) => assert!(ran.log.contains(&format!("uninstalling without hooks: {why}")), "{case}: {}", ran.log),
        None => assert!(!ran.log.contains("hooks:"), "{case}: {}", ran.log),
    }
}

#[test]
fn h01_the_hooks_of_a_former_holder_do_not_run_and_it_is_said() {
    let since = |minutes| held_since(slot_of(vec![of_alice()]), minutes);
    runs_hooks_unless("from before the claim", since(Some(200)), Some(BEFORE));
    runs_hooks_unless("of the claim", since(Some(400)), None);
    let unknown = "it is not known when bob@example.com claimed the slot";
    runs_hooks_unless("nobody knows since when it is held", since(None), Some(unknown));
    let free = slot_of(vec![of_alice()]).with(|world| world.spec = json!({}));
    runs_hooks_unless("nobody holds it", free, None);
    let secret = release(1, "deployed", SERVICE, &hook("Secret"));
    let beyond = held_since(slot_of(vec![secret]), Some(200));
    runs_hooks_unless("hooks that the reaper could not run", beyond, Some(BEFORE));
}

#[test]
fn h01_a_record_of_unknown_making_counts_as_a_former_holders() {
    let mut bare = of_alice();
    bare["metadata"]["creationTimestamp"] = Value::Null;
    let why = Some("it is not known when its record was made");
    runs_hooks_unless("nobody knows when it was made", held_since(slot_of(vec![bare]), Some(400)), why);
    let mut owned = of_alice();
    let owner = json!({"apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret", "name": "x", "uid": "x"});
    owned["metadata"]["ownerReferences"] = json!([owner]);
    let why = Some("a controller made its record, and not helm");
    runs_hooks_unless("of what was left", held_since(slot_of(vec![owned]), Some(400)), why);
}

#[test]
fn h01_a_stray_record_counts_as_helm_reads_it() {
    let says = |name: &str| {
        format!("{name}, which helm reads as a record of it, was made before bob@example.com claimed the slot")
    };
    let held = |records| held_since(slot_of(records), Some(400));
    runs_hooks_unless("another name", held(vec![of_alice(), stray("odd", 500)]), Some(&says("odd")));
    runs_hooks_unless("another name, of the claim", held(vec![of_alice(), stray("odd", 300)]), None);
    let (old, second_revision) = ("sh.helm.release.v1.web.v1", release(2, "deployed", SERVICE, &hook("Job")));
    let newer = held(vec![stray(old, 500), second_revision]);
    runs_hooks_unless("an older name that says that it is newer", newer, Some(&says(old)));
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
