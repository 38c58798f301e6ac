//! With which settings was something seen? Evidence counts for a reaper only where it would have seen the same in the same lines.

use crate::args::Args;
use crate::sources::digest;
use hotdesk_traffic::sources::{IngressLogs, Source};

/// What an observer of an older version has seen does not count where this one would see something else.
const OBSERVER: u8 = 1;

/// A digest of all that decides what counts as use of a slot in a log.
#[must_use]
pub fn of(logs: &IngressLogs, args: &Args) -> String {
    let counting = (OBSERVER, logs, known(&args.ignore_user_agent), known(&args.ignore_path));
    digest(&format!("{counting:?} {:?}", known(&args.other_namespaces)))
}

/// The digests of all sources that an observer can read.
#[must_use]
pub fn of_all(sources: &[Source], args: &Args) -> Vec<String> {
    sources.iter().filter_map(Source::observed).map(|logs| of(logs, args)).collect()
}

/// In whatever order they were written.
fn known(list: &[String]) -> Vec<&str> {
    let mut known: Vec<&str> = list.iter().map(|item| item.trim()).filter(|item| !item.is_empty()).collect();
    known.sort_unstable();
    known.dedup();
    known
}
