//! Does a window's worth of the controller's log fit into what can be read of it?
//!
//! The kubelet serves the newest file of a container's log. What was in the one before is not there to be read, and what was
//! logged between the last look and the rotation nobody has read: looking more often closes no such gap.

use hotdesk_slots::text::{human_duration, list};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;

use super::finding::{Finding, Id};
use super::look::Controller;
use super::places::Reaper;
use super::sight::{about, kind, sample};

/// A container that began no longer than this before its first line has lost none.
const SOON: SignedDuration = SignedDuration::from_mins(1);
/// How many windows a file is to hold, so that there is more time to see than not to.
const ENOUGH: u64 = 2;

/// Whether the log reaches back, and the pods were there, as far as the reapers look.
pub(super) fn judge(controller: &Controller, reapers: &[&Reaper], now: Timestamp) -> Vec<Finding> {
    let Some(window) = reapers.iter().map(|reaper| reaper.window).max() else { return Vec::new() };
    let rotated = rotated(controller, window, now);
    rotated.into_iter().chain(replaced(controller, reapers, window, now)).collect()
}

fn rotated(controller: &Controller, window: SignedDuration, now: Timestamp) -> Option<Finding> {
    let sample = sample(controller)?;
    let (limit, known) = controller.log_limit;
    let rate = sample.bytes_per_minute;
    let holds = limit.checked_div(rate).unwrap_or(u64::MAX);
    let needed = u64::try_from(window.as_mins()).unwrap_or(0);
    let is_lost = |first: &Timestamp| {
        let younger = sample.started.is_some_and(|started| first.duration_since(started) > SOON);
        younger && now.duration_since(*first) < window
    };
    let lost = sample.first.filter(is_lost);
    let file = format!("a file of it ({} MiB{})", limit >> 20, if known { "" } else { ", Kubernetes' default" });
    let speed = format!("it grows by {} MiB an hour", tenths(rate.saturating_mul(60)));
    let busy = holds < needed.saturating_mul(ENOUGH);
    let (about, id) = (about(controller), Id::LogRotation);
    let fix = || {
        let size = (rate.saturating_mul(needed).saturating_mul(ENOUGH * 2) >> 20).max((limit >> 20) * 2);
        format!(
            "count instead of reading: replace ingress-logs by {{type: ingress-metrics, controller: {}}} in reaper.sources \
             of charts/slots; or let the kubelets keep larger files (containerLogMaxSize: {size}Mi)",
            kind(controller)
        )
    };
    Some(match lost {
        Some(first) if busy => {
            let says = format!(
                "its log begins {} ago, within the window of {}, for {file} holds {}: no slot is seen to be idle ({speed})",
                human_duration(SignedDuration::from_mins(now.duration_since(first).as_mins())),
                human_duration(window),
                long(holds)
            );
            Finding::problem(id, about, says).mended_by(fix())
        }
        Some(first) => {
            let says = format!(
                "its log was rotated {} ago: until the window of {} is past that, no slot is seen to be idle",
                human_duration(SignedDuration::from_mins(now.duration_since(first).as_mins())),
                human_duration(window)
            );
            Finding::warning(id, about, says).mended_by(format!("wait; if it comes often: {}", fix()))
        }
        None if busy => {
            let says = format!(
                "{speed}, so {file} holds {}, and the window is {}: most of the time no slot is seen to be idle",
                long(holds),
                human_duration(window)
            );
            Finding::warning(id, about, says).mended_by(fix())
        }
        None => Finding::ok(
            id,
            about,
            format!("its log reaches back far enough: {speed}, and {file} holds {}", long(holds)),
        ),
    })
}

/// A pod that is younger than the window: what the one before it served is gone with its log, unless somebody looked.
fn replaced(controller: &Controller, reapers: &[&Reaper], window: SignedDuration, now: Timestamp) -> Option<Finding> {
    let pods = controller.pods.as_ref().ok().filter(|_| controller.uses.logs)?;
    let since = |pod: &Pod| Some(now.duration_since(pod.creation_timestamp()?.0));
    let age = pods.iter().filter_map(since).filter(|age| *age < window).min()?;
    let unaided: Vec<&str> =
        reapers.iter().filter(|reaper| !reaper.observes).map(|reaper| reaper.slot.as_str()).collect();
    if unaided.is_empty() {
        return None;
    }
    let says = format!(
        "a pod of it is {} old, younger than the window of {}: what one before it served is gone with its log",
        human_duration(SignedDuration::from_mins(age.as_mins())),
        human_duration(window)
    );
    let whose = if unaided.len() == reapers.len() { String::new() } else { format!(", for {}", list(&unaided)) };
    let fix = format!(
        "wait; if pods come and go often: set reaper.observe: \"*/10 * * * *\" in the values of charts/slots{whose}: runs in between \
         that only look"
    );
    Some(Finding::warning(Id::LogRotation, about(controller), says).mended_by(fix))
}

fn long(minutes: u64) -> String {
    if minutes > 60 * 24 * 7 {
        return "more than a week".to_owned();
    }
    human_duration(SignedDuration::from_mins(i64::try_from(minutes).unwrap_or(0)))
}

/// Mebibytes, to a tenth.
fn tenths(bytes: u64) -> String {
    let tenths = bytes.saturating_mul(10) >> 20;
    format!("{}.{}", tenths / 10, tenths % 10)
}

#[cfg(test)]
#[path = "rotation_tests.rs"]
mod tests;
