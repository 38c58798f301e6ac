//! A review of what is written into a slot.

use arbitrary::Arbitrary;
use hotdesk_webhook::answer::Path;
use serde_json::{Value, json};

use super::Way;
use super::object::{Object, put};
use super::poke::Poke;
use super::text::{Text, Word, namespace};
use super::who::Who;

/// A review.
#[derive(Debug, Clone, Arbitrary)]
pub struct Review {
    way: Way,
    /// The Slots are unknown in one of 16.
    luck: u8,
    operation: Operation,
    target: Target,
    namespace: Namespace,
    who: Who,
    name: Option<Text>,
    object: Body,
    old: Body,
    dry_run: Option<bool>,
    poke: Poke,
    crowd: Crowd,
    odd: Odd,
}

/// What is to be done.
#[derive(Debug, Clone, Copy, Arbitrary)]
pub enum Operation {
    Create,
    Update,
    Delete,
    Connect,
}

#[derive(Debug, Clone, Arbitrary)]
enum Namespace {
    Mew,
    Pikachu,
    Of(u8),
    Any(u8),
    Absent,
    Text(Text),
}

#[derive(Debug, Clone, Arbitrary)]
enum Body {
    Object(Object),
    Some(Object),
    /// The same as the other one.
    Same,
    Odd(u8),
}

/// What is written: group, resource, subresource, kind.
#[derive(Debug, Clone, Arbitrary)]
enum Target {
    Known(u8),
    Common(u8),
    Usual(u8),
    Subresource(u8, Text),
    Any(Text, Text, Text, Text),
}

/// Of what there are many: work must stay linear in them.
#[derive(Debug, Clone, Copy, Arbitrary)]
enum Crowd {
    Labels,
    Reserved,
    Annotations,
    Groups,
    Extra,
    Logins,
}

/// What is wrong with the review itself.
#[derive(Debug, Clone, Copy, Arbitrary)]
struct Odd {
    luck: u8,
    way: u8,
}

/// Group, resource, subresource, and the kind with its group.
const TARGETS: [[&str; 5]; 36] = [
    ["", "configmaps", "", "", "ConfigMap"],
    ["", "secrets", "", "", "Secret"],
    ["", "pods", "", "", "Pod"],
    ["", "pods", "status", "", "Pod"],
    ["", "pods", "exec", "", "PodExecOptions"],
    ["", "pods", "attach", "", "PodAttachOptions"],
    ["", "pods", "portforward", "", "PodPortForwardOptions"],
    ["", "pods", "proxy", "", "PodProxyOptions"],
    ["", "pods", "ephemeralcontainers", "", "Pod"],
    ["", "pods", "resize", "", "Pod"],
    ["", "pods", "eviction", "policy", "Eviction"],
    ["", "pods", "binding", "", "Binding"],
    ["", "bindings", "", "", "Binding"],
    ["", "services", "", "", "Service"],
    ["", "services", "proxy", "", "ServiceProxyOptions"],
    ["", "serviceaccounts", "", "", "ServiceAccount"],
    ["", "serviceaccounts", "token", "authentication.k8s.io", "TokenRequest"],
    ["", "replicationcontrollers", "", "", "ReplicationController"],
    ["", "podtemplates", "", "", "PodTemplate"],
    ["", "events", "", "", "Event"],
    ["events.k8s.io", "events", "", "events.k8s.io", "Event"],
    ["coordination.k8s.io", "leases", "", "coordination.k8s.io", "Lease"],
    ["apps", "deployments", "", "apps", "Deployment"],
    ["apps", "deployments", "scale", "autoscaling", "Scale"],
    ["apps", "deployments", "status", "apps", "Deployment"],
    ["apps", "statefulsets", "", "apps", "StatefulSet"],
    ["apps", "daemonsets", "", "apps", "DaemonSet"],
    ["apps", "replicasets", "", "apps", "ReplicaSet"],
    ["batch", "jobs", "", "batch", "Job"],
    ["batch", "cronjobs", "", "batch", "CronJob"],
    ["rbac.authorization.k8s.io", "rolebindings", "", "rbac.authorization.k8s.io", "RoleBinding"],
    ["rbac.authorization.k8s.io", "roles", "", "rbac.authorization.k8s.io", "Role"],
    ["resource.k8s.io", "resourceclaimtemplates", "", "resource.k8s.io", "ResourceClaimTemplate"],
    ["example.com", "gadgets", "", "example.com", "Gadget"],
    ["hotdesk.dev", "slots", "", "hotdesk.dev", "Slot"],
    ["hotdesk.dev", "slots", "status", "hotdesk.dev", "Slot"],
];

/// How many keys a crowd has.
const MANY: usize = 20_000;

impl Review {
    /// True if the Slots are known to the webhook.
    #[must_use]
    pub fn synced(&self) -> bool {
        self.luck % 16 != 15
    }

    /// Where the API server sends it.
    #[must_use]
    pub fn path(&self) -> Path {
        let is_slot =
            matches!(self.target.parts(), [group, resource, ..] if group == "hotdesk.dev" && resource == "slots");
        self.way.path(match self.operation {
            _ if is_slot => Path::Slots,
            Operation::Create | Operation::Update => Path::Mutate,
            Operation::Delete | Operation::Connect => Path::Validate,
        })
    }

