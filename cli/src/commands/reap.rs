//! `hotdesk reap SLOT`: a check by hand, and what it found.

use serde::Serialize;

use crate::args::{Form, Reap};
use crate::cluster::Cluster;
use crate::commands::Done;
use crate::failure::Failure;
use crate::job::{self, Ended, Wish};
use crate::near;
use crate::output::machine;
use crate::row::slot_name;

/// What became of a Job; the form of `-o json`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Told {
    pub(super) slot: String,
    pub(super) job: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) exit_code: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) message: Option<String>,
}

/// Starts a slot's reaper and follows it to its end.
///
/// # Errors
/// Who says no, in their words; that there is no reaper; that it does not end.
pub(crate) async fn run(cluster: &Cluster, args: &Reap, form: Form) -> Result<Done, Failure> {
    let slots = cluster.slots().await?;
    let slot = slot_name(near::find(&slots, &args.slot, cluster.now.timestamp())?).to_owned();
    let made = job::made(&job::needed_cron_job(cluster, &slot).await?, &wish(args.dry_run));
    let name = job::create(cluster, &slot, &made, false).await?;
    finish(cluster, &slot, &name, args.wait.then_some(args.timeout), form).await
}

fn wish(dry_run: bool) -> Wish {
    // A log for people, whatever the CronJob writes for machines.
    let mut env = vec![("HOTDESK_LOG_FORMAT", "text".to_owned())];
    if dry_run {
        env.push(("HOTDESK_DRY_RUN", "true".to_owned()));
    }
    Wish { prefix: "reap-by-hand", component: "reaper", service_account: None, args: Vec::new(), env }
}

/// Follows a Job, if so wished, and tells its end.
pub(super) async fn finish(
    cluster: &Cluster,
    slot: &str,
    name: &str,
    patience: Option<jiff::SignedDuration>,
    form: Form,
) -> Result<Done, Failure> {
    let mut told = Told { slot: slot.to_owned(), job: name.to_owned(), exit_code: None, message: None };
    let Some(patience) = patience else {
        let text = format!("The job {name} has begun. Follow it: kubectl -n {slot} logs -f job/{name}\n");
        return Ok(Done { text: machine(&told, form)?.unwrap_or(text), well: true });
    };
    let ended = job::follow(cluster, slot, name, patience, job::on_stderr).await?;
    let text = format!("{}\n", verdict(&ended));
    (told.exit_code, told.message) = (Some(ended.code), Some(ended.message));
    Ok(Done { text: machine(&told, form)?.unwrap_or(text), well: told.exit_code == Some(0) })
}

fn verdict(ended: &Ended) -> String {
    let said = if ended.message.is_empty() { "The job has ended without a word." } else { ended.message.as_str() };
    if ended.code == 0 { said.to_owned() } else { format!("{said} (The job's exit code is {}.)", ended.code) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dry_run_is_said_to_the_reaper_and_nothing_else_is() {
        assert_eq!(wish(false).env.iter().map(|(name, _)| *name).collect::<Vec<_>>(), ["HOTDESK_LOG_FORMAT"]);
        assert!(wish(true).env.contains(&("HOTDESK_DRY_RUN", "true".to_owned())));
    }

    #[test]
    fn the_verdict_is_what_the_job_said_at_its_end() {
        let ended = |code, message: &str| Ended { code, message: message.to_owned() };
        assert_eq!(verdict(&ended(0, "mew is in use.")), "mew is in use.");
        assert_eq!(verdict(&ended(3, "mew is not known.")), "mew is not known. (The job's exit code is 3.)");
        assert_eq!(verdict(&ended(0, "")), "The job has ended without a word.");
    }
}
