//! What does a line of a JSON access log say: ingress-nginx's, Traefik's, Envoy's, or one of the operator's own?
//!
//! ingress-nginx: `proxyUpstreamName` (or `proxy_upstream_name`), and `namespace` with
//! `ingress_name` or `service_name` where the format has them. Traefik: `ServiceName` =
//! `<ns>-<svc>-<port>@kubernetes…`. Envoy Gateway: `route_name` = `httproute/<ns>/…`.
//!
//! Only the object's own keys count, each at most once: a line that holds one of them twice is
//! not from a logger that escapes, so what it says could be the sender's.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use serde::Deserializer as _;
use serde::de::{DeserializeSeed, Error as _, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::keys::Keys;
use super::{Entry, Line, envoy, named};

/// Whose log a line may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect<'k> {
    /// ingress-nginx's.
    Nginx,
    /// Traefik's.
    Traefik,
    /// Envoy's.
    Envoy,
    /// The line's own keys tell.
    Either,
    /// The operator says which key is what.
    Named(&'k Keys),
}

/// The providers under which Traefik serves Kubernetes' Services.
const PROVIDERS: [&str; 4] = ["kubernetes", "kubernetescrd", "kubernetesgateway", "kubernetesingressnginx"];

/// What is read of a line, and under which keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Field {
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

pub(super) fn field(key: &str) -> Option<Field> {
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
    fn says_who_served(self) -> bool {
        !matches!(self, Self::Path | Self::Agent | Self::Message | Self::Level | Self::Time | Self::Request)
    }
}

/// Reads one line.
#[must_use]
pub fn read<'a>(line: &'a str, dialect: Dialect<'_>) -> Line<'a> {
    let Ok(fields) = fields(line, dialect) else { return Line::Unparsed };
    if let Dialect::Named(_) = dialect {
        return of_named(fields);
    }
    let has = |field| fields.contains_key(&field);
    let traefik = has(Field::TraefikRequest) || has(Field::TraefikService);
    let nginx = has(Field::Upstream) || (has(Field::Namespace) && (has(Field::Ingress) || has(Field::Service)));
    let envoy = has(Field::Route);
    match dialect {
        Dialect::Envoy | Dialect::Either if envoy && !nginx && !traefik => of_envoy(fields),
        Dialect::Traefik | Dialect::Either if traefik && !has(Field::Upstream) => Line::Access(of_traefik(fields)),
        Dialect::Nginx | Dialect::Either if nginx && !traefik => Line::Access(of_nginx(fields)),
        // Traefik's own log, in which it names Services too, and that of ingress-nginx in JSON.
        _ if !traefik && !envoy && (!nginx || dialect == Dialect::Traefik) && says_something(&fields) => Line::Noise,
        _ => Line::Unparsed,
    }
}

/// True for a message of the controller. An access log may have a level and a message as well, so anything that only a
/// request has makes it none.
fn says_something(fields: &BTreeMap<Field, Cow<'_, str>>) -> bool {
    let has = |field| fields.contains_key(&field);
    let of_a_request = [Field::Request, Field::Path, Field::Agent, Field::Upstream, Field::Alternative];
    has(Field::Level)
        && fields.get(&Field::Message).is_some_and(|text| !text.is_empty())
        && !of_a_request.into_iter().any(has)
}

fn of_nginx<'a>(mut fields: BTreeMap<Field, Cow<'a, str>>) -> Entry<'a> {
    let mut take = |field| fields.remove(&field).and_then(named);
    // A namespace alone could be a constant of the format, the controller's own for example.
    let served = take(Field::Ingress).is_some() | take(Field::Service).is_some();
    Entry {
        upstream: take(Field::Upstream),
        alternative: take(Field::Alternative),
        namespace: take(Field::Namespace).filter(|_| served),
        path: take(Field::Path),
        agent: take(Field::Agent),
        logged: logged(take(Field::Time)),
    }
}

fn logged(time: Option<Cow<'_, str>>) -> Option<Timestamp> {
    time?.parse().ok()
}

