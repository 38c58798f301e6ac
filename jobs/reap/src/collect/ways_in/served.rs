//! Which of the kinds that lead into a slot does the cluster serve, and in which version?

use hotdesk_traffic::ways_in::Unwatched;
use hotdesk_traffic::ways_in::kinds::{NETWORKING, looked_for};
use kube::api::ApiResource;

use super::{ASKED, reason};
use crate::api::Cluster;

/// The kinds that are served, each in one version.
pub(crate) struct Served {
    kinds: Vec<ApiResource>,
    /// Groups that could not be asked for.
    pub(crate) unread: Vec<Unwatched>,
}

impl Served {
    /// Asks the API server.
    ///
    /// # Errors
    /// When it does not say which groups there are.
    pub(crate) async fn ask(cluster: &Cluster) -> Result<Self, String> {
        let groups = cluster.answer(ASKED, cluster.client.list_api_groups()).await?.groups;
        // An answer that is something else would read as a list of nothing.
        if !groups.iter().any(|group| group.name == NETWORKING) {
            return Err(format!("the API server does not say that it serves {NETWORKING}, as every one does"));
        }
        let mut served = Self { kinds: Vec::new(), unread: Vec::new() };
        for group in groups.iter().filter(|group| group.name != NETWORKING) {
            let plurals: Vec<&str> = looked_for(&group.name).collect();
            let preferred = group.preferred_version.iter();
            for version in preferred.chain(&group.versions).map(|version| version.group_version.as_str()) {
                if plurals.iter().any(|plural| served.find(&group.name, plural).is_none()) {
                    served.read(cluster, version, &plurals).await;
                }
            }
        }
        Ok(served)
    }

    /// Reads one version of a group.
    async fn read(&mut self, cluster: &Cluster, group_version: &str, plurals: &[&str]) {
        let Some((group, version)) = group_version.split_once('/') else { return };
        let resources = match cluster.answer(ASKED, cluster.client.list_api_group_resources(group_version)).await {
            Ok(resources) => resources.resources,
            Err(why) => {
                let what = format!("the kinds of {group_version}");
                let unread = Unwatched::unread(&what, &format!("get /apis/{group_version}"), reason(&why));
                if !self.unread.contains(&unread) {
                    self.unread.push(unread);
                }
                return;
            }
        };
        for resource in resources.into_iter().filter(|resource| plurals.contains(&resource.name.as_str())) {
            if self.find(group, &resource.name).is_none() {
                self.kinds.push(ApiResource {
                    group: group.to_owned(),
                    version: version.to_owned(),
                    api_version: group_version.to_owned(),
                    kind: resource.kind,
                    plural: resource.name,
                });
            }
        }
    }

    /// A kind, if it is served.
    pub(crate) fn find(&self, group: &str, plural: &str) -> Option<&ApiResource> {
        self.kinds.iter().find(|kind| kind.group == group && kind.plural == plural)
    }
}
