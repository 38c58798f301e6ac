//! What somebody changes in a Slot.

use arbitrary::Arbitrary;
use serde_json::{Value, json};

use super::super::object::{Entry, Key, put};
use super::super::text::Text;
use super::super::who::Person;
use super::{ClaimSeed, ModeSeed, When};

/// One change.
#[derive(Debug, Clone, Arbitrary)]
pub enum Edit {
    Claim(ClaimSeed),
    Release,
    HandOver(Person, bool),
    Users(Vec<Text>),
    AddUser(Text),
    RemoveUser(u8),
    Many,
    Groups(Vec<Text>),
    Aliases(Vec<Text>),
    Purpose(Option<Text>),
    Until(Option<When>),
    Source(bool),
    Trust(bool),
    HandTo(Text),
    Host(Option<Text>),
    Mode(Option<ModeSeed>),
    KeepUntil(Option<When>),
    ClearAfter(Option<When>),
    Request(Wish),
    Label(Key, Entry),
    Annotation(Key, Entry),
    Metadata(Field),
    Status(StatusField),
    Odd(u8),
}

/// A wish of the holder.
#[derive(Debug, Clone, Arbitrary)]
pub struct Wish {
    revives: bool,
    by: Option<Text>,
    claim_id: Option<Text>,
    at: Option<When>,
    dry_run: bool,
    releases: Vec<Text>,
}

/// What the API server keeps beside an object.
#[derive(Debug, Clone, Arbitrary)]
pub enum Field {
    Owner,
    Finalizer,
    Manager(Manager),
    NoLabels,
    NoAnnotations,
}

/// Who applied which fields.
#[derive(Debug, Clone, Copy, Arbitrary)]
pub enum Manager {
    Host,
    Claim,
}

/// What hotdesk sees of a slot.
#[derive(Debug, Clone, Arbitrary)]
pub enum StatusField {
    Phase,
    LapsedUntil(When),
    Reaper(bool),
    Request(Text),
    Saved(Text),
    ClaimedAt(When),
    LastDeploy(When),
    LastSession(When, Text),
    LastActivity(When),
    Verdict(When, Text),
    Observed(When),
    NextReapAt(When),
    Reaping(When),
    LastReap(When),
    Condition(ConditionType, Text),
    Without(u8),
}

/// Conditions of each of hotdesk's accounts.
#[derive(Debug, Clone, Copy, Arbitrary)]
pub enum ConditionType {
    Sheet,
    Fresh,
    Reapable,
    Other,
}

/// Fields of the status, for a write that leaves one out.
const FIELDS: [&str; 6] = ["reaping", "lastSession", "lapsedUntil", "conditions", "saved", "verdict"];

impl Edit {
    /// Makes the change.
    pub fn apply(&self, slot: &mut Value) {
        let claim = |field: &'static str| ["spec", "claim", field];
        match self {
            Self::Claim(claim) => put(slot, &["spec", "claim"], claim.json()),
            Self::Release => put(slot, &["spec", "claim"], Value::Null),
            Self::HandOver(to, says) => {
                put(slot, &claim("users"), json!([to.text()]));
                if *says {
                    put(slot, &claim("handTo"), to.text().into());
                }
            }
            Self::Users(users) => put(slot, &claim("users"), users.iter().map(Text::text).collect()),
            Self::AddUser(user) => users(slot, |users| users.push(user.text().into())),
            Self::RemoveUser(number) => users(slot, |users| {
                let at = usize::from(*number) % users.len().max(1);
                users.drain(at..users.len().min(at + 1)).for_each(drop);
            }),
            Self::Many => users(slot, |users| users.extend((0..300).map(|n| format!("user-{n}").into()))),
            Self::Groups(groups) => put(slot, &claim("groups"), groups.iter().map(Text::text).collect()),
            Self::Aliases(names) => put(slot, &claim("aliases"), names.iter().map(Text::text).collect()),
            Self::Purpose(text) => put(slot, &claim("purpose"), json!(text.as_ref().map(Text::text))),
            Self::Until(when) => put(slot, &claim("until"), json!(when.as_ref().map(When::json))),
            Self::Source(is_sheets) => put(slot, &claim("source"), json!(is_sheets.then_some("sheet"))),
            Self::Trust(trusts) => put(slot, &claim("trustWorkloads"), (*trusts).into()),
            Self::HandTo(name) => put(slot, &claim("handTo"), name.text().into()),
            Self::Host(host) => put(slot, &["spec", "host"], json!(host.as_ref().map(Text::text))),
            Self::Mode(mode) => put(slot, &["spec", "mode"], json!(mode.map(ModeSeed::json))),
            Self::KeepUntil(when) => put(slot, &["spec", "keepUntil"], json!(when.as_ref().map(When::json))),
            Self::ClearAfter(when) => put(slot, &["spec", "clearAfter"], json!(when.as_ref().map(When::json))),
            Self::Request(wish) => put(slot, &["spec", "requests", wish.kind()], wish.json()),
            Self::Label(key, value) => put(slot, &["metadata", "labels", &key.key()], value.json()),
            Self::Annotation(key, value) => put(slot, &["metadata", "annotations", &key.key()], value.json()),
            Self::Metadata(field) => field.apply(slot),
            Self::Status(field) => field.apply(slot),
            Self::Odd(number) => odd(slot, *number),
        }
    }
}

