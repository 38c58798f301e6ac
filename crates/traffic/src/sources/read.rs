//! Is what the operator wrote a list of sources that can be asked? Every problem is told at once, with its place.

use std::collections::BTreeMap;
use std::path::PathBuf;

use hotdesk_slots::text::sanitize_short;
use http::{HeaderName, HeaderValue};
use jiff::SignedDuration;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value as Json};

use super::schema::{self, Fields};
use super::{Controller, GcpLogging, IngressLogs, IngressMetrics, Kind, Loki, LokiQuestion, PodSelector};
use super::{Prometheus, Question, Sees, Server, Source, Value};
use crate::line::Format;
use crate::line::keys::Keys;
use crate::ways_in::kinds::ALL;

/// A Prometheus calls a series stale after as long.
const GAP: SignedDuration = SignedDuration::from_mins(5);

/// Long enough for a quiet moment, short enough to see that a pipeline has stopped.
const MAX_SILENCE: SignedDuration = SignedDuration::from_mins(15);

const TYPES: &str = "ingress-logs, ingress-metrics, prometheus, loki or gcp-logging";

/// What holds where a source says nothing else.
#[derive(Debug, Clone)]
pub struct Defaults {
    /// The ingress controller.
    pub place: PodSelector,
    /// How it logs.
    pub format: Format,
}

/// Reads a list of sources, in YAML or JSON.
///
/// # Errors
/// Every problem, each with its place.
pub fn read(text: &str, defaults: &Defaults) -> Result<Vec<Source>, Vec<String>> {
    let list: Vec<Json> = serde_saphyr::from_str(text)
        .map_err(|error| vec![format!("--sources is not a list of sources in YAML or JSON: {error}")])?;
    let mut problems = Vec::new();
    let mut sources: Vec<Source> = Vec::new();
    for (index, written) in list.into_iter().enumerate() {
        let mut reader = Reader { at: format!("--sources[{index}]"), defaults, problems: Vec::new() };
        if let Some(source) = reader.source(written) {
            if sources.iter().any(|other| other.name == source.name) {
                reader
                    .problem("", &format!("is the second one called {}: give it a name", sanitize_short(&source.name)));
            }
            sources.push(source);
        }
        problems.append(&mut reader.problems);
    }
    if sources.is_empty() && problems.is_empty() {
        problems.push("--sources is empty: without a traffic source, no slot would ever be idle".to_owned());
    }
    if problems.is_empty() { Ok(sources) } else { Err(problems) }
}

/// What another setting says of a server, read as that of a source.
///
/// # Errors
/// Every problem, each with its place.
pub(crate) fn read_server(
    at: &str,
    url: &str,
    auth: schema::Auth,
    headers: BTreeMap<String, schema::Header>,
    ca_file: Option<PathBuf>,
) -> Result<Server, Vec<String>> {
    let place = PodSelector { namespace: String::new(), selector: String::new(), container: String::new() };
    let defaults = Defaults { place, format: Format::Auto };
    let mut reader = Reader { at: at.to_owned(), defaults: &defaults, problems: Vec::new() };
    let server = reader.server(url, auth, headers, ca_file);
    server.filter(|_| reader.problems.is_empty()).ok_or(reader.problems)
}

pub(super) struct Reader<'a> {
    at: String,
    defaults: &'a Defaults,
    problems: Vec<String>,
}

