//! What does a key of a JSON access log say, and what was found under the keys of one line?

use std::borrow::Cow;

use super::named;

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
    Route,
    Message,
    Level,
    Time,
    /// Whatever only a request has.
    Request,
}

/// How many there are.
const FIELDS: usize = Field::Request as usize + 1;

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
        "ServiceName" => Field::TraefikService,
        "DownstreamStatus" => Field::TraefikRequest,
        "msg" | "message" | "error" => Field::Message,
        "level" => Field::Level,
        "time" | "timestamp" | "@timestamp" | "time_iso8601" => Field::Time,
        "request" | "status" | "method" | "host" | "vhost" | "http_host" | "remote_addr" | "remoteAddr"
        | "request_method" | "requestMethod" | "request_uri" | "requestUrl" | "request_id" | "requestId"
        | "ClientAddr" | "ClientHost" | "Duration" | "OriginStatus" | "RequestAddr" | "RequestCount"
        | "RequestHost" | "RequestMethod" | "RouterName" | "StartUTC" | "response_code" | "response_flags"
        | "start_time" | "upstream_cluster" | ":authority" => Field::Request,
        _ => return None,
    })
}

impl Field {
    pub(crate) fn says_who_served(self) -> bool {
        !matches!(self, Self::Path | Self::Agent | Self::Message | Self::Level | Self::Time | Self::Request)
    }

    /// True where a value of any type will do: `"status": 200.0` takes nothing away from what the line says.
    pub(crate) fn may_be_anything(self) -> bool {
        matches!(self, Self::Request | Self::Time)
    }
}

/// The values of one line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Found<'a>([Option<Cow<'a, str>>; FIELDS]);

impl<'a> Found<'a> {
    /// Keeps a value; false if there was one before and the line therefore says nothing certain.
    #[must_use]
    pub(crate) fn keep(&mut self, field: Field, value: Cow<'a, str>) -> bool {
        let before = self.0.get_mut(field as usize).and_then(|place| place.replace(value));
        before.is_none() || !field.says_who_served()
    }

    pub(crate) fn has(&self, field: Field) -> bool {
        self.get(field).is_some()
    }

    pub(crate) fn get(&self, field: Field) -> Option<&Cow<'a, str>> {
        self.0.get(field as usize)?.as_ref()
    }

    /// A value that is not "none".
    pub(crate) fn take(&mut self, field: Field) -> Option<Cow<'a, str>> {
        self.0.get_mut(field as usize)?.take().and_then(named)
    }
}
