//! What have the ingress controller's pods counted? Read from each pod's own `/metrics`, through the API server.

use std::ops::ControlFlow;
use std::pin::pin;
use std::time::Duration;

use hotdesk_slots::counted::Counted;

use super::controllers::{self, Controller};
use super::lines::{End, Piece, each_line};
use crate::api::Cluster;
use crate::collect::traffic::Query;
use hotdesk_traffic::counters::exposition;
use hotdesk_traffic::counters::{Compared, PodTally, Sample, compare};
use hotdesk_traffic::log::scan::SeenRequest;
use hotdesk_traffic::observation::Observation;
use hotdesk_traffic::sources::IngressMetrics;

/// A busy controller's metrics are some megabytes.
const MAX_BYTES: usize = 128 << 20;

/// How long one pod's metrics may take in all.
const POD_LIMIT: Duration = Duration::from_secs(60);

/// What is asked.
pub struct Question<'a> {
    /// What the source is called.
    pub source: &'a str,
    /// The source.
    pub metrics: &'a IngressMetrics,
    /// What is looked for.
    pub query: &'a Query,
    /// What the last run kept.
    pub before: Option<&'a Counted>,
}

/// Samples all pods and compares with what was kept. Where that fails, what was kept stays.
pub async fn look(cluster: &Cluster, question: &Question<'_>) -> (Observation, Option<Counted>) {
    match sampled(cluster, question).await {
        Ok((samples, unchanged)) => {
            let compared = compare(question.source, question.before, &samples, unchanged, question.query.now);
            let counted = compared.counted.clone();
            (told(question, &samples, compared), Some(counted))
        }
        Err(why) => (Observation::inconclusive(question.source, why, question.query.now), None),
    }
}

async fn sampled(cluster: &Cluster, question: &Question<'_>) -> Result<(Vec<Sample>, Result<(), String>), String> {
    let place = &question.metrics.place;
    let pods = controllers::pods(cluster, place).await?;
    let since = question.before.map_or(question.query.now, |before| before.through.0);
    let mut samples = Vec::new();
    for pod in &pods {
        let Some(controller) = controllers::readable(pod, &place.container, since)? else { continue };
        let tally = tokio::time::timeout(POD_LIMIT, scrape(cluster, question, &controller)).await;
        let tally = tally.unwrap_or_else(|_| Err(format!("no whole answer within {} s", POD_LIMIT.as_secs())));
        let what = format!("the metrics of the controller pod {} cannot be read", controller.pod);
        let tally = tally.map_err(|why| format!("{what}: {why}"))?;
        if let Some(problem) = tally.problem() {
            return Err(format!("{what}: {problem}"));
        }
        let uid = pod.metadata.uid.clone().unwrap_or_default();
        samples.push(Sample { count: tally.count(&uid, controller.started), pod: controller.pod, tally });
    }
    if samples.is_empty() {
        return Err("no pod of the ingress controller runs: nothing tells who asked for the slot".to_owned());
    }
    let unchanged = controllers::unchanged(cluster, place, &pods, since).await;
    Ok((samples, unchanged))
}

async fn scrape(cluster: &Cluster, question: &Question<'_>, controller: &Controller) -> Result<PodTally, String> {
    let IngressMetrics { place, port, path, controller: kind, .. } = question.metrics;
    let uri = format!("/api/v1/namespaces/{}/pods/{}:{port}/proxy{path}", place.namespace, controller.pod);
    let request = http::Request::get(uri).body(Vec::new()).map_err(|error| error.to_string())?;
    let stream = cluster.answer("its /metrics", cluster.client.request_stream(request)).await?;
    let (mut tally, mut bytes, mut lines) = (PodTally::default(), 0, 0_u64);
    let take = |piece: Piece<'_>| {
        let Piece::Line(line) = piece else { return ControlFlow::Break("it has a line that is too long".to_owned()) };
        (bytes, lines) = (bytes + line.len(), lines + 1);
        if bytes > MAX_BYTES {
            return ControlFlow::Break(format!("it is larger than {} MiB", MAX_BYTES >> 20));
        }
        if let Some(series) = exposition::read(line, *kind) {
            tally.take(series, &question.query.names);
        }
        ControlFlow::Continue(())
    };
    match each_line(pin!(stream), take).await.map_err(|error| format!("it broke off: {error}"))? {
        End::WithinLine => Err("it ends in the middle of a line".to_owned()),
        End::Whole if lines == 0 => Err("it is empty".to_owned()),
        End::Whole => Ok(tally),
        End::Enough(why) => Err(why),
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count, and finite")]
fn told(question: &Question<'_>, samples: &[Sample], compared: Compared) -> Observation {
    let everybody: f64 = samples.iter().map(|sample| sample.tally.everybody).sum();
    let last_use = compared.counted.last_use.as_ref().map(|time| time.0).filter(|time| *time >= question.query.since);
    let upstream = compared.used.unwrap_or_else(|| "the slot".to_owned());
    let hit = last_use.map(|time| SeenRequest { time, upstream: format!("{upstream} (by its counter)"), path: None });
    let since = compared.counted.since.0;
    let mut doubts = compared.doubts;
    if doubts.is_empty() && hit.is_none() && since > question.query.since {
        doubts.push(format!(
            "its samples join up only since {}, and the window begins at {}",
            since.strftime("%H:%M:%S UTC"),
            question.query.since.strftime("%H:%M:%S UTC")
        ));
    }
    let pods = if samples.len() == 1 { "1 pod".to_owned() } else { format!("{} pods", samples.len()) };
    Observation {
        source: question.source.to_owned(),
        hit,
        doubts,
        samples: everybody as u64,
        seen: format!("{} requests of all slots since {pods} started", everybody as u64),
        from: since,
        through: question.query.now,
    }
}

#[cfg(test)]
mod tests;
