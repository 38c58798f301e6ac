//! What is there from before that is a pod, or of which pods can be made?
//!
//! The person who left a Deployment whose service account is missing has no pod yet: it starts with the next holder's account. So every
//! kind counts of which hotdesk does not know that nothing makes pods of it. Of helm's records nothing is made by itself: the hooks of one
//! that is older than the claim are left out when the slot is cleared.

use futures::StreamExt as _;
use hotdesk_slots::text::{list, sanitize_short};
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::APIResourceList;
use kube::api::{ApiResource, DynamicObject, ListParams};
use kube::{Api, Client, Error, ResourceExt};

/// How many of each are named.
const SHOWN: usize = 8;

/// How many questions are under way at once.
const AT_ONCE: usize = 16;

/// The kinds of the core group of which nothing makes pods.
const CORE_NO_PODS: [&str; 11] = [
    "bindings",
    "configmaps",
    "endpoints",
    "events",
    "limitranges",
    "persistentvolumeclaims",
    "podtemplates",
    "resourcequotas",
    "secrets",
    "serviceaccounts",
    "services",
];

/// Kubernetes' own groups of which nothing makes pods, and hotdesk's.
const NO_PODS: [&str; 16] = [
    "authentication.k8s.io",
    "authorization.k8s.io",
    "autoscaling",
    "certificates.k8s.io",
    "coordination.k8s.io",
    "custom.metrics.k8s.io",
    "discovery.k8s.io",
    "events.k8s.io",
    "external.metrics.k8s.io",
    "hotdesk.dev",
    "metrics.k8s.io",
    "networking.k8s.io",
    "policy",
    "rbac.authorization.k8s.io",
    "snapshot.storage.k8s.io",
    "storage.k8s.io",
];

/// What was found in a slot.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Left {
    /// The objects, each with its kind.
    found: Vec<String>,
    /// The kinds that could not be looked at.
    unknown: Vec<String>,
}

impl Left {
    /// What is said of it; nothing where nothing is there, and everything could be looked at.
    pub(super) fn told(&self, slot: &str) -> Option<String> {
        let found =
            (!self.found.is_empty()).then(|| format!("From before, there is in {slot}: {}.", some(&self.found)));
        let unknown = (!self.unknown.is_empty())
            .then(|| format!("Could not be looked at in {slot}, and may be there: {}.", some(&self.unknown)));
        let told: Vec<String> = found.into_iter().chain(unknown).collect();
        (!told.is_empty()).then(|| told.join(" "))
    }

    fn add(&mut self, kind: &ApiResource, listed: Result<Vec<String>, Error>) {
        match listed {
            Ok(names) => {
                self.found.extend(names.iter().map(|name| format!("{}/{}", shown(kind), sanitize_short(name))));
            }
            Err(error) => self.miss(format!("{}{}", sanitize_short(&kind.plural), of_group(&kind.group)), &error),
        }
    }

    /// A kind that is gone since it was offered has no objects.
    fn miss(&mut self, what: String, error: &Error) {
        let gone = matches!(error, Error::Api(status) if status.code == 404);
        if !gone {
            self.unknown.push(what);
        }
    }
}

/// What is said of Secrets with tokens that have no end, as far as this person can list them. Nobody writes with such a token, and
/// who made it may go on reading with it.
pub(super) async fn endless_tokens(client: &Client, slot: &str) -> Option<String> {
    let of_type = ListParams::default().fields("type=kubernetes.io/service-account-token");
    let listed = Api::<Secret>::namespaced(client.clone(), slot).list_metadata(&of_type).await.ok()?;
    tokens_told(slot, &listed.items.iter().map(|secret| sanitize_short(&secret.name_any())).collect::<Vec<_>>())
}

fn tokens_told(slot: &str, names: &[String]) -> Option<String> {
    (!names.is_empty()).then(|| {
        format!(
            "From before, there are Secrets in {slot} with tokens that have no end: {}. A person who knows one can read what the \
             slot's service accounts can. Delete those that you do not need: kubectl -n {slot} delete secret {}",
            some(names),
            names.get(..SHOWN).unwrap_or(names).join(" ")
        )
    })
}

