//! Which commands are there? One is one file.

mod claim;
mod completion;
mod doctor;
mod keep;
mod list;
mod plan;
mod reap;
mod release;
mod resolve;
mod restamp;
mod revive;
mod sync;
mod transfer;
mod why;

use std::io::{BufRead as _, Write as _};

use hotdesk_slots::Slot;
use hotdesk_slots::text::{human_duration, human_time, sanitize_short};
use jiff::{Timestamp, tz::TimeZone};
use serde_json::Value;

use crate::args::{Args, Command, Form};
use crate::cluster::Cluster;
use crate::failure::Failure;
use crate::identity::Identity;
use crate::suggest;
use crate::view::SlotView;

/// How often a change is tried again because the slot changed at the same moment. After each, the
/// slot is read and judged again, so a slot that somebody else took is not fought over.
const ATTEMPTS: usize = 3;

/// The kinds of use that no signal shows, so that nobody finds out by losing a slot.
pub(crate) const UNSEEN: &str = "Not seen by any of them: kubectl logs -f and whatever only reads; calls from other pods of the cluster, or \
                                 through a tunnel in a pod; the work of a Pod that no Job started, or of a workflow; \
                                 a connection that stays open, until it ends; a session that lasts longer than it counts.";

/// What a command has to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Done {
    /// For standard output.
    pub(crate) text: String,
    /// False if the command did its work and found something wrong.
    pub(crate) well: bool,
}

impl From<String> for Done {
    fn from(text: String) -> Self {
        Self { text, well: true }
    }
}

/// Runs what was typed, and gives what is to be shown.
///
/// # Errors
/// What went wrong, for people.
pub(crate) async fn run(args: &Args) -> Result<Done, Failure> {
    let (global, program, form) = (&args.global, args.program, args.global.output);
    // Said before anything is changed.
    if form == Form::Csv && !matches!(args.command, Command::List(_)) {
        return Err(Failure::Usage("-o csv is for list; here there are table, wide, json and yaml".to_owned()));
    }
    let text = match &args.command {
        Command::Completion(completion) => completion::run(completion),
        Command::Resolve(resolve) => resolve::run(global, program, resolve).await,
        Command::Sync(sync) => return sync::run(global, &sync.pass).await,
        Command::Reap(reap) => return reap::run(&Cluster::find(global, program).await?, reap, form).await,
        Command::Revive(revive) => return revive::run(&Cluster::find(global, program).await?, revive, form).await,
        Command::Restamp(restamp) => return restamp::run(&Cluster::find(global, program).await?, restamp, form).await,
        Command::Release(release) => return release::run(&Cluster::find(global, program).await?, release, form).await,
        Command::Plan(plan) => plan::run(&Cluster::find(global, program).await?, plan, form).await,
        Command::Doctor => return doctor::run(&Cluster::find(global, program).await?, form).await,
        Command::List(list) => list::run(&Cluster::find(global, program).await?, list, form).await,
        Command::Why(why) => why::run(&Cluster::find(global, program).await?, why, form).await,
        Command::Claim(claim) => claim::run(&Cluster::find(global, program).await?, claim, form).await,
        Command::Keep(keep) => keep::run(&Cluster::find(global, program).await?, keep, form).await,
        Command::Hand(hand) => transfer::run(&Cluster::find(global, program).await?, hand, form).await,
    };
    text.map(Done::from)
}

/// A slot as it was and as it is.
pub(crate) struct Changed {
    pub(crate) was: Slot,
    pub(crate) is: Slot,
}

/// Reads a slot, has a change of its spec judged, and makes it; again if somebody else changed the slot
/// at the same moment. `judge` gives no change where there is nothing to do.
pub(crate) async fn change<F>(cluster: &Cluster, typed: &str, judge: F) -> Result<Changed, Failure>
where
    F: Fn(&Slot, &[Slot]) -> Result<Option<Value>, Failure>,
{
    for _attempt in 0..ATTEMPTS {
        let slots = cluster.slots().await?;
        let was = suggest::find(&slots, typed, cluster.now.timestamp())?;
        let changed = match judge(was, &slots)? {
            None => Ok(was.clone()),
            Some(spec) => cluster.change(was, &spec).await,
        };
        match changed {
            Ok(is) => return Ok(Changed { was: was.clone(), is }),
            // If they took it, the next reading says who.
            Err(Failure::Conflict) => {}
            Err(other) => return Err(other),
        }
    }
    Err(Failure::Conflict)
}

/// Somebody else's slot, and what an administrator would type.
fn not_yours(view: &SlotView, identity: &Identity, forced: &str) -> Failure {
    let (slot, holders, who) = (&view.slot, view.holders(), sanitize_short(&identity.username));
    Failure::Refused(format!("{slot} is held by {holders}, and you are {who}. If you run this cluster: {forced}"))
}

/// Asks a person at a terminal; `flag` is what answers without being asked.
fn agreed(question: &str, flag: &str) -> Result<bool, Failure> {
    let asked = write!(anstream::stderr(), "{question} [y/N] ").and_then(|()| anstream::stderr().flush());
    let mut answer = String::new();
    let read = asked.and_then(|()| std::io::stdin().lock().read_line(&mut answer));
    read.map_err(|e| Failure::Refused(format!("cannot ask: {e}; pass {flag}")))?;
    Ok(["y", "yes"].contains(&answer.trim().to_lowercase().as_str()))
}

/// `Fri 18:00 UTC (in 2 d 3 h)`, `16:48 UTC (12 min ago)`.
fn datetime(at: Timestamp, now: Timestamp) -> String {
    format!("{} ({})", human_time(at, now), relative(at, now))
}

/// The moment, and what the clock on this wall will show then, if it is not UTC.
fn on_the_clock(at: Timestamp, local: &TimeZone, now: Timestamp) -> String {
    let shown = datetime(at, now);
    let here = at.to_zoned(local.clone());
    if here.offset().is_zero() { shown } else { format!("{shown}, which is {} here", here.strftime("%a %H:%M")) }
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
