//! Which names may a claim hold?
//!
//! What a sheet may say, the API may say, and nothing else: an e-mail address, a login, or a name that the operator listed.
//! This is about what is written into a claim. Who is asking is compared exactly, by [`Name`], whatever their name looks
//! like, and so is what was stored before there were rules.

use unicode_normalization::is_nfc;
use unicode_security::{GeneralSecurityProfile as _, RestrictionLevel, RestrictionLevelDetection as _, skeleton};

use super::{Name, NameError};
use crate::text::{is_harmful, quoted};

/// The longest name that is written into a claim, in characters.
pub const MAX_CLAIM_NAME: usize = 100;

/// How many people a claim names at most, unless the operator says otherwise.
pub const MAX_USERS: usize = 16;

/// What the API server itself calls people and accounts.
const SYSTEM: &str = "system:";

/// What the operator allows in claims.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameRules {
    /// Letters beyond ASCII, within the bounds of UTS 39.
    pub unicode: bool,
    /// How many people a claim names at most.
    pub max_users: usize,
    /// Which names that are not a person's a claim may hold.
    pub accounts: Accounts,
}

/// Names that are neither an e-mail address nor a login, such as `system:serviceaccount:ci:deploy`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Accounts {
    /// These, exactly.
    Listed(Vec<String>),
    /// Any service account: for a client, which does not know the list. The server does.
    Any,
}

impl Default for NameRules {
    fn default() -> Self {
        Self { unicode: false, max_users: MAX_USERS, accounts: Accounts::Listed(Vec::new()) }
    }
}

impl NameRules {
    /// The widest rules: for a client that does not know the installation's. The server judges again.
    #[must_use]
    pub fn widest() -> Self {
        Self { unicode: true, max_users: usize::MAX, accounts: Accounts::Any }
    }

    /// Reads a name that is written into a claim.
    ///
    /// # Errors
    /// When it is not an e-mail address, a login, or a listed name.
    pub fn name(&self, text: &str) -> Result<Name, NameError> {
        let name = Name::parse(text)?;
        let shown = || quoted(text.trim());
        if self.accounts.have(&name) {
            return Ok(name);
        }
        if name.as_str().starts_with(SYSTEM) {
            return Err(NameError::Account(shown()));
        }
        if name.as_str().chars().count() > MAX_CLAIM_NAME {
            return Err(NameError::TooLongForClaim(shown()));
        }
        if !self.unicode && !name.as_str().is_ascii() {
            return Err(NameError::NotAscii(shown()));
        }
        let parts = parts(name.as_str()).ok_or_else(|| NameError::NotAPerson(shown()))?;
        if parts.iter().all(|part| is_one_script(part)) { Ok(name) } else { Err(NameError::MixedScripts(shown())) }
    }

    /// Reads a group that is written into a claim. Groups are compared as they are.
    ///
    /// # Errors
    /// When it takes in everybody, or could be shown as something else.
    pub fn group(&self, text: &str) -> Result<(), NameError> {
        let seen = |c: char| if self.unicode { !is_unseen(c) } else { matches!(c, ' '..='~') };
        if text.to_ascii_lowercase().starts_with(SYSTEM) {
            Err(NameError::Everybody(quoted(text)))
        } else if text.is_empty() || text.trim() != text || text.contains('"') || !text.chars().all(seen) {
            Err(NameError::NotAGroup(quoted(text)))
        } else {
            Ok(())
        }
    }

    /// What is wrong with so many people in one claim.
    #[must_use]
    pub fn against_count(&self, count: usize) -> Option<String> {
        (count > self.max_users).then(|| format!("it names {count} people, and {} are the most", self.max_users))
    }
}

impl Accounts {
    fn have(&self, name: &Name) -> bool {
        match self {
            Self::Listed(listed) => listed.iter().any(|listed| name.is(listed)),
            Self::Any => is_service_account(name.as_str()),
        }
    }
}

