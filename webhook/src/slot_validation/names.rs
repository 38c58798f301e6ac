//! Which names may this write bring into a claim, and how are they spelled once it is stored?

use std::collections::HashSet;

use hotdesk_slots::identity::Name;
use hotdesk_slots::text::is_harmful;
use hotdesk_slots::{Claim, ClaimView, People};

use crate::settings::Settings;

/// What becomes of the aliases that a claim is written with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aliases {
    /// They give way to those of the webhook's list of people.
    Replaced,
    /// They stay beside those.
    Stay,
}

/// Which names a writer may bring in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strictness {
    /// Those of the operator's rules.
    Rules,
    /// Whatever is a name at all: who breaks the glass knows why.
    Anything,
}

/// The claim as it shall be stored: names as they are compared, aliases from the list of people. The claim's own
/// aliases are replaced, unless they may stay. What was stored before there were rules may stay.
///
/// # Errors
/// Every entry that cannot be read, or that the rules do not allow and that is new, with its field.
pub fn normalise(
    claim: &Claim,
    was: Option<&Claim>,
    aliases: Aliases,
    strictness: Strictness,
    settings: &Settings,
) -> Result<ClaimView, Vec<String>> {
    // What is replaced need not be readable.
    let kept = if aliases == Aliases::Stay { claim.aliases.clone() } else { Vec::new() };
    let claim = Claim { aliases: kept, ..claim.clone() };
    let parsed = ClaimView::parse(&claim);
    let mut problems = match &parsed {
        Ok(_) => Vec::new(),
        Err(problems) => problems.iter().map(|(field, problem)| format!("{field}: {problem}")).collect(),
    };
    problems.extend(against_purpose(&claim, was));
    if strictness == Strictness::Rules {
        problems.extend(against_names(&claim, was, settings));
    }
    match parsed {
        Ok(view) if problems.is_empty() => Ok(resolved(view, &settings.people)),
        _ => Err(problems),
    }
}

/// A stored claim with its names as a write would store them today, to compare whether it is the same people's.
#[must_use]
pub fn respelled(claim: &Claim, people: &People) -> ClaimView {
    resolved(ClaimView::parse_lossy(claim), people)
}

fn resolved(view: ClaimView, people: &People) -> ClaimView {
    let (mut users, mut aliases) = (Unique::default(), Unique::default());
    view.aliases.iter().for_each(|alias| aliases.push(alias.clone()));
    for user in &view.users {
        let (shown, others) = people.resolve(user);
        users.push(shown);
        others.into_iter().for_each(|other| aliases.push(other));
    }
    let aliases = aliases.names.into_iter().filter(|alias| !users.known.contains(alias)).collect();
    ClaimView { users: users.names, aliases, ..view }
}

/// Names in order, each once. A claim may hold hundreds.
#[derive(Default)]
struct Unique {
    names: Vec<Name>,
    known: HashSet<Name>,
}

impl Unique {
    fn push(&mut self, name: Name) {
        if self.known.insert(name.clone()) {
            self.names.push(name);
        }
    }
}

fn against_purpose(claim: &Claim, was: Option<&Claim>) -> Option<String> {
    let is_new = was.is_none_or(|was| was.purpose != claim.purpose);
    let harmful = is_new && claim.purpose.as_deref().is_some_and(|purpose| purpose.contains(is_harmful));
    harmful.then(|| "spec.claim.purpose: it contains a line break or an invisible character".to_owned())
}

fn against_names(claim: &Claim, was: Option<&Claim>, settings: &Settings) -> Vec<String> {
    let before = was.map(ClaimView::parse_lossy).unwrap_or_default();
    let known: HashSet<&Name> = before.users.iter().chain(&before.aliases).collect();
    let rules = &settings.names;
    let unfit = |(field, i, text): (&str, usize, &String)| {
        // What is not a name at all is told already; whom the operator lists, they know.
        let name = Name::parse(text).ok().filter(|name| !known.contains(name) && !settings.people.knows(name))?;
        let problem = rules.name(name.as_str()).err()?;
        Some(format!("spec.claim.{field}[{i}]: {problem}"))
    };
    let names = |field: &'static str, texts| std::iter::repeat(field).zip(texts);
    let users = names("users", claim.users.iter().enumerate());
    let aliases = names("aliases", claim.aliases.iter().enumerate());
    let mut problems: Vec<String> =
        users.chain(aliases).filter_map(|(field, (i, text))| unfit((field, i, text))).collect();
    let groups = claim.groups.iter().enumerate().filter(|(_, group)| !before.groups.contains(group));
    problems.extend(
        groups.filter_map(|(i, group)| {
            rules.group(group).err().map(|problem| format!("spec.claim.groups[{i}]: {problem}"))
        }),
    );
    let more = claim.users.len() > was.map_or(0, |was| was.users.len());
    let many = rules.against_count(claim.users.len()).filter(|_| more);
    problems.extend(many.map(|many| format!("spec.claim.users: {many}")));
    problems
}

#[cfg(test)]
mod tests;
