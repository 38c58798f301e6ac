//! May each of hotdesk's programs do what it is there for, and may the person who asks see the Slots?

use futures::StreamExt as _;
use hotdesk_slots::session_records::CONFIG_MAP;
use hotdesk_slots::text::list;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::authorization::v1::{ResourceAttributes, SubjectAccessReview, SubjectAccessReviewSpec};
use kube::api::PostParams;
use kube::{Api, Client, ResourceExt};

use super::ask::{AT_ONCE, Answered, timed};
use super::finding::{Finding, Id};
use super::reapers::{Observer, Reaper};
use hotdesk_traffic::pod_usage::{Origin, Settings};
use hotdesk_traffic::sources::{EVERYWHERE, IN_SLOT, OBSERVES, Right, SAVE, SESSIONS, Source};

/// One right that somebody needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Need {
    /// Under which name it is shown: `the webhook`, `slot mew`.
    subject: String,
    id: Id,
    /// The namespace of the service account, and its name.
    account: (String, String),
    verb: &'static str,
    group: &'static str,
    /// With its subresource, as RBAC writes it.
    resource: &'static str,
    /// Where; everywhere if none.
    namespace: Option<String>,
    /// Of which object; of any if none.
    name: Option<String>,
    /// True for what a source needs, where the ingress controller is.
    of_source: bool,
}

/// A right, and whether it is there.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) need: Need,
    pub(super) allowed: Answered<bool>,
}

const SLOTS: &str = "hotdesk.dev";
/// What each Deployment does everywhere.
const PROGRAMS: [(&str, &[Right]); 3] = [
    ("webhook", &[("list", SLOTS, "slots"), ("watch", SLOTS, "slots")]),
    ("sync", &[("list", SLOTS, "slots"), ("patch", SLOTS, "slots"), ("patch", SLOTS, "slots/status")]),
    ("controller", &[("list", SLOTS, "slots"), ("watch", SLOTS, "slots"), ("patch", SLOTS, "slots/status")]),
];
/// Under which name the job is shown that reads for all slots.
const OBSERVING: &str = "the observing job";

/// Everything that anybody needs.
pub(super) fn needed(deployments: &[Deployment], reapers: &[Reaper]) -> Vec<Need> {
    let mut needs = Vec::new();
    for deployment in deployments {
        let component = deployment.labels().get("app.kubernetes.io/component").cloned().unwrap_or_default();
        let Some((_, rules)) = PROGRAMS.iter().find(|(name, _)| *name == component) else { continue };
        let pod = deployment.spec.as_ref().and_then(|spec| spec.template.spec.as_ref());
        let Some(account) = pod.and_then(|pod| pod.service_account_name.clone()) else { continue };
        let account = (deployment.namespace().unwrap_or_default(), account);
        let need = |rule: &Right| need(format!("the {component}"), Id::Rights, &account, *rule, None);
        needs.extend(rules.iter().map(need));
    }
    needs.extend(reapers.iter().flat_map(of_reaper));
    needs
}

/// What the job needs that reads for all slots, if there is one.
pub(super) fn of_observer(observer: &Observer) -> Vec<Need> {
    let account = (observer.namespace.clone(), observer.account.clone());
    let need = |rule: &Right, place: Option<&str>| need(OBSERVING.to_owned(), Id::Rights, &account, *rule, place);
    let mut needs: Vec<Need> = OBSERVES.iter().map(|rule| need(rule, None)).collect();
    let sources = &observer.settings.sources;
    needs.extend(of_places(sources, Source::rights_to_observe).iter().map(|(rule, place)| need(rule, Some(place))));
    needs
}

