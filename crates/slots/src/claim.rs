//! Who holds a slot right now?

use std::collections::HashSet;

use jiff::Timestamp;

use crate::identity::{Name, NameError, trimmed};
use crate::slot::{Claim, Mode};

/// So many names or groups of a requester are compared with each of the claim's. Nearly everybody has fewer; somebody with
/// thousands is looked up instead.
const FEW: usize = 16;

/// A claim, read once when its Slot changes, so that a request only compares names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClaimView {
    /// The people of the claim as they are shown; the first is the owner.
    pub users: Vec<Name>,
    /// Further names of the same people.
    pub aliases: Vec<Name>,
    /// Groups whose members all are claimants, by exact name.
    pub groups: Vec<String>,
    /// Why the slot is claimed; may be empty.
    pub purpose: String,
    /// When the claim lapses.
    pub until: Option<Timestamp>,
    /// Whether what runs in the slot may write there by the tokens of its pods.
    pub trust_workloads: bool,
}

/// What a slot's claim amounts to at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClaimState<'a> {
    /// Nobody claims the slot.
    Free,
    /// The claim's `until` has passed: it counts as none.
    Lapsed(&'a ClaimView),
    /// The claim is in force.
    Held(&'a ClaimView),
}

/// Whether a claim trusts what runs in its slot: because it says so, or because it is from before claims could say so (it
/// has no id) and was enforced then, when what ran was trusted. Any write of the Slot gives it an id, and writes down which.
#[must_use]
pub fn trusts_workloads(says: bool, has_id: bool, mode: Mode) -> bool {
    says || !has_id && mode == Mode::Enforce
}

impl ClaimView {
    /// Reads a claim.
    ///
    /// # Errors
    /// Every entry of `users` and `aliases` that is not a name, with its field.
    pub fn parse(claim: &Claim) -> Result<Self, Vec<(String, NameError)>> {
        let (view, problems) = Self::read(claim);
        if problems.is_empty() { Ok(view) } else { Err(problems) }
    }

    /// Reads a claim that is already stored, leaving out what is not a name: it matches nobody.
    #[must_use]
    pub fn parse_lossy(claim: &Claim) -> Self {
        Self::read(claim).0
    }

    fn read(claim: &Claim) -> (Self, Vec<(String, NameError)>) {
        let mut problems = Vec::new();
        let mut names = |field: &str, texts: &[String]| -> Vec<Name> {
            let mut known = HashSet::with_capacity(texts.len());
            let mut names = Vec::with_capacity(texts.len());
            for (i, text) in texts.iter().enumerate() {
                match Name::parse(text) {
                    Ok(name) if known.insert(name.clone()) => names.push(name),
                    Ok(_) => {}
                    Err(e) => problems.push((format!("spec.claim.{field}[{i}]"), e)),
                }
            }
            names
        };
        let view = Self {
            users: names("users", &claim.users),
            aliases: names("aliases", &claim.aliases),
            groups: claim.groups.clone(),
            purpose: claim.purpose.clone().unwrap_or_default(),
            until: claim.until.as_ref().map(|t| t.0),
            trust_workloads: claim.trust_workloads,
        };
        (view, problems)
    }

    /// The first user of the claim.
    #[must_use]
    pub fn owner(&self) -> Option<&Name> {
        self.users.first()
    }

    /// True if this is one of the names of the claim's people.
    #[must_use]
    pub fn names(&self, name: &Name) -> bool {
        self.users.contains(name) || self.aliases.contains(name)
    }

    /// True if one of these names, in whatever spelling, or one of these groups is a claimant's.
    #[must_use]
    pub fn admits(
        &self,
        names: impl IntoIterator<Item = impl AsRef<str>>,
        groups: impl IntoIterator<Item = impl AsRef<str>>,
    ) -> bool {
        let people = || self.users.iter().chain(&self.aliases);
        let mut names = names.into_iter();
        let mut groups = groups.into_iter();
        names.by_ref().take(FEW).any(|name| people().any(|known| known.is(name.as_ref())))
            || groups.by_ref().take(FEW).any(|group| self.groups.iter().any(|g| g == group.as_ref()))
            || self.admits_one_of_many(names, groups)
    }

    /// The same for the rest of them, of which there are hardly ever any, each looked up once.
    fn admits_one_of_many(
        &self,
        names: impl Iterator<Item = impl AsRef<str>>,
        groups: impl Iterator<Item = impl AsRef<str>>,
    ) -> bool {
        let (mut names, mut groups) = (names.peekable(), groups.peekable());
        if names.peek().is_some() {
            let known: HashSet<&str> = self.users.iter().chain(&self.aliases).map(Name::as_str).collect();
            if names.any(|name| known.contains(&*trimmed(name.as_ref()).to_ascii_lowercase())) {
                return true;
            }
        }
        if groups.peek().is_none() {
            return false;
        }
        let known: HashSet<&str> = self.groups.iter().map(String::as_str).collect();
        groups.any(|group| known.contains(group.as_ref()))
    }

    /// Whether the claim is in force at a moment. The moment of `until` itself is past it.
    #[must_use]
    pub fn state_at(&self, now: Timestamp) -> ClaimState<'_> {
        match self.until {
            Some(until) if until <= now => ClaimState::Lapsed(self),
            _ => ClaimState::Held(self),
        }
    }
}

