//! Is what the operator wrote a list of sources that can be asked? Every problem is told at once, with its place.

use std::path::PathBuf;

use hotdesk_fetch::http::is_safe;
use hotdesk_slots::text::plain;
use http::{HeaderName, HeaderValue, Uri};
use jiff::SignedDuration;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value as Json};

use super::written::{self, Fields, Header};
use super::{Auth, Controller, GcpLogging, IngressLogs, IngressMetrics, Kind, Loki, LokiQuestion, Place};
use super::{Prometheus, Question, Server, Source, Value};
use crate::traffic::Format;
use crate::traffic::json::Keys;

/// A Prometheus calls a series stale after as long.
const GAP: SignedDuration = SignedDuration::from_mins(5);

/// Long enough for a quiet moment, short enough to see that a pipeline has stopped.
const MAX_SILENCE: SignedDuration = SignedDuration::from_mins(15);

/// What stands in these is never written into values.
const SECRET: [HeaderName; 3] = [http::header::AUTHORIZATION, http::header::PROXY_AUTHORIZATION, http::header::COOKIE];

const TYPES: &str = "ingress-logs, ingress-metrics, prometheus, loki or gcp-logging";

/// What holds where a source says nothing else.
#[derive(Debug, Clone)]
pub struct Defaults {
    /// The ingress controller.
    pub place: Place,
    /// How it logs.
    pub format: Format,
}

/// Reads a list of sources, in YAML or JSON.
///
/// # Errors
/// Every problem, each with its place.
pub fn read(text: &str, defaults: &Defaults) -> Result<Vec<Source>, Vec<String>> {
    let list: Vec<Json> = serde_saphyr::from_str(text)
        .map_err(|error| vec![format!("--sources is no list of sources in YAML or JSON: {error}")])?;
    let mut problems = Vec::new();
    let mut sources: Vec<Source> = Vec::new();
    for (index, written) in list.into_iter().enumerate() {
        let mut reader = Reader { at: format!("--sources[{index}]"), defaults, problems: Vec::new() };
        if let Some(source) = reader.source(written) {
            if sources.iter().any(|other| other.name == source.name) {
                reader.problem("", &format!("is the second one called {}: give it a name", plain(&source.name)));
            }
            sources.push(source);
        }
        problems.append(&mut reader.problems);
    }
    if sources.is_empty() && problems.is_empty() {
        problems.push("--sources is empty: a slot whose traffic nobody sees would never be idle".to_owned());
    }
    if problems.is_empty() { Ok(sources) } else { Err(problems) }
}

struct Reader<'a> {
    at: String,
    defaults: &'a Defaults,
    problems: Vec<String>,
}

impl Reader<'_> {
    fn problem(&mut self, field: &str, what: &str) {
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
        self.at = format!("{} ({})", self.at, plain(&kind));
        let name = match fields.remove("name") {
            None => kind.clone(),
            Some(Json::String(name)) if !name.trim().is_empty() && name.len() <= 63 => plain(name.trim()),
            Some(_) => {
                self.problem("name", "write a text of at most 63 characters");
                return None;
            }
        };
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
        Some(Source { name, kind: kind? })
    }

    fn parse<T: DeserializeOwned>(&mut self, fields: Map<String, Json>) -> Option<T> {
        match serde_json::from_value(Json::Object(fields)) {
            Ok(parsed) => Some(parsed),
            Err(error) => {
                self.problem("", &plain(&error.to_string()));
                None
            }
        }
    }

    fn place(&self, namespace: Option<String>, selector: Option<String>, container: Option<String>) -> Place {
        let default = &self.defaults.place;
        Place {
            namespace: namespace.unwrap_or_else(|| default.namespace.clone()),
            selector: selector.unwrap_or_else(|| default.selector.clone()),
            container: container.unwrap_or_else(|| default.container.clone()),
        }
    }

    fn logs(&mut self, written: written::Logs) -> IngressLogs {
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

    fn metrics(&mut self, written: written::Metrics) -> IngressMetrics {
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

    fn prometheus(&mut self, written: written::Prometheus) -> Option<Prometheus> {
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
                    "name the series whose samples show that this Prometheus can see, such as up{job=\"…\"}",
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

    fn loki(&mut self, written: written::Loki) -> Option<Loki> {
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
                self.problem("", "write either a selector, or a query of your own and a query for sight");
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

    fn gcp(&mut self, written: written::GcpLogging) -> Option<GcpLogging> {
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

    fn server(
        &mut self,
        url: &str,
        auth: written::Auth,
        headers: impl IntoIterator<Item = (String, Header)>,
        ca_file: Option<PathBuf>,
    ) -> Option<Server> {
        let auth = self.auth(auth);
        let headers: Vec<_> = headers.into_iter().filter_map(|(name, value)| self.header(&name, value)).collect();
        let secret = auth != Auth::None || headers.iter().any(|(_, value)| matches!(value, Value::File(_)));
        Some(Server { url: self.address("url", url, secret)?, auth, headers, ca_file })
    }

    fn address(&mut self, field: &str, text: &str, secret: bool) -> Option<Uri> {
        let uri = text.parse::<Uri>().ok().filter(|uri| {
            matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some() && uri.query().is_none()
        });
        match uri {
            None => self.problem(field, "write an address like https://prometheus.example.com"),
            Some(uri) if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) => {
                self.problem(field, "credentials go into auth, not into the address");
            }
            Some(uri) if secret && !is_safe(&uri) => {
                self.problem(
                    field,
                    "credentials are only sent to https:// addresses, for others could read them on their way",
                );
            }
            uri => return uri,
        }
        None
    }

    fn auth(&mut self, written: written::Auth) -> Auth {
        match (written.bearer_token_file, written.username, written.password_file) {
            (None, None, None) => Auth::None,
            (Some(file), None, None) => Auth::Bearer(file),
            (None, Some(user), Some(password)) if !user.contains(':') => Auth::Basic { user, password },
            _ => {
                self.problem(
                    "auth",
                    "write either a bearerTokenFile, or a username (without a colon) and a passwordFile",
                );
                Auth::None
            }
        }
    }

    fn header(&mut self, name: &str, value: Header) -> Option<(HeaderName, Value)> {
        let header = HeaderName::from_bytes(name.as_bytes()).ok();
        if matches!((&header, &value), (Some(header), Header::Plain(_)) if SECRET.contains(header)) {
            self.problem("headers", &format!("{} holds a secret: write auth, or {{file: …}}", plain(name)));
        }
        let value = match value {
            Header::File(written::InFile { file }) => Some(Value::File(file)),
            Header::Plain(text) => HeaderValue::from_str(&text).ok().map(Value::Plain),
        };
        if header.is_none() || value.is_none() {
            self.problem("headers", &format!("{} cannot be sent as a header", plain(name)));
        }
        Some((header?, value?))
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
#[path = "read_tests.rs"]
mod tests;
