//! Who is asking, and under which names may a claim know them?
//!
//! Matching is exact after trimming and ASCII lower-casing; never by prefix, substring or pattern.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use crate::text::quoted;

mod rules;

pub use rules::{Accounts, MAX_CLAIM_NAME, MAX_USERS, NameRules};

/// The longest name that a claim may hold, in bytes; Kubernetes' own user names fit by far.
const MAX_NAME: usize = 256;

/// A name as it is compared: trimmed, ASCII lower-case, not empty, without commas (they separate
/// names in annotations and sheets) and without characters that could disguise it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name(String);

/// Why a text is not a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing is left after trimming.
    #[error("a name is empty")]
    Empty,
    /// More than 256 bytes.
    #[error("the name {0} is longer than {MAX_NAME} bytes")]
    TooLong(String),
    /// A comma, a control character, or an invisible sign.
    #[error("the name {0} contains a comma, a line break, or an invisible character")]
    Forbidden(String),
    /// More than a claim holds.
    #[error("the name {0} is longer than {MAX_CLAIM_NAME} characters")]
    TooLongForClaim(String),
    /// Letters beyond ASCII, where the operator did not allow them.
    #[error(
        "{0} has a character that is not ASCII and can be taken for another: write the name as the cluster knows it"
    )]
    NotAscii(String),
    /// Letters of several scripts, or of one that looks like another.
    #[error("{0} mixes scripts, or looks like a name in other letters: write the name as the cluster knows it")]
    MixedScripts(String),
    /// Neither an e-mail address nor a login.
    #[error(
        "{0} is neither an e-mail address nor a login: write it as the cluster knows it, in letters, digits and . _ + - @"
    )]
    NotAPerson(String),
    /// A service account, or another of Kubernetes' own names.
    #[error(
        "{0} is not a person: service accounts and other system: names hold a slot only where hotdesk's settings list \
         them (identity.serviceAccounts)"
    )]
    Account(String),
    /// A group of Kubernetes' own.
    #[error(
        "{0} is one of Kubernetes' own groups, which takes in more than the people of a slot: name a group of people"
    )]
    Everybody(String),
    /// A group that could be shown as something else.
    #[error(
        "{0} is not a group that can be compared: write it as the cluster knows it, without quotes or invisible characters"
    )]
    NotAGroup(String),
}

/// What no name may contain. It stays as it is: what was stored must be found again. What may be stored today is narrower
/// ([`NameRules`]).
fn is_forbidden(c: char) -> bool {
    c == ','
        || c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// Without the blanks around it that ASCII knows. A no-break space is a character of a name: who is called so is someone
/// else.
pub(crate) fn trimmed(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_ascii_whitespace())
}

impl Name {
    /// Trims and lower-cases a text into a name.
    ///
    /// # Errors
    /// When nothing is left, or the text is too long, or holds a comma, a control character or an
    /// invisible sign.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let name = trimmed(text);
        if name.is_empty() {
            Err(NameError::Empty)
        } else if name.len() > MAX_NAME {
            Err(NameError::TooLong(quoted(name)))
        } else if name.contains(is_forbidden) {
            Err(NameError::Forbidden(quoted(name)))
        } else {
            Ok(Self(name.to_ascii_lowercase()))
        }
    }

    /// The name as it is compared and shown.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// True if [`Name::parse`] reads this text as this very name.
    #[must_use]
    pub fn is(&self, text: &str) -> bool {
        self.0.eq_ignore_ascii_case(trimmed(text))
    }
}

impl AsRef<str> for Name {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How a cluster's user names relate to the names in claims.
#[derive(Debug, Clone, Default)]
pub struct IdentitySettings {
    /// Prefixes that authenticators add and claims leave out: `github:`, `oidc:`.
    pub strip_prefixes: Vec<String>,
    /// Keys of `userInfo.extra` whose values are further names of the requester.
    pub extra_keys: Vec<String>,
}

/// The identity that the API server authenticated, as a request carries it. It borrows from the request: nearly every review
/// is over before anybody wants to keep who asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Requester<'a> {
    /// `userInfo.username`, unchanged.
    pub username: Cow<'a, str>,
    /// `userInfo.groups`, unchanged.
    pub groups: Vec<Cow<'a, str>>,
    /// `userInfo.extra`, unchanged. No key is there twice.
    pub extra: Vec<(Cow<'a, str>, Vec<Cow<'a, str>>)>,
}

