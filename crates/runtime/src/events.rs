//! How do people learn of something that happened, where they look with `kubectl describe`?

use kube::Client;
pub use kube::runtime::events::Recorder;
use kube::runtime::events::{Event, EventType, Reporter};

use crate::text::cut;

/// The longest note that an Event can have, in bytes.
const MAX_NOTE: usize = 1024;

/// Puts Events on objects, in the name of a part of hotdesk such as `controller`.
#[must_use]
pub fn recorder(client: Client, part: &str) -> Recorder {
    Recorder::new(
        client,
        Reporter { controller: format!("hotdesk.dev/{part}"), instance: Some(format!("hotdesk-{part}")) },
    )
}

/// An Event; its note is cut to what Kubernetes takes.
#[must_use]
pub fn event(type_: EventType, reason: &str, action: &str, note: &str) -> Event {
    Event {
        type_,
        reason: reason.to_owned(),
        note: Some(cut(note, MAX_NOTE)),
        action: action.to_owned(),
        secondary: None,
    }
}