fn of_reaper(reaper: &Reaper) -> Vec<Need> {
    let account = (reaper.namespace.clone(), reaper.account.clone());
    let need = |rule: Right, place: Option<&str>| {
        need(format!("slot {}", reaper.slot), Id::ReaperRights, &account, rule, place)
    };
    let mut needs: Vec<Need> = IN_SLOT.iter().map(|rule| need(*rule, Some(&reaper.slot))).collect();
    needs.push(need(SAVE, Some(&reaper.settings.saved_namespace)));
    if !reaper.settings.ignores_sessions {
        let records = need(SESSIONS, Some(&reaper.namespace));
        needs.push(Need { name: Some(CONFIG_MAP.to_owned()), ..records });
    }
    needs.extend(EVERYWHERE.iter().map(|rule| need(*rule, None)));
    let of_source = |(rule, place): &(Right, &str)| Need { of_source: true, ..need(*rule, Some(place)) };
    needs.extend(of_places(&reaper.settings.sources, Source::rights).iter().map(of_source));
    needs.extend(of_kubelets(reaper));
    needs
}

/// What sources need where their pods are, each once.
fn of_places(sources: &[Source], rights: fn(&Source) -> Vec<Right>) -> Vec<(Right, &str)> {
    let mut all = Vec::new();
    for (source, place) in sources.iter().filter_map(|source| Some((source, source.place()?))) {
        for needed in rights(source).into_iter().map(|right| (right, place.namespace.as_str())) {
            if !all.contains(&needed) {
                all.push(needed);
            }
        }
    }
    all
}

/// What the source `pod-usage` needs: the reaper to find the kubelets and to have a token for them, its account to ask them.
fn of_kubelets(reaper: &Reaper) -> Vec<Need> {
    let Some(Settings { origin: Origin::Kubelets(kubelets), .. }) = &reaper.settings.pod_usage else {
        return Vec::new();
    };
    let (own, asking) =
        ((reaper.namespace.clone(), reaper.account.clone()), (kubelets.namespace.clone(), kubelets.account.clone()));
    let subject = format!("slot {}", reaper.slot);
    let need = |account: &(String, String), rule: Right, place: Option<&str>| {
        need(subject.clone(), Id::PodUsage, account, rule, place)
    };
    let token = need(&own, ("create", "", "serviceaccounts/token"), Some(&kubelets.namespace));
    vec![
        need(&own, ("get", "", "nodes"), None),
        Need { name: Some(kubelets.account.clone()), ..token },
        need(&asking, ("get", "", "nodes/stats"), None),
        need(&asking, ("get", "", "nodes/metrics"), None),
    ]
}

fn need(subject: String, id: Id, account: &(String, String), rule: Right, namespace: Option<&str>) -> Need {
    let (verb, group, resource) = rule;
    let (account, namespace) = (account.clone(), namespace.map(str::to_owned));
    Need { subject, id, account, verb, group, resource, namespace, name: None, of_source: false }
}

/// Asks the API server for each.
pub(super) async fn ask(client: &Client, needs: Vec<Need>) -> Vec<Asked> {
    let reviews: Api<SubjectAccessReview> = Api::all(client.clone());
    let one = |need: Need| {
        let reviews = reviews.clone();
        async move {
            let create = PostParams::default();
            let answer = timed(reviews.create(&create, &need.review())).await;
            let allowed = answer.map(|review| review.status.is_some_and(|status| status.allowed));
            Asked { need, allowed }
        }
    };
    futures::stream::iter(needs).map(one).buffered(AT_ONCE).collect().await
}

impl Need {
    fn review(&self) -> SubjectAccessReview {
        let (namespace, name) = &self.account;
        let (resource, subresource) = self.resource.split_once('/').unwrap_or((self.resource, ""));
        let attributes = ResourceAttributes {
            group: Some(self.group.to_owned()),
            resource: Some(resource.to_owned()),
            subresource: (!subresource.is_empty()).then(|| subresource.to_owned()),
            verb: Some(self.verb.to_owned()),
            namespace: self.namespace.clone(),
            name: self.name.clone(),
            ..ResourceAttributes::default()
        };
        let groups = [
            "system:serviceaccounts".to_owned(),
            format!("system:serviceaccounts:{namespace}"),
            "system:authenticated".to_owned(),
        ];
        SubjectAccessReview {
            spec: SubjectAccessReviewSpec {
                resource_attributes: Some(attributes),
                user: Some(format!("system:serviceaccount:{namespace}:{name}")),
                groups: Some(groups.to_vec()),
                ..SubjectAccessReviewSpec::default()
            },
            ..SubjectAccessReview::default()
        }
    }

