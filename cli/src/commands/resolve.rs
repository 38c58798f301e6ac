//! `hotdesk resolve --user U`: where does CI deploy for this person?
//!
//! Architecture Invariant: what is printed names the person who was asked for, their own slots, and a few
//! free ones. Logs of CI are read by many; nobody else's claim gets into them.

mod choice;
mod github;
mod sheet;

use std::io::Read as _;
use std::path::Path;

use hotdesk_http::retry::with_retries;
use hotdesk_sheet::csv;
use hotdesk_slots::text::sanitize;
use hotdesk_slots::{ClaimView, NameRules};
use hotdesk_sync::source::sheets::Sheets;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;

use self::choice::{Candidate, Choice, Sought};
use crate::args::{Form, Global, Resolve};
use crate::cluster::{self, Cluster};
use crate::failure::Failure;
use crate::output::machine;
use crate::view::slot_name;

/// A sheet of a thousand rows has a hundredth of it; more is not a sheet of slots.
const MAX_FILE: u64 = 8 * 1024 * 1024;

/// How often Google is asked again: a workflow that fails for want of a second is run again by hand.
const RETRIES: usize = 3;

/// The answer, as `-o json` and `-o yaml` show it.
#[derive(Debug, Serialize)]
struct Resolved<'a> {
    namespace: &'a str,
    host: Option<&'a str>,
    user: &'a str,
    /// Further slots that this person holds.
    others: &'a [String],
}

/// Finds the person's slot, and tells it to the workflow that asks.
///
/// # Errors
/// That they hold none, or what cannot be read or written.
pub(crate) async fn run(global: &Global, program: &'static str, args: &Resolve) -> Result<String, Failure> {
    let on_github = [&args.github_env, &args.github_output].iter().any(|file| wanted(file.as_deref()).is_some());
    let answered = answer(global, program, args, on_github).await;
    if let (true, Err(failure)) = (on_github, &answered) {
        // Shown on the page of the run; what goes to standard error besides is in its log only.
        note(&github::annotation("error", &failure.to_string()));
    }
    answered
}

async fn answer(global: &Global, program: &'static str, args: &Resolve, on_github: bool) -> Result<String, Failure> {
    let unusable = |error| Failure::Refused(sanitize(&format!("{error:#}")));
    let (candidates, now) = match (wanted(args.csv.as_deref()), args.google.sheets().map_err(unusable)?) {
        (Some(file), _) => (from_file(file, args)?, now()),
        (None, Some(sheets)) => (from_sheet(&sheets, &args.names.rules([]), &args.time_zone).await?, now()),
        (None, None) => from_cluster(global, program).await?,
    };
    let slot = args.slot.as_deref().map(str::trim).filter(|slot| !slot.is_empty());
    let claim_url = args.claim_url.as_deref().filter(|url| !url.trim().is_empty());
    let sought = Sought { user: &args.user, slot, claim_url, program };
    let choice = choice::choose(&candidates, &sought, now).map_err(Failure::Refused)?;
    if let Some(notice) = choice.notice(&sought) {
        note(&if on_github { github::annotation("notice", &notice) } else { format!("note: {notice}") });
    }
    let host = choice.host.clone().or_else(|| args.domain.as_ref().map(|domain| format!("{}.{domain}", choice.slot)));
    tell(args, &choice.slot, host.as_deref())?;
    show(&choice, host.as_deref(), args.user.as_str(), global.output)
}

/// A variable that is set to nothing names no file.
fn wanted(file: Option<&Path>) -> Option<&Path> {
    file.filter(|file| !file.as_os_str().is_empty())
}

/// Standard output is the answer's alone.
fn note(text: &str) {
    use std::io::Write as _;
    // Where even this cannot be written, nobody reads it.
    let _unwritable = writeln!(anstream::stderr(), "{text}");
}

