//! How are many slots named in few words?

/// How many slots of a kind a message names before it says "and N more".
const NAMED: usize = 5;

/// Some slots, and how many more there are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Truncated {
    /// The first few, by name.
    pub names: Vec<String>,
    /// How many are not named.
    pub more: usize,
}

/// What a denied person wants to know.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listing {
    /// The slots that they hold.
    pub yours: Truncated,
    /// The slots that they could claim.
    pub free: Truncated,
}

impl Truncated {
    pub(super) fn of<'a>(all: impl Iterator<Item = &'a str>, count: usize) -> Self {
        let names: Vec<String> = all.take(NAMED).map(str::to_owned).collect();
        Self { more: count.saturating_sub(names.len()), names }
    }
}
