//! What is there to tell about a slot?

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Why people are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NotificationKind {
    /// The slot is idle, and will be cleared.
    Notice,
    /// It was cleared.
    Reaped,
    /// Whether it is in use cannot be seen, so it is never cleared.
    Blind,
    /// Somebody has kept it from being cleared for long.
    Kept,
}

/// What happened to a slot. Also the body that a generic JSON webhook gets, beside the text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Notification {
    /// Why this is told.
    pub kind: NotificationKind,
    /// The slot.
    pub slot: String,
    /// Who holds it; the first is its owner. Empty: nobody.
    pub users: Vec<String>,
    /// What it is held for.
    pub purpose: String,
    /// The verdict's reason, or what was done, in a sentence.
    pub reason: String,
    /// The releases in question.
    pub releases: Vec<String>,
    /// What of them no undo brings back.
    pub lost: Vec<String>,
    /// When this was seen (RFC 3339).
    pub time: Timestamp,
    /// Since when it is so.
    pub since: Option<Timestamp>,
    /// When it will be cleared, or until when it is kept.
    pub until: Option<Timestamp>,
}
