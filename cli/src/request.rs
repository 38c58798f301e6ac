//! How does a holder ask hotdesk for something, and what became of it?
//!
//! The wish is a patch of the Slot, in the person's own name, so the webhook judges who asks. Hotdesk's controller carries it
//! out and reports in the Slot's status; nothing but the Slot is read here.

use std::time::Duration;

use hotdesk_slots::Slot;
use hotdesk_slots::requests::{Request, RequestKind, RequestStatus};
use hotdesk_slots::text::{sanitize, sanitize_short};
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::commands::change;
use crate::failure::Failure;

/// Between two looks at the Slot.
const BETWEEN_LOOKS: Duration = Duration::from_secs(1);

/// After so many looks without a word of the controller, people are told where to look.
const LOOKS_IN_SILENCE: u32 = 15;

/// A request that was carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct JobOutcome {
    /// The exit code of its job.
    pub(crate) code: i32,
    /// What it said at its end.
    pub(crate) message: String,
}

/// What a look at the Slot says of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Progress {
    /// Nothing yet.
    Silent,
    /// Not over; perhaps with something to tell.
    UnderWay,
    /// Carried out.
    JobOutcome(JobOutcome),
    /// Not carried out, and why.
    Refused(String),
}

/// What has been told of a request.
#[derive(Debug, Default)]
struct Told {
    steps: i64,
    waits: Option<String>,
    silent_looks: u32,
}

/// The slot's wish of this kind.
fn wish_of(kind: RequestKind, slot: &Slot) -> Option<&Request> {
    slot.spec.requests.as_ref().and_then(|requests| kind.within(requests))
}

/// The patch of a Slot's spec that asks. What hotdesk noted of the wish before goes, which makes it another one.
fn wish(kind: RequestKind, dry_run: bool, releases: &[String]) -> Value {
    let releases = if releases.is_empty() { Value::Null } else { json!(releases) };
    let list = if kind == RequestKind::Purge { "names" } else { "releases" };
    let wish = json!({"id": null, "claimID": null, "by": null, "at": null, "dryRun": dry_run, list: releases});
    json!({"requests": {kind.as_str(): wish}})
}

/// Asks, and gives the request's id.
///
/// # Errors
/// Who says no, in their words.
pub(crate) async fn ask(
    cluster: &Cluster,
    slot: &str,
    kind: RequestKind,
    dry_run: bool,
    releases: &[String],
) -> Result<String, Failure> {
    let changed = change(cluster, slot, |_, _| Ok(Some(wish(kind, dry_run, releases)))).await?;
    let id = wish_of(kind, &changed.is).and_then(|request| request.id.clone());
    id.ok_or_else(|| {
        Failure::Refused(format!(
            "the request was written, and hotdesk's webhook did not note it, so it is not carried out. The people \
             who run the cluster see which version is installed: helm -n hotdesk list; {} is {}",
            cluster.program,
            env!("CARGO_PKG_VERSION")
        ))
    })
}

/// How people see by themselves what became of a request.
pub(crate) fn by_kubectl(slot: &str) -> String {
    format!("kubectl get slot slot -n {slot} -o jsonpath='{{.status.request}}'")
}

/// Follows a request to its end; what happens goes to `tell`, line by line.
///
/// # Errors
/// When it is not carried out, does not end in time, or cannot be followed.
pub(crate) async fn follow(
    cluster: &Cluster,
    slot: &str,
    (kind, id): (RequestKind, &str),
    timeout: SignedDuration,
    mut tell: impl FnMut(&str),
) -> Result<JobOutcome, Failure> {
    let limit = Duration::try_from(timeout).unwrap_or(Duration::MAX);
    let mut told = Told::default();
    let followed = tokio::time::timeout(limit, async {
        loop {
            let slot = cluster.slot(slot).await?;
            match told.progress(&slot, kind, id, &mut tell) {
                Progress::JobOutcome(outcome) => return Ok(outcome),
                Progress::Refused(why) => return Err(Failure::Refused(why)),
                Progress::Silent | Progress::UnderWay => {}
            }
            tokio::time::sleep(BETWEEN_LOOKS).await;
        }
    });
    followed.await.unwrap_or_else(|_| {
        let why = told.waits.map(|why| format!(" ({why})")).unwrap_or_default();
        Err(Failure::Refused(format!(
            "the request has not ended in time{why}. See what becomes of it: {}",
            by_kubectl(slot)
        )))
    })
}

impl Told {
    /// Tells what is new.
    fn progress(&mut self, slot: &Slot, kind: RequestKind, id: &str, tell: &mut impl FnMut(&str)) -> Progress {
        let status = slot.status.as_ref().and_then(|status| status.request.as_ref());
        match status {
            Some(status) if status.id == id => self.own(status, tell),
            _ if wish_of(kind, slot).and_then(|request| request.id.as_deref()) != Some(id) => Progress::Refused(
                "the request is void: somebody asked again, or the claim has changed. Ask again if you still want it"
                    .to_owned(),
            ),
            Some(other) if !other.phase.is_over() => {
                self.wait(
                    format!(
                        "it waits for another request, {} {}",
                        sanitize_short(&other.kind),
                        sanitize_short(&other.id)
                    ),
                    tell,
                );
                Progress::UnderWay
            }
            _ => self.silence(kind, tell),
        }
    }

    fn own(&mut self, status: &RequestStatus, tell: &mut impl FnMut(&str)) -> Progress {
        self.silent_looks = 0;
        self.steps(status, tell);
        let message = status.message.as_deref().map(sanitize).unwrap_or_default();
        if !status.phase.is_over() {
            if !message.is_empty() {
                self.wait(message, tell);
            }
            return Progress::UnderWay;
        }
        match status.exit_code {
            Some(code) => Progress::JobOutcome(JobOutcome { code, message }),
            None => Progress::Refused(message),
        }
    }

    fn steps(&mut self, status: &RequestStatus, tell: &mut impl FnMut(&str)) {
        if status.steps_left_out > self.steps {
            tell(&format!("… {} lines", status.steps_left_out - self.steps));
            self.steps = status.steps_left_out;
        }
        let new = usize::try_from(self.steps - status.steps_left_out).unwrap_or(usize::MAX);
        for step in status.steps.iter().skip(new) {
            tell(&sanitize(step));
            self.steps += 1;
        }
    }

    fn wait(&mut self, why: String, tell: &mut impl FnMut(&str)) {
        if self.waits.as_ref() != Some(&why) {
            tell(&why);
            self.waits = Some(why);
        }
    }

    fn silence(&mut self, kind: RequestKind, tell: &mut impl FnMut(&str)) -> Progress {
        self.silent_looks += 1;
        if self.silent_looks == LOOKS_IN_SILENCE {
            let why = format!(
                "hotdesk's {} does not answer. The people who run the cluster see why: kubectl -n hotdesk get pods",
                if kind == RequestKind::Restamp { "restamper" } else { "controller" }
            );
            self.wait(why, tell);
        }
        Progress::Silent
    }
}

/// Shows one line of what happens, on standard error: the verdict alone is the output.
pub(crate) fn on_stderr(line: &str) {
    use std::io::Write as _;
    // Where it cannot be written, nobody reads it.
    let _unwritable = writeln!(anstream::stderr(), "  {line}");
}

#[cfg(test)]
mod tests;
