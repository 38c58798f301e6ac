//! What did the operator decide: who is machinery, who can break the glass, and how strict is the gate?

use std::collections::HashSet;

use hotdesk_slots::{IdentitySettings, Mode, NameRules, People, Requester};

use crate::neighbours::Guards;

pub use deployer::Deployer;

mod deployer;

/// The cluster's own machinery, one exact user name a line. The chart renders its policy from the
/// same file, so that webhook and policy cannot drift apart. The names are those of Kubernetes 1.30
/// to 1.37, of its controllers and of the cloud controller manager.
const MACHINERY: &str = include_str!("../../charts/hotdesk/files/machinery.txt");

/// The user names that the node authorizer reserves to kubelets; only together with [`NODES`].
const NODE_PREFIX: &str = "system:node:";
/// How all names of Kubernetes' own begin.
const SYSTEM_PREFIX: &str = "system:";
const NODES: &str = "system:nodes";

/// The `userInfo.extra` key that the API server writes for a token that is bound to a pod that exists. An
/// impersonator would need rights on `userextras`, which the built-in `edit` role does not give.
const POD_NAME: &str = "authentication.kubernetes.io/pod-name";

/// Everything that a decision depends on besides the request, the Slot and the time.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// What happens to a denied write where the Slot itself does not say.
    pub mode: Mode,
    /// Groups that may do anything, with a warning.
    pub break_glass_groups: Vec<String>,
    /// Exact user names that may write any Slot.
    pub administrator_users: Vec<String>,
    /// Groups that may write any Slot.
    pub administrator_groups: Vec<String>,
    /// Exact user names treated as machinery besides the built-in ones.
    pub machinery_users: Vec<String>,
    /// Who may deploy for a claimant.
    pub trusted_deployers: Vec<Deployer>,
    /// What becomes of Secrets that hold a token that never expires.
    pub token_secrets: TokenSecrets,
    /// What becomes of writes that reach for a neighbour.
    pub guards: Guards,
    /// The namespaces of hotdesk.
    pub own_namespaces: Vec<String>,
    /// The priority classes of hotdesk's pods.
    pub own_priority_classes: Vec<String>,
    /// How user names relate to the names in claims.
    pub identity: IdentitySettings,
    /// Who goes by several names.
    pub people: People,
    /// Where people claim a slot, besides the command line.
    pub claim_url: Option<String>,
    /// The namespace in which the reapers run; in it, each slot has the accounts `reaper-SLOT` and `reviver-SLOT`.
    pub jobs_namespace: String,
    /// The exact user name of the webhook itself, as which it notes sessions.
    pub session_user: Option<String>,
    /// The exact user name of the controller.
    pub controller_user: Option<String>,
    /// The exact user name of the restamper.
    pub restamper_user: Option<String>,
    /// How many slots one person can hold at once; 0: any number.
    pub max_slots: usize,
    /// The exact user name of what brings claims from a sheet.
    pub sync_user: Option<String>,
    /// Which names a claim may hold.
    pub names: NameRules,
}

/// What becomes of Secrets of the type `kubernetes.io/service-account-token`: such a token has no end, and outlasts a claim.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum TokenSecrets {
    /// Nobody makes one in a slot, or changes one.
    #[default]
    Deny,
    /// Everybody who deploys in a slot can.
    Allow,
}

impl Settings {
    /// True for the cluster's own machinery, by exact user name; for a kubelet, by name and group.
    #[must_use]
    pub fn is_machinery(&self, requester: &Requester<'_>) -> bool {
        let name = &*requester.username;
        let node = || name.starts_with(NODE_PREFIX) && requester.groups.iter().any(|g| g == NODES);
        // Of people, who have no such name, nothing more is looked up.
        let built_in = name.starts_with(SYSTEM_PREFIX) && (built_in_machinery().contains(name) || node());
        built_in || self.machinery_users.iter().any(|user| user == name)
    }

    /// True for a member of a break-glass group.
    #[must_use]
    pub fn breaks_glass(&self, requester: &Requester<'_>) -> bool {
        requester.in_any(&self.break_glass_groups)
    }

