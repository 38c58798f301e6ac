//! What does a key of a JSON access log say, and what was found under the keys of one line?

use std::borrow::Cow;

use super::{named, times};

/// What is read of a line, and under which keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Field {
    Upstream,
    Alternative,
    Namespace,
    Ingress,
    Service,
    Path,
    Agent,
    TraefikService,
    TraefikRequest,
    /// Traefik's name of a route.
    Router,
    /// Traefik's name of the port by which a request came.
    EntryPoint,
    /// Envoy's.
    Route,
    Cluster,
    /// Which address served.
    Served,
    /// The same by Traefik, where the first is missing.
    ServedUrl,
    /// The host that was asked for.
    Host,
    /// The same with a path or a port, in what only a request has.
    AskedUrl,
    /// A URL, of a request or of a server that is checked.
    Url,
    /// TCP or UDP, where it is a session.
    Protocol,
    Message,
    Level,
    Time,
    /// What only Traefik's own log has.
    Provider,
    /// The same where it names a provider: a router, or a middleware.
    OwnName,
    /// What beside a caller only the logs of Go's libraries have.
    Logger,
    Caller,
    /// What says nothing, in a message.
    Plain,
    /// What says who served in the logs of the known controllers, where the operator named other keys for it.
    Standard,
    /// What only a request has and its sender chooses.
    Sent,
    /// Whatever else only a request has.
    Request,
}

/// How many there are.
const FIELDS: usize = Field::Request as usize + 1;

/// What only a request has.
const OF_A_REQUEST: [Field; 17] = [
    Field::Request,
    Field::Sent,
    Field::Path,
    Field::Agent,
    Field::Upstream,
    Field::Alternative,
    Field::TraefikService,
    Field::TraefikRequest,
    Field::Router,
    Field::Route,
    Field::Cluster,
    Field::Served,
    Field::ServedUrl,
    Field::Host,
    Field::AskedUrl,
    Field::Standard,
    Field::Protocol,
];

/// What a key is, in the logs of the known controllers.
pub(crate) fn field(key: &str) -> Option<Field> {
    Some(match key {
        "proxyUpstreamName" | "proxy_upstream_name" => Field::Upstream,
        "proxyAlternativeUpstreamName" | "proxy_alternative_upstream_name" => Field::Alternative,
        "namespace" => Field::Namespace,
        "ingress_name" | "ingressName" => Field::Ingress,
        "service_name" | "serviceName" => Field::Service,
        "path" | "uri" | "requestPath" | "RequestPath" | "x-envoy-origin-path" => Field::Path,
        "http_user_agent" | "httpUserAgent" | "userAgent" | "user_agent" | "request_User-Agent" | "user-agent" => {
            Field::Agent
        }
        "route_name" => Field::Route,
        "upstream_cluster" => Field::Cluster,
        "upstream_addr" | "upstreamAddr" | "upstream_host" | "upstreamHost" | "ServiceAddr" => Field::Served,
        "ServiceURL" => Field::ServedUrl,
        "host" | "vhost" | "http_host" | "httpHost" | "server_name" | "serverName" | "RequestHost" | ":authority"
        | "authority" => Field::Host,
        "protocol" => Field::Protocol,
        "ServiceName" => Field::TraefikService,
        "RouterName" => Field::Router,
        "entryPointName" => Field::EntryPoint,
        "providerName" => Field::Provider,
        "routerName" | "middlewareName" => Field::OwnName,
        "caller" => Field::Caller,
        "logger" | "v" | "controller" => Field::Logger,
        "severity"
        | "err"
        | "stacktrace"
        | "errorVerbose"
        | "component"
        | "version"
        | "middlewareType"
        | "tlsStoreName"
        | "staticConfiguration" => Field::Plain,
        "requestUrl" | "requestURL" | "request_url" | "RequestAddr" => Field::AskedUrl,
        "url" => Field::Url,
        "DownstreamStatus" => Field::TraefikRequest,
        "msg" | "message" | "error" => Field::Message,
        "level" => Field::Level,
        "time" | "Time" | "timestamp" | "@timestamp" | "time_iso8601" | "time_local" | "timeLocal" | "msec" | "ts"
        | "date" | "datetime" | "log_time" | "event_time" => Field::Time,
        "request" | "method" | "remote_addr" | "remoteAddr" | "request_method" | "requestMethod" | "request_uri"
        | "request_id" | "requestId" | "ClientAddr" | "ClientHost" | "RequestMethod" => Field::Sent,
        "status" | "Duration" | "OriginStatus" | "RequestCount" | "StartUTC" | "response_code" | "response_flags"
        | "start_time" => Field::Request,
        _ => return None,
    })
}

