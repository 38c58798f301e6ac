//! How does a message reach a webhook, without anything depending on whether it does?

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use hotdesk_http::Error;
use hotdesk_http::http::Http;
use hotdesk_http::retry::with_retries;
use hotdesk_slots::text::sanitize_short;
use http::header::{CONTENT_TYPE, USER_AGENT};
use http::{Request, Uri};
use http_body_util::Full;
use serde_json::{Value, json};

use crate::notification::Notification;
use crate::settings::{Address, Format, Settings, Target, address};

/// How long one answer may take.
const TIMEOUT: Duration = Duration::from_secs(5);

/// How often it is tried again.
const RETRIES: usize = 2;

/// The longest that all messages of a run may take together.
const ALTOGETHER: Duration = Duration::from_secs(30);

/// Tells everybody who wants to hear. What did not get through is given back, a sentence each, without the address.
pub async fn tell(settings: &Settings, notification: &[Notification]) -> Vec<String> {
    let wanted: Vec<(&Target, &Notification)> = settings
        .targets
        .iter()
        .flat_map(|target| notification.iter().map(move |notification| (target, notification)))
        .filter(|(target, notification)| target.on.contains(&notification.kind))
        .collect();
    if wanted.is_empty() {
        return Vec::new();
    }
    let http = match Http::new(TIMEOUT) {
        Ok(http) => http,
        Err(error) => return vec![format!("nobody was told: {error}")],
    };
    let all = wanted.into_iter().map(|(target, notification)| {
        let http = &http;
        async move {
            let told = in_time(one(http, target, notification)).await;
            told.err().map(|why| format!("webhook {} was not told: {why}", sanitize_short(&target.name)))
        }
    });
    futures::future::join_all(all).await.into_iter().flatten().collect()
}

async fn in_time(telling: impl Future<Output = Result<(), String>>) -> Result<(), String> {
    let late = || Err(format!("it took longer than {} s", ALTOGETHER.as_secs()));
    tokio::time::timeout(ALTOGETHER, telling).await.unwrap_or_else(|_| late())
}

async fn one(http: &Http, target: &Target, notification: &Notification) -> Result<(), String> {
    let uri = find(&target.address)?;
    let body = body(target, notification)?.to_string();
    with_retries(RETRIES, || post(http, &uri, &body)).await.map_err(|error| error.to_string())
}

fn find(place: &Address) -> Result<Uri, String> {
    match place {
        Address::Plain(uri) => Ok(uri.clone()),
        Address::File(file) => read(file),
    }
}

fn read(file: &Path) -> Result<Uri, String> {
    let text = std::fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
    address(&text).map_err(|problem| format!("{}: {problem}", file.display()))
}

fn body(target: &Target, notification: &Notification) -> Result<Value, String> {
    let text = target.template.render(notification, target.format)?;
    Ok(match target.format {
        Format::Slack => json!({"text": text}),
        Format::Json => {
            let mut body = json!(notification);
            if let Some(fields) = body.as_object_mut() {
                fields.insert("text".to_owned(), text.into());
            }
            body
        }
    })
}

async fn post(http: &Http, uri: &Uri, body: &str) -> Result<(), Error> {
    let request = Request::post(uri.clone())
        .header(CONTENT_TYPE, "application/json")
        .header(USER_AGENT, concat!("hotdesk/", env!("CARGO_PKG_VERSION")))
        .body(Full::new(Bytes::from(body.to_owned())))
        .map_err(|error| Error::Permanent(error.to_string()))?;
    let answer = http.send(request).await?;
    match answer.status {
        status if status.is_success() => Ok(()),
        status if status.is_server_error() || status.as_u16() == 429 => {
            Err(Error::Transient { what: format!("it answered {status}"), retry_after: answer.retry_after })
        }
        status => Err(Error::Permanent(format!("it answered {status}"))),
    }
}

#[cfg(test)]
mod tests;
