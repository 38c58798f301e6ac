//! What came since the last look, where that one's reading certainly goes on?

use std::ops::ControlFlow;

use k8s_openapi::api::core::v1::Pod;
use kube::api::LogParams;
use tokio::time::Instant;

use super::controllers;
use super::logs::Look;
use hotdesk_traffic::log::sequel::{ASKED, Mark, Writer};

/// So much of an answer is kept in memory, and no more.
const MOST_BYTES: i64 = 4 * 1024 * 1024;

/// A log that goes on where it was read to.
struct Sequel {
    writer: Writer,
    lines: Vec<String>,
    mark: Mark,
}

impl Look<'_> {
    /// Reads on where the last look ended. Nothing has happened if that cannot be: then the logs are to be read in full.
    pub(super) async fn goes_on(&mut self, pods: &[Pod], begun: Instant) -> bool {
        let Some(known) = self.known.take().filter(|known| known.logs.len() == pods.len()) else { return false };
        let mut sequels = Vec::new();
        for pod in pods {
            let Ok(found) = controllers::readable(pod, &self.place.container) else { return false };
            let Some(mark) = known.mark(&found.writer) else { return false };
            let Some(sequel) = self.sequel(found.writer, mark).await else { return false };
            sequels.push(sequel);
        }
        let mut tally = known.tally;
        tally.opened_after = begun.elapsed();
        let mut lines = sequels.iter().flat_map(|sequel| &sequel.lines);
        let hit = lines.try_for_each(|line| match tally.take(self.watch, line) {
            ControlFlow::Continue(_) => ControlFlow::Continue(()),
            ControlFlow::Break(()) => ControlFlow::Break(()),
        });
        // A line that is out of the ordinary is weighed against all others, which must be counted for that.
        if hit.is_continue() && !tally.is_plain() {
            return false;
        }
        self.tally = tally;
        self.logs = sequels.into_iter().map(|sequel| (sequel.writer, sequel.mark)).collect();
        true
    }

    async fn sequel(&self, writer: Writer, mark: &Mark) -> Option<Sequel> {
        let wanted = self.wanted();
        let end = self.end("the last line", &writer.pod, &wanted).await.ok()??;
        let last = LogParams { tail_lines: Some(ASKED.into()), limit_bytes: Some(MOST_BYTES), ..wanted };
        let answer = self.cluster.answer("the last lines", self.api().logs(&writer.pod, &last)).await.ok()?;
        let rest = mark.rest(&answer, end)?;
        let mut mark = mark.clone();
        rest.iter().for_each(|line| mark.note(line));
        let lines = rest.into_iter().map(str::to_owned).collect();
        Some(Sequel { writer, lines, mark })
    }
}
