//! Who is asking, and under which names may a claim know them?
//!
//! Matching is exact after trimming and ASCII lower-casing; never by prefix, substring or pattern.

use std::collections::BTreeMap;
use std::fmt;

use crate::text::{is_harmful, plain};

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
    #[error("the name \"{0}\" is longer than {MAX_NAME} bytes")]
    TooLong(String),
    /// A comma, a control character, or an invisible sign.
    #[error("the name \"{0}\" contains a comma, a line break, or an invisible character")]
    Forbidden(String),
}

impl Name {
    /// Trims and lower-cases a text into a name.
    ///
    /// # Errors
    /// When nothing is left, or the text is too long, or holds a comma, a control character or an
    /// invisible sign.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let name = text.trim();
        if name.is_empty() {
            Err(NameError::Empty)
        } else if name.len() > MAX_NAME {
            Err(NameError::TooLong(plain(name)))
        } else if name.contains(|c| c == ',' || is_harmful(c)) {
            Err(NameError::Forbidden(plain(name)))
        } else {
            Ok(Self(name.to_ascii_lowercase()))
        }
    }

    /// The name as it is compared and shown.
    #[must_use]
    pub fn as_str(&self) -> &str {
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

/// The identity that the API server authenticated, as a request carries it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Requester {
    /// `userInfo.username`, unchanged.
    pub username: String,
    /// `userInfo.groups`, unchanged.
    pub groups: Vec<String>,
    /// `userInfo.extra`, unchanged.
    pub extra: BTreeMap<String, Vec<String>>,
}

impl Requester {
    /// Every name under which a claim may know this requester, the user name first.
    ///
    /// What is not a [`Name`] (a comma, a control character) is nobody's name and left out, so it
    /// can match no claim.
    #[must_use]
    pub fn names(&self, settings: &IdentitySettings) -> Vec<Name> {
        let username = self.username.trim().to_ascii_lowercase();
        let stripped = settings.strip_prefixes.iter().filter_map(|p| username.strip_prefix(&p.to_ascii_lowercase()));
        let extra = settings.extra_keys.iter().filter_map(|key| self.extra.get(key)).flatten().map(String::as_str);
        std::iter::once(username.as_str()).chain(stripped).chain(extra).filter_map(|n| Name::parse(n).ok()).collect()
    }

    /// True if the requester is in one of these groups, by exact name.
    #[must_use]
    pub fn in_any(&self, groups: &[String]) -> bool {
        self.groups.iter().any(|group| groups.contains(group))
    }
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

    /// The name to show for a person, and all other names of theirs.
    #[must_use]
    pub fn resolve(&self, name: &Name) -> (Name, Vec<Name>) {
        let person = self.by_name.get(name).and_then(|row| self.persons.get(*row)).map_or(&[][..], Vec::as_slice);
        match person {
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
            username: username.to_owned(),
            extra: BTreeMap::from([("example.com/login".to_owned(), vec!["Octocat".to_owned()])]),
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
