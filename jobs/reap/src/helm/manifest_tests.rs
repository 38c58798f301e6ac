//! What is preserved, and that nothing else changes.

use super::*;
use proptest::prelude::*;

fn kinds() -> Vec<String> {
    ["ConfigMap", "Secret", "ExternalSecret", "PersistentVolumeClaim"].map(str::to_owned).to_vec()
}

#[track_caller]
fn preserved(manifest: &str) -> Preserved {
    preserve(manifest, &kinds(), &[]).unwrap()
}

fn read_all(manifest: &str) -> Vec<Value> {
    let read = |document: &Document<'_>| serde_saphyr::from_str_with_options::<Value>(document.body, yaml()).unwrap();
    documents(manifest).iter().map(read).filter(|object| !object.is_null()).collect()
}

const MANIFEST: &str = include_str!("../../tests/data/manifest.yaml");

#[test]
fn marks_the_kinds_to_preserve_and_leaves_the_rest_byte_by_byte() {
    let result = preserved(MANIFEST);
    let names = [
        "ConfigMap/settings",
        "Secret/keys",
        "PersistentVolumeClaim/data",
        "ConfigMap/kept",
        "ConfigMap/in-a-list",
        "Secret/typed",
    ];
    assert_eq!(result.objects, names);
    for document in documents(MANIFEST) {
        let object: Value = serde_saphyr::from_str_with_options(document.body, yaml()).unwrap();
        let untouched =
            !matches!(text(&object, "/kind"), "ConfigMap" | "Secret" | "PersistentVolumeClaim" | "List" | "SecretList");
        if untouched {
            assert!(result.manifest.contains(document.body), "{}", document.body);
        }
    }
    assert!(result.manifest.contains("# Source: web/templates/settings.yaml\n{"), "{}", result.manifest);
}

#[test]
fn a_marked_object_is_otherwise_what_it_was() {
    let after = read_all(&preserved(MANIFEST).manifest);
    let settings = after.iter().find(|object| shown(object) == "ConfigMap/settings").unwrap();
    assert_eq!(
        *settings,
        json!({
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": "settings", "labels": {"app": "web"}, "annotations": {"note": "mine", POLICY: "keep"}},
            "data": {"yes": "no", "port": "0080", "text": "first\n  ---\nlast\n"},
        })
    );
}

#[test]
fn objects_inside_lists_become_documents_of_their_own() {
    let after = read_all(&preserved(MANIFEST).manifest);
    for name in ["ConfigMap/in-a-list", "Secret/typed"] {
        assert!(after.iter().any(|object| shown(object) == name && is_marked(object)), "{name}");
    }
    let list = after.iter().find(|object| text(object, "/kind") == "List").unwrap();
    assert_eq!(list["items"].as_array().unwrap().len(), 1);
    assert_eq!(shown(&list["items"][0]), "Service/in-a-list");
}

#[test]
fn doing_it_twice_changes_nothing() {
    let once = preserved(MANIFEST);
    let twice = preserved(&once.manifest);
    assert_eq!((twice.changed, &twice.manifest), (false, &once.manifest));
}

#[test]
fn a_document_that_cannot_be_read_stops_it() {
    let error = preserve("a: b\n---\nkind: [unclosed\n", &kinds(), &[]).unwrap_err().to_string();
    assert!(error.contains("document 2 of its manifest"), "{error}");
}

#[test]
fn what_is_wrong_with_a_document_is_said_without_what_stands_in_it() {
    let manifest =
        "kind: Secret\nmetadata: {name: a}\nstringData:\n  password: hunter2\n  broken: [\n  other: hunter3\n";
    let error = preserve(manifest, &kinds(), &[]).unwrap_err().to_string();
    assert!(error.contains("line ") && !error.contains("hunter") && !error.contains('\n'), "{error}");
}

