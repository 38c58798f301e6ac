//! What does the operator want people to be told?

use clap::Args;
use hotdesk_notify::Settings;
use hotdesk_slots::duration::{non_negative, positive};
use jiff::SignedDuration;

use super::NoticePolicy;

/// Settings of notices and messages.
#[derive(Debug, Clone, Args)]
pub struct NoticeArgs {
    /// How long before a reap people are told, for example 30m. 0s: not at all. The slot is reaped by the first run after
    /// that which finds it idle still.
    #[arg(long, env = "HOTDESK_NOTICE", default_value = "0s", value_parser = non_negative::<SignedDuration>)]
    pub notice: SignedDuration,

    /// Webhooks that are told: a JSON list of {name, format: slack or json, on: [notice, reaped, blind, kept], url or
    /// urlFile, template}.
    #[arg(long, env = "HOTDESK_NOTIFY", default_value = "[]", value_parser = Settings::parse)]
    pub notify: Settings,

    /// How long a slot must be in doubt before webhooks are told, for example 2h.
    #[arg(long, env = "HOTDESK_BLIND_FOR", default_value = "2h", value_parser = positive::<SignedDuration>)]
    pub blind_for: SignedDuration,

    /// How long a slot must have been kept before webhooks are told, for example 168h (a week).
    #[arg(long, env = "HOTDESK_KEPT_FOR", default_value = "168h", value_parser = positive::<SignedDuration>)]
    pub kept_for: SignedDuration,
}

impl NoticeArgs {
    /// When people are told.
    #[must_use]
    pub fn policy(&self) -> NoticePolicy {
        NoticePolicy { notice: self.notice, blind_for: self.blind_for, kept_for: self.kept_for }
    }
}
