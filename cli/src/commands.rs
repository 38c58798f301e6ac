//! Which commands are there? One is one file.

mod claim;
mod list;
mod release;
mod why;

use hotdesk_slots::text::{human_duration, human_time};
use jiff::Timestamp;

use crate::args::{Args, Command};
use crate::cluster::Cluster;
use crate::failure::Failure;

/// How often a change is tried anew because the slot changed at the same moment. After each, the
/// slot is read and judged again, so a slot that somebody else took is not fought over.
const ATTEMPTS: usize = 3;

/// Runs what was typed, and gives what is to be shown.
///
/// # Errors
/// What went wrong, for people.
pub(crate) async fn run(args: &Args) -> Result<String, Failure> {
    let cluster = Cluster::find(&args.global, args.program).await?;
    let form = args.global.output;
    match &args.command {
        Command::List(list) => list::run(&cluster, list, form).await,
        Command::Why(why) => why::run(&cluster, why, form).await,
        Command::Claim(claim) => claim::run(&cluster, claim, form).await,
        Command::Release(release) => release::run(&cluster, release, form).await,
    }
}

/// `Fri 18:00 UTC (in 2 d 3 h)`, `16:48 UTC (12 min ago)`.
fn moment(at: Timestamp, now: Timestamp) -> String {
    format!("{} ({})", human_time(at, now), relative(at, now))
}

/// `in 2 d 3 h`, `12 min ago`, `now`.
fn relative(at: Timestamp, now: Timestamp) -> String {
    let distance = at.duration_since(now);
    let shown = human_duration(distance);
    match distance.as_secs() {
        0 => "now".to_owned(),
        seconds if seconds > 0 => format!("in {shown}"),
        _ => format!("{shown} ago"),
    }
}
