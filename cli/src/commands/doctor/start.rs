//! Would a slot's reaper get its pod? One is created as a dry run: quotas, limits and Pod Security judge it as any other,
//! and nothing is stored.

use futures::StreamExt as _;
use hotdesk_slots::keys;
use hotdesk_slots::text::sanitize;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{ObjectMeta, PostParams};
use kube::{Api, Client};

use super::ask::AT_ONCE;
use super::finding::{Finding, Id};
use super::reapers::Reaper;
use super::slots::SUBJECT;

/// What was made of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    Admitted,
    /// In the words of what refused it.
    Refused(String),
    /// The person who asks may not try it.
    NotTried(String),
}

/// A slot, and whether its reaper would get its pod.
#[derive(Debug, Clone)]
pub(super) struct Start {
    pub(super) slot: String,
    /// Where its reaper runs.
    pub(super) namespace: String,
    pub(super) answer: Answer,
}

/// Tries it for each slot.
pub(super) async fn ask(client: &Client, reapers: &[Reaper]) -> Vec<Start> {
    let tries = reapers.iter().map(|reaper| {
        let api: Api<Pod> = Api::namespaced(client.clone(), &reaper.namespace);
        let pod = pod(reaper);
        async move {
            let dry_run = PostParams { dry_run: true, ..PostParams::default() };
            let created = tokio::time::timeout(std::time::Duration::from_secs(12), api.create(&dry_run, &pod)).await;
            let answer = match created {
                Ok(Ok(_)) => Answer::Admitted,
                Ok(Err(kube::Error::Api(status))) => refused(&status.message),
                Ok(Err(other)) => Answer::NotTried(other.to_string()),
                Err(_) => Answer::NotTried("no answer within 12 s".to_owned()),
            };
            Start { slot: reaper.slot.clone(), namespace: reaper.namespace.clone(), answer }
        }
    });
    futures::stream::iter(tries).buffered(AT_ONCE).collect().await
}

fn pod(reaper: &Reaper) -> Pod {
    let labels = reaper.template.metadata.as_ref().and_then(|metadata| metadata.labels.clone());
    let metadata = ObjectMeta { generate_name: Some("hotdesk-doctor-".to_owned()), labels, ..ObjectMeta::default() };
    Pod { metadata, spec: reaper.template.spec.clone(), ..Pod::default() }
}

/// Whether it was the pod that was refused, or the person who asked for it.
fn refused(message: &str) -> Answer {
    let of_the_pod =
        ["exceeded quota", "failed quota", "violates PodSecurity", "per Container", "per Pod", "serviceaccount"];
    if of_the_pod.iter().any(|words| message.contains(words)) {
        let words = message.split_once(" is forbidden: ").map_or(message, |(_, words)| words);
        return Answer::Refused(sanitize(words));
    }
    Answer::NotTried(sanitize(message))
}

/// Whether reapers start.
pub(super) fn judge(starts: &[Start]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for start in starts {
        let subject = format!("{SUBJECT}{}", start.slot);
        match &start.answer {
            Answer::Admitted => {}
            Answer::Refused(words) => findings.push(stopped(&subject, &start.slot, &start.namespace, words)),
            Answer::NotTried(_) => findings.push(Finding::unknown(
                Id::ReaperStart,
                subject,
                &format!(
                    "whether its reaper can start is tried only for a user who can create pods in {}",
                    start.namespace
                ),
            )),
        }
    }
    findings
}

/// What stops its pod, in the words of what does.
pub(super) fn stopped(subject: &str, slot: &str, namespace: &str, words: &str) -> Finding {
    let cron_jobs = format!("cronjobs -l {}={slot}", keys::SLOT);
    let fix = if words.contains("quota") {
        format!(
            "kubectl -n {namespace} describe resourcequota; leave room in it for one more pod, and for what reaper.resources asks for"
        )
    } else if words.contains("PodSecurity") {
        format!(
            "as the chart makes it, the pod satisfies every level: find out what changes it (kubectl get mutatingwebhookconfigurations, such as \
             for sidecars; kubectl -n {namespace} get {cron_jobs} -o yaml)"
        )
    } else if words.contains(" per ") {
        format!(
            "kubectl -n {namespace} describe limitrange; set reaper.resources in the values of charts/slots within it"
        )
    } else {
        format!(
            "kubectl -n {namespace} describe {cron_jobs}; helm upgrade slots charts/slots -n hotdesk --reset-then-reuse-values"
        )
    };
    Finding::problem(Id::ReaperStart, subject, format!("its reaper's pod cannot start: {words}")).with_fix(fix)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_refused_the_pod_is_told_from_who_may_not_ask() {
        for (message, refused_by, fix) in [
            (
                "pods \"x\" is forbidden: exceeded quota: q, requested: pods=1, used: pods=0, limited: pods=0",
                "exceeded quota",
                "describe resourcequota",
            ),
            (
                "pods \"x\" is forbidden: failed quota: q: must specify limits.cpu for: reaper",
                "failed quota",
                "describe resourcequota",
            ),
            (
                "pods \"x\" is forbidden: violates PodSecurity \"restricted:latest\": runAsNonRoot != true",
                "violates",
                "find out what changes it",
            ),
            (
                "pods \"x\" is forbidden: maximum memory usage per Container is 64Mi, but limit is 512Mi",
                "maximum",
                "reaper.resources",
            ),
            (
                "pods \"x\" is forbidden: error looking up service account hotdesk-jobs/reaper-mew: serviceaccount \"reaper-mew\" not found",
                "error looking",
                "helm upgrade slots",
            ),
        ] {
            let Answer::Refused(words) = refused(message) else { panic!("{message}") };
            assert!(words.starts_with(refused_by), "{words}");
            let (slot, namespace) = ("mew".to_owned(), "hotdesk-jobs".to_owned());
            let found = judge(&[Start { slot, namespace, answer: Answer::Refused(words) }]);
            assert!(found[0].fix.as_ref().unwrap().contains(fix), "{found:?}");
            assert!(!found[0].fix.as_ref().unwrap().contains("-n mew"), "it does not run in the slot: {found:?}");
        }
        for message in [
            "pods is forbidden: User \"bob\" cannot create resource \"pods\" in API group \"\" in the namespace \"mew\"",
            "admission webhook \"gate.hotdesk.dev\" denied the request: slot \"mew\" is free",
        ] {
            assert!(matches!(refused(message), Answer::NotTried(_)), "{message}");
        }
    }
}
