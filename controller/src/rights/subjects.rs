//! To whom does a claim give rights?
//!
//! RBAC compares names exactly, and claims hold names lower-cased and without what the authenticator puts before them: so
//! each name is written with each of the configured prefixes.

use hotdesk_slots::claim::ClaimState;
use hotdesk_slots::{ClaimView, Name};
use jiff::Timestamp;
use k8s_openapi::api::rbac::v1::Subject;

const API_GROUP: &str = "rbac.authorization.k8s.io";

/// Kubernetes' own names begin so. A claim may hold any name, and the gate only lets in who can write anyway; here a name
/// is a right, so `system:unauthenticated` in a claim must not open the slot to the world.
const RESERVED: &str = "system:";
/// Of those, a service account is somebody in particular, and may be a claimant.
const SERVICE_ACCOUNT: &str = "system:serviceaccount:";

/// Who shall have rights, sorted, and each once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// By user name.
    pub users: Vec<String>,
    /// By group.
    pub groups: Vec<String>,
    /// How many names of the claim are reserved by Kubernetes, and so get none.
    pub left_out: usize,
}

/// Whom this claim gives rights at this moment. No claim, and one that has lapsed, give none to anybody.
#[must_use]
pub fn wanted(claim: Option<&ClaimView>, prefixes: &[String], now: Timestamp) -> Wanted {
    let Some(claim) = ClaimState::of(claim, now).held() else { return Wanted::default() };
    let names = claim.users.iter().chain(&claim.aliases).map(Name::as_str);
    let (users, reserved): (Vec<&str>, Vec<&str>) = names.partition(|name| is_users(name));
    let (groups, reserved_groups): (Vec<&String>, Vec<&String>) =
        claim.groups.iter().partition(|group| !group.to_ascii_lowercase().starts_with(RESERVED));
    let spelled = users.iter().flat_map(|user| spellings(user, prefixes));
    Wanted {
        users: sorted(spelled.collect()),
        groups: sorted(groups.into_iter().cloned().collect()),
        left_out: reserved.len() + reserved_groups.len(),
    }
}

impl Wanted {
    /// As a `RoleBinding` has them.
    #[must_use]
    pub fn subjects(&self) -> Vec<Subject> {
        let subject = |kind: &str, name: &String| Subject {
            api_group: Some(API_GROUP.to_owned()),
            kind: kind.to_owned(),
            name: name.clone(),
            namespace: None,
        };
        let users = self.users.iter().map(|name| subject("User", name));
        users.chain(self.groups.iter().map(|name| subject("Group", name))).collect()
    }
}

fn is_users(name: &str) -> bool {
    !name.starts_with(RESERVED) || name.starts_with(SERVICE_ACCOUNT)
}

fn spellings(name: &str, prefixes: &[String]) -> Vec<String> {
    // No authenticator but the API server's own puts anything before these.
    if name.starts_with(SERVICE_ACCOUNT) {
        return vec![name.to_owned()];
    }
    prefixes.iter().map(|prefix| format!("{prefix}{name}")).filter(|spelled| !spelled.starts_with(RESERVED)).collect()
}

fn sorted(mut names: Vec<String>) -> Vec<String> {
    names.sort();
    names.dedup();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: &str = "2026-11-23T15:00:00Z";

    fn claim(users: &[&str], aliases: &[&str], groups: &[&str], until: Option<&str>) -> ClaimView {
        let names = |texts: &[&str]| texts.iter().map(|text| Name::parse(text).unwrap()).collect();
        ClaimView {
            users: names(users),
            aliases: names(aliases),
            groups: groups.iter().map(|group| (*group).to_owned()).collect(),
            until: until.map(|text| text.parse().unwrap()),
            ..ClaimView::default()
        }
    }

    #[track_caller]
    fn check(claim: Option<&ClaimView>, prefixes: &[&str], users: &[&str], groups: &[&str], left_out: usize) {
        let prefixes: Vec<String> = prefixes.iter().map(|prefix| (*prefix).to_owned()).collect();
        let wanted = wanted(claim, &prefixes, NOW.parse().unwrap());
        assert_eq!((wanted.users, wanted.groups, wanted.left_out), (owned(users), owned(groups), left_out));
    }

    fn owned(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn everybody_whom_the_claim_names_has_rights_by_each_of_their_names() {
        let view = claim(&["Bob", "alice"], &["octocat"], &["Payments"], None);
        check(Some(&view), &[""], &["alice", "bob", "octocat"], &["Payments"], 0);
        let spelled = ["alice", "bob", "github:alice", "github:bob", "github:octocat", "octocat"];
        check(Some(&view), &["", "github:"], &spelled, &["Payments"], 0);
        check(Some(&claim(&["alice"], &["alice"], &[], None)), &["oidc:"], &["oidc:alice"], &[], 0);
    }

    #[test]
    fn nobody_has_rights_without_a_claim_in_force() {
        check(None, &[""], &[], &[], 0);
        check(Some(&claim(&["alice"], &[], &["payments"], Some(NOW))), &[""], &[], &[], 0);
        check(Some(&claim(&["alice"], &[], &[], Some("2026-11-23T15:00:01Z"))), &[""], &["alice"], &[], 0);
    }

    #[test]
    fn a_name_of_kubernetes_own_never_opens_a_slot_to_everybody() {
        let users = ["alice", "system:anonymous", "System:Kube-Scheduler", "system:serviceaccount:ci:deployer"];
        let groups = ["system:unauthenticated", "System:authenticated", "system:serviceaccounts", "payments"];
        let view = claim(&users, &[], &groups, None);
        check(
            Some(&view),
            &["", "oidc:"],
            &["alice", "oidc:alice", "system:serviceaccount:ci:deployer"],
            &["payments"],
            5,
        );
        check(Some(&claim(&["anonymous"], &[], &[], None)), &["system:"], &[], &[], 0);
    }

    #[test]
    fn subjects_are_users_and_groups_of_rbac() {
        let wanted = Wanted { users: owned(&["alice"]), groups: owned(&["payments"]), left_out: 0 };
        let subjects: Vec<_> = wanted.subjects().into_iter().map(|s| (s.kind, s.name, s.namespace)).collect();
        assert_eq!(subjects, [("User".into(), "alice".into(), None), ("Group".into(), "payments".into(), None)]);
    }
}
