//! Who has hotdesk's power by a RoleBinding in one of its own namespaces? Its accounts, their credentials and what was saved of all slots are
//! there, and no gate: only administrators should have a right there (docs/threat-model.md).

use std::collections::BTreeSet;

use hotdesk_slots::keys;
use hotdesk_slots::text::list;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Namespace, ServiceAccount};
use k8s_openapi::api::rbac::v1::{PolicyRule, Role, RoleBinding, Subject};
use kube::api::ListParams;
use kube::{Api, Client, ResourceExt};

use super::ask::{Answered, items};
use super::beyond::{Access, Grants, RUN, WORKLOADS, access, is_the_clusters_own, rules, shown};
use super::finding::{Finding, Id};
use super::reapers::Reaper;

const SUBJECT: &str = "hotdesk's own namespaces";
const PART_OF: (&str, &str) = ("app.kubernetes.io/part-of", "hotdesk");

/// What is bound in one of hotdesk's own namespaces.
#[derive(Debug, Default)]
pub(super) struct OwnNamespace {
    pub(super) name: String,
    pub(super) roles: Vec<Role>,
    pub(super) bindings: Vec<RoleBinding>,
    /// hotdesk's own accounts there.
    pub(super) accounts: Vec<ServiceAccount>,
}

/// Where hotdesk's programs and reapers run, and where releases are saved.
pub(super) fn names(namespaces: &[Namespace], deployments: &[Deployment], reapers: &[Reaper]) -> BTreeSet<String> {
    let is_own = |namespace: &&Namespace| {
        let labels = namespace.labels();
        labels.get(PART_OF.0).is_some_and(|part| part == PART_OF.1) && !labels.contains_key(keys::SLOT)
    };
    let labelled = namespaces.iter().filter(is_own).map(ResourceExt::name_any);
    let of_reapers =
        reapers.iter().flat_map(|reaper| [reaper.namespace.clone(), reaper.settings.saved_namespace.clone()]);
    labelled.chain(deployments.iter().filter_map(ResourceExt::namespace)).chain(of_reapers).collect()
}

/// Asks what is bound there.
pub(super) async fn ask(client: &Client, names: BTreeSet<String>) -> Answered<Vec<OwnNamespace>> {
    let everything = &ListParams::default();
    let own = &everything.clone().labels(&format!("{}={}", PART_OF.0, PART_OF.1));
    let mut all = Vec::new();
    for name in names {
        let (roles, bindings, accounts) = (
            Api::namespaced(client.clone(), &name),
            Api::namespaced(client.clone(), &name),
            Api::namespaced(client.clone(), &name),
        );
        let (roles, bindings, accounts) =
            tokio::join!(items(&roles, everything), items(&bindings, everything), items(&accounts, own));
        all.push(OwnNamespace { name, roles: roles?, bindings: bindings?, accounts: accounts? });
    }
    Ok(all)
}

/// What gives hotdesk's power there, whatever names a rule is limited to: everything there is hotdesk's. And what it allows.
const POWERS: [(&[Access], &str); 5] = [
    (&[access(&["get", "list", "watch"], "", &["secrets"])], "read its Secrets"),
    (WORKLOADS, "run what they like as its accounts"),
    (
        &[access(&["impersonate"], "", &["serviceaccounts"]), access(&["create"], "", &["serviceaccounts/token"])],
        "act as its accounts",
    ),
    (&[access(RUN, "", &["configmaps"])], "change what it goes by (ConfigMaps)"),
    (
        &[access(&["escalate", "bind"], "rbac.authorization.k8s.io", &["clusterroles", "roles"])],
        "give themselves any right there",
    ),
];

/// Which bindings make hotdesk's power somebody else's.
pub(super) fn judge(own: &Answered<Vec<OwnNamespace>>, grants: &Answered<Grants>) -> Vec<Finding> {
    let (own, grants) = match (own, grants) {
        (Ok(own), Ok(grants)) => (own, grants),
        (Err(why), _) | (_, Err(why)) => return vec![Finding::unknown(Id::RightsBeyond, SUBJECT, why)],
    };
    let bindings = own.iter().flat_map(|namespace| namespace.bindings.iter().map(move |binding| (namespace, binding)));
    let mut findings: Vec<Finding> =
        bindings.filter_map(|(namespace, binding)| of_binding(namespace, binding, own, grants)).collect();
    if findings.is_empty() && !own.is_empty() {
        let names: Vec<&str> = own.iter().map(|namespace| namespace.name.as_str()).collect();
        let message =
            format!("no RoleBinding in {} gives hotdesk's power to anybody but its own accounts", list(&names));
        findings.push(Finding::ok(Id::RightsBeyond, SUBJECT, message));
    }
    findings
}

fn of_binding(
    namespace: &OwnNamespace,
    binding: &RoleBinding,
    own: &[OwnNamespace],
    grants: &Grants,
) -> Option<Finding> {
    let rules = rules(&binding.role_ref, &namespace.roles, grants);
    let powers: Vec<&str> =
        POWERS.iter().filter(|(given_by, _)| is_given(given_by, rules)).map(|(_, power)| *power).collect();
    let subjects = binding.subjects.as_deref().unwrap_or_default();
    let (hotdesks, others): (Vec<&Subject>, Vec<&Subject>) =
        subjects.iter().filter(|subject| !is_the_clusters_own(subject)).partition(|subject| is_hotdesks(subject, own));
    if powers.is_empty() || others.is_empty() {
        return None;
    }
    let (place, name) = (&namespace.name, binding.name_any());
    let who: Vec<String> = others.into_iter().map(shown).collect();
    let message =
        format!("the RoleBinding {name} in {place} makes hotdesk's power theirs: {} can {}", list(&who), list(&powers));
    // A binding of the chart's own must stay for its own account.
    let take_away = if hotdesks.is_empty() { "delete" } else { "edit" };
    let name = for_a_shell(&name);
    let fix = format!(
        "look at it: kubectl -n {place} get rolebinding {name} -o yaml; unless it is intended, take the right away: \
         kubectl -n {place} {take_away} rolebinding {name}"
    );
    Some(Finding::warning(Id::RightsBeyond, SUBJECT, message).with_fix(fix))
}

/// Kubernetes lets the name of a binding hold nearly every sign.
fn for_a_shell(name: &str) -> String {
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.:".contains(&b);
    if name.bytes().all(is_plain) { name.to_owned() } else { format!("'{}'", name.replace('\'', r"'\''")) }
}

fn is_given(given_by: &[Access], rules: &[PolicyRule]) -> bool {
    rules.iter().any(|rule| given_by.iter().any(|access| access.is_in(rule)))
}

/// True for an account that a chart of hotdesk's made, and for all accounts of one of its namespaces: the others there have what their
/// own bindings say, and who runs something as them has this power anyway.
fn is_hotdesks(subject: &Subject, own: &[OwnNamespace]) -> bool {
    let in_one = |namespace: &str| own.iter().find(|one| one.name == namespace);
    match subject.kind.as_str() {
        "ServiceAccount" => subject
            .namespace
            .as_deref()
            .and_then(in_one)
            .is_some_and(|one| one.accounts.iter().any(|account| account.name_any() == subject.name)),
        "Group" => subject.name.strip_prefix("system:serviceaccounts:").and_then(in_one).is_some(),
        _ => false,
    }
}

#[cfg(test)]
mod tests;
