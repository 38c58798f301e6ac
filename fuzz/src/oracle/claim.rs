//! Who holds a slot, by what its Slot says?

use jiff::Timestamp;
use serde_json::Value;

/// What a Slot says.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// Absent: the slot is free.
    pub claim: Option<Claim>,
    /// True if strangers are told and let through.
    pub parse_lossy: bool,
}

/// A claim, lapsed or not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Claim {
    /// The users, the owner first.
    pub users: Vec<String>,
    /// Their other names.
    pub aliases: Vec<String>,
    pub groups: Vec<String>,
    pub until: Option<Timestamp>,
    pub trusts: bool,
}

impl Facts {
    /// Reads a Slot.
    #[must_use]
    pub fn of(slot: &Value) -> Self {
        let mode = slot.pointer("/spec/mode").and_then(Value::as_str);
        let claim = slot.pointer("/spec/claim").filter(|claim| claim.is_object()).map(Claim::of);
        Self { claim, parse_lossy: matches!(mode, Some("warn" | "audit")) }
    }

    /// The claim, if it is in force.
    #[must_use]
    pub fn held(&self, now: Timestamp) -> Option<&Claim> {
        self.claim.as_ref().filter(|claim| claim.until.is_none_or(|until| until > now))
    }
}

impl Claim {
    /// Reads a claim.
    #[must_use]
    pub fn of(claim: &Value) -> Self {
        let texts = |field: &str| -> Vec<&str> {
            claim.get(field).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
        };
        let names = |field: &str| texts(field).into_iter().map(name).filter(|name| is_name(name)).collect();
        Self {
            users: names("users"),
            aliases: names("aliases"),
            groups: texts("groups").into_iter().map(str::to_owned).collect(),
            until: claim.get("until").and_then(Value::as_str).and_then(|text| text.parse().ok()),
            trusts: claim.get("trustWorkloads").and_then(Value::as_bool).unwrap_or_default(),
        }
    }

    /// True if one of these is a name of one of the claim's people.
    #[must_use]
    pub fn has(&self, names: &[String]) -> bool {
        names.iter().any(|name| self.users.contains(name) || self.aliases.contains(name))
    }

    /// True for somebody of these names and groups.
    #[must_use]
    pub fn admits(&self, names: &[String], groups: &[String]) -> bool {
        self.has(names) || groups.iter().any(|group| self.groups.contains(group))
    }
}

/// A name as it is compared: without ASCII blanks around it, in ASCII lower case.
#[must_use]
pub fn name(text: &str) -> String {
    text.trim_matches(|c: char| c.is_ascii_whitespace()).to_ascii_lowercase()
}

/// What was never a name, however it came into a claim: nobody is called so.
fn is_name(name: &str) -> bool {
    let hidden =
        |c: char| matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
    !name.is_empty() && name.len() <= 256 && !name.contains(|c: char| c == ',' || c.is_control() || hidden(c))
}
