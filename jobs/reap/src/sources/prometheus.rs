//! What does a Prometheus know of the slot's requests, and could it see them all?

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use super::server::{Client, TRIED_SLOTS, finds_nobody, within_limits};
use crate::collect::traffic::Query;
use hotdesk_slots::text::{human_time, sanitize_short};
use hotdesk_traffic::attribute::Whose;
use hotdesk_traffic::log::scan::SeenRequest;
use hotdesk_traffic::observation::Observation;
use hotdesk_traffic::prometheus::promql;
use hotdesk_traffic::prometheus::samples::{Series, Shape, covers, last_growth, read, same_process};
use hotdesk_traffic::sources::{Controller, Prometheus, Question};

/// More jobs than any controller has: what is counted there is something else.
const MAX_JOBS: usize = 8;

/// Asks whether anybody used the slot since the window began.
pub async fn look(source: &str, prometheus: &Prometheus, query: &Query, now: fn() -> Timestamp) -> Observation {
    let ask = async {
        let client = Client::new(&prometheus.server, now)?;
        let asked = Asked { client, gap: prometheus.gap, query, now: now(), source };
        match &prometheus.question {
            Question::Ready { controller, sight } => asked.ready(*controller, sight.as_deref()).await,
            Question::Own { query, sight } => asked.own(query, sight).await,
        }
    };
    within_limits(source, query.now, ask).await
}

struct Asked<'a> {
    client: Client<'a>,
    gap: SignedDuration,
    query: &'a Query,
    now: Timestamp,
    source: &'a str,
}

/// What is known so far.
#[derive(Default)]
struct Found {
    hit: Option<SeenRequest>,
    doubts: Vec<String>,
    samples: u64,
}