impl Reader<'_> {
    pub(super) fn problem(&mut self, field: &str, what: &str) {
        let dot = if field.is_empty() { "" } else { "." };
        self.problems.push(format!("{}{dot}{field}: {what}", self.at));
    }

    fn source(&mut self, written: Json) -> Option<Source> {
        let Json::Object(mut fields) = written else {
            self.problem("", &format!("write an object with a type: {TYPES}"));
            return None;
        };
        let kind = match fields.remove("type") {
            Some(Json::String(kind)) => kind,
            _ => {
                self.problem("type", &format!("name one: {TYPES}"));
                return None;
            }
        };
        self.at = format!("{} ({})", self.at, sanitize_short(&kind));
        let name = match fields.remove("name") {
            None => kind.clone(),
            Some(Json::String(name)) if !name.trim().is_empty() && name.len() <= 63 => sanitize_short(name.trim()),
            Some(_) => {
                self.problem("name", "write a text of at most 63 characters");
                return None;
            }
        };
        let sees = fields.remove("sees").map(|written| self.sees(written));
        let kind = match kind.as_str() {
            "ingress-logs" => self.parse(fields).map(|logs| Kind::IngressLogs(self.logs(logs))),
            "ingress-metrics" => self.parse(fields).map(|metrics| Kind::IngressMetrics(self.metrics(metrics))),
            "prometheus" => self.parse(fields).and_then(|server| Some(Kind::Prometheus(self.prometheus(server)?))),
            "loki" => self.parse(fields).and_then(|server| Some(Kind::Loki(self.loki(server)?))),
            "gcp-logging" => self.parse(fields).and_then(|gcp| Some(Kind::GcpLogging(self.gcp(gcp)?))),
            _ => {
                self.problem("type", &format!("there is no such type: {TYPES}"));
                None
            }
        };
        let kind = kind?;
        let known = Sees::by_kind(&kind);
        let sees = sees.map_or_else(|| known.clone(), |written| written.over(&known));
        Some(Source { name, kind, sees })
    }

    /// What the operator says that a source sees.
    fn sees(&mut self, written: Json) -> schema::Sees {
        let read = serde_json::from_value(written);
        let sees: schema::Sees = read.unwrap_or_else(|error| {
            self.problem("sees", &sanitize_short(&error.to_string()));
            schema::Sees::default()
        });
        for name in sees.kinds.iter().flatten().filter(|name| !ALL.iter().any(|kind| kind.is_named(name))) {
            self.problem(
                "sees.kinds",
                &format!("there is no kind of route {}: write one as HTTPRoute", sanitize_short(name)),
            );
        }
        for name in sees.gateways.iter().flatten().filter(|name| !name.contains('/')) {
            self.problem(
                "sees.gateways",
                &format!("write {} with its namespace, as edge/gateway", sanitize_short(name)),
            );
        }
        sees
    }

    fn parse<T: DeserializeOwned>(&mut self, fields: Map<String, Json>) -> Option<T> {
        match serde_json::from_value(Json::Object(fields)) {
            Ok(parsed) => Some(parsed),
            Err(error) => {
                self.problem("", &sanitize_short(&error.to_string()));
                None
            }
        }
    }

    fn place(&self, namespace: Option<String>, selector: Option<String>, container: Option<String>) -> PodSelector {
        let default = &self.defaults.place;
        PodSelector {
            namespace: namespace.unwrap_or_else(|| default.namespace.clone()),
            selector: selector.unwrap_or_else(|| default.selector.clone()),
            container: container.unwrap_or_else(|| default.container.clone()),
        }
    }

    fn logs(&mut self, written: schema::Logs) -> IngressLogs {
        let format = self.format(written.log_format.as_deref(), written.fields);
        IngressLogs { place: self.place(written.namespace, written.selector, written.container), format }
    }

    fn format(&mut self, name: Option<&str>, fields: Option<Fields>) -> Format {
        let fields = match (name, fields) {
            (Some("json"), Some(fields)) => fields,
            (Some("json"), None) => Fields::default(),
            (name, Some(_)) => {
                self.problem("fields", "they go with logFormat: json");
                return self.format(name, None);
            }
            (None, None) => return self.defaults.format.clone(),
            (Some(name), None) => {
                return clap::ValueEnum::from_str(name, false).unwrap_or_else(|_| {
                    self.problem("logFormat", "write auto, nginx, nginx-json, traefik-json, envoy-json or json");
                    Format::Auto
                });
            }
        };
        let keys = Keys {
            upstream: fields.upstream,
            namespace: fields.namespace,
            time: fields.time,
            path: fields.path,
            agent: fields.user_agent,
        };
        if let Err(why) = keys.check() {
            self.problem("fields", &why);
        }
        Format::Json(keys)
    }

    fn metrics(&mut self, written: schema::Metrics) -> IngressMetrics {
        let (port, path) = match written.controller {
            Controller::IngressNginx => (10254, "/metrics"),
            Controller::Traefik => (9100, "/metrics"),
            Controller::EnvoyGateway => (19001, "/stats/prometheus"),
            Controller::Istio => {
                self.problem("controller", "Istio's counters are read from Prometheus: use the type prometheus");
                (15090, "/stats/prometheus")
            }
        };
        let path = written.path.unwrap_or_else(|| path.to_owned());
        if !path.starts_with('/') || !path.bytes().all(|b| b.is_ascii_graphic() && !b"?#%".contains(&b)) {
            self.problem("path", "write it like /metrics");
        }
        IngressMetrics {
            place: self.place(written.namespace, written.selector, written.container),
            controller: written.controller,
            port: written.port.unwrap_or(port),
            path,
            any_host: written.any_host,
        }
    }

    fn prometheus(&mut self, written: schema::Prometheus) -> Option<Prometheus> {
        let question = match (written.controller, written.query, written.sight) {
            (Some(Controller::Istio), None, None) => {
                self.problem("sight", "name the samples of Istio's gateways, such as up{app=\"istio-ingressgateway\"}");
                None
            }
            (Some(controller), None, sight) => Some(Question::Ready { controller, sight }),
            (None, Some(query), Some(sight)) => {
                self.mentions("query", &query, &["$namespace", "$window"]);
                Some(Question::Own { query, sight })
            }
            (None, Some(_), None) => {
                self.problem(
                    "sight",
                    "name the series whose samples show that this Prometheus observes traffic, such as up{job=\"…\"}",
                );
                None
            }
            (Some(_), Some(_), _) => {
                self.problem("query", "write either a controller or a query of your own");
                None
            }
            (None, None, _) => {
                self.problem(
                    "controller",
                    "name one (ingress-nginx, traefik, envoy-gateway or istio), or write a query",
                );
                None
            }
        };
        let server = self.server(&written.url, written.auth, written.headers, written.ca_file);
        let gap = self.positive("gap", written.gap, GAP);
        Some(Prometheus { server: server?, question: question?, gap, any_host: written.any_host })
    }

    fn loki(&mut self, written: schema::Loki) -> Option<Loki> {
        let question = match (written.selector, written.query, written.sight) {
            (Some(selector), None, None) => {
                let format = self.format(written.log_format.as_deref(), written.fields);
                Some(LokiQuestion::Lines { selector, format })
            }
            (None, Some(query), Some(sight)) => {
                self.mentions("query", &query, &["$namespace"]);
                Some(LokiQuestion::Own { query, sight })
            }
            _ => {
                self.problem("", "write either a selector, or a query of your own and a query in `sight`");
                None
            }
        };
        let server = self.server(&written.url, written.auth, written.headers, written.ca_file);
        let max_silence = self.positive("maxSilence", written.max_silence, MAX_SILENCE);
        let mut server = server?;
        if let Some(tenant) = written.tenant {
            match HeaderValue::from_str(&tenant) {
                Ok(value) => server.headers.push((HeaderName::from_static("x-scope-orgid"), Value::Plain(value))),
                Err(_) => self.problem("tenant", "it cannot be sent as a header"),
            }
        }
        Some(Loki { server, question: question?, max_silence })
    }

    fn gcp(&mut self, written: schema::GcpLogging) -> Option<GcpLogging> {
        let sound =
            |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.:".contains(&b));
        for (field, text) in [("project", Some(&written.project)), ("cluster", written.cluster.as_ref())] {
            if text.is_some_and(|text| !sound(text)) {
                self.problem(field, "write its name alone");
            }
        }
        let endpoint = written.endpoint.as_deref().unwrap_or("https://logging.googleapis.com");
        let endpoint = self.address("endpoint", endpoint, true);
        let format = self.format(written.log_format.as_deref(), written.fields);
        let max_silence = self.positive("maxSilence", written.max_silence, MAX_SILENCE);
        Some(GcpLogging {
            project: written.project,
            cluster: written.cluster,
            place: self.place(written.namespace, None, written.container),
            format,
            filter: written.filter,
            key: written.key_file,
            endpoint: endpoint?,
            metadata_host: written.metadata_host.unwrap_or_else(|| "metadata.google.internal".to_owned()),
            max_silence,
        })
    }

    fn mentions(&mut self, field: &str, query: &str, words: &[&str]) {
        for word in words.iter().filter(|word| !query.contains(**word)) {
            self.problem(field, &format!("it must mention {word}, or it would say the same of every slot"));
        }
    }

    fn positive(&mut self, field: &str, written: Option<SignedDuration>, default: SignedDuration) -> SignedDuration {
        let length = written.unwrap_or(default);
        if !length.is_positive() {
            self.problem(field, "it must be longer than nothing, such as 5m");
        }
        length
    }
}

#[cfg(test)]
mod tests;
