//! Who asks?

use arbitrary::Arbitrary;
use serde_json::{Map, Value, json};

use super::super::world::names;
use super::text::{Text, Word, namespace};

/// The sender of a review.
#[derive(Debug, Clone, Arbitrary)]
pub struct Who {
    user: User,
    groups: Groups,
    token: Token,
    extra: Vec<(ExtraKey, ExtraValues)>,
}

/// A user name.
#[derive(Debug, Clone, Arbitrary)]
pub enum User {
    Person(Person),
    Named(Person),
    Text(Text),
    Account(Home, Account),
    Program(Program),
}

/// The namespace of a service account.
#[derive(Debug, Clone, Copy, Arbitrary)]
pub enum Home {
    /// That of the review.
    Own,
    Of(u8),
}

/// What the API server notes of a service account's token.
#[derive(Debug, Clone, Copy, Arbitrary)]
enum Token {
    None,
    Nothing,
    Pods,
    Made,
}

/// Those who hold slots.
#[derive(Debug, Clone, Copy, Arbitrary)]
pub enum Person {
    Alice,
    Octocat,
    Bob,
    Carol,
    Dave,
}

/// Programs that the settings or the cluster know, and others.
#[derive(Debug, Clone, Arbitrary)]
pub enum Program {
    Administrator,
    Ci,
    Flux,
    Argo,
    Cleaner,
    Controller,
    Restamper,
    Sync,
    Webhook,
    Kubelet(u8),
    Kubernetes(Controller),
    AccountAnywhere(Text, Text),
}

/// Some of Kubernetes' controllers.
#[derive(Debug, Clone, Copy, Arbitrary)]
pub enum Controller {
    Deployment,
    Namespace,
    GarbageCollector,
    Whole,
    /// No name of any.
    Unknown,
}

/// A service account of a namespace.
#[derive(Debug, Clone, Copy, Arbitrary)]
pub enum Account {
    Default,
    Robot,
    Reaper,
    Reviver,
    Controller,
    Empty,
    Colon,
}

/// Groups: nothing and everybody's besides those that mean something.
#[derive(Debug, Clone, Arbitrary)]
enum Groups {
    Usual,
    Some(Vec<Group>),
    More(Vec<Group>),
    Absent,
    Null,
}

#[derive(Debug, Clone, Arbitrary)]
enum Group {
    Payments,
    Masters,
    BreakGlass,
    Platform,
    PaymentsUpper,
    Nodes,
    Authenticated,
    AccountsOf(u8),
    Text(Text),
}

#[derive(Debug, Clone, Arbitrary)]
enum ExtraKey {
    PodName,
    PodNameUpper,
    PodUid,
    CredentialId,
    Login,
    Text(Text),
}

#[derive(Debug, Clone, Arbitrary)]
enum ExtraValues {
    Pod,
    Texts(Vec<Text>),
    None,
    Empty,
    Null,
}

impl Who {
    /// As the API server writes it.
    #[must_use]
    pub fn json(&self, home: &str) -> Value {
        let mut user = Map::new();
        user.insert("username".to_owned(), self.user.name(home).into());
        let groups = match &self.groups {
            Groups::Absent => None,
            Groups::Null => Some(Value::Null),
            Groups::Usual => Some(json!(["system:authenticated"])),
            Groups::Some(groups) | Groups::More(groups) => Some(groups.iter().map(Group::name).collect()),
        };
        user.extend(groups.map(|groups| ("groups".to_owned(), groups)));
        let mut extra: Map<String, Value> = self.extra.iter().map(|(key, values)| (key.key(), values.json())).collect();
        match self.token {
            Token::None | Token::Nothing => {}
            Token::Pods => drop(extra.insert(ExtraKey::PodName.key(), json!(["web-0"]))),
            Token::Made => drop(extra.insert(ExtraKey::CredentialId.key(), json!(["JTI=1"]))),
        }
        if !extra.is_empty() {
            user.insert("extra".to_owned(), Value::Object(extra));
        }
        Value::Object(user)
    }
}