/// A route that is not named as Envoy Gateway names them could be anybody's.
fn of_envoy<'a>(mut fields: BTreeMap<Field, Cow<'a, str>>) -> Line<'a> {
    let mut take = |field| fields.remove(&field).and_then(named);
    let (path, agent) = (take(Field::Path).map(without_query), take(Field::Agent));
    let Some(route) = take(Field::Route) else { return Line::Access(Entry { path, agent, ..Entry::default() }) };
    match envoy::namespace(&route) {
        Some(namespace) => {
            Line::Access(Entry { namespace: Some(namespace.to_owned().into()), path, agent, ..Entry::default() })
        }
        None => Line::Unparsed,
    }
}

fn without_query(path: Cow<'_, str>) -> Cow<'_, str> {
    match path.find('?') {
        Some(end) => path.get(..end).unwrap_or_default().to_owned().into(),
        None => path,
    }
}

/// What the operator named is believed; a line without it is none of the access log.
fn of_named<'a>(mut fields: BTreeMap<Field, Cow<'a, str>>) -> Line<'a> {
    if !fields.contains_key(&Field::Upstream) && !fields.contains_key(&Field::Namespace) {
        return if says_something(&fields) { Line::Noise } else { Line::Unparsed };
    }
    let mut take = |field| fields.remove(&field).and_then(named);
    Line::Access(Entry {
        upstream: take(Field::Upstream).map(without_provider),
        alternative: None,
        namespace: take(Field::Namespace),
        path: take(Field::Path).map(without_query),
        agent: take(Field::Agent),
        logged: logged(take(Field::Time)),
    })
}

/// `mew-web-80@kubernetes`, without what Traefik puts behind.
pub(crate) fn without_provider(service: Cow<'_, str>) -> Cow<'_, str> {
    match service.rsplit_once('@') {
        Some((name, provider)) if PROVIDERS.contains(&provider) => Cow::from(name.to_owned()),
        _ => service,
    }
}

fn of_traefik<'a>(mut fields: BTreeMap<Field, Cow<'a, str>>) -> Entry<'a> {
    let service = fields.remove(&Field::TraefikService).and_then(named);
    let upstream = service.map(without_provider);
    let mut take = |field| fields.remove(&field).and_then(named);
    let (path, agent) = (take(Field::Path), take(Field::Agent));
    Entry { upstream, path, agent, logged: logged(take(Field::Time)), ..Entry::default() }
}

fn fields<'a>(line: &'a str, dialect: Dialect<'_>) -> Result<BTreeMap<Field, Cow<'a, str>>, serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_str(line);
    let fields = deserializer.deserialize_map(Fields(dialect))?;
    deserializer.end()?;
    Ok(fields)
}

struct Fields<'k>(Dialect<'k>);

impl<'de> Visitor<'de> for Fields<'_> {
    type Value = BTreeMap<Field, Cow<'de, str>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an access log entry")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut fields = BTreeMap::new();
        while let Some(key) = map.next_key_seed(Text)? {
            let known = match self.0 {
                Dialect::Named(keys) => keys.field(&key),
                _ => field(&key),
            };
            let Some(field) = known else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            let value = match field {
                // Of any type: `"status": 200.0` takes nothing away from what the line says.
                Field::Request | Field::Time => Cow::Borrowed(map.next_value::<&RawValue>()?.get().trim_matches('"')),
                _ => map.next_value_seed(Text)?,
            };
            if fields.insert(field, value).is_some() && field.says_who_served() {
                return Err(A::Error::custom(format_args!("{key} comes twice")));
            }
        }
        Ok(fields)
    }
}

/// A text, borrowed where it is not escaped; a number counts as its digits, null and others as nothing.
struct Text;

impl<'de> DeserializeSeed<'de> for Text {
    type Value = Cow<'de, str>;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Text {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text or a number")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(text))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(text.to_owned()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
        Ok(Cow::Owned(number.to_string()))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(""))
    }
}

#[cfg(test)]
#[path = "json_tests.rs"]
mod tests;
