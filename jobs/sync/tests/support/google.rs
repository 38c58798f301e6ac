//! Google's Sheets API, as far as the sync speaks to it, beside its token endpoint and metadata server.

use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use hotdesk_fetch::google::{Access, Credential};
use hotdesk_fetch::http::Http;
pub(crate) use hotdesk_fetch::stand_in::google::error;
use hotdesk_fetch::stand_in::google::{Tokens, decode, key_file};
use hotdesk_sync::source::Source;
use hotdesk_sync::source::sheets::{SCOPE, Sheets};
use serde_json::json;

use super::{Reply, Request, clock, serve};

/// What Google holds, and what it shall do next.
#[derive(Default)]
pub(crate) struct State {
    /// The tabs, by the range that names them.
    pub(crate) tabs: BTreeMap<String, Vec<Vec<String>>>,
    /// Answers to come before the honest ones.
    pub(crate) faults: VecDeque<Reply>,
    pub(crate) token_faults: VecDeque<Reply>,
    pub(crate) tokens: Tokens,
    pub(crate) reads: usize,
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
        let address = serve(move |request| answer(request, &mut shared.lock().unwrap())).await;
        state.lock().unwrap().tokens = Tokens { own: address.clone(), scope: SCOPE, ..Tokens::default() };
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
        key_file(&self.address, folder)
    }

    pub(crate) fn sheets(&self, credential: Credential, tab: Option<&str>) -> Source {
        let http = Http::new(std::time::Duration::from_millis(500)).unwrap();
        Source::Sheet(Box::new(Sheets {
            access: Access::new(credential, SCOPE, http.clone()),
            http,
            endpoint: self.address.parse().unwrap(),
            id: "1A_b-C".to_owned(),
            tab: tab.map(str::to_owned),
            people: None,
        }))
    }
}

fn answer(request: &Request, state: &mut State) -> Reply {
    if request.path() == "/token"
        && let Some(fault) = state.token_faults.pop_front()
    {
        return fault;
    }
    if let Some(reply) = state.tokens.answer(request, clock()) {
        return reply;
    }
    match request.path().strip_prefix("/v4/spreadsheets/1A_b-C/values/") {
        Some(range) => values(request, &decode(range), state),
        None => error(404, "NOT_FOUND", "Requested entity was not found."),
    }
}

fn values(request: &Request, range: &str, state: &mut State) -> Reply {
    state.reads += 1;
    if let Some(fault) = state.faults.pop_front() {
        return fault;
    }
    if !state.tokens.admits(request) {
        return error(401, "UNAUTHENTICATED", "Request had invalid authentication credentials.");
    }
    match state.tabs.get(range) {
        None => error(400, "INVALID_ARGUMENT", &format!("Unable to parse range: {range}")),
        // Google leaves `values` out where there are none.
        Some(rows) if rows.is_empty() => Reply::Json(200, json!({"range": "Slots!A1:Z1000", "majorDimension": "ROWS"})),
        Some(rows) => Reply::Json(200, json!({"range": "Slots!A1:Z1000", "majorDimension": "ROWS", "values": rows})),
    }
}