impl Asked<'_> {
    async fn ready(&self, controller: Controller, sight: Option<&str>) -> Result<Observation, String> {
        let mut found = Found::default();
        for selector in promql::of_slot(controller, &self.query.slot) {
            for series in self.samples(&selector).await? {
                self.judge(&series, controller, &mut found)?;
            }
        }
        let targets = self.targets(controller).await?;
        found.samples = targets.len() as u64;
        if targets.is_empty() && !self.query.silence_is_fine {
            found
                .doubts
                .push("it has no counters of anybody's requests, and an empty answer proves nothing".to_owned());
        } else if !self.query.silence_is_fine && !targets.iter().any(|labels| self.names_a_slot(labels, controller)) {
            // What overwrites or drops a label leaves counters that name the controller, or nobody.
            found.doubts.push(
                "none of its counters names any slot: scrape with honorLabels, or keep the label that says whose the \
                 requests were"
                    .to_owned(),
            );
        }
        match sight {
            Some(selector) => drop(self.see(selector, &mut found.doubts).await?),
            None => self.see_jobs(controller, &targets, &mut found.doubts).await?,
        }
        Ok(self.told(found))
    }

    async fn own(&self, query: &str, sight: &str) -> Result<Observation, String> {
        let mut found = Found::default();
        if self.finds(query, &self.query.slot, self.window()).await? {
            let upstream = format!("{} (by the query)", self.query.slot);
            found.hit = Some(SeenRequest { time: self.now, upstream, path: None });
        } else if !self.query.silence_is_fine && !self.finds_anybody(query).await? {
            found.doubts.push(finds_nobody(self.query.names.slots().take(TRIED_SLOTS).count()));
        }
        found.samples = self.see(sight, &mut found.doubts).await?;
        Ok(self.told(found))
    }

    /// True if the query finds use of any slot within the look-back.
    async fn finds_anybody(&self, query: &str) -> Result<bool, String> {
        for slot in self.query.names.slots().take(TRIED_SLOTS) {
            if self.finds(query, slot, self.now.duration_since(self.query.look_back)).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn finds(&self, query: &str, slot: &str, window: SignedDuration) -> Result<bool, String> {
        let found = self.query(&promql::own(query, slot, window), Shape::Vector).await?;
        Ok(found.iter().any(|series| series.samples.iter().any(|(_, value)| *value > 0.0)))
    }

    fn judge(&self, series: &Series, controller: Controller, found: &mut Found) -> Result<(), String> {
        let entry = promql::entry(&series.labels, controller)?;
        let whose = self.query.names.whose(&entry);
        let name = sanitize_short(entry.upstream.as_deref().or(entry.namespace.as_deref()).unwrap_or("?"));
        let growth = last_growth(series, self.query.since);
        match (whose, growth) {
            (Whose::Theirs, _) | (_, Ok(None)) => {}
            (Whose::Ours, Ok(Some(time))) => {
                if found.hit.as_ref().is_none_or(|hit| hit.time < time) {
                    found.hit = Some(SeenRequest { time, upstream: format!("{name} (by its counter)"), path: None });
                }
            }
            (_, Ok(Some(_))) => found.doubts.push(format!(
                "requests for {name} were counted, which could be this slot's, another's, or a Service's that is gone"
            )),
            (_, Err(why)) => found.doubts.push(why),
        }
        Ok(())
    }

    fn names_a_slot(&self, labels: &BTreeMap<String, String>, controller: Controller) -> bool {
        promql::entry(labels, controller).is_ok_and(|entry| self.query.names.knows(&entry))
    }

    /// The targets that have counted anything: within the window, or else within the look-back.
    async fn targets(&self, controller: Controller) -> Result<Vec<BTreeMap<String, String>>, String> {
        for back in [self.window(), self.now.duration_since(self.query.look_back)] {
            let found = self.query(&promql::targets(controller, back), Shape::Vector).await?;
            if !found.is_empty() {
                return Ok(found.into_iter().map(|series| series.labels).collect());
            }
        }
        Ok(Vec::new())
    }

    /// Every target of the jobs that count was scraped throughout, and its process is the same.
    async fn see_jobs(
        &self,
        controller: Controller,
        targets: &[BTreeMap<String, String>],
        doubts: &mut Vec<String>,
    ) -> Result<(), String> {
        let jobs: BTreeSet<&str> = targets.iter().filter_map(|labels| labels.get("job")).map(String::as_str).collect();
        if jobs.is_empty() || jobs.len() > MAX_JOBS {
            doubts.push(format!(
                "its counters are of {} jobs: set sight, so that it is known who scrapes them",
                jobs.len()
            ));
            return Ok(());
        }
        for job in jobs {
            let instances = self.instances(&promql::up(job), doubts).await?;
            let starts = self.samples(&promql::start_of(controller, job)).await?;
            let unknown =
                instances.iter().find(|instance| !starts.iter().any(|start| instance_of(start) == **instance));
            if let Some(instance) = unknown {
                doubts.push(format!(
                    "nothing tells whether {} has restarted ({}): set sight",
                    sanitize_short(instance),
                    promql::start_of(controller, job)
                ));
            }
            doubts.extend(starts.iter().filter_map(|start| {
                let why = same_process(start, self.query.since).err()?;
                Some(format!("the target {} {why}", sanitize_short(instance_of(start))))
            }));
        }
        Ok(())
    }

    /// The samples that prove sight have no gap. Returns how many series there are.
    async fn see(&self, selector: &str, doubts: &mut Vec<String>) -> Result<u64, String> {
        Ok(self.instances(selector, doubts).await?.len() as u64)
    }

    async fn instances(&self, selector: &str, doubts: &mut Vec<String>) -> Result<Vec<String>, String> {
        let found = self.samples(selector).await?;
        if found.is_empty() {
            doubts.push(format!(
                "it has no samples of {}, so nothing shows that it observed traffic",
                sanitize_short(selector)
            ));
        }
        doubts.extend(found.iter().filter_map(|series| {
            let why = covers(series, self.query.since, self.now, self.gap).err()?;
            Some(format!("the target {} {why}", sanitize_short(instance_of(series))))
        }));
        Ok(found.iter().map(|series| instance_of(series).to_owned()).collect())
    }

    /// The samples of a selector since a little before the window, as they were scraped.
    async fn samples(&self, selector: &str) -> Result<Vec<Series>, String> {
        let back = self.window().saturating_add(self.gap);
        self.query(&promql::samples(selector, back), Shape::Matrix).await
    }

    async fn query(&self, query: &str, shape: Shape) -> Result<Vec<Series>, String> {
        let time = format!("{}.{:03}", self.now.as_second(), self.now.subsec_millisecond());
        let body = self.client.get("/api/v1/query", &[("query", query.to_owned()), ("time", time)]).await?;
        read(&body, shape)
    }

    fn window(&self) -> SignedDuration {
        self.now.duration_since(self.query.since)
    }

    fn told(&self, found: Found) -> Observation {
        let series = if found.samples == 1 { "1 series".to_owned() } else { format!("{} series", found.samples) };
        Observation {
            source: self.source.to_owned(),
            hit: found.hit,
            doubts: found.doubts,
            samples: found.samples,
            seen: format!("{series} of all slots, sampled throughout until {}", human_time(self.now, self.now)),
            from: self.query.since,
            through: self.now,
        }
    }
}

fn instance_of(series: &Series) -> &str {
    series.labels.get("instance").map_or("?", String::as_str)
}
