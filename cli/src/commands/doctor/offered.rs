//! Does the gate judge every kind that the API server offers today, and who offers kinds that no gate of it can judge?

use futures::StreamExt as _;
use hotdesk_slots::text::list;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::APIResourceList;
use kube::api::{ApiResource, DynamicObject, GroupVersionKind, ListParams};
use kube::{Api, Client};

use super::ask::{AT_ONCE, Answered, items, timed};
use super::finding::{Finding, Id};
use super::gate::{self, Judge, Rule};
use super::installation::UPGRADE;
use super::snapshot::Snapshot;

const SUBJECT: &str = "the kinds of this cluster";
/// How many are named; the others are counted.
const NAMED: usize = 5;

/// A namespaced resource or subresource that can be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Offered {
    pub(super) group: String,
    /// With the subresource: `pods/exec`.
    pub(super) resource: String,
    /// As rules name them: CREATE, UPDATE, DELETE, CONNECT.
    pub(super) operations: Vec<&'static str>,
    /// Another server than the API server answers, and admits what it likes.
    pub(super) elsewhere: bool,
}

/// Asks for all of them.
pub(super) async fn ask(client: &Client) -> Answered<Vec<Offered>> {
    let services = ApiResource::from_gvk(&GroupVersionKind::gvk("apiregistration.k8s.io", "v1", "APIService"));
    let services: Api<DynamicObject> = Api::all_with(client.clone(), &services);
    let everything = ListParams::default();
    let (groups, services) = tokio::join!(timed(client.list_api_groups()), items(&services, &everything));
    let elsewhere: Vec<String> = services?.iter().filter_map(answered_elsewhere).collect();
    let versions = groups?.groups.into_iter().flat_map(|group| group.versions).map(|version| version.group_version);
    let core = async { timed(client.list_core_api_resources("v1")).await };
    let others = futures::stream::iter(versions)
        .map(|version| async move { timed(client.list_api_group_resources(&version)).await });
    let (core, others) = tokio::join!(core, others.buffered(AT_ONCE).collect::<Vec<_>>());
    let mut found: Vec<Offered> = Vec::new();
    for resources in std::iter::once(core).chain(others) {
        for one in offered(&resources?, &elsewhere) {
            if !found.contains(&one) {
                found.push(one);
            }
        }
    }
    Ok(found)
}

/// The group and version of an APIService that leads to a Service.
fn answered_elsewhere(service: &DynamicObject) -> Option<String> {
    let text = |path: &str| service.data.pointer(path).and_then(serde_json::Value::as_str);
    service.data.pointer("/spec/service").filter(|service| !service.is_null())?;
    Some(format!("{}/{}", text("/spec/group")?, text("/spec/version")?))
}

/// What of a group can be written in a namespace.
fn offered(resources: &APIResourceList, elsewhere: &[String]) -> Vec<Offered> {
    let group = resources.group_version.split_once('/').map_or("", |(group, _)| group);
    let one = |resource: &k8s_openapi::apimachinery::pkg::apis::meta::v1::APIResource| {
        let operations = operations(&resource.name, &resource.verbs);
        (resource.namespaced && !operations.is_empty()).then(|| Offered {
            group: group.to_owned(),
            resource: resource.name.clone(),
            operations,
            elsewhere: elsewhere.contains(&resources.group_version),
        })
    };
    resources.resources.iter().filter_map(one).collect()
}

fn operations(resource: &str, verbs: &[String]) -> Vec<&'static str> {
    // Kubernetes' own, and each is a CONNECT whatever its verb is.
    if matches!(resource.split_once('/'), Some((_, "exec" | "attach" | "portforward" | "proxy"))) {
        return vec!["CONNECT"];
    }
    let has = |any: &[&str]| verbs.iter().any(|verb| any.contains(&verb.as_str()));
    let all =
        [("CREATE", &["create"][..]), ("UPDATE", &["update", "patch"]), ("DELETE", &["delete", "deletecollection"])];
    all.into_iter().filter(|(_, verbs)| has(verbs)).map(|(operation, _)| operation).collect()
}

/// What passes the gate by.
pub(super) fn judge(snapshot: &Snapshot) -> Vec<Finding> {
    let offered = match &snapshot.then.offered {
        Ok(offered) => offered,
        Err(why) => return vec![Finding::unknown(Id::GatedKinds, SUBJECT, why)],
    };
    let (here, elsewhere): (Vec<&Offered>, Vec<&Offered>) = offered.iter().partition(|offered| !offered.elsewhere);
    let mut findings = Vec::new();
    for judge in gate::judges(snapshot) {
        let names: Vec<String> =
            here.iter().filter(|offered| passes(&judge, offered)).map(|offered| named(offered)).collect();
        if !names.is_empty() {
            let message = format!("{} does not judge {}", judge.name, some(&names));
            findings.push(Finding::problem(Id::GatedKinds, SUBJECT, message).with_fix(UPGRADE));
        }
    }
    if findings.is_empty() {
        let message =
            format!("the gate judges all {} kinds and subresources that can be written in a slot", here.len());
        findings.push(Finding::ok(Id::GatedKinds, SUBJECT, message));
    }
    findings.extend(aggregated(&elsewhere));
    findings
}

/// What is written to other servers, whose admission is their own.
fn aggregated(elsewhere: &[&Offered]) -> Option<Finding> {
    if elsewhere.is_empty() {
        return None;
    }
    let names: Vec<String> = elsewhere.iter().map(|offered| named(offered)).collect();
    let message =
        format!("{} are written to another server than the API server, and no gate of hotdesk sees it", some(&names));
    let fix = "find out whether that server asks admission webhooks: kubectl get apiservices";
    Some(Finding::warning(Id::AggregatedApis, SUBJECT, message).with_fix(fix))
}

/// Whether something of this can be done without being judged. Slots are judged by an entry of their own, and questions about
/// rights by nobody.
fn passes(judge: &Judge, offered: &Offered) -> bool {
    let slots = offered.group == "hotdesk.dev" && offered.resource.split('/').next() == Some("slots");
    let question = offered.group == "authorization.k8s.io" && offered.resource == "localsubjectaccessreviews";
    if slots || question {
        return false;
    }
    let covers = |rules: &[Rule], operation: &str| rules.iter().any(|rule| rule.covers(offered, operation));
    let mut operations = offered.operations.iter().filter(|operation| judge.operations.contains(operation));
    operations.any(|operation| !covers(&judge.rules, operation) || covers(&judge.leaves_out, operation))
}

fn named(offered: &Offered) -> String {
    if offered.group.is_empty() { offered.resource.clone() } else { format!("{}.{}", offered.resource, offered.group) }
}

fn some(names: &[String]) -> String {
    let shown = names.get(..NAMED).unwrap_or(names);
    match names.len() - shown.len() {
        0 => list(shown),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

impl Rule {
    /// Whether it is about this, as the API server matches rules.
    fn covers(&self, offered: &Offered, operation: &str) -> bool {
        let matches = |list: &[String], wanted: &str| list.iter().any(|one| one == "*" || one == wanted);
        let (resource, subresource) = offered.resource.split_once('/').unwrap_or((&offered.resource, ""));
        let of = |pattern: &String| match pattern.split_once('/') {
            None => (pattern == "*" || pattern == resource) && subresource.is_empty(),
            Some(("*", "*")) => true,
            Some(("*", of)) => of == subresource,
            Some((of, "*")) => of == resource,
            Some(_) => *pattern == offered.resource,
        };
        matches(&self.operations, operation) && matches(&self.groups, &offered.group) && self.resources.iter().any(of)
    }
}

#[cfg(test)]
mod tests;
