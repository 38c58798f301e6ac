//! Google's token endpoint, metadata server and Sheets API, as far as the sync speaks to them.

use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hotdesk_sync::source::Source;
use hotdesk_sync::source::access::{Access, Credential, SCOPE};
use hotdesk_sync::source::http::Http;
use hotdesk_sync::source::sheets::Sheets;
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use super::{Reply, Request, clock, serve};

pub(crate) const EMAIL: &str = "hotdesk@project.iam.gserviceaccount.com";
const PRIVATE_KEY: &str = include_str!("../data/key.pem");
const PUBLIC_KEY: &[u8] = include_bytes!("../data/key.pub.der");

/// What Google holds, and what it shall do next.
#[derive(Default)]
pub(crate) struct State {
    /// The tabs, by the range that names them.
    pub(crate) tabs: BTreeMap<String, Vec<Vec<String>>>,
    /// Answers to come before the honest ones.
    pub(crate) faults: VecDeque<Reply>,
    pub(crate) token_faults: VecDeque<Reply>,
    /// Tokens given so far; only the newest is good.
    pub(crate) tokens: usize,
    pub(crate) revoked: bool,
    pub(crate) reads: usize,
    pub(crate) problems: Vec<String>,
}

#[derive(Clone)]
pub(crate) struct Google {
    pub(crate) address: String,
    pub(crate) state: Arc<Mutex<State>>,
}

impl Google {
    pub(crate) async fn start() -> Self {
        let state = Arc::new(Mutex::new(State::default()));
        let shared = state.clone();
        let own = Arc::new(Mutex::new(String::new()));
        let known = own.clone();
        let address = serve(move |request| answer(request, &mut shared.lock().unwrap(), &known.lock().unwrap())).await;
        own.lock().unwrap().clone_from(&address);
        Self { address, state }
    }

    pub(crate) fn tab(&self, range: &str, rows: &[&[&str]]) {
        let rows = rows.iter().map(|row| row.iter().map(|cell| (*cell).to_owned()).collect()).collect();
        self.state.lock().unwrap().tabs.insert(range.to_owned(), rows);
    }

    pub(crate) fn fail(&self, replies: impl IntoIterator<Item = Reply>) {
        self.state.lock().unwrap().faults.extend(replies);
    }

    pub(crate) fn with<T>(&self, look: impl FnOnce(&mut State) -> T) -> T {
        look(&mut self.state.lock().unwrap())
    }

    /// A key file as Google's console gives it.
    pub(crate) fn key(&self, folder: &Path) -> PathBuf {
        let key = json!({
            "type": "service_account", "project_id": "project", "private_key_id": "k1", "private_key": PRIVATE_KEY,
            "client_email": EMAIL, "client_id": "1", "token_uri": format!("{}/token", self.address),
        });
        let path = folder.join("key.json");
        std::fs::write(&path, key.to_string()).unwrap();
        path
    }

    pub(crate) fn sheets(&self, credential: Credential, tab: Option<&str>) -> Source {
        let http = Http::new(std::time::Duration::from_millis(500)).unwrap();
        Source::Sheet(Box::new(Sheets {
            access: Access::new(credential, http.clone()),
            http,
            endpoint: self.address.parse().unwrap(),
            id: "1A_b-C".to_owned(),
            tab: tab.map(str::to_owned),
            people: None,
        }))
    }
}

/// `{"error": …}` as Google's APIs write it.
pub(crate) fn error(code: u16, status: &str, message: &str) -> Reply {
    Reply::Json(code, json!({"error": {"code": code, "message": message, "status": status, "details": []}}))
}

fn answer(request: &Request, state: &mut State, own: &str) -> Reply {
    match request.path() {
        "/token" => state.token_faults.pop_front().unwrap_or_else(|| match check(request, own) {
            Ok(()) => grant(state),
            Err(why) => {
                state.problems.push(why.clone());
                Reply::Json(400, json!({"error": "invalid_grant", "error_description": why}))
            }
        }),
        "/computeMetadata/v1/instance/service-accounts/default/token" => {
            let scope = request.target.split_once("?scopes=").map(|(_, scope)| decode(scope)).unwrap_or_default();
            if request.header("metadata-flavor") != "Google" || scope != SCOPE {
                state.problems.push(format!("metadata: {request:?}"));
                return Reply::Json(403, json!({}));
            }
            grant(state)
        }
        path => match path.strip_prefix("/v4/spreadsheets/1A_b-C/values/") {
            Some(range) => values(request, &decode(range), state),
            None => error(404, "NOT_FOUND", "Requested entity was not found."),
        },
    }
}

fn grant(state: &mut State) -> Reply {
    state.tokens += 1;
    state.revoked = false;
    let token = format!("ya29.secret-{}", state.tokens);
    Reply::Json(200, json!({"access_token": token, "expires_in": 3599, "token_type": "Bearer"}))
}

fn values(request: &Request, range: &str, state: &mut State) -> Reply {
    state.reads += 1;
    if let Some(fault) = state.faults.pop_front() {
        return fault;
    }
    if state.revoked || request.header("authorization") != format!("Bearer ya29.secret-{}", state.tokens) {
        return error(401, "UNAUTHENTICATED", "Request had invalid authentication credentials.");
    }
    match state.tabs.get(range) {
        None => error(400, "INVALID_ARGUMENT", &format!("Unable to parse range: {range}")),
        // Google leaves `values` out where there are none.
        Some(rows) if rows.is_empty() => Reply::Json(200, json!({"range": "Slots!A1:Z1000", "majorDimension": "ROWS"})),
        Some(rows) => Reply::Json(200, json!({"range": "Slots!A1:Z1000", "majorDimension": "ROWS", "values": rows})),
    }
}

/// Checks an assertion as RFC 7523 and Google's documentation say.
fn check(request: &Request, own: &str) -> Result<(), String> {
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
    let now = clock().as_second();
    let (iat, exp) = (claims["iat"].as_i64().unwrap(), claims["exp"].as_i64().unwrap());
    let fits = header["alg"] == "RS256"
        && header["kid"] == "k1"
        && claims["iss"] == EMAIL
        && claims["scope"] == SCOPE
        && claims["aud"] == format!("{own}/token")
        && (now - iat).abs() < 60
        && exp - iat <= 3600;
    if fits { Ok(()) } else { Err(format!("wrong claims: {header} {claims}")) }
}

fn decode(text: &str) -> String {
    percent_decode_str(text).decode_utf8().unwrap().into_owned()
}
