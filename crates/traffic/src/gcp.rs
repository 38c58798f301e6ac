//! In which words is Google Cloud Logging asked, and what is in its answer?

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::attribute::Names;
use crate::line::Format;
use crate::log::question;
use crate::sources::GcpLogging;

/// The most characters that Google takes in a filter.
pub const MAX_FILTER: usize = 20_000;

/// How much later than it was logged an entry may arrive.
const LATE: SignedDuration = SignedDuration::from_mins(5);

/// One page.
#[derive(Debug, Clone, PartialEq)]
pub struct Reply {
    /// Its entries.
    pub entries: Vec<Entry>,
    /// What to ask for next; none at the end.
    pub next: Option<String>,
}

/// One entry.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// When it was logged.
    pub time: Timestamp,
    /// When it arrived.
    pub received: Option<Timestamp>,
    /// What was logged.
    pub text: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page {
    #[serde(default)]
    entries: Vec<Raw>,
    #[serde(default)]
    next_page_token: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Raw {
    timestamp: Timestamp,
    receive_timestamp: Option<Timestamp>,
    json_payload: Option<Value>,
    text_payload: Option<String>,
    /// What Google's agent takes out of the payload: a request in Google's own form.
    http_request: Option<Value>,
}

impl Raw {
    /// What the program wrote, as far as it can be told.
    fn text(self) -> String {
        let payload = match (self.json_payload, self.http_request) {
            (Some(Value::Object(mut fields)), Some(request)) => {
                fields.entry(HTTP_REQUEST).or_insert(request);
                Some(Value::Object(fields))
            }
            (None, Some(request)) if self.text_payload.is_none() => Some(json!({HTTP_REQUEST: request})),
            (payload, _) => payload,
        };
        payload.map(|json| json.to_string()).or(self.text_payload).unwrap_or_default()
    }
}

/// The key under which a program writes it.
const HTTP_REQUEST: &str = "httpRequest";

/// Reads a page.
///
/// # Errors
/// When it is not whole.
pub fn read(body: &[u8]) -> Result<Reply, &'static str> {
    // An object, and nothing less: `null` and `[]` would read as a page at the end of the log.
    let page: Value =
        serde_json::from_slice(body).map_err(|_| "Google Cloud Logging sent something else than a whole page")?;
    if !page.is_object() || page.get("error").is_some() {
        return Err("Google Cloud Logging sent something else than a page");
    }
    let page: Page =
        serde_json::from_value(page).map_err(|_| "Google Cloud Logging sent a page that cannot be read")?;
    let entry = |raw: Raw| Entry { time: raw.timestamp, received: raw.receive_timestamp, text: raw.text() };
    let next = Some(page.next_page_token).filter(|token| !token.is_empty());
    Ok(Reply { entries: page.entries.into_iter().map(entry).collect(), next })
}

impl Entry {
    /// As the container's log would show it: an agent may have joined several lines.
    pub fn lines(&self) -> impl Iterator<Item = String> {
        self.text.lines().filter(|line| !line.is_empty()).map(|line| format!("{} {line}", self.time))
    }

    /// Why its time is not believed.
    #[must_use]
    pub fn late(&self) -> Option<String> {
        let received = self.received?;
        let apart = received.duration_since(self.time).abs();
        (apart > LATE).then(|| {
            format!(
                "an entry of {} arrived at {}: entries come late, or a node's clock is off",
                self.time.strftime("%H:%M:%S UTC"),
                received.strftime("%H:%M:%S UTC")
            )
        })
    }
}

/// Everything of the controllers since a moment.
#[must_use]
pub fn of_anybody(gcp: &GcpLogging, since: Timestamp) -> String {
    // What a node with a wrong clock stamps too early still arrives now.
    let since = quoted(&since.to_string());
    let mut parts = vec![
        format!("(timestamp >= {since} OR receiveTimestamp >= {since})"),
        r#"resource.type="k8s_container""#.to_owned(),
        format!("resource.labels.namespace_name={}", quoted(&gcp.place.namespace)),
        format!("resource.labels.container_name={}", quoted(&gcp.place.container)),
    ];
    parts.extend(gcp.cluster.iter().map(|cluster| format!("resource.labels.cluster_name={}", quoted(cluster))));
    parts.extend(gcp.filter.iter().map(|filter| format!("({filter})")));
    parts.join(" AND ")
}

/// Of that, what may be the slot's: what points at it, and what cannot be read.
#[must_use]
pub fn of_slot(gcp: &GcpLogging, names: &Names, since: Timestamp) -> String {
    let all: Vec<String> = asks(&gcp.format, names).iter().map(ToString::to_string).collect();
    format!("{} AND ({})", of_anybody(gcp, since), all.join(" OR "))
}

