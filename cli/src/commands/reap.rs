//! `hotdesk reap SLOT`: a check by hand, and what it found.

use hotdesk_slots::Slot;
use hotdesk_slots::requests::RequestKind;
use jiff::SignedDuration;
use serde::Serialize;

use crate::args::{Form, Reap};
use crate::cluster::Cluster;
use crate::commands::Done;
use crate::failure::Failure;
use crate::output::machine;
use crate::request::{self, JobOutcome};
use crate::suggest;
use crate::view::slot_name;

/// What became of a request; the form of `-o json`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Told<'a> {
    slot: &'a str,
    request: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    exit_code: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'a str>,
}

/// Has the slot checked, and follows that to its end.
///
/// # Errors
/// Who says no, in their words; that there is no reaper; that it does not end.
pub(crate) async fn run(cluster: &Cluster, args: &Reap, form: Form) -> Result<Done, Failure> {
    let slots = cluster.slots().await?;
    let slot = suggest::find(&slots, &args.slot, cluster.now.timestamp())?;
    needs_reaper(slot)?;
    let name = slot_name(slot);
    let id = request::ask(cluster, name, RequestKind::Reap, args.dry_run, &[]).await?;
    finish(cluster, name, (RequestKind::Reap, &id), args.wait.timeout(), form).await
}

/// Says early what the controller would say: that there is no reaper.
///
/// # Errors
/// That.
pub(super) fn needs_reaper(slot: &Slot) -> Result<(), Failure> {
    let status = slot.status.as_ref();
    // The controller has seen the slot, and no CronJob.
    if status.is_some_and(|status| status.phase.is_some() && status.reaper.is_none()) {
        return Err(Failure::Refused(format!(
            "{} has no reaper. The people who run the cluster set reaper.enabled for it in charts/slots",
            slot_name(slot)
        )));
    }
    Ok(())
}

/// Follows a request, if so wished, and tells its end.
pub(super) async fn finish(
    cluster: &Cluster,
    slot: &str,
    (kind, id): (RequestKind, &str),
    timeout: Option<SignedDuration>,
    form: Form,
) -> Result<Done, Failure> {
    let told = Told { slot, request: id, exit_code: None, message: None };
    let Some(timeout) = timeout else {
        let text = format!("hotdesk was asked to {} {slot}. Follow it: {}\n", kind.as_str(), request::by_kubectl(slot));
        return Ok(Done { text: machine(&told, form)?.unwrap_or(text), well: true });
    };
    let outcome = request::follow(cluster, slot, (kind, id), timeout, request::on_stderr).await?;
    let told = Told { exit_code: Some(outcome.code), message: Some(&outcome.message), ..told };
    let text = machine(&told, form)?.unwrap_or_else(|| format!("{}\n", verdict(kind, &outcome)));
    Ok(Done { text, well: outcome.code == 0 })
}

fn verdict(kind: RequestKind, outcome: &JobOutcome) -> String {
    let said = if outcome.message.is_empty() { "The job ended without a message." } else { outcome.message.as_str() };
    // A restamp is not a job, and its message says everything.
    if outcome.code == 0 || kind == RequestKind::Restamp {
        said.to_owned()
    } else {
        format!("{said} (The job's exit code is {}.)", outcome.code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::tests::slot;
    use serde_json::json;

    #[test]
    fn the_verdict_is_what_the_job_said_at_its_end() {
        let outcome = |code, message: &str| JobOutcome { code, message: message.to_owned() };
        assert_eq!(verdict(RequestKind::Reap, &outcome(0, "mew is in use.")), "mew is in use.");
        assert_eq!(
            verdict(RequestKind::Reap, &outcome(3, "mew is not known.")),
            "mew is not known. (The job's exit code is 3.)"
        );
        assert_eq!(verdict(RequestKind::Reap, &outcome(0, "")), "The job ended without a message.");
    }

    #[test]
    fn a_slot_without_a_reaper_is_told_before_anybody_is_asked() {
        let with = |status: serde_json::Value| {
            let mut slot = slot("mew");
            slot.status = serde_json::from_value(status).unwrap();
            needs_reaper(&slot).map_err(|e| e.to_string())
        };
        let refused = with(json!({"phase": "Held"})).unwrap_err();
        assert!(refused.contains("mew has no reaper. The people who run the cluster set reaper.enabled"), "{refused}");
        assert_eq!(with(json!({"phase": "Held", "reaper": {"schedule": "7 * * * *"}})), Ok(()));
        assert_eq!(with(json!({})), Ok(()), "no controller has seen it yet");
    }

    #[test]
    fn machines_get_the_requests_id() {
        let told = Told { slot: "mew", request: "r1", exit_code: Some(0), message: Some("mew is in use.") };
        let expected = json!({"slot": "mew", "request": "r1", "exitCode": 0, "message": "mew is in use."});
        assert_eq!(serde_json::to_value(told).unwrap(), expected);
    }
}
