//! `hotdesk doctor`: is everything in place, and how does one fix what is not?
//!
//! `snapshot` asks, `show` shows, `finding` is what both speak of; every other file judges one part of what was seen.

mod ask;
mod beyond;
mod certificates;
mod deployers;
mod finding;
mod gate;
mod installation;
mod look;
mod metrics;
mod observation;
mod observer;
mod offered;
mod own_namespaces;
mod probe;
mod reapers;
mod rights;
mod rotation;
mod runs;
mod saved;
mod secrets;
mod served;
mod sessions;
mod settings;
mod show;
mod slot_policies;
mod slots;
mod snapshot;
mod start;
mod sync;
mod usage;
mod ways_in;

use hotdesk_slots::text::sanitize;
use jiff::Timestamp;
use serde::Serialize;

use self::finding::{Finding, Level};
use self::look::Controller;
use self::reapers::Reaper;
use self::snapshot::Snapshot;
use crate::args::Form;
use crate::cluster::Cluster;
use crate::commands::Done;
use crate::failure::Failure;
use crate::output::machine;

/// The form of `-o json` and `-o yaml`.
#[derive(Debug, Serialize)]
struct Report<'a> {
    well: bool,
    findings: &'a [Finding],
}

/// Looks at everything, and says what it found.
///
/// # Errors
/// When the cluster cannot be asked at all.
pub(crate) async fn run(cluster: &Cluster, form: Form) -> Result<Done, Failure> {
    let snapshot = Snapshot::gather(cluster).await?;
    let findings = judge(&snapshot, cluster.program, cluster.now.timestamp());
    let well = findings.iter().all(|finding| finding.level <= Level::Warning);
    let report = Report { well, findings: &findings };
    let text = machine(&report, form)?.unwrap_or_else(|| show::show(&findings, form == Form::Wide));
    Ok(Done { text, well })
}

/// Every finding, with nothing in it that could harm a terminal.
fn judge(snapshot: &Snapshot, program: &str, now: Timestamp) -> Vec<Finding> {
    let then = &snapshot.then;
    let mut findings = installation::judge(snapshot);
    findings.extend(offered::judge(snapshot));
    findings.extend(beyond::judge(&then.grants));
    findings.extend(own_namespaces::judge(&then.own_namespaces, &then.grants));
    findings.extend(deployers::judge(snapshot.deployments.as_deref().unwrap_or_default()));
    if let Some(certificate) = &then.certificate {
        findings.extend(certificates::judge(&gate::bundles(snapshot), certificate, now));
        findings.extend(served::judge(&then.served, certificate, now));
    }
    findings.extend(probe::judge(snapshot));
    findings.extend(sync::judge(snapshot, now));
    findings.extend(rights::judge(&then.rights));
    findings.extend(sessions::judge(&then.sessions, now));
    findings.extend(then.controllers.iter().flat_map(|controller| observation(controller, snapshot, now)));
    findings.extend(metrics::judge(&metrics::Counted {
        reapers: &then.reapers,
        controllers: &then.controllers,
        monitors: &then.monitors,
    }));
    let ingresses = snapshot.ingresses.as_deref().unwrap_or_default();
    findings.extend(ways_in::judge(&then.ways_in, &then.reapers, &then.controllers, ingresses));
    findings.extend(ways_in::second_witness(&then.ways_in, &then.reapers, &then.controllers, ingresses));
    findings.extend(observer::judge(snapshot.cron_jobs.as_deref().unwrap_or_default()));
    findings.extend(start::judge(&then.starts));
    findings.extend(secrets::judge(&then.secrets));
    findings.extend(saved::judge(&then.saved));
    findings.extend(slots::judge(snapshot, program, now));
    // A slot that another judgement has something against is not in order.
    let amiss: Vec<String> = findings.iter().filter(|f| f.level != Level::Ok).map(|f| f.subject.clone()).collect();
    findings.retain(|finding| finding.id != finding::Id::Slot || !amiss.contains(&finding.subject));
    for finding in &mut findings {
        finding.subject = sanitize(&finding.subject);
        finding.message = sanitize(&finding.message);
        finding.fix = finding.fix.take().map(|fix| sanitize(&fix));
    }
    // As they are shown, and each slot's together.
    findings.sort_by_key(|finding| finding.section);
    findings
}

/// Everything about one ingress controller.
fn observation(controller: &Controller, snapshot: &Snapshot, now: Timestamp) -> Vec<Finding> {
    let reads = |reaper: &&Reaper| reaper.places().iter().any(|(place, _)| *place == controller.place);
    let readers: Vec<&Reaper> = snapshot.then.reapers.iter().filter(reads).collect();
    let mut findings = observation::pods(controller, &snapshot.then.known, readers.len());
    findings.extend(settings::judge(controller, &snapshot.then.ways_in.proxies));
    findings.extend(observation::format(controller, &readers));
    findings.extend(rotation::judge(controller, &readers, now));
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_not_be_seen_is_not_well() {
        let well = |level: Level| level <= Level::Warning;
        assert!(well(Level::Ok) && well(Level::Warning) && !well(Level::Unknown) && !well(Level::Problem));
    }
}
