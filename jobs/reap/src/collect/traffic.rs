//! Which traffic sources are asked, and in which order?
//!
//! The logs come first, for they may take minutes and catch up with what was logged while they were read; the others take
//! seconds. Counters are sampled at every run, also where something else has settled the verdict: a later run needs them.

use hotdesk_slots::counted::Counted;
use jiff::{SignedDuration, Timestamp};

use super::ways_in::Survey;
use super::{Collector, Memory, slots};
use crate::decide::Evidence;
use crate::sources::ingress_logs::ResumePoint;
use crate::sources::{digest, gcp_logging, ingress_logs, ingress_metrics, loki, prometheus};
use hotdesk_traffic::attribute::{Known, Names};
use hotdesk_traffic::line::Format;
use hotdesk_traffic::log::scan::ScanWindow;
use hotdesk_traffic::observation::Traffic;
use hotdesk_traffic::sources::{Kind, Source};
use hotdesk_traffic::ways_in::{Rules, WaysIn, unwatched};

/// What an older reaper has read does not count where this one sees more in the same lines: since 3, requests that a route of
/// the slot took and something else answered; since 4, what an entry of nobody's says beside its name (a namespace alone, a
/// second host or address, a URL, the host of an Ingress), later parts of names, and the addresses of the slot's Services;
/// since 5, hosts in whatever place and capitals, those of a Gateway's listeners, and the names of Traefik's provider for
/// Ingresses of ingress-nginx.
const READER: u8 = 5;

/// What is the same for all sources.
pub struct Query {
    /// The slot.
    pub slot: String,
    /// The slot's names.
    pub names: Names,
    /// The start of the window.
    pub since: Timestamp,
    /// The start of the look-back.
    pub look_back: Timestamp,
    /// When the run looks.
    pub now: Timestamp,
    /// No entry at all, of any slot, is fine.
    pub silence_is_fine: bool,
}

