//! Google's Sheets API, as far as hotdesk speaks to it, beside its token endpoint and metadata server.

use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::google::{Tokens, decode, error, key_file};
use super::{Reply, Request, serve_on};

/// The long name of the one spreadsheet that there is.
pub const SHEET: &str = "1A_b-C";

/// The range that names the first tab.
pub const FIRST_TAB: &str = "A:Z";

const SCOPE: &str = "https://www.googleapis.com/auth/spreadsheets.readonly";

/// What Google holds, and what it shall do next.
#[derive(Default)]
pub struct State {
    /// The tabs, by the range that names them.
    pub tabs: BTreeMap<String, Vec<Vec<String>>>,
    /// Answers to come before the honest ones.
    pub faults: VecDeque<Reply>,
    /// The answer to come in place of honest ones, for as long as it is here.
    pub fault: Option<Reply>,
    pub token_faults: VecDeque<Reply>,
    pub tokens: Tokens,
    /// How often a tab was asked for.
    pub reads: usize,
}

/// Google, on a loopback address of its own.
#[derive(Clone)]
pub struct Google {
    /// `http://127.0.0.1:PORT`
    pub address: String,
    pub state: Arc<Mutex<State>>,
    clock: fn() -> Timestamp,
}

impl Google {
    /// Starts, and serves until the runtime ends or the task is aborted.
    pub async fn start(clock: fn() -> Timestamp) -> (Self, JoinHandle<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let tokens = Tokens { own: address.clone(), scope: SCOPE, ..Tokens::default() };
        let state = Arc::new(Mutex::new(State { tokens, ..State::default() }));
        let google = Self { address, state, clock };
        let serving = google.serve(listener);
        (google, serving)
    }

    /// Serves on this listener, until the task is aborted.
    #[must_use]
    pub fn serve(&self, listener: TcpListener) -> JoinHandle<()> {
        let (state, clock) = (self.state.clone(), self.clock);
        serve_on(listener, move |request| answer(request, &mut state.lock().unwrap(), clock()))
    }

    /// What a tab holds from now on.
    pub fn tab(&self, range: &str, rows: &[&[&str]]) {
        let rows = rows.iter().map(|row| row.iter().map(|cell| (*cell).to_owned()).collect()).collect();
        self.with(|state| state.tabs.insert(range.to_owned(), rows));
    }

    /// The next answers.
    pub fn fail(&self, replies: impl IntoIterator<Item = Reply>) {
        self.with(|state| state.faults.extend(replies));
    }

    pub fn with<T>(&self, look: impl FnOnce(&mut State) -> T) -> T {
        look(&mut self.state.lock().unwrap())
    }

    /// A key file as Google's console gives it.
    #[must_use]
    pub fn key(&self, folder: &Path) -> PathBuf {
        key_file(&self.address, folder)
    }
}

fn answer(request: &Request, state: &mut State, now: Timestamp) -> Reply {
    if request.path() == "/token"
        && let Some(fault) = state.token_faults.pop_front()
    {
        return fault;
    }
    if let Some(reply) = state.tokens.answer(request, now) {
        return reply;
    }
    match request.path().strip_prefix(&format!("/v4/spreadsheets/{SHEET}/values/")) {
        Some(range) => values(request, &decode(range), state),
        None => error(404, "NOT_FOUND", "Requested entity was not found."),
    }
}

fn values(request: &Request, range: &str, state: &mut State) -> Reply {
    state.reads += 1;
    if let Some(fault) = state.faults.pop_front().or_else(|| state.fault.clone()) {
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
