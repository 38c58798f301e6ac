//! Which of all slots is this person's?

use hotdesk_slots::text::{human_time, list, sanitize, sanitize_short};
use hotdesk_slots::{ClaimState, ClaimView, Name};
use jiff::Timestamp;

use crate::suggest::normal;

/// A slot that may be theirs, from the cluster or from a sheet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Candidate {
    pub(super) slot: String,
    pub(super) host: Option<String>,
    pub(super) claim: Option<ClaimView>,
    /// What is wrong with its row: it counts for nobody until that is fixed.
    pub(super) problems: Vec<String>,
    /// What may not be meant so in its row.
    pub(super) warnings: Vec<String>,
}

/// Who is asked for, and what a message may mention.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sought<'a> {
    pub(super) user: &'a Name,
    pub(super) slot: Option<&'a str>,
    pub(super) claim_url: Option<&'a str>,
    pub(super) program: &'a str,
}

/// The slot to deploy to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Choice {
    pub(super) slot: String,
    pub(super) host: Option<String>,
    /// Further slots that this person holds.
    pub(super) others: Vec<String>,
    /// Rows that name this person too, and cannot be used.
    pub(super) problems: Vec<String>,
    /// What may not be meant so in the row that was chosen.
    pub(super) warnings: Vec<String>,
}

/// More free slots than this would only fill the log.
const FREE_SHOWN: usize = 5;

/// Chooses the slot that was named, or the first that the person holds.
///
/// # Errors
/// That they hold none, or not the one that was named, and what to do.
pub(super) fn choose(candidates: &[Candidate], sought: &Sought<'_>, now: Timestamp) -> Result<Choice, String> {
    let named: Vec<&Candidate> = candidates.iter().filter(|candidate| candidate.names(sought.user)).collect();
    let (named, bad): (Vec<&Candidate>, Vec<&Candidate>) =
        named.into_iter().partition(|candidate| candidate.problems.is_empty());
    let problems: Vec<String> = bad.iter().flat_map(|candidate| candidate.problems.clone()).collect();
    let (held, lapsed): (Vec<&Candidate>, Vec<&Candidate>) =
        named.into_iter().partition(|candidate| candidate.state_at(now).held().is_some());
    let wanted = sought.slot.map(normal);
    let chosen = match &wanted {
        None => held.first(),
        Some(wanted) => held.iter().find(|candidate| candidate.slot == *wanted),
    };
    let Some(chosen) = chosen else {
        return Err(match wanted {
            _ if !problems.is_empty() => {
                format!("what is said of {} cannot be used: {}", sought.user, problems.join("; "))
            }
            Some(wanted) if !held.is_empty() => not_that_one(&wanted, &held, sought),
            wanted => none(wanted.as_deref(), &lapsed, candidates, sought, now),
        });
    };
    let others = held.iter().filter(|candidate| candidate.slot != chosen.slot).map(|other| sanitize(&other.slot));
    let (host, warnings) = (chosen.host.clone(), chosen.warnings.clone());
    Ok(Choice { slot: chosen.slot.clone(), host, others: others.collect(), problems, warnings })
}

impl Candidate {
    /// Exactly as the gate compares.
    fn names(&self, user: &Name) -> bool {
        self.claim.as_ref().is_some_and(|claim| claim.names(user))
    }

    fn state_at(&self, now: Timestamp) -> ClaimState<'_> {
        ClaimState::of(self.claim.as_ref(), now)
    }
}

impl Choice {
    /// What to say where there was a choice that nobody made, or less to choose from than was meant.
    pub(super) fn notice(&self, sought: &Sought<'_>) -> Option<String> {
        let (user, slot, others) = (sought.user, sanitize(&self.slot), list(&self.others));
        let several = (sought.slot.is_none() && !self.others.is_empty()).then(|| {
            format!("{user} holds {slot}, and also {others}: this uses {slot}; name another slot to use that")
        });
        let unusable = (!self.problems.is_empty())
            .then(|| format!("what else is said of {user} cannot be used: {}", self.problems.join("; ")));
        let notices: Vec<String> = several.into_iter().chain(unusable).chain(self.warnings.clone()).collect();
        (!notices.is_empty()).then(|| notices.join("; "))
    }
}