impl<'a> ClaimState<'a> {
    /// The standing of an optional claim.
    #[must_use]
    pub fn of(claim: Option<&'a ClaimView>, now: Timestamp) -> Self {
        claim.map_or(Self::Free, |claim| claim.state_at(now))
    }

    /// The claim, if it is in force.
    #[must_use]
    pub fn held(self) -> Option<&'a ClaimView> {
        match self {
            Self::Held(claim) => Some(claim),
            Self::Free | Self::Lapsed(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The long way and the short one are the same to the caller.
    #[test]
    fn a_claimant_is_admitted_by_whichever_of_many_names_and_groups() {
        let claim = ClaimView {
            users: vec![Name::parse("alice@example.com").unwrap()],
            aliases: vec![Name::parse("octocat").unwrap()],
            groups: vec!["Team-A".to_owned()],
            ..ClaimView::default()
        };
        let no_one = || (0..FEW * 2).map(|i| format!("x{i}")).collect::<Vec<_>>();
        for at in [0, FEW - 1, FEW, FEW * 2] {
            for (text, as_name, as_group) in [
                (" Alice@Example.com ", true, false),
                ("OCTOCAT", true, false),
                ("octocat\u{a0}", false, false),
                ("octocat\u{b}", false, false),
                ("Team-A", false, true),
                ("team-a", false, false),
            ] {
                let mut many = no_one();
                many.insert(at, text.to_owned());
                assert_eq!(claim.admits(&many, no_one()), as_name, "the name {text:?} at {at}");
                assert_eq!(claim.admits(no_one(), &many), as_group, "the group {text:?} at {at}");
            }
        }
    }

    fn claim(users: &[&str]) -> Claim {
        Claim { users: users.iter().map(|u| (*u).to_owned()).collect(), ..Claim::default() }
    }

    const NOBODY: [&str; 0] = [];

    fn name(text: &str) -> Name {
        Name::parse(text).unwrap()
    }

    #[test]
    fn two_people_never_match_by_prefix() {
        let view = ClaimView::parse(&claim(&["alice@example.com"])).unwrap();
        assert!(view.admits(["Alice@Example.com"], NOBODY));
        for other in ["alice@example.co", "alice@example.com.evil.org", "malice@example.com", "alice"] {
            assert!(!view.admits([other], NOBODY), "{other}");
        }
    }

    #[test]
    fn a_claim_from_before_there_were_ids_trusts_what_runs_where_it_is_enforced() {
        for (says, has_id, mode, expected) in [
            (true, true, Mode::Enforce, true),
            (true, false, Mode::Warn, true),
            (false, true, Mode::Enforce, false),
            (false, true, Mode::Warn, false),
            (false, true, Mode::Audit, false),
            (false, false, Mode::Enforce, true),
            (false, false, Mode::Warn, false),
            (false, false, Mode::Audit, false),
        ] {
            assert_eq!(trusts_workloads(says, has_id, mode), expected, "{says} {has_id} {mode:?}");
        }
    }

    #[test]
    fn groups_match_exactly() {
        let view = ClaimView { groups: vec!["payments".to_owned()], ..ClaimView::default() };
        assert!(view.admits(NOBODY, ["payments"]));
        assert!(!view.admits(NOBODY, ["Payments", "payments-ro"]));
    }

    #[test]
    fn a_claim_lapses_at_its_until() {
        let until: Timestamp = "2026-11-23T18:00:00Z".parse().unwrap();
        let view = ClaimView { until: Some(until), ..ClaimView::default() };
        assert_eq!(view.state_at(until - jiff::SignedDuration::from_secs(1)), ClaimState::Held(&view));
        assert_eq!(view.state_at(until), ClaimState::Lapsed(&view));
    }

    #[test]
    fn every_unreadable_name_is_reported_with_its_field() {
        let problems = ClaimView::parse(&claim(&["alice", "", "a,b"])).unwrap_err();
        let fields: Vec<&str> = problems.iter().map(|(field, _)| field.as_str()).collect();
        assert_eq!(fields, ["spec.claim.users[1]", "spec.claim.users[2]"]);
    }

    #[test]
    fn a_name_counts_once_where_it_stands_first() {
        let view = ClaimView::parse(&claim(&["bob", " Alice", "alice", "BOB", "carol"])).unwrap();
        assert_eq!(view.users, ["bob", "alice", "carol"].map(name));
    }

    #[test]
    fn a_stored_name_that_cannot_be_read_matches_nobody() {
        let view = ClaimView::parse_lossy(&claim(&["a,b", "alice"]));
        assert_eq!(view.users, [name("alice")]);
    }
}
