//! What did the traffic sources see, taken together?
//!
//! Somebody is there if any of them saw somebody. Nobody is there only if all of them could see, over the whole window,
//! and none saw anybody. Everything else is a doubt.

use hotdesk_slots::counted::Counted;
use hotdesk_slots::covered::Covered;
use hotdesk_slots::signals::{Signal, SignalState};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::log::scan::SeenRequest;
use crate::pod_usage::Usage;

/// What the traffic sources saw.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Traffic {
    /// What each of them saw.
    pub observations: Vec<Observation>,
    /// Why requests may have come past all of them.
    pub doubts: Vec<String>,
    /// What the controllers' counters said, to be kept for the next run.
    pub counted: Vec<Counted>,
    /// Over which time the controllers' logs have been read without a gap, to be kept for the next run.
    pub covered: Vec<Covered>,
    /// What the counters of the slot's own pods speak against; none where they are not to be read.
    pub usage: Option<Usage>,
}

/// What one source saw.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Observation {
    /// The source, as the operator calls it.
    pub source: String,
    /// The newest request of the slot that was found within the window.
    pub hit: Option<SeenRequest>,
    /// Why nothing seen does not mean nobody there.
    pub doubts: Vec<String>,
    /// Requests of anybody within the look-back: what proves that the source can tell.
    pub samples: u64,
    /// What those were, in a few words.
    pub seen: String,
    /// The start of what was looked at without a gap.
    pub from: Timestamp,
    /// Its end.
    pub through: Timestamp,
}

/// What all of it comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TrafficVerdict {
    /// Somebody used the slot.
    Used(SeenRequest),
    /// That cannot be said, and why.
    Inconclusive(String),
    /// Nobody did, and how that is known.
    Quiet(String),
}

impl Traffic {
    /// No source could be asked.
    #[must_use]
    pub fn inconclusive(why: String) -> Self {
        Self { doubts: vec![why], ..Self::default() }
    }

    /// The newest request that any source found.
    #[must_use]
    pub fn hit(&self) -> Option<&SeenRequest> {
        self.observations.iter().filter_map(|observation| observation.hit.as_ref()).max_by_key(|hit| hit.time)
    }

    /// Every doubt, each with its source where there are several.
    pub fn all_doubts(&self) -> impl Iterator<Item = String> {
        let several = self.observations.len() > 1;
        let of = move |observation: &Observation, doubt: &String| {
            if several { format!("{}: {doubt}", observation.source) } else { doubt.clone() }
        };
        let observations = self
            .observations
            .iter()
            .flat_map(move |observation| observation.doubts.iter().map(move |doubt| of(observation, doubt)));
        self.doubts.iter().cloned().chain(observations)
    }
}

impl Observation {
    /// A source that saw nothing at all.
    #[must_use]
    pub fn inconclusive(source: &str, why: String, now: Timestamp) -> Self {
        Self { source: source.to_owned(), doubts: vec![why], from: now, through: now, ..Self::default() }
    }

    /// True if it could see everything since a moment, and saw nobody.
    fn is_clear(&self, since: Timestamp, silence_is_fine: bool) -> bool {
        self.doubt(since, silence_is_fine).is_none() && self.hit.is_none()
    }

    fn doubt(&self, since: Timestamp, silence_is_fine: bool) -> Option<String> {
        if let Some(first) = self.doubts.first() {
            return Some(first.clone());
        }
        if self.samples == 0 && !silence_is_fine {
            return Some(format!(
                "{} shows no request for any slot, which is also what it would show if it could not tell; \
                 if that is normal here, set --silence-is-fine",
                self.source
            ));
        }
        (self.from > since).then(|| format!("{} was read for less than the window", self.source))
    }

    /// The same as the status tells it.
    #[must_use]
    pub fn signal(&self, since: Timestamp, silence_is_fine: bool) -> Signal {
        let (state, detail) = match (&self.hit, self.doubt(since, silence_is_fine)) {
            (Some(hit), _) => (SignalState::InUse, hit.detail()),
            (None, Some(doubt)) => (SignalState::Blind, doubt),
            (None, None) => (SignalState::Quiet, self.seen.clone()),
        };
        let last_seen = self.hit.as_ref().map(|hit| Time(hit.time));
        Signal { name: self.source.clone(), state, last_seen, detail }
    }
}

/// What the sources saw since a moment.
#[must_use]
pub fn judge(traffic: &Traffic, since: Timestamp, silence_is_fine: bool) -> TrafficVerdict {
    if let Some(hit) = traffic.hit() {
        return TrafficVerdict::Used(hit.clone());
    }
    if traffic.doubts.is_empty()
        && !traffic.observations.is_empty()
        && traffic.observations.iter().all(|observation| observation.is_clear(since, silence_is_fine))
    {
        let could: Vec<String> = traffic
            .observations
            .iter()
            .map(|observation| format!("{} could see ({})", observation.source, observation.seen))
            .collect();
        return TrafficVerdict::Quiet(could.join("; "));
    }
    TrafficVerdict::Inconclusive(why_inconclusive(traffic, since, silence_is_fine))
}