/// One of the things that are asked for of a slot. An entry is JSON or text: what is not JSON at all may still be a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ask {
    /// A text, in whatever field it stands, in letters of either case.
    Anywhere(String),
    /// Text that an expression matches.
    Text(&'static str),
    /// A field of JSON that an expression matches.
    Field(&'static str, &'static str),
    /// JSON that has none of these fields, which say who served, and is not a message of a program: its level, and a text.
    Unsaid(Vec<String>),
    /// Text that none of these expressions matches.
    Unreadable(Vec<&'static str>),
}

/// The fields of a message besides its level: one of them.
pub const OF_A_MESSAGE: [&str; 2] = ["msg", "message"];

/// What only requests have, whatever else is there.
pub const OF_A_REQUEST: [&str; 14] = [
    "status",
    "method",
    "path",
    "remote_addr",
    "response_code",
    "DownstreamStatus",
    "request",
    "req",
    "http",
    "uri",
    "verb",
    "statusCode",
    "status_code",
    "userAgent",
];

/// A message that quotes a request.
const QUOTES: &str = r#"(^|[^a-zA-Z0-9])(GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS|TRACE) +["\\]*(/|https?://)"#;

/// All of them: what is none of these is neither the slot's nor a doubt.
#[must_use]
pub fn asks(format: &Format, names: &Names) -> Vec<Ask> {
    // A key that nobody knows may name the slot as well as the one that does by its format.
    let slot = names.slots().next().unwrap_or_default().to_owned();
    let named = [slot].into_iter().chain(names.pointers()).chain(names.leading_in().map(str::to_owned));
    let mut all: Vec<Ask> = named.map(Ask::Anywhere).collect();
    all.push(Ask::Unsaid(saying(format).into_iter().map(str::to_owned).collect()));
    all.extend(OF_A_MESSAGE.map(|field| Ask::Field(field, QUOTES)));
    if matches!(format, Format::Auto | Format::Nginx | Format::NginxJson) {
        all.push(Ask::Text("upstream-default-backend.* : "));
        all.push(Ask::Field("upstream_addr", " : "));
    }
    if names.may_have_streams() {
        all.push(Ask::Text(r"\] (TCP|UDP) [0-9]"));
        all.push(Ask::Field("protocol", "^(TCP|UDP)$"));
    }
    all.push(Ask::Unreadable(question::OWN.into_iter().chain([question::OF_NGINX]).collect()));
    all
}

impl fmt::Display for Ask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Anywhere(text) => f.write_str(&quoted(text)),
            Self::Text(expression) => write!(f, "textPayload=~{}", quoted(expression)),
            Self::Field(field, expression) => write!(f, "jsonPayload.{field}=~{}", quoted(expression)),
            Self::Unsaid(fields) => {
                let unsaid: Vec<String> =
                    fields.iter().map(|field| format!("NOT jsonPayload.{}:*", quoted(field))).collect();
                let any = |fields: &[&str]| {
                    fields.iter().map(|field| format!("jsonPayload.{field}:*")).collect::<Vec<_>>().join(" OR ")
                };
                let (requests, text) = (any(&OF_A_REQUEST), any(&OF_A_MESSAGE));
                let message = format!("jsonPayload.level:* AND ({text})");
                write!(f, "(jsonPayload:* AND {} AND ({requests} OR NOT ({message})))", unsaid.join(" AND "))
            }
            Self::Unreadable(readable) => {
                let readable: Vec<String> =
                    readable.iter().map(|readable| format!("textPayload!~{}", quoted(readable))).collect();
                write!(f, "(textPayload:* AND {})", readable.join(" AND "))
            }
        }
    }
}

/// The fields that say who served.
fn saying(format: &Format) -> Vec<&str> {
    const NGINX: [&str; 5] = [
        "proxyUpstreamName",
        "proxy_upstream_name",
        "proxyAlternativeUpstreamName",
        "proxy_alternative_upstream_name",
        "namespace",
    ];
    match format {
        Format::Auto => {
            NGINX.into_iter().chain(["ServiceName", "RouterName", "route_name", "upstream_cluster"]).collect()
        }
        Format::Nginx | Format::NginxJson => NGINX.to_vec(),
        Format::TraefikJson => vec!["ServiceName", "RouterName"],
        Format::EnvoyJson => vec!["route_name", "upstream_cluster"],
        Format::Json(keys) => [&keys.upstream, &keys.namespace].into_iter().flatten().map(String::as_str).collect(),
    }
}

