//! Who has rights with which the gate can be passed by or taken away? hotdesk cannot keep them from it (docs/threat-model.md).

use hotdesk_slots::text::list;
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding, PolicyRule, Role, RoleBinding, RoleRef, Subject};
use kube::api::ListParams;
use kube::{Api, Client, ResourceExt};

use super::ask::{Answered, all, items};
use super::finding::{Finding, Id};

const SUBJECT: &str = "rights beyond the gate";
/// Whose accounts are the cluster's own controllers.
const KUBE_SYSTEM: &str = "kube-system";

/// What the cluster grants everywhere, and in `kube-system`.
#[derive(Debug, Default)]
pub(super) struct Grants {
    pub(super) roles: Vec<ClusterRole>,
    pub(super) bindings: Vec<ClusterRoleBinding>,
    pub(super) roles_there: Vec<Role>,
    pub(super) bindings_there: Vec<RoleBinding>,
}

/// Asks for it.
pub(super) async fn ask(client: &Client) -> Answered<Grants> {
    let everything = &ListParams::default();
    let (there, bound_there) =
        (Api::namespaced(client.clone(), KUBE_SYSTEM), Api::namespaced(client.clone(), KUBE_SYSTEM));
    let (roles, bindings, roles_there, bindings_there) = tokio::join!(
        all(client, everything),
        all(client, everything),
        items(&there, everything),
        items(&bound_there, everything)
    );
    Ok(Grants { roles: roles?, bindings: bindings?, roles_there: roles_there?, bindings_there: bindings_there? })
}

/// A right, and what it is good for.
struct Right {
    /// What gives it, any of these.
    given_by: &'static [Access],
    /// A rule that is limited to names counts if one of these is among them. Others are meant for what they name.
    names: &'static [&'static str],
    by: Bindings,
    /// What its holder can do.
    allows: &'static str,
}

/// A kind of access, as RBAC writes it.
pub(super) struct Access {
    verbs: &'static [&'static str],
    group: &'static str,
    resources: &'static [&'static str],
}

/// By which bindings a right is given.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Bindings {
    /// Those for the whole cluster.
    Cluster,
    /// The `RoleBindings` of `kube-system`.
    KubeSystem,
    /// Both.
    Either,
}

pub(super) const fn access(
    verbs: &'static [&'static str],
    group: &'static str,
    resources: &'static [&'static str],
) -> Access {
    Access { verbs, group, resources }
}

const WRITE: &[&str] = &["create", "update", "patch", "delete", "deletecollection"];
pub(super) const RUN: &[&str] = &["create", "update", "patch"];
/// What lets somebody run what they like as any account of a namespace.
pub(super) const WORKLOADS: &[Access] = &[
    access(RUN, "", &["pods", "pods/ephemeralcontainers", "replicationcontrollers"]),
    access(&["get", "create"], "", &["pods/exec", "pods/attach"]),
    access(RUN, "apps", &["daemonsets", "deployments", "replicasets", "statefulsets"]),
    access(RUN, "batch", &["cronjobs", "jobs"]),
];
const RIGHTS: [Right; 11] = [
    Right {
        given_by: &[access(&["get", "create"], "", &["nodes/proxy"])],
        names: &[],
        by: Bindings::Cluster,
        allows: "can run commands in every pod through the kubelet, which asks no gate (nodes/proxy)",
    },
    Right {
        given_by: &[access(&["impersonate"], "", &["users", "groups", "serviceaccounts"])],
        names: &[],
        by: Bindings::Cluster,
        allows: "can act as other people, and so as the holder of a slot (impersonate)",
    },
    Right {
        given_by: &[access(&["create"], "", &["serviceaccounts/token"])],
        names: &[],
        by: Bindings::Cluster,
        allows: "can have the token of every account, and so be the cluster's own controllers, which are not gated \
                 (serviceaccounts/token)",
    },
    Right {
        given_by: &[
            access(&["impersonate"], "", &["serviceaccounts"]),
            access(&["create"], "", &["serviceaccounts/token"]),
        ],
        names: &[],
        by: Bindings::KubeSystem,
        allows: "can act as the accounts of kube-system, which are the cluster's own controllers, and these are not gated \
                 (impersonate, serviceaccounts/token in kube-system)",
    },
    Right {
        given_by: &[access(&["get", "list", "watch"], "", &["secrets"])],
        names: &[],
        by: Bindings::Either,
        allows: "can read the tokens and keys of the cluster's own accounts (secrets in kube-system)",
    },
    Right {
        given_by: WORKLOADS,
        names: &[],
        by: Bindings::Either,
        allows: "can run what they like as the cluster's own accounts (pods, workloads and exec in kube-system)",
    },
    Right {
        given_by: &[access(&["escalate", "bind"], "rbac.authorization.k8s.io", &["clusterroles", "roles"])],
        names: &[],
        by: Bindings::KubeSystem,
        allows: "can give themselves any right in kube-system, and so act as its accounts (escalate, bind in kube-system)",
    },
    Right {
        given_by: &[access(&["approve", "sign"], "certificates.k8s.io", &["signers"])],
        names: &[
            "kubernetes.io/*",
            "kubernetes.io/kube-apiserver-client",
            "kubernetes.io/kube-apiserver-client-kubelet",
            "kubernetes.io/legacy-unknown",
        ],
        by: Bindings::Cluster,
        allows: "can pass a certificate in anybody's name, and so be a holder or a controller (approve, sign on signers)",
    },
    Right {
        given_by: &[access(WRITE, "apiextensions.k8s.io", &["customresourcedefinitions"])],
        names: &[],
        by: Bindings::Cluster,
        allows: "can delete all Slots, or have them read as they like (customresourcedefinitions)",
    },
    Right {
        given_by: &[access(
            WRITE,
            "admissionregistration.k8s.io",
            &[
                "mutatingwebhookconfigurations",
                "validatingwebhookconfigurations",
                "validatingadmissionpolicies",
                "validatingadmissionpolicybindings",
            ],
        )],
        names: &[],
        by: Bindings::Cluster,
        allows: "can take the gate away (admissionregistration.k8s.io)",
    },
    Right {
        given_by: &[access(&["escalate", "bind"], "rbac.authorization.k8s.io", &["clusterroles", "roles"])],
        names: &[],
        by: Bindings::Cluster,
        allows: "can give themselves any right (escalate, bind)",
    },
];