    /// True for who can write any Slot.
    #[must_use]
    pub fn is_administrator(&self, requester: &Requester<'_>) -> bool {
        self.breaks_glass(requester)
            || self.administrator_users.iter().any(|user| *user == requester.username)
            || requester.in_any(&self.administrator_groups)
    }

    /// True for what brings claims from a sheet, by exact user name.
    #[must_use]
    pub fn is_sync(&self, requester: &Requester<'_>) -> bool {
        self.sync_user.as_deref() == Some(&*requester.username)
    }

    /// True for the webhook itself, by exact user name.
    #[must_use]
    pub fn is_noting(&self, requester: &Requester<'_>) -> bool {
        self.session_user.as_deref() == Some(&*requester.username)
    }

    /// True for the controller, by exact user name.
    #[must_use]
    pub fn is_controller(&self, requester: &Requester<'_>) -> bool {
        self.controller_user.as_deref() == Some(&*requester.username)
    }

    /// True for the restamper, by exact user name.
    #[must_use]
    pub fn is_restamper(&self, requester: &Requester<'_>) -> bool {
        self.restamper_user.as_deref() == Some(&*requester.username)
    }

    /// True for the reaper of this slot, by exact user name and with a pod's token: it lives in hotdesk's own namespace,
    /// where no holder of a slot has any right.
    #[must_use]
    pub fn is_reaper_of(&self, requester: &Requester<'_>, slot: &str) -> bool {
        self.is_job_of(requester, "reaper-", slot)
    }

    /// True for what brings back releases in this slot, by exact user name.
    #[must_use]
    pub fn is_reviver_of(&self, requester: &Requester<'_>, slot: &str) -> bool {
        self.is_job_of(requester, "reviver-", slot)
    }

    fn is_job_of(&self, requester: &Requester<'_>, prefix: &str, slot: &str) -> bool {
        let account = service_account_in(requester, &self.jobs_namespace);
        account.and_then(|name| name.strip_prefix(prefix)) == Some(slot)
            && !slot.is_empty()
            && carries_pod_token(requester)
    }

    /// What the operator listed for this requester as a trusted deployer, by exact user name.
    pub fn deployer<'a>(&'a self, requester: &'a Requester<'_>) -> impl Iterator<Item = &'a Deployer> + Clone {
        self.trusted_deployers.iter().filter(|deployer| deployer.user == requester.username)
    }

    /// True for a deployer that knows who asked it to deploy.
    #[must_use]
    pub fn authenticates_people(&self, requester: &Requester<'_>) -> bool {
        self.deployer(requester).any(|deployer| deployer.authenticates_people)
    }
}

/// True for a service account of this namespace, whether or not it presented a token.
#[must_use]
pub fn is_service_account_of(requester: &Requester<'_>, namespace: &str) -> bool {
    service_account_in(requester, namespace).is_some()
}

/// The service account's name, if the requester is one of this namespace.
#[must_use]
pub fn service_account_in<'a>(requester: &'a Requester<'_>, namespace: &str) -> Option<&'a str> {
    let rest = requester.username.strip_prefix("system:serviceaccount:")?;
    let name = rest.strip_prefix(namespace)?.strip_prefix(':')?;
    (!name.is_empty() && !name.contains(':')).then_some(name)
}

/// True if the request carries a pod's token, which ends with the pod. An impersonated request does not, nor does one with
/// a token that somebody made for an account alone.
#[must_use]
pub fn carries_pod_token(requester: &Requester<'_>) -> bool {
    requester.extra(POD_NAME).any(|value| !value.is_empty())
}

fn built_in_machinery() -> &'static HashSet<&'static str> {
    static NAMES: std::sync::OnceLock<HashSet<&'static str>> = std::sync::OnceLock::new();
    NAMES.get_or_init(|| MACHINERY.lines().map(str::trim).filter(|l| !l.is_empty()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machinery_file_holds_exact_sorted_names_only() {
        let names: Vec<&str> = MACHINERY.lines().collect();
        assert!(names.iter().all(|n| n.starts_with("system:") && !n.contains(char::is_whitespace)), "{names:?}");
        assert!(names.iter().all(|n| !n.ends_with(':') && !n.contains('*') && *n != "system:masters"));
        let mut unique = names.clone();
        unique.sort_unstable();
        unique.dedup();
        assert_eq!(unique.len(), names.len(), "a name is listed twice");
    }
}
