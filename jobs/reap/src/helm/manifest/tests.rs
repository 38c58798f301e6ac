//! What stays, what helm gets, and that nothing else changes.

use super::*;
use proptest::prelude::*;

fn kinds() -> Vec<String> {
    ["ConfigMap", "Secret", "ExternalSecret", "PersistentVolumeClaim"].map(str::to_owned).to_vec()
}

fn names_of(manifest: &str, wanted: impl Fn(&Value) -> bool) -> Vec<String> {
    let all = objects(manifest).unwrap_or_else(|error| panic!("{error}: {manifest}"));
    all.iter().filter(|object| wanted(object)).map(|object| reference(object).to_string()).collect()
}

fn stay(manifest: &str) -> Vec<String> {
    names_of(manifest, |object| survives(object, &kinds()))
}

fn cut(manifest: &str) -> Result<String, ManifestError> {
    without(manifest, |object| survives(object, &kinds()))
}

const MANIFEST: &str = include_str!("../../../tests/data/manifest.yaml");

#[test]
fn what_is_to_stay_is_left_out_and_the_rest_is_as_it_was_byte_by_byte() {
    let stays = ["ConfigMap/settings", "Secret/keys", "PersistentVolumeClaim/data", "ConfigMap/kept", "Secret/typed"];
    let pure: String =
        documents(MANIFEST).iter().map(|document| document.text).filter(|text| !text.contains("kind: List")).collect();
    assert_eq!(stay(&pure), stays);
    let left = cut(&pure).unwrap();
    assert_eq!(names_of(&left, |_| true), ["Service/web", "Deployment/api"]);
    let expected: String = documents(&pure)
        .iter()
        .map(|document| document.text)
        .filter(|text| !["settings", "keys", "claim", "kept", "SecretList"].iter().any(|part| text.contains(part)))
        .collect();
    assert_eq!(left, expected);
    assert!(left.contains("  name: web # a comment\n") && left.contains("# Source: web/templates/nothing.yaml\n"));
}

#[test]
fn a_list_that_holds_what_stays_and_what_goes_keeps_the_release_and_says_what_to_do() {
    let error = cut(MANIFEST).unwrap_err().to_string();
    assert_eq!(
        error,
        "document 7 of its manifest is a List that holds what stays (ConfigMap/in-a-list) and what goes \
         (Service/in-a-list): write them as documents of their own and deploy it again"
    );
}

#[test]
fn a_list_of_which_all_stays_or_all_goes_is_a_document_like_any_other() {
    let list = |a: &str, b: &str| {
        format!("kind: List\nitems:\n- kind: {a}\n  metadata: {{name: a}}\n- kind: {b}\n  metadata: {{name: b}}\n")
    };
    assert_eq!(cut(&list("ConfigMap", "Secret")).unwrap(), "");
    assert_eq!(cut(&list("Service", "Deployment")).unwrap(), list("Service", "Deployment"));
    let marked = "kind: List\nmetadata: {annotations: {helm.sh/resource-policy: keep}}\nitems:\n- kind: Service\n  metadata: {name: a}\n";
    assert_eq!((stay(marked), cut(marked).unwrap()), (vec!["Service/a".to_owned()], String::new()));
    // helm looks at the List alone, and would delete it.
    let inside = "kind: ServiceList\nitems:\n- metadata: {name: a, annotations: {helm.sh/resource-policy: keep}}\n- metadata: {name: b}\n";
    assert!(cut(inside).unwrap_err().to_string().contains("what stays (Service/a) and what goes (Service/b)"));
}

#[test]
fn a_document_that_cannot_be_read_stops_it() {
    let error = cut("a: b\n---\nkind: [unclosed\n").unwrap_err().to_string();
    assert!(error.contains("document 2 of its manifest") && error.contains("deploy it again"), "{error}");
}

#[test]
fn what_is_wrong_with_a_document_is_said_without_what_stands_in_it() {
    let manifest =
        "kind: Secret\nmetadata: {name: a}\nstringData:\n  password: hunter2\n  broken: [\n  other: hunter3\n";
    let error = cut(manifest).unwrap_err().to_string();
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
        "--- kind: ConfigMap\nmetadata: {name: a}\n",
        "---kind: ConfigMap\nmetadata: {name: a}\n",
        "\n  ---\nkind: ConfigMap\nmetadata: {name: a}\n",
        "kind: ConfigMap\nmetadata: {name: a}\nbinaryData: {a: !!binary //4=}\ndata: {b: !!binary //4=}\n",
        // What only helm's reader takes.
        "kind: ConfigMap\nmetadata: {name: a, labels: {commit: 12e4567, é: -1e999}}\n",
        "kind: ConfigMap\nmetadata: {name: a}\ndata: {a: \"echo \\'hi\\' \\\"\", b: \"\\'\"}\n",
        "kind: \"ConfigMap\"#c\nmetadata: {name: 'a'}#c\ndata:\n  a: |#c\n    b\n",
    ] {
        assert_eq!(stay(manifest), ["ConfigMap/a"], "{manifest}");
        assert!(!cut(manifest).unwrap().contains("ConfigMap"), "{manifest}");
    }
}

