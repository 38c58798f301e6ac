//! A case, and what it comes to.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex};

use globset::GlobSet;
use hotdesk_traffic::attribute::{ForeignRoute, Known, Names, Neighbour, Service, Streams};
use hotdesk_traffic::gcp;
use hotdesk_traffic::log::scan::{LogScan, ScanWindow};
use hotdesk_traffic::log::{agents, question};
use hotdesk_traffic::observation::{Observation, Traffic, TrafficVerdict, judge};
use hotdesk_traffic::sources::{self, Defaults, Kind, LokiQuestion, PodSelector, Source};
use jiff::{SignedDuration, Timestamp};
use regex::Regex;
use serde::Deserialize;
use serde_json::{Value, json};

/// One row of the file.
#[derive(Debug, Deserialize)]
pub(crate) struct Case {
    pub(crate) id: String,
    pub(crate) about: String,
    because: String,
    source: String,
    format: String,
    #[serde(default)]
    fields: Option<Value>,
    #[serde(default)]
    settings: Value,
    slot: String,
    slots: Vec<String>,
    services: Vec<String>,
    #[serde(default)]
    objects: Vec<String>,
    #[serde(default)]
    before: Option<Before>,
    pub(crate) lines: Vec<String>,
    pub(crate) expected: String,
    /// Words that a doubt must hold.
    #[serde(default)]
    says: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Before {
    times: usize,
    line: String,
}

/// By which source the lines come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum By {
    /// Whole, from the controller's pods.
    Pods,
    /// As a Loki is asked.
    Loki,
    /// As Google Cloud Logging is asked, and as its entries.
    Google,
}

impl By {
    pub(crate) const ALL: [Self; 3] = [Self::Pods, Self::Loki, Self::Google];

    /// True if the source takes lines of such a length.
    pub(crate) fn takes(self, lines: &[String]) -> bool {
        self != Self::Google || lines.iter().all(|line| text(line).len() <= TOO_LONG)
    }
}

/// What a case comes to.
pub(crate) struct Found {
    pub(crate) verdict: &'static str,
    pub(crate) reason: String,
}