/// How a value is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reading {
    /// A text, or a number; anything else makes the line unreadable.
    Strict,
    /// Whatever it is: `"upstream_addr": ["10.0.0.7:80"]` takes nothing away from what the line says.
    Lenient,
    /// The same, and a number as its digits.
    Moment,
    /// Only that it is there.
    Presence,
}

impl Field {
    pub(crate) fn says_who_served(self) -> bool {
        matches!(
            self,
            Self::Upstream
                | Self::Alternative
                | Self::Namespace
                | Self::Ingress
                | Self::Service
                | Self::TraefikService
                | Self::Router
                | Self::Route
                | Self::Cluster
        )
    }

    /// True for what may stand in several keys of a line, of which each counts.
    fn comes_several_times(self) -> bool {
        matches!(self, Self::Host | Self::AskedUrl | Self::Url | Self::Served | Self::ServedUrl)
    }

    pub(crate) fn reading(self) -> Reading {
        match self {
            Self::Request | Self::Sent | Self::TraefikRequest => Reading::Presence,
            Self::Plain | Self::Logger | Self::Caller | Self::Standard => Reading::Presence,
            _ if self.comes_several_times() => Reading::Lenient,
            Self::Time => Reading::Moment,
            Self::Protocol | Self::EntryPoint | Self::OwnName => Reading::Lenient,
            _ => Reading::Strict,
        }
    }
}

/// The values of one line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Found<'a> {
    values: [Option<Cow<'a, str>>; FIELDS],
    /// True if the line has a key that says nothing known.
    pub(crate) stranger: bool,
}

impl<'a> Found<'a> {
    /// Keeps a value; false if there was one before and the line therefore says nothing certain.
    #[must_use]
    pub(crate) fn keep(&mut self, field: Field, value: Cow<'a, str>) -> bool {
        let Some(place) = self.values.get_mut(field as usize) else { return false };
        match place {
            None => *place = Some(value),
            Some(_) if field.says_who_served() => return false,
            Some(before) if field.comes_several_times() => add(before, value),
            // By these a request may be a probe's: of two that differ, neither is believed.
            Some(before) if matches!(field, Field::Path | Field::Agent) => {
                if without_query(before) != without_query(&value) {
                    *before = Cow::Borrowed("");
                }
            }
            // Of several times one that can be read counts.
            Some(before) if field == Field::Time && times::in_json(before).is_some() => {}
            Some(_) => *place = Some(value),
        }
        true
    }

    /// True if anything is there that only a request has.
    pub(crate) fn is_a_request(&self) -> bool {
        OF_A_REQUEST.iter().any(|field| self.has(*field))
    }

    pub(crate) fn has(&self, field: Field) -> bool {
        self.get(field).is_some()
    }

    pub(crate) fn get(&self, field: Field) -> Option<&Cow<'a, str>> {
        self.values.get(field as usize)?.as_ref()
    }

    /// A value that is not "none".
    pub(crate) fn take(&mut self, field: Field) -> Option<Cow<'a, str>> {
        self.values.get_mut(field as usize)?.take().and_then(named)
    }
}

/// Adds a value, with a blank between it and those before.
pub(crate) fn add<'a>(before: &mut Cow<'a, str>, value: Cow<'a, str>) {
    if before.is_empty() || before == "-" {
        *before = value;
    } else if !matches!(value.as_ref(), "" | "-") && before.split(' ').all(|known| known != value) {
        let before = before.to_mut();
        before.push(' ');
        before.push_str(&value);
    }
}

fn without_query(text: &str) -> &str {
    text.split('?').next().unwrap_or_default()
}