fn is_service_account(text: &str) -> bool {
    let account = text.strip_prefix("system:serviceaccount:").and_then(|rest| rest.split_once(':'));
    account.is_some_and(|(namespace, name)| is_domain(namespace) && is_domain(name) && text.is_ascii())
}

/// The parts of an e-mail address or login, each of which is in one script by itself: the local part, and each label of the
/// domain. One prefix that the authenticator adds, as in `oidc:alice@example.com`, may stand before it.
fn parts(text: &str) -> Option<Vec<&str>> {
    let (prefix, rest) = text.split_once(':').map_or((None, text), |(prefix, rest)| (Some(prefix), rest));
    if prefix.is_some_and(|prefix| !is_label(prefix)) {
        return None;
    }
    match rest.split_once('@') {
        Some((local, domain)) if is_local(local) && is_domain(domain) => {
            Some(std::iter::once(local).chain(domain.split('.')).chain(prefix).collect())
        }
        None if is_login(rest) => Some(std::iter::once(rest).chain(prefix).collect()),
        _ => None,
    }
}

/// The part of an e-mail address before the `@`, as far as providers give such addresses out: `o'brien+x`.
fn is_local(text: &str) -> bool {
    let signs = |c: char| is_letter(c) || matches!(c, '.' | '_' | '%' | '+' | '-' | '\'');
    let ends = |c: char| is_letter(c) || matches!(c, '_' | '+' | '-');
    text.starts_with(|c| is_letter(c) || c == '_')
        && text.ends_with(ends)
        && text.chars().all(signs)
        && !text.contains("..")
}

fn is_domain(text: &str) -> bool {
    text.split('.').all(is_label)
}

fn is_label(text: &str) -> bool {
    text.starts_with(is_letter) && text.ends_with(is_letter) && text.chars().all(|c| is_letter(c) || c == '-')
}

/// A login as GitHub, GitLab, LDAP and Kubernetes' own certificates know it: `octocat`, `jane.doe`, `dependabot[bot]`.
fn is_login(text: &str) -> bool {
    let text = text.strip_suffix("[bot]").unwrap_or(text);
    let ends = |c: char| is_letter(c) || matches!(c, '_' | '-');
    let signs = |c: char| is_letter(c) || matches!(c, '.' | '_' | '-');
    text.starts_with(|c| is_letter(c) || c == '_')
        && text.ends_with(ends)
        && text.chars().all(signs)
        && !text.contains("..")
}

/// A letter or digit; beyond ASCII, what UTS 39 allows in identifiers.
fn is_letter(c: char) -> bool {
    if c.is_ascii() { c.is_ascii_alphanumeric() } else { c.identifier_allowed() && !is_unseen(c) }
}

/// What takes no room of its own in any script.
fn is_unseen(c: char) -> bool {
    is_harmful(c) || matches!(c, '\u{fe00}'..='\u{fe0f}')
}

/// True if nothing in this part can pass for another script's letter: its letters are those of one script (Japanese,
/// Chinese and Korean have several, also beside Latin), and they do not all look like ASCII.
fn is_one_script(part: &str) -> bool {
    if part.is_ascii() {
        return true;
    }
    let letters: String = part.chars().filter(|c| c.is_ascii_alphanumeric() || !c.is_ascii()).collect();
    let one_script = letters.as_str().check_restriction_level(RestrictionLevel::HighlyRestrictive);
    let disguised = letters.chars().filter(|c| !c.is_ascii()).all(looks_like_ascii);
    one_script && is_nfc(&letters) && !disguised
}

/// True for a letter that is drawn like one ASCII letter, such as the Cyrillic а.
fn looks_like_ascii(c: char) -> bool {
    let text = c.to_string();
    let mut drawn = skeleton(&text);
    drawn.next().is_some_and(|first| first.is_ascii()) && drawn.next().is_none()
}

#[cfg(test)]
mod tests;
