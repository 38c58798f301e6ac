//! With which token is Google asked?
//!
//! A service account's key is exchanged for a token at the key's own `token_uri` (RFC 7523). No crate does that here:
//! `gcp_auth` tells a revoked key and a server's error in the same words and has no time limit, `yup-oauth2` writes
//! tokens into its debug log. What is left is one signature, by the provider that TLS uses too.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bytes::Bytes;
use hotdesk_slots::text::sanitize_short;
use http::{Request, Uri};
use http_body_util::Full;
use jiff::{SignedDuration, Timestamp};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use rustls::SignatureScheme;
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject as _;
use serde::Deserialize;
use serde_json::json;

use crate::Error;
use crate::http::{Answer, Http, is_safe};

const GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// The longest life that Google grants.
const LIFETIME: SignedDuration = SignedDuration::from_hours(1);

/// A token is replaced before it ends, so that none ends on its way.
const MARGIN: SignedDuration = SignedDuration::from_secs(60);

/// A source of tokens, and the last one.
#[derive(Debug)]
pub struct Access {
    credential: Credential,
    scope: &'static str,
    http: Http,
    last: Mutex<Option<Token>>,
}

/// What tokens are had for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credential {
    /// A service account's key file, as JSON or as the base64 of it. It is read for each exchange, so that a new key
    /// needs no restart.
    Key(PathBuf),
    /// The metadata server of this host: Workload Identity.
    Metadata(String),
}

/// What may be sent in an Authorization header, and shown nowhere.
#[derive(Clone)]
struct Token {
    value: String,
    ends: Timestamp,
}

#[derive(Deserialize)]
struct Key {
    #[serde(rename = "type")]
    kind: Option<String>,
    client_email: Option<String>,
    private_key: Option<String>,
    private_key_id: Option<String>,
    token_uri: Option<String>,
}

#[derive(Deserialize)]
struct Granted {
    access_token: String,
    expires_in: i64,
}

#[derive(Deserialize)]
struct Denied {
    error: String,
    error_description: Option<String>,
}

impl Access {
    /// Nothing is asked yet. The scope is what a token shall be good for.
    #[must_use]
    pub fn new(credential: Credential, scope: &'static str, http: Http) -> Self {
        Self { credential, scope, http, last: Mutex::new(None) }
    }

    /// The value of an Authorization header.
    ///
    /// # Errors
    /// When there is no credential, or no token for it.
    pub async fn header(&self, clock: fn() -> Timestamp) -> Result<String, Error> {
        let now = clock();
        let kept = self.last.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(token) = kept.filter(|token| now < token.ends) {
            return Ok(format!("Bearer {}", token.value));
        }
        let token = match &self.credential {
            Credential::Key(path) => self.exchange(path, now).await?,
            Credential::Metadata(host) => self.ask(host, now).await?,
        };
        let header = format!("Bearer {}", token.value);
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(token);
        Ok(header)
    }

    /// The last token does not do any more.
    pub fn forget(&self) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Whom the credential speaks for.
    #[must_use]
    pub fn account(&self) -> String {
        let whom = match &self.credential {
            Credential::Key(path) => {
                Key::read(path).ok().and_then(|key| key.client_email).map(|email| sanitize_short(&email))
            }
            Credential::Metadata(_) => None,
        };
        whom.unwrap_or_else(|| "the Google service account that this pod runs as".to_owned())
    }

    async fn exchange(&self, path: &Path, now: Timestamp) -> Result<Token, Error> {
        let shown = path.display();
        let (uri, assertion) = Key::read(path)
            .and_then(|key| key.assertion(self.scope, now))
            .map_err(|what| Error::Permanent(format!("the Google key {shown} {what}")))?;
        let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let form = format!("grant_type={}&assertion={}", encode(GRANT), encode(&assertion));
        let request = Request::post(uri)
            .header(http::header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Full::new(Bytes::from(form)))
            .map_err(|error| Error::Permanent(format!("the Google key {shown}: {error}")))?;
        let answer = self.http.send(request).await?;
        granted(&answer, now).map_err(|error| match error {
            Error::Permanent(what) => Error::Permanent(format!(
                "Google does not take the key {shown}: {what}. Is it still listed with its account, and is this clock right?"
            )),
            transient @ Error::Transient { .. } => transient,
        })
    }