    /// The body that the API server sends; crowded, it has 20,000 keys of a kind.
    #[must_use]
    pub fn body(&self, crowded: bool) -> Vec<u8> {
        let [group, resource, subresource, kind_group, kind] = self.target.parts();
        let object = self.object.json(&self.old);
        let old = self.old.json(&self.object);
        let mut request = json!({
            "uid": "u-1", "operation": self.operation.as_str(),
            "kind": {"group": kind_group, "version": "v1", "kind": kind},
            "resource": {"group": group, "version": "v1", "resource": resource},
            "userInfo": self.who.json(&self.namespace.text().unwrap_or_default()),
        });
        let fields = [
            ("subResource", (!subresource.is_empty()).then(|| subresource.into())),
            ("namespace", self.namespace.text().map(Value::from)),
            ("name", self.name.as_ref().map(|name| name.text().into())),
            ("object", object),
            ("oldObject", old),
            ("dryRun", self.dry_run.map(Value::Bool)),
        ];
        for (field, value) in fields {
            if let Some(value) = value {
                put(&mut request, &[field], value);
            }
        }
        self.poke.apply(&mut request);
        if crowded {
            self.crowd.fill(&mut request);
        }
        let mut review = json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request});
        self.odd.spoil(&mut review);
        review.to_string().into_bytes()
    }
}

impl Operation {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Create => "CREATE",
            Self::Update => "UPDATE",
            Self::Delete => "DELETE",
            Self::Connect => "CONNECT",
        }
    }
}

impl Namespace {
    fn text(&self) -> Option<String> {
        match self {
            Self::Mew => Some("mew".to_owned()),
            Self::Pikachu => Some("pikachu".to_owned()),
            Self::Of(number) | Self::Any(number) => Some(namespace(*number).to_owned()),
            Self::Absent => None,
            Self::Text(text) => Some(text.text()),
        }
    }
}

impl Body {
    fn json(&self, other: &Self) -> Option<Value> {
        match (self, other) {
            (Self::Same, Self::Same) => None,
            (Self::Object(object) | Self::Some(object), _) => Some(object.json()),
            (Self::Same, other) => other.json(&Self::Same),
            (Self::Odd(number), _) => match number % 16 {
                0 => Some(json!([])),
                1 => Some(json!("text")),
                2 => Some(json!({"metadata": [], "spec": "text", "type": {}})),
                3..8 => Some(Value::Null),
                _ => None,
            },
        }
    }
}

impl Target {
    fn parts(&self) -> [String; 5] {
        let known = |number: &u8| {
            let target = TARGETS.get(usize::from(*number) % TARGETS.len()).copied().unwrap_or_default();
            target.map(str::to_owned)
        };
        match self {
            Self::Known(number) | Self::Common(number) | Self::Usual(number) => known(number),
            Self::Subresource(number, text) => {
                let [group, resource, _, kind_group, kind] = known(number);
                [group, resource, text.text(), kind_group, kind]
            }
            Self::Any(group, resource, subresource, kind) => {
                [group.text(), resource.text(), subresource.text(), group.text(), kind.text()]
            }
        }
    }
}

impl Crowd {
    fn fill(self, request: &mut Value) {
        let map = |prefix: &str, value: Value| -> Value {
            Value::Object((0..MANY).map(|number| (format!("{prefix}{number}"), value.clone())).collect())
        };
        let list = || -> Value { (0..MANY).map(|number| format!("name-{number}")).collect() };
        let (path, value): (&[&str], Value) = match self {
            Self::Labels => (&["object", "metadata", "labels"], map("example.com/", "x".into())),
            Self::Reserved => (&["object", "metadata", "labels"], map("hotdesk.dev/", Word::AliceLabel.text().into())),
            Self::Annotations => (&["object", "metadata", "annotations"], map("hotdesk.dev/", "".into())),
            Self::Groups => (&["userInfo", "groups"], list()),
            Self::Extra => (&["userInfo", "extra"], map("example.com/", json!(["x"]))),
            Self::Logins => (&["userInfo", "extra", "example.com/login"], list()),
        };
        put(request, path, value);
    }
}

impl Odd {
    /// Breaks the review in one of 16.
    fn spoil(self, review: &mut Value) {
        if self.luck % 16 != 15 {
            return;
        }
        let (path, value): (&[&str], Value) = match self.way % 12 {
            0 => (&["apiVersion"], "admission.k8s.io/v1beta1".into()),
            1 => (&["kind"], "Review".into()),
            2 => (&["request", "uid"], "".into()),
            3 => (&["request", "uid"], 7.into()),
            4 => (&["request", "operation"], "PATCH".into()),
            5 => (&["request", "userInfo"], Value::Null),
            6 => (&["request", "userInfo", "username"], Value::Null),
            7 => (&["request", "namespace"], Value::Null),
            8 => (&["request", "object", "metadata", "labels"], json!([])),
            9 => (&["request", "kind"], json!({})),
            10 => (&["request", "dryRun"], "yes".into()),
            _ => (&["request"], Value::Null),
        };
        put(review, path, value);
    }
}