/// Who has which of them.
const NOBODY_ELSE: &str = "only break-glass and the cluster's own accounts can pass the gate by, or take it away, by a binding for \
                           the whole cluster or in kube-system";

pub(super) fn judge(grants: &Answered<Grants>) -> Vec<Finding> {
    let grants = match grants {
        Ok(grants) => grants,
        Err(why) => return vec![Finding::unknown(Id::RightsBeyond, SUBJECT, why)],
    };
    let mut findings = Vec::new();
    for right in &RIGHTS {
        let who = who(right, grants);
        if !who.is_empty() {
            let message = format!("{} {}", list(&who), right.allows);
            let fix = format!("see that each of them needs it: kubectl get {} -o wide", right.by.shown());
            findings.push(Finding::warning(Id::RightsBeyond, SUBJECT, message).with_fix(fix));
        }
    }
    if findings.is_empty() {
        findings.push(Finding::ok(Id::RightsBeyond, SUBJECT, NOBODY_ELSE));
    }
    findings
}

/// The subjects that are given a right, besides the cluster's own. Sorted, each once.
fn who(right: &Right, grants: &Grants) -> Vec<String> {
    let everywhere = grants.bindings.iter().map(|binding| (&binding.role_ref, binding.subjects.as_deref()));
    let there = grants.bindings_there.iter().map(|binding| (&binding.role_ref, binding.subjects.as_deref()));
    let bindings =
        everywhere.filter(|_| right.by != Bindings::KubeSystem).chain(there.filter(|_| right.by != Bindings::Cluster));
    let giving =
        bindings.filter(|(role, _)| rules(role, &grants.roles_there, grants).iter().any(|rule| right.is_in(rule)));
    let subjects = giving.flat_map(|(_, subjects)| subjects.unwrap_or_default());
    let mut who: Vec<String> = subjects.filter(|subject| !is_the_clusters_own(subject)).map(shown).collect();
    who.sort();
    who.dedup();
    who
}

/// What a role that is bound allows: one of the whole cluster, or one of those where the binding is.
pub(super) fn rules<'a>(role: &RoleRef, there: &'a [Role], grants: &'a Grants) -> &'a [PolicyRule] {
    let found = if role.kind == "Role" {
        there.iter().find(|known| known.name_any() == role.name).and_then(|known| known.rules.as_deref())
    } else {
        grants.roles.iter().find(|known| known.name_any() == role.name).and_then(|known| known.rules.as_deref())
    };
    found.unwrap_or_default()
}

impl Right {
    fn is_in(&self, rule: &PolicyRule) -> bool {
        let limits = rule.resource_names.as_deref().unwrap_or_default();
        let counts = limits.is_empty() || limits.iter().any(|name| self.names.contains(&name.as_str()));
        counts && self.given_by.iter().any(|access| access.is_in(rule))
    }
}

impl Access {
    /// True if a rule gives it.
    pub(super) fn is_in(&self, rule: &PolicyRule) -> bool {
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
        any(Some(&rule.verbs), self.verbs)
            && any(rule.api_groups.as_ref(), &[self.group])
            && rule.resources.iter().flatten().any(resources)
    }
}

impl Bindings {
    /// What to ask kubectl for.
    fn shown(self) -> &'static str {
        match self {
            Self::Cluster => "clusterrolebindings",
            Self::KubeSystem => "rolebindings -n kube-system",
            Self::Either => "clusterrolebindings,rolebindings -n kube-system",
        }
    }
}

/// Everybody who is logged in, or runs somewhere, is not.
pub(super) fn is_the_clusters_own(subject: &Subject) -> bool {
    match (subject.kind.as_str(), subject.name.as_str()) {
        ("ServiceAccount", _) => subject.namespace.as_deref() == Some(KUBE_SYSTEM),
        (_, "system:authenticated" | "system:unauthenticated" | "system:anonymous" | "system:serviceaccounts") => false,
        (_, name) => match name.strip_prefix("system:serviceaccounts:") {
            Some(namespace) => namespace == KUBE_SYSTEM,
            None => name.starts_with("system:"),
        },
    }
}

pub(super) fn shown(subject: &Subject) -> String {
    match (subject.kind.as_str(), &subject.namespace) {
        ("ServiceAccount", Some(namespace)) => format!("the account {namespace}/{}", subject.name),
        ("Group", _) => format!("the group {}", subject.name),
        _ => subject.name.clone(),
    }
}

#[cfg(test)]
mod tests;
