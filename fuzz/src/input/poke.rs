//! Writes that touch a rule, which chance alone would seldom make.

use arbitrary::Arbitrary;
use serde_json::{Value, json};

use super::super::world::names;
use super::object::{Entries, put};
use super::text::{Text, Word};

/// What a review is made to do besides.
#[derive(Debug, Clone, Arbitrary)]
pub enum Poke {
    Nothing,
    No,
    Fixture(u8, bool),
    Token(Seconds),
    TokenSecret,
    Template(u8, Entries),
    Release(Entries),
    For(Person),
    ForBefore(Person, Person),
    ClaimantsBinding,
    Session(u8),
    Restamp(Vec<Change>),
}

/// What the restamper's request does besides nothing.
#[derive(Debug, Clone, Copy, Arbitrary)]
pub enum Change {
    Owner,
    OwnerBefore,
    Counted,
    For,
    Label,
    Finalizers,
    Spec,
    TemplateOwner,
    Status,
    Subresource,
    Creates,
}

/// How long a token shall last.
#[derive(Debug, Clone, Copy, Arbitrary)]
pub enum Seconds {
    Hour,
    More,
    Most,
    Any(i64),
    Beyond,
}

/// For whom somebody deploys.
#[derive(Debug, Clone, Arbitrary)]
pub enum Person {
    Alice,
    Octocat,
    Bob,
    Text(Text),
}

/// Group, resource, kind and name of what the charts put into a slot, or once put there.
const FIXTURES: [[&str; 4]; 8] = [
    ["rbac.authorization.k8s.io", "rolebindings", "RoleBinding", "hotdesk-claimants"],
    ["rbac.authorization.k8s.io", "rolebindings", "RoleBinding", "hotdesk-edit"],
    ["rbac.authorization.k8s.io", "roles", "Role", "hotdesk-access"],
    ["rbac.authorization.k8s.io", "roles", "Role", "hotdesk-edit2"],
    ["", "serviceaccounts", "ServiceAccount", "hotdesk-reaper"],
    ["batch", "cronjobs", "CronJob", "hotdesk-reaper"],
    ["", "configmaps", "ConfigMap", "hotdesk-edit"],
    ["example.com", "roles", "Role", "hotdesk-edit"],
];

/// Group, resource, kind, and a place in it whose metadata a controller copies.
const TEMPLATES: [(&str, &str, &str, &[&str]); 12] = [
    ("apps", "deployments", "Deployment", &["spec", "template"]),
    ("apps", "statefulsets", "StatefulSet", &["spec", "template"]),
    ("apps", "statefulsets", "StatefulSet", &["spec", "volumeClaimTemplates"]),
    ("apps", "daemonsets", "DaemonSet", &["spec", "template"]),
    ("apps", "replicasets", "ReplicaSet", &["spec", "template"]),
    ("batch", "jobs", "Job", &["spec", "template"]),
    ("batch", "cronjobs", "CronJob", &["spec", "jobTemplate"]),
    ("batch", "cronjobs", "CronJob", &["spec", "jobTemplate", "spec", "template"]),
    ("", "replicationcontrollers", "ReplicationController", &["spec", "template"]),
    ("", "podtemplates", "PodTemplate", &["template"]),
    ("", "pods", "Pod", &["spec", "volumes"]),
    ("example.com", "gadgets", "Gadget", &["spec", "template"]),
];

impl Poke {
    /// Changes the request of a review.
    pub fn apply(&self, request: &mut Value) {
        match self {
            Self::Nothing | Self::No => {}
            Self::Fixture(number, by_object) => {
                let [group, resource, kind, name] = at(&FIXTURES, *number).unwrap_or_default();
                target(request, [group, resource, ""], [group, kind]);
                let path: &[&str] = if *by_object { &["object", "metadata", "name"] } else { &["name"] };
                put(request, path, name.into());
            }
            Self::Token(seconds) => {
                target(request, ["", "serviceaccounts", "token"], ["authentication.k8s.io", "TokenRequest"]);
                put(request, &["operation"], "CREATE".into());
                put(request, &["object"], json!({"metadata": {}, "spec": {"expirationSeconds": seconds.json()}}));
            }
            Self::TokenSecret => {
                target(request, ["", "secrets", ""], ["", "Secret"]);
                put(request, &["object", "type"], Word::TokenSecret.text().into());
            }
            Self::Template(number, labels) => template(request, *number, labels),
            Self::Release(annotations) => {
                target(request, ["", "secrets", ""], ["", "Secret"]);
                put(request, &["object", "type"], Word::ReleaseType.text().into());
                annotations.write(request, &["object", "metadata", "annotations"]);
            }
            Self::For(person) => {
                put(request, &["object", "metadata", "labels", "hotdesk.dev/for"], person.label().into());
            }
            Self::ForBefore(person, before) => {
                put(request, &["object", "metadata", "labels", "hotdesk.dev/for"], person.label().into());
                put(request, &["oldObject", "metadata", "labels", "hotdesk.dev/for"], before.label().into());
            }
            Self::ClaimantsBinding => {
                let group = "rbac.authorization.k8s.io";
                target(request, [group, "rolebindings", ""], [group, "RoleBinding"]);
                put(request, &["name"], Word::ClaimantsBinding.text().into());
                put(request, &["operation"], "UPDATE".into());
            }
            Self::Session(number) => {
                let kind = at(&["exec", "attach", "portforward", "ephemeralcontainers"], *number).unwrap_or_default();
                target(request, ["", "pods", kind], ["", "Pod"]);
                let operation = if kind == "ephemeralcontainers" { "UPDATE" } else { "CONNECT" };
                put(request, &["operation"], operation.into());
            }
            Self::Restamp(changes) => restamp(request, changes),
        }
    }
}

