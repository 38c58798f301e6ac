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
use super::observation::{kind, sample, subject};
use super::reapers::Reaper;

/// A container that began no longer than this before its first line has lost none; reapers go by the same.
const SOON: SignedDuration = SignedDuration::from_secs(5);
/// How many windows a file is to hold, so that there is more time to see than not to.
const ENOUGH: u64 = 2;

/// Whether the log reaches back, and the pods were there, as far as the reapers look.
pub(super) fn judge(controller: &Controller, reapers: &[&Reaper], now: Timestamp) -> Vec<Finding> {
    let Some(window) = reapers.iter().map(|reaper| reaper.settings.windows.longest()).max() else { return Vec::new() };
    let rotated = rotated(controller, window, now);
    rotated.into_iter().chain(replaced(controller, reapers, window, now)).collect()
}

/// How a log grows, and how much of it there is.
struct Growth {
    bytes_per_minute: u64,
    /// How many minutes a file holds.
    holds: u64,
    /// How many minutes it is to hold.
    needed: u64,
    window: SignedDuration,
    file: String,
}

fn rotated(controller: &Controller, window: SignedDuration, now: Timestamp) -> Option<Finding> {
    let sample = sample(controller)?;
    let (limit, known) = controller.log_limit;
    let growth = Growth {
        bytes_per_minute: sample.bytes_per_minute,
        holds: limit.checked_div(sample.bytes_per_minute).unwrap_or(u64::MAX),
        needed: u64::try_from(window.as_mins()).unwrap_or(0),
        window,
        file: format!("a file of it ({} MiB{})", limit >> 20, if known { "" } else { ", Kubernetes' default" }),
    };
    let is_lost = |first: &Timestamp| {
        let younger = sample.started.is_some_and(|started| first.duration_since(started) > SOON);
        younger && now.duration_since(*first) < window
    };
    let lost = sample.first.filter(is_lost).map(|first| now.duration_since(first));
    let (subject, message) = (subject(controller), growth.message(lost));
    let busy = growth.holds < growth.needed.saturating_mul(ENOUGH);
    let fix = growth.fix(controller);
    Some(match (lost.is_some(), busy) {
        (true, true) => Finding::problem(Id::LogRotation, subject, message).with_fix(fix),
        (true, false) => {
            Finding::warning(Id::LogRotation, subject, message).with_fix(format!("wait; if it comes often: {fix}"))
        }
        (false, true) => Finding::warning(Id::LogRotation, subject, message).with_fix(fix),
        (false, false) => Finding::ok(Id::LogRotation, subject, message),
    })
}

impl Growth {
    /// In words; `lost` is how long ago the log begins, where something before that is missing.
    fn message(&self, lost: Option<SignedDuration>) -> String {
        let (file, holds, window) = (&self.file, long(self.holds), human_duration(self.window));
        let speed = format!("it grows by {} MiB an hour", tenths(self.bytes_per_minute.saturating_mul(60)));
        let busy = self.holds < self.needed.saturating_mul(ENOUGH);
        let ago = lost.map(|ago| human_duration(SignedDuration::from_mins(ago.as_mins())));
        match (ago, busy) {
            (Some(ago), true) => format!(
                "its log begins {ago} ago, within the window of {window}, for {file} holds {holds}: no slot is found idle ({speed})"
            ),
            (Some(ago), false) => format!(
                "its log begins {ago} ago: it was rotated, or silent until then, and until the window of {window} is past that, no \
                 slot is found idle"
            ),
            (None, true) => format!(
                "{speed}, so {file} holds {holds}, and the window is {window}: most of the time no slot is found idle"
            ),
            (None, false) => format!("its log reaches back far enough: {speed}, and {file} holds {holds}"),
        }
    }

    fn fix(&self, controller: &Controller) -> String {
        let (limit, _) = controller.log_limit;
        let enough = self.bytes_per_minute.saturating_mul(self.needed).saturating_mul(ENOUGH * 2) >> 20;
        format!(
            "count instead of reading: replace ingress-logs by {{type: ingress-metrics, controller: {}}} in reaper.sources of \
             charts/slots; or let the kubelets keep larger files (containerLogMaxSize: {}Mi)",
            kind(controller),
            enough.max((limit >> 20) * 2)
        )
    }
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
    let message = format!(
        "a pod of it is {} old, younger than the window of {}: what one before it served is gone with its log",
        human_duration(SignedDuration::from_mins(age.as_mins())),
        human_duration(window)
    );
    let whose = if unaided.len() == reapers.len() { String::new() } else { format!(", for {}", list(&unaided)) };
    let fix = format!(
        "wait; if pods come and go often: set reaper.observe: \"*/10 * * * *\" in the values of charts/slots{whose}: runs in between \
         that only look"
    );
    Some(Finding::warning(Id::LogRotation, subject(controller), message).with_fix(fix))
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
mod tests;
