//! What does a line of a JSON access log say: ingress-nginx's, Traefik's, Envoy's, or one of the operator's own?
//!
//! ingress-nginx: `proxyUpstreamName` (or `proxy_upstream_name`), and `namespace` with
//! `ingress_name` or `service_name` where the format has them. Traefik: `ServiceName` =
//! `<ns>-<svc>-<port>@kubernetes…`. Envoy Gateway: `route_name` = `httproute/<ns>/…`.
//!
//! Only the object's own keys count, each at most once: a line that holds one of them twice is
//! not from a logger that escapes, so what it says could be the sender's.

mod beside;

use std::borrow::Cow;
use std::fmt;

use jiff::Timestamp;
use serde::Deserializer as _;
use serde::de::{DeserializeSeed, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::fields::{Field, Found, Reading, add, field};
use super::keys::Keys;
use super::{Entry, Line, envoy, request, times};
pub use beside::{Beside, beside};

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

/// The providers under which Traefik serves Kubernetes' Services by their names alone.
const PROVIDERS: [&str; 3] = ["kubernetes", "kubernetescrd", "kubernetesgateway"];

/// Reads one line.
#[must_use]
pub fn read<'a>(line: &'a str, dialect: Dialect<'_>) -> Line<'a> {
    found(line, dialect).map_or(Line::Unparsed, |mut found| judge(&mut found, dialect))
}

fn judge<'a>(found: &mut Found<'a>, dialect: Dialect<'_>) -> Line<'a> {
    if is_own(found) {
        return Line::Noise;
    }
    if let Dialect::Named(_) = dialect {
        return of_named(found);
    }
    let has = |field| found.has(field);
    let traefik = has(Field::TraefikRequest) || has(Field::TraefikService);
    let nginx = has(Field::Upstream) || (has(Field::Namespace) && (has(Field::Ingress) || has(Field::Service)));
    let envoy = has(Field::Route) || has(Field::Cluster);
    match dialect {
        Dialect::Envoy | Dialect::Either if envoy && !nginx && !traefik => of_envoy(found),
        Dialect::Traefik | Dialect::Either if traefik && !has(Field::Upstream) => Line::Access(of_traefik(found)),
        Dialect::Nginx | Dialect::Either if nginx && !traefik => Line::Access(of_nginx(found)),
        Dialect::Nginx | Dialect::Either if is_session(found) && !traefik && !envoy => Line::Access(of_nginx(found)),
        _ if is_message(found) => Line::Noise,
        _ => Line::Unparsed,
    }
}

/// True for a line that only a controller writes of itself: Traefik names its provider, or a router or a middleware with
/// that, and what Go's libraries write has a caller. Such a line may name Services and namespaces, and is not a request.
fn is_own(found: &Found<'_>) -> bool {
    let has = |field| found.has(field);
    let by_library = has(Field::Caller) && has(Field::Logger) && !found.stranger && !quotes_a_request(found);
    let by_traefik = has(Field::Provider) || found.get(Field::OwnName).is_some_and(|name| name.contains('@'));
    let says = has(Field::Message) && (has(Field::Level) || has(Field::Plain) || has(Field::Time));
    says && (by_traefik || by_library) && !found.is_a_request()
}

fn quotes_a_request(found: &Found<'_>) -> bool {
    found.get(Field::Message).is_some_and(|text| request::is_in_a_message(text))
}

/// True for a message of a controller that has nothing else in it. An access log may have a level and a message as well,
/// so any key that is not known makes it none.
fn is_message(found: &Found<'_>) -> bool {
    let has = |field| found.has(field);
    let of_an_entry = [Field::Namespace, Field::Ingress, Field::Service];
    has(Field::Level)
        && found.get(Field::Message).is_some_and(|text| !text.is_empty())
        && !found.stranger
        && !found.is_a_request()
        && !quotes_a_request(found)
        && !of_an_entry.into_iter().any(has)
}

/// True for a TCP or UDP session.
fn is_session(found: &Found<'_>) -> bool {
    found.get(Field::Protocol).is_some_and(|protocol| matches!(protocol.as_ref(), "TCP" | "UDP"))
}

fn of_nginx<'a>(found: &mut Found<'a>) -> Entry<'a> {
    let stream = is_session(found);
    let mut take = |field| found.take(field);
    // A namespace alone could be a constant of the format, the controller's own for example.
    let served = take(Field::Ingress).is_some() | take(Field::Service).is_some();
    Entry {
        upstream: take(Field::Upstream),
        alternative: take(Field::Alternative),
        namespace: take(Field::Namespace).filter(|_| served),
        logged: logged(take(Field::Time)),
        stream,
        ..plain(found)
    }
}

