//! A review of a Slot: as it was stored, and what somebody makes of it.

use arbitrary::Arbitrary;
use hotdesk_webhook::answer::Path;
use serde_json::{Value, json};

use super::Way;
use super::object::{Entries, put};
use super::review::Operation;
use super::slot::edit::Edit;
use super::text::{Text, namespace};
use super::who::{Person, Who};

pub mod edit;

/// A review.
#[derive(Debug, Clone, Arbitrary)]
pub struct SlotReview {
    way: Way,
    /// True if a person can hold a few slots only.
    pub limited: bool,
    deed: Deed,
    slot: u8,
    who: Who,
    stored: Stored,
    edits: Vec<Edit>,
    dry_run: bool,
    old: Old,
}

/// What is to be done; most of it changes the Slot or its status.
#[derive(Debug, Clone, Arbitrary)]
enum Deed {
    Update,
    Change,
    Write,
    Status,
    Report,
    Other(Operation, Part),
}

#[derive(Debug, Clone, Arbitrary)]
enum Part {
    Whole,
    Status,
    Text(Text),
}

/// What the API server says that was stored; most of the time what was.
#[derive(Debug, Clone, Copy, Arbitrary)]
enum Old {
    Stored,
    AsStored,
    Kept,
    Known,
    /// There is none, or one that cannot be read.
    Odd(bool),
}

/// A Slot as it was stored.
#[derive(Debug, Clone, Arbitrary)]
struct Stored {
    claim: Option<ClaimSeed>,
    has_host: bool,
    mode: Option<ModeSeed>,
    keep_until: Option<When>,
    clear_after: Option<When>,
    labels: Entries,
    annotations: Entries,
    /// A reap at work until then.
    reaping: Option<When>,
    notes: Notes,
}

/// What `/slots` noted on it before.
#[derive(Debug, Clone, Copy, Arbitrary)]
struct Notes {
    claim_id: bool,
    claimed_at: bool,
    lost_at: bool,
}

/// A claim.
#[derive(Debug, Clone, Arbitrary)]
pub struct ClaimSeed {
    owner: Person,
    users: Vec<Text>,
    aliases: Vec<Text>,
    groups: Vec<Text>,
    purpose: Option<Text>,
    until: Option<When>,
    is_sheets: bool,
    trusts: bool,
}

#[derive(Debug, Clone, Copy, Arbitrary)]
pub enum ModeSeed {
    Enforce,
    Warn,
    Audit,
    Odd,
}

/// A time, around now.
#[derive(Debug, Clone, Arbitrary)]
pub enum When {
    LongAgo,
    Past,
    Now,
    Soon,
    Later,
    Never,
    Text(Text),
}

impl SlotReview {
    /// Where the API server sends it.
    #[must_use]
    pub fn path(&self) -> Path {
        self.way.path(Path::Slots)
    }

    /// The body that the API server sends.
    #[must_use]
    pub fn body(&self) -> Vec<u8> {
        let slot = namespace(self.slot);
        let stored = self.stored.json(slot);
        let mut new = stored.clone();
        self.edits.iter().for_each(|edit| edit.apply(&mut new));
        let (operation, subresource) = self.deed.parts();
        let mut request = json!({
            "uid": "u-1", "operation": operation, "namespace": slot, "name": "slot", "dryRun": self.dry_run,
            "kind": {"group": "hotdesk.dev", "version": "v1alpha1", "kind": "Slot"},
            "resource": {"group": "hotdesk.dev", "version": "v1alpha1", "resource": "slots"},
            "userInfo": self.who.json(slot),
        });
        if !subresource.is_empty() {
            put(&mut request, &["subResource"], subresource.into());
        }
        if operation != "DELETE" {
            put(&mut request, &["object"], new);
        }
        match self.old {
            _ if operation == "CREATE" => {}
            Old::Stored | Old::AsStored | Old::Kept | Old::Known => put(&mut request, &["oldObject"], stored),
            Old::Odd(true) => {}
            Old::Odd(false) => put(&mut request, &["oldObject"], json!({"metadata": {}, "spec": {"claim": 7}})),
        }
        json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request})
            .to_string()
            .into_bytes()
    }
}

