//! What does a line of a JSON access log say: ingress-nginx's, or Traefik's?
//!
//! ingress-nginx: `proxyUpstreamName` (or `proxy_upstream_name`), and `namespace` with
//! `ingress_name` or `service_name` where the format has them. Traefik: `ServiceName` =
//! `<ns>-<svc>-<port>@kubernetes…`.
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

use super::{Entry, Line, named};

/// Whose log a line may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// ingress-nginx's.
    Nginx,
    /// Traefik's.
    Traefik,
    /// The line's own keys tell.
    Either,
}

/// The providers under which Traefik serves Kubernetes' Services.
const PROVIDERS: [&str; 4] = ["kubernetes", "kubernetescrd", "kubernetesgateway", "kubernetesingressnginx"];

/// What is read of a line, and under which keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Field {
    Upstream,
    Alternative,
    Namespace,
    Ingress,
    Service,
    Path,
    Agent,
    TraefikService,
    TraefikRequest,
    Message,
    Level,
    Time,
    /// Whatever only a request has.
    Request,
}

fn field(key: &str) -> Option<Field> {
    Some(match key {
        "proxyUpstreamName" | "proxy_upstream_name" => Field::Upstream,
        "proxyAlternativeUpstreamName" | "proxy_alternative_upstream_name" => Field::Alternative,
        "namespace" => Field::Namespace,
        "ingress_name" | "ingressName" => Field::Ingress,
        "service_name" | "serviceName" => Field::Service,
        "path" | "uri" | "requestPath" | "RequestPath" => Field::Path,
        "http_user_agent" | "httpUserAgent" | "userAgent" | "user_agent" | "request_User-Agent" => Field::Agent,
        "ServiceName" => Field::TraefikService,
        "DownstreamStatus" => Field::TraefikRequest,
        "msg" | "message" | "error" => Field::Message,
        "level" => Field::Level,
        "time" | "timestamp" | "@timestamp" | "time_iso8601" => Field::Time,
        "request" | "status" | "method" | "host" | "vhost" | "http_host" | "remote_addr" | "remoteAddr"
        | "request_method" | "requestMethod" | "request_uri" | "requestUrl" | "request_id" | "requestId"
        | "ClientAddr" | "ClientHost" | "Duration" | "OriginStatus" | "RequestAddr" | "RequestCount"
        | "RequestHost" | "RequestMethod" | "RouterName" | "StartUTC" => Field::Request,
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
pub fn read(line: &str, dialect: Dialect) -> Line<'_> {
    let Ok(fields) = fields(line) else { return Line::Unparsed };
    let has = |field| fields.contains_key(&field);
    let traefik = has(Field::TraefikRequest) || has(Field::TraefikService);
    let nginx = has(Field::Upstream) || (has(Field::Namespace) && (has(Field::Ingress) || has(Field::Service)));
    match dialect {
        Dialect::Traefik | Dialect::Either if traefik && !has(Field::Upstream) => Line::Access(of_traefik(fields)),
        Dialect::Nginx | Dialect::Either if nginx && !traefik => Line::Access(of_nginx(fields)),
        // Traefik's own log, in which it names Services too, and that of ingress-nginx in JSON.
        _ if !traefik && (!nginx || dialect == Dialect::Traefik) && says_something(&fields) => Line::Noise,
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

fn of_traefik<'a>(mut fields: BTreeMap<Field, Cow<'a, str>>) -> Entry<'a> {
    let service = fields.remove(&Field::TraefikService).and_then(named);
    let upstream = service.map(|service| match service.rsplit_once('@') {
        Some((name, provider)) if PROVIDERS.contains(&provider) => Cow::from(name.to_owned()),
        _ => service,
    });
    let mut take = |field| fields.remove(&field).and_then(named);
    let (path, agent) = (take(Field::Path), take(Field::Agent));
    Entry { upstream, path, agent, logged: logged(take(Field::Time)), ..Entry::default() }
}

fn fields(line: &str) -> Result<BTreeMap<Field, Cow<'_, str>>, serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_str(line);
    let fields = deserializer.deserialize_map(Fields)?;
    deserializer.end()?;
    Ok(fields)
}

struct Fields;

impl<'de> Visitor<'de> for Fields {
    type Value = BTreeMap<Field, Cow<'de, str>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an access log entry")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut fields = BTreeMap::new();
        while let Some(key) = map.next_key_seed(Text)? {
            let Some(field) = field(&key) else {
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
mod tests {
    use super::*;
    use serde_json::json;

    #[track_caller]
    fn access(line: &str, dialect: Dialect) -> Entry<'_> {
        match read(line, dialect) {
            Line::Access(entry) => entry,
            other => panic!("{other:?}: {line}"),
        }
    }

    #[test]
    fn every_line_of_a_real_ingress_nginx_log_is_read() {
        let expected = [
            (Some("mew-web-80"), None),
            (Some("mewtwo-web-80"), Some("mewtwo")),
            (None, None),
            (Some("mew-web-80"), None),
        ];
        for (line, (upstream, namespace)) in include_str!("../../tests/data/nginx-json.log").lines().zip(expected) {
            let entry = access(line, Dialect::Either);
            assert_eq!((entry.upstream.as_deref(), entry.namespace.as_deref()), (upstream, namespace), "{line}");
            assert_eq!(access(line, Dialect::Nginx), entry, "{line}");
        }
    }

    #[test]
    fn every_line_of_a_real_traefik_log_is_read() {
        let expected =
            [Some("mew-web-80"), Some("mewtwo-api-http"), Some("mew-web-80"), None, Some("dashboard@internal")];
        for (line, upstream) in include_str!("../../tests/data/traefik-json.log").lines().zip(expected) {
            let entry = access(line, Dialect::Either);
            assert_eq!(entry.upstream.as_deref(), upstream, "{line}");
            assert_eq!(access(line, Dialect::Traefik), entry, "{line}");
        }
    }

    #[test]
    fn a_sender_cannot_name_an_upstream() {
        for agent in [
            "\",\"proxyUpstreamName\":\"mewtwo-web-80",
            "{\"proxyUpstreamName\":\"mewtwo-web-80\"}",
            "\\\",\"namespace\":\"mewtwo\",\"service_name\":\"x",
        ] {
            let line = json!({
                "http_user_agent": agent, "path": agent, "vhost": agent,
                "headers": {"proxyUpstreamName": "mewtwo-web-80", "namespace": "mewtwo"},
                "proxyUpstreamName": "mew-web-80",
            })
            .to_string();
            let entry = access(&line, Dialect::Either);
            assert_eq!((entry.upstream.as_deref(), entry.namespace), (Some("mew-web-80"), None), "{line}");
        }
    }

    #[test]
    fn a_key_that_comes_twice_makes_a_line_unparsed() {
        for line in [
            r#"{"proxyUpstreamName":"mew-web-80","proxyUpstreamName":"mewtwo-web-80"}"#,
            r#"{"proxyUpstreamName":"mew-web-80","proxy_upstream_name":"mewtwo-web-80"}"#,
            r#"{"DownstreamStatus":200,"ServiceName":"a-b-80@kubernetes","ServiceName":"c-d-80@kubernetes"}"#,
        ] {
            assert_eq!(read(line, Dialect::Either), Line::Unparsed, "{line}");
        }
    }

    #[test]
    fn a_namespace_that_is_a_constant_of_the_format_is_not_believed() {
        let line = r#"{"namespace":"ingress-nginx","proxyUpstreamName":"mew-web-80"}"#;
        assert_eq!(access(line, Dialect::Nginx).namespace, None);
        assert_eq!(read(r#"{"namespace":"ingress-nginx","status":200}"#, Dialect::Nginx), Line::Unparsed);
    }

    #[test]
    fn an_access_log_that_names_nobody_is_no_message() {
        for line in [
            r#"{"level":"info","msg":"","time":"2026-11-23T15:04:05Z","RequestPath":"/"}"#,
            r#"{"level":"info","msg":"","time":"2026-11-23T15:04:05Z"}"#,
            r#"{"level":"info","message":"GET / HTTP/1.1","status":200,"host":"mew.dev.example.com"}"#,
            r#"{"level":"info","message":"access","http_user_agent":"curl/8.5"}"#,
            r#"{"level":"info","msg":"x","RouterName":"mew-web@kubernetes"}"#,
        ] {
            for dialect in [Dialect::Either, Dialect::Nginx, Dialect::Traefik] {
                assert_eq!(read(line, dialect), Line::Unparsed, "{dialect:?} {line}");
            }
        }
    }

    #[test]
    fn a_message_of_traefik_about_a_service_is_no_request() {
        let line = r#"{"level":"error","providerName":"kubernetes","ingress":"web","namespace":"mew","serviceName":"web",
            "error":"endpoints not found","message":"Skipping service"}"#;
        assert_eq!(read(line, Dialect::Traefik), Line::Noise);
    }

    #[test]
    fn when_a_line_was_logged_is_read_where_it_says_so() {
        let read = |time: &str| {
            let line = format!(r#"{{"time":{time},"status":[200.5],"proxyUpstreamName":"mew-web-80"}}"#);
            access(&line, Dialect::Either).logged
        };
        assert_eq!(read(r#""2026-11-23T16:04:05+01:00""#), Some("2026-11-23T15:04:05Z".parse().unwrap()));
        for other in ["1795446245.123", "null", r#""23/Nov/2026:15:04:05 +0000""#, "{}"] {
            assert_eq!(read(other), None, "{other}");
        }
    }

    #[test]
    fn a_format_that_does_not_name_the_upstream_is_unparsed() {
        assert_eq!(read(r#"{"status":200,"path":"/"}"#, Dialect::Either), Line::Unparsed);
        assert_eq!(read(r#"{"proxyUpstreamName":"mew-web-80"}"#, Dialect::Traefik), Line::Unparsed);
    }
}