fn logged(time: Option<Cow<'_, str>>) -> Option<Timestamp> {
    times::in_json(&time?)
}

/// A route that is not named as Envoy Gateway names them could be anybody's.
fn of_envoy<'a>(found: &mut Found<'a>) -> Line<'a> {
    let (route, cluster) = (found.take(Field::Route), found.take(Field::Cluster));
    let mut entry = plain(found);
    entry.path = entry.path.map(without_query);
    let merged = cluster.as_deref().filter(|cluster| cluster.starts_with("service/"));
    let backend = merged.and_then(envoy::namespace).map(|namespace| Cow::Owned(namespace.to_owned()));
    // A TCP route has no name beside its cluster's.
    let Some(route) = route.or(cluster) else { return Line::Access(entry) };
    let Some(namespace) = envoy::namespace(&route).map(|namespace| Cow::Owned(namespace.to_owned())) else {
        return Line::Unparsed;
    };
    let by_route = !route.starts_with("service/");
    Line::Access(Entry { namespace: Some(namespace), by_route, backend, route: Some(route), ..entry })
}

fn without_query(path: Cow<'_, str>) -> Cow<'_, str> {
    match path.find('?') {
        Some(end) => cut(path, end),
        None => path,
    }
}

fn cut(text: Cow<'_, str>, end: usize) -> Cow<'_, str> {
    match text {
        Cow::Borrowed(text) => text.get(..end).unwrap_or_default().into(),
        Cow::Owned(text) => text.get(..end).unwrap_or_default().to_owned().into(),
    }
}

/// What the operator named is believed; a line without it is none of the access log.
fn of_named<'a>(found: &mut Found<'a>) -> Line<'a> {
    if !found.has(Field::Upstream) && !found.has(Field::Namespace) {
        return if is_message(found) { Line::Noise } else { Line::Unparsed };
    }
    let stream = is_session(found);
    let (upstream, namespace) = (found.take(Field::Upstream), found.take(Field::Namespace));
    let logged = logged(found.take(Field::Time));
    let entry = plain(found);
    Line::Access(Entry {
        upstream: upstream.map(without_provider),
        namespace,
        path: entry.path.map(without_query),
        logged,
        stream,
        ..entry
    })
}

/// `mew-web-80@kubernetes`, without what Traefik puts behind.
pub(crate) fn without_provider(service: Cow<'_, str>) -> Cow<'_, str> {
    match service.rsplit_once('@') {
        Some((name, provider)) if PROVIDERS.contains(&provider) => {
            let end = name.len();
            cut(service, end)
        }
        _ => service,
    }
}

/// What Traefik puts behind the name of a middleware that answers by an error page.
const ERROR_PAGE: &str = "-errorpage-service";

fn of_traefik<'a>(found: &mut Found<'a>) -> Entry<'a> {
    let mut take = |field| found.take(field);
    // Nobody asked for the Service of an error page. The route says whose the request was, and the address who was reached;
    // where neither does, the name of the page may still be the slot's.
    let (upstream, page) = match take(Field::TraefikService).map(without_provider) {
        Some(service) if service.ends_with(ERROR_PAGE) => (None, Some(service)),
        service => (service, None),
    };
    Entry {
        upstream,
        extra: page,
        route: take(Field::Router),
        entry_point: take(Field::EntryPoint),
        logged: logged(take(Field::Time)),
        ..plain(found)
    }
}

