//! The sheet at Google's stand-in, as the sync reads it.

use hotdesk_http::fake_server::sheets::SHEET;
pub(crate) use hotdesk_http::fake_server::{google::error, sheets::Google};
use hotdesk_http::google::{Access, Credential};
use hotdesk_http::http::Http;
use hotdesk_sync::source::Source;
use hotdesk_sync::source::sheets::{SCOPE, Sheets};

pub(crate) fn sheets(google: &Google, credential: Credential, tab: Option<&str>) -> Source {
    let http = Http::new(std::time::Duration::from_millis(500)).unwrap();
    Source::Sheet(Box::new(Sheets {
        access: Access::new(credential, SCOPE, http.clone()),
        http,
        endpoint: google.address.parse().unwrap(),
        id: SHEET.to_owned(),
        tab: tab.map(str::to_owned),
        people: None,
    }))
}