impl Requester<'_> {
    /// Every name under which a claim may know this requester, the user name first.
    ///
    /// What is not a [`Name`] (a comma, a control character) is nobody's name and left out, so it
    /// can match no claim.
    #[must_use]
    pub fn names(&self, settings: &IdentitySettings) -> Vec<Name> {
        self.spellings(settings).filter_map(|text| Name::parse(text).ok()).collect()
    }

    /// What [`Requester::names`] reads, as it is written in the request: to be compared by [`Name::is`].
    pub fn spellings(&self, settings: &IdentitySettings) -> impl Iterator<Item = &str> {
        let username = trimmed(&self.username);
        let stripped = settings.strip_prefixes.iter().filter_map(move |prefix| without(prefix, username));
        let extra = settings.extra_keys.iter().flat_map(|key| self.extra(key));
        std::iter::once(username).chain(stripped).chain(extra)
    }

    /// The values of a key of `userInfo.extra`; none if it is not there.
    pub fn extra(&self, key: &str) -> impl Iterator<Item = &str> {
        let values = self.extra.iter().find(|(k, _)| k == key).map(|(_, values)| values);
        values.into_iter().flatten().map(AsRef::as_ref)
    }

    /// True if the requester is in one of these groups, by exact name.
    #[must_use]
    pub fn in_any(&self, groups: &[String]) -> bool {
        self.groups.iter().any(|group| groups.iter().any(|g| g == group))
    }
}

/// The rest of a text that begins with this prefix, in whatever case.
fn without<'a>(prefix: &str, text: &'a str) -> Option<&'a str> {
    let (start, rest) = text.split_at_checked(prefix.len())?;
    start.eq_ignore_ascii_case(prefix).then_some(rest)
}

/// Who goes by several names: from the values, or a second tab or file called `people`.
#[derive(Debug, Clone, Default)]
pub struct People {
    by_name: BTreeMap<Name, usize>,
    persons: Vec<Vec<Name>>,
}

impl People {
    /// Reads one person a row, the name to show first.
    ///
    /// # Errors
    /// Every cell that is not a name, and every name that two rows share, all at once.
    pub fn from_rows<R, S>(rows: R) -> Result<Self, Vec<String>>
    where
        R: IntoIterator,
        R::Item: IntoIterator<Item = S>,
        S: AsRef<str>,
    {
        let mut people = Self::default();
        let mut problems = Vec::new();
        for (row, cells) in rows.into_iter().enumerate() {
            let mut names = Vec::new();
            for cell in cells.into_iter().filter(|c| !c.as_ref().trim().is_empty()) {
                match Name::parse(cell.as_ref()) {
                    Err(e) => problems.push(format!("people, row {}: {e}", row + 1)),
                    Ok(name) if names.contains(&name) => {}
                    Ok(name) => match people.by_name.insert(name.clone(), row) {
                        Some(other) => {
                            problems.push(format!("people, row {}: {name} is also in row {}", row + 1, other + 1));
                        }
                        None => names.push(name),
                    },
                }
            }
            people.persons.push(names);
        }
        if problems.is_empty() { Ok(people) } else { Err(problems) }
    }

    /// True for a name of the list.
    #[must_use]
    pub fn knows(&self, name: &Name) -> bool {
        self.by_name.contains_key(name)
    }

    /// All names of a person, the one to show first; none if they are known by this name alone.
    #[must_use]
    pub fn all_of(&self, name: &Name) -> &[Name] {
        self.by_name.get(name).and_then(|row| self.persons.get(*row)).map_or(&[][..], Vec::as_slice)
    }

