//! Who may write which field of a Slot's status? Others decide by what stands there.

use hotdesk_slots::slot::{MAX_REAP_ANNOUNCED, SlotStatus};
use jiff::SignedDuration;
use serde_json::{Map, Value};

use super::{Write, Writer, same};

/// How far clocks may differ.
const CLOCKS: SignedDuration = SignedDuration::from_mins(5);

/// Checks a write of the status.
pub(super) fn check(write: &Write<'_>) -> Result<(), String> {
    let (was, is) =
        (fields(write.old.as_ref().and_then(|old| old.status.as_ref())), fields(write.after.status.as_ref()));
    let changed = was.keys().chain(is.keys()).filter(|field| was.get(*field) != is.get(*field));
    for field in changed {
        if !may_write(write.writer, field) {
            return Err(format!("status.{field} is not its to write"));
        }
    }
    if write.writer != Writer::Administrator {
        times(write)?;
    }
    same("metadata", &metadata(write.before_json), &metadata(&write.after_json))
}

fn may_write(writer: Writer, field: &str) -> bool {
    match writer {
        Writer::Administrator => true,
        Writer::Machinery | Writer::Person => false,
        Writer::Webhook => field == "lastSession",
        Writer::Sync => matches!(field, "claimedAt" | "conditions"),
        Writer::Controller => matches!(field, "phase" | "lapsedUntil" | "reaper" | "request" | "conditions"),
        Writer::Restamper => matches!(field, "request" | "conditions"),
        Writer::Reviver => matches!(field, "saved" | "lastReap"),
        Writer::Reaper => {
            !matches!(field, "claimedAt" | "evidence" | "lapsedUntil" | "lastSession" | "phase" | "reaper" | "request")
        }
    }
}

/// Nothing that was seen lies ahead, and no reap is announced for long: who reads it relies on that.
fn times(write: &Write<'_>) -> Result<(), String> {
    let (was, is) = (write.old.as_ref().and_then(|old| old.status.as_ref()), write.after.status.as_ref());
    let ahead = |at: jiff::Timestamp, by: SignedDuration| at.duration_since(write.now) > by;
    let until = |status: Option<&SlotStatus>| {
        status
            .and_then(|status| status.reaping.as_ref())
            .and_then(|reaping| reaping.until.as_ref())
            .map(|until| until.0)
    };
    let through = |status: Option<&SlotStatus>| status.and_then(|s| s.observed.as_ref()).map(|seen| seen.through.0);
    let session = |status: Option<&SlotStatus>| status.and_then(|s| s.last_session.as_ref()).map(|seen| seen.time.0);
    let lapsed = |status: Option<&SlotStatus>| status.and_then(|s| s.lapsed_until.as_ref()).map(|at| at.0);
    let fields = [
        ("reaping.until", until(was), until(is), MAX_REAP_ANNOUNCED),
        ("observed.through", through(was), through(is), CLOCKS),
        ("lastSession.time", session(was), session(is), CLOCKS),
        ("lapsedUntil", lapsed(was), lapsed(is), CLOCKS),
    ];
    let late = |(_, was, is, by): &(&str, Option<jiff::Timestamp>, Option<jiff::Timestamp>, SignedDuration)| {
        was != is && is.is_some_and(|at| ahead(at, *by))
    };
    match fields.into_iter().find(late) {
        Some((field, _, is, _)) => Err(format!("status.{field} lies far ahead: {is:?}")),
        None => Ok(()),
    }
}

fn fields(status: Option<&SlotStatus>) -> Map<String, Value> {
    match status.map(serde_json::to_value) {
        Some(Ok(Value::Object(fields))) => fields,
        _ => Map::new(),
    }
}

fn metadata(slot: &Value) -> Option<&Value> {
    slot.get("metadata")
}