fn not_that_one(wanted: &str, held: &[&Candidate], sought: &Sought<'_>) -> String {
    let held: Vec<String> = held.iter().map(|candidate| sanitize(&candidate.slot)).collect();
    format!("{} holds {}, not {}", sought.user, list(&held), sanitize_short(wanted))
}

fn none(
    wanted: Option<&str>,
    lapsed: &[&Candidate],
    candidates: &[Candidate],
    sought: &Sought<'_>,
    now: Timestamp,
) -> String {
    let user = sought.user;
    let holds = wanted
        .map_or("no slot".to_owned(), |wanted| format!("neither slot \"{}\" nor another", sanitize_short(wanted)));
    let lapsed: Vec<String> = lapsed.iter().filter_map(|candidate| ended(candidate, now)).collect();
    let lapsed = if lapsed.is_empty() { String::new() } else { format!(" ({})", lapsed.join("; ")) };
    let free: Vec<&Candidate> =
        candidates.iter().filter(|c| c.problems.is_empty() && c.state_at(now).held().is_none()).collect();
    format!("{user} holds {holds}{lapsed}. {} {}", advice(&free, sought), free_ones(&free))
}

/// `the claim on mew lapsed at Fri 18:00 UTC`.
fn ended(candidate: &Candidate, now: Timestamp) -> Option<String> {
    let until = candidate.claim.as_ref()?.until?;
    Some(format!("the claim on {} lapsed at {}", sanitize(&candidate.slot), human_time(until, now)))
}

fn advice(free: &[&Candidate], sought: &Sought<'_>) -> String {
    let slot = free.first().map_or_else(|| "SLOT".to_owned(), |candidate| sanitize(&candidate.slot));
    match sought.claim_url {
        Some(url) => format!("Claim one at {} and run this again.", sanitize(url)),
        None => format!("Claim one and run this again: {} claim {slot} --purpose …", sought.program),
    }
}