impl Deed {
    fn parts(&self) -> (&'static str, String) {
        match self {
            Self::Update | Self::Change | Self::Write => ("UPDATE", String::new()),
            Self::Status | Self::Report => ("UPDATE", "status".to_owned()),
            Self::Other(operation, part) => {
                let part = match part {
                    Part::Whole => String::new(),
                    Part::Status => "status".to_owned(),
                    Part::Text(text) => text.text(),
                };
                (operation.as_str(), part)
            }
        }
    }
}

impl Stored {
    fn json(&self, slot: &str) -> Value {
        let mut json = json!({
            "apiVersion": "hotdesk.dev/v1alpha1", "kind": "Slot", "spec": {},
            "metadata": {"name": "slot", "namespace": slot, "resourceVersion": "7", "uid": "s-1"}
        });
        self.labels.write(&mut json, &["metadata", "labels"]);
        self.annotations.write(&mut json, &["metadata", "annotations"]);
        let spec = [
            ("claim", self.claim.as_ref().map(ClaimSeed::json)),
            ("host", self.has_host.then(|| json!("slot.dev.example.com"))),
            ("mode", self.mode.map(ModeSeed::json)),
            ("keepUntil", self.keep_until.as_ref().map(When::json)),
            ("clearAfter", self.clear_after.as_ref().map(When::json)),
        ];
        for (field, value) in spec {
            if let Some(value) = value {
                put(&mut json, &["spec", field], value);
            }
        }
        let notes = [
            ("hotdesk.dev/claim-id", self.notes.claim_id, "id-1"),
            ("hotdesk.dev/claimed-at", self.notes.claimed_at, "2026-11-20T08:00:00Z"),
            ("hotdesk.dev/lost-at", self.notes.lost_at, "2026-11-19T08:00:00Z"),
        ];
        for (key, _, value) in notes.into_iter().filter(|(_, noted, _)| *noted) {
            put(&mut json, &["metadata", "annotations", key], value.into());
        }
        if let Some(until) = &self.reaping {
            let reaping = json!({"since": "2026-11-29T11:59:00Z", "releases": [], "until": until.json()});
            put(&mut json, &["status", "reaping"], reaping);
        }
        json
    }
}

impl ClaimSeed {
    /// The claim as JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        let users = std::iter::once(self.owner.text().to_owned()).chain(self.users.iter().map(Text::text));
        let mut claim = json!({"users": users.collect::<Vec<_>>()});
        for (field, texts) in [("aliases", &self.aliases), ("groups", &self.groups)] {
            if !texts.is_empty() {
                put(&mut claim, &[field], texts.iter().map(Text::text).collect());
            }
        }
        let fields = [
            ("purpose", self.purpose.as_ref().map(|text| text.text().into())),
            ("until", self.until.as_ref().map(When::json)),
            ("source", self.is_sheets.then(|| "sheet".into())),
            ("trustWorkloads", self.trusts.then_some(Value::Bool(true))),
        ];
        for (field, value) in fields {
            if let Some(value) = value {
                put(&mut claim, &[field], value);
            }
        }
        claim
    }
}

impl ModeSeed {
    /// As it is written.
    #[must_use]
    pub fn json(self) -> Value {
        match self {
            Self::Enforce => "enforce".into(),
            Self::Warn => "warn".into(),
            Self::Audit => "audit".into(),
            Self::Odd => "off".into(),
        }
    }
}

impl When {
    /// As it is written.
    #[must_use]
    pub fn json(&self) -> Value {
        let fixed = match self {
            Self::LongAgo => "2020-02-29T00:00:00Z",
            Self::Past => "2026-11-29T13:59:59.5+02:00",
            Self::Now => "2026-11-29T12:00:00Z",
            Self::Soon => "2026-11-29T12:01:00Z",
            Self::Later => "2026-12-01T18:00:00Z",
            Self::Never => "9999-12-30T00:00:00Z",
            Self::Text(text) => return text.text().into(),
        };
        fixed.into()
    }
}
