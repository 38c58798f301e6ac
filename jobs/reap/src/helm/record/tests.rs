//! What is read of helm's records, and that nothing else changes when one is written back.

use super::*;
use proptest::prelude::*;
use serde_json::{Value, json};

fn pack(json: &str) -> String {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(json.as_bytes()).unwrap();
    STANDARD.encode(gzip.finish().unwrap())
}

fn record(info: &Value) -> Record {
    let json = json!({"name": "web", "version": 3, "namespace": "mew", "manifest": "a: b\n", "info": info});
    Record::decode(pack(&json.to_string()).as_bytes()).unwrap()
}

#[test]
fn reads_what_helm_3_and_helm_4_write() {
    for (file, name) in [
        (include_str!("../../../tests/data/record-helm3.txt"), "web"),
        (include_str!("../../../tests/data/record-helm4.txt"), "web"),
    ] {
        let record = Record::decode(file.trim().as_bytes()).unwrap();
        let state = record.state(name, 1).unwrap();
        assert_eq!((state.phase, state.deleted), (Phase::Deployed, None));
        assert!(state.last_deployed > "2026-01-01T00:00:00Z".parse().unwrap());
        assert!(record.manifest().unwrap().contains("kind: ConfigMap"));
    }
}

#[test]
fn reads_a_time_with_an_offset() {
    let info =
        json!({"status": "pending-upgrade", "last_deployed": "2026-11-23T16:04:05.123456789+01:00", "deleted": ""});
    let state = record(&info).state("web", 3).unwrap();
    assert_eq!(state.phase, Phase::Pending);
    assert_eq!(state.last_deployed, "2026-11-23T15:04:05.123456789Z".parse().unwrap());
}

#[test]
fn a_rollback_that_did_not_end_well_is_told_from_other_failures() {
    for (status, description, unfinished) in [
        ("pending-rollback", "Rollback to 3", true),
        ("failed", "Rollback \"web\" failed: denied", true),
        ("failed", "Release \"web\" failed: timed out", true),
        ("failed", "Upgrade \"web\" failed: timed out", false),
        ("pending-upgrade", "Preparing upgrade", false),
        ("deployed", "Rollback to 3", false),
    ] {
        let info = json!({"status": status, "description": description});
        assert_eq!(record(&info).is_unfinished_rollback().unwrap(), unfinished, "{status} {description}");
    }
    assert!(!record(&json!({"status": "failed"})).is_unfinished_rollback().unwrap());
}

#[test]
fn hooks_are_read_and_may_be_missing() {
    let hooks = |json: &str| Record::decode(pack(json).as_bytes()).unwrap().hooks().unwrap();
    let hook = Hook {
        name: "up".to_owned(),
        kind: "Job".to_owned(),
        manifest: "b".to_owned(),
        events: vec!["pre-install".to_owned()],
    };
    let json = r#"{"hooks":[{"name":"up","kind":"Job","path":"a","manifest":"b","events":["pre-install"]}]}"#;
    assert_eq!(hooks(json), [hook]);
    assert_eq!(hooks("{}"), []);
    assert_eq!(hooks(r#"{"hooks":null}"#), []);
}

#[track_caller]
fn check_error(record: Result<State, RecordError>, expected: &str) {
    let error = record.unwrap_err().to_string();
    assert!(error.contains(expected), "{error}");
}

#[test]
fn whatever_helm_would_not_write_is_an_error() {
    let read = |info: &Value| record(info).state("web", 3);
    check_error(read(&json!({"status": "unknown", "last_deployed": "2026-11-23T15:04:05Z"})), "status is \"unknown\"");
    check_error(read(&json!({"status": "dancing", "last_deployed": "2026-11-23T15:04:05Z"})), "dancing");
    check_error(read(&json!({"status": "deployed", "last_deployed": ""})), "last_deployed is \"\"");
    check_error(read(&json!({"status": "deployed"})), "last_deployed");
    check_error(record(&json!({})).state("api", 3), "revision 3 of web");
    check_error(record(&json!({})).state("web", 4), "revision 3 of web");
    for (release, expected) in
        [("%%%", "not base64"), ("bm90IGpzb24=", "not the JSON"), ("H4sI", "cannot be unpacked"), ("", "not the JSON")]
    {
        let error = Record::decode(release.as_bytes()).unwrap_err().to_string();
        assert!(error.contains(expected), "{release}: {error}");
    }
}

#[test]
fn a_release_without_objects_has_an_empty_manifest() {
    assert_eq!(Record::decode(pack(r#"{"name":"web"}"#).as_bytes()).unwrap().manifest().unwrap(), "");
    assert!(Record::decode(pack(r#"{"manifest":7}"#).as_bytes()).unwrap().manifest().is_err());
}

#[test]
fn a_record_that_would_fill_the_memory_is_refused() {
    let bomb = pack(&" ".repeat(usize::try_from(MAX_UNPACKED).unwrap() + 1));
    assert!(matches!(Record::decode(bomb.as_bytes()), Err(RecordError::TooLarge)));
}

#[test]
fn only_the_manifest_changes() {
    let fields =
        r#""name":"web","version":3,"config":{"big":123456789012345678901234567890,"f":1.10,"e":1E400,"s":"\u00e9"}"#;
    let record = Record::decode(pack(&format!("{{{fields},\"manifest\":\"x\"}}")).as_bytes()).unwrap();
    let record = record.with_manifest("y: \"1\"\n").unwrap();
    let again = Record::decode(record.encode().unwrap().as_bytes()).unwrap();
    assert_eq!(again.manifest().unwrap(), "y: \"1\"\n");
    assert_eq!(
        again.fields["config"].get(),
        r#"{"big":123456789012345678901234567890,"f":1.10,"e":1E400,"s":"\u00e9"}"#
    );
}

proptest! {
    #[test]
    fn a_record_reads_back_as_it_was_written(manifest in any::<String>(), extra in "\\PC{0,40}") {
        let json = json!({"name": "web", "manifest": "", "config": {"x": extra}});
        let record = Record::decode(pack(&json.to_string()).as_bytes()).unwrap();
        let record = record.with_manifest(&manifest).unwrap();
        let again = Record::decode(record.encode().unwrap().as_bytes()).unwrap();
        prop_assert_eq!(again.manifest().unwrap(), manifest);
        prop_assert_eq!(again.fields["config"].get(), record.fields["config"].get());
    }
}