fn free_ones(free: &[&Candidate]) -> String {
    let shown: Vec<String> = free.iter().take(FREE_SHOWN).map(|candidate| sanitize(&candidate.slot)).collect();
    match free.len().saturating_sub(FREE_SHOWN) {
        _ if free.is_empty() => "(No slot is free.)".to_owned(),
        0 => format!("(Free: {}.)", shown.join(", ")),
        more => format!("(Free: {} and {more} more.)", shown.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        "2026-11-23T15:00:00Z".parse().unwrap()
    }

    fn names(texts: &[&str]) -> Vec<Name> {
        texts.iter().map(|text| Name::parse(text).unwrap()).collect()
    }

    fn held(slot: &str, users: &[&str], aliases: &[&str], until: Option<&str>) -> Candidate {
        let claim = ClaimView {
            users: names(users),
            aliases: names(aliases),
            until: until.map(|text| text.parse().unwrap()),
            ..ClaimView::default()
        };
        let host = Some(format!("{slot}.dev.example.com"));
        Candidate { slot: slot.to_owned(), host, claim: Some(claim), ..Candidate::default() }
    }

    fn free(slot: &str) -> Candidate {
        Candidate { slot: slot.to_owned(), ..Candidate::default() }
    }

    fn board() -> Vec<Candidate> {
        vec![
            free("abra"),
            held("eevee", &["dan"], &[], Some("2026-11-23T14:00:00Z")),
            held("mew", &["alice@example.com", "bob@example.com"], &["octocat"], None),
            held("mewtwo", &["carol@example.com"], &[], Some("2026-11-23T18:00:00Z")),
            held("onix", &["bob@example.com"], &[], None),
        ]
    }

    #[track_caller]
    fn check(user: &str, slot: Option<&str>, expected: Result<(&str, &[&str]), &str>) {
        let user = Name::parse(user).unwrap();
        let sought = Sought { user: &user, slot, claim_url: Some("https://sheet.example.com/1"), program: "hotdesk" };
        match (choose(&board(), &sought, now()), expected) {
            (Ok(choice), Ok((slot, others))) => {
                assert_eq!(
                    (choice.slot.as_str(), choice.others.as_slice()),
                    (slot, others.iter().map(|o| (*o).to_owned()).collect::<Vec<_>>().as_slice())
                );
            }
            (Err(message), Err(expected)) => assert_eq!(message, expected),
            (chosen, expected) => panic!("{chosen:?} is not {expected:?}"),
        }
    }

    #[test]
    fn a_person_is_known_by_each_of_their_names_however_it_is_spelt() {
        check("alice@example.com", None, Ok(("mew", &[])));
        check(" Alice@Example.com ", None, Ok(("mew", &[])));
        check("OctoCat", None, Ok(("mew", &[])));
    }

    #[test]
    fn the_first_of_several_is_taken_unless_one_is_named() {
        check("bob@example.com", None, Ok(("mew", &["onix"])));
        check("bob@example.com", Some("Onix"), Ok(("onix", &["mew"])));
        check("bob@example.com", Some("abra"), Err("bob@example.com holds mew and onix, not abra"));
    }

    #[test]
    fn a_stranger_is_told_where_to_claim_and_nobodys_name() {
        let none = "Claim one at https://sheet.example.com/1 and run this again. (Free: abra, eevee.)";
        check("alice@example.co", None, Err(&format!("alice@example.co holds no slot. {none}")));
        check("mallory", Some("mew"), Err(&format!("mallory holds neither slot \"mew\" nor another. {none}")));
        let lapsed = format!("dan holds no slot (the claim on eevee lapsed at 14:00 UTC). {none}");
        check("dan", None, Err(&lapsed));
    }

    #[test]
    fn without_an_address_the_command_is_named() {
        let user = Name::parse("mallory").unwrap();
        let sought = Sought { user: &user, slot: None, claim_url: None, program: "kubectl hotdesk" };
        let message = choose(&board(), &sought, now()).unwrap_err();
        assert!(message.contains("kubectl hotdesk claim abra --purpose …"), "{message}");
    }

    #[test]
    fn a_row_with_a_problem_is_nobodys_until_it_is_mended() {
        let mut board = board();
        board[2].problems = vec!["line 3: …".to_owned()];
        let user = Name::parse("alice@example.com").unwrap();
        let sought = Sought { user: &user, slot: None, claim_url: None, program: "hotdesk" };
        let message = choose(&board, &sought, now()).unwrap_err();
        assert_eq!(message, "what is said of alice@example.com cannot be used: line 3: …");
    }

    #[test]
    fn a_bad_row_takes_no_good_one_away() {
        let mut board = board();
        let onix = board.iter_mut().find(|candidate| candidate.slot == "onix").unwrap();
        onix.problems = vec!["B3: …".to_owned()];
        let user = Name::parse("bob@example.com").unwrap();
        let sought = |slot| Sought { user: &user, slot, claim_url: None, program: "hotdesk" };
        let choice = choose(&board, &sought(None), now()).unwrap();
        assert_eq!((choice.slot.as_str(), choice.others.len()), ("mew", 0));
        let said = "what else is said of bob@example.com cannot be used: B3: …";
        assert_eq!(choice.notice(&sought(None)).as_deref(), Some(said));
        let message = choose(&board, &sought(Some("onix")), now()).unwrap_err();
        assert_eq!(message, "what is said of bob@example.com cannot be used: B3: …");
    }

    #[test]
    fn a_choice_that_nobody_made_is_noticed() {
        let user = Name::parse("bob@example.com").unwrap();
        let sought = |slot| Sought { user: &user, slot, claim_url: None, program: "hotdesk" };
        let notice = |slot| choose(&board(), &sought(slot), now()).unwrap().notice(&sought(slot));
        let said = "bob@example.com holds mew, and also onix: this uses mew; name another slot to use that";
        assert_eq!(notice(None).as_deref(), Some(said));
        assert_eq!(notice(Some("onix")), None);
    }
}