#[test]
fn a_document_is_read_however_it_is_written() {
    for manifest in [
        "kind: ConfigMap\nmetadata:\n  name:\ta\n",
        "---\r\nkind: ConfigMap\r\nmetadata:\r\n  name: a\r\n---\r\nkind: Service\r\n",
        "x: &x {a: b}\nkind: ConfigMap\nmetadata:\n  name: a\n  labels:\n    <<: *x\n",
        "kind: ConfigMap\nmetadata: {name: a}\ndata:\n  1: a\n  true: b\n",
        "kind: ConfigMap\nmetadata: {name: a}\n...\n---\nkind: Service\n",
        "kind: ConfigMap\nmetadata: {name: a}\ndata:\n  a: |\n    ---\n    kind: Secret\n",
        "\u{feff}\"kind\": 'ConfigMap'\nmetadata: {name: a}\n",
        "kind: Service\nkind: ConfigMap\nmetadata: {name: b}\nmetadata: {name: a}\n",
        "kind: ConfigMap\nmetadata:\n  name: a\n  annotations:\n",
        "just text\n---\n  kind: ConfigMap # indented\n  metadata: {name: a}\n---   \nkind: Service\n",
    ] {
        assert_eq!(preserved(manifest).objects, ["ConfigMap/a"], "{manifest}");
    }
}

#[test]
fn a_manifest_with_nothing_to_preserve_stays_as_it_is() {
    for manifest in [
        "",
        "---\n",
        "---\n# only a comment\n",
        "kind: Service\nmetadata: {name: a}\n",
        "--- # odd\nkind: Service\n---\n",
    ] {
        assert_eq!(preserved(manifest), Preserved { manifest: manifest.to_owned(), objects: vec![], changed: false });
    }
}

#[test]
fn a_policy_is_read_as_helm_reads_it() {
    for (policy, kept) in [("keep", true), (" Keep ", true), ("delete", false), ("", false)] {
        let manifest =
            format!("kind: ConfigMap\nmetadata:\n  name: a\n  annotations: {{\"{POLICY}\": \"{policy}\"}}\n");
        assert_eq!(!preserved(&manifest).changed, kept, "{policy}");
    }
}

#[test]
fn a_kind_is_meant_however_it_is_written() {
    for (written, kind, meant) in [
        ("ConfigMap", "ConfigMap", true),
        ("CONFIGMAP", "ConfigMap", true),
        ("ConfigMaps", "ConfigMap", true),
        ("Ingresses", "Ingress", true),
        ("Ingress", "Ingress", true),
        ("NetworkPolicies", "NetworkPolicy", true),
        ("Secret", "ExternalSecret", false),
        ("ConfigMap", "ConfigMaps", false),
        ("", "ConfigMap", false),
        ("s", "", false),
        ("", "", false),
    ] {
        assert_eq!(names(written, kind), meant, "{written} {kind}");
    }
}

#[test]
fn where_no_kind_is_preserved_nothing_changes() {
    let manifest =
        "---\n# only a comment\n---\nkind: ConfigMap\nmetadata: {name: a}\n---\nkind: List\nitems: [{a: b}]\n";
    let unchanged = Preserved { manifest: manifest.to_owned(), objects: vec![], changed: false };
    assert_eq!(preserve(manifest, &[String::new()], &[]).unwrap(), unchanged);
    assert_eq!(preserve(manifest, &[], &[]).unwrap(), unchanged);
}

const THREE: &str = "---\n# Source: a\nkind: Deployment\nmetadata: {name: web}\nspec: {replicas: 2}\n---\nkind: ConfigMap\n\
                     metadata: {name: settings}\n---\nkind: List\nitems:\n- kind: ConfigMap\n  metadata: {name: other}\n- \
                     kind: Service\n  metadata: {name: web}\n";

fn named(kind: &str, name: &str) -> ObjectRef {
    ObjectRef { api_version: String::new(), kind: kind.to_owned(), namespace: None, name: name.to_owned() }
}

