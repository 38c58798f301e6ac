//! What do the webhook's pods say of themselves: do they know the Slots, and which certificate do they serve?

use jiff::Timestamp;

use super::ask::Answered;
use super::certificates::{self, RENEW};
use super::finding::{Finding, Id, Level};

const SUBJECT: &str = "the webhook's pods";
/// A watch that lives is renewed more often.
const OLD: f64 = 300.0;
/// Seconds within which two ways of writing a moment agree.
const SAME: f64 = 2.0;

/// A pod, and its metrics.
#[derive(Debug, Clone)]
pub(super) struct Served {
    pub(super) pod: String,
    pub(super) metrics: Answered<String>,
}

/// Whether each pod can judge.
pub(super) fn judge(pods: &Answered<Vec<Served>>, secret: &Answered<Vec<u8>>, now: Timestamp) -> Vec<Finding> {
    let pods = match pods {
        Ok(pods) => pods,
        Err(why) => return vec![Finding::unknown(Id::WebhookPods, SUBJECT, why)],
    };
    let chain = secret.as_ref().ok().and_then(|pem| certificates::read(pem).ok());
    let expected = chain.and_then(|chain| chain.first().map(certificates::Certificate::until));
    let mut findings: Vec<Finding> = pods.iter().filter_map(|pod| one(pod, expected, now)).collect();
    // They are alike: what keeps one from being seen keeps all.
    findings.dedup_by(|next, first| next.level == Level::Unknown && first.level == Level::Unknown);
    if findings.is_empty() && !pods.is_empty() {
        let slots = pods.iter().filter_map(|pod| metric(pod.metrics.as_deref().ok()?, "hotdesk_webhook_slots"));
        let slots = slots.fold(0.0, f64::max);
        let message =
            format!("{} of them have read the Slots ({slots}) and serve the certificate of the Secret", pods.len());
        findings.push(Finding::ok(Id::WebhookPods, SUBJECT, message));
    }
    findings
}

#[expect(clippy::cast_precision_loss, reason = "seconds since 1970 fit")]
fn one(served: &Served, expected: Option<i64>, now: Timestamp) -> Option<Finding> {
    let pod = &served.pod;
    let text = match &served.metrics {
        Ok(text) => text,
        Err(why) => return Some(Finding::unknown(Id::WebhookPods, SUBJECT, &format!("the metrics of {pod}: {why}"))),
    };
    let logs = format!("kubectl -n hotdesk logs {pod} --tail=20");
    let problem = |message: String| Finding::problem(Id::WebhookPods, SUBJECT, message);
    if metric(text, "hotdesk_webhook_synced") == Some(0.0) {
        return Some(problem(format!("{pod} has not read the Slots, and denies everything")).with_fix(logs));
    }
    if let Some(age) = metric(text, "hotdesk_webhook_watch_age_seconds").filter(|age| *age > OLD) {
        let message = format!("{pod} has heard nothing of the Slots for {age:.0} s, so it judges by old claims");
        return Some(problem(message).with_fix(logs));
    }
    let until = metric(text, "hotdesk_webhook_certificate_expiry_timestamp_seconds")?;
    if until < now.as_second() as f64 {
        return Some(problem(format!("{pod} serves a certificate that has expired")).with_fix(RENEW));
    }
    let other = expected.is_some_and(|expected| (expected as f64 - until).abs() > SAME);
    other.then(|| {
        let message =
            format!("{pod} does not serve the certificate of the Secret yet; it takes a minute or two after a renewal");
        Finding::warning(Id::WebhookPods, SUBJECT, message)
            .with_fix("wait; if it stays so: kubectl -n hotdesk rollout restart deployment/hotdesk-webhook")
    })
}

/// A gauge without labels.
fn metric(text: &str, name: &str) -> Option<f64> {
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))?;
    value.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: (Level, &str)) {
        let pods = Ok(vec![Served { pod: "webhook-0".to_owned(), metrics: Ok(text.to_owned()) }]);
        let found = judge(&pods, &Err("forbidden".to_owned()), "2026-11-23T15:00:00Z".parse().unwrap());
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].level, expected.0, "{found:?}");
        assert!(found[0].message.contains(expected.1), "{found:?}");
    }

    #[test]
    fn a_pod_that_cannot_judge_is_a_problem() {
        let well = "hotdesk_webhook_slots 12\nhotdesk_webhook_synced 1\nhotdesk_webhook_watch_age_seconds 3.5\n\
                    hotdesk_webhook_certificate_expiry_timestamp_seconds 1803234042\n";
        check(well, (Level::Ok, "have read the Slots (12)"));
        check(&well.replace("synced 1", "synced 0"), (Level::Problem, "denies everything"));
        check(&well.replace("age_seconds 3.5", "age_seconds 900"), (Level::Problem, "nothing of the Slots for 900 s"));
        check(&well.replace("1803234042", "1603234042"), (Level::Problem, "has expired"));
    }
}
