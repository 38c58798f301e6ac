//! What does a Prometheus know of the counters of the slot's pods?

use std::collections::BTreeSet;

use hotdesk_traffic::pod_usage::samples::{Answers, Watched, cpu, judge, probes, quietest, received};
use hotdesk_traffic::pod_usage::{Asked, Store, Usage};
use hotdesk_traffic::prometheus::promql;
use hotdesk_traffic::prometheus::samples::{Series, Shape, read};
use jiff::Timestamp;

use crate::sources::server::Client;

/// Asks for the counters of these pods since the window began. `jobs` are the names of pods of Jobs, which are left out.
///
/// # Errors
/// When the Prometheus does not answer, or not in full.
pub async fn look(
    store: &Store,
    asked: &Asked<'_>,
    slot: &str,
    watched: &[Watched],
    jobs: &BTreeSet<String>,
    now: fn() -> Timestamp,
) -> Result<Usage, String> {
    let client = Client::new(&store.server, now)?;
    let question = Question { client: &client, now: asked.now };
    let back = asked.now.duration_since(asked.since).saturating_add(store.gap);
    let samples = |selector: String| promql::samples(&selector, back);
    let answers = Answers {
        received: question.ask(&samples(received(slot)), Shape::Matrix).await?,
        cpu: question.ask(&samples(cpu(slot)), Shape::Matrix).await?,
        probes: question.ask(&samples(probes(slot)), Shape::Matrix).await?,
        quietest: question.ask(&quietest(slot), Shape::Vector).await?,
    };
    Ok(judge(asked, store.gap, watched, jobs, &answers))
}

struct Question<'a> {
    client: &'a Client<'a>,
    now: Timestamp,
}

impl Question<'_> {
    async fn ask(&self, query: &str, shape: Shape) -> Result<Vec<Series>, String> {
        let time = format!("{}.{:03}", self.now.as_second(), self.now.subsec_millisecond());
        let body = self.client.get("/api/v1/query", &[("query", query.to_owned()), ("time", time)]).await?;
        read(&body, shape).map_err(|why| format!("the Prometheus: {why}"))
    }
}