fn users(slot: &mut Value, change: impl FnOnce(&mut Vec<Value>)) {
    if let Some(Value::Array(users)) = slot.pointer_mut("/spec/claim/users") {
        change(users);
    }
}

fn odd(slot: &mut Value, number: u8) {
    let (path, value): (&[&str], Value) = match number % 8 {
        0 => (&["spec"], Value::Null),
        1 => (&["metadata"], Value::Null),
        2 => (&["spec", "claim", "users"], json!(["alice@example.com", 7])),
        3 => (&["spec", "claim", "until"], "2026-02-30T25:61:61+99:99".into()),
        4 => (&["metadata", "labels"], json!({"a": 7})),
        5 => (&["spec", "claim", "trustWorkloads"], "yes".into()),
        6 => (&["kind"], "Slit".into()),
        _ => (&["spec", "unknown"], json!({"a": [null]})),
    };
    put(slot, path, value);
}

impl Wish {
    fn kind(&self) -> &'static str {
        if self.revives { "revive" } else { "reap" }
    }

    fn json(&self) -> Value {
        let mut wish = json!({"dryRun": self.dry_run});
        let fields = [
            ("by", self.by.as_ref().map(|text| text.text().into())),
            ("claimID", self.claim_id.as_ref().map(|text| text.text().into())),
            ("id", self.claim_id.as_ref().map(|text| text.text().into())),
            ("at", self.at.as_ref().map(When::json)),
            ("releases", (!self.releases.is_empty()).then(|| self.releases.iter().map(Text::text).collect())),
        ];
        for (field, value) in fields {
            if let Some(value) = value {
                put(&mut wish, &[field], value);
            }
        }
        wish
    }
}

impl Field {
    fn apply(&self, slot: &mut Value) {
        match self {
            Self::Owner => {
                let owner = json!([{"apiVersion": "v1", "kind": "ConfigMap", "name": "x", "uid": "1"}]);
                put(slot, &["metadata", "ownerReferences"], owner);
            }
            Self::Finalizer => put(slot, &["metadata", "finalizers"], json!(["example.com/x"])),
            Self::Manager(manager) => {
                let fields = match manager {
                    Manager::Host => json!({"f:spec": {"f:host": {}}}),
                    Manager::Claim => json!({"f:spec": {"f:claim": {}}}),
                };
                let entry = json!([{"manager": "kubectl", "operation": "Apply", "fieldsV1": fields}]);
                put(slot, &["metadata", "managedFields"], entry);
            }
            Self::NoLabels => put(slot, &["metadata", "labels"], Value::Null),
            Self::NoAnnotations => put(slot, &["metadata", "annotations"], Value::Null),
        }
    }
}

impl StatusField {
    fn apply(&self, slot: &mut Value) {
        let (field, value) = match self {
            Self::Phase => ("phase", "Held".into()),
            Self::LapsedUntil(when) => ("lapsedUntil", when.json()),
            Self::Reaper(suspended) => ("reaper", json!({"suspended": suspended})),
            Self::Request(text) => ("request", json!({"id": text.text(), "kind": "reap", "phase": "Running"})),
            Self::Saved(text) => {
                let at = "2026-11-29T11:00:00Z";
                ("saved", json!([{"release": text.text(), "revision": 1, "at": at, "run": at, "until": at}]))
            }
            Self::ClaimedAt(when) => ("claimedAt", when.json()),
            Self::LastDeploy(when) => ("lastDeploy", json!({"time": when.json(), "release": "web"})),
            Self::LastSession(when, by) => {
                ("lastSession", json!({"time": when.json(), "by": by.text(), "kind": "exec"}))
            }
            Self::LastActivity(when) => {
                ("lastActivity", json!({"time": when.json(), "signal": "traffic", "detail": "GET /"}))
            }
            Self::Verdict(when, text) => {
                ("verdict", json!({"state": "Idle", "reason": text.text(), "at": when.json()}))
            }
            Self::Observed(when) => ("observed", json!({"from": when.json(), "through": when.json(), "samples": 1})),
            Self::NextReapAt(when) => ("nextReapAt", when.json()),
            Self::Reaping(when) => {
                ("reaping", json!({"since": "2026-11-29T11:59:00Z", "releases": [], "until": when.json()}))
            }
            Self::LastReap(when) => ("lastReap", json!({"time": when.json(), "releases": ["web"]})),
            Self::Condition(kind, text) => ("conditions", json!([kind.json(&text.text())])),
            Self::Without(number) => {
                (FIELDS.get(usize::from(*number) % FIELDS.len()).copied().unwrap_or("phase"), Value::Null)
            }
        };
        put(slot, &["status", field], value);
    }
}

impl ConditionType {
    fn json(self, message: &str) -> Value {
        let kind = match self {
            Self::Sheet => "ClaimSource",
            Self::Fresh => "SheetFresh",
            Self::Reapable => "Reapable",
            Self::Other => "RightsFollowClaim",
        };
        let at = "2026-11-29T11:00:00Z";
        json!({"type": kind, "status": "True", "reason": "Said", "message": message, "lastTransitionTime": at})
    }
}
