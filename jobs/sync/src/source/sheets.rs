//! What does a Google Sheet show?

use bytes::Bytes;
use hotdesk_http::google::Access;
use hotdesk_http::http::{Answer, Http};
use hotdesk_sheet::Table;
use hotdesk_slots::text::sanitize_short;
use http::{Request, StatusCode, Uri};
use http_body_util::Full;
use jiff::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde_json::Value;

use crate::source::{Reading, SourceError};

/// Enough to read what is shared with the account, and nothing else.
pub const SCOPE: &str = "https://www.googleapis.com/auth/spreadsheets.readonly";

/// The first tab, whatever it is called in the language of its sheet.
const FIRST_TAB: &str = "A:Z";

/// What a path may hold as it is (RFC 3986, unreserved).
const IN_PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// A spreadsheet, and how it is reached.
#[derive(Debug)]
pub struct Sheets {
    /// The client.
    pub http: Http,
    /// The tokens.
    pub access: Access,
    /// `https://sheets.googleapis.com`
    pub endpoint: Uri,
    /// The long name in the sheet's address.
    pub id: String,
    /// The tab with the claims; the first if none.
    pub tab: Option<String>,
    /// The tab with the people, if there is one.
    pub people: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Values {
    range: Option<String>,
    major_dimension: Option<String>,
    /// Absent where the tab is empty.
    #[serde(default)]
    values: Vec<Vec<Value>>,
}

#[derive(Deserialize)]
struct Failed {
    error: Failure,
}

#[derive(Deserialize)]
struct Failure {
    #[serde(default)]
    message: String,
    #[serde(default)]
    status: String,
}

impl Sheets {
    /// Reads the tabs.
    ///
    /// # Errors
    /// When one of them cannot be read in full.
    pub async fn read(&self, clock: fn() -> Timestamp) -> Result<Reading, SourceError> {
        let slots = self.tab(self.tab.as_deref(), clock).await?;
        let people = match &self.people {
            Some(tab) => Some(self.tab(Some(tab), clock).await?),
            None => None,
        };
        Ok(Reading { slots, people })
    }

    async fn tab(&self, tab: Option<&str>, clock: fn() -> Timestamp) -> Result<Table, SourceError> {
        let mut answer = self.ask(tab, clock).await?;
        if answer.status == StatusCode::UNAUTHORIZED {
            // A token may be revoked before its time.
            self.access.forget();
            answer = self.ask(tab, clock).await?;
        }
        if answer.status.is_success() { read(&answer.body) } else { Err(self.failure(&answer, tab)) }
    }

    async fn ask(&self, tab: Option<&str>, clock: fn() -> Timestamp) -> Result<Answer, SourceError> {
        let header = self.access.header(clock).await?;
        let range = tab.map_or_else(|| FIRST_TAB.to_owned(), |tab| format!("'{}'", tab.replace('\'', "''")));
        let encode = |text: &str| utf8_percent_encode(text, IN_PATH).to_string();
        let endpoint = self.endpoint.to_string();
        let uri = format!(
            "{}/v4/spreadsheets/{}/values/{}?majorDimension=ROWS&valueRenderOption=FORMATTED_VALUE",
            endpoint.trim_end_matches('/'),
            encode(&self.id),
            encode(&range)
        );
        let request = Request::get(uri)
            .header(http::header::AUTHORIZATION, header)
            .header(http::header::ACCEPT, "application/json")
            .body(Full::<Bytes>::default())
            .map_err(|_| SourceError::Permanent("the sheet's address or the token cannot be sent".to_owned()))?;
        self.http.send(request).await
    }

    fn failure(&self, answer: &Answer, tab: Option<&str>) -> SourceError {
        let status = answer.status;
        let said = serde_json::from_slice::<Failed>(&answer.body).map(|failed| failed.error);
        let said = said.unwrap_or(Failure { message: String::new(), status: String::new() });
        let reason = if said.status.is_empty() { status.canonical_reason().unwrap_or_default() } else { &said.status };
        let what = format!(
            "Google Sheets answered {} {}: {}",
            status.as_u16(),
            sanitize_short(reason),
            sanitize_short(&said.message)
        );
        if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS || status == StatusCode::REQUEST_TIMEOUT
        {
            return SourceError::Transient { what, retry_after: answer.retry_after };
        }
        let advice = match status {
            StatusCode::BAD_REQUEST => match tab {
                Some(tab) => format!("is there a tab named \"{}\"?", sanitize_short(tab)),
                None => "name the tab with --tab".to_owned(),
            },
            StatusCode::UNAUTHORIZED => "a new token was refused too".to_owned(),
            StatusCode::FORBIDDEN => format!(
                "share the sheet with {} (Viewer is enough), and enable the Google Sheets API in its project",
                self.access.account()
            ),
            StatusCode::NOT_FOUND => "is --sheet the long name in the sheet's address?".to_owned(),
            _ => "it cannot be used".to_owned(),
        };
        SourceError::Permanent(format!("{what}; {advice}"))
    }
}

fn read(body: &[u8]) -> Result<Table, SourceError> {
    // Half a document would look like half the claims.
    let values: Values = serde_json::from_slice(body)
        .map_err(|_| SourceError::transient("Google Sheets sent something else than a whole table"))?;
    let by_rows = values.major_dimension.as_deref() == Some("ROWS");
    if !by_rows || values.range.is_none() {
        return Err(SourceError::transient("Google Sheets sent something else than the rows that it was asked for"));
    }
    let cell = |value: Value| match value {
        Value::String(text) => text,
        Value::Null => String::new(),
        other => other.to_string(),
    };
    Ok(Table::numbered(values.values.into_iter().map(|row| row.into_iter().map(cell))))
}

/// The sheet's long name, whether it comes alone or within the sheet's address.
///
/// # Errors
/// How to write it.
pub fn id(text: &str) -> Result<String, String> {
    let within = text.split_once("/spreadsheets/d/").map(|(_, rest)| rest.split(['/', '?', '#']).next());
    let id = within.flatten().unwrap_or(text).trim();
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if !id.is_empty() && id.chars().all(fits) {
        return Ok(id.to_owned());
    }
    Err("write the sheet's address, or the long name after /spreadsheets/d/ in it".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sheet_is_named_by_its_address_or_the_name_within() {
        let id = |text| super::id(text).ok();
        let address = "https://docs.google.com/spreadsheets/d/1A_b-C/edit?gid=0#gid=0";
        assert_eq!((id(address), id("1A_b-C")), (Some("1A_b-C".to_owned()), Some("1A_b-C".to_owned())));
        for text in ["", "https://docs.google.com/document/d/1/edit", "../x", "a b"] {
            assert_eq!(id(text), None, "{text}");
        }
    }

    #[test]
    fn a_table_is_read_and_half_of_one_is_not() {
        let whole = br#"{"range":"Slots!A1:Z1000","majorDimension":"ROWS","values":[["Slot"],[],["mew",1,true,null]]}"#;
        let table = read(whole).unwrap();
        assert_eq!(table.lines[2].cells, ["mew", "1", "true", ""]);
        assert_eq!(table.lines[2].number, 3);
        assert_eq!(read(br#"{"range":"A:Z","majorDimension":"ROWS"}"#).unwrap(), Table::default());
        for broken in
            [&whole[..whole.len() - 8], b"", b"{}", b"<html>", br#"{"range":"A:Z","majorDimension":"COLUMNS"}"#]
        {
            assert!(read(broken).unwrap_err().is_transient(), "{}", String::from_utf8_lossy(broken));
        }
    }
}