/// Looks, as far as this person can.
pub(super) async fn look(client: &Client, slot: &str) -> Left {
    let mut left = Left::default();
    let kinds = offered(client, &mut left).await;
    let lists = futures::stream::iter(kinds).map(|kind| async move {
        let listed = names(client, slot, &kind).await;
        (kind, listed)
    });
    for (kind, listed) in lists.buffered(AT_ONCE).collect::<Vec<_>>().await {
        left.add(&kind, listed);
    }
    left
}

async fn names(client: &Client, slot: &str, kind: &ApiResource) -> Result<Vec<String>, Error> {
    let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), slot, kind);
    let listed = api.list_metadata(&ListParams::default()).await?;
    Ok(listed.items.iter().map(ResourceExt::name_any).collect())
}

/// The kinds that count. In every version: one may be served in an older version alone.
async fn offered(client: &Client, left: &mut Left) -> Vec<ApiResource> {
    let (core, groups) = tokio::join!(client.list_core_api_resources("v1"), client.list_api_groups());
    let groups = match groups {
        Ok(groups) => groups.groups,
        Err(_) => {
            left.unknown.push("everything but pods".to_owned());
            Vec::new()
        }
    };
    let groups = groups.into_iter().filter(|group| !NO_PODS.contains(&group.name.as_str()));
    let versions = groups.flat_map(|group| group.versions).map(|version| version.group_version);
    let others = futures::stream::iter(versions).map(|version| async move {
        let answer = client.list_api_group_resources(&version).await;
        (version, answer)
    });
    let others: Vec<_> = others.buffered(AT_ONCE).collect().await;
    let mut offered = Vec::new();
    for (version, answer) in std::iter::once(("v1".to_owned(), core)).chain(others) {
        match answer {
            Ok(resources) => offered.push(resources),
            Err(error) => left.miss(format!("everything of {}", sanitize_short(&version)), &error),
        }
    }
    kinds(&offered)
}

/// Those of which pods can be made, each once, in the first version that serves it.
fn kinds(offered: &[APIResourceList]) -> Vec<ApiResource> {
    let mut kinds: Vec<ApiResource> = Vec::new();
    for resources in offered {
        let version = resources.group_version.as_str();
        let (group, short) = version.split_once('/').unwrap_or(("", version));
        for one in
            resources.resources.iter().filter(|one| one.namespaced && one.verbs.iter().any(|verb| verb == "list"))
        {
            let known = kinds.iter().any(|kind| kind.group == group && kind.plural == one.name);
            if known || !makes_pods(group, &one.name) {
                continue;
            }
            kinds.push(ApiResource {
                group: group.to_owned(),
                version: short.to_owned(),
                api_version: version.to_owned(),
                kind: one.kind.clone(),
                plural: one.name.clone(),
            });
        }
    }
    kinds
}

/// Whether an object of this kind is a pod, or something may make pods of it. Of a kind that is not Kubernetes' own nobody knows.
fn makes_pods(group: &str, plural: &str) -> bool {
    if group.is_empty() { !CORE_NO_PODS.contains(&plural) } else { !NO_PODS.contains(&group) }
}

/// `Pod`, `Deployment`, `Workflow.argoproj.io`.
fn shown(kind: &ApiResource) -> String {
    let group = if matches!(kind.group.as_str(), "apps" | "batch") { "" } else { &kind.group };
    format!("{}{}", sanitize_short(&kind.kind), of_group(group))
}

fn of_group(group: &str) -> String {
    if group.is_empty() { String::new() } else { format!(".{}", sanitize_short(group)) }
}

fn some(all: &[String]) -> String {
    let mut first: Vec<String> = all.iter().take(SHOWN).cloned().collect();
    let more = all.len().saturating_sub(first.len());
    if more > 0 {
        first.push(format!("{more} more"));
    }
    list(&first)
}

#[cfg(test)]
mod tests;