/// All cases.
pub(crate) fn all() -> Vec<Case> {
    let files = [include_str!("../data/reaper-lines.jsonl"), include_str!("../data/lines.jsonl")];
    files.iter().flat_map(|file| file.lines()).map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn moment() -> Timestamp {
    "2026-11-29T15:04:05Z".parse().unwrap()
}

/// A line as it was written, with its times and its long words.
fn text(line: &str) -> String {
    let mut line = line.to_owned();
    while let Some((before, rest)) = line.split_once("{a*").map(|(before, rest)| (before.to_owned(), rest.to_owned())) {
        let (times, after) = rest.split_once('}').unwrap();
        line = format!("{before}{}{after}", "a".repeat(times.parse().unwrap()));
    }
    for (mark, at) in [("{t}", moment()), ("{t-5h}", moment() - SignedDuration::from_hours(5))] {
        line = line.replace(&format!("[{mark}]"), &at.strftime("[%d/%b/%Y:%H:%M:%S +0000]").to_string());
        line = line.replace(mark, &at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
    }
    line
}

impl Case {
    /// What its lines come to.
    pub(crate) fn judge(&self, lines: &[String], by: By) -> Found {
        let source = self.source();
        let watch = self.watch(&source);
        let before = self.before.iter().flat_map(|before| std::iter::repeat_n(&before.line, before.times));
        let lines: Vec<String> = before.chain(lines).map(|line| text(line)).collect();
        let look = match by {
            By::Pods => look(&watch, tally(&watch, &lines)),
            By::Loki => of_loki(&watch, &lines),
            By::Google => of_google(&watch, &lines),
        };
        let traffic = Traffic { observations: vec![look], ..Traffic::default() };
        let silent = self.settings["silenceIsFine"] == true;
        match judge(&traffic, watch.since, silent) {
            TrafficVerdict::Used(hit) => Found { verdict: "Active", reason: hit.detail() },
            TrafficVerdict::Quiet(how) => Found { verdict: "Idle", reason: how },
            TrafficVerdict::Inconclusive(why) => Found { verdict: "Unknown", reason: why },
        }
    }

    /// The source, by the settings of the operator.
    fn source(&self) -> Source {
        let mut source = json!({"type": self.source, "logFormat": self.format});
        if let Some(fields) = &self.fields {
            source["fields"] = fields.clone();
        }
        if self.source == "loki" {
            source["url"] = json!("http://loki.example.com");
            source["selector"] = json!("{container=\"controller\"}");
        }
        let place = PodSelector { namespace: String::new(), selector: String::new(), container: String::new() };
        let defaults = Defaults { place, format: hotdesk_traffic::line::Format::Auto };
        sources::read(&json!([source]).to_string(), &defaults).unwrap().remove(0)
    }

    fn watch(&self, source: &Source) -> ScanWindow {
        let format = match &source.kind {
            Kind::IngressLogs(logs) => logs.format.clone(),
            Kind::Loki(loki) => match &loki.question {
                LokiQuestion::Lines { format, .. } => format.clone(),
                LokiQuestion::Own { .. } => panic!("{}: an own question", self.id),
            },
            other => panic!("{}: {other:?}", self.id),
        };
        ScanWindow {
            format,
            names: Names::of(&self.slot, &self.known()),
            slot: self.slot.clone(),
            since: moment() - SignedDuration::from_hours(1),
            look_back: moment() - SignedDuration::from_hours(24),
            now: moment() + SignedDuration::from_mins(1),
            ignore_agents: AGENTS.clone(),
            ignore_paths: GlobSet::empty(),
            max_unparsed: 0.01,
        }
    }

    /// What the reaper knows of the cluster.
    fn known(&self) -> Known {
        let slots = self.slots.iter().filter(|name| **name != self.slot);
        let others = self.settings["otherNamespaces"].as_array().into_iter().flatten();
        let mut known = Known {
            namespaces: others.map(|name| name.as_str().unwrap().to_owned()).collect(),
            slots: slots.map(|name| Neighbour { namespace: name.clone(), host: None }).collect(),
            streams: Streams::Of(Vec::new()),
            ..Known::default()
        };
        for service in &self.services {
            let (name, port) = service.split_once(':').unwrap();
            if let Some(name) = name.strip_prefix(&format!("{}/", self.slot)) {
                let found = known.services.iter_mut().find(|service| service.name == name);
                match found {
                    Some(service) => service.ports.push(port.to_owned()),
                    None => known.services.push(Service {
                        name: name.to_owned(),
                        ports: vec![port.to_owned()],
                        ..Service::default()
                    }),
                }
            }
        }
        self.objects.iter().for_each(|object| self.learn(object, &mut known));
        // The words of a case may be all that says whose an address is.
        if self.because.contains("is a pod of mew") && known.pods.is_empty() {
            known.pods.push("10.244.0.7".parse().unwrap());
        }
        known
    }

    /// An object in words.
    fn learn(&self, object: &str, known: &mut Known) {
        let own = format!("{}/", self.slot);
        let words: Vec<&str> = object.split([' ', ',', ':']).filter(|word| !word.is_empty()).collect();
        // One of IPv6 has colons in it.
        let address = || object.split(' ').nth(2).unwrap().parse().unwrap();
        let of_slot = words[1].strip_prefix(&own);
        let leads_in = object.split("-> ").nth(1).is_some_and(|target| target.contains(&own));
        match words[0] {
            "Pod" if of_slot.is_some() => known.pods.push(address()),
            "Slot" if words[1] == self.slot => known.host = Some(words[3].to_owned()),
            "Slot" => {
                let slot = known.slots.iter_mut().find(|slot| slot.namespace == words[1]);
                slot.unwrap().host = Some(words[3].to_owned());
            }
            "Service" if of_slot.is_some() => {
                let service = known.services.iter_mut().find(|service| Some(service.name.as_str()) == of_slot);
                service.unwrap().addresses.push(address());
            }
            "ReferenceGrant" if of_slot.is_some() => known.granted.push(words[4].to_owned()),
            "ConfigMap" if object.contains("-services ") => {
                let namespace = object.split("-> ").nth(1).unwrap().split('/').next().unwrap();
                let Streams::Of(namespaces) = &mut known.streams else { panic!("{object}") };
                namespaces.push(namespace.to_owned());
            }
            kind if kind.contains("Route") || kind == "Ingress" => match of_slot {
                Some(name) => {
                    known.routes.push(name.to_owned());
                    let host = words.iter().skip_while(|word| **word != "host").nth(1);
                    known.hosts.extend(host.map(|host| (*host).to_owned()));
                }
                None if leads_in => {
                    let (namespace, name) = words[1].split_once('/').unwrap();
                    known.foreign.push(ForeignRoute { namespace: namespace.to_owned(), name: name.to_owned() });
                }
                None => {}
            },
            _ => {}
        }
    }

    /// What a doubt must name: the kind of line, the field, the object or the setting.
    pub(crate) fn must_say(&self) -> &str {
        if let Some(says) = &self.says {
            return says;
        }
        DOUBTS.iter().find(|(id, _)| self.id == *id).map_or("no doubt is expected", |(_, says)| says)
    }
}

/// Which words a doubt must hold, by the case.
const DOUBTS: [(&str, &str); 42] = [
    ("more-1", "mentions mew"),
    ("more-2", "mentions mew"),
    ("unnamed-2", "mentions mew"),
    ("unnamed-3", "a request for the host of mew (mew.dev.example.com)"),
    ("share-1", "an access line that breaks off"),
    ("share-2", "an access line of another format"),
    ("share-3", "a line of JSON that is broken"),
    ("share-4", "a line too long to be read"),
    ("noise-1", "a line that mentions mew"),
    ("noise-2", "a line that mentions mew"),
    ("noise-3", "a line that mentions mew"),
    ("noise-4", "a line that mentions mew"),
    ("noise-5", "a line that mentions mew"),
    ("sight-1", "shows no request for any slot"),
    ("sight-2", "by a name that exists (one names "),
    ("sight-3", "by a name that exists"),
    ("sight-4", "traffic for ingress-nginx, which names no Service that exists and mentions mew"),
    ("sight-5", "by a name that exists (one names web)"),
    ("sight-6", "no request for any slot"),
    ("shape-1", "traffic for mew,"),
    ("shape-2", "mentions mew"),
    ("shape-8", "traffic for upstream-mew-web-80"),
    ("shape-9", "traffic for mew@file"),
    ("cross-3", "the route httproute/infra/shop/rule/0/match/0/shop_example_com of another namespace"),
    ("cross-6", "the route edge-shop-38bcef08ab977d6de43a@kubernetescrd of another namespace"),
    ("answer-1", "custom-http-errors"),
    ("answer-2", "10.244.5.5:8080"),
    ("answer-3", "custom-http-errors"),
    ("answer-4", "custom-http-errors"),
    ("answer-5", "custom-http-errors"),
    ("stream-1", "tcp-services"),
    ("stream-2", "tcp-services"),
    ("stream-3", "tcp-services"),
    ("hold-2", "mew-two-web-80 could be this slot's or another's"),
    ("hold-9", "holds its log back"),
    ("hold-10", "mew-old-80, which matches no Service"),
    ("shape-3", "outbound|80||web.mew.svc.cluster.local"),
    ("shape-4", "mew/web/80/da39a3ee5e"),
    ("shape-5", "mew_web_80"),
    ("shape-6", "mew.web.80"),
    ("shape-7", "be_http:mew:web"),
    ("shape-10", "mew_web_80"),
];

/// How long a line may be that is kept as a whole.
const TOO_LONG: usize = 256 * 1024;

fn tally(watch: &ScanWindow, lines: &[String]) -> LogScan {
    let mut tally = LogScan::default();
    for line in lines {
        let line = format!("{} {line}", moment());
        let taken = if line.len() > TOO_LONG {
            let (head, tail) = (line.get(..1024).unwrap(), line.get(line.len() - 1024..).unwrap());
            tally.take_overlong(watch, head, tail)
        } else {
            tally.take(watch, &line)
        };
        if taken.is_break() {
            break;
        }
    }
    tally
}

/// A Loki gives what it is asked for.
fn of_loki(watch: &ScanWindow, lines: &[String]) -> Observation {
    let watch = &ScanWindow { max_unparsed: 1.0, ..watch.clone() };
    let asked = question::of(&watch.names, &watch.format);
    let (pointing, readable) =
        (compiled(&asked.pointing), asked.readable.iter().map(|text| compiled(text)).collect::<Vec<_>>());
    // A Loki holds no line that is too long to be kept here; where one does, it gives it.
    let fetched = |line: &&String| {
        line.len() > TOO_LONG || pointing.is_match(line) || !readable.iter().any(|regex| regex.is_match(line))
    };
    let mut found = tally(watch, &lines.iter().filter(fetched).rev().cloned().collect::<Vec<_>>());
    found.add_newest(&tally(&ScanWindow { since: watch.now, ..watch.clone() }, lines));
    look(watch, found)
}

/// Made once, as that takes longer than a case does.
static AGENTS: LazyLock<GlobSet> = LazyLock::new(agents::globs);

/// Many cases ask the same.
fn compiled(text: &str) -> Regex {
    static KNOWN: LazyLock<Mutex<HashMap<String, Regex>>> = LazyLock::new(Mutex::default);
    KNOWN.lock().unwrap().entry(text.to_owned()).or_insert_with(|| Regex::new(text).unwrap()).clone()
}

/// Google holds a line of JSON as an object, and gives what it is asked for, newest first; and then the newest lines of anybody.
fn of_google(watch: &ScanWindow, lines: &[String]) -> Observation {
    let watch = &ScanWindow { max_unparsed: 1.0, ..watch.clone() };
    let asks = gcp::asks(&watch.format, &watch.names);
    let is_fetched = |line: &&String| match object(line) {
        Some(json) => asks.iter().any(|ask| is_asked(ask, Some(&json), &json.to_string())),
        None => asks.iter().any(|ask| is_asked(ask, None, line)),
    };
    let mut found = of_entries(watch, lines.iter().rev().filter(is_fetched));
    found.add_newest(&of_entries(&ScanWindow { since: watch.now, ..watch.clone() }, lines.iter().rev()));
    look(watch, found)
}

fn object(line: &str) -> Option<Value> {
    serde_json::from_str::<Value>(line).ok().filter(Value::is_object)
}

fn of_entries<'l>(watch: &ScanWindow, lines: impl Iterator<Item = &'l String>) -> LogScan {
    let entry = |line: &String| match object(line) {
        Some(payload) => json!({"timestamp": moment(), "jsonPayload": payload}),
        None => json!({"timestamp": moment(), "textPayload": format!("{line}\n")}),
    };
    let page = json!({"entries": lines.map(entry).collect::<Vec<_>>()}).to_string();
    let entries = gcp::read(page.as_bytes()).unwrap().entries;
    let mut tally = LogScan::default();
    let _hit = entries.iter().flat_map(gcp::Entry::lines).any(|line| tally.take(watch, &line).is_break());
    tally
}

fn is_asked(ask: &gcp::Ask, json: Option<&Value>, text: &str) -> bool {
    let matches = |expression: &str, text: &str| compiled(expression).is_match(text);
    match (ask, json) {
        (gcp::Ask::Anywhere(word), None) => text.to_lowercase().contains(&word.to_lowercase()),
        (gcp::Ask::Anywhere(word), Some(json)) => holds(json, &word.to_lowercase()),
        (gcp::Ask::Text(expression), None) => matches(expression, text),
        (gcp::Ask::Field(field, expression), Some(json)) => {
            json[field].as_str().is_some_and(|value| matches(expression, value))
        }
        (gcp::Ask::Unsaid(fields), Some(json)) => {
            let has = |field: &&str| json.get(field).is_some();
            let is_message = has(&"level") && gcp::OF_A_MESSAGE.iter().any(has);
            fields.iter().all(|field| json.get(field).is_none()) && (gcp::OF_A_REQUEST.iter().any(has) || !is_message)
        }
        (gcp::Ask::Unreadable(readable), None) => !readable.iter().any(|readable| matches(readable, text)),
        _ => false,
    }
}

/// True if the value of any field holds a word.
fn holds(json: &Value, word: &str) -> bool {
    match json {
        Value::Object(fields) => fields.values().any(|value| holds(value, word)),
        Value::Array(items) => items.iter().any(|item| holds(item, word)),
        Value::String(text) => text.to_lowercase().contains(word),
        other => other.to_string().contains(word),
    }
}

fn look(watch: &ScanWindow, tally: LogScan) -> Observation {
    let (seen, doubts, samples) = (tally.seen(), tally.doubts(watch), tally.samples);
    Observation {
        source: "the source".to_owned(),
        hit: tally.hit,
        doubts,
        samples,
        seen,
        from: watch.since,
        through: watch.now,
    }
}
