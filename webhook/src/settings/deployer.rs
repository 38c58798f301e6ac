//! Whom may a CI or GitOps tool deploy for?

use hotdesk_slots::{ClaimView, Name};
use serde::Deserialize;

/// A trusted deployer: who it is, and for which slots or people. Several entries of one user add up.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Deployer {
    /// Its exact user name.
    pub user: String,
    /// The slots that it deploys into, by exact name.
    pub slots: Vec<String>,
    /// The people that it deploys for.
    pub people: Vec<Name>,
    /// True if it knows who asked it to deploy: then the label `hotdesk.dev/for` on the object counts.
    pub authenticates_people: bool,
}

/// As the operator writes it: a JSON object, a JSON list of them, or a bare user name.
#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    One(Entry),
    Many(Vec<Entry>),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Entry {
    user: String,
    #[serde(default)]
    slots: Vec<String>,
    #[serde(default)]
    people: Vec<String>,
    #[serde(default)]
    authenticates_people: bool,
}

impl Deployer {
    /// Reads what the operator wrote. A bare name is that of a deployer that authenticates people, as it was before
    /// entries had more than a name.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Vec<Self>, String> {
        let text = text.trim();
        if !text.starts_with(['{', '[']) {
            let named = Self { user: text.to_owned(), authenticates_people: true, ..Self::default() };
            return Ok(if text.is_empty() { Vec::new() } else { vec![named] });
        }
        let shape =
            r#"write {"user": NAME, "slots": [SLOT], "people": [NAME]} or {"user": NAME, "authenticatesPeople": true}"#;
        let written = serde_json::from_str(text).map_err(|e| format!("{shape}, not {text}: {e}"))?;
        let entries = match written {
            Written::One(entry) => vec![entry],
            Written::Many(entries) => entries,
        };
        entries.into_iter().map(Entry::read).collect()
    }

    /// True if it deploys into this slot, or for one of its claimants, whatever the object says.
    #[must_use]
    pub fn is_bound_to(&self, slot: &str, claim: &ClaimView) -> bool {
        self.slots.iter().any(|known| known == slot) || self.people.iter().any(|name| claim.names(name))
    }
}

impl Entry {
    fn read(self) -> Result<Deployer, String> {
        let Self { user, slots, people, authenticates_people } = self;
        if user.is_empty() {
            return Err("a trusted deployer has no user".to_owned());
        }
        if slots.is_empty() && people.is_empty() && !authenticates_people {
            return Err(format!("the trusted deployer {user} deploys for nobody: give it slots or people"));
        }
        let people = people.iter().map(|text| Name::parse(text)).collect::<Result<_, _>>();
        let people = people.map_err(|e| format!("the trusted deployer {user}: people: {e}"))?;
        Ok(Deployer { user, slots, people, authenticates_people })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        Name::parse(text).unwrap()
    }

    #[test]
    fn a_bare_name_authenticates_people() {
        let bare = Deployer { user: "CN=ci,O=corp".to_owned(), authenticates_people: true, ..Deployer::default() };
        assert_eq!(Deployer::parse(" CN=ci,O=corp "), Ok(vec![bare]));
        assert_eq!(Deployer::parse(""), Ok(Vec::new()));
    }

    #[test]
    fn an_entry_says_for_which_slots_and_people() {
        let flux = Deployer { user: "flux".to_owned(), slots: vec!["mew".to_owned()], ..Deployer::default() };
        assert_eq!(Deployer::parse(r#"{"user": "flux", "slots": ["mew"]}"#), Ok(vec![flux.clone()]));
        let argo = Deployer { user: "argo".to_owned(), people: vec![name("alice@example.com")], ..Deployer::default() };
        let list = r#"[{"user": "flux", "slots": ["mew"]}, {"user": "argo", "people": [" Alice@Example.com "]}]"#;
        assert_eq!(Deployer::parse(list), Ok(vec![flux, argo]));
    }

    #[track_caller]
    fn refuses(text: &str, because: &str) {
        let problem = Deployer::parse(text).unwrap_err();
        assert!(problem.contains(because), "{problem:?} does not say {because:?}");
    }

    #[test]
    fn what_would_bind_a_deployer_to_nothing_is_refused() {
        refuses(r#"{"user": "ci"}"#, "deploys for nobody");
        refuses(r#"{"user": "ci", "slots": []}"#, "deploys for nobody");
        refuses(r#"{"user": "", "slots": ["mew"]}"#, "has no user");
        refuses(r#"{"user": "ci", "slot": ["mew"]}"#, "authenticatesPeople");
        refuses(r#"{"user": "ci", "people": ["a,b"]}"#, "the name \"a,b\"");
        refuses("{", "authenticatesPeople");
    }
}
