//! Can the job that reads once for all slots start with what it is set to?

use k8s_openapi::api::batch::v1::CronJob;

use super::finding::{Finding, Id};
use super::reapers::Observer;

const FIX: &str = "set what these variables are made from (reaper.* and observer.* in the values of charts/slots) to what docs/sources.md \
                   and hotdesk-reap observe --help name";

/// What each such job refuses to start with. Nobody sees its Jobs, and without it each slot's own run reads the whole log.
pub(super) fn judge(cron_jobs: &[CronJob]) -> Vec<Finding> {
    let refusing = cron_jobs.iter().filter_map(Observer::read).filter(|observer| !observer.problems.is_empty());
    let told = refusing.map(|observer| {
        let message = format!(
            "it cannot read its settings, so each slot's own run reads the whole log: {}",
            observer.problems.join("; ")
        );
        Finding::problem(Id::ReaperSettings, "the observing job", message).with_fix(FIX)
    });
    told.collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told(env: &[(&str, &str)]) -> Vec<String> {
        let env: Vec<_> = env.iter().map(|(name, value)| json!({"name": name, "value": value})).collect();
        let pod = json!({"serviceAccountName": "observer", "containers": [{"name": "observer", "args": ["observe"], "env": env}]});
        let cron_job = json!({
            "metadata": {"name": "observer", "namespace": "hotdesk-jobs", "labels": {"app.kubernetes.io/component": "observer"}},
            "spec": {"schedule": "*/20 * * * *", "jobTemplate": {"spec": {"template": {"spec": pod}}}},
        });
        judge(&[serde_json::from_value(cron_job).unwrap()]).into_iter().map(|found| found.message).collect()
    }

    #[test]
    fn what_the_observing_job_refuses_to_start_with_is_said() {
        for (name, value, message) in [
            ("HOTDESK_SOURCES", "[{type: rumour}]", "HOTDESK_SOURCES: "),
            (
                "HOTDESK_SOURCES",
                "[{type: loki, url: 'http://l', selector: '{a=\"b\"}'}]",
                "HOTDESK_SOURCES: loki is no source",
            ),
            ("HOTDESK_INGRESS_LOG_FORMAT", "apache", "HOTDESK_INGRESS_LOG_FORMAT: there is no such format"),
            ("HOTDESK_REACH", "soon", "HOTDESK_REACH: "),
            ("HOTDESK_REACH", "0s", "HOTDESK_REACH: "),
            ("HOTDESK_EVIDENCE_STEP", "-5m", "HOTDESK_EVIDENCE_STEP: "),
        ] {
            let found = told(&[(name, value)]);
            assert!(found.len() == 1 && found[0].contains(message), "{name}={value}: {found:?}");
        }
        assert!(told(&[("HOTDESK_REACH", "25m"), ("HOTDESK_SOURCES", "[{type: ingress-logs}]")]).is_empty());
        assert!(told(&[]).is_empty() && judge(&[]).is_empty());
    }
}