#[test]
fn a_name_is_read_as_helm_reads_it() {
    assert_eq!(stay("kind: ConfigMap\nmetadata: {name: 12e4567}\n"), ["ConfigMap/12e4567"]);
}

#[test]
fn a_manifest_with_nothing_to_preserve_stays_as_it_is() {
    for manifest in [
        "",
        "---\n",
        "---\n# only a comment\n",
        "kind: Service\nmetadata: {name: a}\n",
        "--- # odd\nkind: Service\n---\n",
        "kind: Service\r\nmetadata: {name: a}\r\n---\r\nkind: Service",
    ] {
        assert_eq!(cut(manifest).unwrap(), manifest);
    }
}

#[test]
fn helm_leaves_an_object_alone_whatever_its_policy_says() {
    for (policy, stays) in [("keep", true), (" Keep ", true), ("delete", true), ("", true)] {
        let manifest = format!("kind: Service\nmetadata:\n  name: a\n  annotations: {{\"{POLICY}\": \"{policy}\"}}\n");
        assert_eq!(!stay(&manifest).is_empty(), stays, "{policy}");
    }
    assert_eq!(stay("kind: Service\nmetadata: {name: a, annotations: {other: keep}}\n"), Vec::<String>::new());
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
fn what_gives_rights_is_kept_whatever_the_operator_preserves() {
    let manifest = "apiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata: {name: a}\n---\n\
                    apiVersion: v1\nkind: ServiceAccountList\nitems: [{metadata: {name: b}}]\n---\n\
                    apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {name: c}\n---\n\
                    apiVersion: db.example.com/v1\nkind: Role\nmetadata: {name: of-a-database}\n---\n\
                    apiVersion: v1\nkind: ConfigMap\nmetadata: {name: d}\n";
    assert_eq!(names_of(manifest, |object| survives(object, &[])), ["RoleBinding/a", "ServiceAccount/b", "Role/c"]);
}

#[test]
fn documents_of_other_revisions_are_added_byte_by_byte() {
    let (a, b) =
        ("---\nkind: Service\nmetadata: {name: a}".to_owned(), "kind: Service\nmetadata: {name: b} # b\n".to_owned());
    assert_eq!(joined(&a, &[]), a);
    assert_eq!(joined(&a, &["\n".to_owned(), b.clone()]), format!("{a}\n---\n{b}"));
    assert_eq!(joined("", std::slice::from_ref(&a)), a);
    assert_eq!(names_of(&joined(&b, &[a]), |_| true), ["Service/b", "Service/a"]);
}

#[test]
fn a_manifest_that_lacks_documents_says_so_and_is_otherwise_the_same() {
    for manifest in
        ["", "kind: Service\nmetadata: {name: a}\n", "---\nkind: Service\nmetadata: {name: a}", "\n---\na: b\n"]
    {
        let noted = noted(manifest);
        assert!(is_noted(&noted) && !is_noted(manifest), "{manifest}");
        assert!(noted.ends_with(manifest), "{noted}");
        assert_eq!(names_of(&noted, |_| true), names_of(manifest, |_| true));
        assert!(is_noted(noted.trim()), "helm 3 takes blanks away");
    }
}

/// The templates of `tests/data/undo`, by their ids: what stays of each, or why all of it does; and what goes.
type Names = &'static [&'static str];
const ROWS: [(&str, &str, Result<Names, &str>, Names); 20] = [
    (
        "u01",
        include_str!("../../../tests/data/undo/u01-default-mode.yaml"),
        Ok(&["Secret/web-key"]),
        &["Deployment/web"],
    ),
    ("u02", include_str!("../../../tests/data/undo/u02-octal-numbers.yaml"), Ok(&[]), &["Deployment/web"]),
    ("u03", include_str!("../../../tests/data/undo/u03-keys-y-n-on.yaml"), Ok(&[]), &["Deployment/web"]),
    (
        "u04",
        include_str!("../../../tests/data/undo/u04-binary-tag.yaml"),
        Ok(&["ConfigMap/web-greeting"]),
        &["Service/web"],
    ),
    ("u05", include_str!("../../../tests/data/undo/u05-many-aliases.yaml"), Ok(&[]), &["Deployment/web"]),
    (
        "u06",
        include_str!("../../../tests/data/undo/u06-list-mixed.yaml"),
        Err("what stays (ConfigMap/web-settings) and what goes (Deployment/web)"),
        &[],
    ),
    ("u07", include_str!("../../../tests/data/undo/u07-scaled.yaml"), Ok(&[]), &["Deployment/web"]),
    ("u08 v1", include_str!("../../../tests/data/undo/u08-failed-upgrade.v1.yaml"), Ok(&[]), &["Service/web"]),
    ("u08 v2", include_str!("../../../tests/data/undo/u08-failed-upgrade.v2.yaml"), Ok(&[]), &["Service/web"]),
    ("u09 v1", include_str!("../../../tests/data/undo/u09-renamed.v1.yaml"), Ok(&[]), &["Deployment/old"]),
    (
        "u09 v2",
        include_str!("../../../tests/data/undo/u09-renamed.v2.yaml"),
        Ok(&[]),
        &["Deployment/new", "HorizontalPodAutoscaler/new"],
    ),
    ("u11", include_str!("../../../tests/data/undo/u11-policy-delete.yaml"), Ok(&["Service/web"]), &["Service/api"]),
    (
        "u12",
        include_str!("../../../tests/data/undo/u12-pre-delete-fails.yaml"),
        Ok(&[]),
        &["Service/web", "Job/web-before"],
    ),
    (
        "u13",
        include_str!("../../../tests/data/undo/u13-pre-delete-hangs.yaml"),
        Ok(&[]),
        &["Service/web", "Job/web-before"],
    ),
    (
        "u14",
        include_str!("../../../tests/data/undo/u14-post-delete-fails.yaml"),
        Ok(&[]),
        &["Service/web", "Job/web-after"],
    ),
    ("u16", include_str!("../../../tests/data/undo/u16-finalizer.yaml"), Ok(&[]), &["Service/web", "Service/api"]),
    (
        "u17",
        include_str!("../../../tests/data/undo/u17-other-namespace.yaml"),
        Ok(&[]),
        &["Service/web", "Service/shared/web"],
    ),
    (
        "u18",
        include_str!("../../../tests/data/undo/u18-role.yaml"),
        Ok(&["Role/web", "RoleBinding/web"]),
        &["Service/web"],
    ),
    (
        "u19",
        include_str!("../../../tests/data/undo/u19-assigned-ports.yaml"),
        Ok(&[]),
        &["Service/web", "Service/node", "Service/balanced"],
    ),
    ("u20", include_str!("../../../tests/data/undo/u20-hand-edits.yaml"), Ok(&[]), &["Deployment/web"]),
];