/// A value as Google's filters quote it.
fn quoted(text: &str) -> String {
    json!(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attribute::{Known, Streams};
    use crate::line::keys::Keys;
    use crate::sources::PodSelector;

    fn gcp(format: Format) -> GcpLogging {
        let text = |text: &str| text.to_owned();
        let place =
            PodSelector { namespace: text("ingress-nginx"), selector: String::new(), container: text("controller") };
        GcpLogging {
            project: text("p"),
            cluster: Some(text("dev")),
            place,
            format,
            filter: None,
            key: None,
            endpoint: "https://logging.googleapis.com".parse().unwrap(),
            metadata_host: String::new(),
            max_silence: SignedDuration::from_mins(15),
        }
    }

    #[test]
    fn the_filter_is_that_of_the_controllers_and_names_the_slot_as_a_part_only() {
        let since = "2026-11-23T14:00:00Z".parse().unwrap();
        let begin = r#"(timestamp >= "2026-11-23T14:00:00Z" OR receiveTimestamp >= "2026-11-23T14:00:00Z") AND resource.type="k8s_container" AND resource.labels.namespace_name="ingress-nginx" AND resource.labels.container_name="controller" AND resource.labels.cluster_name="dev" AND ("mew" OR "10.244.0.7" OR "mew.dev.example.com" OR "infra" OR (jsonPayload:* AND NOT jsonPayload."ServiceName":* AND NOT jsonPayload."RouterName":* AND (jsonPayload.status:* OR "#;
        let names = |streams| {
            let known = Known {
                pods: vec!["10.244.0.7".parse().unwrap()],
                host: Some("mew.dev.example.com".to_owned()),
                granted: vec!["infra".to_owned()],
                streams,
                ..Known::default()
            };
            Names::of("mew", &known)
        };
        let unread = || names(Streams::Unread);
        let filter = of_slot(&gcp(Format::TraefikJson), &unread(), since);
        assert!(filter.starts_with(begin), "{filter}");
        let others = names(Streams::Of(vec!["pikachu".to_owned()]));
        assert!(filter.contains("(TCP|UDP)") && !of_slot(&gcp(Format::TraefikJson), &others, since).contains("TCP"));
        assert!(filter.contains("(textPayload:* AND textPayload!~\"^[IWEF]"), "{filter}");
        let more = GcpLogging { filter: Some("labels.x=\"y\" OR z".to_owned()), ..gcp(Format::Nginx) };
        assert!(of_slot(&more, &unread(), since).contains(r#" AND (labels.x="y" OR z) AND ("mew" OR "#));
        let keys = Keys { upstream: Some("up\"stream".to_owned()), ..Keys::default() };
        assert!(of_slot(&gcp(Format::Json(keys)), &unread(), since).contains(r#"NOT jsonPayload."up\"stream":*"#));
        assert!(filter.len() < MAX_FILTER / 4, "{}", filter.len());
    }

    #[test]
    fn a_page_is_read_and_an_empty_one_with_a_token_is_not_the_end() {
        let page = read(br#"{"entries":[
            {"timestamp":"2026-11-23T14:00:00.5Z","receiveTimestamp":"2026-11-23T14:00:01Z","jsonPayload":{"proxyUpstreamName":"mew-web-80"}},
            {"timestamp":"2026-11-23T14:00:00Z","textPayload":"a line\n\nanother\n"},
            {"timestamp":"2026-11-23T14:00:00Z","jsonPayload":{"proxyUpstreamName":"-"},"httpRequest":{"requestUrl":"https://a.test/"}},
            {"timestamp":"2026-11-23T14:00:00Z","httpRequest":{"status":200}},
            {"timestamp":"2026-11-23T14:00:00Z"}]}"#)
        .unwrap();
        let lines: Vec<String> = page.entries.iter().flat_map(Entry::lines).collect();
        assert_eq!(lines[0], r#"2026-11-23T14:00:00.5Z {"proxyUpstreamName":"mew-web-80"}"#);
        assert_eq!((lines[1].as_str(), page.next), ("2026-11-23T14:00:00Z a line", None));
        assert_eq!(lines[2], "2026-11-23T14:00:00Z another");
        let request = r#"{"httpRequest":{"requestUrl":"https://a.test/"},"proxyUpstreamName":"-"}"#;
        assert_eq!(
            (page.entries[2].text.as_str(), page.entries[3].text.as_str()),
            (request, r#"{"httpRequest":{"status":200}}"#)
        );
        assert_eq!(read(br#"{"nextPageToken":"x"}"#).unwrap(), Reply { entries: vec![], next: Some("x".to_owned()) });
        assert_eq!(read(b"{}").unwrap(), Reply { entries: vec![], next: None });
    }

    #[test]
    fn whatever_is_not_a_whole_page_is_an_error() {
        for body in
            [r#"{"entries":[{"timest"#, "null", "[]", "", r#"{"entries":[{}]}"#, r#"{"error":{}}"#, r#"{"entries":{}}"#]
        {
            assert!(read(body.as_bytes()).is_err(), "{body}");
        }
    }

    #[test]
    fn an_entry_that_arrived_long_after_it_was_logged_is_a_doubt() {
        let entry = |received: &str| Entry {
            time: "2026-11-23T14:00:00Z".parse().unwrap(),
            received: Some(format!("2026-11-23T{received}Z").parse().unwrap()),
            text: String::new(),
        };
        assert_eq!(entry("14:00:30").late(), None);
        assert!(entry("16:00:00").late().unwrap().contains("a node's clock is off"));
        assert!(entry("12:00:00").late().is_some());
    }
}
