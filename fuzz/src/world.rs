//! Which slots are there, and what did the operator decide?

use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use hotdesk_slots::slot::Slot;
use hotdesk_slots::{ClaimView, IdentitySettings, Name, People};
use hotdesk_webhook::answer::Context;
use hotdesk_webhook::settings::{Deployer, Settings};
use hotdesk_webhook::slot_cache::{SlotCache, SlotEntry, SlotIndex};
use jiff::Timestamp;
use serde_json::{Value, json};

/// The time of every question.
pub const NOW: &str = "2026-11-29T12:00:00Z";
/// Longer than the webhook may count its Slots as known after the API server fell silent.
const SILENCE: Duration = Duration::from_secs(120);
/// How many slots a person can hold where there is a limit.
const LIMIT: usize = 2;

/// The names that the settings know.
pub mod names {
    pub const ADMINISTRATOR: &str = "admin@example.com";
    pub const ADMINISTRATORS: &str = "platform";
    pub const BREAK_GLASS: [&str; 2] = ["system:masters", "hotdesk:break-glass"];
    /// Deploys for people that it authenticates.
    pub const CI: &str = "ci@example.com";
    pub const CLEANER: &str = "CN=cleaner,O=corp";
    pub const CONTROLLER: &str = "system:serviceaccount:hotdesk:hotdesk-controller";
    /// Deploys for one person.
    pub const ARGO: &str = "argo@example.com";
    /// Deploys into one slot.
    pub const FLUX: &str = "flux@example.com";
    pub const JOBS: &str = "hotdesk-jobs";
    pub const LOGIN: &str = "example.com/login";
    pub const PEOPLE: [[&str; 2]; 2] = [["alice@example.com", "octocat"], ["carol@example.com", "carol"]];
    pub const PREFIXES: [&str; 2] = ["oidc:", "github:"];
    pub const RESTAMPER: &str = "system:serviceaccount:hotdesk:hotdesk-restamper";
    pub const SYNC: &str = "system:serviceaccount:hotdesk:hotdesk-sync";
    pub const WEBHOOK: &str = "system:serviceaccount:hotdesk:hotdesk-webhook";
}

/// Slots and settings that never change.
#[derive(Debug)]
pub struct World {
    settings: [Settings; 2],
    slot_cache: SlotCache,
    now: Timestamp,
    monotonic: Instant,
    slots: BTreeMap<String, Value>,
}

impl World {
    /// The one world.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn get() -> Result<&'static Self, String> {
        static WORLD: OnceLock<Result<World, String>> = OnceLock::new();
        WORLD.get_or_init(Self::new).as_ref().map_err(Clone::clone)
    }

    fn new() -> Result<Self, String> {
        let monotonic = Instant::now();
        let (mut index, mut slots) = (SlotIndex::default(), BTreeMap::new());
        for slot in slots_as_stored() {
            let namespace = slot.pointer("/metadata/namespace").and_then(Value::as_str).unwrap_or_default().to_owned();
            let read: Slot = serde_json::from_value(slot.clone()).map_err(|e| format!("{namespace}: {e}"))?;
            let claim = read.spec.claim.as_ref().map(ClaimView::parse_lossy);
            index.put(&namespace, SlotEntry::new(&namespace, claim, read.spec.mode));
            slots.insert(namespace, slot);
        }
        index.put(UNREADABLE, SlotEntry::unreadable(UNREADABLE));
        let slot_cache = SlotCache::new(monotonic);
        slot_cache.replace(index, monotonic);
        let now = NOW.parse().map_err(|e| format!("{NOW}: {e}"))?;
        Ok(Self { settings: [settings(0)?, settings(LIMIT)?], slot_cache, now, monotonic, slots })
    }

    /// What the webhook knows when it is asked.
    #[must_use]
    pub fn context(&self, synced: bool, limited: bool) -> Context<'_> {
        let [free, limit] = &self.settings;
        let monotonic = if synced { self.monotonic } else { self.monotonic + SILENCE };
        Context { settings: if limited { limit } else { free }, slot_cache: &self.slot_cache, now: self.now, monotonic }
    }

    /// The Slot of a namespace, as it is stored.
    #[must_use]
    pub fn slot(&self, namespace: &str) -> Option<&Value> {
        self.slots.get(namespace)
    }
}