#[test]
fn of_every_template_that_is_hard_to_reap_helm_gets_what_goes_byte_by_byte() {
    for (id, manifest, stays, goes) in ROWS {
        match (cut(manifest), stays) {
            (Ok(left), Ok(stays)) => {
                assert_eq!(stay(manifest), stays, "{id}");
                assert_eq!(names_of(&left, |_| true), goes, "{id}");
                let rest = documents(manifest).into_iter().filter(|document| left.contains(document.text));
                assert_eq!(left, rest.map(|document| document.text).collect::<String>(), "{id}");
            }
            (Err(error), Err(why)) => assert!(error.to_string().contains(why), "{id}: {error}"),
            (found, _) => panic!("{id}: {found:?}"),
        }
    }
}

/// How helm splits: 3.x at `(?:^|\s*\n)---\s*`, 4.3 at `(?m)^---[ \t]*`.
fn split_by_helm_3(manifest: &str) -> Vec<String> {
    let blank = |c: char| matches!(c, '\t' | '\n' | '\u{c}' | '\r' | ' ');
    let mut rest = manifest.trim();
    let mut parts = Vec::new();
    rest = rest.strip_prefix("---").map_or(rest, |after| after.trim_start_matches(blank));
    while let Some(at) = rest.find("\n---") {
        parts.push(rest[..at].trim_end_matches(blank));
        rest = rest[at + 4..].trim_start_matches(blank);
    }
    parts.push(rest);
    // Where two separators follow each other, it leaves the second to the YAML reader.
    parts
        .into_iter()
        .map(|part| part.trim().trim_start_matches("---").trim().to_owned())
        .filter(|part| !part.is_empty())
        .collect()
}

