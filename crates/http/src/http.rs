//! How is a question sent, so that no answer is waited for forever, and none fills the memory?

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use http::header::{DATE, LOCATION, RETRY_AFTER};
use http::{HeaderMap, HeaderName, Request, StatusCode};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use jiff::Timestamp;
use jiff::fmt::rfc2822;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;

use crate::Error;

pub use hotdesk_slots::address::is_safe;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A sheet of ten thousand rows has one or two MiB, a page of a thousand log entries as much.
const MAX_ANSWER: usize = 32 << 20;

/// Servers close idle connections after some minutes; to close first means never to write into a closed one.
const IDLE: Duration = Duration::from_secs(60);

/// A client without cookies, redirects or proxies: it goes where it is told, and nowhere else.
#[derive(Debug, Clone)]
pub struct Http {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    timeout: Duration,
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// How long to wait before asking again.
    pub retry_after: Option<Duration>,
    /// What time it was at the server.
    pub date: Option<Timestamp>,
    /// Where the server would send us; nobody goes there.
    pub location: Option<String>,
    /// The body, in full.
    pub body: Bytes,
}

impl Http {
    /// A client that trusts the system's certificates and waits so long for a whole answer.
    ///
    /// # Errors
    /// When the system has no certificates.
    pub fn new(timeout: Duration) -> std::io::Result<Self> {
        let ring = rustls::crypto::ring::default_provider();
        let https = hyper_rustls::HttpsConnectorBuilder::new().with_provider_and_native_roots(ring)?;
        Ok(Self { client: client(https.https_or_http().enable_http1().wrap_connector(connector())), timeout })
    }

    /// A client that trusts the certificates of this file, and no other.
    ///
    /// # Errors
    /// When the file cannot be read, or holds none.
    pub fn trusting(file: &Path, timeout: Duration) -> Result<Self, String> {
        let shown = file.display();
        let mut roots = RootCertStore::empty();
        let found = CertificateDer::pem_file_iter(file).map_err(|error| format!("{shown} cannot be read: {error}"))?;
        for certificate in found {
            let certificate =
                certificate.map_err(|error| format!("{shown} is not a PEM file of certificates: {error}"))?;
            roots
                .add(certificate)
                .map_err(|error| format!("{shown} holds a certificate that cannot be used: {error}"))?;
        }
        if roots.is_empty() {
            return Err(format!("{shown} holds no certificate"));
        }
        let ring = rustls::crypto::ring::default_provider();
        let config = ClientConfig::builder_with_provider(ring.into()).with_safe_default_protocol_versions();
        let config = config.map_err(|error| error.to_string())?.with_root_certificates(roots).with_no_client_auth();
        let https = hyper_rustls::HttpsConnectorBuilder::new().with_tls_config(config);
        Ok(Self { client: client(https.https_or_http().enable_http1().wrap_connector(connector())), timeout })
    }

    /// Sends a request and reads the whole answer.
    ///
    /// # Errors
    /// When there is none in time, or only a part of one.
    pub async fn send(&self, request: Request<Full<Bytes>>) -> Result<Answer, Error> {
        let host = request.uri().authority().map(ToString::to_string).unwrap_or_default();
        match tokio::time::timeout(self.timeout, self.exchange(request)).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(Error::transient(format!("{host}: {error}"))),
            Err(_) => Err(Error::transient(format!("{host}: no whole answer within {:?}", self.timeout))),
        }
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<Answer, String> {
        let (parts, body) = self.client.request(request).await.map_err(|error| chain(&error))?.into_parts();
        let body = Limited::new(body, MAX_ANSWER).collect().await.map_err(|error| {
            if error.is::<LengthLimitError>() {
                return format!("the answer is larger than {} MiB", MAX_ANSWER >> 20);
            }
            format!("the answer broke off: {}", chain(error.as_ref()))
        })?;
        Ok(Answer {
            status: parts.status,
            retry_after: text(&parts.headers, &RETRY_AFTER).and_then(|text| text.parse().ok()).map(Duration::from_secs),
            date: text(&parts.headers, &DATE)
                .and_then(|text| rfc2822::DateTimeParser::new().parse_timestamp(text).ok()),
            location: text(&parts.headers, &LOCATION).map(str::to_owned),
            body: body.to_bytes(),
        })
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

fn connector() -> HttpConnector {
    let mut connector = HttpConnector::new();
    connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
    connector.enforce_http(false);
    connector
}

fn client(connector: HttpsConnector<HttpConnector>) -> Client<HttpsConnector<HttpConnector>, Full<Bytes>> {
    Client::builder(TokioExecutor::new()).pool_timer(TokioTimer::new()).pool_idle_timeout(IDLE).build(connector)
}

/// An error and what caused it, in one line.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    let mut texts: Vec<String> = causes.map(ToString::to_string).collect();
    texts.dedup();
    texts.join(": ")
}