impl Collector<'_> {
    /// What all sources see.
    pub(super) async fn traffic(
        &self,
        evidence: &Evidence,
        window: SignedDuration,
        now: Timestamp,
        memory: &mut Memory,
    ) -> Traffic {
        let (query, doubts) = match self.query(window, now).await {
            Ok(found) => found,
            Err(why) => return Traffic::inconclusive(why),
        };
        let mut traffic = Traffic { doubts, ..Traffic::default() };
        for source in self.in_order() {
            self.look(source, &query, evidence, &mut traffic, memory).await;
        }
        // Last, so that what came in while the logs were read is counted as well.
        traffic.usage = self.usage(evidence, window).await;
        traffic
    }

    /// A sample of the counters alone; what cannot be had now may be had at the next run.
    pub(super) async fn sampled(&self, evidence: &Evidence, now: Timestamp, memory: &mut Memory) -> Option<Traffic> {
        let window = self.window(evidence, now);
        let counted = self.counted(evidence, window, now, memory).await;
        let usage = self.usage(evidence, window).await;
        (counted.is_some() || usage.is_some()).then(|| Traffic {
            counted: counted.unwrap_or_default(),
            usage,
            ..Traffic::default()
        })
    }

    async fn counted(
        &self,
        evidence: &Evidence,
        window: SignedDuration,
        now: Timestamp,
        memory: &mut Memory,
    ) -> Option<Vec<Counted>> {
        let counting = |source: &&Source| matches!(source.kind, Kind::IngressMetrics(_));
        self.patterns.sources.iter().find(counting)?;
        let (query, _) = self.query(window, now).await.ok()?;
        let mut traffic = Traffic::default();
        for source in self.patterns.sources.iter().filter(counting) {
            self.look(source, &query, evidence, &mut traffic, memory).await;
        }
        Some(traffic.counted)
    }

    fn in_order(&self) -> Vec<&Source> {
        let mut sources: Vec<&Source> = self.patterns.sources.iter().collect();
        sources.sort_by_key(|source| match source.kind {
            Kind::IngressLogs(_) => 0,
            Kind::IngressMetrics(_) => 1,
            _ => 2,
        });
        sources
    }

    async fn look(
        &self,
        source: &Source,
        query: &Query,
        evidence: &Evidence,
        traffic: &mut Traffic,
        memory: &mut Memory,
    ) {
        // Somebody is there: what the others saw changes nothing. A counter is sampled all the same.
        let settled = traffic.hit().is_some();
        let look = match &source.kind {
            Kind::IngressMetrics(metrics) => {
                let before = kept(evidence, &source.name);
                let question = ingress_metrics::Question { source: &source.name, metrics, query, before };
                let (look, counted) = ingress_metrics::look(self.cluster, &question).await;
                traffic.counted.extend(counted.or_else(|| before.cloned()));
                look
            }
            _ if settled => return,
            Kind::IngressLogs(logs) => {
                let watch = self.watch(query, &logs.format);
                let earlier = self.earlier(source, evidence);
                let before = earlier.covered.cloned();
                let known = memory.logs.entry(source.name.clone()).or_default();
                let (look, covered) =
                    ingress_logs::look(self.cluster, &source.name, &logs.place, &watch, earlier, known).await;
                // What came past the log at that time was not covered by it.
                let covered = covered.filter(|_| traffic.doubts.is_empty());
                traffic.covered.extend(covered.or(before));
                look
            }
            Kind::Prometheus(prometheus) => prometheus::look(&source.name, prometheus, query, self.now).await,
            Kind::Loki(loki) => {
                let watch = |format: &Format| self.watch(query, format);
                loki::look(&source.name, loki, query, watch, self.now).await
            }
            Kind::GcpLogging(gcp) => {
                gcp_logging::look(&source.name, gcp, &self.watch(query, &gcp.format), query.silence_is_fine, self.now)
                    .await
            }
        };
        traffic.observations.push(look);
    }

    /// What holds for all sources, and why requests may have come past them.
    async fn query(&self, window: SignedDuration, now: Timestamp) -> Result<(Query, Vec<String>), String> {
        self.cluster.check_clock(self.now).await?;
        let rules = Rules { classes: &self.args.ingress_class, ignore_direct: self.args.ignore_direct_traffic };
        let (cluster, slot, sources) = (self.cluster, self.slot, self.patterns.sources.as_slice());
        let slots = slots::all(cluster).await?;
        let host = slots.iter().find(|known| known.namespace == slot).and_then(|known| known.host.clone());
        let ways = WaysIn { host, ..Survey { cluster, slot, sources, rules }.collect().await? };
        let doubts = unwatched(&ways, sources, &rules).iter().map(ToString::to_string).collect();
        let known = Known::of(&ways, slots, &self.args.other_namespaces);
        let ago = |length: SignedDuration| now.saturating_sub(length).unwrap_or(Timestamp::MIN);
        let names = Names::of(self.slot, &known);
        let look_back = ago(window.max(self.args.look_back));
        let (since, silence_is_fine) = (ago(window), self.rules.silence_is_fine);
        Ok((Query { slot: self.slot.to_owned(), names, since, look_back, now, silence_is_fine }, doubts))
    }

    /// What earlier runs have read of a log, if they would have seen what this one sees.
    fn earlier<'a>(&self, source: &Source, evidence: &'a Evidence) -> ResumePoint<'a> {
        let read = (READER, &source.kind, &self.args.ignore_user_agent, &self.args.ignore_path, self.args.max_unparsed);
        let settings = digest(&format!("{read:?}"));
        let status = evidence.slot.as_ref().and_then(|slot| slot.as_ref().ok()).and_then(|slot| slot.status.as_ref());
        let mut covered = status.into_iter().flat_map(|status| &status.covered);
        let covered = covered.find(|covered| covered.source == source.name && covered.settings == settings);
        ResumePoint { settings, covered }
    }

    fn watch(&self, query: &Query, format: &Format) -> ScanWindow {
        ScanWindow {
            format: format.clone(),
            names: query.names.clone(),
            slot: self.slot.to_owned(),
            since: query.since,
            look_back: query.look_back,
            now: query.now,
            ignore_agents: self.patterns.agents.clone(),
            ignore_paths: self.patterns.paths.clone(),
            max_unparsed: self.args.max_unparsed,
        }
    }
}

/// What the last run kept of a source's counters.
fn kept<'a>(evidence: &'a Evidence, source: &str) -> Option<&'a Counted> {
    let slot = evidence.slot.as_ref()?.as_ref().ok()?;
    slot.status.as_ref()?.counted.iter().find(|counted| counted.source == source)
}