/// The first doubt of each source, and how many more there are.
fn why_inconclusive(traffic: &Traffic, since: Timestamp, silence_is_fine: bool) -> String {
    let several = traffic.observations.len() > 1;
    let of = |observation: &Observation| {
        let doubt = observation.doubt(since, silence_is_fine)?;
        Some(if several && !doubt.starts_with(&observation.source) {
            format!("{}: {doubt}", observation.source)
        } else {
            doubt
        })
    };
    let told: Vec<String> =
        traffic.doubts.iter().take(1).cloned().chain(traffic.observations.iter().filter_map(of)).collect();
    let untold = traffic.doubts.len().saturating_sub(1)
        + traffic.observations.iter().map(|observation| observation.doubts.len().saturating_sub(1)).sum::<usize>();
    let more = if untold > 0 { format!(" (and {untold} more: see the log)") } else { String::new() };
    match told.as_slice() {
        [] => "no traffic source was asked".to_owned(),
        told => format!("{}{more}", told.join("; ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: i8) -> Timestamp {
        format!("2026-11-23T14:{minute:02}:00Z").parse().unwrap()
    }

    fn clear(source: &str) -> Observation {
        let seen = "40 requests of all slots".to_owned();
        Observation {
            source: source.to_owned(),
            samples: 40,
            seen,
            from: at(0),
            through: at(59),
            ..Observation::default()
        }
    }

    fn hit(minute: i8) -> SeenRequest {
        SeenRequest { time: at(minute), upstream: "mew-web-80".to_owned(), path: None }
    }

    #[track_caller]
    fn check(observations: &[Observation], expected: &TrafficVerdict) {
        let traffic = Traffic { observations: observations.to_vec(), ..Traffic::default() };
        assert_eq!(judge(&traffic, at(0), false), *expected);
    }

    fn blind(why: &str) -> TrafficVerdict {
        TrafficVerdict::Inconclusive(why.to_owned())
    }

    #[test]
    fn nobody_is_there_only_if_all_sources_could_see_and_none_saw_anybody() {
        let both = "logs could see (40 requests of all slots); loki could see (40 requests of all slots)";
        check(&[clear("logs"), clear("loki")], &TrafficVerdict::Quiet(both.to_owned()));
        check(
            &[clear("logs"), Observation::inconclusive("loki", "no answer".to_owned(), at(59))],
            &blind("loki: no answer"),
        );
        check(&[], &blind("no traffic source was asked"));
        let past =
            Traffic { observations: vec![clear("logs")], doubts: vec!["a node port".to_owned()], ..Traffic::default() };
        assert_eq!(judge(&past, at(0), false), blind("a node port"));
    }

    #[test]
    fn one_source_that_saw_somebody_is_enough() {
        let seeing = |minute| Observation { hit: Some(hit(minute)), ..clear("loki") };
        let in_doubt = Observation::inconclusive("logs", "no answer".to_owned(), at(59));
        check(&[in_doubt.clone(), seeing(20), seeing(30)], &TrafficVerdict::Used(hit(30)));
        let past =
            Traffic { observations: vec![seeing(20)], doubts: vec!["a node port".to_owned()], ..Traffic::default() };
        assert_eq!(judge(&past, at(0), false), TrafficVerdict::Used(hit(20)));
    }

    #[test]
    fn each_blind_source_says_why() {
        let two = Observation { doubts: vec!["a".to_owned(), "b".to_owned()], ..clear("logs") };
        let late = Observation { from: at(1), ..clear("loki") };
        check(
            &[two, late, clear("gcp")],
            &blind("logs: a; loki was read for less than the window (and 1 more: see the log)"),
        );
    }

    #[test]
    fn silence_proves_nothing_unless_it_is_fine() {
        let silent = Traffic { observations: vec![Observation { samples: 0, ..clear("logs") }], ..Traffic::default() };
        assert!(
            matches!(judge(&silent, at(0), false), TrafficVerdict::Inconclusive(why) if why.contains("--silence-is-fine"))
        );
        assert!(matches!(judge(&silent, at(0), true), TrafficVerdict::Quiet(_)));
    }

    #[test]
    fn a_status_tells_of_each_source_what_it_saw() {
        let signal = |observation: &Observation| observation.signal(at(0), false);
        let quiet = signal(&clear("logs"));
        assert_eq!((quiet.state, quiet.detail.as_str()), (SignalState::Quiet, "40 requests of all slots"));
        let used = signal(&Observation { hit: Some(hit(20)), doubts: vec!["x".to_owned()], ..clear("logs") });
        assert_eq!((used.state, used.last_seen), (SignalState::InUse, Some(Time(at(20)))));
        let blind = signal(&Observation::inconclusive("loki", "no answer".to_owned(), at(59)));
        assert_eq!(
            (blind.name.as_str(), blind.state, blind.detail.as_str()),
            ("loki", SignalState::Blind, "no answer")
        );
    }
}