    fn shown(&self) -> String {
        let place = self.namespace.as_ref().map_or("everywhere".to_owned(), |namespace| format!("in {namespace}"));
        format!("{} {} {place}", self.verb, self.resource)
    }

    #[cfg(test)]
    pub(super) fn is_of_pod_usage(&self) -> bool {
        self.id == Id::PodUsage
    }

    /// Who needs what.
    #[cfg(test)]
    pub(super) fn told(&self) -> String {
        format!("{}: {}", self.account.1, self.shown())
    }

    /// The same question, for kubectl.
    fn can_i(&self) -> String {
        let (namespace, name) = &self.account;
        let group = if self.group.is_empty() { String::new() } else { format!(".{}", self.group) };
        let (resource, subresource) = self.resource.split_once('/').unwrap_or((self.resource, ""));
        let of = self.name.as_ref().map_or_else(String::new, |name| format!("/{name}"));
        let subresource = if subresource.is_empty() { String::new() } else { format!(" --subresource={subresource}") };
        let place = self.namespace.as_ref().map_or(" -A".to_owned(), |namespace| format!(" -n {namespace}"));
        format!(
            "kubectl auth can-i {} {resource}{group}{of}{subresource}{place} --as=system:serviceaccount:{namespace}:{name}",
            self.verb
        )
    }
}

/// Who may not what.
pub(super) fn judge(asked: &[Asked]) -> Vec<Finding> {
    let mut subjects: Vec<(&str, Id)> = Vec::new();
    for one in asked {
        if !subjects.contains(&(&one.need.subject, one.need.id)) {
            subjects.push((&one.need.subject, one.need.id));
        }
    }
    let mut findings: Vec<Finding> = subjects.iter().filter_map(|(subject, id)| missing(subject, *id, asked)).collect();
    if let Some(why) = asked.iter().find_map(|one| one.allowed.as_ref().err()) {
        findings.push(Finding::unknown(Id::Rights, "the rights", why).with_fix(
            "run this with the right to create subjectaccessreviews.authorization.k8s.io, such as by the role system:auth-delegator",
        ));
    } else if !findings.iter().any(|finding| finding.id == Id::Rights) && !asked.is_empty() {
        let programs = subjects.iter().filter(|(_, id)| *id == Id::Rights).map(|(subject, _)| *subject);
        let programs: Vec<&str> = programs.collect();
        if !programs.is_empty() {
            findings.push(Finding::ok(Id::Rights, "the rights", format!("{} may do what they do", list(&programs))));
        }
    }
    findings
}

fn missing(subject: &str, id: Id, asked: &[Asked]) -> Option<Finding> {
    let denied: Vec<&Need> = asked
        .iter()
        .filter(|one| one.need.subject == subject && one.need.id == id && one.allowed == Ok(false))
        .map(|one| &one.need)
        .collect();
    let first = denied.first()?;
    let (namespace, name) = &first.account;
    let rights = list(&denied.iter().map(|need| need.shown()).collect::<Vec<_>>());
    let (whose, chart) = match id {
        Id::ReaperRights if denied.iter().all(|need| need.of_source) => (
            "its reaper",
            "helm upgrade slots charts/slots -n hotdesk --reset-then-reuse-values --set reaper.ingress.rbac=true",
        ),
        Id::PodUsage if denied.iter().any(|need| need.resource.starts_with("nodes/")) => (
            "the account that asks the kubelets",
            "helm upgrade slots charts/slots -n hotdesk --reset-then-reuse-values",
        ),
        Id::ReaperRights | Id::PodUsage => {
            ("its reaper", "helm upgrade slots charts/slots -n hotdesk --reset-then-reuse-values")
        }
        _ if subject == OBSERVING => ("it", "helm upgrade slots charts/slots -n hotdesk --reset-then-reuse-values"),
        _ => ("it", "helm upgrade hotdesk charts/hotdesk -n hotdesk --reset-then-reuse-values"),
    };
    let message = format!("{whose} ({namespace}/{name}) may not: {rights}");
    Some(Finding::problem(id, subject, message).with_fix(format!("{chart}; to ask again: {}", first.can_i())))
}

#[cfg(test)]
mod tests;
