//! Which kinds of objects are restamped? Whatever discovery offers, but for what the chart's table leaves out.

use std::sync::OnceLock;

use kube::discovery::{ApiCapabilities, ApiResource, Discovery, Scope, verbs};
use kube::{Client, Error};
use serde::Deserialize;

/// The webhook and the policies go by the same table.
const TABLE: &str = include_str!("../../../charts/hotdesk/files/gated.yaml");

/// The part of the table that the restamper needs.
#[derive(Debug, Default, Deserialize)]
pub struct Table {
    stamp: Stamp,
    restamp: Restamp,
}

#[derive(Debug, Default, Deserialize)]
struct Stamp {
    /// Each as `GROUP/KIND`.
    never: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
struct Restamp {
    never: Vec<Resource>,
}

/// A resource, or with `*` all of a group.
#[derive(Debug, Deserialize)]
struct Resource {
    group: String,
    resource: String,
}

impl Table {
    /// Reads the table.
    ///
    /// # Errors
    /// If the file of the chart is not such a table.
    pub fn read() -> anyhow::Result<Self> {
        Ok(serde_saphyr::from_str(TABLE)?)
    }

    /// The table, read once. The program does not start where it cannot be read.
    #[must_use]
    pub fn get() -> &'static Self {
        static READ: OnceLock<Table> = OnceLock::new();
        READ.get_or_init(|| Self::read().unwrap_or_default())
    }

    /// True for a kind whose objects carry a stamp, and can be listed and patched in a namespace.
    #[must_use]
    pub fn takes(&self, resource: &ApiResource, can: &ApiCapabilities) -> bool {
        let (group, plural) = (resource.group.as_str(), resource.plural.as_str());
        let kind = format!("{group}/{}", resource.kind);
        let left_out = |one: &Resource| one.group == group && (one.resource == "*" || one.resource == plural);
        can.scope == Scope::Namespaced
            && can.supports_operation(verbs::LIST)
            && can.supports_operation(verbs::PATCH)
            && !self.stamp.never.contains(&kind)
            && !self.restamp.never.iter().any(left_out)
    }
}

/// The kinds that the API server offers now.
///
/// # Errors
/// When it cannot be asked.
pub async fn offered(client: Client) -> Result<Vec<ApiResource>, Error> {
    let discovery = Discovery::new(client).run_aggregated().await?;
    let all = discovery.groups_alphabetical().into_iter().flat_map(kube::discovery::ApiGroup::resources_by_stability);
    Ok(all.filter(|(resource, can)| Table::get().takes(resource, can)).map(|(resource, _)| resource).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(group: &str, kind: &str, plural: &str, operations: &[&str], scope: Scope, expected: bool) {
        let resource = ApiResource {
            group: group.to_owned(),
            version: "v1".to_owned(),
            api_version: format!("{group}/v1"),
            kind: kind.to_owned(),
            plural: plural.to_owned(),
        };
        let operations = operations.iter().map(|verb| (*verb).to_owned()).collect();
        let can = ApiCapabilities { scope, subresources: Vec::new(), operations };
        assert_eq!(Table::read().unwrap().takes(&resource, &can), expected, "{group}/{kind}");
    }

    #[test]
    fn everything_that_carries_a_stamp_is_restamped_but_rights_and_what_is_hotdesks() {
        let all = ["get", "list", "patch"];
        for (group, kind, plural) in [
            ("", "Secret", "secrets"),
            ("", "Pod", "pods"),
            ("", "ServiceAccount", "serviceaccounts"),
            ("apps", "ReplicaSet", "replicasets"),
            ("example.com", "Event", "events"),
        ] {
            check(group, kind, plural, &all, Scope::Namespaced, true);
            check(group, kind, plural, &all, Scope::Cluster, false);
            check(group, kind, plural, &["list"], Scope::Namespaced, false);
            check(group, kind, plural, &["patch"], Scope::Namespaced, false);
        }
        for (group, kind, plural) in [
            ("rbac.authorization.k8s.io", "Role", "roles"),
            ("rbac.authorization.k8s.io", "RoleBinding", "rolebindings"),
            ("hotdesk.dev", "Slot", "slots"),
            ("coordination.k8s.io", "Lease", "leases"),
            ("", "Event", "events"),
            ("events.k8s.io", "Event", "events"),
            ("", "Endpoints", "endpoints"),
            ("discovery.k8s.io", "EndpointSlice", "endpointslices"),
            ("", "Binding", "bindings"),
        ] {
            check(group, kind, plural, &all, Scope::Namespaced, false);
        }
    }
}
