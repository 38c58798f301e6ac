//! Which slots is the sheet for?

use globset::{Glob, GlobSet, GlobSetBuilder};
use hotdesk_slots::text::sanitize_short;

/// The slots that a sheet is for, by their names. The others are none of its business: they are neither claimed nor
/// released, and their claims do not count.
#[derive(Debug, Clone)]
pub struct Scope(Option<GlobSet>);

impl Scope {
    /// Every slot of the cluster.
    #[must_use]
    pub fn all() -> Self {
        Self(None)
    }

    /// The slots with these names, or names that fit these patterns (`team-a-*`); without any, every slot.
    ///
    /// # Errors
    /// Every pattern that is none.
    pub fn of(patterns: &[String]) -> Result<Self, Vec<String>> {
        let patterns = patterns.iter().map(|pattern| pattern.trim()).filter(|pattern| !pattern.is_empty());
        let (mut set, mut problems, mut count) = (GlobSetBuilder::new(), Vec::new(), 0);
        for pattern in patterns {
            count += 1;
            match Glob::new(&pattern.to_ascii_lowercase()) {
                Ok(glob) => drop(set.add(glob)),
                Err(error) => problems.push(format!("{}: {}", sanitize_short(pattern), error.kind())),
            }
        }
        let set = set.build().map_err(|error| vec![error.to_string()])?;
        if problems.is_empty() { Ok(Self((count > 0).then_some(set))) } else { Err(problems) }
    }

    /// True for a slot that the sheet is for.
    #[must_use]
    pub fn holds(&self, slot: &str) -> bool {
        self.0.as_ref().is_none_or(|set| set.is_match(slot))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(patterns: &[&str], held: &[&str], others: &[&str]) {
        let patterns: Vec<String> = patterns.iter().map(|pattern| (*pattern).to_owned()).collect();
        let scope = Scope::of(&patterns).unwrap();
        assert!(held.iter().all(|slot| scope.holds(slot)), "{patterns:?} leaves one of {held:?} out");
        assert!(!others.iter().any(|slot| scope.holds(slot)), "{patterns:?} takes one of {others:?} in");
    }

    #[test]
    fn slots_are_named_whole_or_by_a_pattern() {
        check(&[], &["mew", "onix"], &[]);
        check(&["", " "], &["mew"], &[]);
        check(&["mew", " Onix "], &["mew", "onix"], &["mewtwo", "abra"]);
        check(&["team-a-*"], &["team-a-mew"], &["team-ab", "my-team-a-mew", "team-a"]);
    }

    #[test]
    fn every_pattern_that_is_none_is_named() {
        let problems = Scope::of(&["a[".to_owned(), "mew".to_owned(), "{b".to_owned()]).unwrap_err();
        assert!(problems.len() == 2 && problems[0].starts_with("a[: "), "{problems:?}");
    }
}
