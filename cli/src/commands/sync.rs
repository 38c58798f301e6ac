//! `hotdesk sync`: one pass of the sync by hand, with the rights of the person who types it.
//!
//! It is hotdesk-sync itself: the same flags, the same reading of the sheet, the same plan.

use std::sync::Arc;
use std::time::Duration;

use hotdesk_runtime::log::LogArgs;
use hotdesk_slots::text::sanitize;
use hotdesk_sync::args::Pass;
use hotdesk_sync::cluster::Cluster as Slots;
use hotdesk_sync::metrics::Metrics;
use hotdesk_sync::run::{PassOutcome, Sync};
use jiff::Timestamp;

use crate::args::Global;
use crate::cluster;
use crate::commands::Done;
use crate::failure::Failure;

/// Makes a pass, and says what it would write, or what it wrote.
///
/// # Errors
/// What is typed wrong, or that nothing could be read or written.
pub(crate) async fn run(global: &Global, pass: &Pass) -> Result<Done, Failure> {
    if !pass.is_once() {
        return Err(Failure::Usage(
            "add --dry-run to see what would be written, or --once to write it. What follows a sheet all the time is \
             the chart's: sync.enabled of charts/hotdesk"
                .to_owned(),
        ));
    }
    let unusable = |error: &dyn std::fmt::Display| Failure::Usage(sanitize(&format!("{error:#}")));
    let settings = pass.settings(Duration::MAX, Duration::MAX).map_err(|error| unusable(&error))?;
    let source = pass.source().map_err(|error| unusable(&error))?;
    LogArgs::text().start();
    let slots = Slots::of(cluster::config(global).await?, pass.api_timeout)
        .map_err(|error| Failure::NoCluster(sanitize(&format!("{error:#}"))))?;
    let mut sync = Sync::new(source, slots, settings, Arc::new(Metrics::new(now())), now);
    let outcome = sync.pass().await;
    match outcome {
        PassOutcome::Unreadable(_) | PassOutcome::Cluster => {
            Err(Failure::Refused("some changes failed: see above".to_owned()))
        }
        PassOutcome::Done(problems) => Ok(Done { text: sync.dry_run, well: problems == 0 }),
        PassOutcome::HeldBack => Ok(Done { text: sync.dry_run, well: false }),
    }
}

fn now() -> Timestamp {
    cluster::clock().timestamp()
}
