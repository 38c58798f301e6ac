//! A run whose settings cannot be used says so where people look: in the Slot, and not in its Job alone.

use jiff::Timestamp;

use crate::api::Cluster;
use crate::args::Args;
use crate::collect::slots;
use crate::decide::{Evidence, Verdict};
use crate::report::{Conclusion, Exit, status_patch, write_event, write_status};

/// How a run ends whose settings cannot be used. What it cannot tell the Slot, it logs.
pub async fn misused(args: &Args, why: String, now: Timestamp) -> Conclusion {
    let conclusion = Conclusion { exit: Exit::Usage, message: why };
    if let (Ok(slot), None, false) = (args.slot(), &args.command, args.dry_run)
        && let Err(error) = tell(args, slot, &conclusion, now).await
    {
        tracing::warn!("{error}");
    }
    conclusion
}

async fn tell(args: &Args, namespace: &str, conclusion: &Conclusion, now: Timestamp) -> Result<(), String> {
    let cluster = Cluster::connect(args).await.map_err(|error| format!("{error:#}"))?;
    let slot = slots::own(&cluster, namespace).await?;
    let problems = conclusion.message.lines().collect::<Vec<_>>().join("; ");
    let verdict = Verdict::unknown(&format!("its settings cannot be used: {problems}"));
    let evidence = Evidence { slot: Some(Ok(slot.clone())), ..Evidence::default() };
    write_status(&cluster, namespace, &status_patch(&verdict, &evidence, None, now)).await?;
    write_event(&cluster, &slot, false, conclusion, now).await
}
