//! Does a window's worth of the controller's log fit into what can be read of it?
//!
//! The kubelet serves the newest file of a container's log. What was in the one before is not there to be read.

use hotdesk_slots::text::{human_duration, list};
use jiff::{SignedDuration, Timestamp};

use super::finding::{Finding, Id};
use super::look::Controller;
use super::places::Reaper;
use super::sight::{about, sample};

/// A container that began no longer than this before its first line has lost none.
const SOON: SignedDuration = SignedDuration::from_mins(1);
/// How often one may look, so that each look sees where the one before ended.
const EVERY: [u64; 5] = [30, 20, 15, 10, 5];

/// Whether observing runs are needed.
pub(super) fn judge(controller: &Controller, reapers: &[&Reaper], now: Timestamp) -> Option<Finding> {
    let sample = sample(controller)?;
    let window = reapers.iter().map(|reaper| reaper.window).max()?;
    let (limit, known) = controller.log_limit;
    let rate = sample.bytes_per_minute;
    let minutes = limit.checked_div(rate).unwrap_or(u64::MAX);
    let needed = u64::try_from(window.as_mins()).unwrap_or(0);
    let lost = sample.first.filter(|first| {
        let since = now.duration_since(*first);
        since < window && sample.started.is_some_and(|started| first.duration_since(started) > SOON)
    });
    let size = format!("{} MiB{}", limit >> 20, if known { "" } else { ", Kubernetes' default" });
    let speed = format!("it grows by {} MiB an hour", tenths(rate.saturating_mul(60)));
    if lost.is_none() && minutes >= needed {
        let holds = if minutes > 60 * 24 * 7 { "more than a week".to_owned() } else { minutes_long(minutes) };
        let says = format!("its log reaches back far enough: {speed}, and a file ({size}) holds {holds}");
        return Some(Finding::ok(Id::LogRotation, about(controller), says));
    }
    let unaided: Vec<&str> =
        reapers.iter().filter(|reaper| !reaper.observes).map(|reaper| reaper.slot.as_str()).collect();
    if unaided.is_empty() {
        return Some(Finding::ok(
            Id::LogRotation,
            about(controller),
            "its log is soon rotated away, and observing runs keep up",
        ));
    }
    let says = match lost {
        Some(first) => format!(
            "its log begins {} ago, within the window of {}: what was logged before is rotated away, so no slot is seen to be \
             idle ({speed})",
            human_duration(now.duration_since(first)),
            human_duration(window)
        ),
        None => format!(
            "{speed}, so a file ({size}) holds {}, and the window is {}: no slot is seen to be idle",
            minutes_long(minutes),
            human_duration(window)
        ),
    };
    let every = EVERY.iter().find(|every| **every * 2 <= minutes).unwrap_or(&5);
    let fix = format!(
        "set reaper.observe: \"*/{every} * * * *\" in the values of charts/slots, for {}: short runs that look between the hourly ones; \
         or let the kubelets keep larger files (containerLogMaxSize: {}Mi)",
        list(&unaided),
        (rate.saturating_mul(needed).saturating_mul(2) >> 20).max((limit >> 20) * 2)
    );
    let finding = Finding::warning(Id::LogRotation, about(controller), says);
    Some(
        if lost.is_some() { Finding { level: super::finding::Level::Problem, ..finding } } else { finding }
            .mended_by(fix),
    )
}

fn minutes_long(minutes: u64) -> String {
    human_duration(SignedDuration::from_mins(i64::try_from(minutes).unwrap_or(i64::MAX / 60)))
}

/// Mebibytes, to a tenth.
fn tenths(bytes: u64) -> String {
    let tenths = bytes.saturating_mul(10) >> 20;
    format!("{}.{}", tenths / 10, tenths % 10)
}

#[cfg(test)]
#[path = "rotation_tests.rs"]
mod tests;