fn split_by_helm_4(manifest: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    for line in manifest.trim_start().split_inclusive('\n') {
        match line.strip_prefix("---") {
            Some(after) => parts.push(after.trim_start_matches([' ', '\t']).to_owned()),
            None => parts.last_mut().unwrap().push_str(line),
        }
    }
    parts.into_iter().map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()).collect()
}

fn split_by_us(manifest: &str) -> Vec<String> {
    let parts = documents(manifest).into_iter().map(|document| {
        let text = document.text.trim_start();
        text.strip_prefix("---").unwrap_or(text).trim().to_owned()
    });
    parts.filter(|part| !part.is_empty()).collect()
}

#[track_caller]
fn check_split(manifest: &str) {
    assert_eq!(split_by_us(manifest), split_by_helm_4(manifest), "helm 4: {manifest:?}");
    assert_eq!(split_by_us(manifest), split_by_helm_3(manifest), "helm 3: {manifest:?}");
    let whole: String = documents(manifest).iter().map(|document| document.text).collect();
    assert_eq!(whole, manifest, "the documents are the manifest");
}

#[test]
fn a_manifest_is_split_where_helm_splits_it() {
    for (_, manifest, ..) in ROWS {
        check_split(manifest);
    }
    for manifest in [
        "",
        "---",
        "a\n---",
        "a\n--- b\n---c\n",
        " \n ---\na\n",
        "a\r\n---\r\nb\r\n",
        "a\n ---\nb",
        "---\n---\na\n\n---\n\n---\nb",
    ] {
        check_split(manifest);
    }
    check_split(MANIFEST);
}

/// Manifests of documents of many kinds, in every way that people write them.
fn manifests() -> impl Strategy<Value = String> {
    let kind =
        prop_oneof![Just("ConfigMap"), Just("Secret"), Just("Service"), Just("Deployment"), Just("ExternalSecret")];
    let separator = prop_oneof![Just("---\n"), Just("---\r\n"), Just("--- # odd\n"), Just("---   \n")];
    let data = prop_oneof![
        "[ -~]{0,20}".prop_map(|text| format!("data:\n  text: {}\n", serde_json::to_string(&text).unwrap())),
        Just("data: {mode: 0400, y: 1, on: off, n: ~}\n".to_owned()),
        Just("data: {b: !!binary //4=}\n".to_owned()),
        Just("data: {a: &a [1], b: *a, c: *a}\n".to_owned()),
        Just("data:\n  text: |+\n    ---\n    kind: Secret\n\n\n".to_owned()),
        Just("# only a comment\r\n".to_owned()),
        Just("spec: {replicas: 1}".to_owned()),
    ];
    let object = (separator.clone(), kind, "[a-z]{1,8}", data).prop_map(|(separator, kind, name, data)| {
        let end = if data.ends_with('\n') { "" } else { "\n" };
        format!("{separator}# Source: a/{name}.yaml\nkind: {kind}\nmetadata:\n  name: {name}-x\n{data}{end}")
    });
    let nothing = separator.prop_map(|separator| format!("{separator}# nothing\n"));
    prop::collection::vec(prop_oneof![4 => object, 1 => nothing], 0..7).prop_map(|documents| documents.concat())
}

proptest! {
    #[test]
    fn cutting_nothing_changes_nothing(manifest in manifests()) {
        prop_assert_eq!(without(&manifest, |_| false).unwrap(), manifest);
    }

    #[test]
    fn what_is_left_is_as_it_was_and_helm_sees_the_same_documents_as_before_but_for_those(manifest in manifests()) {
        check_split(&manifest);
        let left = cut(&manifest).unwrap();
        check_split(&left);
        prop_assert_eq!(stay(&left), Vec::<String>::new());
        let goes = |part: &String| !["kind: ConfigMap\n", "kind: Secret\nmeta", "kind: ExternalSecret\n"].iter().any(|kind| part.contains(kind));
        let expected: Vec<String> = split_by_helm_4(&manifest).into_iter().filter(goes).collect();
        prop_assert_eq!(split_by_helm_4(&left), expected);
        for document in documents(&left) {
            prop_assert!(manifest.contains(document.text));
        }
    }

    #[test]
    fn any_text_is_split_where_helm_splits_it(manifest in "([a-c:#]{0,3}[ \t]?(\r?\n|---|\n---){0,2}){0,8}") {
        let whole: String = documents(&manifest).iter().map(|document| document.text).collect();
        prop_assert_eq!(&whole, &manifest);
        prop_assert_eq!(split_by_us(&manifest), split_by_helm_4(&manifest));
    }
}
