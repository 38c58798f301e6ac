//! What does Google Cloud Logging hold of the slot's requests, and does it still get any?
//!
//! Newest first, until one entry is a request of the slot. The filter only narrows what comes: whose a request was is
//! judged here, by Services that exist, and never by a pattern.

use bytes::Bytes;
use hotdesk_http::Error;
use hotdesk_http::google::{Access, Credential};
use hotdesk_http::http::{Answer, Http, is_safe};
use hotdesk_http::retry::with_retries;
use hotdesk_slots::text::human_time;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{Request, StatusCode};
use http_body_util::Full;
use jiff::Timestamp;
use serde_json::json;

use super::server::{ANSWER_LIMIT, RETRIES, check_clock, refused, within_limits};
use hotdesk_traffic::gcp::{self as entries, MAX_FILTER, Reply};
use hotdesk_traffic::log::pages::Newest;
use hotdesk_traffic::log::scan::{LogScan, ScanWindow};
use hotdesk_traffic::observation::Observation;
use hotdesk_traffic::sources::GcpLogging;

/// Enough to read logs, and nothing else.
pub const SCOPE: &str = "https://www.googleapis.com/auth/logging.read";

/// The most entries that Google gives at once.
const PAGE: u32 = 1000;

/// How many pages are read of one question. A project has 60 a minute, for everybody.
const MAX_PAGES: usize = 20;

/// Asks whether anybody used the slot since the window began.
pub async fn look(
    source: &str,
    gcp: &GcpLogging,
    watch: &ScanWindow,
    silence_is_fine: bool,
    now: fn() -> Timestamp,
) -> Observation {
    let ask = async {
        let http =
            Http::new(ANSWER_LIMIT).map_err(|error| format!("the system's certificates cannot be read: {error}"))?;
        let credential =
            gcp.key.clone().map_or_else(|| Credential::Metadata(gcp.metadata_host.clone()), Credential::Key);
        let access = Access::new(credential, SCOPE, http.clone());
        let asked = Asked { gcp, http, access, now };
        asked.look(source, watch, silence_is_fine).await
    };
    within_limits(source, watch.now, ask).await
}

struct Asked<'a> {
    gcp: &'a GcpLogging,
    http: Http,
    access: Access,
    now: fn() -> Timestamp,
}

impl Asked<'_> {
    async fn look(&self, source: &str, watch: &ScanWindow, silence_is_fine: bool) -> Result<Observation, String> {
        let now = (self.now)();
        // Of the lines that are not fetched nobody knows how many there are: a share of them says nothing.
        let watch = &ScanWindow { max_unparsed: 1.0, ..watch.clone() };
        let mut tally = LogScan::default();
        let filter = entries::of_slot(self.gcp, &watch.names, watch.since);
        let (mut newest, mut late) = (None, None);
        self.pages(&filter, PAGE, |entry| {
            late = late.take().or_else(|| entry.late());
            entry.lines().any(|line| tally.take(watch, &line).is_break())
        })
        .await?;
        let mut seen = LogScan::default();
        if tally.hit.is_none() {
            let anybody = ScanWindow { since: watch.now, ..watch.clone() };
            let filter = entries::of_anybody(self.gcp, watch.look_back);
            self.pages(&filter, 100, |entry| {
                newest = newest.max(Some(entry.time));
                late = late.take().or_else(|| entry.late());
                let _no_hits_here = entry.lines().any(|line| seen.take(&anybody, &line).is_break());
                seen.samples > 0
            })
            .await?;
        }
        tally.add_newest(&seen);
        let mut doubts = tally.doubts(watch);
        doubts.extend(late);
        doubts.extend(Newest(newest).doubt(now, self.gcp.max_silence, silence_is_fine));
        let last = newest.map_or_else(|| "none".to_owned(), |time| human_time(time, now));
        Ok(Observation {
            source: source.to_owned(),
            hit: tally.hit,
            doubts,
            samples: seen.samples,
            seen: format!("the newest entry of any slot is of {last}"),
            from: watch.since,
            through: now,
        })
    }

    /// Reads entries, newest first, until one is enough or there are no more. A page without entries is not the end.
    async fn pages(
        &self,
        filter: &str,
        size: u32,
        mut enough: impl FnMut(&entries::Entry) -> bool,
    ) -> Result<(), String> {
        if filter.len() > MAX_FILTER {
            return Err(format!(
                "its filter has {} characters, and Google takes {MAX_FILTER}: shorten filter",
                filter.len()
            ));
        }
        let mut token = String::new();
        for _ in 0..MAX_PAGES {
            let page =
                with_retries(RETRIES, || self.page(filter, size, &token)).await.map_err(|error| error.to_string())?;
            if page.entries.iter().any(&mut enough) {
                return Ok(());
            }
            match page.next {
                None => return Ok(()),
                Some(next) if next == token => {
                    return Err("it goes round in circles (the same page comes next)".to_owned());
                }
                Some(next) => token = next,
            }
        }
        Err(format!("it had not come to the end after {MAX_PAGES} pages: narrow its filter"))
    }

    async fn page(&self, filter: &str, size: u32, token: &str) -> Result<Reply, Error> {
        let mut answer = self.once(filter, size, token).await?;
        if answer.status == StatusCode::UNAUTHORIZED {
            // A token may be revoked before its time.
            self.access.forget();
            answer = self.once(filter, size, token).await?;
        }
        if !answer.status.is_success() {
            return Err(self.refusal(&answer));
        }
        check_clock(&answer, (self.now)()).map_err(Error::Permanent)?;
        entries::read(&answer.body).map_err(Error::transient)
    }

    async fn once(&self, filter: &str, size: u32, token: &str) -> Result<Answer, Error> {
        if !is_safe(&self.gcp.endpoint) {
            return Err(Error::Permanent("its endpoint is not an https:// address".to_owned()));
        }
        let header = self.access.header(self.now).await?;
        let body = json!({
            "resourceNames": [format!("projects/{}", self.gcp.project)], "filter": filter, "orderBy": "timestamp desc",
            "pageSize": size, "pageToken": token,
        });
        let uri = format!("{}/v2/entries:list", self.gcp.endpoint.to_string().trim_end_matches('/'));
        let request = Request::post(uri)
            .header(AUTHORIZATION, header)
            .header(CONTENT_TYPE, "application/json")
            .body(Full::new(Bytes::from(body.to_string())))
            .map_err(|_| Error::Permanent("the question or the token cannot be sent".to_owned()))?;
        self.http.send(request).await
    }

    fn refusal(&self, answer: &Answer) -> Error {
        let advice = match answer.status {
            StatusCode::UNAUTHORIZED => "a new token was refused too".to_owned(),
            StatusCode::FORBIDDEN => format!(
                "give {} the role Logs Viewer in the project {}, and enable the Cloud Logging API there",
                self.access.account(),
                self.gcp.project
            ),
            StatusCode::NOT_FOUND => format!("is {} the project's id?", self.gcp.project),
            StatusCode::BAD_REQUEST => "check project and filter".to_owned(),
            _ => String::new(),
        };
        refused("Google Cloud Logging", answer, &advice)
    }
}