async fn from_cluster(global: &Global, program: &'static str) -> Result<(Vec<Candidate>, Timestamp), Failure> {
    let cluster = Cluster::find(global, program).await?;
    let slots = cluster.slots().await?;
    let candidates = slots.iter().map(|slot| Candidate {
        slot: slot_name(slot).to_owned(),
        host: slot.spec.host.clone(),
        claim: slot.spec.claim.as_ref().map(ClaimView::parse_lossy),
        ..Candidate::default()
    });
    Ok((candidates.collect(), cluster.now.timestamp()))
}

async fn from_sheet(sheets: &Sheets, names: &NameRules, zone: &TimeZone) -> Result<Vec<Candidate>, Failure> {
    let unreadable = |why: &str| Failure::Refused(format!("cannot read the sheet: {}", sanitize(why)));
    let reading = with_retries(RETRIES, || sheets.read(now)).await.map_err(|error| unreadable(&error.to_string()))?;
    let people = sheet::people(reading.people.as_ref()).map_err(|problem| unreadable(&problem))?;
    sheet::read(&reading.slots, &people, names, zone).map_err(|problem| unreadable(&problem))
}

fn from_file(file: &Path, args: &Resolve) -> Result<Vec<Candidate>, Failure> {
    let table = |file| csv::parse(&bytes(file)?).map_err(|problem| unreadable(file, &problem));
    let listed = wanted(args.people.as_deref());
    let people = sheet::people(listed.map(table).transpose()?.as_ref())
        .map_err(|problem| unreadable(listed.unwrap_or(file), &problem))?;
    sheet::read(&table(file)?, &people, &args.names.rules([]), &args.time_zone)
        .map_err(|problem| unreadable(file, &problem))
}

fn now() -> Timestamp {
    cluster::clock().timestamp()
}

fn bytes(file: &Path) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let read = if file == Path::new("-") {
        std::io::stdin().take(MAX_FILE + 1).read_to_end(&mut bytes)
    } else {
        std::fs::File::open(file).and_then(|open| open.take(MAX_FILE + 1).read_to_end(&mut bytes))
    };
    let length = read.map_err(|e| unreadable(file, &e.to_string()))?;
    if u64::try_from(length).unwrap_or(u64::MAX) > MAX_FILE {
        return Err(unreadable(file, "it is larger than 8 MiB"));
    }
    Ok(bytes)
}

fn unreadable(file: &Path, problem: &str) -> Failure {
    let file = if file == Path::new("-") { "standard input".to_owned() } else { shown(file) };
    Failure::Refused(format!("cannot read {file}: {problem}"))
}

fn shown(file: &Path) -> String {
    hotdesk_slots::text::sanitize_short(&file.display().to_string())
}

/// Writes the files of the workflow.
fn tell(args: &Resolve, slot: &str, host: Option<&str>) -> Result<(), Failure> {
    let host = host.unwrap_or_default();
    let known = |pairs: &[(&'static str, &str)]| -> Result<String, Failure> {
        let known: Vec<_> = pairs.iter().copied().filter(|(_, value)| !value.is_empty()).collect();
        github::assignments(&known).map_err(Failure::Refused)
    };
    let files = [
        (&args.github_env, known(&[("KUBE_NAMESPACE", slot), ("HOST", host)])?),
        (&args.github_output, known(&[("namespace", slot), ("host", host)])?),
    ];
    for (file, lines) in files {
        if let Some(file) = wanted(file.as_deref()) {
            let failed = |e| Failure::Refused(format!("cannot write {}: {e}", shown(file)));
            github::append(file, &lines).map_err(failed)?;
        }
    }
    Ok(())
}

fn show(choice: &Choice, host: Option<&str>, user: &str, form: Form) -> Result<String, Failure> {
    let resolved = Resolved { namespace: &choice.slot, host, user, others: &choice.others };
    if let Some(text) = machine(&resolved, form)? {
        return Ok(text);
    }
    let pairs = [("KUBE_NAMESPACE", choice.slot.as_str()), ("HOST", host.unwrap_or_default())];
    let known: Vec<_> = pairs.into_iter().filter(|(_, value)| !value.is_empty()).collect();
    github::assignments(&known).map_err(Failure::Refused)
}