impl User {
    fn name(&self, own: &str) -> String {
        match self {
            Self::Person(person) | Self::Named(person) => person.text().to_owned(),
            Self::Text(text) => text.text(),
            Self::Account(Home::Own, account) => account.name(own),
            Self::Account(Home::Of(number), account) => account.name(namespace(*number)),
            Self::Program(program) => program.name(),
        }
    }
}

impl Person {
    /// The name.
    #[must_use]
    pub fn text(self) -> &'static str {
        let word = match self {
            Self::Alice => Word::Alice,
            Self::Octocat => Word::Octocat,
            Self::Bob => Word::Bob,
            Self::Carol => Word::Carol,
            Self::Dave => Word::Dave,
        };
        word.text()
    }
}

impl Program {
    fn name(&self) -> String {
        match self {
            Self::Administrator => names::ADMINISTRATOR.to_owned(),
            Self::Ci => names::CI.to_owned(),
            Self::Flux => names::FLUX.to_owned(),
            Self::Argo => names::ARGO.to_owned(),
            Self::Cleaner => names::CLEANER.to_owned(),
            Self::Controller => names::CONTROLLER.to_owned(),
            Self::Restamper => names::RESTAMPER.to_owned(),
            Self::Sync => names::SYNC.to_owned(),
            Self::Webhook => names::WEBHOOK.to_owned(),
            Self::Kubelet(number) => format!("system:node:node-{number}"),
            Self::Kubernetes(controller) => controller.name().to_owned(),
            Self::AccountAnywhere(namespace, account) => {
                format!("system:serviceaccount:{}:{}", namespace.text(), account.text())
            }
        }
    }
}

impl Controller {
    fn name(self) -> &'static str {
        match self {
            Self::Deployment => "system:serviceaccount:kube-system:deployment-controller",
            Self::Namespace => "system:serviceaccount:kube-system:namespace-controller",
            Self::GarbageCollector => "system:serviceaccount:kube-system:generic-garbage-collector",
            Self::Whole => "system:kube-controller-manager",
            Self::Unknown => "system:serviceaccount:kube-system:deployment-controller2",
        }
    }
}

impl Account {
    fn name(self, home: &str) -> String {
        match self {
            Self::Default => format!("system:serviceaccount:{home}:default"),
            Self::Robot => format!("system:serviceaccount:{home}:robot"),
            Self::Reaper => format!("system:serviceaccount:{}:reaper-{home}", names::JOBS),
            Self::Reviver => format!("system:serviceaccount:{}:reviver-{home}", names::JOBS),
            Self::Controller => names::CONTROLLER.to_owned(),
            Self::Empty => format!("system:serviceaccount:{home}:"),
            Self::Colon => format!("system:serviceaccount:{home}:default:x"),
        }
    }
}

impl Group {
    fn name(&self) -> String {
        let fixed = match self {
            Self::Masters => "system:masters",
            Self::BreakGlass => "hotdesk:break-glass",
            Self::Platform => names::ADMINISTRATORS,
            Self::Payments => "payments",
            Self::PaymentsUpper => "Payments",
            Self::Nodes => "system:nodes",
            Self::Authenticated => "system:authenticated",
            Self::AccountsOf(number) => return format!("system:serviceaccounts:{}", namespace(*number)),
            Self::Text(text) => return text.text(),
        };
        fixed.to_owned()
    }
}

impl ExtraKey {
    fn key(&self) -> String {
        let fixed = match self {
            Self::PodName => "authentication.kubernetes.io/pod-name",
            Self::PodNameUpper => "Authentication.Kubernetes.io/pod-name",
            Self::PodUid => "authentication.kubernetes.io/pod-uid",
            Self::CredentialId => "authentication.kubernetes.io/credential-id",
            Self::Login => names::LOGIN,
            Self::Text(text) => return text.text(),
        };
        fixed.to_owned()
    }
}

impl ExtraValues {
    fn json(&self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::None => json!([]),
            Self::Empty => json!([""]),
            Self::Pod => json!(["web-0"]),
            Self::Texts(texts) => texts.iter().map(Text::text).collect(),
        }
    }
}
