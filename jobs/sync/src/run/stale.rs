//! What is said while the source cannot be read?

use futures::StreamExt as _;
use hotdesk_slots::text::sanitize;
use jiff::{SignedDuration, Timestamp};

use super::write::complain;
use super::{AT_ONCE, PassOutcome, Sync};
use crate::plan::SlotReport;
use crate::report::{concerns_sheet, conditions, general, is_told_stale};
use crate::source::SourceError;

impl Sync {
    /// Nothing is written, and that is said: in the log at once, on the Slots after a while.
    pub(super) async fn say_unreadable(&mut self, error: &SourceError) -> PassOutcome {
        let what = sanitize(&error.to_string());
        tracing::warn!("nothing is changed: {what}");
        let outcome = PassOutcome::Unreadable(error.is_transient());
        if self.settings.dry_run {
            return outcome;
        }
        let now = (self.clock)();
        let last = self.metrics.last_success();
        let stale_after = SignedDuration::try_from(self.settings.stale_after).unwrap_or(SignedDuration::MAX);
        let is_stale = now.duration_since(last.unwrap_or(self.started)) >= stale_after;
        if self.told_unreadable.is_none() && (is_stale || !error.is_transient()) {
            self.tell_all("SheetUnreadable", &what).await;
            self.told_unreadable = Some(what.clone());
        }
        if is_stale && !self.told_stale {
            let since = match last {
                Some(at) => format!("The sheet was last read at {}", at.strftime("%Y-%m-%d %H:%M:%S UTC")),
                None => format!("The sheet has not been read since {}", self.started.strftime("%Y-%m-%d %H:%M:%S UTC")),
            };
            let url = self.settings.claim_url.as_ref().map(|url| format!(" ({url})")).unwrap_or_default();
            let why = format!("{since}, and the claim is what it said then{url}: {what}");
            self.told_stale = self.mark_stale(&SlotReport::Stale(why), now).await;
        }
        outcome
    }

    /// True if every Slot of the sheet says so now.
    async fn mark_stale(&self, slot_report: &SlotReport, now: Timestamp) -> bool {
        let listed = match self.slots().await {
            Ok(listed) => listed,
            Err(error) => {
                tracing::error!("{error}");
                return false;
            }
        };
        let concerned = listed.slots.iter().filter(|slot| concerns_sheet(slot) && !is_told_stale(slot));
        let writes = concerned.filter_map(|slot| Some((slot, conditions(slot, Some(slot_report), now)?)));
        let writes = writes.map(|(slot, changed)| async move {
            let written = self.cluster.write_status(slot, Some(&changed), None).await;
            let fine = written.is_ok();
            complain(written);
            fine
        });
        futures::stream::iter(writes).buffer_unordered(AT_ONCE).all(|fine| async move { fine }).await
    }

    pub(super) fn readable_again(&mut self) {
        if self.told_unreadable.take().is_some() {
            tracing::info!("the sheet can be read again");
        }
        self.told_stale = false;
    }

    /// Tells the operator, by an Event in our own namespace.
    pub(super) async fn tell_all(&self, reason: &str, note: &str) {
        let event = general(self.cluster.own_namespace(), reason, note, (self.clock)());
        complain(self.cluster.tell(&event).await);
    }
}
