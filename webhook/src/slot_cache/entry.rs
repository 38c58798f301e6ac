//! What is worked out of one Slot, for the requests to come?

use std::sync::{Arc, OnceLock};

use hotdesk_slots::stamp::Stamp;
use hotdesk_slots::{ClaimView, Mode};

/// One slot, with what a request will want.
#[derive(Debug, Clone, Default)]
pub struct SlotEntry {
    slot: Arc<str>,
    /// The claim, lapsed or not.
    pub claim: Option<ClaimView>,
    /// The slot's own mode.
    pub mode: Option<Mode>,
    /// The slot's host.
    pub host: Option<Box<str>>,
    /// Whether the Slot carries the id of a claim. One from before there were ids does not.
    pub has_claim_id: bool,
    /// The version of the Slot, where it is a number, as it is in every API server so far.
    pub version: Option<u64>,
    /// False if the Slot could not be read. Then nobody holds it, and nobody can claim to.
    pub readable: bool,
    /// Made when first asked for: of many slots few are written to, and it takes as much room as all the rest.
    stamp: OnceLock<Box<Stamp>>,
}

impl SlotEntry {
    /// A slot with this claim, which has an id, and mode.
    #[must_use]
    pub fn new(namespace: &str, claim: Option<ClaimView>, mode: Option<Mode>) -> Self {
        let claim = claim.map(without_spare_room);
        Self { slot: namespace.into(), claim, mode, has_claim_id: true, readable: true, ..Self::default() }
    }

    /// The same slot, of this version.
    #[must_use]
    pub fn version(self, version: Option<u64>) -> Self {
        Self { version, ..self }
    }

    /// The same slot, with this host.
    #[must_use]
    pub fn host(self, host: Option<&str>) -> Self {
        Self { host: host.map(Into::into), ..self }
    }

    /// The same slot, of which this is said.
    #[must_use]
    pub fn with_claim_id(self, has_claim_id: bool) -> Self {
        Self { has_claim_id, ..self }
    }

    /// A Slot that is there and cannot be read.
    #[must_use]
    pub fn unreadable(namespace: &str) -> Self {
        Self { readable: false, ..Self::new(namespace, None, None) }
    }

    /// The stamp of the slot's objects.
    #[must_use]
    pub fn stamp(&self) -> &Stamp {
        self.stamp.get_or_init(|| {
            let mut stamp = Stamp::of(&self.slot, self.claim.as_ref());
            stamp.labels.shrink_to_fit();
            stamp.annotations.shrink_to_fit();
            Box::new(stamp)
        })
    }

    /// The slot's name.
    pub(super) fn slot(&self) -> &Arc<str> {
        &self.slot
    }

    /// The same slot, with its name where `slot` has it: a name is held once.
    pub(super) fn named(self, slot: Arc<str>) -> Self {
        Self { slot, ..self }
    }

    /// True if the same people hold the slot for the same time and trust it alike, or the same nobody does.
    pub(super) fn is_held_as(&self, other: &Self) -> bool {
        self.readable == other.readable && self.claim == other.claim && self.has_claim_id == other.has_claim_id
    }
}

/// Whether the stamp was asked for yet makes no difference.
impl PartialEq for SlotEntry {
    fn eq(&self, other: &Self) -> bool {
        let rest = |entry: &Self| (entry.mode, entry.version);
        self.slot == other.slot && self.is_held_as(other) && rest(self) == rest(other) && self.host == other.host
    }
}

impl Eq for SlotEntry {}

impl AsRef<Self> for SlotEntry {
    fn as_ref(&self) -> &Self {
        self
    }
}

/// A list that grew has room for more than it holds; a claim never grows again.
fn without_spare_room(mut claim: ClaimView) -> ClaimView {
    claim.users.shrink_to_fit();
    claim.aliases.shrink_to_fit();
    claim.groups.shrink_to_fit();
    claim.purpose.shrink_to_fit();
    claim
}
