//! Under which names may a claim know the person who types?

use hotdesk_slots::{ClaimView, IdentitySettings, Name, Requester};

/// The person, as the API server knows them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    /// The user name, unchanged.
    pub(crate) username: String,
    names: Vec<Name>,
    groups: Vec<String>,
}

impl Identity {
    /// Reads an authenticated identity.
    ///
    /// Installations may strip prefixes such as `oidc:` from user names, and a client cannot know
    /// which. So a name without its prefix counts as mine too: here that only decides what is shown
    /// and what is tried; the server decides what is allowed.
    pub(crate) fn of(requester: &Requester<'_>) -> Self {
        let prefix = requester.username.split_once(':').filter(|(prefix, _)| *prefix != "system");
        let strip_prefixes = prefix.map(|(prefix, _)| format!("{prefix}:")).into_iter().collect();
        let names = requester.names(&IdentitySettings { strip_prefixes, extra_keys: Vec::new() });
        let groups = requester.groups.iter().map(ToString::to_string).collect();
        Self { username: requester.username.to_string(), names, groups }
    }

    /// True if this person is one of the claim's.
    pub(crate) fn holds(&self, claim: &ClaimView) -> bool {
        claim.admits(&self.names, &self.groups)
    }

    /// True if this is one of this person's names.
    pub(crate) fn is(&self, name: &Name) -> bool {
        self.names.contains(name)
    }

    /// The name under which this person claims.
    pub(crate) fn name(&self) -> Option<&Name> {
        self.names.first()
    }
}

#[cfg(test)]
impl Identity {
    pub(crate) fn test(username: &str) -> Self {
        Self::of(&Requester { username: username.into(), ..Requester::default() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(username: &str, user: &str, mine: bool) {
        let claim = ClaimView { users: vec![Name::parse(user).unwrap()], ..ClaimView::default() };
        assert_eq!(Identity::test(username).holds(&claim), mine, "{username} and the claim of {user}");
    }

    #[test]
    fn a_claim_is_mine_by_my_name_with_or_without_its_prefix() {
        check("alice@example.com", "Alice@Example.com", true);
        check("oidc:alice@example.com", "alice@example.com", true);
        check("oidc:alice@example.com", "oidc:alice@example.com", true);
        check("alice@example.com", "malice@example.com", false);
        check("system:serviceaccount:ci:alice", "serviceaccount:ci:alice", false);
    }
}
