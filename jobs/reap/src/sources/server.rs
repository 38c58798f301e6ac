//! How are the sources asked that are neither the cluster nor its pods?

use std::path::Path;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hotdesk_http::Error;
use hotdesk_http::http::{Answer, Http};
use hotdesk_http::retry::with_retries;
use hotdesk_slots::text::sanitize_short;
use http::header::{ACCEPT, AUTHORIZATION};
use http::{HeaderMap, HeaderValue, Request, StatusCode};
use http_body_util::Full;
use jiff::Timestamp;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use hotdesk_traffic::log::scan::CLOCK_TOLERANCE;
use hotdesk_traffic::observation::Observation;
use hotdesk_traffic::sources::{Auth, Server, Value};

/// How long one answer may take.
pub(super) const ANSWER_LIMIT: Duration = Duration::from_secs(30);

/// How long one source may take in all, with everything that is asked again.
const SOURCE_LIMIT: Duration = Duration::from_secs(180);

/// For how many slots a query of the operator's own is asked, to see that it can find anybody at all.
pub(super) const TRIED_SLOTS: usize = 20;

/// How often a question is asked again.
pub(super) const RETRIES: usize = 3;

/// A server that is asked.
pub(super) struct Client<'a> {
    server: &'a Server,
    http: Http,
    now: fn() -> Timestamp,
}

impl<'a> Client<'a> {
    pub(super) fn new(server: &'a Server, now: fn() -> Timestamp) -> Result<Self, String> {
        let http = match &server.ca_file {
            Some(file) => Http::trusting(file, ANSWER_LIMIT)?,
            None => {
                Http::new(ANSWER_LIMIT).map_err(|error| format!("the system's certificates cannot be read: {error}"))?
            }
        };
        Ok(Self { server, http, now })
    }

    /// The body of a whole and good answer, from a server whose clock agrees with ours.
    pub(super) async fn get(&self, path: &str, query: &[(&str, String)]) -> Result<Bytes, String> {
        let answer = with_retries(RETRIES, || self.once(path, query)).await.map_err(|error| error.to_string())?;
        check_clock(&answer, (self.now)())?;
        Ok(answer.body)
    }

    async fn once(&self, path: &str, query: &[(&str, String)]) -> Result<Answer, Error> {
        let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let pairs: Vec<String> = query.iter().map(|(key, value)| format!("{key}={}", encode(value))).collect();
        let uri = format!("{}{path}?{}", self.server.url.to_string().trim_end_matches('/'), pairs.join("&"));
        let mut request = Request::get(uri)
            .header(ACCEPT, "application/json")
            .body(Full::default())
            .map_err(|error| Error::Permanent(format!("it cannot be asked: {error}")))?;
        add_headers(request.headers_mut(), self.server).map_err(Error::Permanent)?;
        let answer = self.http.send(request).await?;
        if answer.status.is_success() { Ok(answer) } else { Err(self.refusal(&answer)) }
    }

    fn refusal(&self, answer: &Answer) -> Error {
        let host = self.server.url.authority().map(ToString::to_string).unwrap_or_default();
        let advice = match answer.status {
            StatusCode::UNAUTHORIZED => "check auth",
            StatusCode::FORBIDDEN => "check auth, and what it may read",
            StatusCode::NOT_FOUND => "check the url, with the path under which the API is served",
            _ => "",
        };
        refused(&host, answer, advice)
    }
}

/// What an answer means that is none.
pub(super) fn refused(host: &str, answer: &Answer, advice: &str) -> Error {
    let status = answer.status;
    let reason = status.canonical_reason().unwrap_or_default();
    let mut what = format!("{host} answered {} {reason}", status.as_u16());
    if let Some(location) = answer.location.as_ref().filter(|_| status.is_redirection()) {
        return Error::Permanent(format!(
            "{what}, to {}: write that address, for redirects are not followed",
            sanitize_short(location)
        ));
    }
    if let Some(said) = said(&answer.body) {
        what += &format!(": {said}");
    }
    if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS || status == StatusCode::REQUEST_TIMEOUT {
        return Error::Transient { what, retry_after: answer.retry_after };
    }
    Error::Permanent(if advice.is_empty() { what } else { format!("{what} ({advice})") })
}

/// The server's own words: of Google, of Prometheus, or whatever begins its answer.
fn said(body: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(body.get(..body.len().min(4096)).unwrap_or_default()).into_owned();
    let json: Option<serde_json::Value> = serde_json::from_slice(body).ok();
    let field = |path: &str| json.as_ref().and_then(|json| json.pointer(path)).and_then(|text| text.as_str());
    let words = match (field("/error/message"), field("/error/status")) {
        (Some(message), Some(status)) => format!("{status}: {message}"),
        (Some(message), None) => message.to_owned(),
        _ => field("/error").map_or(text, str::to_owned),
    };
    let line = words.trim().lines().next().map(sanitize_short)?;
    (!line.is_empty()).then_some(line)
}

/// A server that lives in another hour shows another hour.
pub(super) fn check_clock(answer: &Answer, now: Timestamp) -> Result<(), String> {
    let theirs = answer.date.ok_or("it does not say what time it is (no Date header)")?;
    let apart = now.duration_since(theirs).abs();
    if apart > CLOCK_TOLERANCE {
        return Err(format!("its clock and this one differ by {} s: set the clocks", apart.as_secs()));
    }
    Ok(())
}

fn add_headers(headers: &mut HeaderMap, server: &Server) -> Result<(), String> {
    let authorization = match &server.auth {
        Auth::None => None,
        Auth::Bearer(file) => Some(format!("Bearer {}", content(file)?)),
        Auth::Basic { user, password } => {
            Some(format!("Basic {}", STANDARD.encode(format!("{user}:{}", content(password)?))))
        }
    };
    if let Some(text) = authorization {
        headers.insert(AUTHORIZATION, secret(&text, "the credentials")?);
    }
    for (name, value) in &server.headers {
        let value = match value {
            Value::Plain(value) => value.clone(),
            Value::File(file) => secret(&content(file)?, name.as_str())?,
        };
        headers.insert(name, value);
    }
    Ok(())
}

fn content(file: &Path) -> Result<String, String> {
    let text = std::fs::read_to_string(file).map_err(|error| format!("{} cannot be read: {error}", file.display()))?;
    Ok(text.trim().to_owned())
}

fn secret(text: &str, what: &str) -> Result<HeaderValue, String> {
    let mut value = HeaderValue::from_str(text).map_err(|_| format!("{what} cannot be sent as a header"))?;
    value.set_sensitive(true);
    Ok(value)
}

/// A query that finds nobody in any slot may be misspelt.
pub(super) fn finds_nobody(tried: usize) -> String {
    format!(
        "the query finds nobody in any of {tried} slots within the look-back, which is also what a misspelt one would find; if \
         that is normal here, set --silence-is-fine"
    )
}

/// Waits for a source, so long and no longer.
pub(super) async fn within_limits(
    source: &str,
    now: Timestamp,
    look: impl Future<Output = Result<Observation, String>>,
) -> Observation {
    match tokio::time::timeout(SOURCE_LIMIT, look).await {
        Ok(Ok(look)) => look,
        Ok(Err(why)) => Observation::inconclusive(source, why, now),
        Err(_) => {
            Observation::inconclusive(source, format!("it took longer than {} s in all", SOURCE_LIMIT.as_secs()), now)
        }
    }
}