/// An empty patch by the restamper, and these changes.
fn restamp(request: &mut Value, changes: &[Change]) {
    put(request, &["operation"], "UPDATE".into());
    put(request, &["userInfo"], json!({"username": names::RESTAMPER}));
    let object = request.get("object").filter(|object| object.is_object()).cloned();
    put(request, &["object"], object.unwrap_or_else(|| json!({"metadata": {"name": "web"}})));
    let same = request.get("object").cloned();
    put(request, &["oldObject"], same.unwrap_or_default());
    for change in changes {
        let (path, value): (&[&str], Value) = match change {
            Change::Owner => (&["object", "metadata", "labels", "hotdesk.dev/owner"], "x".into()),
            Change::OwnerBefore => (&["oldObject", "metadata", "annotations", "hotdesk.dev/owner"], "x".into()),
            Change::Counted => (&["object", "metadata", "resourceVersion"], "8".into()),
            Change::For => (&["object", "metadata", "labels", "hotdesk.dev/for"], "x".into()),
            Change::Label => (&["object", "metadata", "labels", "x.hotdesk.dev/owner"], "x".into()),
            Change::Finalizers => (&["object", "metadata", "finalizers"], json!(["x/y"])),
            Change::Spec => (&["object", "spec", "replicas"], 2.into()),
            Change::TemplateOwner => {
                (&["object", "spec", "template", "metadata", "labels", "hotdesk.dev/owner"], "x".into())
            }
            Change::Status => (&["object", "status", "x"], "y".into()),
            Change::Subresource => (&["subResource"], "status".into()),
            Change::Creates => (&["operation"], "CREATE".into()),
        };
        put(request, path, value);
    }
}

fn template(request: &mut Value, number: u8, labels: &Entries) {
    let Some((group, resource, kind, path)) = at(&TEMPLATES, number) else { return };
    target(request, [group, resource, ""], [group, kind]);
    let mut template = json!({"metadata": {}});
    labels.write(&mut template, &["metadata", "labels"]);
    let value = match path.last() {
        Some(&"volumeClaimTemplates") => json!([template]),
        Some(&"volumes") => json!([{"name": "b", "ephemeral": {"volumeClaimTemplate": template}}]),
        _ => template,
    };
    let whole: Vec<&str> = std::iter::once("object").chain(path.iter().copied()).collect();
    put(request, &whole, value);
}

fn target(request: &mut Value, [group, resource, subresource]: [&str; 3], [kind_group, kind]: [&str; 2]) {
    put(request, &["resource"], json!({"group": group, "version": "v1", "resource": resource}));
    put(request, &["kind"], json!({"group": kind_group, "version": "v1", "kind": kind}));
    put(request, &["subResource"], subresource.into());
}

fn at<T: Copy>(all: &[T], number: u8) -> Option<T> {
    all.get(usize::from(number) % all.len().max(1)).copied()
}

impl Seconds {
    fn json(self) -> Value {
        match self {
            Self::Hour => 3600.into(),
            Self::More => 3601.into(),
            Self::Most => i64::MAX.into(),
            Self::Any(seconds) => seconds.into(),
            Self::Beyond => u64::MAX.into(),
        }
    }
}

impl Person {
    fn label(&self) -> String {
        match self {
            Self::Alice => Word::AliceLabel.text().to_owned(),
            Self::Octocat => Word::Octocat.text().to_owned(),
            Self::Bob => Word::BobLabel.text().to_owned(),
            Self::Text(text) => text.text(),
        }
    }
}