    async fn ask(&self, host: &str, now: Timestamp) -> Result<Token, Error> {
        let scope = utf8_percent_encode(self.scope, NON_ALPHANUMERIC);
        let uri = format!("http://{host}/computeMetadata/v1/instance/service-accounts/default/token?scopes={scope}");
        let request = Request::get(uri)
            .header("Metadata-Flavor", "Google")
            .body(Full::default())
            .map_err(|error| Error::Permanent(format!("the metadata host {}: {error}", sanitize_short(host))))?;
        let answer = self.http.send(request).await.map_err(|error| {
            Error::transient(format!(
                "no Google credentials: no key is given, and the metadata server does not answer ({error})"
            ))
        })?;
        granted(&answer, now).map_err(|error| match error {
            Error::Permanent(what) => Error::Permanent(format!(
                "the metadata server of Google gives no token: {what}. Does this pod's service account have Workload Identity?"
            )),
            transient @ Error::Transient { .. } => transient,
        })
    }
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Token").field("ends", &self.ends).finish_non_exhaustive()
    }
}

impl Key {
    fn read(path: &Path) -> Result<Self, String> {
        let mut bytes = std::fs::read(path).map_err(|error| format!("cannot be read: {error}"))?;
        // Secrets are often filled with what was base64 already.
        if !bytes.trim_ascii_start().starts_with(b"{") {
            let compact: Vec<u8> = bytes.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
            bytes = STANDARD.decode(compact).unwrap_or(bytes);
        }
        // The parser's own words quote the file.
        let key: Self = serde_json::from_slice(&bytes)
            .map_err(|error| format!("is not a JSON key of a service account (line {})", error.line()))?;
        match key.kind.as_deref() {
            Some("service_account") => Ok(key),
            other => Err(format!(
                "is of the type \"{}\": use a key of the type service_account, or none where there is Workload Identity",
                sanitize_short(other.unwrap_or_default())
            )),
        }
    }

    /// Where to send it, and a statement signed by the key that this is its account.
    fn assertion(&self, scope: &str, now: Timestamp) -> Result<(Uri, String), String> {
        let field = |value: &Option<String>, name: &str| value.clone().ok_or_else(|| format!("has no {name}"));
        let (email, token_uri) = (field(&self.client_email, "client_email")?, field(&self.token_uri, "token_uri")?);
        let uri: Uri = token_uri.parse().map_err(|_| "has a token_uri that is not an address".to_owned())?;
        if !is_safe(&uri) {
            return Err("has a token_uri that does not begin with https://".to_owned());
        }
        let header = json!({"alg": "RS256", "typ": "JWT", "kid": self.private_key_id});
        let claims = json!({
            "iss": email,
            "scope": scope,
            "aud": token_uri,
            "iat": now.as_second(),
            "exp": (now + LIFETIME).as_second(),
        });
        let encode = |part: &serde_json::Value| URL_SAFE_NO_PAD.encode(part.to_string());
        let statement = format!("{}.{}", encode(&header), encode(&claims));
        let signature = sign(&field(&self.private_key, "private_key")?, statement.as_bytes())?;
        Ok((uri, format!("{statement}.{}", URL_SAFE_NO_PAD.encode(signature))))
    }
}

fn sign(pem: &str, message: &[u8]) -> Result<Vec<u8>, String> {
    let broken = "has a private_key that cannot be used: it must be RSA, in PEM";
    let key = PrivateKeyDer::from_pem_slice(pem.as_bytes()).map_err(|_| broken)?;
    let key = rustls::crypto::ring::sign::any_supported_type(&key).map_err(|_| broken)?;
    let signer = key.choose_scheme(&[SignatureScheme::RSA_PKCS1_SHA256]).ok_or(broken)?;
    signer.sign(message).map_err(|_| broken.to_owned())
}

fn granted(answer: &Answer, now: Timestamp) -> Result<Token, Error> {
    let status = answer.status;
    if status.is_success() {
        // Never the body: it is the token.
        let granted: Granted = serde_json::from_slice(&answer.body)
            .map_err(|_| Error::transient("Google's answer holds no token, or only a part of one"))?;
        let life = SignedDuration::from_secs(granted.expires_in.clamp(0, LIFETIME.as_secs())) - MARGIN;
        return Ok(Token { value: granted.access_token, ends: now + life });
    }
    let said = match serde_json::from_slice::<Denied>(&answer.body) {
        Ok(Denied { error, error_description: Some(why) }) => {
            format!("{}: {}", sanitize_short(&error), sanitize_short(&why))
        }
        Ok(Denied { error, .. }) => sanitize_short(&error),
        Err(_) => status.canonical_reason().unwrap_or_default().to_owned(),
    };
    let what = format!("{} {said}", status.as_u16());
    if status.is_server_error() || status == http::StatusCode::TOO_MANY_REQUESTS {
        let what = format!("Google gives no token at the moment: {what}");
        return Err(Error::Transient { what, retry_after: answer.retry_after });
    }
    Err(Error::Permanent(what))
}