/// What every object of these slots carries: slot, owner as a label, owner, claimants, purpose. It is written down and not
/// worked out, so that no fault of hotdesk's own stamp hides here.
pub const STAMPS: [[&str; 5]; 8] = [
    ["mew", "alice_at_example.com", ALICE, "alice@example.com,dave", "payments \"refactor\" \\ é"],
    ["pikachu", "bob_at_example.com", "bob@example.com", "bob@example.com", ""],
    ["onix", "", "", "", ""],
    // Lapsed, but what is in the slot is still its last holder's.
    ["eevee", "alice_at_example.com", ALICE, ALICE, "over"],
    ["snorlax", "carol_at_example.com", "carol@example.com", "carol@example.com", ""],
    ["ditto", "alice_at_example.com", ALICE, ALICE, ""],
    ["porygon", "", "", "", ""],
    ["abra", "system-serviceaccount-pikachu-robot_h_1236023b7e", ROBOT, ROBOT, ""],
];
const ALICE: &str = "alice@example.com";
/// A service account that holds a slot.
const ROBOT: &str = "system:serviceaccount:pikachu:robot";
/// A namespace whose Slot cannot be read.
pub const UNREADABLE: &str = "missingno";
/// A namespace that has the label and no Slot.
pub const UNFINISHED: &str = "unfinished";
/// The namespaces of the Slots that can be read.
pub const SLOTS: [&str; 8] = ["mew", "pikachu", "onix", "eevee", "snorlax", "ditto", "porygon", "abra"];

fn slots_as_stored() -> [Value; 8] {
    let slot = |namespace: &str, spec: Value| {
        json!({
            "apiVersion": "hotdesk.dev/v1alpha1", "kind": "Slot",
            "metadata": {"name": "slot", "namespace": namespace, "resourceVersion": "7"}, "spec": spec
        })
    };
    [
        slot(
            "mew",
            json!({"claim": {
                "users": ["alice@example.com", "dave"], "aliases": ["octocat"], "purpose": "payments \"refactor\" \\ é",
                "trustWorkloads": true, "until": "2026-12-01T18:00:00Z"
            }}),
        ),
        slot("pikachu", json!({"claim": {"users": ["bob@example.com"]}, "host": "pikachu.dev.example.com"})),
        slot("onix", json!({})),
        slot(
            "eevee",
            json!({"claim": {
                "users": ["alice@example.com"], "trustWorkloads": true, "until": "2026-11-29T12:00:00Z", "purpose": "over"
            }}),
        ),
        slot(
            "snorlax",
            json!({"claim": {"users": ["carol@example.com"], "groups": ["payments"], "trustWorkloads": true}}),
        ),
        slot("ditto", json!({"claim": {"users": ["alice@example.com"]}, "mode": "warn"})),
        slot("porygon", json!({"mode": "audit"})),
        slot("abra", json!({"claim": {"users": [ROBOT], "source": "sheet"}})),
    ]
}

fn settings(max_slots: usize) -> Result<Settings, String> {
    let bob = Name::parse("bob@example.com").map_err(|e| e.to_string())?;
    let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    Ok(Settings {
        break_glass_groups: texts(&names::BREAK_GLASS),
        administrator_users: texts(&[names::ADMINISTRATOR]),
        administrator_groups: texts(&[names::ADMINISTRATORS]),
        machinery_users: texts(&[names::CLEANER]),
        trusted_deployers: vec![
            Deployer { user: names::CI.to_owned(), authenticates_people: true, ..Deployer::default() },
            Deployer { user: names::FLUX.to_owned(), slots: texts(&["mew"]), ..Deployer::default() },
            Deployer { user: names::ARGO.to_owned(), people: vec![bob], ..Deployer::default() },
        ],
        identity: IdentitySettings { strip_prefixes: texts(&names::PREFIXES), extra_keys: texts(&[names::LOGIN]) },
        people: People::from_rows(names::PEOPLE).map_err(|problems| problems.join("; "))?,
        jobs_namespace: names::JOBS.to_owned(),
        session_user: Some(names::WEBHOOK.to_owned()),
        controller_user: Some(names::CONTROLLER.to_owned()),
        restamper_user: Some(names::RESTAMPER.to_owned()),
        sync_user: Some(names::SYNC.to_owned()),
        max_slots,
        ..Settings::default()
    })
}
