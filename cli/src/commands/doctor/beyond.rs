//! Who has rights with which the gate can be passed by or taken away? hotdesk cannot keep them from it (docs/threat-model.md).

use hotdesk_slots::text::list;
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding, PolicyRule, Subject};
use kube::api::ListParams;
use kube::{Client, ResourceExt};

use super::ask::{Seen, all};
use super::finding::{Finding, Id};

const ABOUT: &str = "rights beyond the gate";

/// What the cluster grants everywhere.
#[derive(Debug)]
pub(super) struct Grants {
    pub(super) roles: Vec<ClusterRole>,
    pub(super) bindings: Vec<ClusterRoleBinding>,
}

/// Asks for it.
pub(super) async fn ask(client: &Client) -> Seen<Grants> {
    let everything = &ListParams::default();
    let (roles, bindings) = tokio::join!(all(client, everything), all(client, everything));
    Ok(Grants { roles: roles?, bindings: bindings? })
}

/// A right, and what it is good for.
struct Right {
    verbs: &'static [&'static str],
    group: &'static str,
    resources: &'static [&'static str],
    /// What its holder may do.
    allows: &'static str,
}

const WRITE: &[&str] = &["create", "update", "patch", "delete", "deletecollection"];
const RIGHTS: [Right; 6] = [
    Right {
        verbs: &["get", "create"],
        group: "",
        resources: &["nodes/proxy"],
        allows: "may run commands in every pod through the kubelet, which asks no gate (nodes/proxy)",
    },
    Right {
        verbs: &["impersonate"],
        group: "",
        resources: &["users", "groups", "serviceaccounts"],
        allows: "may act as other people, and so as the holder of a slot (impersonate)",
    },
    Right {
        verbs: &["create"],
        group: "",
        resources: &["serviceaccounts/token"],
        allows: "may have the token of every account, and so be the cluster's own controllers, which nobody gates \
                 (serviceaccounts/token)",
    },
    Right {
        verbs: WRITE,
        group: "apiextensions.k8s.io",
        resources: &["customresourcedefinitions"],
        allows: "may delete all Slots, or have them read as they like (customresourcedefinitions)",
    },
    Right {
        verbs: WRITE,
        group: "admissionregistration.k8s.io",
        resources: &[
            "mutatingwebhookconfigurations",
            "validatingwebhookconfigurations",
            "validatingadmissionpolicies",
            "validatingadmissionpolicybindings",
        ],
        allows: "may take the gate away (admissionregistration.k8s.io)",
    },
    Right {
        verbs: &["escalate", "bind"],
        group: "rbac.authorization.k8s.io",
        resources: &["clusterroles", "roles"],
        allows: "may give themselves any right (escalate, bind)",
    },
];

/// Who has which of them.
pub(super) fn judge(grants: &Seen<Grants>) -> Vec<Finding> {
    let grants = match grants {
        Ok(grants) => grants,
        Err(why) => return vec![Finding::unseen(Id::RightsBeyond, ABOUT, why)],
    };
    let mut findings = Vec::new();
    for right in &RIGHTS {
        let who = who(right, grants);
        if !who.is_empty() {
            let says = format!("{} {}", list(&who), right.allows);
            let fix = "see that each of them needs it: kubectl get clusterrolebindings -o wide";
            findings.push(Finding::warning(Id::RightsBeyond, ABOUT, says).mended_by(fix));
        }
    }
    if findings.is_empty() {
        let says = "nobody but break-glass and the cluster's own may pass the gate by, or take it away";
        findings.push(Finding::ok(Id::RightsBeyond, ABOUT, says));
    }
    findings
}

/// The subjects that a binding for the whole cluster gives a right, besides the cluster's own. Sorted, each once.
fn who(right: &Right, grants: &Grants) -> Vec<String> {
    let gives = |binding: &&ClusterRoleBinding| {
        let role = grants.roles.iter().find(|role| role.name_any() == binding.role_ref.name);
        role.is_some_and(|role| role.rules.iter().flatten().any(|rule| right.is_in(rule)))
    };
    let subjects = grants.bindings.iter().filter(gives).flat_map(|binding| binding.subjects.iter().flatten());
    let mut who: Vec<String> = subjects.filter(|subject| !is_the_clusters_own(subject)).map(shown).collect();
    who.sort();
    who.dedup();
    who
}

impl Right {
    /// Whether a rule gives it, for anything of the kind: what is limited to names is meant for them.
    fn is_in(&self, rule: &PolicyRule) -> bool {
        let any = |list: Option<&Vec<String>>, wanted: &[&str]| {
            list.is_some_and(|list| list.iter().any(|one| one == "*" || wanted.contains(&one.as_str())))
        };
        let resources = |one: &String| {
            let (resource, subresource) = one.split_once('/').unwrap_or((one, ""));
            self.resources.iter().any(|wanted| {
                let (of, below) = wanted.split_once('/').unwrap_or((wanted, ""));
                one == "*" || ((resource == "*" || resource == of) && (subresource == "*" || subresource == below))
            })
        };
        let everything = rule.resource_names.as_ref().is_none_or(Vec::is_empty);
        any(Some(&rule.verbs), self.verbs)
            && any(rule.api_groups.as_ref(), &[self.group])
            && rule.resources.iter().flatten().any(resources)
            && everything
    }
}

fn is_the_clusters_own(subject: &Subject) -> bool {
    match subject.kind.as_str() {
        "ServiceAccount" => subject.namespace.as_deref() == Some("kube-system"),
        _ => {
            subject.name.starts_with("system:")
                && !matches!(subject.name.as_str(), "system:authenticated" | "system:unauthenticated")
        }
    }
}

fn shown(subject: &Subject) -> String {
    match (subject.kind.as_str(), &subject.namespace) {
        ("ServiceAccount", Some(namespace)) => format!("the account {namespace}/{}", subject.name),
        ("Group", _) => format!("the group {}", subject.name),
        _ => subject.name.clone(),
    }
}

#[cfg(test)]
#[path = "beyond_tests.rs"]
mod tests;
