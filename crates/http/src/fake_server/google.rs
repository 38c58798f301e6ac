//! Google's token endpoint, metadata server, and the shape of its errors.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use super::{Reply, Request};

pub const EMAIL: &str = "hotdesk@project.iam.gserviceaccount.com";
const PRIVATE_KEY: &str = include_str!("../../tests/data/key.pem");
const PUBLIC_KEY: &[u8] = include_bytes!("../../tests/data/key.pub.der");

/// Who gives tokens.
#[derive(Debug, Clone, Default)]
pub struct Tokens {
    /// Where it is served, `http://127.0.0.1:PORT`.
    pub own: String,
    /// What a token is good for.
    pub scope: &'static str,
    /// Given so far; only the newest is good.
    pub given: usize,
    /// True once the newest is none either.
    pub revoked: bool,
    /// What was wrong with requests.
    pub problems: Vec<String>,
}

impl Tokens {
    /// Answers what is asked of the token endpoint or of the metadata server.
    pub fn answer(&mut self, request: &Request, now: Timestamp) -> Option<Reply> {
        match request.path() {
            "/token" => Some(match check(request, &self.own, self.scope, now) {
                Ok(()) => self.grant(),
                Err(why) => {
                    self.problems.push(why.clone());
                    Reply::Json(400, json!({"error": "invalid_grant", "error_description": why}))
                }
            }),
            "/computeMetadata/v1/instance/service-accounts/default/token" => {
                let scope = request.target.split_once("?scopes=").map(|(_, scope)| decode(scope)).unwrap_or_default();
                if request.header("metadata-flavor") != "Google" || scope != self.scope {
                    self.problems.push(format!("metadata: {request:?}"));
                    return Some(Reply::Json(403, json!({})));
                }
                Some(self.grant())
            }
            _ => None,
        }
    }

    /// True if a request carries the newest token.
    #[must_use]
    pub fn admits(&self, request: &Request) -> bool {
        !self.revoked && request.header("authorization") == format!("Bearer ya29.secret-{}", self.given)
    }

    fn grant(&mut self) -> Reply {
        self.given += 1;
        self.revoked = false;
        let token = format!("ya29.secret-{}", self.given);
        Reply::Json(200, json!({"access_token": token, "expires_in": 3599, "token_type": "Bearer"}))
    }
}

/// A key file as Google's console gives it.
#[must_use]
pub fn key(own: &str) -> Value {
    json!({
        "type": "service_account", "project_id": "project", "private_key_id": "k1", "private_key": PRIVATE_KEY,
        "client_email": EMAIL, "client_id": "1", "token_uri": format!("{own}/token"),
    })
}

/// Writes [`key`] into a folder.
#[must_use]
pub fn key_file(own: &str, folder: &Path) -> PathBuf {
    let path = folder.join("key.json");
    std::fs::write(&path, key(own).to_string()).unwrap();
    path
}

/// `{"error": …}` as Google's APIs write it.
#[must_use]
pub fn error(code: u16, status: &str, message: &str) -> Reply {
    Reply::Json(code, json!({"error": {"code": code, "message": message, "status": status, "details": []}}))
}

/// Checks an assertion as RFC 7523 and Google's documentation say.
fn check(request: &Request, own: &str, scope: &str, now: Timestamp) -> Result<(), String> {
    let form: BTreeMap<String, String> = request
        .body
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(key, value)| (decode(key), decode(value)))
        .collect();
    let is = |name: &str, value: &str| form.get(name).map(String::as_str) == Some(value);
    if request.header("content-type") != "application/x-www-form-urlencoded"
        || !is("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer")
    {
        return Err(format!("no grant: {request:?}"));
    }
    let assertion = form.get("assertion").ok_or("no assertion")?;
    let (statement, signature) = assertion.rsplit_once('.').ok_or("no signature")?;
    let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|e| e.to_string())?;
    let key = ring::signature::UnparsedPublicKey::new(&ring::signature::RSA_PKCS1_2048_8192_SHA256, PUBLIC_KEY);
    key.verify(statement.as_bytes(), &signature).map_err(|_| "Invalid JWT Signature.")?;
    let parts: Vec<Value> = statement
        .split('.')
        .map(|part| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap())
        .collect();
    let (header, claims) = (&parts[0], &parts[1]);
    let now = now.as_second();
    let (iat, exp) = (claims["iat"].as_i64().unwrap(), claims["exp"].as_i64().unwrap());
    let fits = header["alg"] == "RS256"
        && header["kid"] == "k1"
        && claims["iss"] == EMAIL
        && claims["scope"] == scope
        && claims["aud"] == format!("{own}/token")
        && (now - iat).abs() < 60
        && exp - iat <= 3600;
    if fits { Ok(()) } else { Err(format!("wrong claims: {header} {claims}")) }
}

/// What was percent-encoded.
#[must_use]
pub fn decode(text: &str) -> String {
    percent_decode_str(text).decode_utf8().unwrap().into_owned()
}