#[test]
fn every_object_is_found_also_in_lists() {
    let found: Vec<String> = super::objects(THREE).unwrap().iter().map(|o| reference(o).to_string()).collect();
    assert_eq!(found, ["Deployment/web", "ConfigMap/settings", "ConfigMap/other", "Service/web"]);
    assert_eq!(super::objects("---\n# nothing\n---\n").unwrap(), Vec::<Value>::new());
}

#[test]
fn some_objects_leave_a_manifest_and_others_get_another_number_of_replicas() {
    let without = [named("ConfigMap", "settings"), named("ConfigMap", "other"), named("Secret", "web")];
    let replicas = [(named("Deployment", "web"), 5), (named("Service", "web"), 7)];
    let after = changed(THREE, &without, &replicas).unwrap();
    let objects = super::objects(&after).unwrap();
    let found: Vec<String> = objects.iter().map(|o| reference(o).to_string()).collect();
    assert_eq!(found, ["Deployment/web", "Service/web"]);
    assert_eq!(objects[0]["spec"]["replicas"], 5);
    assert_eq!(objects[1].get("spec"), None, "what names no replicas gets none");
    assert_eq!(changed(THREE, &[], &[]).unwrap(), THREE);
}

#[test]
fn an_object_can_be_preserved_by_its_name() {
    let result = preserve(THREE, &[], &[named("Service", "web")]).unwrap();
    assert_eq!(result.objects, ["Service/web"]);
    let marked: Vec<String> =
        super::objects(&result.manifest).unwrap().iter().filter(|o| is_marked(o)).map(shown).collect();
    assert_eq!(marked, ["Service/web"]);
}

/// Manifests of documents of many kinds, written as YAML.
fn manifests() -> impl Strategy<Value = String> {
    let kind =
        prop_oneof![Just("ConfigMap"), Just("Secret"), Just("Service"), Just("Deployment"), Just("ConfigMapList")];
    let annotation = prop_oneof![
        Just(""),
        Just("  annotations: {a: b}\n"),
        Just("  annotations: {helm.sh/resource-policy: keep}\n")
    ];
    let document = (kind, "[a-z]{1,8}", annotation, "[ -~]{0,20}").prop_map(|(kind, name, annotations, text)| {
        let text = serde_json::to_string(&text).unwrap();
        format!("---\n# Source: a/{name}.yaml\nkind: {kind}\nmetadata:\n  name: {name}\n{annotations}data:\n  text: {text}\n")
    });
    prop::collection::vec(document, 0..6).prop_map(|documents| documents.concat())
}

proptest! {
    #[test]
    fn the_mark_is_on_the_kinds_to_preserve_and_no_others(manifest in manifests()) {
        let result = preserved(&manifest);
        let (before, after) = (read_all(&manifest), read_all(&result.manifest));
        prop_assert_eq!(before.len(), after.len());
        for (before, after) in before.iter().zip(&after) {
            let wanted = kinds().iter().any(|kind| kind == text(before, "/kind"));
            prop_assert_eq!(is_marked(after), wanted || is_marked(before));
            prop_assert_eq!(&before["data"], &after["data"]);
        }
        prop_assert_eq!(preserved(&result.manifest).manifest, result.manifest);
    }
}

#[test]
fn what_gives_rights_is_kept_whatever_the_operator_preserves() {
    let manifest = "apiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata: {name: a}\n---\n\
                    apiVersion: v1\nkind: ServiceAccountList\nitems: [{metadata: {name: b}}]\n---\n\
                    apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {name: c}\n---\n\
                    apiVersion: db.example.com/v1\nkind: Role\nmetadata: {name: of-a-database}\n---\n\
                    apiVersion: v1\nkind: ConfigMap\nmetadata: {name: d}\n";
    let result = preserve(manifest, &[], &[]).unwrap();
    assert_eq!(result.objects, ["RoleBinding/a", "ServiceAccount/b", "Role/c"]);
    let kept: Vec<String> = read_all(&result.manifest).iter().filter(|object| is_marked(object)).map(shown).collect();
    assert_eq!(kept, result.objects, "and helm is told so");
}
