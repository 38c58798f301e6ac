//! Where is a server, who asks it, and may the credentials go there?

use std::path::PathBuf;

use hotdesk_slots::address::is_safe;
use hotdesk_slots::text::sanitize_short;
use http::{HeaderName, HeaderValue, Uri};

use super::read::Reader;
use super::schema::{self, Header};
use super::{Auth, Server, Value};

/// What stands in these is never written into values.
const SECRET: [HeaderName; 3] = [http::header::AUTHORIZATION, http::header::PROXY_AUTHORIZATION, http::header::COOKIE];

impl Reader<'_> {
    pub(super) fn server(
        &mut self,
        url: &str,
        auth: schema::Auth,
        headers: impl IntoIterator<Item = (String, Header)>,
        ca_file: Option<PathBuf>,
    ) -> Option<Server> {
        let auth = self.auth(auth);
        let headers: Vec<_> = headers.into_iter().filter_map(|(name, value)| self.header(&name, value)).collect();
        let secret = auth != Auth::None || headers.iter().any(|(_, value)| matches!(value, Value::File(_)));
        Some(Server { url: self.address("url", url, secret)?, auth, headers, ca_file })
    }

    pub(super) fn address(&mut self, field: &str, text: &str, secret: bool) -> Option<Uri> {
        let uri = text.parse::<Uri>().ok().filter(|uri| {
            matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some() && uri.query().is_none()
        });
        match uri {
            None => self.problem(field, "write an address like https://prometheus.example.com"),
            Some(uri) if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) => {
                self.problem(field, "credentials go into auth, not into the address");
            }
            Some(uri) if secret && !is_safe(&uri) => {
                self.problem(
                    field,
                    "credentials are only sent to https:// addresses, for others could read them on their way",
                );
            }
            uri => return uri,
        }
        None
    }

    fn auth(&mut self, written: schema::Auth) -> Auth {
        match (written.bearer_token_file, written.username, written.password_file) {
            (None, None, None) => Auth::None,
            (Some(file), None, None) => Auth::Bearer(file),
            (None, Some(user), Some(password)) if !user.contains(':') => Auth::Basic { user, password },
            _ => {
                self.problem(
                    "auth",
                    "write either a bearerTokenFile, or a username (without a colon) and a passwordFile",
                );
                Auth::None
            }
        }
    }

    fn header(&mut self, name: &str, value: Header) -> Option<(HeaderName, Value)> {
        let header = HeaderName::from_bytes(name.as_bytes()).ok();
        if matches!((&header, &value), (Some(header), Header::Plain(_)) if SECRET.contains(header)) {
            self.problem("headers", &format!("{} holds a secret: write auth, or {{file: …}}", sanitize_short(name)));
        }
        let value = match value {
            Header::File(schema::InFile { file }) => Some(Value::File(file)),
            Header::Plain(text) => HeaderValue::from_str(&text).ok().map(Value::Plain),
        };
        if header.is_none() || value.is_none() {
            self.problem("headers", &format!("{} cannot be sent as a header", sanitize_short(name)));
        }
        Some((header?, value?))
    }
}