/// What holds of every entry.
fn plain<'a>(found: &mut Found<'a>) -> Entry<'a> {
    let mut url = found.take(Field::AskedUrl);
    if let Some(other) = found.take(Field::Url) {
        add(url.get_or_insert_default(), other);
    }
    Entry {
        path: found.take(Field::Path),
        agent: found.take(Field::Agent),
        served: served(found),
        host: found.take(Field::Host),
        url,
        ..Entry::default()
    }
}

/// The addresses that served. Traefik's URL of a server holds its address once more.
fn served<'a>(found: &mut Found<'a>) -> Option<Cow<'a, str>> {
    let (url, address) = (found.take(Field::ServedUrl), found.take(Field::Served));
    let Some(mut url) = url else { return address };
    if let Some(address) = address
        && !url.strip_suffix(address.as_ref()).is_some_and(|scheme| scheme.ends_with("//"))
    {
        add(&mut url, address);
    }
    Some(url)
}

impl Dialect<'_> {
    fn field(self, key: &str) -> Option<Field> {
        match self {
            Dialect::Named(keys) => keys.field(key),
            _ => field(key),
        }
    }
}

/// What the keys of a line's object hold.
fn found<'a>(line: &'a str, dialect: Dialect<'_>) -> Result<Found<'a>, serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_str(line);
    let found = deserializer.deserialize_map(Fields(dialect))?;
    deserializer.end()?;
    Ok(found)
}

struct Fields<'k>(Dialect<'k>);

impl<'de> Visitor<'de> for Fields<'_> {
    type Value = Found<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an access log entry")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = Found::default();
        while let Some(key) = map.next_key_seed(Text)? {
            let Some(field) = self.0.field(&key) else {
                map.next_value::<IgnoredAny>()?;
                found.stranger = true;
                continue;
            };
            let value = match field.reading() {
                Reading::Strict => map.next_value_seed(Text)?,
                Reading::Lenient => map.next_value_seed(Anything::<false>)?,
                Reading::Moment => map.next_value_seed(Anything::<true>)?,
                Reading::Presence => map.next_value::<IgnoredAny>().map(|_| Cow::Borrowed(""))?,
            };
            if !found.keep(field, value) {
                return Err(A::Error::custom(format_args!("{key} comes twice")));
            }
        }
        Ok(found)
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

/// The texts of any value, with a blank between them, and numbers where they count; of an object its `Host` alone, as of
/// Traefik 2's `ServiceURL`.
struct Anything<const NUMBERS: bool>;

impl<const NUMBERS: bool> Anything<NUMBERS> {
    fn number(number: impl fmt::Display) -> Cow<'static, str> {
        if NUMBERS { Cow::Owned(number.to_string()) } else { Cow::Borrowed("") }
    }
}

impl<'de, const NUMBERS: bool> DeserializeSeed<'de> for Anything<NUMBERS> {
    type Value = Cow<'de, str>;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, const NUMBERS: bool> Visitor<'de> for Anything<NUMBERS> {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(text))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(text.to_owned()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
        Ok(Self::number(number))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(""))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Self::Value, E> {
        Ok(Self::number(number))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(""))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(""))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let mut all = Cow::Borrowed("");
        while let Some(item) = items.next_element_seed(Self)? {
            add(&mut all, item);
        }
        Ok(all)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut host = Cow::Borrowed("");
        while let Some(key) = map.next_key::<String>()? {
            if key.eq_ignore_ascii_case("host") {
                add(&mut host, map.next_value_seed(Self)?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(host)
    }
}

#[cfg(test)]
mod tests;