    /// The name to show for a person, and all other names of theirs.
    #[must_use]
    pub fn resolve(&self, name: &Name) -> (Name, Vec<Name>) {
        match self.all_of(name) {
            [first, others @ ..] => (first.clone(), others.to_vec()),
            [] => (name.clone(), Vec::new()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(username: &str, prefixes: &[&str]) -> Vec<String> {
        let requester = Requester {
            username: username.into(),
            extra: vec![("example.com/login".into(), vec!["Octocat".into()])],
            ..Requester::default()
        };
        let settings = IdentitySettings {
            strip_prefixes: prefixes.iter().map(|p| (*p).to_owned()).collect(),
            extra_keys: vec!["example.com/login".to_owned()],
        };
        requester.names(&settings).iter().map(Name::to_string).collect()
    }

    #[test]
    fn a_name_is_trimmed_and_lower_cased_in_ascii_only() {
        assert_eq!(Name::parse(" Alice@Example.com\t").unwrap().as_str(), "alice@example.com");
        // The Kelvin sign lower-cases to `k` in Unicode; it must not become somebody's `k`.
        assert_ne!(Name::parse("\u{212a}arl").unwrap(), Name::parse("karl").unwrap());
    }

    proptest::proptest! {
        #[test]
        fn a_name_is_what_is_read_as_it(name in "[ -~\u{212a}\u{e9}]{1,6}", text in "[ \t]{0,1}[ -~\u{212a}\u{e9}\u{7}]{0,6}[ \t]{0,1}") {
            for text in [&text, &name, &format!("\t{} ", name.to_ascii_uppercase()), &name.to_uppercase()] {
                let Ok(name) = Name::parse(&name) else { continue };
                proptest::prop_assert_eq!(name.is(text), Name::parse(text).is_ok_and(|read| read == name), "{}", text);
            }
        }
    }

    #[test]
    fn a69_and_a70_names_are_trimmed_lower_cased_and_freed_of_one_prefix_and_nothing_else() {
        let is_alice = |username: &str| {
            let names = names(username, &["oidc:", "github:"]);
            names.iter().any(|name| name == "alice@example.com")
        };
        for text in [" alice@example.com ", "ALICE@example.com", "oidc:alice@example.com", "\tOIDC:Alice@Example.com"] {
            assert!(is_alice(text), "{text:?}");
        }
        for text in [
            "alice@example.com\u{a0}",
            "\u{2003}alice@example.com",
            "github:github:alice@example.com",
            "ldap:alice@example.com",
            "lice@example.com",
            "alice@example.com.evil",
            "ali\u{ad}ce@example.com",
        ] {
            assert!(!is_alice(text), "{text:?}");
        }
    }

    #[test]
    fn refuses_what_could_hide_or_split_a_name() {
        for text in ["", "  ", "a,b", "a\u{202e}b", "a\nb", &"x".repeat(300)] {
            assert!(Name::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_requester_has_the_names_that_the_settings_say() {
        assert_eq!(names("GitHub:Alice", &["github:"]), ["github:alice", "alice", "octocat"]);
        assert_eq!(names("alice", &["github:"]), ["alice", "octocat"]);
        assert_eq!(names("a,b", &[]), ["octocat"]);
    }

    #[test]
    fn people_resolve_every_name_of_a_person_to_the_first() {
        let people = People::from_rows([vec!["alice@example.com", "Octocat"], vec!["bob@example.com", ""]]).unwrap();
        let (shown, others) = people.resolve(&Name::parse("octocat").unwrap());
        assert_eq!((shown.as_str(), others.len()), ("alice@example.com", 1));
        let (shown, others) = people.resolve(&Name::parse("carol").unwrap());
        assert_eq!((shown.as_str(), others.len()), ("carol", 0));
    }

    #[test]
    fn people_report_every_problem_at_once() {
        let problems = People::from_rows([vec!["alice", "octocat"], vec!["bob", "octocat"], vec!["a,b"]]).unwrap_err();
        assert_eq!(
            problems,
            [
                "people, row 2: octocat is also in row 1",
                "people, row 3: the name \"a,b\" contains a comma, a line break, or an invisible character",
            ]
        );
    }
}
